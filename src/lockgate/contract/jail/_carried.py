"""What was sifted, as bytes from one machine to another. A frame of `core.wire`:

    header   {"op": "sifted", "respelled": n, "parts": [n, n, n, n]}
    payload  four Arrow streams of so many bytes each: values, rest, sure, raw (`contract.jail.sift.Sifted`)

or, from a worker that cannot do what it was asked: {"op": "unfit", "why": REASON, "seen": {NAME: TEXT}}.

Whoever sent it is not believed about its form: `read_sifted` takes the columns and types that were asked for, every
text checked to be UTF-8, and as many rows as there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import polars as pl
import pyarrow as pa

from lockgate.contract.ask import MAX_PAYLOAD, packed, unpacked
from lockgate.contract.findings import clean
from lockgate.contract.jail.accept import TYPES
from lockgate.contract.jail.bind import Binding
from lockgate.contract.jail.sift import Sifted
from lockgate.contract.jail.snapshot import Unit
from lockgate.contract.spec import BOOKKEEPING, ROW, SOURCE
from lockgate.core.wire import PREFIX, Frame, WireError, lengths, pack, parse

_PARTS = 4
_MOST_SEEN = 8


class WorkerUnfit(Exception):
    """A worker said that it cannot do what it was asked: `why`, one of a few words, and what it `seen`."""

    def __init__(self, why: str, seen: Mapping[str, str]) -> None:
        super().__init__(why)
        self.why = why
        self.seen = dict(seen)


def pack_sifted(sifted: Sifted) -> bytes:
    """The frame of `sifted`. Raises WireError when it is too long."""
    tables = [*(frame.to_arrow() for frame in (sifted.values, sifted.rest, sifted.sure)), sifted.raw]
    parts = [packed(_batch(table)) for table in tables]
    header = {"op": "sifted", "respelled": sifted.respelled, "parts": [len(part) for part in parts]}
    return pack(header, b"".join(parts), max_payload=MAX_PAYLOAD)


def pack_unfit(why: str, seen: Mapping[str, str]) -> bytes:
    """The frame of a worker that cannot."""
    return pack({"op": "unfit", "why": why, "seen": dict(seen)})


def read_sifted(data: object, binding: Binding, schema: pa.Schema, unit: Unit) -> Sifted:
    """What was sifted of `unit` of a snapshot with `schema`. Raises WireError, or WorkerUnfit when a worker said so."""
    frame = _frame(data)
    if frame.header.get("op") == "unfit":
        raise _unfit(frame.header)
    respelled, sizes = frame.header.get("respelled"), frame.header.get("parts")
    if set(frame.header) != {"op", "respelled", "parts"} or frame.header["op"] != "sifted":
        raise WireError("not an answer about a unit")
    if type(respelled) is not int or respelled < 0 or not isinstance(sizes, list) or len(sizes) != _PARTS:
        raise WireError("an answer about a unit is not in form")
    values, rest, sure, raw = _parts(frame.payload, sizes)
    fields = [bound.field for bound in binding.fields]
    bookkeeping = {SOURCE: pl.Int32(), ROW: pl.Int64()}
    kinds = {**{field.name: TYPES[field.kind] for field in fields}, **bookkeeping}
    found = Sifted(
        unit.rows,
        _frame_of(values, kinds),
        _frame_of(rest, kinds),
        _frame_of(sure, {field.name: pl.Boolean() for field in fields}),
        _raw(raw, schema),
        respelled,
    )
    _check_rows(found)
    return found


def _frame(data: object) -> Frame:
    if not isinstance(data, bytes):
        raise WireError("an answer about a unit is bytes")
    head, payload = lengths(data[: PREFIX.size], max_payload=MAX_PAYLOAD)
    if len(data) != PREFIX.size + head + payload:
        raise WireError("an answer about a unit is cut short or too long")
    return parse(data[PREFIX.size : PREFIX.size + head], data[PREFIX.size + head :])


def _unfit(header: Mapping[str, object]) -> WorkerUnfit:
    why, seen = header.get("why"), header.get("seen")
    if not isinstance(why, str) or not isinstance(seen, dict):
        raise WireError("a worker that cannot says why")
    said = {clean(name, 40): clean(str(value), 200) for name, value in list(seen.items())[:_MOST_SEEN]}
    return WorkerUnfit(clean(why, 40), said)


def _parts(payload: bytes, sizes: list[object]) -> list[pa.RecordBatch]:
    found, start = [], 0
    for size in sizes:
        if type(size) is not int or not 0 <= size <= len(payload) - start:
            raise WireError("a part reaches beyond the answer")
        found.append(unpacked(payload[start : start + size]))
        start += size
    if start != len(payload):
        raise WireError("bytes that belong to no part")
    return found


def _frame_of(batch: pa.RecordBatch, kinds: Mapping[str, pl.DataType]) -> pl.DataFrame:
    frame = cast("pl.DataFrame", pl.from_arrow(batch))
    if dict(frame.schema) != dict(kinds) or frame.columns != list(kinds):
        raise WireError("an answer about a unit has other columns")
    return frame


def _raw(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    if not batch.schema.equals(schema.remove_metadata()):
        raise WireError("the records of an answer have other columns")
    return pa.Table.from_batches([batch])


def _check_rows(found: Sifted) -> None:
    """Every row of the unit once, its records beside its values; which rows they are, the count at the end tells."""
    if found.values.height + found.rest.height != found.of or found.sure.height != found.rest.height:
        raise WireError(f"an answer about {found.of} rows has {found.values.height} and {found.rest.height}")
    if any(found.sure[name].null_count() for name in found.sure.columns):
        raise WireError("an answer leaves open whether it is sure")
    for name in BOOKKEEPING:
        if not found.rest[name].equals(cast("pl.Series", pl.from_arrow(found.raw.column(name)))):
            raise WireError("records and values of an answer are not of the same rows")


def _batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
