"""The requests that wait for a worker: fair between clients in rows, bounded, and never more than can be answered soon.

Start-time fair queueing (Goyal, Vin, Cheng 1996, simplified): a request is tagged with the virtual time at which its
client's rows before it are served, and the least tag goes first. Who sends more waits for itself.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from lockgate.serve.declined import Full
from lockgate.serve.spec import Asked

WAIT_SECONDS = 0.008
"""What may wait is what the worker answers in this time, and at least one batch: beyond it, latency only grows."""
BATCH_BYTES = 8 << 20
WAITING_BYTES = 64 << 20
_WEIGHT = 0.1

Entry = tuple[float, int, Asked, int]


@dataclass
class Line:
    """`batch` bounds the rows of one `take` (a larger single request goes alone), `most` the rows that wait.

    Bytes are those of the records as they were sent; they are bounded beside the rows.
    """

    batch: int
    most: int
    rows: int = 0
    bytes: int = 0
    unwanted: list[Asked] = field(default_factory=list)
    """What `take` found that nobody waits for any more; whoever cares takes it from here."""
    away: int = 0
    """Rows of the batch that is being answered."""
    _heap: list[Entry] = field(default_factory=list)
    _ends: dict[str, float] = field(default_factory=dict)
    _waiting: dict[str, int] = field(default_factory=dict)
    _now: float = 0.0
    _count: int = 0
    _seconds: float = 0.0
    _limit: int = 0

    def __post_init__(self) -> None:
        self._limit = self.most

    def push(self, asked: Asked) -> Asked | None:
        """Let `asked` wait. What it displaces, from a client that has far more waiting, is returned to be refused.

        Raises Full when it is this client that has too much waiting.
        """
        given, name = asked.given, asked.client.name
        rows, size = given.rows, sum(map(len, given.canonical))
        displaced = None
        if self.rows and (self.rows + rows > self._room() or self.bytes + size > WAITING_BYTES):
            displaced = self._displace(name, rows)
        tag = max(self._ends.get(name, 0.0), self._now)
        self._ends[name] = tag + rows
        self._count += 1
        self.rows += rows
        self.bytes += size
        self._waiting[name] = self._waiting.get(name, 0) + rows
        heapq.heappush(self._heap, (tag, self._count, asked, size))
        return displaced

    def take(self) -> list[Asked]:
        """The next batch, without those that nobody waits for any more; empty when there is none."""
        taken: list[Asked] = []
        rows = size = 0
        heap = self._heap
        while heap:
            _, _, asked, more = heap[0]
            if taken and (rows + asked.given.rows > self.batch or size + more > BATCH_BYTES):
                break
            self._now = heapq.heappop(heap)[0]
            self.rows -= asked.given.rows
            self.bytes -= more
            self._waiting[asked.client.name] -= asked.given.rows
            if asked.wanted():
                rows += asked.given.rows
                size += more
                taken.append(asked)
            else:
                self.unwanted.append(asked)
        if not heap:
            self._ends.clear()
            self._waiting.clear()
            self._now = 0.0
        return taken

    def crowded(self, name: str) -> bool:
        """Whether a request of one row by `name` would be refused, as it was when the last one was looked at."""
        return self.rows >= self._room() and 2 * (self._waiting.get(name, 0) + 1) > self.rows

    def late(self, before: float) -> list[Asked]:
        """Take out what has waited since before `before` (monotonic seconds)."""
        found = [entry for entry in self._heap if entry[2].since < before]
        if found:
            self._heap = [entry for entry in self._heap if entry[2].since >= before]
            heapq.heapify(self._heap)
            self._without(found)
        return [entry[2] for entry in found]

    @property
    def seconds(self) -> float:
        """How long a batch took of late."""
        return self._seconds

    def took(self, seconds: float) -> None:
        """Learn how long a batch takes."""
        self._seconds += _WEIGHT * (seconds - self._seconds)
        batches = max(1, int(WAIT_SECONDS / max(self._seconds, 1e-6)))
        self._limit = min(self.most, self.batch * batches)

    def _room(self) -> int:
        """Rows that may wait: two whole batches are always on their way, the one that is away counted."""
        return max(self._limit, 2 * self.batch - self.away)

    def _without(self, entries: list[Entry]) -> None:
        for _, _, asked, size in entries:
            self.rows -= asked.given.rows
            self.bytes -= size
            self._waiting[asked.client.name] -= asked.given.rows

    def _displace(self, name: str, rows: int) -> Asked | None:
        """Whom to turn away for a request of `rows` by `name`: the last of whoever has twice as much waiting.

        Raises Full when that is nobody.
        """
        waiting = self._waiting
        greedy = max(waiting, key=lambda one: waiting[one])
        if greedy == name or waiting[greedy] < 2 * (waiting.get(name, 0) + rows):
            raise Full
        last = max((entry for entry in self._heap if entry[2].client.name == greedy), key=lambda entry: entry[:2])
        self._heap.remove(last)
        heapq.heapify(self._heap)
        self._without([last])
        self._ends[greedy] = last[0]
        return last[2]
