"""The clean control: the same training without the rows that the screen doubts, and what differs. The shell.

The control is trained as the candidate was: code, settings, seed, environment and jails are the same, and it is told
nothing else. Who compares is a jail without user code. Of the control only its digest and what was measured remain.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit import joins
from lockgate.contract.jailed import Task, run_task
from lockgate.core.catalog.lg3_control import UNMADE
from lockgate.core.digest import Digest
from lockgate.core.verdict import Reason
from lockgate.errors import Refused, VerificationFailed
from lockgate.runtime.sizes import DATA
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import hash_fd, open_nofollow, read_regular
from lockgate.train import compared, featuring, rules, steps
from lockgate.train.jails import Trained
from lockgate.train.spec import Denied, Doubts, Split, TrainSpec
from lockgate.train.steps import Recipe

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace

_MOST_FACTS = 16 << 20


@dataclass(frozen=True)
class Control:
    """What came of it: the judge's fact, what a person should know, what its training was denied, its jails' proofs."""

    fact: Mapping[str, Any] | None = None
    reasons: tuple[Reason, ...] = ()
    denied: tuple[Denied, ...] = ()
    jails: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def doubted(validate: Evidence | None, spec: TrainSpec) -> Digest | None:
    """The screen's lines, where validation doubts rows and a control is wanted."""
    return None if validate is None or spec.control == "off" else joins.doubts(validate.statement)


def check_counted(validate: Evidence | None, split: Split) -> None:
    """That the screen doubts as many rows as its statement says. Raises VerificationFailed LG335."""
    screen = None if validate is None else validate.predicate.get("screen")
    if split.doubts is not None and isinstance(screen, Mapping) and screen.get("doubtful") != split.doubts.rows:
        raise VerificationFailed(
            "LG335",
            f"the screen doubts {split.doubts.rows} rows, and its statement says {screen.get('doubtful')}",
            seen={"rows": split.doubts.rows, "stated": screen.get("doubtful"), "screen": split.doubts.screen},
            next="lockgate validate",
        )


def hidden(doubts: Doubts | None) -> dict[str, Digest]:
    """What the candidate's training must not find: it is not to know which of its rows are doubted."""
    return {} if doubts is None else {"doubtful rows": doubts.doubtful, "control's rows": doubts.control}


def told_apart(doubts: Doubts | None) -> dict[Digest, str]:
    """What no further input of training may be, by what it is: it would tell which rows are doubted."""
    if doubts is None:
        return {}
    return {doubts.screen: "what the screen doubts", **{digest: name for name, digest in hidden(doubts).items()}}


def run(
    workplace: Workplace, recipe: Recipe, python: PythonEnv, candidate: Mapping[str, Digest], *, took: float
) -> Control:
    """Train without the doubtful rows and compare; nothing where there are none. `took`: seconds of the candidate's.

    1. Where training saw none of them, only the held-out rows that nobody doubts are judged.   2. Else the recipe is
    run on the other training rows.   3. A jail without user code compares.   A refusal in 2 or 3 is what came of it:
    the candidate stands, and a policy that asks for a control refuses it.
    """
    doubts = recipe.split.doubts
    if doubts is None:
        return Control()
    with workplace.scratch() as scratch:
        if not doubts.left_out:  # 1
            return _compared(workplace, recipe, python, candidate, None, scratch)
        if doubts.left_out == recipe.split.train_rows:
            return _unmade(doubts, "the screen doubts every training row")
        if took > recipe.spec.control_time:
            limit = f"[train] control_time is {recipe.spec.control_time:g} s"
            return _unmade(doubts, f"training took {took:.0f} s, and {limit}")
        workplace.say(f"control: the same again without {doubts.left_out:,} doubtful rows, to see what they change")
        try:
            trained = _train(workplace, recipe, doubts, python, scratch)  # 2
        except Refused as error:
            return replace(_unmade(doubts, compared.failed(error), error.message), denied=rules.attempts_of(error))
        found = _compared(workplace, recipe, python, candidate, trained, scratch)  # 3
        proofs = steps.proofs(recipe, trained, None)
        jails = {f"control {name}": report for name, report in proofs.items()}
        return replace(found, denied=trained.denied, jails={**jails, **found.jails})


