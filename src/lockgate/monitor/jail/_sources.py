"""An untrusted file as batches of rows, read twice where needed; and a random part of its rows, in their order."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from lockgate.contract.jail._bounds import MAX_COLUMNS, too_many, too_much
from lockgate.contract.jail._csv import CsvReader
from lockgate.contract.jail._jsonl import JsonLinesReader
from lockgate.contract.jail._parquet import ParquetReader
from lockgate.contract.jail._sniff import sniff
from lockgate.contract.jail._text import TextOptions
from lockgate.contract.spec import SourceKind
from lockgate.errors import Refused
from lockgate.monitor.dependence import Steps

_BLOCK = 16_384
"""Lines of JSON that are taken apart at a time."""


class _Reader(Protocol):
    def batches(self) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True)
class Source:
    """One file, called `name`. Its `batches` have flat columns; of a text file (`typed` is false) all are texts."""

    path: Path
    name: str
    kind: SourceKind

    @classmethod
    def of(cls, path: Path, name: str) -> Source:
        """Raises Refused LG103, LG106, LG107, LG108."""
        return cls(path, name, sniff(path, name, None, TextOptions().encoding))

    @property
    def typed(self) -> bool:
        """Whether the file itself says which types its columns have."""
        return self.kind == "parquet"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in order. Raises Refused LG104 to LG114, LG140 to LG144, LG977."""
        rows = 0
        try:
            for batch in self._reader().batches():
                if self.kind == "jsonl":
                    for at in range(0, batch.num_rows, _BLOCK):
                        yield self._objects(batch.slice(at, _BLOCK), rows + at)
                elif batch.num_rows:
                    yield batch
                rows += batch.num_rows
        except MemoryError:
            raise too_much(self.name, rows) from None

    def _reader(self) -> _Reader:
        if self.kind == "parquet":
            return ParquetReader(self.path, self.name)
        reader = CsvReader if self.kind == "csv" else JsonLinesReader
        return reader(self.path, self.name, TextOptions())

    def _objects(self, lines: pa.RecordBatch, first: int) -> pa.RecordBatch:
        columns: dict[str, list[str | None]] = {}
        for at, line in enumerate(map(str, lines.column(0).to_pylist())):
            for key, value in self._object(line, first + at).items():
                if key not in columns:
                    columns[key] = [None] * lines.num_rows
                columns[key][at] = _text(value)
            if len(columns) > MAX_COLUMNS:
                raise too_many(self.name, len(columns))
        arrays = [pa.array(cells, pa.string()) for cells in columns.values()]
        if not arrays:
            raise self._no_object(first, "it has no fields")
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def _object(self, line: str, row: int) -> dict[str, Any]:
        try:
            value = json.loads(line, strict=False, parse_int=float)
            if "\\u" in line:  # Half of a pair is no text.
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise self._no_object(row, str(error).splitlines()[0]) from None
        if not isinstance(value, dict):
            raise self._no_object(row, f"it is a {type(value).__name__}")
        return value

    def _no_object(self, row: int, why: str) -> Refused:
        return Refused(
            "LG977",
            f"line {row + 1} of {self.name} is no JSON object: {why}",
            seen={"file": self.name, "line": row + 1},
            next=f"sed -n {row + 1}p {self.name}",
        )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


class Sample:
    """Of what is added the rows for streams of some strides: of each at most so many by chance; in their order."""

    def __init__(self, most: int, strides: Collection[int], randomness: np.random.Generator) -> None:
        self.rows = 0
        self._most, self._randomness = most, randomness
        self._strides = sorted({stride for stride in strides if stride})
        self._steps = [Steps(stride, randomness) for stride in self._strides]
        self._kept: list[pa.Table] = []
        self._keys: list[Any] = []
        self._of: list[Any] = []
        self._held = 0
        self._limits = np.ones(len(self._strides))

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one batch."""
        rows = batch.num_rows
        self.rows += rows
        keys = self._randomness.random(rows)
        of = np.zeros((rows, len(self._strides)), bool)
        for place, steps in enumerate(self._steps):
            of[steps.take(rows), place] = True
        of &= keys[:, None] < self._limits
        chosen = of.any(axis=1)
        self._kept.append(pa.table(batch).take(np.flatnonzero(chosen)))
        self._keys.append(keys[chosen])
        self._of.append(of[chosen])
        self._held += int(chosen.sum())
        if self._held > 2 * self._most:
            self._trim()

    def table(self) -> pa.Table:
        """The rows chosen. A column that some batches lack is null there."""
        if self._held > self._most:
            self._trim()
        return pa.concat_tables(self._kept, promote_options="default") if self._kept else pa.table({})

    def steps(self) -> dict[int, Any]:
        """Of each stride the places of its rows in `table`."""
        of = np.concatenate(self._of) if self._of else np.zeros((0, len(self._strides)), bool)
        return {stride: np.flatnonzero(of[:, place]) for place, stride in enumerate(self._strides)}

    def _trim(self) -> None:
        """Each stride keeps its share, of the lowest keys."""
        keys, of = np.concatenate(self._keys), np.concatenate(self._of)
        most = self._most // len(self._strides)
        for place in range(len(self._strides)):
            own = keys[of[:, place]]
            if len(own) > most:
                self._limits[place] = min(self._limits[place], float(np.partition(own, most)[most]))
        of &= keys[:, None] < self._limits
        chosen: Any = of.any(axis=1)
        whole = pa.concat_tables(self._kept, promote_options="default")
        self._kept, self._keys, self._of = [whole.filter(pa.array(chosen))], [keys[chosen]], [of[chosen]]
        self._held = int(chosen.sum())
