"""Files of predictions as they are written: Parquet or CSV, batch by batch, in a memory that does not grow."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.store.files import writing

ENDINGS = (".parquet", ".csv")

_PRIVATE = 0o600
_GROUP = 131_072


class Writer(Protocol):
    """Takes batches. Leaving the block makes what was written durable."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Write the next rows. Raises Unavailable LG801."""

    def __enter__(self) -> Self:
        """Open."""

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        """Close."""


def writer(path: Path, ending: str, schema: pa.Schema) -> Writer:
    """A writer of the new file `path`, for its owner only."""
    return _Parquet(path, schema) if ending == ".parquet" else _Csv(path, schema)


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._schema = path, schema
        self._held: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> Self:
        with writing(self._path):
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
            self._file = os.fdopen(fd, "wb")
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        return self

    def add(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        self._rows += batch.num_rows
        if self._rows >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        with writing(self._path):
            self._writer.write_table(pa.Table.from_batches(self._held, schema=self._schema))
        self._held, self._rows = [], 0

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        with self._file, writing(self._path):
            if kind is None:
                self._flush()
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())


class _Csv:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self._names = path, schema.names

    def __enter__(self) -> Self:
        with writing(self._path):
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
            self._file = os.fdopen(fd, "w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._csv.writerow(self._names)
        return self

    def add(self, batch: pa.RecordBatch) -> None:
        columns = [column.to_pylist() for column in batch.columns]
        with writing(self._path):
            self._csv.writerows([_cell(cell) for cell in row] for row in zip(*columns, strict=True))

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        with self._file, writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else value
