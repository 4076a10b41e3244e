"""Rules about the jails: how well they held, and what the training code tried. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lockgate.audit.gate import facts
from lockgate.audit.gate.asked import Asked, broken
from lockgate.core.verdict import Reason
from lockgate.trust.policy_rules import CLAIMS


def min_jail_level(asked: Asked) -> Iterator[Reason]:
    """LG433: a jail of any stage proves less than the policy asks for."""
    least = asked.policy.min_jail_level
    for claim in CLAIMS:
        one = asked.get(claim)
        level = None if one is None else facts.jail_level(one)
        if one is not None and (level is None or level < least):
            seen = "no level at all" if level is None else f"level {level}"
            message = f"the jail of {claim} proves {seen}; {asked.place} asks for {least}"
            yield broken(
                "LG433", message, seen=level, wanted=f"at least {least}", claim=claim, following="lockgate doctor"
            )


def max_denied_attempts(asked: Asked) -> Iterator[Reason]:
    """LG437: the training code tried too often to get out, or the statement does not say."""
    train, most = asked.get("train"), asked.policy.max_denied_attempts
    if train is None:
        return
    attempts = facts.denied(train)
    if attempts is None or len(attempts) > most:
        tried = (
            "nobody states whether the training code tried"
            if attempts is None
            else (f"the training code tried {len(attempts)} time(s)")
        )
        message = f"{tried} to reach what the jail does not give; {asked.place} allows {most}"
        yield broken("LG437", message, seen=attempts and attempts[:20], wanted=f"at most {most}")
