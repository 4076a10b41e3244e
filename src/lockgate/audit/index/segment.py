"""A segment's bytes: the columns of a range of entries as one Parquet file, the same bytes for the same entries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.audit.index.manifest import MOST_GATEWAYS, VERSION, Segment
from lockgate.audit.index.shapes import KINDS, Column, columns_of

_TEXTS: Final = tuple(name for name, kind in KINDS.items() if kind != "i8")
_DELTA: Final = dict.fromkeys(("index", *(name for name, kind in KINDS.items() if kind == "i8")), "DELTA_BINARY_PACKED")


def make(entries: Iterable[bytes], start: int, tree: bytes, origin: str) -> tuple[Segment, bytes]:
    """The segment of `entries`, which begin at `start` and whose tree hash is `tree`, and its file."""
    columns = columns_of(entries)
    data = encode(columns, start, tree, origin)
    times, known = columns["time"], columns["kind"] != b""
    told = times[known] if known.any() else times[:1]
    sha256 = hashlib.sha256(data).hexdigest()
    segment = Segment(tree.hex(), sha256, len(data), int(told.min()), int(told.max()), _gateways(columns))
    return segment, data


def encode(columns: dict[str, Column], start: int, tree: bytes, origin: str) -> bytes:
    """The Parquet file, which says in its metadata of which log and range it is."""
    count = len(columns["seq"])
    arrays: dict[str, pa.Array[Any]] = {"index": pa.array(np.arange(start, start + count, dtype=np.int64))}
    for name, column in columns.items():
        arrays[name] = _text(column) if name in _TEXTS else pa.array(column)
    said = {"v": str(VERSION), "origin": origin, "start": str(start), "tree": tree.hex()}
    table = pa.table(arrays).replace_schema_metadata({f"lockgate.{name}": value for name, value in said.items()})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=list(_TEXTS),  # type: ignore[arg-type]  # the stubs know one of two forms
        column_encoding=_DELTA,
        write_statistics=True,
        store_schema=False,
        row_group_size=max(1, count),
    )
    return bytes(sink.getvalue())


def says(data: bytes, columns: dict[str, Column], start: int) -> bool:
    """Whether a segment's file says exactly these columns, of entries from `start` on."""
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError):
        return False
    if table.column_names != ["index", *KINDS]:
        return False
    count = len(columns["seq"])
    if table["index"].to_pylist() != list(range(start, start + count)):
        return False
    return all(_is(table[name], columns[name]) for name in KINDS)


def _is(found: pa.ChunkedArray[Any], expected: Column) -> bool:
    if expected.dtype.kind != "S":
        return bool(np.array_equal(found.to_numpy(), expected))
    return found.cast(pa.binary()).combine_chunks().equals(pa.array(expected, pa.binary()))


def _text(column: Column) -> pa.Array[Any]:
    """A dictionary of what occurs: a few names, again and again."""
    found = pa.array(column, pa.binary()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(found.indices, found.dictionary.cast(pa.string()))


def _gateways(columns: dict[str, Column]) -> dict[str, tuple[int, int]] | None:
    names, seqs = columns["gateway"], columns["seq"]
    found: dict[str, tuple[int, int]] = {}
    for name in np.unique(names[columns["kind"] != b""]):
        if len(found) == MOST_GATEWAYS:
            return None
        own = seqs[names == name]
        found[bytes(name).decode()] = (int(own.min()), int(own.max()))
    return found
