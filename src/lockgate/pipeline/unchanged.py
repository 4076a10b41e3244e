"""What need not be done again: a stage whose newest statement names exactly what it would get now; else, why not.

Compared are signed statements with files that are hashed anew; no cache file decides anything. Why a stage is done
again is said in a person's words (`pipeline.changes`), and follows from the same comparison.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lockgate.audit import joins
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import jail_level
from lockgate.audit.heads import STAGE_ROLES, stale
from lockgate.audit.marks import marks_in_force
from lockgate.audit.models import KEY
from lockgate.audit.workplace import Workplace
from lockgate.contract.closure import Closure, capture_code
from lockgate.contract.inputs import is_input
from lockgate.core.digest import Digest
from lockgate.core.encoding import alike, decode
from lockgate.core.statement import digest_of_resource
from lockgate.errors import LockgateError
from lockgate.ingest.spec import IngestSpec
from lockgate.ingest.unchanged import changed
from lockgate.pipeline import changes
from lockgate.store.files import hash_fd, open_nofollow
from lockgate.train import featuring
from lockgate.train.capture import capture
from lockgate.train.rules import LOCK
from lockgate.train.spec import TrainSpec
from lockgate.validate import screened
from lockgate.validate.spec import ValidateSpec

_MOST_REPORT: Final = 64 << 20


@dataclass(frozen=True)
class Stands:
    """The head that need not be made again, or None; then why: what changed, in words."""

    head: Evidence | None
    because: tuple[str, ...] = ()


ANEW: Final = Stands(None, (changes.ASKED,))
"""Nobody looked: the stage is asked for as such."""

Why = Callable[[Evidence], tuple[str, ...]]
"""What has changed since a statement; nothing: it is about what the stage would get now."""


def stands(workplace: Workplace, claim: str, why: Why) -> Stands:
    """The head of `claim`, when nothing has changed since its newest statement; else what has.

    What was done in a jail below the level that is asked for now is done anew. After a rollback the head is older than
    the newest statement: it stays, until an input changes.
    """
    said = workplace.said(claim)
    head = workplace.head(claim)
    if head is None or not said:
        return Stands(None, (changes.FIRST,))
    behind = {one.stage: one for one in stale({c: workplace.head(c) for c in STAGE_ROLES})}.get(claim)
    if behind is not None:
        return Stands(None, why(head) or (behind.message,))
    level = jail_level(head) or 0
    if level < workplace.least_jail_level:
        return Stands(None, (f"its jail had level {level}, and {workplace.least_jail_level} is asked for",))
    because = why(said[-1])
    if not because or (head is not said[-1] and not why(head)):
        return Stands(head)
    return Stands(None, because)


def changed_files(one: Evidence, spec: IngestSpec, root: Path) -> tuple[str, ...]:
    """What of the sources, or of how they are read, is another than when the ingest statement was made."""
    found = changes.settings(_external(one), spec.as_json(), "[data]")
    return found or changed(root, spec, {each["name"]: each for each in dependencies(one) if not is_input(each)})


def changed_contract(one: Evidence, spec: ValidateSpec, workplace: Workplace) -> tuple[str, ...]:
    """What of snapshot, code, contract, environment and policy share is another than in a validate statement.

    And whether it was made by these rules of the screen, with the marks that are in force; and whether what the screen
    found refused then what it would refuse now.
    """
    head = workplace.head("ingest")
    if head is None:
        return ("there is no snapshot",)
    said, statements = one.predicate, workplace.ledger.statements()
    with tempfile.TemporaryDirectory() as scratch:
        closure = capture_code(workplace.root, spec.code, spec.contract_file, Path(scratch) / "code")
    found: list[str] = []
    if said.get("ingest") != head.digest:
        snapshot = head.statement.subjects[0].digest
        found.append("the rows changed" if said.get("snapshot") != snapshot else "ingest was done again")
    if said.get("closure") != closure.digest:
        found += _changed_code(one, closure, spec.contract_file, workplace)
    asked: tuple[tuple[str, object, object], ...] = (
        ("[data] contract", said.get("contract", {}).get("name"), spec.reference),
        ("[data] label", said.get("label"), spec.label),
        ("[data] sensitive", said.get("sensitive"), list(spec.sensitive)),
        ("[data] dates", said.get("dates"), spec.dates),
        ("[data] numbers", said.get("numbers", ""), spec.numbers),
        ("the policy's max_quarantined_share", said.get("max_quarantined_share"), spec.max_quarantined_share),
        ("the environment's lock file", said.get("lock"), spec.lock),
        ("[monitor]", said.get("watched"), spec.monitor.as_json()),
    )
    found += [f"{name} changed" for name, then, now in asked if not alike(then, now)]
    if not screened.stands(one, spec.screen):
        found.append("what the policy or [screen] asks of the screen changed")
    if _marked(said) != {one.evidence.digest for one in marks_in_force(statements, workplace.model)}:
        found.append("other rows are marked good or bad")
    return tuple(found)


def _marked(said: Mapping[str, Any]) -> set[str]:
    """The marks that a validate statement applied, and those that it could not apply."""
    listed = [said.get(key, []) for key in ("marks", "marks_left")]
    return {str(mark) for marks in listed if isinstance(marks, list) for mark in marks}


def changed_training(one: Evidence, spec: TrainSpec, workplace: Workplace, osv: str = "") -> tuple[str, ...]:
    """What of rows, code, settings and environment is another than in a train statement.

    `osv`: the file of known vulnerabilities that is to be asked; the statement must be about that very file.
    """
    head = workplace.head("validate")
    if head is None:
        return ("there are no accepted rows",)
    closure = capture(workplace.root, spec.code, spec.named, workplace.data)
    spec = featuring.resolved(spec, closure, workplace.data)
    named = {each["name"]: digest_of_resource(each) for each in dependencies(one)}
    inside, found = internal(one), list[str]()
    if named.get("accepted.parquet") != head.statement.subjects[0].digest:
        found.append("the accepted rows changed")
    # Marks change what the screen doubts, and not the rows that were accepted.
    elif named.get(joins.SCREEN) != (None if spec.control == "off" else joins.doubts(head.statement)):
        found.append("the screen doubts other rows")
    then, now = _external(one), {**spec.external(), "closure": closure.digest}
    if not alike(then, now):
        code = changes.code({file.name: file.digest for file in closure.files}, _captured(one))
        found += code
        found += changes.settings(_without(then), _without(now), "[train]") or (() if code else ("[train] changed",))
    if not alike(inside.get("limits"), dict(vars(spec.limits))):
        found.append("[train] limits changed")
    if named.get(LOCK) != lock_digest(workplace.root, spec.lock):
        found.append(f"{spec.lock} changed")
    if osv and _asked(inside) != _hash(workplace.root / osv):
        found.append(f"{osv} changed")
    return tuple(found)


def _without(chosen: Any) -> Any:
    """What a person chose in lockgate.toml: the code's digest is no setting."""
    return {key: value for key, value in chosen.items() if key != "closure"} if isinstance(chosen, Mapping) else chosen


