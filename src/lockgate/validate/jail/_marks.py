"""What people said of single rows, applied to rows of now. Runs in jails; a mark's file is data like any other.

Two rows are the same when all fields of the contract are: null is null, NaN is NaN, and 0.0 is -0.0. So a mark holds
for the next snapshot, whatever number the row has there, and for exact duplicates. The last word on a row counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.spec import BOOKKEEPING

GOOD = "good"
BAD = "bad"

_WORD = "__word__"


@dataclass(frozen=True)
class Marks:
    """The last word on each row that somebody marked.

    Attributes:
        applied: places of the marks that hold for rows of these fields; the others were made of rows of other fields.
    """

    applied: tuple[int, ...] = ()
    number: int = 0
    _names: tuple[str, ...] = ()
    _said: pl.DataFrame = field(default_factory=pl.DataFrame, repr=False)

    @classmethod
    def read(cls, folder: Path, words: Sequence[str], schema: pa.Schema) -> Self:
        """The marks `folder`/0.parquet, 1.parquet, ..., oldest first, with the word of each: `good` or `bad`.

        `schema`: of the rows that they are for; bookkeeping and the order of the fields do not matter.
        """
        kinds = {one.name: one.type for one in schema if one.name not in BOOKKEEPING}
        names = tuple(kinds)
        tables: list[pl.DataFrame] = []
        applied: list[int] = []
        for place, word in enumerate(words):
            file = pq.ParquetFile(folder / f"{place}.parquet")
            own = {one.name: one.type for one in file.schema_arrow}
            if kinds and own == kinds and len(file.schema_arrow) == len(kinds):
                tables.append(_frame(file.read(), names).with_columns(pl.lit(word).alias(_WORD)))
                applied.append(place)
        if not tables:
            return cls(number=len(words))
        said = pl.concat(tables).unique(subset=names, keep="last", maintain_order=True)
        return cls(tuple(applied), len(words), names, said)

    def unreadable(self) -> tuple[int, ...]:
        """Places of the marks that cannot be applied: the contract's fields are others than theirs."""
        return tuple(place for place in range(self.number) if place not in self.applied)

    def __bool__(self) -> bool:
        """Whether any row can be marked by them."""
        return bool(self.applied)

    def bad(self, rows: pa.RecordBatch | pa.Table) -> npt.NDArray[np.bool_]:
        """Shape (n,): rows whose last word is bad."""
        return self._are(rows, BAD)

    def good(self, rows: pa.RecordBatch | pa.Table) -> npt.NDArray[np.bool_]:
        """Shape (n,): rows whose last word is good."""
        return self._are(rows, GOOD)

    def _are(self, rows: pa.RecordBatch | pa.Table, word: str) -> npt.NDArray[np.bool_]:
        if not self or not rows.num_rows:
            return np.zeros(rows.num_rows, np.bool_)
        said = self.words(rows)
        found: npt.NDArray[np.bool_] = (said == word).fill_null(value=False).to_numpy()
        return found

    def words(self, rows: pa.RecordBatch | pa.Table) -> pl.Series:
        """Length n: the last word on each row, null where nobody said one."""
        if not self:
            return pl.Series(_WORD, [None] * rows.num_rows, pl.String)
        # `left` keeps the rows' own order; each row meets one word at most, since what was said is unique.
        joined = _frame(rows, self._names).join(
            self._said, on=self._names, how="left", nulls_equal=True, maintain_order="left"
        )
        return joined.get_column(_WORD)


def _frame(rows: pa.RecordBatch | pa.Table, names: Sequence[str]) -> pl.DataFrame:
    found: Any = pl.from_arrow(rows.select(list(names)))
    return pl.DataFrame(found)
