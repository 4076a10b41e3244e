"""Frames between our processes, and columns as bytes. Pure, standard library only: both ends and the jail load it.

A frame on a stream socket:

    +----------------+----------------+---------------------+---------------+
    | u32 LE: header | u32 LE: payload| header: exact JSON  | payload bytes |
    |         length |         length | (core.encoding)     |               |
    +----------------+----------------+---------------------+---------------+

Columns (`pack_columns`), as header fields and payload; the parts of each column lie one after another:

    header   {"rows": n, "columns": [{"name": str, "type": TYPE, "bytes": len, "null": bool}, ...]}
    payload  per column: [null bitmap, (n + 7) // 8 bytes, least significant bit first, where "null" is true] then
             float64, int64   n x 8 bytes, little-endian          bool   n bytes, each 0 or 1
             string           (n + 1) x u32 LE offsets into the UTF-8 bytes that follow

The peer is not trusted: every length is checked before anything is allocated, and all bytes must be used.
A value under a null is zero (or the empty string).
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lockgate.core.encoding import decode_exact, encode

PREFIX = struct.Struct("<II")
MAX_HEADER = 1 << 20
MAX_PAYLOAD = 64 << 20
MAX_ROWS = 1 << 20
MAX_COLUMNS = 4096

ColumnType = Literal["float64", "int64", "bool", "string"]
TYPES: tuple[ColumnType, ...] = ("float64", "int64", "bool", "string")

_WIDTH = {"float64": 8, "int64": 8, "bool": 1}
_CODE: dict[str, Literal["d", "q", "b"]] = {"float64": "d", "int64": "q", "bool": "b"}
_EMPTY: dict[str, Any] = {"float64": 0.0, "int64": 0, "bool": 0, "string": ""}


class WireError(ValueError):
    """The peer sent something that is not a frame of ours, or one above the limits."""


@dataclass(frozen=True)
class Frame:
    """One message: a JSON object and bytes that belong to it."""

    header: Mapping[str, Any]
    payload: bytes = b""

    def pack(self) -> bytes:
        """The frame as it is sent. Raises WireError above the limits."""
        return pack(self.header, self.payload)


def pack(header: Mapping[str, Any], payload: bytes = b"", *, max_payload: int = MAX_PAYLOAD) -> bytes:
    """A frame's bytes. Raises WireError when header or payload is above its limit."""
    head = encode(header)
    if len(head) > MAX_HEADER or len(payload) > max_payload:
        raise WireError(f"frame too large: header {len(head)} bytes, payload {len(payload)} bytes")
    return PREFIX.pack(len(head), len(payload)) + head + payload


def lengths(prefix: bytes, *, max_payload: int = MAX_PAYLOAD) -> tuple[int, int]:
    """Header and payload length from the first eight bytes of a frame. Raises WireError above the limits."""
    if len(prefix) != PREFIX.size:
        raise WireError("a frame starts with eight bytes")
    head, payload = PREFIX.unpack(prefix)
    if not 2 <= head <= MAX_HEADER or payload > max_payload:
        raise WireError(f"frame out of limits: header {head} bytes, payload {payload} bytes")
    return head, payload


def parse(head: bytes, payload: bytes) -> Frame:
    """The frame from its two parts. Raises WireError unless the header is one JSON object in exact encoding."""
    try:
        header = decode_exact(head, kept=False)
    except ValueError as error:
        raise WireError(f"frame header: {error}") from None
    if not isinstance(header, dict):
        raise WireError("frame header is not an object")
    return Frame(header, payload)


@dataclass
class Assembler:
    """Frames out of a byte stream that arrives in pieces of any size. Never holds more than one frame's limit."""

    max_payload: int = MAX_PAYLOAD
    _held: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take the next bytes; yield each frame that is complete. Raises WireError."""
        if not self._held and (frame := self._whole(data)) is not None:
            yield frame
            return
        self._held += data
        while len(self._held) >= PREFIX.size:
            head, payload = lengths(bytes(self._held[: PREFIX.size]), max_payload=self.max_payload)
            end = PREFIX.size + head + payload
            if len(self._held) < end:
                return
            frame = parse(bytes(self._held[PREFIX.size : PREFIX.size + head]), bytes(self._held[end - payload : end]))
            del self._held[:end]
            yield frame

    def _whole(self, data: bytes) -> Frame | None:
        """The frame that `data` is, neither more nor less: as most pieces are. Raises WireError."""
        if len(data) < PREFIX.size:
            return None
        head, payload = lengths(data[: PREFIX.size], max_payload=self.max_payload)
        start = PREFIX.size + head
        return parse(data[PREFIX.size : start], data[start:]) if len(data) == start + payload else None

    @property
    def idle(self) -> bool:
        """True when no part of a frame is held: the stream may end here."""
        return not self._held


@dataclass(frozen=True)
class Column:
    """Values of one field. `nulls` is the bitmap or None; `data` are the bytes drawn above.

    The raw bytes are public so that a worker with numpy can read them without a Python list.
    """

    name: str
    type: ColumnType
    rows: int
    data: bytes
    nulls: bytes | None = None

    @classmethod
    def of(cls, name: str, kind: ColumnType, values: Sequence[Any]) -> Column:
        """A column of Python values, None for null. Raises WireError when a value does not fit the type."""
        null = [value is None for value in values]
        filled = [_EMPTY[kind] if value is None else value for value in values] if any(null) else list(values)
        try:
            data = _pack_strings(filled) if kind == "string" else _pack_numbers(kind, filled)
        except (TypeError, OverflowError, ValueError, AttributeError) as error:
            raise WireError(f"column {name!r} is not {kind}: {error}") from None
        return cls(name, kind, len(filled), data, _pack_bitmap(null) if any(null) else None)

    def null_rows(self) -> list[int]:
        """Zero-based rows that are null, ascending."""
        if self.nulls is None:
            return []
        return [row for row in range(self.rows) if self.nulls[row >> 3] >> (row & 7) & 1]

    def values(self) -> list[Any]:
        """Python values, None for null. Raises WireError on text that is not UTF-8."""
        found: list[Any] = []
        if self.type == "string":
            found += _unpack_strings(self.name, self.rows, self.data)
        else:
            numbers = array(_CODE[self.type], self.data)
            if sys.byteorder == "big" and self.type != "bool":
                numbers.byteswap()
            found += map(bool, numbers) if self.type == "bool" else numbers
        for row in self.null_rows():
            found[row] = None
        return found


def pack_columns(columns: Iterable[Column], rows: int) -> tuple[dict[str, Any], bytes]:
    """Header fields (`rows`, `columns`) and payload. Merge the fields into the frame's header."""
    described, parts = [], []
    for column in columns:
        if column.rows != rows:
            raise WireError(f"column {column.name!r} has {column.rows} rows, not {rows}")
        part = (column.nulls or b"") + column.data
        described.append(
            {"name": column.name, "type": column.type, "bytes": len(part), "null": column.nulls is not None}
        )
        parts.append(part)
    return {"rows": rows, "columns": described}, b"".join(parts)


