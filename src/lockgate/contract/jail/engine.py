"""Fast accept, slow truth: the verdict on each row of a snapshot, most of them without a Python object.

1. The plan accepts a cell only where Pydantic surely accepts it, with the same value.   2. Other cells go, once per
distinct value, to Pydantic's validator of their field.   3. A record with a cell that neither accepted goes to the
whole model, which decides and words the reasons.   4. Where one field may depend on another, every record does.

No user code is near: what the contract's jail answers is checked for its form only, as docs/adr/0014 explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import polars as pl
import pyarrow as pa

from lockgate.contract.jail.accept import TYPES, made
from lockgate.contract.jail.bind import Bound
from lockgate.contract.jail.distinct import distinct
from lockgate.contract.jail.guesses import Guesses
from lockgate.contract.jail.rows import QUARANTINE_SCHEMA, Verdicts, accepted_schema
from lockgate.contract.jail.sift import Sieve, Sifted, makings, prepared, sift, sift_here, surely
from lockgate.contract.jail.snapshot import UNIT_BYTES, Piece, Snapshot
from lockgate.contract.jail.truth import Truth
from lockgate.contract.plan import FieldPlan, Plan
from lockgate.contract.spec import BOOKKEEPING, FieldTable

ROWS = 8192
"""Records that go to Pydantic at once."""

_SLICE = 65_536
_FEW = 100


@dataclass
class Paths:
    """How many rows went which way, and what each field cost: cells that Python was asked about, and calls for them."""

    compiled: int = 0
    cells: int = 0
    records: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, int]:
        """The three ways, as the report counts them."""
        return {"compiled": self.compiled, "cells": self.cells, "records": self.records}


class Engine:
    """One snapshot, one plan, one source of truth; `sieve` evaluates the plan, here unless it is told otherwise."""

    def __init__(
        self,
        snapshot: Snapshot,
        plan: Plan,
        table: FieldTable,
        truth: Truth,
        dates: str = "",
        sieve: Sieve = sift_here,
        numbers: str = "",
    ) -> None:
        self.snapshot = snapshot
        self.guesses = Guesses()
        self.binding, self._numbers = prepared(snapshot, plan, dates, numbers), numbers
        self.paths = Paths()
        self._sieve, self._elsewhere = sieve, 0
        self._plan, self._truth = plan, truth
        self._schema = accepted_schema(table)
        self._names = self._schema.names

    def explain(self) -> list[dict[str, object]]:
        """Field by field: how it is judged, why not by the plan alone, and what Python cost so far."""
        asked, calls = self.paths.asked, self.paths.calls
        dates, numbers = self.guesses.dates(), self.guesses.numbers()
        return [
            {
                "field": field.name,
                "how": bound.how if bound is not None else "record",
                "why": bound.why if bound is not None else getattr(field.node, "why", ""),
                "cells": asked.get(field.name, 0),
                "calls": calls.get(field.name, 0),
                "columns": list(field.columns),
                "dates": dates.get(field.name),
                "numbers": numbers.get(field.name),
            }
            for field, bound in self._pairs()
        ]

    @property
    def respelled(self) -> int:
        """How many cells were respelled as `dates` and `numbers` say."""
        return self._elsewhere + (self.snapshot.respelling.cells if self.snapshot.respelling else 0)

    def _pairs(self) -> list[tuple[FieldPlan, Bound | None]]:
        if self.binding.rows:
            return [(field, None) for field in self._plan.fields]
        return [(bound.field, bound) for bound in self.binding.fields]

    def verdicts(self) -> Iterator[Verdicts]:
        """The verdict on every row, in the order of the snapshot."""
        if self.binding.rows:
            yield from self._records(self.snapshot.batches(ROWS))
            return
        for sifted in self._sieve(self.snapshot, self.binding):
            self._elsewhere += sifted.respelled
            yield self._settled(sifted)

    def refused(self) -> Iterator[pa.RecordBatch]:
        """Only the quarantine; what the plan accepts is read and let go."""
        if self.binding.rows or not self.snapshot.scannable or self._sieve is not sift_here:
            yield from (found.quarantine for found in self.verdicts())
            return
        sure = pl.all_horizontal([surely(bound) for bound in self.binding.fields]).fill_null(value=False)
        for unit in self.snapshot.units(4 * UNIT_BYTES):
            frame = self.snapshot.scan(unit).with_columns(makings(self.binding)).filter(~sure)
            rest = frame.drop(pl.selectors.starts_with(made(""))).collect(engine="streaming")
            self.paths.compiled += unit.rows - rest.height
            for part in rest.iter_slices(_SLICE):
                piece = Piece(part, self.snapshot.schema.remove_metadata())
                yield self._settled(sift(self.binding, piece, unit.rows)).quarantine

    def _records(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Verdicts]:
        """Whole records to Pydantic."""

        def counted() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                self.paths.records += batch.num_rows
                yield batch

        return self._truth.rows(counted())

    def _settled(self, sifted: Sifted) -> Verdicts:
        """The verdicts on one piece: by the plan, then by the cells of the rest, then by whole records.

        Where few are left, most of them are bad: they are not worth a question about each of their fields.
        """
        self.paths.compiled += sifted.values.height
        if not sifted.rest.height:
            return Verdicts(self._arrow(sifted.values), _no_reasons())
        rest = _Rest(sifted.rest, sifted.raw)
        if sifted.rest.height * _FEW < sifted.of:
            rest.left = pl.repeat(value=True, n=sifted.rest.height, dtype=pl.Boolean, eager=True)
        else:
            for bound in self.binding.fields:
                self._ask(bound, rest, sifted.sure[bound.field.name])
        self.paths.cells += rest.values.height - int(rest.left.sum())
        self._guess(rest, sifted.sure)
        found = list(self._records(rest.records()))
        parts = [self._arrow(sifted.values), self._arrow(rest.values.filter(~rest.left))]
        accepted = _joined([*parts, *(each.accepted for each in found)])
        if rest.values.height > rest.left.sum() or any(each.accepted.num_rows for each in found):
            accepted = accepted.sort_by([(name, "ascending") for name in BOOKKEEPING])
        return Verdicts(accepted, _joined([_no_reasons(), *(each.quarantine for each in found)]))

    def _guess(self, rest: _Rest, unsure: pl.DataFrame) -> None:
        """Take note of dates, and of numbers if they are read as they stand, that are about to be refused."""
        if self.snapshot.kind != "csv" or not rest.left.any():
            return
        kinds = {"timestamp"} if self._numbers else {"timestamp", "int", "float"}
        for bound in self.binding.fields:
            if bound.field.kind in kinds and bound.column is not None:
                places = (rest.left & ~unsure[bound.field.name]).arg_true().to_arrow()
                cells = _series(rest.raw.column(bound.column).take(places)).drop_nulls()
                self.guesses.note(bound.field.name, bound.field.kind, cells)

    def _ask(self, bound: Bound, rest: _Rest, sure: pl.Series) -> None:
        """Pydantic's validator of one field, about its cells that are not `sure`; it fills their values in."""
        places = (~sure & ~rest.left).arg_true() if bound.how == "python each" else (~sure).arg_true()
        if bound.column is None or not len(places):
            return
        name = bound.field.name
        cells = rest.raw.column(bound.column).take(places.to_arrow()).combine_chunks()
        asked, back = (cells, None) if bound.how == "python each" else distinct(cells)
        accepted, values = self._truth.cells(name, asked)
        self.paths.asked[name] = self.paths.asked.get(name, 0) + len(cells)
        self.paths.calls[name] = self.paths.calls.get(name, 0) + len(asked)
        if back is not None:
            accepted, values = accepted.take(back), values.take(back)
        rest.fill(name, places, accepted, values, TYPES[bound.field.kind])

    def _arrow(self, frame: pl.DataFrame) -> pa.RecordBatch:
        table = frame.to_arrow().select(self._names).cast(self._schema.remove_metadata())
        batches = table.combine_chunks().to_batches()
        if not batches:
            return pa.RecordBatch.from_pylist([], schema=self._schema)
        return batches[0].replace_schema_metadata(self._schema.metadata)


