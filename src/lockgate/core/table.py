"""Rows of known types as bytes, for the one hop that every prediction takes: gateway to model worker and back. Pure.

`core.wire` describes each column in a frame's header; here both ends know the columns beforehand (from io.json), and
the header says only what they cannot know:

    header   {"rows": n, "nulls": [index of each column that has nulls], "texts": [bytes of each string column]}
    payload  the columns one after another, each as in `core.wire`: [null bitmap] then its values

The peer is not trusted: every length is checked before anything is read, and all bytes must be used.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final, Literal

from lockgate.core.wire import MAX_ROWS, Column, ColumnType, WireError, check_values

_CODES: Final[Mapping[str, Literal["d", "q", "b"]]] = {"float64": "d", "int64": "q", "bool": "b"}
_WIDTHS: Final[Mapping[str, int]] = {"float64": 8, "int64": 8, "bool": 1}
_TRUTHS: Final = frozenset({bool, type(None)})
_BIG: Final = sys.byteorder == "big"

Names = Sequence[tuple[str, ColumnType]]


def pack_table(names: Names, columns: Sequence[Sequence[Any]], rows: int) -> tuple[dict[str, Any], bytes]:
    """Header fields and payload of `columns` (values of each, None for null), one for each of `names`.

    Raises WireError when a value does not fit its type.
    """
    if all(kind == "float64" for _, kind in names) and not _BIG:
        with suppress(TypeError, OverflowError):  # a null, or a value that is no number: told apart below
            return {"rows": rows, "nulls": [], "texts": []}, array("d", chain.from_iterable(columns)).tobytes()
    nulls: list[int] = []
    texts: list[int] = []
    parts: list[bytes] = []
    for place, ((name, kind), values) in enumerate(zip(names, columns, strict=True)):
        if kind == "bool" and not _TRUTHS.issuperset(map(type, values)):
            raise WireError(f"column {name!r} is not bool")
        if kind != "string" and not _BIG:
            try:
                parts.append(array(_CODES[kind], values).tobytes())
                continue
            except (TypeError, OverflowError):
                pass  # a null, or a value that is not of its kind: the slow way tells which
        column = Column.of(name, kind, values)
        if column.nulls is not None:
            nulls.append(place)
            parts.append(column.nulls)
        if kind == "string":
            texts.append(len(column.data))
        parts.append(column.data)
    return {"rows": rows, "nulls": nulls, "texts": texts}, b"".join(parts)


def unpack_table(names: Names, header: Mapping[str, Any], payload: bytes, *, max_rows: int = MAX_ROWS) -> list[Column]:
    """The columns of `names`, in order. Raises WireError unless every byte is accounted for."""
    rows, nulls, texts = header.get("rows"), header.get("nulls"), header.get("texts")
    if type(rows) is not int or not 0 <= rows <= max_rows:
        raise WireError(f"rows must be 0 to {max_rows}, not {rows!r}")
    if not _numbers(nulls, len(names)) or not _numbers(texts, len(payload) + 1):
        raise WireError("nulls and texts are lists of whole numbers within their limits")
    sizes = iter(texts or ())
    bitmap = (rows + 7) // 8
    found: list[Column] = []
    start = 0
    for place, (name, kind) in enumerate(names):
        null = None
        if place in nulls:  # type: ignore[operator]  # a list by now
            null, start = payload[start : start + bitmap], start + bitmap
            if len(null) != bitmap or (rows % 8 and null and null[-1] >> (rows % 8)):
                raise WireError(f"column {name!r}: null bitmap is cut short or too long")
        size = _WIDTHS[kind] * rows if kind != "string" else next(sizes, -1)
        data = payload[start : start + size]
        start += size
        if size < 0 or len(data) != size:
            raise WireError(f"column {name!r} reaches beyond the payload")
        if kind in ("string", "bool"):
            check_values(name, kind, rows, data)
        found.append(Column(name, kind, rows, data, null))
    if start != len(payload) or next(sizes, None) is not None:
        raise WireError(f"{len(payload) - start} bytes belong to no column")
    return found


def _numbers(value: object, limit: int) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < limit for one in value)
