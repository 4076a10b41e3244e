"""What need not be done again: a stage whose newest statement names exactly what it would get now.

Compared are signed statements with files that are hashed anew; no cache file decides anything.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lockgate.audit import joins
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import jail_level
from lockgate.audit.heads import STAGE_ROLES, stale
from lockgate.audit.marks import marks_in_force
from lockgate.audit.models import KEY
from lockgate.audit.workplace import Workplace
from lockgate.contract.closure import capture_code
from lockgate.contract.inputs import is_input
from lockgate.core.digest import Digest
from lockgate.core.statement import digest_of_resource
from lockgate.ingest.spec import IngestSpec
from lockgate.ingest.unchanged import unchanged
from lockgate.store.files import hash_fd, open_nofollow
from lockgate.train import featuring
from lockgate.train.capture import capture
from lockgate.train.rules import LOCK
from lockgate.train.spec import TrainSpec
from lockgate.validate import screened
from lockgate.validate.spec import ValidateSpec


def standing(workplace: Workplace, claim: str, fits: Callable[[Evidence], bool]) -> Evidence | None:
    """The head of `claim`, when nothing has changed since its newest statement; None when it must be done anew.

    What was done in a jail below the level that is asked for now is done anew. After a rollback the head is older than
    the newest statement: it stays, until an input changes.
    """
    said = workplace.said(claim)
    head = workplace.head(claim)
    if head is None or not said or claim in {one.stage for one in stale({c: workplace.head(c) for c in STAGE_ROLES})}:
        return None
    if (jail_level(head) or 0) < workplace.least_jail_level:
        return None
    return head if fits(said[-1]) or (head is not said[-1] and fits(head)) else None


def same_files(one: Evidence, spec: IngestSpec, root: Path) -> bool:
    """Whether an ingest statement is about these very files, read with these settings."""
    if _external(one) != spec.as_json():
        return False
    return unchanged(root, spec, {each["name"]: each for each in dependencies(one) if not is_input(each)})


def same_contract(one: Evidence, spec: ValidateSpec, workplace: Workplace) -> bool:
    """Whether a validate statement was made with this snapshot, code, contract, environment and policy share.

    And by these rules of the screen, with the marks that are in force; and whether what the screen found refused then
    what it would refuse now.
    """
    head = workplace.head("ingest")
    if head is None:
        return False
    said, statements = one.predicate, workplace.ledger.statements()
    with tempfile.TemporaryDirectory() as scratch:
        closure = capture_code(workplace.root, spec.code, spec.contract_file, Path(scratch) / "code")
    return bool(
        said.get("ingest") == head.digest
        and said.get("closure") == closure.digest
        and said.get("contract", {}).get("name") == spec.reference
        and said.get("label") == spec.label
        and said.get("sensitive") == list(spec.sensitive)
        and said.get("dates") == spec.dates
        and said.get("max_quarantined_share") == spec.max_quarantined_share
        and said.get("lock") == spec.lock
        and said.get("watched") == spec.monitor.as_json()
        and screened.stands(one, spec.screen)
        and _marked(said) == {one.evidence.digest for one in marks_in_force(statements, workplace.model)}
    )


def _marked(said: Mapping[str, Any]) -> set[str]:
    """The marks that a validate statement applied, and those that it could not apply."""
    listed = [said.get(key, []) for key in ("marks", "marks_left")]
    return {str(mark) for marks in listed if isinstance(marks, list) for mark in marks}


def same_training(one: Evidence, spec: TrainSpec, workplace: Workplace, osv: str = "") -> bool:
    """Whether a train statement was made from these rows, with this code, these settings and this environment.

    `osv`: the file of known vulnerabilities that is to be asked; the statement must be about that very file.
    """
    head = workplace.head("validate")
    if head is None:
        return False
    closure = capture(workplace.root, spec.code, spec.named, workplace.data)
    spec = featuring.resolved(spec, closure, workplace.data)
    named = {each["name"]: digest_of_resource(each) for each in dependencies(one)}
    inside = internal(one)
    return bool(
        named.get("accepted.parquet") == head.statement.subjects[0].digest
        # Marks change what the screen doubts, and not the rows that were accepted.
        and named.get(joins.SCREEN) == (None if spec.control == "off" else joins.doubts(head.statement))
        and _external(one) == {**spec.external(), "closure": closure.digest}
        and inside.get("limits") == dict(vars(spec.limits))
        and named.get(LOCK) == lock_digest(workplace.root, spec.lock)
        and (not osv or _asked(inside) == _hash(workplace.root / osv))
    )


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
