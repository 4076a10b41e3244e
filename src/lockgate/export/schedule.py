"""When a schedule runs, said once and written in the two ways that systemd and GitHub read. Pure.

    hourly, daily, weekly, monthly       at a minute of the project's own, so that not all projects run at once
    Mon..Fri 03:30, *-*-01 04:00         systemd: days of the week, of the month, hours and minutes
    30 3 * * 1-5                         a workflow: five fields of cron, in UTC

Only what is surely one moment or several is let through: both readers take far more than people mean.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from lockgate.core.shown import visible
from lockgate.errors import Usage

WORDS: Final = ("hourly", "daily", "weekly", "monthly")

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_DAYS = rf"{_DAY}(?:\.\.{_DAY})?(?:,{_DAY}(?:\.\.{_DAY})?)*"
_DATE = r"\*-\*-(?:\*|\d\d(?:,\d\d)*)"
_HOURS = r"(?:\*|\d\d(?:/\d{1,2})?(?:,\d\d)*)"
_CALENDAR: Final = re.compile(
    rf"(?:(?P<days>{_DAYS}) )?(?:(?P<date>{_DATE}) )?(?P<hours>{_HOURS}):(?P<minute>\d\d)(?::00)?"
)
_FIELD: Final = re.compile(r"\*(?:/(?P<every>\d{1,2}))?|(?P<list>\d{1,2}(?:-\d{1,2})?(?:,\d{1,2}(?:-\d{1,2})?)*)")
_RANGES: Final = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))


def calendar(text: str, name: str) -> str:
    """An OnCalendar expression for `text`; `name` chooses the minute of a word. Raises Usage LG556."""
    minute, hour = _own(name)
    words = {
        "hourly": f"*:{minute:02}",
        "daily": f"*-*-* {hour:02}:{minute:02}",
        "weekly": f"Mon {hour:02}:{minute:02}",
        "monthly": f"*-*-01 {hour:02}:{minute:02}",
    }
    if text in words:
        return words[text]
    match = _CALENDAR.fullmatch(text)
    if match is None:
        raise _unclear(text, "a time of systemd", "Mon..Fri 03:30")
    days = re.findall(r"\d\d", match["date"] or "")
    hours, step = re.findall(r"\d\d(?=,|$|/)", match["hours"]), re.search(r"/(\d+)", match["hours"])
    fits = all(1 <= int(day) <= 28 for day in days) and all(int(hour) <= 23 for hour in hours)
    if not fits or int(match["minute"]) > 59 or (step and not 1 <= int(step[1]) <= 23):
        raise _unclear(text, "a time of systemd, with days to 28, hours to 23 and minutes to 59", "*-*-01 04:00")
    return text


def cron(text: str, name: str) -> str:
    """Five fields of cron for `text`, in UTC; `name` chooses the minute of a word. Raises Usage LG556.

    The minute is one number: a workflow that trains runs once an hour at most.
    """
    minute, hour = _own(name)
    words = {
        "hourly": f"{minute} * * * *",
        "daily": f"{minute} {hour} * * *",
        "weekly": f"{minute} {hour} * * 1",
        "monthly": f"{minute} {hour} 1 * *",
    }
    if text in words:
        return words[text]
    fields = text.split(" ")
    if len(fields) != len(_RANGES) or not fields[0].isdecimal() or not all(map(_fits, fields, _RANGES)):
        raise _unclear(text, "five fields of cron, the first one number", "30 3 * * 1-5")
    return text


def _fits(field: str, bounds: tuple[str, int, int]) -> bool:
    match = _FIELD.fullmatch(field)
    if match is None or not field.isascii():
        return False
    _, least, most = bounds
    if match["every"]:
        return 1 <= int(match["every"]) <= most
    ends = [[int(end) for end in part.split("-")] for part in (match["list"] or "").split(",") if part]
    return all(least <= part[0] <= part[-1] <= most for part in ends)


def _own(name: str) -> tuple[int, int]:
    """A minute that is no full, half or quarter hour, and an hour of the night, by the project's name."""
    digest = hashlib.sha256(name.encode()).digest()
    return (digest[0] % 14) + 15 * (digest[1] % 4) + 1, 1 + digest[2] % 5


def _unclear(text: str, what: str, such_as: str) -> Usage:
    return Usage(
        "LG556",
        f'"{visible(text[:80])}" is neither {", ".join(WORDS)} nor {what}',
        seen={"every": text[:80]},
        next=f'--every "{such_as}"',
    )
