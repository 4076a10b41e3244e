"""What one gateway holds of one limit: rows that it may spend without asking. Pure: times come as arguments.

A slice starts small and doubles while it is used up before it runs out, so that a client who asks seldom holds
little, and one who asks all the time costs the server a call per slice and not per request.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from lockgate.serve.shared import scripts
from lockgate.serve.shared.replies import numbers
from lockgate.serve.shared.scripts import Script

RATE_LIFE, BUDGET_LIFE = 0.5, 5.0
"""Seconds for which a slice may be spent; what is left then is given back."""
PAUSE_SECONDS = 0.002
"""After a fetch that gave less than was asked: who is above a limit asks the server no more often than this."""
SLICE_SECONDS = 0.05
BURST_SHARE = 16
BUDGET_SHARE = 64
MOST_BUDGET = 1024
_FRESH = 0.25
_MICROSECONDS = 1e6


class Lease(ABC):
    """Rows in hand, and what the server said last. `name`: its key without the prefix.

    `asked`: rows of a fetch under way, 0 when there is none. `late`: until when no answer is waited for, after one that
    did not come or was a refusal.
    """

    __slots__ = (
        "asked",
        "heard_at",
        "late",
        "least",
        "left",
        "life",
        "name",
        "pause",
        "serial",
        "size",
        "until",
        "used_at",
    )
    script: Script

    def __init__(self, name: str, life: float) -> None:
        self.name = name
        self.life = life
        self.left = 0
        self.until = 0.0
        self.size = 1
        self.asked = 0
        self.least = 0
        self.serial = 0
        self.late = 0.0
        self.heard_at = -math.inf
        self.pause = 0.0
        self.used_at = 0.0

    @property
    @abstractmethod
    def most(self) -> int:
        """The largest slice."""

    @abstractmethod
    def limits(self) -> Sequence[float]:
        """The script's arguments after what is wanted."""

    @abstractmethod
    def stands(self, number: int) -> None:
        """Take the second number of an answer. Raises ValueError when no such limit can have it."""

    @abstractmethod
    def wait(self, rows: int, now: float) -> float:
        """Seconds until the server may grant `rows`, by its last word; 0 when it may now, or that word is old."""

    def holds(self, rows: int, now: float) -> bool:
        """Whether `rows` can be spent without asking."""
        return self.left >= rows and now < self.until

    def spend(self, rows: int, now: float) -> bool:
        """Spend what `holds`; whether it is time to fetch the next slice."""
        self.left -= rows
        self.used_at = now
        return not self.asked and self.size > 1 and self.left < self.size // 2 and not self.wait(1, now)

    def wanted(self, rows: int, now: float) -> int:
        """How much to ask for, where `rows` are waited for: the slice grows while slices are used up in their time."""
        if now < self.until:
            self.size = min(self.size * 2, self.most)
        elif now >= self.until + self.life:
            self.size = 1
        return max(rows, min(self.size, self.most))

    def arguments(self, want: int, least: int) -> tuple[bytes, ...]:
        """All arguments of the script."""
        return numbers((want, least, *self.limits()))

    def heard(self, granted: int, stands: int, asked_at: float, now: float) -> None:
        """Take the server's answer to a fetch. Raises ValueError when it grants what was not asked."""
        if granted and not self.least <= granted <= self.asked:
            raise ValueError("the server of the shared limits granted what nobody asked for")
        self.heard_at = now
        self.pause = now + PAUSE_SECONDS if granted < self.asked else 0.0
        self.stands(stands)
        if now >= self.until:
            self.left = 0
        if granted:
            self.left += granted
            self.until = asked_at + self.life
        self.asked = 0
        self.late = 0.0

    def expired(self, now: float) -> int:
        """What is to be given back: a slice whose time is over, or nothing."""
        if now < self.until or not self.left:
            return 0
        back, self.left = self.left, 0
        self.size = max(1, self.size // 2)
        return back

    def useless(self, rows: int, now: float) -> int:  # noqa: ARG002 - a budget looks at the rows
        """What is to be given back before `rows` are asked for."""
        return self.expired(now)


class RateLease(Lease):
    """Of a rate in rows a second and a burst in rows."""

    __slots__ = ("ahead", "burst", "rate")
    script = scripts.RATE

    def __init__(self, name: str, rate: float, burst: int) -> None:
        super().__init__(name, RATE_LIFE)
        self.rate, self.burst = rate, burst
        self.ahead = 0.0

    @property
    def most(self) -> int:
        """What the rate gives in 50 ms, or a sixteenth of the burst, whichever is more; never above the burst."""
        return max(1, min(self.burst, max(math.floor(self.rate * SLICE_SECONDS), self.burst // BURST_SHARE)))

    def limits(self) -> Sequence[float]:
        """Rate and burst."""
        return self.rate, self.burst

    def stands(self, number: int) -> None:
        """How far ahead of the clock the theoretical arrival time is, in microseconds."""
        if not 0 <= number <= self.burst / self.rate * _MICROSECONDS + 2:
            raise ValueError("the server of the shared limits named a time that this rate does not have")
        self.ahead = self.heard_at + number / _MICROSECONDS

    def wait(self, rows: int, now: float) -> float:
        """By the theoretical arrival time that the server gave last."""
        if now - self.heard_at > _FRESH:
            return 0.0
        return max(0.0, self.pause - now, max(self.ahead, now) + (rows - self.burst) / self.rate - now)


class BudgetLease(Lease):
    """Of a number of rows a day. A day has a key of its own."""

    __slots__ = ("budget", "rest")
    script = scripts.BUDGET

    def __init__(self, name: str, budget: int) -> None:
        super().__init__(name, BUDGET_LIFE)
        self.budget = budget
        self.rest = 0

    @property
    def most(self) -> int:
        """A 64th of the budget, at most 1024 rows."""
        return max(1, min(self.budget // BUDGET_SHARE, MOST_BUDGET))

    def limits(self) -> Sequence[float]:
        """The budget, where the rate has rate and burst."""
        return (self.budget,)

    def stands(self, number: int) -> None:
        """What nobody has taken yet."""
        if not 0 <= number <= self.budget:
            raise ValueError("the server of the shared limits named a rest that this budget does not have")
        self.rest = number

    def wait(self, rows: int, now: float) -> float:
        """A second or so, where less is left: some gateway may yet give back what it does not spend."""
        return 1.0 if now - self.heard_at <= _FRESH and self.rest + self.left < rows else 0.0

    def useless(self, rows: int, now: float) -> int:
        """Also what is in hand and too little: unlike a rate's, the last rows of a budget never come anew."""
        if now >= self.until or self.left >= rows:
            return self.expired(now)
        back, self.left = self.left, 0
        return back
