"""Whose word counts for a model in an environment, and whether it is enough. Pure.

Asked when somebody approves, when a model is deployed, and by every loader: the deployer's key alone, which signs
that the policy was met, does not stand for approvals that are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lockgate.audit import entries
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.verdict import Level, Reason
from lockgate.trust.persons import distinct, fold

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.trust.policy import EnvironmentPolicy


def approvals_of(registration: Registration, environment: str, statements: Iterable[Evidence]) -> list[Evidence]:
    """The approvals that count: for this manifest, in this environment, given after it was registered, not withdrawn.

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
    approvals: Sequence[Evidence], trainer: Evidence, registration: Registration, policy: EnvironmentPolicy
) -> tuple[Reason, ...]:
    """Whether enough distinct persons approved. The same person twice is one; `trainer` is the train statement.

    An approval by the trainer's person breaks the rule `separation`; where that is enforced, it does not count.
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
    if len(persons) < policy.approvals and policy.weight("approvals") != "off":
        message = (
            f"{registration.ref} has {len(persons)} of the {policy.approvals} approvals that {policy.name} asks for"
        )
        seen: dict[str, object] = {"needed": policy.approvals, "persons": persons}
        following = f"lockgate approve {registration.ref} --env {policy.name}"
        reasons.append(policy.judge("approvals", False, Reason("LG512", Level.REFUSE, message, seen, following)))
    return tuple(reasons)


def _names(one: Evidence) -> tuple[str, ...]:
    return one.persons or (one.person,)


def _named(statements: Sequence[Evidence]) -> dict[str, str]:
    """Who signed, as they are named, by their fold."""
    return distinct(name for one in statements for name in _names(one))
