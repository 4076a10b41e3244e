"""Cells spelled as `[data] dates` and `numbers` say -> the same in ISO 8601, or as 1234.56, for Pydantic to see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import polars as pl
import pyarrow as pa

from lockgate.contract.dates import iso_of, spellings
from lockgate.contract.jail.accept import exactly
from lockgate.contract.numbers import spelled
from lockgate.contract.plan import Plan


class Respelling:
    """The columns of a plan that hold dates or numbers, and how many of their cells were respelled."""

    def __init__(self, plan: Plan, columns: Collection[str], dates: str, numbers: str = "") -> None:
        dated = {name for field in plan.fields if field.kind == "timestamp" for name in field.columns}
        counted = {name for field in plan.fields if field.kind in ("int", "float") for name in field.columns}
        self._exprs: dict[str, pl.Expr] = {}
        for name in columns:
            if dates and name in dated:
                self._exprs[name] = respelled(exactly(name), dates)
            elif numbers and name in counted:
                self._exprs[name] = respelled_number(exactly(name), numbers)
        self.cells = 0

    def frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with its dates respelled."""
        found = frame.with_columns(expr.alias(name) for name, expr in self._exprs.items())
        for name in self._exprs:
            self.cells += int((found[name] != frame[name]).sum() or 0)
        return found

    def lazily(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The same for a frame that is still to be read; nothing is counted."""
        return frame.with_columns(expr.alias(name) for name, expr in self._exprs.items())

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The same for Arrow."""
        dated = cast("pl.DataFrame", pl.from_arrow(batch.select(list(self._exprs))))
        found = self.frame(dated).to_arrow()
        for name in self._exprs:
            place = batch.schema.get_field_index(name)
            column: Any = found.column(name).combine_chunks().cast(pa.string())
            batch = batch.set_column(place, batch.schema.field(place), column)
        return batch


def respelled(col: pl.Expr, dates: str) -> pl.Expr:
    """ISO 8601 where a cell reads back in one of the spellings exactly, else the cell."""
    found = col
    for spelling in spellings(dates):
        kind = pl.Datetime("us") if "%M" in spelling else pl.Date()
        moment = col.str.strptime(kind, spelling, strict=False)
        iso = moment.dt.strftime(iso_of(spelling))
        found = pl.when(moment.dt.strftime(spelling) == col).then(iso).otherwise(found)
    return found


def respelled_number(col: pl.Expr, numbers: str) -> pl.Expr:
    """A number as 1234.56 where a cell spells it as `numbers` says; a dot that is no such mark makes it no number."""
    said = spelled(numbers)
    plain = col.str.replace_many([".", ","], [",", "."]) if said.comma else col
    if not said.grouped:
        return plain
    whole = col.str.replace_all(said.between, "").str.replace(",", ".", literal=True)
    return pl.when(col.str.contains(said.grouped)).then(whole).otherwise(plain)
