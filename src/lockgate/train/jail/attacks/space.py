"""Which rows an attack may make of a row: only declared numbers move, within their ranges, and stay what they are.

A point is the row's mutable numbers in units of each one's standard deviation among the rows that the space was made
of; the distance of two points is the l2 norm of their difference. A standard deviation of 0 (a column that is
constant) is replaced by that of a uniform number over the declared range; without one the column does not move.

    kind                      moved
    float                     within its range
    int                       to whole numbers within its range
    bool, string, timestamp   never: declaring one is an error
    a missing number          never: it stays missing
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.train.jail.attacks.trail import Points

Array = npt.NDArray[Any]
Row = int | Mapping[str, Any]

MOST_SAMPLED = 2_000
"""Rows kept as starting points."""


class Space:
    """Rows of `columns`, with those of `mutable` that an attack may move.

    Attributes:
        mutable: names, in the order of a point's coordinates.
        scale: shape (mutable,), the standard deviation of each.
        low, high: shape (mutable,), the ranges in standard deviations.
        whole: shape (mutable,), whether it is a whole number.
        sample: shape (at most MOST_SAMPLED, mutable), points of real rows, where an attacker begins.
    """

    def __init__(
        self,
        columns: Mapping[str, Array],
        kinds: Mapping[str, str],
        mutable: Sequence[str],
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Raises ValueError for a mutable name that is no number's, a range that is none, or no rows."""
        self._columns = dict(columns)
        rows = len(next(iter(self._columns.values()))) if self._columns else 0
        if not rows or not mutable or len(set(mutable)) != len(mutable):
            raise ValueError("a space needs rows, and mutable fields each named once")
        wrong = [name for name in mutable if kinds.get(name) not in ("float", "int") or name not in self._columns]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no number that could be moved")
        self.mutable = tuple(mutable)
        self.whole = np.array([kinds[name] == "int" for name in mutable])
        values = np.stack([np.asarray(self._columns[name], dtype=np.float64) for name in mutable], axis=1)
        limits = np.array([_range(values[:, at], (ranges or {}).get(name)) for at, name in enumerate(mutable)])
        limits[self.whole] = np.stack([np.ceil(limits[self.whole, 0]), np.floor(limits[self.whole, 1])], axis=1)
        self.scale = np.array([_deviation(values[:, at], limits[at]) for at in range(len(mutable))])
        self._points = values / self.scale
        self.low, self.high = limits[:, 0] / self.scale, limits[:, 1] / self.scale
        kept = np.linspace(0, rows - 1, min(rows, MOST_SAMPLED)).astype(int)
        self.sample = self._points[kept]

    def start(self, row: Row) -> Points:
        """The point of a row of the space, or of a record. Shape (mutable,), NaN where a number is missing."""
        if isinstance(row, Mapping):
            values = [math.nan if row.get(name) is None else float(row[name]) for name in self.mutable]
            given: Points = np.array(values, dtype=np.float64) / self.scale
            return given
        found: Points = self._points[row]
        return found

    def columns(self, row: Row, points: Points) -> dict[str, Array]:
        """Whole rows as `Model.predict` takes them: `points`, shape (n, mutable), put into n copies of the row."""
        rows = np.full(len(points), row) if isinstance(row, int | np.integer) else None
        return self.rows(rows, points) if rows is not None else self._of_record(row, points)

    def rows(self, places: npt.NDArray[np.intp] | Sequence[int] | None, points: Points) -> dict[str, Array]:
        """As `columns`, each point put into a row of its own: that at `places`, shape (n,)."""
        chosen = np.asarray(places, dtype=np.intp)
        values = self.values(points)
        found = {}
        for name, column in self._columns.items():
            at = self.mutable.index(name) if name in self.mutable else None
            found[name] = column[chosen] if at is None else values[:, at].astype(np.asarray(column).dtype)
        return found

    def _of_record(self, row: Any, points: Points) -> dict[str, Array]:
        values = self.values(points)
        found: dict[str, Array] = {}
        for name, column in self._columns.items():
            if name in self.mutable:
                moved = values[:, self.mutable.index(name)]
                found[name] = moved if np.isnan(moved).any() else moved.astype(np.asarray(column).dtype)
            else:
                found[name] = np.full(len(points), row[name], dtype=np.asarray(column).dtype)
        return found

    def values(self, points: Points) -> Points:
        """`points` in the fields' own units; whole numbers exactly whole."""
        moved = points * self.scale
        found: Points = np.where(self.whole, np.rint(moved), moved)
        return found


def _range(values: Points, declared: tuple[float, float] | None) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    if declared is None:
        return float(low), float(high)
    # An open end is what was seen.
    bottom = declared[0] if math.isfinite(declared[0]) else min(low, declared[1])
    top = declared[1] if math.isfinite(declared[1]) else max(high, declared[0])
    if math.isnan(declared[0]) or math.isnan(declared[1]) or bottom > top:
        raise ValueError(f"{declared} is no range")
    return float(bottom), float(top)


def _deviation(values: Points, limits: Points) -> float:
    """The standard deviation of what is known; of a uniform number over `limits` where that is 0; else 1."""
    known = values[np.isfinite(values)]
    largest = float(np.abs(known).max()) if len(known) else 0.0
    # Squares of numbers near the largest float would overflow.
    found = float(np.std(known / largest)) * largest if largest > 0 else 0.0
    if found <= 1e-12 * largest:
        found = float(limits[1] / 12**0.5 - limits[0] / 12**0.5)
    return found if 0 < found < math.inf else 1.0
