"""The decisions of deployment, and the statements they become. Pure: time is an argument.

What the pipeline's statements must say is `audit.gate`'s question, asked by registration too. Here: who
approved, what may follow what, and where a rollback leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from lockgate.audit import entries
from lockgate.audit.deployments import revocation_of
from lockgate.audit.entries import Deployment, Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.load import refuse_revoked
from lockgate.core.digest import Digest
from lockgate.core.moments import rfc3339
from lockgate.core.statement import (
    APPROVAL,
    DEPLOYMENT,
    REVOCATION,
    VERIFICATION_SUMMARY,
    Statement,
    Subject,
    claim_uri,
    resource,
)
from lockgate.core.verdict import Level, Reason, Verdict
from lockgate.errors import Refused
from lockgate.trust.policy import EnvironmentPolicy


def approvals_of(registration: Registration, environment: str, statements: Iterable[Evidence]) -> list[Evidence]:
    """The approvals that count: for this manifest, in this environment, given after it was registered."""
    return [
        one.evidence
        for one in entries.approvals(statements)
        if (one.environment, one.manifest) == (environment, registration.manifest)
        and one.evidence.index > registration.evidence.index
    ]


def judge_approvals(
    approvals: Sequence[Evidence], trainer: Evidence, registration: Registration, policy: EnvironmentPolicy
) -> tuple[Reason, ...]:
    """Whether enough distinct persons approved. The same person twice is one; `trainer` is the train statement.

    An approval by the trainer's person breaks the rule `separation`; where that is enforced, it does not count.
    """
    apart = policy.separation == "enforce"
    own = [one for one in approvals if one.person == trainer.person]
    persons = sorted({one.person for one in approvals if not apart or one.person != trainer.person})
    reasons = []
    if own and policy.approvals and policy.separation != "off":
        word = "does not count" if apart else "is no second opinion"
        message = f"the approval by {trainer.person}, who trained {registration.ref}, {word}"
        reasons.append(Reason("LG513", Level.WARN, message, {"person": trainer.person}, "lockgate trust show"))
    if len(persons) < policy.approvals and policy.weight("approvals") != "off":
        message = (
            f"{registration.ref} has {len(persons)} of the {policy.approvals} approvals that {policy.name} asks for"
        )
        seen: dict[str, object] = {"needed": policy.approvals, "persons": persons}
        following = f"lockgate approve {registration.ref} --env {policy.name}"
        reasons.append(policy.judge("approvals", False, Reason("LG512", Level.REFUSE, message, seen, following)))
    return tuple(reasons)


def check_floor(registration: Registration, before: Deployment | None, floor: int | None) -> int:
    """The floor that the next deployment states. Raises Refused LG515 when it would sink, or the version is below."""
    in_force = before.floor if before else 1
    wanted = in_force if floor is None else floor
    if wanted < in_force or registration.version < wanted:
        raise Refused(
            "LG515",
            f"{registration.ref} is below the floor of {registration.name} here, which is {max(wanted, in_force)}",
            seen={"version": registration.version, "floor": in_force, "asked": wanted},
            next="lockgate models",
        )
    return wanted


def rollback_target(
    chain: Sequence[Deployment], wanted: Registration | None, statements: Sequence[Evidence]
) -> tuple[Deployment, Registration]:
    """The earlier deployment to return to, and its registration.

    It was made live by a deployer before, is not what is live now, is unrevoked, and is at or above the floor.
    Without `wanted`: the newest one for which all that holds.

    Raises:
        Refused: LG530 `wanted` was never live here; LG531 nothing to return to; LG514 revoked; LG515 the floor.
    """
    now = chain[-1]
    known = {one.manifest: one for one in entries.registrations(statements)}
    earlier = [one for one in reversed(chain[:-1]) if one.evidence.role == "deployer" and one.manifest != now.manifest]
    if wanted is not None:
        chosen = next((one for one in earlier if one.manifest == wanted.manifest), None)
        if chosen is None:
            why = "is live already" if wanted.manifest == now.manifest else "was never live"
            raise Refused(
                "LG530",
                f"{wanted.ref} {why} in {now.environment}",
                seen={"manifest": wanted.manifest, "environment": now.environment},
                next=f"lockgate deploy {wanted.ref} --env {now.environment}",
            )
        refuse_revoked(wanted, statements)
        check_floor(wanted, now, None)
        return chosen, wanted
    for one in earlier:
        registration = known.get(one.manifest)
        if registration and registration.version >= now.floor and revocation_of(registration, statements) is None:
            return one, registration
    raise Refused(
        "LG531",
        f"there is no earlier version of {now.name} in {now.environment} to return to",
        seen={"environment": now.environment, "floor": now.floor},
        next="lockgate models",
    )


def summary_statement(
    registration: Registration,
    environment: str,
    *,
    policy: Digest,
    inputs: Mapping[str, Digest],
    verdict: Verdict,
    now: datetime,
) -> Statement:
    """The verification summary (SLSA VSA v1). `inputs`: envelope digests of everything the verdict rests on."""
    predicate = {
        "verifier": {"id": claim_uri("promote")},
        "timeVerified": rfc3339(now),
        "environment": environment,
        "resourceUri": entries.resource_uri(environment, registration.name),
        "policy": {"uri": f"urn:lockgate:policy:{environment}", **_digest_set(policy)},
        "inputAttestations": [resource(name, digest) for name, digest in inputs.items()],
        "verificationResult": "PASSED" if verdict.passed else "FAILED",
        "verifiedLevels": [],
        "reasons": [reason.as_json() for reason in verdict.reasons],
    }
    return Statement((_subject(registration),), VERIFICATION_SUMMARY, predicate)


def deployment_statement(
    registration: Registration,
    environment: str,
    before: Deployment | None,
    *,
    summary: Digest,
    rung: str,
    floor: int,
    reason: str,
    now: datetime,
) -> Statement:
    """The deployment that follows `before`. It is a move down when it returns to a lower version."""
    down = before is not None and registration.version < before.version
    predicate = {
        "claim": claim_uri("deploy"),
        "time": rfc3339(now),
        "environment": environment,
        "name": registration.name,
        "version": registration.version,
        "manifest": registration.manifest,
        "sequence": before.sequence + 1 if before else 1,
        "predecessor": before.evidence.digest if before else None,
        "rung": rung,
        "share": 1.0,
        "vsa": summary,
        "floor": floor,
        "reason": reason,
        "move": "down" if down else "up",
    }
    return Statement((_subject(registration),), DEPLOYMENT, predicate)


def approval_statement(registration: Registration, environment: str, *, reason: str, now: datetime) -> Statement:
    """A person's word that this manifest may go live in this environment."""
    predicate = {
        "claim": claim_uri("approve"),
        "time": rfc3339(now),
        "environment": environment,
        "name": registration.name,
        "version": registration.version,
        "manifest": registration.manifest,
        "reason": reason,
    }
    return Statement((_subject(registration),), APPROVAL, predicate)


def revocation_statement(registration: Registration, *, reason: str, now: datetime) -> Statement:
    """The word that this manifest must not be used any more, anywhere."""
    predicate = {
        "claim": claim_uri("revoke"),
        "time": rfc3339(now),
        "name": registration.name,
        "version": registration.version,
        "manifest": registration.manifest,
        "reason": reason,
    }
    return Statement((_subject(registration),), REVOCATION, predicate)


def _subject(registration: Registration) -> Subject:
    return Subject(registration.ref, registration.manifest)


def _digest_set(digest: Digest) -> dict[str, dict[str, str]]:
    return {"digest": {"sha256": digest.removeprefix("sha256:")}}
