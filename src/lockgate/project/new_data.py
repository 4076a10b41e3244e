"""`run --if-new-data`: whether there is anything to do, for schedules. The shell; reads, and signs nothing.

Nothing new is only said where the sources' bytes are those of the newest snapshot, and a model was registered from it:
a run that was refused or killed half-way is not forgotten because the data did not change since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.audit import deployments, models
from lockgate.audit.entries import registration
from lockgate.audit.heads import STAGE_ROLES, stale
from lockgate.contract.inputs import is_input
from lockgate.core.encoding import alike
from lockgate.core.statement import digest_of_resource
from lockgate.ingest.addresses import is_remote
from lockgate.ingest.capture import capture_all
from lockgate.ingest.inputs import inputs_unchanged
from lockgate.pipeline import changes
from lockgate.pipeline.specs import ingest_spec
from lockgate.pipeline.unchanged import changed_files, dependencies
from lockgate.project.carry.mirror import refuse_work
from lockgate.project.unattended import why_not

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.config import Config
    from lockgate.core.digest import Digest
    from lockgate.ingest.spec import IngestSpec
    from lockgate.project import Project


@dataclass(frozen=True)
class Looked:
    """What was found. `because`: why a run has something to do; empty: it has nothing to do.

    `ref`, `manifest`: of the model that was registered from the newest snapshot; `says`: a sentence.
    """

    because: tuple[str, ...]
    says: str
    ref: str = ""
    manifest: str = ""

    @property
    def new(self) -> bool:
        """Whether a run has something to do."""
        return bool(self.because)

    def as_json(self) -> dict[str, Any]:
        """For `--json`: of a run that was not done."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "new_data": False,
            "cached": True,
            "stages": [],
            "deployed": None,
            "says": self.says,
        }


def look(project: Project, environment: str, *, deploys: bool) -> Looked:
    """Whether a run of `project`, at work on one model, has something to do.

    1. A model was registered from the newest snapshot.   2. The sources, and how they are read, are those of that
    snapshot: files are hashed, objects compared by the version that their store names.   3. What cannot be told so is
    fetched and hashed, and thrown away: a server's answer, an object without a version.   4. With `deploys`, that
    model needs no deploying in `environment` either.

    Raises what capturing and fetching raise: then nobody knows, and nothing is said to be old.
    """
    refuse_work(project.home)
    config = project.config.only()
    with project.workplace(environment) as place:
        because = _undone(place) or _changed(place, config)
        made = place.head("register")
        if because or made is None:
            return Looked(because or (changes.FIRST,), f"there is something to do: {'; '.join(because)}")
        one, snapshot = registration(made), place.head("ingest")
        says = f"nothing new: {_names(snapshot)} as in the newest snapshot, of which {one.ref} was made"
        if deploys:
            moves = deployments.chain(environment, one.name, place.ledger.statements())
            _, standing = why_not(one, moves, environment)
            if not standing:
                wants = f"{one.ref} is not deployed in {environment}"
                return Looked((wants,), f"there is something to do: {wants}")
            says = f"{says}; {standing.removeprefix('nothing new: ')}"
        return Looked((), says, one.ref, one.manifest)


def _undone(place: Workplace) -> tuple[str, ...]:
    heads = {claim: place.head(claim) for claim in STAGE_ROLES}
    missing = [claim for claim, head in heads.items() if head is None]
    if missing:
        return (f"{missing[0]} was never done",)
    return tuple(one.message for one in stale(heads))[:1]


def _changed(place: Workplace, config: Config) -> tuple[str, ...]:
    spec, head = ingest_spec(config), place.said("ingest")[-1]
    because = changed_files(head, spec, place.root)
    if (
        not because
        or not any(is_remote(source.pattern) for source in spec.sources)
        or not _same_settings(head, spec, place.root)
    ):
        return because
    return _by_bytes(place, spec, _signed(head))


def _by_bytes(place: Workplace, spec: IngestSpec, signed: Mapping[str, Digest]) -> tuple[str, ...]:
    """Which sources have other bytes, by fetching all of them. Who may not ingest learns no secret."""
    place.keyring.signer("ingester")
    with place.scratch() as scratch:
        found = {file.name: file.digest for file in capture_all(place.root, spec, scratch).files}
    return changes.code(found, signed)


def _same_settings(head: Evidence, spec: IngestSpec, root: Path) -> bool:
    """Whether only the sources' bytes can differ: they are read as before, and no input of training is another."""
    chosen = {**head.predicate["buildDefinition"]["externalParameters"]}
    chosen.pop(models.KEY, None)
    return alike(chosen, spec.as_json()) and inputs_unchanged(root, spec)


def _signed(head: Evidence) -> dict[str, Digest]:
    return {str(each["name"]): digest_of_resource(each) for each in dependencies(head) if not is_input(each)}


def _names(head: Evidence | None) -> str:
    names = [] if head is None else list(_signed(head))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