class _Rest:
    """The rows of a piece that the plan did not accept whole. `left`: those that are still not accepted."""

    def __init__(self, values: pl.DataFrame, raw: pa.Table) -> None:
        self.values, self.raw = values, raw
        self.left = pl.repeat(value=False, n=values.height, dtype=pl.Boolean, eager=True)

    def fill(
        self, name: str, places: pl.Series, accepted: pa.Array[Any], values: pa.Array[Any], kind: pl.DataType
    ) -> None:
        """Put `values` at `places` of the column `name`; a row with a cell that was not accepted stays left."""
        mended = self.values[name].scatter(places, _series(values).cast(kind))
        self.values = self.values.with_columns(mended.alias(name))
        refused = places.filter(~_series(accepted))
        if len(refused):
            self.left = self.left.scatter(refused, True)

    def records(self) -> Iterator[pa.RecordBatch]:
        """The records that are left."""
        rows = self.left.arg_true()
        if len(rows):
            yield from self.raw.take(rows.to_arrow()).combine_chunks().to_batches()


def _series(values: pa.Array[Any] | pa.ChunkedArray[Any]) -> pl.Series:
    return cast("pl.Series", pl.from_arrow(values))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    found: pa.RecordBatch = pa.concat_batches(batches)  # type: ignore[attr-defined]  # the stubs do not know it
    return found


def _no_reasons() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=QUARANTINE_SCHEMA)
