"""Break-glass: a signed, expiring word that one finding shall not refuse in one environment. Pure.

What a policy says of a model's facts can be waived, because a person may know better for a few days. What makes
evidence evidence cannot: no waiver stands in for a statement, an approval, a revocation or a failed verification.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from lockgate.audit import entries
from lockgate.audit.approvals import signers
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.moments import rfc3339
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused

if TYPE_CHECKING:
    from lockgate.audit.entries import Waiver
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest
    from lockgate.trust.policy import EnvironmentPolicy

LONGEST: Final = timedelta(days=30)
"""The longest time for which a finding can be waived. What is needed for longer belongs into the policy."""

CLOCKS: Final = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""

WAIVABLE: Final[Mapping[str, str]] = {
    "LG358": "known vulnerabilities in the environment",
    "LG359": "the age of the database of known vulnerabilities",
    "LG432": "the share of rows that the contract refused",
    "LG433": "the isolation level of a jail, from level 1 on",
    "LG434": "a metric's bounds",
    "LG435": "the age of a statement",
    "LG437": "what training tried to reach and was denied",
    "LG446": "what the screen for poisoned data found",
    "LG447": "the share of rows that the screen flagged",
    "LG448": "a metric's bounds on a slice",
    "LG449": "how robust the model is",
    "LG450": "how far it may fall behind the model that is live",
    "LG452": "a licence that the policy does not allow",
    "LG453": "a package whose licence nobody knows",
}
"""The closed list of what can be waived: facts that a policy asks for."""

_THREAT: Final = re.compile(r"LT[0-9]{2}")
"""A threat of the catalogue: its risk can be taken for a while, which changes what `threats` tells and nothing else."""

NEVER: Final[Mapping[str, str]] = {
    "LG431": "a statement that is missing proves nothing, and no word of a person takes its place",
    "LG436": "evidence that was revoked is wrong, not merely outside of bounds",
    "LG445": "no word of another person stands in for the signature that the policy names",
    "LG512": "an approval is given by approving: lockgate approve",
    "LG513": "separation of persons is what keeps one person from deciding alone",
    "LG514": "a revocation is for good",
    "LG515": "the floor keeps out what was left for a reason",
}
"""What people will try to waive, and why it cannot be. What stands in neither list cannot be waived either."""


def refusal(finding: str) -> str:
    """Why `finding` cannot be waived, in a sentence; "" when it can."""
    if what(finding):
        return ""
    return NEVER.get(finding, "it is no fact that a policy asks for; what fails to verify is never waived")


def what(finding: str) -> str:
    """What a waiver of `finding` is about, in a few words; "" when it cannot be waived."""
    return "the risk of a threat" if is_threat(finding) else WAIVABLE.get(finding, "")


def is_threat(finding: str) -> bool:
    """Whether it is the id of a threat: `LT14`. Which ones there are is in the catalogue."""
    return _THREAT.fullmatch(finding) is not None


def check_waivable(finding: str) -> None:
    """Raises Refused LG516."""
    why = refusal(finding)
    if why:
        raise Refused(
            "LG516",
            f"{finding} cannot be waived: {why}",
            seen={"finding": finding, "can_be_waived": [f"{known}: {words}" for known, words in WAIVABLE.items()]},
            next=f"lockgate explain {finding}",
        )


def fault(waiver: Waiver, *, environment: str, manifest: Digest | None, now: datetime) -> str:
    """Why a waiver does not hold here and now, in a sentence; "" when it does.

    1. It is for this environment, and for this model or for every one.
    2. Its finding can be waived.
    3. It is not of the future, and not longer than a waiver may be, counted from when it was given.
    4. It has not expired.
    """
    # 1.
    if waiver.environment != environment or waiver.manifest not in (None, manifest):
        return "it is for another environment or model"
    # 2.
    why = refusal(waiver.finding)
    if why:
        return why
    # 3.
    given = waiver.evidence.said_at
    if given > now + CLOCKS:
        return "it is dated in the future"
    if waiver.expires - given > LONGEST + CLOCKS:
        return f"it is longer than {LONGEST.days} days"
    # 4.
    return f"it expired at {rfc3339(waiver.expires)}" if now >= waiver.expires else ""


def in_force(
    statements: Iterable[Evidence], policy: EnvironmentPolicy, now: datetime, *, trainer: Collection[str] = ()
) -> tuple[Waiver, ...]:
    """The waivers that hold now in the environment of `policy`, each for the model that it names, or for all.

    Args:
        trainer: the `signers` of the train statement; where separation is enforced, what they waive does not count.
    """
    known = list(statements)
    gone = withdrawn(known)
    apart = policy.separation == "enforce"
    return tuple(
        one
        for one in entries.waivers(known)
        if not fault(one, environment=policy.name, manifest=one.manifest, now=now)
        and not gone.hits(one.evidence)
        and not (apart and signers(one.evidence).intersection(trainer))
    )


def apply(
    reasons: Sequence[Reason],
    waivers: Sequence[Waiver],
    *,
    environment: str,
    manifest: Digest | None,
    now: datetime,
) -> tuple[tuple[Reason, ...], tuple[Waiver, ...]]:
    """The reasons, of which those that are waived only warn and say until when and by whom; and the waivers used.

    `manifest`: None for a model that is not registered yet, for which no waiver of one model can hold.
    """
    used: dict[Digest, Waiver] = {}
    told = []
    for reason in reasons:
        fits = [
            one
            for one in waivers
            if one.finding == reason.finding
            and not fault(one, environment=environment, manifest=manifest, now=now)
            and _within_reach(reason)
        ]
        if reason.level is not Level.REFUSE or not fits:
            told.append(reason)
            continue
        best = max(fits, key=lambda one: one.expires)
        used[best.evidence.digest] = best
        told.append(_waived(reason, best))
    return tuple(told), tuple(used.values())


def words(waiver: Waiver) -> str:
    """One line: `LG434 (a metric's bounds) until 2026-12-01T00:00:00Z by mara: the holiday, see #12`."""
    about = "" if waiver.manifest is None else f" for {waiver.evidence.statement.subjects[0].name}"
    told = what(waiver.finding) or "cannot be waived"
    until, person = rfc3339(waiver.expires), waiver.evidence.person
    return f"{waiver.finding} ({told}){about} until {until} by {person}: {waiver.reason}"


def _within_reach(reason: Reason) -> bool:
    """A jail that proves no level at all is not a weaker jail, it is none: that is never waived."""
    level = reason.seen.get("level", reason.seen.get("seen"))
    return reason.finding != "LG433" or (type(level) is int and level >= 1)


def _waived(reason: Reason, waiver: Waiver) -> Reason:
    until, person = rfc3339(waiver.expires), waiver.evidence.person
    return replace(
        reason,
        level=Level.WARN,
        message=f"{reason.message}; waived until {until} by {person}: {waiver.reason}",
        seen={**reason.seen, "waiver": waiver.evidence.digest, "waived_until": until, "waived_by": person},
    )