def unpack_columns(header: Mapping[str, Any], payload: bytes, *, max_rows: int = MAX_ROWS) -> dict[str, Column]:
    """Columns by name, in the order sent. Raises WireError unless every byte is accounted for."""
    rows, described = header.get("rows"), header.get("columns")
    if type(rows) is not int or not 0 <= rows <= max_rows:
        raise WireError(f"rows must be 0 to {max_rows}, not {rows!r}")
    if not isinstance(described, list) or len(described) > MAX_COLUMNS:
        raise WireError("columns must be a list within its limit")
    found: dict[str, Column] = {}
    start = 0
    for entry in described:
        column, start = _unpack_one(entry, rows, payload, start)
        if column.name in found:
            raise WireError(f"column {column.name!r} twice")
        found[column.name] = column
    if start != len(payload):
        raise WireError(f"{len(payload) - start} bytes belong to no column")
    return found


def _unpack_one(entry: object, rows: int, payload: bytes, start: int) -> tuple[Column, int]:
    if not isinstance(entry, dict) or set(entry) != {"name", "type", "bytes", "null"}:
        raise WireError("a column has exactly name, type, bytes and null")
    name, kind, size, null = entry["name"], entry["type"], entry["bytes"], entry["null"]
    if not isinstance(name, str) or kind not in TYPES or type(size) is not int or type(null) is not bool:
        raise WireError("a column's name, type, bytes or null is of the wrong kind")
    end = start + size
    if size < 0 or end > len(payload):
        raise WireError(f"column {name!r} reaches beyond the payload")
    bitmap = (rows + 7) // 8 if null else 0
    nulls, data = payload[start : start + bitmap], payload[start + bitmap : end]
    if len(nulls) != bitmap or (rows % 8 and nulls and nulls[-1] >> (rows % 8)):
        raise WireError(f"column {name!r}: null bitmap is cut short or too long")
    check_values(name, kind, rows, data)
    return Column(name, kind, rows, data, nulls if null else None), end


def check_values(name: str, kind: ColumnType, rows: int, data: bytes) -> None:
    """Raises WireError unless `data` are the values of a column of `kind` without its null bitmap."""
    if kind != "string":
        if len(data) != rows * _WIDTH[kind]:
            raise WireError(f"column {name!r} has {len(data)} bytes for {rows} rows of {kind}")
        if kind == "bool" and data.translate(None, b"\0\1"):
            raise WireError(f"column {name!r}: a bool is 0 or 1")
        return
    head = 4 * (rows + 1)
    if len(data) < head:
        raise WireError(f"column {name!r}: offsets are cut short")
    offsets = struct.unpack_from(f"<{rows + 1}I", data)
    if offsets[0] != 0 or offsets[-1] != len(data) - head or any(map(int.__gt__, offsets, offsets[1:])):
        raise WireError(f"column {name!r}: offsets do not rise from 0 to the end")


def _pack_numbers(kind: str, values: list[Any]) -> bytes:
    numbers: array[Any] = array(_CODE[kind], [bool(v) for v in values] if kind == "bool" else values)
    if sys.byteorder == "big" and kind != "bool":
        numbers.byteswap()
    return numbers.tobytes()


def _pack_strings(values: list[str]) -> bytes:
    encoded = [value.encode() for value in values]
    offsets = [0]
    for part in encoded:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets)}I", *offsets) + b"".join(encoded)


def _unpack_strings(name: str, rows: int, data: bytes) -> list[str]:
    offsets = struct.unpack_from(f"<{rows + 1}I", data)
    head = 4 * (rows + 1)
    try:
        return [data[head + offsets[row] : head + offsets[row + 1]].decode() for row in range(rows)]
    except UnicodeDecodeError:
        raise WireError(f"column {name!r} is not UTF-8") from None


def _pack_bitmap(null: Sequence[bool]) -> bytes:
    bitmap = bytearray((len(null) + 7) // 8)
    for row, is_null in enumerate(null):
        if is_null:
            bitmap[row >> 3] |= 1 << (row & 7)
    return bytes(bitmap)
