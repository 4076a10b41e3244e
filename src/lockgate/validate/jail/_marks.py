"""What people said of single rows, applied to rows of now. Runs in jails; a mark's file is data like any other.

Two rows are the same when all fields of the contract are: null is null, NaN is NaN, and 0.0 is -0.0. So a mark holds
for the next snapshot, whatever number the row has there. The last word on a row counts.

`bad` holds for every equal row. `good` holds for as many equal rows as its mark holds, the first ones: of a row that
was there once, nobody said that it may come back four hundred times.
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
from lockgate.core.screen import TOGETHER, bits

GOOD = "good"
BAD = "bad"

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_KEY, _COUNT = "__key__", "__count__"
_ASKED = bits(TOGETHER)
_BATCH = 5_000


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Words:
    """The last word on each of some rows, which are all that there are: of copies, only so many are good.

    Attributes:
        bad, good: shape (n,).
        named: shape (n,), the bits of the findings that were asked about when a row was marked good.
    """

    bad: Bools
    good: Bools
    named: Ints

    def open(self, flags: npt.NDArray[Any]) -> Ints:
        """Of each row's `flags` those that nobody answered.

        A good row answers what is about itself; what is about rows together (TOGETHER) only where that was asked.
        """
        whole = flags.astype(np.int64)
        return np.where(self.good, whole & _ASKED & ~self.named, whole)


@dataclass(frozen=True)
class Marks:
    """The last word on each row that somebody marked.

    Attributes:
        applied: places of the marks that hold for rows of these fields; the others were made of rows of other fields.
    """

    applied: tuple[int, ...] = ()
    number: int = 0
    _names: tuple[str, ...] = ()
    _rows: pl.DataFrame = field(default_factory=pl.DataFrame, repr=False)
    _held: Ints = field(default_factory=_none, repr=False)
    """Of each row: how many equal ones are good; -1: it is bad."""
    _named: Ints = field(default_factory=_none, repr=False)

    @classmethod
    def of(cls, rows: pa.Table) -> Self:
        """As if somebody had just called `rows` good: `keys` tells which ones equal one of them."""
        names = tuple(name for name in rows.schema.names if name not in BOOKKEEPING)
        unique = _frame(rows, names).unique().with_row_index(_KEY)
        return cls((0,), 1, names, unique, np.ones(len(unique), np.int64), np.zeros(len(unique), np.int64))

    @classmethod
    def read(cls, folder: Path, words: Sequence[str], schema: pa.Schema, named: Sequence[int] = ()) -> Self:
        """The marks `folder`/0.parquet, 1.parquet, ..., oldest first, with the word of each: `good` or `bad`.

        `schema`: of the rows that they are for; bookkeeping and the order of the fields do not matter. `named`: the
        bits of the findings that each mark names; none where nobody will ask.
        """
        kinds = {one.name: one.type for one in schema if one.name not in BOOKKEEPING}
        names = tuple(kinds)
        tables: dict[int, pl.DataFrame] = {}
        for place in range(len(words)):
            file = pq.ParquetFile(folder / f"{place}.parquet")
            own = {one.name: one.type for one in file.schema_arrow}
            if kinds and own == kinds and len(file.schema_arrow) == len(kinds):
                tables[place] = _frame(file.read(), names).group_by(names).agg(pl.len().alias(_COUNT))
        if not tables:
            return cls(number=len(words))
        rows = pl.concat([one.select(names) for one in tables.values()]).unique().with_row_index(_KEY)
        held, asked = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        for place, one in tables.items():
            joined = one.join(rows, on=names, how="left", nulls_equal=True, maintain_order="left")
            keys, counts = joined.get_column(_KEY).to_numpy(), joined.get_column(_COUNT).to_numpy().astype(np.int64)
            if words[place] == BAD:
                held[keys], asked[keys] = -1, 0
            else:
                held[keys] = np.maximum(held[keys], counts)
                asked[keys] |= named[place] if named else 0
        return cls(tuple(tables), len(words), names, rows, held, asked)

    def unreadable(self) -> tuple[int, ...]:
        """Places of the marks that cannot be applied: the contract's fields are others than theirs."""
        return tuple(place for place in range(self.number) if place not in self.applied)

    def __bool__(self) -> bool:
        """Whether any row can be marked by them."""
        return bool(self.applied)

    def bad(self, rows: pa.RecordBatch | pa.Table) -> Bools:
        """Shape (n,): rows whose last word is bad."""
        keys = self.keys(rows)
        return (keys >= 0) & (self._of(self._held, keys) < 0)

    def keys(self, rows: pa.RecordBatch | pa.Table) -> Ints:
        """Shape (n,): a number for each row that was marked, the same for equal ones; -1 where nobody said anything."""
        if not self or not rows.num_rows:
            return np.full(rows.num_rows, -1, np.int64)
        # `left` keeps the rows' own order; each row meets one at most, since those that were marked are unique.
        joined = _frame(rows, self._names).join(
            self._rows, on=self._names, how="left", nulls_equal=True, maintain_order="left"
        )
        found: Ints = joined.get_column(_KEY).cast(pl.Int64).fill_null(-1).to_numpy()
        return found

    def words(self, keys: Ints) -> Words:
        """What was said of rows with these `keys`, which are all rows that there are."""
        held = np.where(keys >= 0, self._of(self._held, keys), 0)
        good = (held > 0) & (_rank(keys) < held)
        return Words(held < 0, good, np.where(good, self._of(self._named, keys), 0))

    def _of(self, values: Ints, keys: Ints) -> Ints:
        return values[keys] if len(values) else np.zeros(len(keys), np.int64)


def _rank(keys: Ints) -> Ints:
    """Of each row: how many equal ones stand before it."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.searchsorted(ordered, ordered, side="left")
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.arange(len(keys)) - first
    return rank


def every_key(marks: Marks, file: pq.ParquetFile) -> Ints:
    """The keys of all rows of `file`, of which one group at a time is read."""
    if not marks:
        return np.full(file.metadata.num_rows, -1, np.int64)
    parts = [marks.keys(batch) for batch in file.iter_batches(batch_size=_BATCH)]
    return np.concatenate([_none(), *parts])


def _frame(rows: pa.RecordBatch | pa.Table, names: Sequence[str]) -> pl.DataFrame:
    found: Any = pl.from_arrow(rows.select(list(names)))
    return pl.DataFrame(found)
