"""The shell of `train --reproduce`: run a recorded run again from what is stored, compare, sign.

Rows, code, inputs and lock come from the data store, by the digests that the train statement names, and not from the
project's folder. No head moves and nothing is registered: the one statement that is signed is the judge's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest
from lockgate.core.statement import Statement
from lockgate.errors import Refused
from lockgate.runtime import environment
from lockgate.runtime.environment import Environment
from lockgate.sandbox.settings import PythonEnv
from lockgate.store.files import read_regular
from lockgate.train import featuring, gpu, recorded, reproduction, rules, steps
from lockgate.train.machine import surroundings
from lockgate.train.recorded import Recorded
from lockgate.train.reproduction import Outcome
from lockgate.train.run import wheels
from lockgate.train.spec import Attachments, Denied
from lockgate.train.steps import Recipe
from lockgate.train.surroundings import changes

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

_MOST_LOCK = 16 << 20


@dataclass(frozen=True)
class Reproduction:
    """What came of it. `changed`: what of machine, environment and packages is another than recorded."""

    evidence: Evidence
    train: Digest
    outcome: Outcome
    tolerance: float
    changed: Mapping[str, Any]
    denied: tuple[Denied, ...]

    @property
    def ok(self) -> bool:
        """Whether the model was reproduced."""
        return self.outcome.reproduced != "no"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "reproduced": self.outcome.reproduced,
            "finding": None if self.ok else reproduction.DIFFERS,
            "train": self.train,
            "statement": self.evidence.digest,
            "index": self.evidence.index,
            "tolerance": self.tolerance,
            "differs": list(self.outcome.differs),
            "metrics": dict(self.outcome.metrics),
            "changed": dict(self.changed),
            "denied": [attempt.as_json() for attempt in self.denied],
        }


@dataclass(frozen=True)
class _Again:
    """The repeated run: what it made, what it was denied, its jails' proofs, the digest of its stored provenance."""

    made: Mapping[str, Digest]
    denied: tuple[Denied, ...]
    jails: Mapping[str, Mapping[str, object]]
    rerun: Digest
    changed: Mapping[str, Any]


def reproduce(workplace: Workplace, train: Evidence, *, tolerance: float = reproduction.TOLERANCE) -> Reproduction:
    """Run what `train`, a train statement, records once more.

    1. The statement names all inputs, and each is stored with its digest.   2. The environment is that of the recorded
    lock.   3. The train jail fits with the recorded seed, threads, parameters and limits.   4. The same bytes: done.
    5. Else the judge's jail judges the new model on the recorded held-out rows.   6. The judge signs the outcome.

    Raises Refused LG380 (1), what `steps.fit` and `steps.judge` raise: then nothing is signed.
    """
    was = recorded.read(train.statement)
    _check_stored(workplace, was)  # 1
    python, locked = _python(workplace, was)  # 2
    judgement = _judgement_of(workplace, train.digest)
    again = _run_again(workplace, was, python, locked)  # 3
    differs = reproduction.same_files(was.made, again.made)  # 4
    jails = dict(again.jails)
    metrics: Mapping[str, Any] = {}
    if differs:
        with workplace.scratch() as scratch:
            featured = featuring.heldout(workplace, _recipe(was), python, again.made, scratch)
        found, report, _ = steps.judge(workplace, was.spec, python, again.made, was.split, featured)  # 5
        metrics, jails["judge"] = found["metrics"], report.as_json()
        jails |= featured.jails
    outcome = reproduction.compare(
        differs, {} if judgement is None else judgement.predicate["metrics"], metrics, tolerance
    )
    evidence = workplace.record(  # 6
        "judge",
        reproduction.statement(
            outcome,
            made=was.made,
            again={name: again.made[name] for name in rules.JUDGED_FILES if name in again.made},
            train=train.digest,
            rerun=again.rerun,
            judge=None if judgement is None else judgement.digest,
            heldout=was.split.heldout,
            tolerance=tolerance,
            changed=again.changed,
            jails=jails,
            attempts=len(again.denied),
            time=workplace.now(),
        ),
    )
    return Reproduction(evidence, train.digest, outcome, tolerance, again.changed, again.denied)


def _check_stored(workplace: Workplace, was: Recorded) -> None:
    files = {"train.parquet": was.split.train, "heldout.parquet": was.split.heldout}
    files |= {f"code/{file.name}": file.digest for file in was.closure.files}
    files |= {f"input/{name}": digest for name, digest in was.inputs.items()}
    files |= {} if was.lock is None else {rules.LOCK: was.lock}
    lost = sorted(name for name, digest in files.items() if not workplace.data.has(digest))
    if lost:
        raise Refused(
            "LG380",
            f"{lost[0]} of the recorded run is not in the data store any more",
            seen={"missing": lost[:20], "digest": files[lost[0]]},
            next="restore .lockgate/data from where you keep it",
        )
    for digest in files.values():
        workplace.data.check(digest)


def _python(workplace: Workplace, was: Recorded) -> tuple[PythonEnv, Environment | None]:
    if was.lock is None:
        return workplace.python(), None
    lock = workplace.data.read(was.lock, _MOST_LOCK)
    current = workplace.root / was.spec.lock
    if current.is_file() and read_regular(current, _MOST_LOCK) == lock:
        python = workplace.python()
    else:
        built = environment.build(
            lock, workplace.home, say=workplace.say, filename=was.spec.lock, origins=workplace.package_origins
        )
        python = PythonEnv.of(built.path)
    return python, environment.described(workplace.home, python)


def _recipe(was: Recorded) -> Recipe:
    around = surroundings(was.spec.seed, was.spec.limits, was.threads)
    return Recipe(was.spec, was.closure, was.split, was.inputs, around, gpu.look() if was.spec.gpu else None)


def _run_again(workplace: Workplace, was: Recorded, python: PythonEnv, locked: Environment | None) -> _Again:
    recipe, started = _recipe(was), workplace.now()
    with workplace.scratch() as scratch:
        trained = steps.fit(workplace, recipe, python, scratch)
        fit, made = steps.keep(workplace, trained)
    jails = steps.proofs(recipe, trained, None)
    tree = None if locked is None else locked.tree_digest
    statement: Statement = rules.provenance(
        was.spec,
        candidate=made,
        accepted=was.accepted,
        split=was.split,
        closure=was.closure,
        inputs=was.inputs,
        environment=wheels(locked),
        tree=tree,
        around=recipe.around,
        jails=jails,
        attempts=trained.denied,
        fit=fit,
        attachments=Attachments(),
        talk=trained.talk,
        started=started,
        finished=workplace.now(),
    )
    changed: dict[str, Any] = {}
    if was.machine:
        changed |= changes(was.machine, recipe.around.machine)
    if tree != was.tree:
        changed["environment"] = {"recorded": was.tree, "now": tree}
    if fit["versions"] != dict(was.versions):
        changed["versions"] = {"recorded": dict(was.versions), "now": fit["versions"]}
    return _Again(made, trained.denied, jails, workplace.data.put(statement.payload()), changed)


def _judgement_of(workplace: Workplace, train: Digest) -> Evidence | None:
    said = [one for one in workplace.ledger.statements("judge") if one.predicate.get("train") == train]
    return said[-1] if said else None
