"""Records as a client would send them in JSON: rows of the file in which no cell breaks its column's kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from lockgate.project.scaffold.jail.cells import Snapshot
from lockgate.project.scaffold.jail.spelled import DAY, MOMENT, REAL, WHOLE, Spelling
from lockgate.project.scaffold.spellings import FLAGS

SAMPLE = 3
_LOOKED = 2000
_TRUE = frozenset({"true", "yes", "y", "t", "on"})


def sampled(snapshot: Snapshot, described: Sequence[Mapping[str, Any]], spelling: Spelling) -> list[dict[str, Any]]:
    """Up to SAMPLE records of the first rows, without the columns of kind `other`."""
    columns: dict[str, list[Any]] = {}
    whole = pl.repeat(value=True, n=min(_LOOKED, snapshot.rows), dtype=pl.Boolean, eager=True)
    for facts in described:
        if facts["kind"] == "other":
            continue
        column = snapshot.column(facts["name"])
        cells = column.cells[:_LOOKED]
        if column.texts:
            cells = spelling.plain(cells)
            whole &= _fits(cells, facts["kind"], spelling) | cells.is_null()
            columns[facts["name"]] = [
                _value(cell, facts["kind"]) for cell in _respelled(cells, facts["kind"], spelling)
            ]
        else:
            if cells.dtype.is_float():
                whole &= cells.is_finite() | cells.is_null()
            columns[facts["name"]] = [_plain(cell) for cell in cells.to_list()]
    places = whole.fill_null(value=False).arg_true().to_list()[:SAMPLE]
    return [{name: values[place] for name, values in columns.items()} for place in places]


def _respelled(cells: pl.Series, kind: str, spelling: Spelling) -> list[str | None]:
    if kind in ("int", "float"):
        cells = spelling.as_number(cells)
    elif kind in ("date", "datetime"):
        cells = spelling.as_date(cells)
    found: list[str | None] = cells.to_list()
    return found


def _fits(cells: pl.Series, kind: str, spelling: Spelling) -> pl.Series:
    if kind == "bool":
        return cells.str.to_lowercase().is_in(list(FLAGS))
    if kind in ("int", "float"):
        return spelling.as_number(cells).str.contains(WHOLE if kind == "int" else REAL)
    if kind in ("date", "datetime"):
        moments = spelling.as_date(cells)
        days = moments.str.contains(DAY)
        return days if kind == "date" else days | moments.str.contains(MOMENT)
    return cells.is_not_null()


def _value(cell: str | None, kind: str) -> Any:
    if cell is None:
        return None
    if kind == "bool":
        return cell.lower() in _TRUE
    try:
        return int(cell) if kind == "int" else float(cell) if kind == "float" else cell
    except ValueError:
        return cell


def _plain(value: Any) -> Any:
    """A typed value as JSON has it; what JSON does not have stands in no record that is chosen."""
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else value.isoformat()
