"""The half of the engine that needs no user's code and asks nobody: what a plan makes of some rows. Pure.

It runs beside the other half, or on other machines (`contract.jail.spread`): what it gives can be carried as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from lockgate.contract.jail.accept import TYPES, literal, made
from lockgate.contract.jail.bind import Binding, Bound, bind
from lockgate.contract.jail.respell import Respelling
from lockgate.contract.jail.snapshot import Piece, Snapshot
from lockgate.contract.plan import Plan
from lockgate.contract.spec import BOOKKEEPING, ROW

JSON = "JSON Lines: Pydantic's own reader parses and judges each line in one pass"


@dataclass(frozen=True)
class Sifted:
    """What a plan makes of `of` rows.

    `values`: the fields of the rows that it accepts, with their bookkeeping. `rest`: the same of all other rows,
    right only where `sure`, which has a column of truth values per field. `raw`: the records of `rest`.
    """

    of: int
    values: pl.DataFrame
    rest: pl.DataFrame
    sure: pl.DataFrame
    raw: pa.Table
    respelled: int = 0


Sieve = Callable[[Snapshot, Binding], Iterator[Sifted]]
"""Sifts all units of a snapshot, in order, here or elsewhere."""


def prepared(snapshot: Snapshot, plan: Plan, dates: str, numbers: str = "") -> Binding:
    """`plan` bound to `snapshot`, whose dates and numbers are from now on read as `dates` and `numbers` spell them."""
    if (dates or numbers) and snapshot.kind == "csv":
        snapshot.respelling = Respelling(plan, snapshot.columns, dates, numbers)
    if snapshot.kind == "jsonl" and not plan.rows:
        return Binding((), JSON)
    return bind(plan, snapshot.columns, snapshot.kinds)


def sift_here(snapshot: Snapshot, binding: Binding) -> Iterator[Sifted]:
    """A Sieve: in this process, one unit at a time."""
    for unit in snapshot.units():
        yield sift(binding, snapshot.read(unit), unit.rows)


def sift(binding: Binding, piece: Piece, of: int) -> Sifted:
    """What the plan makes of one piece of `of` rows."""
    fields = binding.fields
    frame = piece.frame.with_columns(makings(binding))
    values = frame.select(*(_value(bound) for bound in fields), *BOOKKEEPING)
    # A select of nothing but literals would have one row: a column of the file gives it its height.
    answers = (surely(bound).fill_null(value=False).alias(bound.field.name) for bound in fields)
    sure = frame.select(*answers, ROW).drop(ROW)
    whole = sure.select(pl.all_horizontal(pl.all())).to_series() if fields else values[ROW].is_not_null()
    places = (~whole).arg_true()
    accepted = values.filter(whole) if len(places) else values
    return Sifted(of, accepted, values[places], sure[places], piece.raw(places))


def makings(binding: Binding) -> list[pl.Expr]:
    """What is made of each column that a field reads, under the name that `surely` knows."""
    accepted = [(bound.field.name, bound.accepted) for bound in binding.fields]
    return [found.value.alias(made(name)) for name, found in accepted if found is not None]


def surely(bound: Bound) -> pl.Expr:
    """Where Pydantic surely accepts the field, in a frame with its `makings`; null where nothing is known."""
    if bound.column is None:
        return pl.lit(value=True)
    return pl.lit(value=False) if bound.accepted is None else bound.accepted.sure


def _value(bound: Bound) -> pl.Expr:
    if bound.column is None:
        return literal(bound.field).alias(bound.field.name)
    name = bound.field.name
    value = pl.lit(None, TYPES[bound.field.kind]) if bound.accepted is None else pl.col(made(name))
    return value.alias(name)
