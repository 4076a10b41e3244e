"""The rows of a draft are those that ingest and validate signed; where they stand, nothing is done. The shell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockgate.pipeline.specs import ingest_spec, validate_spec
from lockgate.pipeline.unchanged import changed_contract, changed_files, lock_digest, stands

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.config import Config
    from lockgate.pipeline import Observer
    from lockgate.project import Project


def ready_rows(project: Project, config: Config, environment: str, observer: Observer) -> Workplace:
    """A workplace whose rows are those of the files and the contract of this moment.

    The project's lock is held only where something has to be done. Raises what ingest and validate raise.
    """
    from lockgate.pipeline import run_stages

    place = project.unlocked(environment, say=observer.say)
    if not _stand(place, config):
        with project.workplace(environment, say=observer.say) as locked:
            run_stages(locked, config, ("ingest", "validate"), observer, fresh=False)
        place = project.unlocked(environment, say=observer.say)
    return place


def _stand(place: Workplace, config: Config) -> bool:
    """Whether ingest and validate have nothing to do, and accepted the rows."""
    spec = ingest_spec(config)
    if stands(place, "ingest", lambda one: changed_files(one, spec, place.root)).head is None:
        return False
    asked = replace(validate_spec(config, place), lock=lock_digest(place.root, config.train.lock))
    head = stands(place, "validate", lambda one: changed_contract(one, asked, place)).head
    return head is not None and head.predicate.get("result") != "FAILED"
