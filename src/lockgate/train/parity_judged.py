"""Estimator and graph on the held-out rows: a jail with the user's code, beside the one that judges. The shell.

It starts when the candidate's files are stored, and nothing that it says changes them: what comes back are numbers,
and the worst row for the person at work. What it prints is dropped, for it sees rows that the log must not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lockgate.core.digest import Digest
from lockgate.core.verdict import Reason
from lockgate.errors import Refused
from lockgate.sandbox.launch import Jail
from lockgate.sandbox.settings import Bind, JailSettings, PythonEnv
from lockgate.store.files import read_regular
from lockgate.train import gpu, parity, rules
from lockgate.train.jails import Trained, run_training, train_settings, withheld
from lockgate.train.spec import Denied
from lockgate.train.steps import Recipe

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

T = TypeVar("T")

_MOST = 1 << 20


@dataclass(frozen=True)
class Judged:
    """What came of it.

    Attributes:
        fact: what the judge's statement says under `parity`.
        record: the worst row, for the person at work; in no statement.
        denied: what the estimator tried and did not get, in words of code that saw the rows: for the person at work
            (`rules.recorded`).
    """

    fact: Mapping[str, Any]
    record: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    denied: tuple[Denied, ...] = ()
    jails: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """What training left: stored files by digest, files of the scratch folder `place`, and fit.json."""

    files: Mapping[str, Digest]
    trained: Trained
    fit: Mapping[str, Any]
    place: Path


def beside(
    workplace: Workplace, recipe: Recipe, python: PythonEnv, candidate: Candidate, judge: Callable[[], T]
) -> tuple[T, Judged]:
    """Do `judge`, and compare meanwhile, if there is memory for both. What `judge` raises comes first, and ends it.

    Raises what `judge` raises; Refused LG313, LG383; Unfit where there is no jail.
    """
    why = _why_not(candidate)
    if why is not None:
        return judge(), why
    settings = _settings(workplace, recipe, python, candidate)
    jail = Jail(settings, least=workplace.least_jail_level)
    if not _room_for_two(recipe):
        judged = judge()
        found = _compare(workplace, recipe, candidate, settings, jail)
        return judged, _weighed(recipe, found)
    with ThreadPoolExecutor(1, "parity") as pool:
        waiting = pool.submit(_compare, workplace, recipe, candidate, settings, jail)
        try:
            judged = judge()
        except BaseException:
            jail.stop()
            raise
        found = waiting.result()
    return judged, _weighed(recipe, found)


def _weighed(recipe: Recipe, found: Judged) -> Judged:
    """`found`, unless the held-out rows speak against the conversion."""
    if found.fact["judged"] is not None:
        parity.refuse(found.fact["judged"], found.record, share=recipe.spec.parity, metric=recipe.spec.parity_metric)
        return replace(found, reasons=(*found.reasons, *parity.many(found.fact["judged"])))
    return found


def _room_for_two(recipe: Recipe) -> bool:
    """Whether the machine has the memory that both jails may take; else they take turns."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > 2 * recipe.spec.limits.memory


def _why_not(candidate: Candidate) -> Judged | None:
    """Where there is nothing to ask. A script's own graph has no estimator, and nothing is amiss."""
    if candidate.fit["parity"] is None:
        return Judged({"judged": None, "why": "the graph is the script's own"})
    if parity.ESTIMATOR not in candidate.trained.files:
        told = str(candidate.fit["saved"]) or "the train jail left no estimator"
        return Judged({"judged": None, "why": "the estimator was not saved"}, reasons=(parity.unmade(told),))
    return None


def _settings(workplace: Workplace, recipe: Recipe, python: PythonEnv, candidate: Candidate) -> JailSettings:
    store = workplace.data
    files = {name: digest for name, digest in candidate.files.items() if name != rules.FIT}
    for digest in (*files.values(), recipe.split.heldout):
        store.check(digest)
    estimator = candidate.trained.files[parity.ESTIMATOR]
    estimator.chmod(0o444)
    return train_settings(
        python,
        recipe.spec.limits,
        candidate.place / "job",
        None,
        recipe.around,
        Bind(store.path(recipe.split.heldout), "/in/heldout.parquet"),
        Bind(estimator, f"/model/{parity.ESTIMATOR}"),
        *(Bind(store.path(digest), f"/model/{name}") for name, digest in files.items()),
        devices=recipe.devices,
        absent=withheld(workplace, recipe.hidden),
    )


def _compare(workplace: Workplace, recipe: Recipe, candidate: Candidate, settings: JailSettings, jail: Jail) -> Judged:
    spec, module = recipe.spec, "lockgate.train.jail.judged_parity"
    task = {"label": spec.label, "features": spec.features, "parity": spec.parity}
    into = candidate.place / "parity"
    try:
        done = run_training(
            settings, module, task, into, least=workplace.least_jail_level, say=lambda _: None, jail=jail
        )
        if parity.PARITY not in done.files:
            return _unmade("the jail that compares gave no answer")
        facts, record = parity.read(read_regular(done.files[parity.PARITY], _MOST), recipe.split.heldout_rows)
    except Refused as error:
        return _unmade(f"comparing ended with {error.finding}", error.message, rules.attempts_of(error))
    except ValueError as error:
        return _unmade("what the jail that compares wrote is not in form", str(error))
    proofs = {"parity": gpu.weaker(done.report.as_json(), recipe.devices)}
    return Judged({"judged": facts}, record, denied=done.denied, jails=proofs)


def _unmade(why: str, told: str = "", denied: tuple[Denied, ...] = ()) -> Judged:
    """`why` has no word of the user's code, which saw the rows; `told` is for the person at work."""
    return Judged({"judged": None, "why": why}, reasons=(parity.unmade(told or why),), denied=denied)
