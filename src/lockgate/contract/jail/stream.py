"""A Parquet file of ours as tables (core.table), batch by batch. Runs in a `parse` jail: no user code, no network.

Such a file was written in a jail that read a stranger's bytes: whoever is outside takes frames, and parses no Parquet.
Takes the number of an inherited socket; the file is /in/rows.parquet.

    -> {"op": "open", "columns": [NAME, ...] or null}
    <- {"op": "columns", "columns": [[NAME, TYPE], ...]}      TYPE of core.wire, or "other": such a column is not sent
    <- {"op": "rows", "rows": n, ...} + a table of these columns, as often as needed
    <- {"op": "end", "rows": n}                               of the whole file

Without names: every column but the bookkeeping. A time is sent as int64, microseconds since the epoch.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail._link import Link
from lockgate.contract.jail.outcome import data_dir, leave
from lockgate.contract.spec import BOOKKEEPING
from lockgate.core.wire import WireError

ROWS = "rows.parquet"
BATCH_ROWS = 4096
BATCH_BYTES = 8 << 20


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail: `arguments` is the number of the inherited socket."""
    settle_without_pandas()
    with socket.socket(fileno=int(arguments[0])) as end:
        serve(Link(end), data_dir() / ROWS)
    leave()


def serve(link: Link, path: Path) -> None:
    """Send the whole file. Raises WireError, OSError, pa.ArrowException."""
    frame = link.answer()
    wanted = frame.header.get("columns")
    if frame.header.get("op") != "open" or not (wanted is None or isinstance(wanted, list)):
        raise WireError("first open")
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        names = [name for name in schema.names if name not in BOOKKEEPING] if wanted is None else list(wanted)
        kinds = [_kind(schema.field(name).type) for name in names]
        link.send({"op": "columns", "columns": [[name, kind] for name, kind in zip(names, kinds, strict=True)]})
        sent = [name for name, kind in zip(names, kinds, strict=True) if kind != "other"]
        total = 0
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=sent):
            for piece in pieces(batch.select(sent), BATCH_BYTES):
                header, payload = table(piece)
                link.send({"op": "rows", **header}, payload)
                total += piece.num_rows
        link.send({"op": "end", "rows": total})


def pieces(batch: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    """`batch` in halves of halves, until each is at most `most` bytes or one row."""
    if batch.num_rows < 2 or batch.nbytes <= most:
        yield batch
        return
    half = batch.num_rows // 2
    yield from pieces(batch.slice(0, half), most)
    yield from pieces(batch.slice(half), most)


def table(batch: pa.RecordBatch) -> tuple[dict[str, Any], bytes]:
    """Header fields and payload of a batch, as `core.table` draws them."""
    nulls: list[int] = []
    texts: list[int] = []
    parts: list[bytes] = []
    for place, column in enumerate(batch.columns):
        kind = _kind(column.type)
        if column.null_count:
            nulls.append(place)
            missing = column.is_null().to_numpy(zero_copy_only=False)
            parts.append(np.packbits(missing, bitorder="little").tobytes())
        data = _texts(column) if kind == "string" else _numbers(column, kind)
        if kind == "string":
            texts.append(len(data))
        parts.append(data)
    return {"rows": batch.num_rows, "nulls": nulls, "texts": texts}, b"".join(parts)


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        return "int64"
    if pa.types.is_floating(kind):
        return "float64"
    return "string" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else "other"


def _numbers(column: Any, kind: str) -> bytes:
    form, arrow = {"float64": ("<f8", pa.float64()), "int64": ("<i8", pa.int64()), "bool": ("u1", pa.bool_())}[kind]
    filled = column.cast(arrow).fill_null(False if kind == "bool" else 0)
    made: bytes = filled.to_numpy(zero_copy_only=False).astype(form, copy=False).tobytes()
    return made


def _texts(column: pa.Array[Any]) -> bytes:
    values: list[Any] = column.fill_null("").to_pylist()
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, "<u4")
    np.cumsum([len(each) for each in encoded], out=offsets[1:])
    return offsets.tobytes() + b"".join(encoded)
