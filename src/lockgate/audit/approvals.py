"""Whose word counts for a model in an environment, and whether it is enough. Pure.

Asked when somebody approves, when a model is deployed, and by every loader: the deployer's key alone, which signs
that the policy was met, does not stand for approvals that are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.audit import entries
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.verdict import Level, Reason
from lockgate.trust.persons import distinct, fold

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration, Summary
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.imports import Import
    from lockgate.core.digest import Digest
    from lockgate.trust.policy import EnvironmentPolicy


@dataclass(frozen=True)
class Automatic:
    """Whether approvals count as given without persons, as `audit.automatic` finds.

    Attributes:
        why_not: a sentence; "" when they do.
        says: what was compared, in words.
        rests_on: the judge's statements about the live model, which the verification summary names: revoked, they
            take the move down.
    """

    why_not: str
    says: str = ""
    rests_on: tuple[Digest, ...] = ()


def approvals_of(
    registration: Registration | Import, environment: str, statements: Iterable[Evidence]
) -> list[Evidence]:
    """The approvals that count: for this manifest, in this environment, given after it came in, not withdrawn.

    One is withdrawn when it was revoked itself, or when the roles file in force revokes the key that signed it.
    """
    known = list(statements)
    gone = withdrawn(known)
    return [
        one.evidence
        for one in entries.approvals(known)
        if (one.environment, one.manifest) == (environment, registration.manifest)
        and one.evidence.index > registration.evidence.index
        and not gone.hits(one.evidence)
    ]


def named_approvals(
    summary: Summary, registration: Registration, environment: str, statements: Iterable[Evidence]
) -> list[Evidence]:
    """The approvals for this manifest in this environment that a verification summary names."""
    return [
        one.evidence
        for one in entries.approvals(one for one in statements if one.digest in summary.inputs)
        if (one.environment, one.manifest) == (environment, registration.manifest)
        and one.evidence.index > registration.evidence.index
    ]


def persons_of(approvals: Sequence[Evidence], trainer: Evidence, policy: EnvironmentPolicy) -> tuple[str, ...]:
    """The distinct persons whose approval counts, as they are named; where separation is enforced, not who trained."""
    own = signers(trainer) if policy.separation == "enforce" else frozenset()
    return tuple(sorted(name for person, name in _named(approvals).items() if person not in own))


def signers(one: Evidence) -> frozenset[str]:
    """The persons who signed a statement, each once, with however many keys and spellings: by their fold."""
    return frozenset(map(fold, _names(one)))


def missing(approvals: Sequence[Evidence], trainer: Evidence, policy: EnvironmentPolicy) -> int:
    """How many further persons must approve."""
    return max(0, policy.approvals - len(persons_of(approvals, trainer, policy)))


def judge_approvals(
    approvals: Sequence[Evidence],
    trainer: Evidence,
    registration: Registration,
    policy: EnvironmentPolicy,
    counted: Automatic | None = None,
) -> tuple[Reason, ...]:
    """Whether enough distinct persons approved. The same person twice is one; `trainer` is the train statement.

    An approval by the trainer's person breaks the rule `separation`; where that is enforced, it does not count.

    Args:
        counted: whether the missing ones count as given; None where the policy says nothing of that.
    """
    apart = policy.separation == "enforce"
    named = _named(approvals)
    own = sorted(named[person] for person in signers(trainer).intersection(named))
    persons = list(persons_of(approvals, trainer, policy))
    reasons = []
    if own and policy.approvals and policy.separation != "off":
        word = "does not count" if apart else "is no second opinion"
        message = f"the approval by {own[0]}, who trained {registration.ref}, {word}"
        reasons.append(Reason("LG513", Level.WARN, message, {"person": own[0]}, "lockgate trust show"))
    lacking = len(persons) < policy.approvals and policy.weight("approvals") != "off"
    if lacking and counted is not None and not counted.why_not:
        message = f"approved automatically: {counted.says}"
        reasons.append(Reason("LG555", Level.NOTE, message, {"rests_on": list(counted.rests_on)}))
    elif lacking:
        message = (
            f"{registration.ref} has {len(persons)} of the {policy.approvals} approvals that {policy.name} asks for"
        )
        seen: dict[str, object] = {"needed": policy.approvals, "persons": persons}
        if counted is not None:
            message = f"{message}; not approved automatically: {counted.why_not}"
            seen["automatic"] = counted.why_not
        following = f"lockgate approve {registration.ref} --env {policy.name}"
        reasons.append(policy.judge("approvals", False, Reason("LG512", Level.REFUSE, message, seen, following)))
    return tuple(reasons)


def _names(one: Evidence) -> tuple[str, ...]:
    return one.persons or (one.person,)


def _named(statements: Sequence[Evidence]) -> dict[str, str]:
    """Who signed, as they are named, by their fold."""
    return distinct(name for one in statements for name in _names(one))
