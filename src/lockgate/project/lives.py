"""What is live, and what is waived, in lines for people. Pure."""

from __future__ import annotations

from datetime import datetime

from lockgate.audit import waivers
from lockgate.audit.entries import Waiver
from lockgate.core.moments import age, rfc3339
from lockgate.deploy.spec import Live
from lockgate.project.ladder_lines import ladder_lines


def live_lines(one: Live, now: datetime) -> tuple[str, ...]:
    """What is live under one name in one environment: its floor, what a loader would refuse, when a waiver ends it; and
    who is on the ladder beside it.
    """
    floor = f", floor {one.floor}" if one.floor > 1 else ""
    problem = f"   ! {one.problem}" if one.problem else ""
    first = f"{one.environment}: {one.name}@{one.version} since {rfc3339(one.since)}{floor}{problem}"
    return (
        first,
        *(
            f"  ! answered from for {age(now, each.expires)} more, until {rfc3339(each.expires)}: then the waiver of"
            f" {each.finding} ends"
            for each in one.waivers
        ),
        *ladder_lines(one, now),
    )


def waiver_in_words(one: Waiver, now: datetime) -> str:
    """A waiver that holds, with its log entry, and how long it still does."""
    return f"{one.environment}: {waivers.words(one)}   log entry {one.evidence.index}, {age(now, one.expires)} left"
