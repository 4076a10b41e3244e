"""Which of the rows that were answered are looked at. Pure.

Decided by their number and by chance, never by what is in them: what is skipped is skipped of all kinds of rows alike,
also where they come in a fixed order, such as ten machines in each request.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Sequence

SILENCE_SECONDS = 1800.0
MOST_CLIENTS = 100_000


class Apart:
    """One row of so many, as far apart, a quarter more or less."""

    def __init__(self) -> None:
        self._skip = 0

    def pick(self, rows: Sequence[int], every: int) -> Sequence[int]:
        """Those of the next rows, one of `every`."""
        if every == 1:
            self._skip = 0
            return rows
        spread = max(every // 4, 1)
        least, choices = every - spread, 2 * spread + 1
        found = []
        at = self._skip
        while at < len(rows):
            found.append(rows[at])
            at += least + int(random.random() * choices)  # noqa: S311 - nothing is secret in it
        self._skip = at - len(rows)
        return found


class Allowance:
    """At most `most` rows a second, evenly over the second: as many as came in the one before say how many to pass."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self._apart = Apart()
        self._came = self._left = 0
        self._second = -1

    def pick(self, rows: Sequence[int], now: float) -> Sequence[int]:
        """Those of `rows` that are looked at. `now`: monotonic seconds."""
        if int(now) != self._second:
            came = self._came if int(now) == self._second + 1 else 0
            self._every, self._second = max(1, -(-came // self._most)), int(now)
            self._came, self._left = 0, self._most
        self._came += len(rows)
        picked = self._apart.pick(rows, self._every)
        if len(picked) > self._left:
            picked = picked[:: -(-len(picked) // self._left)] if self._left else ()
        self._left -= len(picked)
        return picked


class Sessions:
    """One row of a client until it was silent for half an hour. A bounded number of clients is remembered."""

    def __init__(self, most: int = MOST_CLIENTS) -> None:
        self._most = most
        self._last: OrderedDict[str, float] = OrderedDict()

    def begins(self, client: str, now: float) -> bool:
        """A request of this client came at `now`, monotonic seconds: whether that begins a session."""
        before = self._last.pop(client, None)
        self._last[client] = now
        if len(self._last) > self._most:
            self._last.popitem(last=False)
        return before is None or now - before >= SILENCE_SECONDS


class Thinning:
    """A sample of a stream whose end nobody knows, evenly over all of it: every `every`th, rarer when it is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.every = 1
        self._came = self._kept = 0

    def take(self) -> int | None:
        """The number of the next one, where it is of the sample; `every` may have grown: then others are not, now."""
        number, self._came = self._came, self._came + 1
        if number % self.every:
            return None
        if self._kept >= self._most:
            self.every *= 2
            self._kept = -(-self._kept // 2)
            if number % self.every:
                return None
        self._kept += 1
        return number
