"""Asks the jails with the contract's code: one or several, each with its own socket, started when first asked."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from lockgate.contract.ask import CELL, packed, read_cells, read_ready, read_rows
from lockgate.contract.jail._link import Link
from lockgate.contract.jail.columns import ARROW
from lockgate.contract.jail.rows import QUARANTINE_SCHEMA, Verdicts, accepted_schema
from lockgate.contract.plan import Plan
from lockgate.contract.spec import FieldTable, SourceKind
from lockgate.core.wire import Frame, WireError

ASKED_ROWS = 8192
ASKED_BYTES = 16 << 20
"""Most that one question carries, but for a single record."""


class Truth(Protocol):
    """Pydantic's own word."""

    def cells(self, field: str, cells: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
        """Whether each cell is accepted, and its value."""

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Verdicts]:
        """The verdicts on each batch, in order."""


class RemoteTruth:
    """Truth over sockets. `table`, `plan` and `versions` are those of the first jail; the others must say the same."""

    def __init__(self, ends: Sequence[socket.socket], kind: SourceKind) -> None:
        """Raises OSError when the jail is gone, WireError when it says something else than it may."""
        self._links = [Link(end) for end in ends]
        self._kind = kind
        self._ready: list[Frame] = []
        first = self._begin(0)
        self.table: FieldTable
        self.plan: Plan
        self.table, self.plan, self.versions = read_ready(first)
        self._schema = accepted_schema(self.table)
        self._kinds = {field.name: ARROW[field.kind] for field in self.table.fields}

    def cells(self, field: str, cells: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
        """See Truth."""
        kind = self._kinds[field]
        accepted: list[pa.Array[Any]] = []
        values: list[pa.Array[Any]] = []
        batch = pa.RecordBatch.from_arrays([cells], names=[CELL])
        questions = (({"op": "cells", "field": field}, piece) for piece in pieces(batch))
        for frame, asked in self._ask(questions):
            one, other = read_cells(frame, asked.num_rows, kind)
            accepted.append(one)
            values.append(other)
        return pa.concat_arrays(accepted), pa.concat_arrays(values)

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Verdicts]:
        """See Truth."""
        questions = (({"op": "rows"}, piece) for batch in batches for piece in pieces(batch))
        for frame, _ in self._ask(questions):
            yield Verdicts(*read_rows(frame, self._schema, QUARANTINE_SCHEMA))

    def _ask(
        self, questions: Iterable[tuple[dict[str, Any], pa.RecordBatch]]
    ) -> Iterator[tuple[Frame, pa.RecordBatch]]:
        """Every jail has one question at a time; answers come back in the order of the questions."""
        waiting: deque[tuple[int, pa.RecordBatch]] = deque()
        for number, (header, batch) in enumerate(questions):
            place = number % len(self._links)
            if len(waiting) == len(self._links):
                yield self._answer(waiting)
            if place == len(self._ready):
                self._begin(place)
            self._links[place].send(header, packed(batch))
            waiting.append((place, batch))
        while waiting:
            yield self._answer(waiting)

    def _answer(self, waiting: deque[tuple[int, pa.RecordBatch]]) -> tuple[Frame, pa.RecordBatch]:
        place, batch = waiting.popleft()
        return self._links[place].answer(), batch

    def _begin(self, place: int) -> Frame:
        self._links[place].send({"op": "begin", "kind": self._kind})
        frame = self._links[place].answer()
        self._ready.append(frame)
        if self._ready[place] != self._ready[0]:
            raise WireError("two jails compile the same contract to different plans")
        return frame


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """`batch` in parts within the limits of a question."""
    size = max(1, batch.nbytes)
    rows = max(1, min(ASKED_ROWS, batch.num_rows * ASKED_BYTES // size))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
