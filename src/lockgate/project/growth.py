"""How fast a project's log grows, how long its disk lasts, and what ends when. Pure.

The figures are read from files that nobody verified for this: they help to plan, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockgate.core.moments import rfc3339

DAY = 86400.0
LEAST_SECONDS = 3600.0
"""A log that is younger has no rate yet."""
SOON_DAYS = 60.0


@dataclass(frozen=True)
class Growth:
    """The predictions log. `records_per_day`, `bytes_per_day` (of log and payloads): over the last day, or since the
    first record where that is less ago; None while it is too early to say. `days_left`: until the disk is full at that
    rate; None where it does not grow. `unsealed`: records in the spool and not in the log; `left_behind`: spools of
    gateways that ended, of which nothing more is known here.
    """

    records: int
    records_per_day: float | None
    bytes_per_day: float | None
    free_bytes: int
    days_left: float | None
    unsealed: int = 0
    left_behind: int = 0

    def line(self) -> str:
        """For a person."""
        rate = "too early to say how fast it grows"
        if self.records_per_day is not None and self.bytes_per_day is not None:
            rate = f"{self.records_per_day:,.0f} records and {in_bytes(self.bytes_per_day)} a day"
        full = f", full in {_days(self.days_left)}" if self.days_left is not None else ""
        waiting = f"; {self.unsealed:,} wait for the sealer" if self.unsealed else ""
        behind = f"; {self.left_behind} spools of gateways that ended" if self.left_behind else ""
        return f"{self.records:,} records, {rate}; disk: {in_bytes(self.free_bytes)} free{full}{waiting}{behind}"


@dataclass(frozen=True)
class End:
    """Something that is valid until `at` (RFC 3339); `days` from now, below 0 when it has ended."""

    what: str
    at: str
    days: float

    def line(self) -> str:
        """For a person."""
        return f"{self.what} ended at {self.at}" if self.days < 0 else f"{self.what} ends in {_days(self.days)}"


def growth(
    *,
    records: int,
    new_records: int,
    new_bytes: float,
    seconds: float,
    free_bytes: int,
    unsealed: int = 0,
    left_behind: int = 0,
) -> Growth:
    """`new_records`, `new_bytes`: of the last `seconds`."""
    if seconds < LEAST_SECONDS:
        return Growth(records, None, None, free_bytes, None, unsealed, left_behind)
    bytes_per_day = new_bytes * DAY / seconds
    left = free_bytes / bytes_per_day if bytes_per_day > 0 else None
    return Growth(records, new_records * DAY / seconds, bytes_per_day, free_bytes, left, unsealed, left_behind)


def first_since(count: int, time_of: Callable[[int], float], since: float) -> int:
    """The first of `count` things, whose times ascend, at or after `since`; `count` when there is none."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if time_of(middle) < since:
            low = middle + 1
        else:
            high = middle
    return low


def ends(found: Iterable[tuple[str, datetime]], now: datetime) -> tuple[End, ...]:
    """The soonest first."""
    return tuple(
        End(what, rfc3339(at), (at - now).total_seconds() / DAY)
        for what, at in sorted(found, key=lambda one: (one[1], one[0]))
    )


def soon(found: Sequence[End]) -> tuple[End, ...]:
    """Those that ended, or end within 60 days."""
    return tuple(one for one in found if one.days < SOON_DAYS)


def in_bytes(count: float) -> str:
    """`1.2 GiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def _days(days: float) -> str:
    if days < 1:
        return "less than a day"
    return "1 day" if days < 2 else f"{int(days):,} days" if days < 3650 else "more than ten years"
