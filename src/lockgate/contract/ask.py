"""What the jail that evaluates a plan and the jail with the contract's code say to each other. Frames of `core.wire`.

    rows     -> {"op": "begin", "kind": KIND}
    contract -> {"op": "ready", "table": TABLE, "pydantic": VERSION, "python": VERSION}        payload: the plan
    rows     -> {"op": "cells", "field": NAME}                  payload: Arrow stream of one column, `cell`
    contract -> {"op": "cells"}                                 payload: Arrow stream of `accepted` (bool) and `value`
    rows     -> {"op": "rows"}                                  payload: Arrow stream of records with their bookkeeping
    contract -> {"op": "rows", "accepted": n}                   payload: n bytes of accepted rows, then the quarantine

The contract's side runs the user's code and is not trusted: each `read_...` takes only what is drawn above, with as
many answers as there were questions.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from lockgate.contract.plan import Plan, parse_plan
from lockgate.contract.spec import FieldTable, parse_table
from lockgate.core.wire import Frame, WireError

MAX_PAYLOAD = 1 << 30
"""Longest frame in bytes; what is asked at once stays far below it, one record of the largest size may come near."""

CELL = "cell"


def packed(batch: pa.RecordBatch) -> bytes:
    """An Arrow stream of one batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def unpacked(data: bytes) -> pa.RecordBatch:
    """The one batch of a stream, checked inside. Raises WireError."""
    try:
        with pa.ipc.open_stream(data) as reader:
            batches = list(reader)
        if len(batches) != 1:
            raise WireError(f"a stream of {len(batches)} batches where one is due")
        batches[0].validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise WireError(f"not an Arrow stream: {str(error).splitlines()[0]}") from None
    return batches[0]


def read_ready(frame: Frame) -> tuple[FieldTable, Plan, dict[str, str]]:
    """Field table, plan and versions, which fit each other. Raises WireError."""
    header = dict(frame.header)
    versions = {name: header.pop(name, None) for name in ("pydantic", "python")}
    if header.pop("op", None) != "ready" or set(header) != {"table"}:
        raise WireError("the contract is not ready")
    if not all(isinstance(text, str) and len(text) < 100 and text.isprintable() for text in versions.values()):
        raise WireError("versions are short texts")
    try:
        table, plan = parse_table(header["table"]), parse_plan(frame.payload)
    except ValueError as error:
        raise WireError(f"table and plan: {error}") from None
    fits = [(field.name, field.kind) for field in table.fields] == [(field.name, field.kind) for field in plan.fields]
    if plan.pydantic != versions["pydantic"] or not (fits or (plan.rows and not plan.fields)):
        raise WireError("table, plan and versions do not fit each other")
    return table, plan, {name: str(text) for name, text in versions.items()}


def read_cells(frame: Frame, asked: int, kind: pa.DataType) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """Whether each of `asked` cells is accepted, and their values of type `kind`. Raises WireError."""
    if dict(frame.header) != {"op": "cells"}:
        raise WireError("not an answer about cells")
    batch = unpacked(frame.payload)
    if batch.schema.names != ["accepted", "value"] or batch.schema.types != [pa.bool_(), kind]:
        raise WireError("an answer about cells has other columns")
    if batch.num_rows != asked or batch.column(0).null_count:
        raise WireError(f"{batch.num_rows} answers about {asked} cells")
    return batch.column(0), batch.column(1)


def read_rows(frame: Frame, accepted: pa.Schema, quarantine: pa.Schema) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The accepted rows and the reasons for the others. Raises WireError."""
    cut = frame.header.get("accepted")
    if set(frame.header) != {"op", "accepted"} or frame.header["op"] != "rows" or type(cut) is not int:
        raise WireError("not an answer about rows")
    if not 0 <= cut <= len(frame.payload):
        raise WireError("an answer about rows ends before it begins")
    parts = unpacked(frame.payload[:cut]), unpacked(frame.payload[cut:])
    for part, schema in zip(parts, (accepted, quarantine), strict=True):
        if not part.schema.equals(schema):
            raise WireError("an answer about rows has other columns")
    return parts
