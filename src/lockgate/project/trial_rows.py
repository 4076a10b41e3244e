"""The rows that `check` tries a training with: the accepted ones, or the project's own files judged and not kept.

The second way is that of ingest and validate: the same captures, the same jails, the same verdict. Nothing is signed,
and what they wrote goes with the scratch folder.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.contract.closure import capture_code
from lockgate.contract.reading import read_sources
from lockgate.contract.spec import ACCEPTED
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.ingest.addresses import is_remote
from lockgate.ingest.capture import capture_all
from lockgate.pipeline.specs import ingest_spec, validate_spec
from lockgate.train import run as training
from lockgate.train.trial import no_rows
from lockgate.validate.examine import Question, examine

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.config import Config
    from lockgate.sandbox.settings import PythonEnv
    from lockgate.train.spec import Closure

_MOST_READ = 512 << 20


@dataclass(frozen=True)
class TrialRows:
    """The digest of accepted rows in the workplace's store, and where they are from."""

    accepted: Digest
    says: str


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
    asked, judged = ingest_spec(config), validate_spec(config, workplace)
    if any(is_remote(source.pattern) for source in asked.sources):
        raise no_rows(f"{why}, and the sources are not files of this project")
    captured = capture_all(workplace.root, asked, scratch).files
    size = sum(file.size for file in captured)
    if size > _MOST_READ:
        raise no_rows(f"{why}, and reading {size >> 20} MiB is no small trial")
    snapshot, account, _ = read_sources(
        captured, null=asked.null, delimiter=asked.delimiter, encoding=asked.encoding, into=scratch / "read"
    )
    question = Question(
        snapshot=snapshot,
        files=[{"name": file.name, "rows": rows} for file, rows in zip(captured, account.rows, strict=True)],
        closure=capture_code(workplace.root, judged.code, judged.contract_file, scratch / "code"),
        contract_file=judged.contract_file,
        model=judged.model,
        label=judged.label,
        sensitive=judged.sensitive,
        dates=judged.dates,
        key=secrets.token_bytes(32),
    )
    examined = examine(question, python, scratch)
    counts = examined.reckoning
    if not counts.accepted:
        raise no_rows(f"the contract accepts none of {counts.rows:,} rows")
    with examined.files[ACCEPTED].open("rb") as file:
        accepted = workplace.data.put(file)
    return TrialRows(
        accepted, f"read and judged now: {counts.accepted:,} accepted + {counts.quarantined:,} refused; not kept"
    )
