"""Parquet files written batch by batch, the same bytes each time.

A row group holds as many rows as one scan of it should: the boundaries depend on the rows and on nothing else. Long
dictionaries are given up early, because building them costs more than the rest of the writing, for larger files.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.spec import ROW
from lockgate.errors import Refused

_GROUP_ROWS = 131_072
_GROUP_BYTES = 64 << 20
_DICTIONARY_BYTES = 256 << 10


class TableWriter:
    """Writes batches as row groups of bounded size, each while the next is gathered. Raises Refused LG117.

    Memory stays below two groups and the batch in hand, as long as no batch is larger than a group.
    """

    def __init__(self, target: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self._pool = ThreadPoolExecutor(1, "table-writer")
        self._writing: Future[None] | None = None
        try:
            self._writer = pq.ParquetWriter(
                target,
                schema,
                compression="zstd",
                store_schema=True,
                use_dictionary=[path for path in _paths(schema) if path != ROW],  # type: ignore[arg-type]
                column_encoding={ROW: "DELTA_BINARY_PACKED"} if ROW in schema.names else None,
                dictionary_pagesize_limit=_DICTIONARY_BYTES,
            )
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
                self._wait()
        finally:
            self._pool.shutdown()
            self._writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one batch."""
        while batch.num_rows:
            piece = batch.slice(0, _GROUP_ROWS - self._rows)
            batch = batch.slice(piece.num_rows)
            self._held.append(piece)
            self._rows += piece.num_rows
            self._bytes += piece.nbytes
            if self._rows == _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        if self._held:
            table = pa.Table.from_batches(self._held, schema=self._schema)
            self._held, self._rows, self._bytes = [], 0, 0
            self._wait()
            self._writing = self._pool.submit(self._writer.write_table, table, _GROUP_ROWS)

    def _wait(self) -> None:
        """What the writing of the last group raised is raised here."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None


def _paths(schema: pa.Schema) -> list[str]:
    """The columns as Parquet counts them: one for each leaf of a nested type."""
    if not any(pa.types.is_nested(field.type) for field in schema):
        return schema.names
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema).close()
    leaves = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    return [leaves.schema.column(number).path for number in range(leaves.num_columns)]
