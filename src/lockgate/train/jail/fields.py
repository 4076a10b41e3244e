"""Rows without their label, for the jail in which features.py makes features of them. Runs in a jail of its own.

No user code runs here. At `/in` lie rows.parquet and io.json, the candidate's. Task on standard input: {"label"}.
Writes fields.parquet, the fields that io.json names, and sample.parquet: some of these rows, in no order, with their
places. Which rows they are is drawn from the system's randomness, now: the code, captured before, cannot know.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import SystemRandom

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.train.jail import frame
from lockgate.train.jail.doubted import PLACE

MOST_SAMPLED = 200


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Take the label off `/in/rows.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    label = read_task()["label"]
    table = pq.read_table(data_dir() / "rows.parquet", use_threads=False)
    fields, sample = parted(table, (data_dir() / "io.json").read_bytes(), label)
    for name, rows in (("fields", fields), ("sample", sample)):
        pq.write_table(rows, out_dir() / f"{name}.parquet", compression="zstd")


def parted(table: pa.Table, io: bytes, label: str) -> tuple[pa.Table, pa.Table]:
    """All rows with the fields of `io`, and the sample of them. Raises Refused LG320 when these are not the rows'."""
    try:
        spec = serving.parse(io)
    except ValueError as error:
        raise _refused(str(error)) from None
    rows = frame.from_table(table, label)
    strangers = [field.name for field in spec.fields if rows.kinds.get(field.name) != field.kind]
    if spec.label != label or strangers:
        raise _refused(f"io.json names fields that the rows do not have: {strangers[:5] or spec.label}")
    fields = table.select([field.name for field in spec.fields]).replace_schema_metadata(None)
    places = SystemRandom().sample(range(len(table)), min(len(table), MOST_SAMPLED))
    return fields, fields.take(pa.array(places, pa.int64())).append_column(PLACE, pa.array(places, pa.int64()))


def _refused(message: str) -> Refused:
    return Refused("LG320", f"the candidate cannot be judged: {message}", next="lockgate explain LG320")
