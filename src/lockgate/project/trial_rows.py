"""The rows that `check` tries a training with: the accepted ones, or the project's own files judged and not kept.

The second way is that of ingest and validate: the same captures, the same jails, the same verdict. Nothing is signed,
and what they wrote goes with the scratch folder.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.contract.closure import capture_code
from lockgate.contract.jailed import Task, run_task
from lockgate.contract.plan import Plan
from lockgate.contract.reading import read_sources
from lockgate.contract.spec import ACCEPTED
from lockgate.core.digest import Digest
from lockgate.core.verdict import Reason
from lockgate.errors import Refused
from lockgate.ingest.addresses import is_remote
from lockgate.ingest.capture import capture_all
from lockgate.pipeline.specs import ingest_spec, validate_spec
from lockgate.pipeline.stages import commonest
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.train import rules
from lockgate.train import run as training
from lockgate.train.trial import no_rows
from lockgate.validate.examine import Question, examine
from lockgate.validate.rules import decide

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.config import Config
    from lockgate.train.spec import Closure

MOST = 2_000
"""Rows that are judged only to try a training with them: a contract's own code may take a millisecond for each."""
_MOST_READ = 512 << 20
_LEAST_OUTPUT = 256 << 20


@dataclass(frozen=True)
class TrialRows:
    """The digest of accepted rows in the workplace's store, and where they are from.

    `share`: of the rows there would be, how many these are. `plan`: the contract's, where these were judged now; then
    `reasons`: what validate would say of these rows, and `commonest`: by which rules some were refused, a line each.
    """

    accepted: Digest
    says: str
    share: float = 1.0
    plan: Plan | None = None
    reasons: tuple[Reason, ...] = ()
    commonest: tuple[str, ...] = ()


def trial_rows(workplace: Workplace, config: Config, closure: Closure, python: PythonEnv, scratch: Path) -> TrialRows:
    """The accepted rows of the newest validate statement, if it judged by this contract; else rows that are read now.

    Raises Refused LG387 where nothing can be read without fetching or waiting, and what reading and judging raise;
    VerificationFailed LG802, LG805 for signed rows that are not there as they were signed.
    """
    try:
        accepted = training.accepted_rows(workplace)
        training.check_closure(workplace, closure)
    except Refused as error:
        if error.finding != "LG302":
            raise
        return _read_now(workplace, config, python, scratch, error.message)
    return TrialRows(accepted, "the accepted rows of the newest validate statement")


def _read_now(workplace: Workplace, config: Config, python: PythonEnv, scratch: Path, why: str) -> TrialRows:
    asked, wanted = ingest_spec(config), validate_spec(config, workplace)
    if any(is_remote(source.pattern) for source in asked.sources):
        raise no_rows(f"{why}, and the sources are not files of this project")
    captured = capture_all(workplace.root, asked, scratch).files
    size = sum(file.size for file in captured)
    if size > _MOST_READ:
        raise no_rows(f"{why}, and reading {size >> 20} MiB is no small trial")
    snapshot, account, _ = read_sources(
        captured, null=asked.null, delimiter=asked.delimiter, encoding=asked.encoding, into=scratch / "read"
    )
    counts: Sequence[int] = account.rows
    if sum(account.rows) > MOST:
        snapshot, counts = _few(snapshot, account.rows, scratch / "few")
    question = Question(
        snapshot=snapshot,
        files=[{"name": file.name, "rows": rows} for file, rows in zip(captured, counts, strict=True)],
        closure=capture_code(workplace.root, wanted.code, wanted.contract_file, scratch / "code"),
        contract_file=wanted.contract_file,
        model=wanted.model,
        label=wanted.label,
        sensitive=wanted.sensitive,
        dates=wanted.dates,
        numbers=wanted.numbers,
        key=secrets.token_bytes(32),
    )
    examined = examine(question, python, scratch)
    found = examined.reckoning
    total = sum(account.rows)
    if not found.accepted:
        raise no_rows(f"the contract accepts none of {found.rows:,} rows")
    with examined.files[ACCEPTED].open("rb") as file:
        accepted = workplace.data.put(file)
    judged = "now" if found.rows == total else f"now, {found.rows:,} of {total:,}"
    says = f"read and judged {judged}: {found.accepted:,} accepted + {found.quarantined:,} refused; not kept"
    verdict = decide(found, examined.table, max_share=wanted.max_quarantined_share, enforce=wanted.enforce)
    return TrialRows(
        accepted, says, found.rows / total, examined.plan, verdict.reasons, tuple(commonest(found.by_rule))
    )


def spread(rows: Sequence[int], most: int) -> tuple[list[int], tuple[int, ...]]:
    """Places of `most` rows, spread evenly over sources with `rows` rows each; how many of each source these are."""
    total = sum(rows)
    places = [number * total // most for number in range(most)]
    ends = list(accumulate(rows))
    below = [bisect_left(places, end) for end in ends]
    return places, tuple(after - before for before, after in pairwise([0, *below]))


def _few(snapshot: Path, rows: Sequence[int], into: Path) -> tuple[Path, tuple[int, ...]]:
    places, counts = spread(rows, MOST)
    task = Task(
        module="lockgate.train.jail.few",
        given={"places": places},
        gives=("snapshot.parquet",),
        findings=rules.SPLIT_FINDINGS,
        died="LG306",
        work="taking a few of the rows",
        next="lockgate ingest, lockgate validate, then: lockgate check",
    )
    limits = Limits(output_bytes=max(_LEAST_OUTPUT, snapshot.stat().st_size))
    settings = named("parse", python=PythonEnv.own(), limits=limits, binds=[Bind(snapshot, "/in/snapshot.parquet")])
    given, _ = run_task(settings, task, into)
    return given["snapshot.parquet"], counts
