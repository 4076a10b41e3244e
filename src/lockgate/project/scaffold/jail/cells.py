"""The columns of a snapshot, one at a time: a stranger's million rows must fit. Runs in the jail.

CSV and texts of Parquet are texts; JSON Lines are parsed here, each value as the text that a CSV would have, with a
count of what JSON said it was. A typed column of Parquet stays what it is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.snapshot import is_plain
from lockgate.contract.spec import BOOKKEEPING, JSON_COLUMN, KIND_KEY

_LINES = 20_000


@dataclass
class Column:
    """`cells`: texts or typed values, null where there is none. `said`: for JSON, how many values were of which type.

    `odd`: neither a number, a text, a time nor true and false.
    """

    name: str
    cells: pl.Series
    said: Counter[str] = field(default_factory=Counter)
    odd: bool = False

    @property
    def texts(self) -> bool:
        """Whether the cells are texts."""
        return isinstance(self.cells.dtype, pl.String)


class Snapshot:
    """`kind` of source, number of rows, names of columns. `bad`: lines of JSON Lines that are no record."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = pq.ParquetFile(path)
        schema = self._file.schema_arrow
        self.kind = (schema.metadata or {}).get(KIND_KEY, b"").decode()
        self.rows = self._file.metadata.num_rows
        self.bad = 0
        self._types = {item.name: item.type for item in schema if item.name not in BOOKKEEPING}
        self._records: dict[str, Column] = {}
        if self.kind == "jsonl":
            self._records = self._parsed()

    @property
    def names(self) -> Sequence[str]:
        """All columns, in order."""
        return list(self._records) if self.kind == "jsonl" else list(self._types)

    def columns(self) -> Iterator[Column]:
        """Each column, read when it is asked for."""
        for name in self.names:
            yield self.column(name)

    def column(self, name: str) -> Column:
        """One column."""
        if self.kind == "jsonl":
            return self._records[name]
        kind = self._types[name]
        if is_plain(kind):
            return Column(name, pl.read_parquet(self._path, columns=[name], use_statistics=False).to_series())
        if pa.types.is_timestamp(kind) or pa.types.is_decimal(kind):
            wanted = pa.float64() if pa.types.is_decimal(kind) else pa.timestamp("us", "UTC")
            read: Any = self._file.read(columns=[name], use_threads=False).column(0).cast(wanted)
            return Column(name, cast("pl.Series", pl.from_arrow(read)))
        return Column(name, pl.Series(name, [None] * self.rows, pl.String), odd=True)

    def _parsed(self) -> dict[str, Column]:
        parts: dict[str, list[pl.Series]] = {}
        said: dict[str, Counter[str]] = {}
        rows = 0
        for batch in self._file.iter_batches(batch_size=_LINES, columns=[JSON_COLUMN], use_threads=False):
            records = [self._record(line) for line in batch.column(0).to_pylist()]
            for name in dict.fromkeys(key for record in records for key in record):
                if name not in parts:
                    parts[name] = [pl.Series(name, [None] * rows, pl.String)] if rows else []
                    said[name] = Counter()
            for name, held in parts.items():
                values = [record.get(name) for record in records]
                said[name].update(_type(value) for value in values if value is not None)
                held.append(pl.Series(name, [_text(value) for value in values], pl.String))
            rows += len(records)
        return {
            name: Column(name, pl.concat(held), said[name], odd=bool(said[name]["other"]))
            for name, held in parts.items()
        }

    def _record(self, line: Any) -> dict[str, Any]:
        try:
            value = json.loads(str(line))
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
        self.bad += 1
        return {}


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "other"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, str):
        # What no UTF-8 can spell stands in no column; the contract's own reader refuses the record.
        return value.encode("utf-8", "replace").decode()
    return json.dumps(value)
