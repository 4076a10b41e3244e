"""What was found in words, in which no value of a sensitive column is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.contract.findings import clean
from lockgate.validate.screen.binning import Coding
from lockgate.validate.screen.cells import ALONE, Cells
from lockgate.validate.screen.scanning import Hit
from lockgate.validate.screen.spec import Found
from lockgate.validate.screen.table import Column, Floats, Ints, Table

_LONGEST = 40
_HIDDEN = "a value"

Bools = npt.NDArray[np.bool_]
Bins = list[tuple[int, int]]


@dataclass(frozen=True)
class Label:
    """A label that stands out, or a range of values of it.

    Attributes:
        words: to be told.
        rows: shape (n,), which rows of the whole table have it.
    """

    words: str
    rows: Bools

    @classmethod
    def of(cls, table: Table, sampled: Floats, labels: Ints, said: Floats, one: int) -> Label:
        """The label in this place of `said`, of the rows that were scanned."""
        if table.task != "regression":
            code = int(labels[one])
            return cls(f"{table.label_name} = {word(table.classes[code])}", table.label == code)
        values = sampled[said[:, one] > 0]
        low, high = float(values.min()), float(values.max())
        return cls(f"{table.label_name} from {low:.6g} to {high:.6g}", (table.label >= low) & (table.label <= high))


def word(text: str) -> str:
    """A text of the rows, fit to be shown."""
    text = clean(text)
    return f'"{text}"' if len(text) <= _LONGEST else f'"{text[:_LONGEST]}..."'


def bins_of(cells: Cells, one: int) -> Bins:
    """The bins of a cell: coding and bin, one or two of them."""
    first, bin_one, second, bin_two = (int(part) for part in cells.places[one])
    return [(first, bin_one)] if second == ALONE else [(first, bin_one), (second, bin_two)]


def found(table: Table, codings: Sequence[Coding], bins: Bins, inside: Bools, label: Label, hit: Hit) -> Found | None:
    """The finding over the whole table; None where the rows that were not scanned do not bear it out."""
    rows = np.flatnonzero(inside & label.rows)
    of = int(inside.sum())
    share = len(rows) / of
    if share - hit.chance < hit.forced * (1 - hit.chance):
        return None
    where = " and ".join(
        _where(table.columns[codings[coding].column], codings[coding], one, rows) for coding, one in bins
    )
    columns = [table.columns[codings[coding].column].name for coding, _ in bins]
    what = (
        f"{len(rows)} of {of} rows with {where} have {label.words}, {_percent(share)}; "
        f"by their other columns {_percent(hit.chance)} of them would"
    )
    seen: dict[str, Any] = {"columns": columns, "rows": len(rows), "of": of, "expected": round(hit.chance, 4)}
    return Found("triggers", tuple(rows.tolist()), what, seen)


def _where(column: Column, coding: Coding, one: int, rows: Ints) -> str:
    low, high = coding.low[one], coding.high[one]
    if column.sensitive:
        return f"{_HIDDEN} of {column.name}"
    if np.isnan(low):
        return f"{column.name} missing"
    if np.isposinf(low):
        return f"a rare word of {column.name}"
    if low == high:
        return f"{column.name} = {_value(column, float(low))}"
    values = column.values[rows]
    return f"{column.name} from {_value(column, float(values.min()))} to {_value(column, float(values.max()))}"


def _value(column: Column, value: float) -> str:
    if column.is_text:
        return word(column.words[int(value)])
    if column.kind == "bool":
        return "true" if value else "false"
    if column.kind == "timestamp":
        return _moment(value)
    return f"{value:.6g}" if abs(value) >= 1e6 or value != int(value) else str(int(value))


def _moment(value: float) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)).isoformat()
    except (OverflowError, ValueError):
        return f"{value:.6g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