def _captured(one: Evidence) -> dict[str, Digest]:
    """The code that a train statement names, by file."""
    names = ((str(each.get("name", "")), each) for each in dependencies(one) if not is_input(each))
    return {name.removeprefix("code/"): digest_of_resource(each) for name, each in names if name.startswith("code/")}


def _changed_code(validate: Evidence, now: Closure, contract: str, workplace: Workplace) -> tuple[str, ...]:
    """Which files of a validate statement's closure are others.

    The statement has the closure's digest only. Its signed report lists the files, and is believed where they hash to
    that digest; else only the contract's own digest is known.
    """
    files = _reported(validate, workplace)
    if Closure(workplace.root, tuple(files.items())).digest == validate.predicate.get("closure"):
        there = frozenset(name for name in files if os.path.lexists(workplace.root / name))
        return changes.code(dict(now.files), files, there=there)
    if joins.contract(validate.statement)[1] != now.digest_of(contract):
        return (f"{contract} changed",)
    return (f"code beside {contract} changed",)


def _reported(validate: Evidence, workplace: Workplace) -> dict[str, Digest]:
    """The captured files that a validate statement's report lists; none where it is not here, or says otherwise."""
    try:
        report = decode(workplace.data.read(validate.predicate["report"], _MOST_REPORT))
        return {str(name): Digest(digest) for name, digest in report["contract"]["files"]}
    except (LockgateError, KeyError, TypeError, ValueError):
        return {}


def _asked(inside: Mapping[str, Any]) -> Any:
    """The digest of the database of known vulnerabilities that was asked."""
    found = inside.get("environment", {}).get("osv")
    return found.get("digest") if isinstance(found, Mapping) else None


def lock_digest(root: Path, lock: str) -> Digest | None:
    """The digest of the file that locks the environment, or None without one."""
    return _hash(root / lock)


def dependencies(one: Evidence) -> list[Mapping[str, Any]]:
    """A provenance's resolved dependencies."""
    found = one.predicate.get("buildDefinition", {}).get("resolvedDependencies", [])
    return [each for each in found if isinstance(each, Mapping)]


def internal(one: Evidence) -> Mapping[str, Any]:
    """A provenance's internal parameters."""
    found = one.predicate.get("buildDefinition", {}).get("internalParameters", {})
    return found if isinstance(found, Mapping) else {}


def _external(one: Evidence) -> Any:
    """What a person chose, apart from the model: that one is for this model was looked at before."""
    found = one.predicate.get("buildDefinition", {}).get("externalParameters")
    return {key: value for key, value in found.items() if key != KEY} if isinstance(found, Mapping) else found


def _hash(path: Path) -> Digest | None:
    try:
        fd = open_nofollow(path)
    except OSError:
        return None
    try:
        return hash_fd(fd)
    finally:
        os.close(fd)
