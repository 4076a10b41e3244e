"""Attacks on a candidate before it may go live, and on what is live beside it: a jail without user code. The shell.

What is attacked are held-out rows, which neither the training code nor its talk has seen; what comes out are counts
and intervals, no row. Where nothing can be tried the candidate stands without these facts, and the policy decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.contract.jailed import Task, run_task
from lockgate.contract.plan import parse_plan
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.train import robustness_facts as facts
from lockgate.train import rules
from lockgate.train.robustness_live import live_models
from lockgate.train.robustness_ranges import Range, ranges
from lockgate.train.robustness_spec import Attacked, Live, Robustness

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.train.spec import Split, TrainSpec

_MOST_FACTS = 1 << 20


@dataclass(frozen=True)
class Prepared:
    """What is known before training: what was asked, how far each field goes, what is live."""

    asked: Robustness
    ranges: Mapping[str, Range]
    live: tuple[Live, ...]


def prepare(workplace: Workplace, spec: TrainSpec) -> Prepared | None:
    """What can be known before anything is trained; None where no attack is asked for.

    Raises Refused LG394 for a field that is no number of the contract, VerificationFailed as `live_models`.
    """
    if spec.robustness is None:
        return None
    known = field_ranges(workplace, spec.robustness, spec.label)
    live = live_models(workplace, spec.robustness.of) if spec.robustness.of else ()
    return Prepared(spec.robustness, known, live)


def field_ranges(workplace: Workplace, asked: Robustness, label: str) -> Mapping[str, Range]:
    """By the plan that the newest validate statement names; nothing where it names none. Raises Refused LG394."""
    validate = workplace.head("validate")
    digest = None if validate is None else validate.predicate.get("plan")
    if not isinstance(digest, str) or not workplace.data.has(Digest(digest)):
        return {}
    try:
        plan = parse_plan(workplace.data.read(Digest(digest)))
    except ValueError as error:
        message = f"the contract's plan is not in form: {error}"
        raise Refused("LG324", message, next="lockgate validate") from None
    return ranges(plan, asked, label)


def run(
    workplace: Workplace,
    spec: TrainSpec,
    prepared: Prepared | None,
    python: PythonEnv,
    candidate: Mapping[str, Digest],
    split: Split,
) -> Attacked:
    """Attack the candidate on held-out rows, and each live model on the same ones.

    1. A candidate with features is not attacked: they are the user's code.   2. One jail has all models and the rows.
    3. A refusal there is what came of it, but for a field that cannot be moved. Raises Refused LG394.
    """
    if prepared is None:
        return Attacked()
    asked = prepared.asked
    if serving.parse(workplace.data.read(candidate[rules.IO])).features is not None:  # 1
        why = "features.py makes what the model sees, and the judge runs no code of the user"
        return facts.untried(why, asked, spec.seed, finding="LG395")
    workplace.say(f"attacks: {', '.join(asked.attacks)} on {asked.rows:,} held-out rows, as an attacker would ask")
    task = Task(
        module="lockgate.train.jail.robustness",
        given={
            "label": spec.label,
            "seed": spec.seed,
            "asked": asked.as_json(),
            "ranges": {name: list(each) for name, each in prepared.ranges.items()},
            "live": len(prepared.live),
        },
        gives=(facts.ATTACKED,),
        findings=facts.FINDINGS,
        died=facts.UNTRIED,
        work="attacking the candidate",
        next="edit lockgate.toml: [robustness] time, queries",
    )
    settings = _settings(workplace, spec, prepared, python, candidate, split)
    try:
        with workplace.scratch() as scratch:
            given, report = run_task(settings, task, scratch / "attacked")  # 2
            data = read_regular(given[facts.ATTACKED], _MOST_FACTS)
        found = facts.read(data, asked, len(prepared.live), split.heldout_rows)
    except Refused as error:  # 3
        if error.finding == "LG394":
            raise
        return facts.untried(f"attacking ended with {error.finding}", asked, spec.seed, told=error.message)
    except ValueError as error:
        return facts.untried("what the jail that attacks wrote is not in form", asked, spec.seed, told=str(error))
    return _proved(facts.stated(found, asked, spec.seed, prepared.live), report)


def _settings(
    workplace: Workplace,
    spec: TrainSpec,
    prepared: Prepared,
    python: PythonEnv,
    candidate: Mapping[str, Digest],
    split: Split,
) -> JailSettings:
    shown = {name: digest for name, digest in candidate.items() if name in rules.JUDGED_FILES}
    shown["heldout.parquet"] = split.heldout
    binds = []
    for name, digest in shown.items():
        workplace.data.check(digest)
        binds.append(Bind(workplace.data.path(digest), f"/in/{name}"))
    for number, live in enumerate(prepared.live):
        for name, digest in live.files.items():
            workplace.registry.blobs.check(digest)
            binds.append(Bind(workplace.registry.blobs.path(digest), f"/in/live-{number}-{name}"))
    seconds = max(1, int(prepared.asked.time))
    limits = Limits(memory=spec.limits.memory, wall_seconds=seconds, cpu_seconds=seconds + 60)
    return named("judge", python=python, limits=limits, binds=binds)


def _proved(found: Attacked, report: JailReport) -> Attacked:
    return replace(found, jails={"attacks": report.as_json()})
