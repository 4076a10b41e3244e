"""On what a deployment stands: the policy of its time, people's words, waivers; and whether it still holds. Pure.

The deployer signs that a policy was met. What other people had to sign for that is looked at again by whoever loads:
the deployer's key alone stands for none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lockgate.audit import entries
from lockgate.audit.approvals import judge_approvals, named_approvals
from lockgate.audit.waivers import fault
from lockgate.core.digest import Digest
from lockgate.core.moments import rfc3339
from lockgate.core.verdict import Verdict
from lockgate.errors import Refused, Usage, VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.approvals import Automatic
    from lockgate.audit.entries import Deployment, Registration, Summary, Waiver
    from lockgate.audit.evidence import Evidence
    from lockgate.trust.policy import EnvironmentPolicy


def policy_at(index: int, statements: Sequence[Evidence]) -> Digest | None:
    """The digest of the policy in force at a log index: the subject of the newest policy statement before it.

    Raises VerificationFailed LG528 when the policies before it do not rise in version.
    """
    found = policy_statement_at(index, statements)
    return found.statement.subjects[0].digest if found else None


def policy_statement_at(index: int, statements: Sequence[Evidence]) -> Evidence | None:
    """The policy statement in force at a log index. Raises as `policy_at`."""
    before = [one for one in statements if one.claim == "policy" and one.index < index]
    versions = [one.predicate.get("version") for one in before]
    for older, newer, one in zip(versions, versions[1:], before[1:], strict=False):
        if type(older) is not int or type(newer) is not int or newer <= older:
            raise VerificationFailed(
                "LG528",
                f"policy version {newer} was put in force after version {older}",
                seen={"statement": one.digest, "log_index": one.index, "version": newer, "before": older},
                next="lockgate policy show",
            )
    return before[-1] if before else None


def environment_policy(statements: Sequence[Evidence], environment: str, index: int | None = None) -> EnvironmentPolicy:
    """What holds in `environment` now, or as it was at the log index `index`. `statements`: the whole log, in order.

    1. The policy in force is the newest one, and versions only rose.
    2. Its own table of the environment decides; what the table leaves out has its default.
    3. Where it knows the environment no longer, the newest policy that did decides: taking an environment out of
       policy.toml lets nothing more leave.

    Raises:
        VerificationFailed: LG524 no policy was ever signed, LG528 versions, LG841 malformed.
        Usage: LG843 no policy ever knew the environment.
    """
    from lockgate.trust.policy import Policy

    # 1.
    until = (statements[-1].index + 1 if statements else 0) if index is None else index
    newest = policy_statement_at(until, statements)
    if newest is None:
        raise VerificationFailed("LG524", "no policy was ever signed in this project", next="lockgate policy sign")
    # 2. and 3.
    for one in reversed(statements):
        if one.claim == "policy" and one.index < until:
            found = Policy.from_predicate(one.predicate).environments.get(environment)
            if found is not None:
                return found
    raise Usage(
        "LG843",
        f"no policy ever had an environment {environment}",
        seen={"environment": environment, "policy": newest.digest},
        next=f"add [environment.{environment}] to policy.toml, raise its version, then lockgate policy sign",
    )


def refuse_withdrawn(deployment: Deployment, statements: Sequence[Evidence]) -> None:
    """Raises Refused LG514 when a move, its summary, or an approval or waiver that the summary rests on is revoked.

    Any move of this model here under this summary: a further one under it, as the guard signs them, brings no move back
    that somebody took back.
    """
    known = {one.digest: one for one in statements}
    moves = {one.evidence.digest for one in moves_under(deployment, statements)}
    summary = known.get(deployment.summary)
    named = entries.summary(summary).inputs if summary is not None and summary.claim == "promote" else ()
    rests_on = {*moves, deployment.summary, *named}
    for revocation in entries.revocations(statements):
        for target in rests_on.intersection(revocation.targets):
            raise Refused(
                "LG514",
                f"the {known[target].claim if target in known else ''} statement on which {deployment.name}"
                f"@{deployment.version} is live in {deployment.environment} is revoked: {revocation.reason}",
                seen={"statement": target, "revocation": revocation.evidence.digest},
                next=f"lockgate deploy {deployment.name}@{deployment.version} --env {deployment.environment}",
            )


def moves_under(deployment: Deployment, statements: Sequence[Evidence]) -> list[Deployment]:
    """The moves of the same model in the same place under the same summary, oldest first; `deployment` among them."""
    place = (deployment.environment, deployment.name, deployment.manifest, deployment.summary)
    return [
        one
        for one in entries.deployments(statements)
        if (one.environment, one.name, one.manifest, one.summary) == place
    ]


def ruled_by(summary: Summary, statements: Sequence[Evidence]) -> EnvironmentPolicy:
    """The rules of its environment that were in force at a summary. Raises VerificationFailed LG524, LG841."""
    from lockgate.trust.policy import Policy

    said = policy_statement_at(summary.evidence.index, statements)
    environment = str(summary.evidence.predicate.get("environment"))
    policies = Policy.from_predicate(said.predicate).environments if said is not None else {}
    if environment not in policies:
        raise VerificationFailed(
            "LG524",
            f"the policy that was in force knows no environment {environment}",
            seen={"statement": summary.evidence.digest, "environment": environment},
            next="lockgate policy show",
        )
    return policies[environment]


def check_approved(
    summary: Summary,
    registration: Registration,
    trainer: Evidence,
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
    counted: Automatic | None = None,
) -> str:
    """The policy under which a summary was made asked for approvals: they are among what it rests on, or the model was
    shown then to be no worse, where that policy lets it count.

    What was compared, in that second case, in words. The deployer's key alone cannot say so. `counted`: what
    `audit.automatic.counted_at` finds. Raises VerificationFailed LG535.
    """
    named = named_approvals(summary, registration, policy.name, statements)
    reasons = judge_approvals(named, trainer, registration, policy, counted)
    for reason in Verdict(reasons).refusals:
        raise VerificationFailed(
            "LG535",
            f"the verification summary says PASSED, but {reason.message}",
            seen={"summary": summary.evidence.digest, **reason.seen},
            next=reason.next,
        )
    return counted.says if any(reason.finding == "LG555" for reason in reasons) and counted is not None else ""


def check_waivers(
    deployment: Deployment, summary: Summary, statements: Sequence[Evidence], now: datetime
) -> tuple[Waiver, ...]:
    """The waivers on which a deployment rests, each of which still holds.

    Raises Refused LG518 when one has expired, VerificationFailed LG519 when one never fitted.
    """
    found = tuple(entries.waivers(one for one in statements if one.digest in summary.inputs))
    for one in found:
        why = fault(one, environment=deployment.environment, manifest=deployment.manifest, now=now)
        if not why:
            continue
        expired = now >= one.expires
        error = Refused if expired else VerificationFailed
        raise error(
            "LG518" if expired else "LG519",
            f"{deployment.name}@{deployment.version} is live in {deployment.environment} by a waiver of {one.finding},"
            f" and {why}",
            seen={"waiver": one.evidence.digest, "finding": one.finding, "expires": rfc3339(one.expires)},
            next=f"lockgate deploy {deployment.name}@{deployment.version} --env {deployment.environment}",
        )
    return found
