"""Some rows of a snapshot, as a snapshot. Runs in the parse jail; no user code runs here.

Task on standard input: {"places"}, ascending. Reads `/in/snapshot.parquet`, writes snapshot.parquet: the rows at these
places, of each source, counted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail._table import TableWriter
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.contract.spec import ROW, SOURCE

_BATCH = 65_536


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Take rows of `/in/snapshot.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    take(data_dir() / "snapshot.parquet", read_task()["places"], out_dir() / "snapshot.parquet")


def take(snapshot: Path, places: Sequence[int], into: Path) -> None:
    """Write the rows at `places`, batch by batch: the snapshot may be larger than the memory."""
    wanted = np.asarray(places, dtype=np.int64)
    file = pq.ParquetFile(snapshot)
    schema = file.schema_arrow
    found = []
    start = 0
    for batch in file.iter_batches(_BATCH, use_threads=False):
        here = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
        found.append(batch.take(pa.array(here, pa.int64())))
        start += batch.num_rows
    table = pa.Table.from_batches(found, schema=found[0].schema).cast(schema)
    _, first, count = np.unique(table.column(SOURCE).to_numpy(), return_index=True, return_counts=True)
    numbers = np.arange(len(table)) - np.repeat(first, count)
    table = table.set_column(schema.get_field_index(ROW), schema.field(ROW), pa.array(numbers, schema.field(ROW).type))
    with TableWriter(into, schema) as writer:
        for batch in table.combine_chunks().to_batches():
            writer.add(batch)
