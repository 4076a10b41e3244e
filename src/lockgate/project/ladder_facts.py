"""What the project's own log of predictions says of a model on the ladder, as `deploy`, `rollback` and `status` ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.audit.deployments import standing_of
from lockgate.audit.ladder.gather import observed_of
from lockgate.audit.ladder.told import told
from lockgate.deploy.spec import Facts, Look
from lockgate.errors import LockgateError
from lockgate.project.prediction_log import log_here
from lockgate.project.recounting import task_of
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.load import LoadStanding
    from lockgate.project.folder import Folder


def looks_here(project: Folder, ledger: Ledger, *, most: int | None = None) -> Look:
    """Reads the verified log of predictions. None where there is none yet, or it has more than `most` entries.

    Raises VerificationFailed as `Log.open`.
    """

    def look(loaded: LoadStanding) -> Facts | None:
        decision = loaded.candidate
        standing = standing_of(loaded.live.environment, loaded.live.name, ledger.statements())
        log = log_here(project, ledger)
        if log is None or (most is not None and log.size > most) or decision is None:
            return None
        if standing is None or standing.since is None:
            return None
        task = task_of(RegistryStore(project.home / "registry"), decision.registration)
        observed = observed_of(log, standing, decision.policy.ladder, task)
        results, (rows, labels) = observed.results(), observed.rung(decision.sequence)
        waited = (project.now() - decision.deployment.evidence.time).total_seconds()
        checks = told(results, log.size, log.root, since=standing.since.sequence, rows=rows, labels=labels)
        return Facts(rows, labels, waited, results, checks, observed.reasons())

    return look


def looks_if_it_can(project: Folder, ledger: Ledger) -> Look:
    """The same for a page: None where the log cannot be read. What is wrong with it, `lockgate log verify` says."""
    look = looks_here(project, ledger)

    def careful(loaded: LoadStanding) -> Facts | None:
        try:
            return look(loaded)
        except (LockgateError, OSError):
            return None

    return careful
