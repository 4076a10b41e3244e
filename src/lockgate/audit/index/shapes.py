"""Many entries into columns at once: records of one shape differ only where their numbers and digests stand.

Entries of one length lie in a table of bytes, one to a line. The first is read as `place_of` reads it; each other whose
fixed bytes are the same, with hex digits where that one has hex digits and a number where that one has a number, is a
record as well, for no field of a record says what another may be. What fits no shape is read by itself. A property
test holds the columns to what `parse_any` reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lockgate.audit.index.row import FEEDBACK, PREDICTIONS, Row, row_of
from lockgate.core.records import MAX_SEQUENCE

Column = NDArray[np.int64] | NDArray[np.bytes_]
Table = NDArray[np.uint8]

KINDS: Final[dict[str, str]] = {
    "gateway": "S16", "seq": "i8", "time": "i8", "kind": "S11", "model": "S71", "environment": "S32", "rung": "S32",
    "client": "S16", "finding": "S6", "rows": "i8", "of_gateway": "S16", "of_seq": "i8",
}  # fmt: skip
"""The columns in order, with numpy's type of each."""

_BLOCK_ENTRIES, _BLOCK_BYTES = 8192, 8 << 20
_FEWEST, _MOST_SHAPES = 8, 32
_SHAPED = frozenset({PREDICTIONS, FEEDBACK, "refused"})
_SLOT = re.compile(
    rb'"(?P<text>client|gateway|id|input|label|output)":"(?P<hex>[0-9a-f]+)"'
    rb'|"(?P<digest>model)":"sha256:(?P<sha>[0-9a-f]{64})"'
    rb'|"(?P<number>first|seq|time)":(?P<digits>[0-9]+)'
    rb'|(?P<listed>[\[,]"[0-9a-f]{64}(?="[,\]]))'
)


@dataclass(frozen=True)
class _Slot:
    """Where a field's value stands: hex digits, or a number."""

    name: str
    start: int
    end: int
    hex: bool


@dataclass(frozen=True)
class _Shape:
    """What the records of one shape have in common. `row`: of the record that it was read from."""

    data: bytes
    row: Row
    slots: tuple[_Slot, ...]

    @staticmethod
    def of(data: bytes, row: Row) -> _Shape | None:
        """The shape of a record; None for a kind whose records are few."""
        if row.kind not in _SHAPED:
            return None
        return _Shape(data, row, tuple(_slots(data)))

    def fits(self, table: Table) -> NDArray[np.bool_]:
        """Which lines are records of this shape."""
        good = np.ones(len(table), np.bool_)
        end = 0
        for slot in self.slots:
            good &= _same(table, end, self.data[end : slot.start])
            good &= _is_hex(table, slot) if slot.hex else _is_number(table, slot)
            end = slot.end
        return good & _same(table, end, self.data[end:])

    def put(self, table: Table, at: NDArray[np.int64], columns: dict[str, Column]) -> None:
        """Write the fields of these lines, all of this shape, to where `at` says."""
        for name, value in self.row._asdict().items():
            columns[name][at] = value.encode() if isinstance(value, str) else value
        for slot in self.slots:
            if slot.name not in columns:
                continue
            if not slot.hex:
                columns[slot.name][at] = _numbers(table, slot)
                continue
            start = slot.start - len("sha256:") if slot.name == "model" else slot.start
            columns[slot.name][at] = _texts(table, start, slot.end)


class Columns:
    """Takes entries one after the other, holds a few thousand of them at a time, and makes columns of all."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []
        self._bytes = 0
        self._blocks: list[dict[str, Column]] = []

    def add(self, entry: bytes) -> None:
        """The next one."""
        self._entries.append(entry)
        self._bytes += len(entry)
        if len(self._entries) == _BLOCK_ENTRIES or self._bytes >= _BLOCK_BYTES:
            self._flush()

    def done(self) -> dict[str, Column]:
        """The rows as columns, by name, in order."""
        self._flush()
        return {
            name: np.concatenate([block[name] for block in self._blocks]) if self._blocks else np.zeros(0, kind)
            for name, kind in KINDS.items()
        }

    def _flush(self) -> None:
        if self._entries:
            self._blocks.append(_block(self._entries))
            self._entries, self._bytes = [], 0


def columns_of(entries: Iterable[bytes]) -> dict[str, Column]:
    """The entries' rows as columns by name, in order."""
    found = Columns()
    for entry in entries:
        found.add(entry)
    return found.done()


