"""What the windows of a replayed file held, beside their bins: only for the words of advice."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lockgate.monitor.advice import Facts
from lockgate.monitor.plan import BINS
from lockgate.monitor.values import Array, Floats

MOST_NAMES = 1000
"""New categories of a column that are kept apart."""

LEAST_STEPS = 16
"""So many in one direction: by chance once in ten million million times."""


class Looks:
    """Facts of each window, by column."""

    def __init__(self, reference: Mapping[str, Array]) -> None:
        self.before = {name: facts(_summed(column)) for name, column in reference.items()}
        self._known: dict[str, Collection[object]] = {
            name: set(column.tolist()) for name, column in reference.items() if column.dtype == object
        }
        self._windows: dict[str, list[Floats]] = {name: [] for name in reference}
        self._new: dict[str, Counter[str]] = {name: Counter() for name in self._known}
        self._first: dict[str, dict[str, int]] = {name: {} for name in self._known}
        self._rows: list[int] = []
        self._steps: dict[str, tuple[int, int]] = {}

    def add(self, columns: Mapping[str, Array], rows: int) -> None:
        """Take one window."""
        for name, seen in self._windows.items():
            seen.append(_summed(columns[name]) if name in columns else _NOTHING)
            if name in self._known and name in columns:
                self._look(name, columns[name])
        self._rows.append(rows)

    def follow(self, columns: Mapping[str, Array]) -> set[str]:
        """Columns whose values only rise, or only fall, in these rows, the next ones: no chance makes them so."""
        found = set()
        for name, column in columns.items():
            if name not in self._windows or column.dtype != np.float64:
                continue
            steps = np.diff(column[~np.isnan(column)])
            rising, falling = int((steps > 0).sum()), int((steps < 0).sum())
            before = self._steps.get(name, (0, 0))
            self._steps[name] = before[0] + rising, before[1] + falling
            if min(rising, falling) == 0 and max(rising, falling) >= LEAST_STEPS:
                found.add(name)
        return found

    @property
    def sorted(self) -> list[str]:
        """Columns whose values only rise within windows, or only fall."""
        return [name for name, steps in self._steps.items() if min(steps) == 0 and max(steps) >= LEAST_STEPS]

    def since(self, name: str, window: int) -> Facts | None:
        """Of the column's values since the window of that number; None for one that is not there."""
        seen = self._windows.get(name, [])[window:]
        present = [one for one in seen if one[0] > 0]
        return facts(_joined(present)) if present else None

    def new(self, name: str) -> dict[str, float]:
        """Categories that the reference has not, with their share of the rows since each was first seen."""
        rows = np.cumsum([0, *self._rows])
        return {
            value: count / max(int(rows[-1] - rows[self._first[name][value]]), 1)
            for value, count in self._new.get(name, Counter()).items()
        }

    def _look(self, name: str, column: Array) -> None:
        new, known = self._new[name], self._known[name]
        for value, count in Counter(column.tolist()).items():
            if value is None or value in known or (value not in new and len(new) >= MOST_NAMES):
                continue
            new[value] += count
            self._first[name].setdefault(value, len(self._rows))


def related(one: npt.NDArray[np.int8], other: npt.NDArray[np.int8]) -> bool:
    """Whether two streams' bins of the same rows are not independent: chi-squared past six of its deviations."""
    there = (one >= 0) & (other >= 0)
    table = np.zeros((BINS, BINS))
    np.add.at(table, (one[there], other[there]), 1)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    if min(table.shape) < 2:
        return False
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    squares = float(((table - expected) ** 2 / expected).sum())
    return squares > freedom + 6 * math.sqrt(2 * freedom)


# rows, missing, least, middle, greatest
_NOTHING: Floats = np.array([0.0, 0.0, np.nan, np.nan, np.nan])


def _summed(column: Array) -> Floats:
    if column.dtype == object:
        missing = sum(value is None for value in column.tolist())
        return np.array([len(column), missing, np.nan, np.nan, np.nan])
    there = column[~np.isnan(column)] if column.dtype == np.float64 else column[:0]
    missing = len(column) - len(there) if column.dtype == np.float64 else 0
    if not len(there):
        return np.array([len(column), missing, np.nan, np.nan, np.nan])
    return np.array([len(column), missing, there.min(), np.median(there), there.max()])


def _joined(windows: Sequence[Floats]) -> Floats:
    """The middle of many windows is taken as that of their middles: near enough for a hint."""
    every = np.stack(windows)
    numbers = every[~np.isnan(every[:, 2])]
    if not len(numbers):
        return np.array([every[:, 0].sum(), every[:, 1].sum(), np.nan, np.nan, np.nan])
    least, greatest = numbers[:, 2].min(), numbers[:, 4].max()
    return np.array([every[:, 0].sum(), every[:, 1].sum(), least, np.median(numbers[:, 3]), greatest])


def facts(summed: Floats) -> Facts:
    """The numbers of some rows as facts."""
    rows, missing, *numbers = summed.tolist()
    share = missing / rows if rows else 0.0
    return Facts(share) if np.isnan(numbers[0]) else Facts(share, *numbers)
