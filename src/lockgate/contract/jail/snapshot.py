"""A snapshot in units of whole row groups: as polars columns where both libraries mean the same, raw for the rest.

Polars scans faster than pyarrow, but not every Arrow type is safe with it (a time zone that it does not know ends
the process) or gives the Python objects that pyarrow gives. Where any column is of another type, pyarrow reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.respell import Respelling
from lockgate.contract.spec import BOOKKEEPING, KIND_KEY, ROW, SOURCE, SOURCE_KINDS, SourceKind

UNIT_BYTES = 32 << 20
_PLAIN = frozenset(
    {
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.date32()),
    }
)


@dataclass(frozen=True)
class Unit:
    """Rows `start` to `start + rows` of the snapshot, which are the whole row groups `groups`."""

    start: int
    rows: int
    groups: tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """The rows of one unit. `frame`: the columns that polars may judge. `table`: all, when pyarrow read them."""

    frame: pl.DataFrame
    schema: pa.Schema
    table: pa.Table | None = None

    def raw(self, places: pl.Series | None = None) -> pa.Table:
        """These rows (all without `places`) as Arrow, with the types of the snapshot."""
        if self.table is not None:
            return self.table if places is None else self.table.take(places.to_arrow())
        frame = self.frame if places is None else self.frame[places]
        return frame.to_arrow().cast(self.schema)


class Snapshot:
    """One Parquet file that `contract.jail.read` wrote."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError, OSError or pa.ArrowException when it is not one."""
        self._path = path
        self._file = pq.ParquetFile(path)
        self.schema: pa.Schema = self._file.schema_arrow
        kind = (self.schema.metadata or {}).get(KIND_KEY, b"").decode()
        if kind not in SOURCE_KINDS:
            raise ValueError("the snapshot does not say what kind of source it was made from")
        self.kind: SourceKind = kind
        self.columns = [name for name in self.schema.names if name not in BOOKKEEPING]
        zoned = {field.name for field in self.schema if pa.types.is_timestamp(field.type)}
        plain = {field.name for field in self.schema if is_plain(field.type)}
        self._scanned = plain == set(self.schema.names)
        self._judged = [name for name in self.schema.names if name in plain | zoned]
        self.kinds = self._kinds()
        self.respelling: Respelling | None = None

    def units(self, most_bytes: int = UNIT_BYTES) -> Iterator[Unit]:
        """Row groups, joined while they stay below `most_bytes`."""
        metadata = self._file.metadata
        start = rows = size = 0
        groups: list[int] = []
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            if groups and size + group.total_byte_size > most_bytes:
                yield Unit(start, rows, tuple(groups))
                start, rows, size, groups = start + rows, 0, 0, []
            groups.append(number)
            rows, size = rows + group.num_rows, size + group.total_byte_size
        if groups:
            yield Unit(start, rows, tuple(groups))

    def read(self, unit: Unit) -> Piece:
        """The rows of `unit`."""
        if self._scanned:
            frame = self._scan(unit).collect()
            return Piece(self.respelling.frame(frame) if self.respelling else frame, self._bare(self.schema))
        table = self._file.read_row_groups(list(unit.groups), use_threads=False)
        return Piece(self._frame(table), self._bare(table.schema), table.replace_schema_metadata(None))

    def scan(self, unit: Unit) -> pl.LazyFrame:
        """The rows of `unit`, to be read by polars."""
        frame = self._scan(unit)
        return self.respelling.lazily(frame) if self.respelling else frame

    def _scan(self, unit: Unit) -> pl.LazyFrame:
        return pl.scan_parquet(self._path, use_statistics=False, cache=False).slice(unit.start, unit.rows)

    @property
    def scannable(self) -> bool:
        """Whether `scan` may be used."""
        return self._scanned

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """All rows as Arrow, for records that go to Pydantic as they are."""
        for batch in self._file.iter_batches(batch_size=rows, use_threads=False):
            bare = batch.replace_schema_metadata(None)
            yield self.respelling.batch(bare) if self.respelling else bare

    def _frame(self, table: pa.Table) -> pl.DataFrame:
        """The judged columns; an instant is the same in every zone, and polars knows UTC."""
        arrays = [_in_utc(table.column(name)) for name in self._judged]
        return cast("pl.DataFrame", pl.from_arrow(pa.table(arrays, names=self._judged)))

    def _kinds(self) -> dict[str, pl.DataType]:
        empty = self.schema.empty_table()
        return {name: kind for name, kind in self._frame(empty).schema.items() if name not in (SOURCE, ROW)}

    @staticmethod
    def _bare(schema: pa.Schema) -> pa.Schema:
        return schema.remove_metadata()


def is_plain(kind: pa.DataType) -> bool:
    """Whether polars and pyarrow give the same Python objects for a column of this type."""
    return kind in _PLAIN or (pa.types.is_timestamp(kind) and kind.tz in (None, "UTC"))


def _in_utc(column: Any) -> Any:
    kind = column.type
    return column.cast(pa.timestamp(kind.unit, "UTC")) if pa.types.is_timestamp(kind) and kind.tz else column