def _train(workplace: Workplace, recipe: Recipe, doubts: Doubts, python: PythonEnv, scratch: Path) -> Trained:
    rows = replace(recipe.split, train=doubts.control)
    unseen = {"training rows": recipe.split.train, "doubtful rows": doubts.doubtful}
    again = replace(recipe, split=rows, hidden=unseen)
    place = scratch / "control"
    place.mkdir(mode=0o700)
    trained = steps.fit(workplace, again, python, place, _told(workplace.say))
    missing = [name for name in (rules.MODEL, rules.IO) if name not in trained.files]
    if missing:
        raise steps.malformed("train", ValueError(f"there is no {missing[0]}"))
    return trained


def _compared(
    workplace: Workplace,
    recipe: Recipe,
    python: PythonEnv,
    candidate: Mapping[str, Digest],
    trained: Trained | None,
    scratch: Path,
) -> Control:
    split, doubts = recipe.split, recipe.split.doubts
    if doubts is None:
        return Control()
    files = {**candidate, "heldout.parquet": split.heldout, "doubtful.parquet": doubts.doubtful}
    try:
        files |= featuring.compared(workplace, recipe, python, candidate, scratch)
        found, report = _compare(workplace, recipe.spec, python, files, trained, scratch)
        read = compared.read(found, doubts, control=trained is not None)
    except Refused as error:
        return _unmade(doubts, f"comparing ended with {error.finding}", error.message)
    except ValueError as error:
        return _unmade(doubts, "what the jail that compares wrote is not in form", str(error))
    model = None if trained is None else _digest(trained.files[rules.MODEL])
    fact = compared.fact(doubts, compared.made(read, model))
    return Control(fact, compared.reasons(fact), jails={"control judge": report})


def _compare(
    workplace: Workplace,
    spec: TrainSpec,
    python: PythonEnv,
    files: Mapping[str, Digest],
    trained: Trained | None,
    scratch: Path,
) -> tuple[bytes, Mapping[str, object]]:
    """A jail that sees both models and the rows, and nothing of the user's code."""
    shown = {name: digest for name, digest in files.items() if name != rules.FIT}
    for digest in shown.values():
        workplace.data.check(digest)
    binds = [Bind(workplace.data.path(digest), f"/in/{name}") for name, digest in shown.items()]
    if trained is not None:
        other = {"control.onnx": trained.files[rules.MODEL], "control.json": trained.files[rules.IO]}
        if DATA in trained.files:
            other["control.onnx.data"] = trained.files[DATA]
        for path in other.values():
            path.chmod(0o444)
        binds += [Bind(path, f"/in/{name}") for name, path in other.items()]
    settings = named("judge", python=python, limits=Limits(memory=spec.limits.memory), binds=binds)
    task = Task(
        module="lockgate.train.jail.control",
        given={"label": spec.label, "control": trained is not None},
        gives=(compared.COMPARED,),
        findings=compared.FINDINGS,
        died=UNMADE,
        work="comparing with the control",
        next="edit lockgate.toml: [train] memory",
    )
    given, report = run_task(settings, task, scratch / "compare")
    return read_regular(given[compared.COMPARED], _MOST_FACTS), report.as_json()


def _digest(path: Path) -> Digest:
    fd = open_nofollow(path)
    try:
        return hash_fd(fd)
    finally:
        os.close(fd)


def _unmade(doubts: Doubts, why: str, told: str = "") -> Control:
    fact = compared.fact(doubts, compared.unmade(why))
    return Control(fact, compared.reasons(fact, told))


def _told(say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda line: say(f"control: {line}")
