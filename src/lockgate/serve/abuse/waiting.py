"""From requests that were answered to rows that wait to be looked at. Pure, and without numpy.

Bounded in rows and bytes, of all clients and of each. What does not fit is left out by the request and by chance, never
by what is in it, and counted.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.serve.monitoring.rows import MOST_TEXT

if TYPE_CHECKING:
    from lockgate.serve.spec import Answer, Asked, Client

MOST_ROWS, MOST_BYTES = 8192, 8 << 20
"""That wait to be looked at."""
MOST_OF_ONE = MOST_ROWS // 4
"""Of them rows of one client: a flood of one does not hide what others do."""
MOST_OF_REQUEST = 1024
"""Of a larger request so many rows in a row are looked at, from anywhere in it."""
MOST_EXCHANGED = 32
"""Rows of a request that may take the place of others."""
CHUNK_ROWS, CHUNK_BYTES = 512, 128 << 10
WORTH_ROWS, WORTH_SECONDS = 64, 0.5
"""Of one client: so many rows are worth a look, or so long that one waits."""


class Row(NamedTuple):
    """One row: who asked it, from where, its wire values, and what the model said. `whole`: a hash of the record as it
    was sent, keyed for this process: the same only of the same record.
    """

    client: Client
    address: str
    values: tuple[Any, ...]
    said: Mapping[str, Any]
    size: int
    whole: int


class _Queue:
    """Rows of one client. `since`: how long the first of them waits."""

    __slots__ = ("rows", "since")

    def __init__(self, since: float) -> None:
        self.rows: deque[Row] = deque()
        self.since = since


class Waiting:
    """Rows of one model. They are handed on by the client: to look at a few rows of one costs as much as at many."""

    def __init__(self, chance: random.Random | None = None) -> None:
        """`chance`: for tests."""
        self._queues: OrderedDict[str, _Queue] = OrderedDict()
        """Who waits longest is first."""
        self._many: dict[str, None] = {}
        """Clients of whom it is worth to look at once."""
        self._rows = self._bytes = 0
        self._chance = chance or random.Random()  # noqa: S311 - a sample, nothing secret

    def __len__(self) -> int:
        return self._rows

    def due(self, now: float) -> bool:
        """Whether it is worth to look."""
        if self._many or not self._queues:
            return bool(self._many)
        return now - next(iter(self._queues.values())).since >= WORTH_SECONDS

    def take(self, asked: Asked, answer: Answer, now: float) -> int:
        """Take a request in; how many of its rows. `now`: monotonic seconds."""
        given, total, client = asked.given, len(answer.raw), asked.client
        name = client.name
        queue = self._queues.get(name)
        if given.values is None or not total:
            return 0
        if not self._fits(queue):
            self._exchange(queue, asked, answer)
            return 0
        first, last = 0, total
        if total > MOST_OF_REQUEST:
            first = self._chance.randrange(total - MOST_OF_REQUEST + 1)
            last = first + MOST_OF_REQUEST
        if queue is None:
            queue = self._queues[name] = _Queue(now)
        taken = 0
        for at in range(first, last):
            canonical = given.canonical[at]
            size = len(canonical)
            if self._bytes + size > MOST_BYTES:
                break
            values = given.values[at]
            if size > MOST_TEXT:
                values = tuple(map(_cut, values))
            queue.rows.append(Row(client, asked.address, values, answer.raw[at], size, hash(canonical)))
            self._bytes += size
            taken += 1
        self._rows += taken
        if len(queue.rows) >= WORTH_ROWS:
            self._many[name] = None
        elif not queue.rows:
            del self._queues[name]
        return taken

    def chunk(self, most: int, now: float) -> list[Row]:
        """The next rows, those of a client together and in their order: at most `most`, and no more bytes than are read
        in about a millisecond. `now`: monotonic seconds.
        """
        found: list[Row] = []
        size, most = 0, min(most, CHUNK_ROWS)
        while len(found) < most and size < CHUNK_BYTES:
            name = next(iter(self._many), None) or next(iter(self._queues), None)
            if name is None or (name not in self._many and now - self._queues[name].since < WORTH_SECONDS):
                break
            queue = self._queues[name]
            while queue.rows and len(found) < most and size < CHUNK_BYTES:
                found.append(queue.rows.popleft())
                size += found[-1].size
            self._many.pop(name, None)
            if not queue.rows:
                del self._queues[name]
            else:
                self._queues.move_to_end(name)
                queue.since = now
                if len(queue.rows) >= WORTH_ROWS:
                    self._many[name] = None
        self._rows -= len(found)
        self._bytes -= size
        return found

    def _exchange(self, queue: _Queue | None, asked: Asked, answer: Answer) -> None:
        """Some rows of who has many waiting already take the place of others of his, so that nothing which he sends
        ahead keeps them out. As many are left out as before.
        """
        values, canonical = asked.given.values, asked.given.canonical
        if queue is None or values is None or not queue.rows:
            return
        for at in range(min(len(answer.raw), MOST_EXCHANGED)):
            place, size = self._chance.randrange(len(queue.rows)), len(canonical[at])
            old = queue.rows[place]
            if size <= MOST_TEXT and self._bytes - old.size + size <= MOST_BYTES and self._chance.random() < 0.5:
                row = Row(asked.client, asked.address, values[at], answer.raw[at], size, hash(canonical[at]))
                queue.rows[place] = row
                self._bytes += size - old.size

    def _fits(self, queue: _Queue | None) -> bool:
        """The fuller it is, of all rows and of this client's, the rarer a request is taken in."""
        rows = 0 if queue is None else len(queue.rows)
        if self._rows < MOST_ROWS // 2 and rows < MOST_OF_ONE // 2:
            return True
        full = max(self._rows / MOST_ROWS, rows / MOST_OF_ONE)
        return full < 1.0 and self._chance.random() < 2.0 * (1.0 - full)


def _cut(value: Any) -> Any:
    return value[: MOST_TEXT + 1] if isinstance(value, str) else value
