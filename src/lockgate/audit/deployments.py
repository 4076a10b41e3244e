"""The chain of deployments of one model in one environment: what is live, and what may become live. Pure.

Each deployment names its sequence number and the one before it, so that an old one cannot be replayed, none
can be left out, and two cannot both follow the same one. What the chain comes to: `audit.standings`; how far the
guard's key reaches in it: `audit.guarding`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from lockgate.audit.entries import LIVE, Deployment, Registration, Revocation, deployments, revocations
from lockgate.audit.guarding import check_guard
from lockgate.audit.imports import imported_into
from lockgate.audit.standings import Standing, after, leads_down, standing
from lockgate.core.digest import Digest
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence


def chain(environment: str, name: str, evidences: Iterable[Evidence]) -> tuple[Deployment, ...]:
    """The deployments of `name` in `environment`, first to newest.

    1. Sequence numbers are 1, 2, 3... in log order, and each names the envelope of the one before.
    2. The floor never sinks, no deployment is below the floor in force, and none on a rung of the ladder raises it:
       what is live must stay above it.
    3. What the guard signed goes down to where the model stood before, or up on a deployer's authorisation.
    4. A model on the ladder stands beside another one that is live.
    5. What says that it moves down does, whoever signed it; only the guard's moves name an authorisation.

    Raises:
        VerificationFailed: LG521 a gap, a replay or a fork; LG515 the floor; LG522 the guard; LG526 (4, 5).
    """
    known = list(evidences)
    found = [one for one in deployments(known) if (one.environment, one.name) == (environment, name)]
    now: Standing | None = None
    for position, deployment in enumerate(found):
        before = found[position - 1] if position else None
        _check_order(deployment, before)
        _check_floor(deployment, before)
        if deployment.evidence.role == "guard":
            check_guard(deployment, found[:position], now, known)
        _check_words(deployment, now)
        now = after(now, deployment)
    return tuple(found)


def standing_of(environment: str, name: str, evidences: Iterable[Evidence]) -> Standing | None:
    """What is live under `name` in `environment`, and who is on the ladder; None when nothing ever was.

    Raises as `chain`.
    """
    return standing(chain(environment, name, evidences))


def standing_now(environment: str, name: str, evidences: Iterable[Evidence]) -> tuple[Deployment, ...]:
    """What is live under `name` in `environment`, and who is on the ladder: what a machine there needs. As `chain`."""
    found = standing_of(environment, name, evidences)
    return () if found is None else tuple(one for one in (found.live, found.candidate) if one is not None)


def current(environment: str, name: str, evidences: Iterable[Evidence]) -> Deployment | None:
    """The deployment of `name` that is live in `environment`; None when none ever was. Raises as `chain`.

    It is not always the newest one of its chain: that may have put another model on the ladder beside it.
    """
    found = standing_of(environment, name, evidences)
    return found.live if found else None


def goes_down(new: Evidence, before: Iterable[Evidence]) -> bool:
    """Whether `new` is a deployment that takes traffic from a newer model, in its chain in the log `before`."""
    if new.claim != "deploy":
        return False
    with suppress(VerificationFailed):
        found = deployments([new])[0]
        return found.move == "down" and leads_down(found, standing_of(found.environment, found.name, before))
    return False


def deployed_names(environment: str, evidences: Iterable[Evidence]) -> tuple[str, ...]:
    """The models that have deployments in `environment`, in order of their first."""
    return tuple(dict.fromkeys(one.name for one in deployments(evidences) if one.environment == environment))


def exposure(registration: Registration, evidences: Iterable[Evidence]) -> frozenset[Digest]:
    """What a model cannot outlive: its manifest, its statement, those that it rests on, and the data behind them.

    The data are the files of its ingest statement: taken in once more, poisoned rows are the same rows. Beside them,
    each imported model that it was trained with, by its import statement and by its manifest.
    """
    origin = registration.inputs.get("ingest")
    ingests = [one for one in evidences if one.digest == origin]
    data = (subject.digest for one in ingests for subject in one.statement.subjects)
    brought = (digest for one in ingests for digest in imported_into(one.statement))
    return frozenset(
        (registration.manifest, registration.evidence.digest, *registration.inputs.values(), *data, *brought)
    )


def revocation_of(registration: Registration, evidences: Iterable[Evidence]) -> Revocation | None:
    """The revocation that hits `registration`, of whatever stands in its `exposure`."""
    known = list(evidences)
    exposed = exposure(registration, known)
    return next((one for one in revocations(known) if exposed.intersection(one.targets)), None)


def revoked_digests(evidences: Iterable[Evidence]) -> frozenset[Digest]:
    """Everything that was revoked: manifests and envelopes of statements."""
    return frozenset(target for one in revocations(evidences) for target in one.targets)


def _check_order(deployment: Deployment, before: Deployment | None) -> None:
    sequence = before.sequence + 1 if before else 1
    predecessor = before.evidence.digest if before else None
    if (deployment.sequence, deployment.predecessor) == (sequence, predecessor):
        return
    raise VerificationFailed(
        "LG521",
        f"deployment {deployment.sequence} of {deployment.name} in {deployment.environment} does not follow"
        f" {'the one before it' if before else 'from the start'}: a gap, a replay or a fork",
        seen={
            "statement": deployment.evidence.digest,
            "log_index": deployment.evidence.index,
            "sequence": deployment.sequence,
            "sequence_expected": sequence,
            "predecessor": deployment.predecessor,
            "predecessor_expected": predecessor,
        },
        next="lockgate log verify",
    )


def _check_floor(deployment: Deployment, before: Deployment | None) -> None:
    floor = max(deployment.floor, before.floor if before else 1)
    raised = before is not None and floor > before.floor
    if deployment.floor == floor and deployment.version >= floor and not (raised and deployment.rung != LIVE):
        return
    raise VerificationFailed(
        "LG515",
        f"deployment {deployment.sequence} of {deployment.name} in {deployment.environment} goes below the floor, or"
        " raises it from a rung of the ladder",
        seen={"statement": deployment.evidence.digest, "version": deployment.version, "floor": floor},
        next="lockgate status",
    )


def _check_words(deployment: Deployment, before: Standing | None) -> None:
    if deployment.rung != LIVE and (before is None or before.live.manifest == deployment.manifest):
        raise _untrue(deployment, f"is on the rung {deployment.rung}, with no other model live beside it")
    if deployment.move == "down" and not leads_down(deployment, before):
        raise _untrue(deployment, "says that it moves down, and does not")
    if deployment.authorisation is not None and (deployment.evidence.role, deployment.move) != ("guard", "up"):
        raise _untrue(deployment, "names an authorisation, and needs none")


def _untrue(deployment: Deployment, what: str) -> VerificationFailed:
    return VerificationFailed(
        "LG526",
        f"deployment {deployment.sequence} of {deployment.name} in {deployment.environment} {what}",
        seen={
            "statement": deployment.evidence.digest,
            "log_index": deployment.evidence.index,
            "rung": deployment.rung,
            "share": deployment.share,
            "move": deployment.move,
            "version": deployment.version,
        },
        next="lockgate log verify",
    )
