"""Answers that wait for their records, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lockgate.serve.declined import CannotRecord
from lockgate.serve.spec import RecordMode

Told = Callable[[bool | CannotRecord], None]


@dataclass(slots=True)
class Hoping:
    """Answers that wait until every record below `number` is on the disk, or in the log."""

    number: int
    mode: RecordMode
    until: float
    told: Told
    requests: int


class Hopes:
    """Who waits; the first is the one that has waited longest. `requests`: how many wait."""

    def __init__(self) -> None:
        self._waiting: deque[Hoping] = deque()
        self.requests = 0

    def add(self, one: Hoping) -> None:
        """Behind all others."""
        self._waiting.append(one)
        self.requests += one.requests

    def fulfil(self, reached: Callable[[RecordMode], int]) -> None:
        """Tell those from the first on whose records have come so far."""
        while self._waiting and self._waiting[0].number <= reached(self._waiting[0].mode):
            self._take().told(True)

    def late(self, now: float) -> Iterator[Hoping]:
        """Those who have waited too long; they wait no more."""
        while self._waiting and self._waiting[0].until <= now:
            yield self._take()

    def _take(self) -> Hoping:
        found = self._waiting.popleft()
        self.requests -= found.requests
        return found
