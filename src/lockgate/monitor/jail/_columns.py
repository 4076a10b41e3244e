"""The columns of a file as those of the reference are: numbers, texts, moments. A text file says no types; cells do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from lockgate.monitor.jail.reading import column, kind_of
from lockgate.monitor.values import Array
from lockgate.runtime.serving import NULL_TIMESTAMP

NUMBERS = frozenset({"float", "int"})

_BOOLS = {"true": 1.0, "false": 0.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class Columns:
    """How the columns of a file are read.

    Attributes:
        kinds: of all columns of the reference.
        typed: whether the file says itself what is a number: then a text is none, whatever it looks like.
        wrong: cells of texts that are nothing of their column's kind; they count as missing.
    """

    kinds: Mapping[str, str]
    typed: bool
    wrong: dict[str, int] = field(default_factory=dict)

    def of(self, table: pa.Table) -> dict[str, Array]:
        """As `monitor.values` describes them. One that is not there, or of another kind, is left out."""
        found = {}
        for name, kind in self.kinds.items():
            place = table.schema.get_field_index(name)
            if place < 0 or kind == "other":
                continue
            has = kind_of(table.schema.field(place).type)
            if same(has or "other", kind):
                found[name] = column(table.column(place), kind)
            elif not self.typed:
                found[name] = self._parsed(name, kind, _cells(table.column(place)))
        return found

    def _parsed(self, name: str, kind: str, cells: pl.Series) -> Array:
        if kind == "timestamp":
            moments = [None if cell is None else _moment(cell) for cell in cells.to_list()]
            self._count(name, moments.count(None) - cells.null_count())
            return np.array([NULL_TIMESTAMP if one is None else one for one in moments], np.int64)
        parsed = _bools(cells) if kind == "bool" else _numbers(cells)
        self._count(name, parsed.null_count() - cells.null_count())
        return parsed.fill_null(float("nan")).to_numpy()

    def _count(self, name: str, wrong: int) -> None:
        if wrong:
            self.wrong[name] = self.wrong.get(name, 0) + wrong


def same(one: str, other: str) -> bool:
    """Whether values of both kinds can be compared."""
    return one == other or {one, other} <= NUMBERS


def kinds_of(table: pa.Table, *, typed: bool, time: str) -> dict[str, str]:
    """The kind of each column: as the file says (`typed`), else what all its cells can be. `time` holds moments."""
    if typed:
        return {one.name: kind_of(one.type) or "other" for one in table.schema}
    return {name: "timestamp" if name == time else _guessed(_cells(table.column(name))) for name in table.column_names}


def _guessed(cells: pl.Series) -> str:
    there = cells.drop_nulls()
    if not len(there):
        return "other"
    if not _bools(there).null_count():
        return "bool"
    numbers = _numbers(there)
    if numbers.null_count():
        return "string"
    return "int" if bool((numbers.round() == numbers).all()) else "float"


def _cells(found: Any) -> pl.Series:
    return pl.Series(found.to_pylist(), dtype=pl.String)


def _numbers(cells: pl.Series) -> pl.Series:
    return cells.str.strip_chars().cast(pl.Float64, strict=False)


def _bools(cells: pl.Series) -> pl.Series:
    return cells.str.to_lowercase().replace_strict(_BOOLS, default=None, return_dtype=pl.Float64)


def _moment(cell: str) -> int | None:
    """Microseconds since 1970; a time without an offset is UTC."""
    try:
        read = datetime.fromisoformat(cell.strip())
        moment = read if read.tzinfo else read.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