def rows_of(columns: dict[str, Column]) -> Iterator[Row]:
    """The columns as rows again."""
    texts = (
        [value.decode() for value in column.tolist()] if column.dtype.kind == "S" else column.tolist()
        for column in columns.values()
    )
    return map(Row._make, zip(*texts, strict=True))


def _block(entries: Sequence[bytes]) -> dict[str, Column]:
    columns: dict[str, Column] = {name: np.zeros(len(entries), kind) for name, kind in KINDS.items()}
    lengths = np.fromiter(map(len, entries), np.int64, len(entries))
    for length in np.unique(lengths):
        _of_one_length(entries, np.flatnonzero(lengths == length), int(length), columns)
    return columns


def _of_one_length(
    entries: Sequence[bytes], places: NDArray[np.int64], length: int, columns: dict[str, Column]
) -> None:
    shapes = 0
    table: Table | None = None
    while len(places) >= _FEWEST and shapes < _MOST_SHAPES and length:
        if table is None:
            table = np.frombuffer(b"".join([entries[place] for place in places]), np.uint8).reshape(-1, length)
        data = entries[places[0]]
        row = row_of(data)
        shape = _Shape.of(data, row)
        shapes += 1
        if shape is None:
            _put(row, int(places[0]), columns)
            places, table = places[1:], table[1:]
            continue
        fits = shape.fits(table)
        shape.put(table[fits], places[fits], columns)
        places, table = places[~fits], table[~fits]
    for place in places:
        _put(row_of(entries[place]), int(place), columns)


def _put(row: Row, place: int, columns: dict[str, Column]) -> None:
    for name, value in row._asdict().items():
        columns[name][place] = value.encode() if isinstance(value, str) else value


def _slots(data: bytes) -> Iterator[_Slot]:
    """What may differ, in order. A label's second gateway and first number are those of the prediction."""
    found = list(_SLOT.finditer(data))
    of = data.find(b',"of":{')
    inside = data.find(b"}", of) if of >= 0 else -1
    for one in found:
        if one["listed"] is not None:
            yield _Slot("", one.start() + 2, one.end(), hex=True)
            continue
        group, name = next(
            (value, one[kind])
            for kind, value in (("text", "hex"), ("digest", "sha"), ("number", "digits"))
            if one[kind]
        )
        start, end = one.span(group)
        prefix = "of_" if of < start < inside else ""
        yield _Slot(prefix + name.decode(), start, end, hex=group != "digits")


def _same(table: Table, start: int, expected: bytes) -> NDArray[np.bool_]:
    """Where a line has exactly these bytes from `start` on."""
    if not expected:
        return np.ones(len(table), np.bool_)
    found = np.ascontiguousarray(table[:, start : start + len(expected)])
    same: NDArray[np.bool_] = np.all(found == np.frombuffer(expected, np.uint8), axis=1)
    return same


def _is_hex(table: Table, slot: _Slot) -> NDArray[np.bool_]:
    found = table[:, slot.start : slot.end]
    digits: NDArray[np.bool_] = np.all(((found - 48) < 10) | ((found - 97) < 6), axis=1)
    return digits


def _is_number(table: Table, slot: _Slot) -> NDArray[np.bool_]:
    """Digits without a zero before them, not above MAX_SEQUENCE."""
    found = table[:, slot.start : slot.end]
    digits: NDArray[np.bool_] = np.all((found - 48) < 10, axis=1)
    if slot.end - slot.start > 1:
        digits &= found[:, 0] != ord("0")
    return digits & (_numbers(table, slot) <= MAX_SEQUENCE)


def _numbers(table: Table, slot: _Slot) -> NDArray[np.int64]:
    """At most 16 digits: they fit."""
    found = np.zeros(len(table), np.int64)
    for place in range(slot.start, slot.end):
        found = found * 10 + (table[:, place].astype(np.int64) - 48)
    return found


def _texts(table: Table, start: int, end: int) -> NDArray[np.bytes_]:
    found: NDArray[np.bytes_] = np.ascontiguousarray(table[:, start:end]).view(f"S{end - start}")[:, 0]
    return found
