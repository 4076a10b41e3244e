"""Rules about the rows: how many the contract refused, and what the poisoning screen found. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lockgate.audit.gate import facts
from lockgate.audit.gate.asked import Asked, broken
from lockgate.core.verdict import Reason

_SCREEN = "lockgate validate   # a version of Lockgate with the poisoning screen states it"


def max_quarantined_share(asked: Asked) -> Iterator[Reason]:
    """LG432: too many rows were refused, or the statement does not say how many."""
    validate, most = asked.get("validate"), asked.policy.max_quarantined_share
    if validate is None:
        return
    share = facts.quarantined_share(validate)
    if share is None or share > most:
        seen = "it is not stated how many rows" if share is None else f"{share:.2%} of the rows"
        message = f"{seen} were refused by the contract; {asked.place} allows {most:.2%}"
        following = "lockgate validate   # after mending the data or the contract"
        yield broken("LG432", message, seen=share, wanted=f"at most {most:g}", following=following)


def max_screen_findings(asked: Asked) -> Iterator[Reason]:
    """LG446: the screen found more than allowed, or did not run."""
    most = asked.policy.max_screen_findings
    if most is None:
        return
    validate = asked.get("validate")
    found = None if validate is None else facts.screen_findings(validate)
    wanted = f"at most {most}"
    if found is None:
        message = f"the validate statement states no poisoning screen; {asked.place} asks for one"
        yield broken("LG446", message, seen=None, wanted=wanted, following=_SCREEN)
    elif len(found) > most:
        message = f"the poisoning screen has {len(found)} findings; {asked.place} allows {most}"
        yield broken("LG446", message, seen=list(found[:20]), wanted=wanted, following=f"lockgate explain {found[0]}")


def max_flagged_share(asked: Asked) -> Iterator[Reason]:
    """LG447: the screen flagged too many rows, or did not run."""
    most = asked.policy.max_flagged_share
    if most is None:
        return
    validate = asked.get("validate")
    share = None if validate is None else facts.flagged_share(validate)
    if share is None or share > most:
        seen = "it is not stated how many rows" if share is None else f"{share:.2%} of the accepted rows"
        message = f"{seen} were flagged by the poisoning screen; {asked.place} allows {most:.2%}"
        following = _SCREEN if share is None else "lockgate explain LG447"
        yield broken("LG447", message, seen=share, wanted=f"at most {most:g}", following=following)
