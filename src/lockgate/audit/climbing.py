"""Whether a policy knows the rung of a move, and lets the guard climb to it: asked by every loader. Pure.

That the guard had a deployer's authorisation is a matter of the chain (`audit.guarding`). Here is what the policy says
to it. The numbers that a climb tells are counted again by `verify`, from the log of predictions; a loader has only the
log of events, and asks that the guard told some, and that they are enough by its own word.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lockgate.audit import entries
from lockgate.audit.entries import LIVE
from lockgate.audit.guarding import why_no_climb
from lockgate.audit.standing import policy_at
from lockgate.audit.waivers import CLOCKS
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.moments import rfc3339
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.entries import Authorisation, Deployment, Summary
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.standings import Standing
    from lockgate.trust.policy import EnvironmentPolicy
    from lockgate.trust.policy_ladder import LadderPolicy, Rung


def rungs_of(ladder: LadderPolicy) -> tuple[tuple[str, float], ...]:
    """Name and share of each rung, `live` at the end, as an authorisation lists them."""
    return (*((rung.name, float(rung.share)) for rung in ladder.rungs), (LIVE, 1.0))


def check_rung(deployment: Deployment, policy: EnvironmentPolicy) -> None:
    """Raises VerificationFailed LG547 for a rung, or a share, that the policy of a move's summary does not declare."""
    known = rungs_of(policy.ladder)
    if (deployment.rung, deployment.share) in known:
        return
    raise VerificationFailed(
        "LG547",
        f"{deployment.name}@{deployment.version} is on {deployment.rung} with the share {deployment.share:g} in"
        f" {deployment.environment}, and the policy under which it was moved declares no such rung",
        seen={"statement": deployment.evidence.digest, "rungs": [f"{name} {share:g}" for name, share in known]},
        next=f"lockgate deploy {deployment.name}@{deployment.version} --env {deployment.environment}",
    )


def check_climbed(
    deployment: Deployment, summary: Summary, policy: EnvironmentPolicy, statements: Sequence[Evidence]
) -> None:
    """What the guard moved up on an authorisation, the policy lets climb. Raises VerificationFailed LG522.

    1. The policy of its summary is the one that was in force at the move, and the one that was authorised.
    2. It lets models climb on an authorisation, for so long, and these are its rungs.
    3. The move tells numbers, by which the rung that it leaves had its evidence and no check alarmed.
    4. The longest wait of that rung was not over when the log took the move: after it only a person moves the model.
    """
    if deployment.authorisation is None:
        return
    said = next(one for one in statements if one.digest == deployment.authorisation)
    authorisation = entries.authorisation(said)
    # 1.
    fault = ""
    if {summary.policy, authorisation.policy} != {policy_at(deployment.evidence.index, statements)}:
        fault = "another policy was in force than the one that was authorised"
    # 2.
    fault = fault or why_not_authorised(authorisation, policy)
    # 3.
    fault = fault or _why_too_early(deployment, authorisation, policy)
    # 4.
    fault = fault or _why_too_late(deployment, authorisation, policy, statements)
    if fault:
        raise VerificationFailed(
            "LG522",
            f"the guard's key moved a model up, and {fault}",
            seen={"statement": deployment.evidence.digest, "authorisation": deployment.authorisation},
            next="lockgate status",
        )


def why_not_authorised(authorisation: Authorisation, policy: EnvironmentPolicy) -> str:
    """Why a policy does not take an authorisation, in a sentence; "" when it does."""
    ladder = policy.ladder
    if ladder.climb != "authorised":
        return f"the policy of {policy.name} lets no model climb unattended"
    longest = timedelta(days=ladder.longest_authorisation)
    if authorisation.expires - authorisation.evidence.said_at > longest + CLOCKS:
        return f"the authorisation lasts until {rfc3339(authorisation.expires)}, longer than {longest.days} days"
    if authorisation.rungs != rungs_of(ladder):
        return "the authorisation lists other rungs than the policy"
    return ""


def authorisation_for(
    standing: Standing, policy: EnvironmentPolicy, statements: Sequence[Evidence], now: datetime
) -> tuple[Authorisation | None, str]:
    """The newest authorisation on which the guard may move the candidate of `standing` up now, or why there is none.

    `policy`: the rules of the candidate's summary. That it is in force still is asked too.
    """
    gone, in_force = withdrawn(statements), policy_at(statements[-1].index + 1, statements)
    why = ""
    for one in reversed([one for one in statements if (one.claim, one.role) == ("authorise", "deployer")]):
        found = entries.authorisation(one)
        candidate = standing.candidate
        if candidate is None or (found.environment, found.manifest) != (candidate.environment, candidate.manifest):
            continue
        flaw = why_no_climb(found, standing) or why_not_authorised(found, policy)
        if not flaw and gone.hits(one):
            flaw = "the authorisation was revoked"
        if not flaw and now >= found.expires:
            flaw = f"the authorisation expired at {rfc3339(found.expires)}"
        if not flaw and found.policy != in_force:
            flaw = "another policy is in force than the one that was authorised"
        flaw = flaw or _why_over(candidate, policy, now)
        if not flaw:
            return found, ""
        # Of several, the newest is what a person thinks of.
        why = why or flaw
    return None, why or "no deployer has authorised it"


def _why_too_early(deployment: Deployment, authorisation: Authorisation, policy: EnvironmentPolicy) -> str:
    checks = deployment.checks
    if checks is None:
        return "told no numbers"
    left = _left(deployment, authorisation, policy)
    if _number(checks.get("rows")) < left.rows or _number(checks.get("labels")) < left.labels:
        return f"told fewer rows or labels than the rung {left.name} asks for"
    results = checks.get("results")
    if not isinstance(results, list) or any(not _quiet(one) for one in results):
        return "told of a check that alarmed"
    return ""


def _why_too_late(
    deployment: Deployment, authorisation: Authorisation, policy: EnvironmentPolicy, statements: Sequence[Evidence]
) -> str:
    since = next(one.time for one in statements if one.digest == deployment.predecessor)
    return _why_waited(_left(deployment, authorisation, policy), deployment.evidence.time - since)


def _why_over(candidate: Deployment, policy: EnvironmentPolicy, now: datetime) -> str:
    """The same for a step that is to be made; its rung is of the policy, or no loader has a candidate."""
    if candidate.rung not in policy.ladder.names:
        return f"the policy has no rung {candidate.rung}"
    return _why_waited(policy.ladder.rung(candidate.rung), now - candidate.evidence.time)


def _why_waited(rung: Rung, waited: timedelta) -> str:
    if waited <= timedelta(seconds=rung.wait):
        return ""
    return f"the longest wait on {rung.name} is over, after which a person moves it"


def _left(deployment: Deployment, authorisation: Authorisation, policy: EnvironmentPolicy) -> Rung:
    """The rung that a climb leaves; the authorisation's rungs are the policy's."""
    names = [name for name, _ in authorisation.rungs]
    return policy.ladder.rung(names[names.index(deployment.rung) - 1])


def _number(value: Any) -> int:
    return value if type(value) is int else -1


def _quiet(result: Any) -> bool:
    return isinstance(result, dict) and result.get("alarm") is False
