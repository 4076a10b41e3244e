"""From requests that were answered to the rows that are looked at. Pure, and without numpy.

A row's texts are cut where no category can be longer, and what waits is bounded in rows and in bytes: whoever sends
texts of megabytes gets no more of the gateway than others do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.core.records import parse_receipt
from lockgate.serve.recording.labels import opener
from lockgate.serve.rungs.comparing import Place

if TYPE_CHECKING:
    from lockgate.serve.monitoring.sampling import Sessions
    from lockgate.serve.spec import Answer, Asked

MOST_TEXT = 1024
"""Signs of the longest category, or name of a site, that a plan may know. A longer text is cut to one sign more."""
MOST_ROWS, MOST_BYTES = 4096, 8 << 20
"""Of one model, that wait to be counted."""
CHUNK_ROWS, CHUNK_BYTES = 256, 128 << 10
WORTH_ROWS, WORTH_SECONDS = 256, 1.0

Batch = tuple[Sequence["Asked"], Sequence["Answer"]]


class Row(NamedTuple):
    """One row: its wire values, what the model said, and where it stands in the log, where its label is waited for."""

    values: tuple[Any, ...]
    said: Mapping[str, Any]
    size: int
    place: Place | None = None


class Waiting:
    """Rows that wait to be counted."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque()
        self._bytes = 0
        self._since = 0.0

    def due(self, now: float) -> bool:
        """Whether it is worth to count them: a few rows cost as much as many, and can wait for others."""
        return len(self._rows) >= WORTH_ROWS or (bool(self._rows) and now - self._since >= WORTH_SECONDS)

    @property
    def full(self) -> bool:
        """Whether no more is taken. Asked before a row is looked at, so that a long one is as welcome as a short."""
        return len(self._rows) >= MOST_ROWS or self._bytes >= MOST_BYTES

    def add(self, row: Row, now: float) -> None:
        """Take one more. `now`: monotonic seconds."""
        if not self._rows:
            self._since = now
        self._rows.append(row)
        self._bytes += row.size

    def chunk(self, most: int) -> list[Row]:
        """The next rows, at most `most` of them, and no more bytes than are read in about a millisecond."""
        found: list[Row] = []
        size = 0
        while self._rows and len(found) < min(most, CHUNK_ROWS) and size < CHUNK_BYTES:
            found.append(self._rows.popleft())
            size += found[-1].size
        self._bytes -= size
        return found


class Answered:
    """Rows of requests, one after the other. An answer that has no record does not count: the log could not tell."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        # Of most requests no row is picked: for those there is nothing here but their number of rows.
        self._asked = [asked for batch, _ in batches for asked in batch]
        self._answers = [answer for _, answers in batches for answer in answers]
        self._ends = list(accumulate([len(answer.receipts) for answer in self._answers]))
        self.total = self._ends[-1] if self._ends else 0

    def rows(self, picked: Iterable[int], labelled: Container[int] = ()) -> Iterator[Row]:
        """Those rows, by their numbers in order. `labelled`: those of which the label is waited for."""
        start = end = 0
        given: Sequence[Any] = ()
        said: Sequence[Mapping[str, Any]] = ()
        sent: Sequence[bytes] = ()
        receipts: Sequence[str] = ()
        for at in picked:
            if at >= end:
                number = bisect_right(self._ends, at)
                asked, answer = self._asked[number].given, self._answers[number]
                given, sent, said, receipts = asked.values or (), asked.canonical, answer.raw, answer.receipts
                end = self._ends[number]
                start = end - len(receipts)
            place = at - start
            values, size = given[place], len(sent[place])
            if size > MOST_TEXT:
                values = tuple(map(_cut, values))
            yield Row(values, said[place], size, _place(receipts[place]) if at in labelled else None)

    def begins(self, sessions: Sessions, now: float) -> list[int]:
        """The first rows of clients whose sessions begin, by their numbers."""
        found: list[int] = []
        for asked, answer, end in zip(self._asked, self._answers, self._ends, strict=True):
            if answer.receipts and sessions.begins(asked.client.name, now):
                found.append(end - len(answer.receipts))
        return found


def _cut(value: Any) -> Any:
    return value[: MOST_TEXT + 1] if isinstance(value, str) else value


def _place(token: str) -> Place:
    receipt = parse_receipt(token)
    return Place(receipt.seq, receipt.row or 0, opener(receipt))
