"""The chain of deployments of one model in one environment: what is live, and what may become live. Pure.

Each deployment names its sequence number and the one before it, so that an old one cannot be replayed, none
can be left out, and two cannot both follow the same one. The guard's key may only return to an earlier
version that a deployer had made live, on the rung and with the share that the deployer gave it; it can neither raise
traffic nor lower the floor's protection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lockgate.audit.entries import Deployment, Registration, Revocation, deployments, revocations
from lockgate.audit.imports import imported_into
from lockgate.core.digest import Digest
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

RUNGS: Final = frozenset({"live"})
"""The rungs that whoever serves knows how to honour."""


def chain(environment: str, name: str, evidences: Iterable[Evidence]) -> tuple[Deployment, ...]:
    """The deployments of `name` in `environment`, first to newest.

    1. Sequence numbers are 1, 2, 3... in log order, and each names the envelope of the one before.
    2. The floor never sinks, and no deployment is below the floor in force.
    3. What the guard signed goes down to a version that a deployer's statement made live before, as it was then.
    4. Each is on a rung that there is, and what says that it moves down does, whoever signed it.

    Raises:
        VerificationFailed: LG521 a gap, a replay or a fork; LG515 the floor; LG522 the guard went too far; LG526 (4).
    """
    found = [one for one in deployments(evidences) if (one.environment, one.name) == (environment, name)]
    for position, deployment in enumerate(found):
        before = found[position - 1] if position else None
        _check_order(deployment, before)
        _check_floor(deployment, before)
        if deployment.evidence.role == "guard":
            _check_guard(deployment, found[:position])
        _check_words(deployment, before)
    return tuple(found)


def current(environment: str, name: str, evidences: Iterable[Evidence]) -> Deployment | None:
    """The newest deployment of `name` in `environment`; None when there was none. Raises as `chain`."""
    found = chain(environment, name, evidences)
    return found[-1] if found else None


def goes_down(new: Evidence, before: Iterable[Evidence]) -> bool:
    """Whether `new` is a deployment of a version below that of the newest one in its chain in the log `before`."""
    if new.claim != "deploy":
        return False
    with suppress(VerificationFailed):
        found = deployments([new])[0]
        live = current(found.environment, found.name, before)
        return found.move == "down" and _is_below(found, live)
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
    if deployment.floor == floor and deployment.version >= floor:
        return
    raise VerificationFailed(
        "LG515",
        f"deployment {deployment.sequence} of {deployment.name} in {deployment.environment} goes below the floor",
        seen={"statement": deployment.evidence.digest, "version": deployment.version, "floor": floor},
        next="lockgate status",
    )


def _check_guard(deployment: Deployment, earlier: Sequence[Deployment]) -> None:
    approved = [one for one in earlier if one.evidence.role == "deployer" and one.manifest == deployment.manifest]
    before = earlier[-1] if earlier else None
    if (
        before is not None
        and deployment.move == "down"
        and _is_below(deployment, before)
        and deployment.floor == before.floor
        and any(_as_given(one) == _as_given(deployment) for one in approved)
    ):
        return
    raise VerificationFailed(
        "LG522",
        "the guard's key moved a model otherwise than down to an earlier approved version, as it was deployed then",
        seen={
            "statement": deployment.evidence.digest,
            "log_index": deployment.evidence.index,
            "move": deployment.move,
            "version": deployment.version,
            "rung": deployment.rung,
            "share": deployment.share,
        },
        next="lockgate status",
    )


def _as_given(one: Deployment) -> tuple[int, Digest, str, float]:
    return one.version, one.summary, one.rung, one.share


def _is_below(deployment: Deployment, before: Deployment | None) -> bool:
    return before is not None and deployment.version < before.version


def _check_words(deployment: Deployment, before: Deployment | None) -> None:
    if deployment.rung not in RUNGS:
        raise _untrue(deployment, f"is on the rung {deployment.rung!a}, which there is not")
    if deployment.move == "down" and not _is_below(deployment, before):
        raise _untrue(deployment, "says that it moves down, and does not")


def _untrue(deployment: Deployment, what: str) -> VerificationFailed:
    return VerificationFailed(
        "LG526",
        f"deployment {deployment.sequence} of {deployment.name} in {deployment.environment} {what}",
        seen={
            "statement": deployment.evidence.digest,
            "log_index": deployment.evidence.index,
            "rung": deployment.rung,
            "move": deployment.move,
            "version": deployment.version,
        },
        next="lockgate log verify",
    )
