"""What each column is good for: an input, a text, the time of the rows, whom a row belongs to, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lockgate.project.scaffold import naming
from lockgate.project.scaffold.spellings import names_id, names_owner, names_when, says_when

Column = Mapping[str, Any]
Role = Literal["number", "category", "text", "time", "moment", "group", "out", "label"]

ALMOST_ALL = 0.95
WORDY = 3.0
"""Words of a mean value from which on a column is prose and no name."""
_PER_OWNER = 2.0
_OWNERS = 20
_ONLY = 1


@dataclass(frozen=True)
class Part:
    """A column, its field's name, and what it is. `why`: of one that is left out, or only proposed."""

    column: Column
    name: str
    role: Role
    why: str = ""

    @property
    def source(self) -> str:
        """The column's own name."""
        return str(self.column["name"])

    @property
    def alias(self) -> str:
        """The column's own name where the field has another; else ""."""
        return "" if self.source == self.name else self.source

    @property
    def kept(self) -> bool:
        """Whether the contract has a field for it."""
        return self.role not in ("out", "label")

    @property
    def breaks(self) -> Mapping[str, Any]:
        """`rows` and `example` of cells that the field's type refuses; empty where there are none."""
        found: Mapping[str, Any] = self.column.get("breaks", {})
        return found


def parts_of(columns: Sequence[Column], label: str) -> tuple[Part, ...]:
    """Each column's part. At most one is the time, at most one the group."""
    names = naming.field_names([column["name"] for column in columns])
    parts = [_part(column, names[column["name"]], is_label=column["name"] == label) for column in columns]
    time = _time(parts)
    parts = [replace(part, role="time") if part is time else part for part in parts]
    group = _group(parts)
    if group is None:
        return tuple(parts)
    owner = f"{group.column['distinct']:,} different, of {_per(group.column):.1f} rows each"
    if time is None:
        return tuple(replace(part, role="group", why=owner) if part is group else part for part in parts)
    said = f"it says to whom a row belongs ({owner}), and the rows are split by time"
    return tuple(replace(part, role="out", why=said) if part is group else part for part in parts)


def _part(column: Column, name: str, *, is_label: bool) -> Part:
    if is_label:
        return Part(column, name, "label")
    why = _left_out(column)
    if why:
        return Part(column, name, "out", why)
    kind = column["kind"]
    if kind in ("int", "float", "bool"):
        return Part(column, name, "number")
    if kind in ("date", "datetime"):
        return Part(column, name, "moment")
    wordy = column.get("words", 1) >= WORDY and column["distinct"] > _OWNERS
    return Part(column, name, "text" if wordy else "category")


def _left_out(column: Column) -> str:
    rows, distinct, kind = int(column["rows"]), int(column["distinct"]), column["kind"]
    present = max(rows - int(column["nulls"]), 1)
    if not column["name"]:
        return "it has no name, like the row numbers that some programs write; name it to use it"
    if kind == "other":
        return "its values are neither numbers, texts, times nor true and false"
    if not distinct:
        return "it has no value at all"
    if column.get("undated"):
        return str(column["undated"])
    if distinct == _ONLY and not column["nulls"] and kind != "bool":
        return "it has the same value in every row"
    if kind == "string" and distinct > ALMOST_ALL * present and column.get("words", 1) < WORDY:
        return str(column.get("figures") or "nearly every value is different: an id")
    if kind == "int" and distinct > ALMOST_ALL * present and names_id(column["name"]):
        return "nearly every value is different, and its name says: an id"
    return "it numbers the rows: an id, which says nothing about a new record" if _counts_rows(column) else ""


def _counts_rows(column: Column) -> bool:
    """Whether it has each number from 0 or 1 on, once a row. Years in a row begin elsewhere, and are no id."""
    whole = column["kind"] == "int" and column["distinct"] == column["rows"] and "least" in column
    return whole and column["least"] in (0, 1) and column["most"] - column["least"] == column["rows"] - 1


def _time(parts: Sequence[Part]) -> Part | None:
    """The date that orders the rows: one without gaps, and no birthday; the one whose name says so comes first."""
    able = [part for part in parts if part.role == "moment" and not part.column["nulls"] and names_when(part.source)]
    return next((part for part in able if says_when(part.source)), able[0] if able else None)


def _group(parts: Sequence[Part]) -> Part | None:
    """Whose rows they are: an id by its name, with several rows for most of its many values."""
    able = [
        part
        for part in parts
        if part.role in ("number", "category")
        and part.column["kind"] in ("int", "string")
        and names_id(part.source)
        and part.column["distinct"] > _OWNERS
        and _per(part.column) >= _PER_OWNER
        and not part.column["nulls"]
    ]
    return next((part for part in able if names_owner(part.source)), able[0] if able else None)


def _per(column: Column) -> float:
    return int(column["rows"]) / max(int(column["distinct"]), 1)
