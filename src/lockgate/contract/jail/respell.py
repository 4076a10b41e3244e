"""Cells that are spelled as `[data] dates` says -> the same moment in ISO 8601, before Pydantic sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, cast

import polars as pl
import pyarrow as pa

from lockgate.contract.dates import CANDIDATES, iso_of
from lockgate.contract.jail.accept import exactly
from lockgate.contract.plan import Plan


class Respelling:
    """The columns of a plan that hold dates, and how many of their cells were respelled."""

    def __init__(self, plan: Plan, columns: Collection[str], spelling: str) -> None:
        dated = {name for field in plan.fields if field.kind == "timestamp" for name in field.columns}
        self._exprs = {name: respelled(exactly(name), spelling) for name in columns if name in dated}
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


class Guesses:
    """Which spelling would mend the dates that were refused, if one mends all of them."""

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()
        self._mended: dict[str, Counter[str]] = {}

    def note(self, field: str, cells: pl.Series) -> None:
        """Refused cells of a field of dates."""
        if not len(cells) or cells.dtype != pl.String:
            return
        self._refused[field] += len(cells)
        exprs = [(respelled(pl.col("cell"), name) != pl.col("cell")).sum().alias(name) for name in CANDIDATES]
        found = cells.alias("cell").to_frame().select(exprs).row(0, named=True)
        self._mended.setdefault(field, Counter()).update(found)

    def answers(self) -> Mapping[str, Mapping[str, object]]:
        """By field the spelling that mends most, and how many of how many cells.

        None is named where two do equally well, as for days up to the twelfth of a month.
        """
        found: dict[str, Mapping[str, object]] = {}
        for field, refused in self._refused.items():
            (best, count), (_, second) = self._mended[field].most_common(2)
            if count > second:
                found[field] = {"spelling": best, "mends": count, "of": refused}
        return found


def respelled(col: pl.Expr, spelling: str) -> pl.Expr:
    """ISO 8601 where a cell reads back in its own spelling exactly, else the cell."""
    kind = pl.Datetime("us") if "%H" in spelling else pl.Date()
    moment = col.str.strptime(kind, spelling, strict=False)
    return pl.when(moment.dt.strftime(spelling) == col).then(moment.dt.strftime(iso_of(spelling))).otherwise(col)
