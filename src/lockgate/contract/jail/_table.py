"""Parquet files written batch by batch, the same bytes each time."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.errors import Refused

_GROUP_ROWS = 65_536
_GROUP_BYTES = 64 << 20


class TableWriter:
    """Writes batches as row groups of bounded size; memory stays below one group. Raises Refused LG117."""

    def __init__(self, target: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._held: list[pa.RecordBatch] = []
        try:
            self._writer = pq.ParquetWriter(target, schema, compression="zstd", store_schema=True)
        except pa.ArrowException as error:
            raise Refused(
                "LG117",
                f"a column has a type that Parquet cannot hold: {str(error).splitlines()[0]}",
                next="turn the column into numbers, text or timestamps",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            if raised[0] is None:
                self._flush()
        finally:
            self._writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one batch."""
        self._held.append(batch)
        if sum(b.num_rows for b in self._held) >= _GROUP_ROWS or sum(b.nbytes for b in self._held) >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held, schema=self._schema))
            self._held = []
