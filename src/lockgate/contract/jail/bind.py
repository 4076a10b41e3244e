"""A plan on the columns of one snapshot: which column each field reads, and what is surely accepted of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from lockgate.contract.jail.accept import Accepted, accepts, made, usable
from lockgate.contract.plan import FieldPlan, Plan, Python


@dataclass(frozen=True)
class Bound:
    """A field, the column that it reads (None: its default stands), and what is surely accepted (None: nothing)."""

    field: FieldPlan
    column: str | None
    accepted: Accepted | None
    why: str = ""

    @property
    def how(self) -> str:
        """`compiled`, `python` (once per distinct value) or `python each` (once per row)."""
        if self.column is None or self.accepted is not None:
            return "compiled"
        return "python each" if isinstance(self.field.node, Python) and self.field.node.impure else "python"


@dataclass(frozen=True)
class Binding:
    """All fields; with `rows`, why every record goes to Pydantic as it is."""

    fields: tuple[Bound, ...]
    rows: str = ""


def bind(plan: Plan, columns: Sequence[str], kinds: Mapping[str, pl.DataType]) -> Binding:
    """`plan` on records with `columns`, of which polars reads those in `kinds`."""
    if plan.rows:
        return Binding((), plan.rows)
    odd = [name for name in columns if name.startswith(made(""))]
    if odd:
        return Binding((), f"the column {odd[0]} has a name that stands for what is made of a field")
    bound, used = [], set()
    for field in plan.fields:
        present = [name for name in field.columns if name in columns]
        if len(present) > 1:
            return Binding((), f"{field.name}: its value may stand in {present[0]} and in {present[1]}")
        if not present and field.missing is None:
            return Binding((), f"{field.name}: no record has it")
        used |= set(present)
        bound.append(_bound(field, present[0] if present else None, kinds))
    more = [name for name in columns if name not in used]
    if more and plan.extra == "forbid":
        return Binding((), f"the contract forbids the column {more[0]}")
    return Binding(tuple(bound))


def _bound(field: FieldPlan, column: str | None, kinds: Mapping[str, pl.DataType]) -> Bound:
    if column is None:
        return Bound(field, None, None)
    if isinstance(field.node, Python):
        return Bound(field, column, None, field.node.why)
    if column not in kinds:
        return Bound(field, column, None, "its column is of a type that is not compiled")
    if not usable(field):
        return Bound(field, column, None, "its pattern is too large to be compiled")
    found = accepts(field, column, kinds[column])
    return Bound(field, column, found, "" if found else f"no compiled form of a column of {kinds[column]}")
