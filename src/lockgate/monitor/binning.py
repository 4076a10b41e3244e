"""Rows to bins: of each stream of a plan the bin that a row's value lies in, and counts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor import strata
from lockgate.monitor.plan import BINS, Plan
from lockgate.monitor.values import Array, Floats, Valuer
from lockgate.runtime.serving import NULL_TIMESTAMP

BinArray: TypeAlias = npt.NDArray[np.int8]
Counted: TypeAlias = list[tuple[int, int, list[int]]]
NOWHERE = -1


class Binner:
    """A plan, made ready for many rows. `randomness` tells apart rows whose value equals that of a cut."""

    def __init__(self, plan: Plan, randomness: np.random.Generator) -> None:
        self._strata = plan.strata
        self._randomness = randomness
        self._valuer = Valuer.of(plan)
        self._labelled = [place for place, one in enumerate(plan.streams) if one.kind == "loss"]
        self._names = [plan.streams[place].name for place in self._labelled]
        shape = (len(plan.strata.names), len(plan.streams), BINS)
        # A bin that is not there ends above every value; so does the last one, whose cut is only read for equality.
        self._values, self._shares = np.full(shape, np.inf), np.ones(shape)
        for place, stream in enumerate(plan.streams):
            for stratum, cuts in enumerate(stream.cuts):
                self._values[stratum, place, : len(cuts.values)] = cuts.values
                self._shares[stratum, place, : len(cuts.shares)] = cuts.shares

    def bins(self, columns: Mapping[str, Array]) -> tuple[BinArray, npt.NDArray[np.int16]]:
        """Of each row and stream its bin, shape (rows, streams), and of each row its stratum.

        NOWHERE of a stream whose columns are not there, of a loss without a label; of all, where those that say the
        stratum are not there.
        """
        rows = len(next(iter(columns.values()), ()))
        values, absent = self._valuer.values(columns, rows)
        placed = strata.numbers(self._strata, columns, rows)
        if self._strata.by:
            found = np.full(values.shape, NOWHERE, np.int8)
            for stratum in np.unique(placed[placed >= 0]).tolist():
                chosen = np.flatnonzero(placed == stratum)
                found[:, chosen] = self._cut(values[:, chosen], stratum)
        else:
            found = self._cut(values, 0)
        found[absent] = NOWHERE
        for place, name in zip(self._labelled, self._names, strict=True):
            if name in columns:
                found[place, _unlabelled(columns[name])] = NOWHERE
        return found.T, placed

    def _cut(self, values: Floats, stratum: int) -> BinArray:
        cuts, shares = self._values[stratum], self._shares[stratum]
        found = np.zeros(values.shape, np.int8)
        beyond = np.empty(values.shape, bool)
        for place in range(BINS - 1):
            np.greater(values, cuts[:, place, None], out=beyond)
            found += beyond.view(np.int8)
        starts = np.arange(0, cuts.size, BINS)[:, None]
        tied = np.flatnonzero(cuts.ravel().take(found + starts) == values)
        if tied.size:
            self._break_ties(found.ravel(), values.ravel(), tied, (cuts.ravel(), shares.ravel()))
        return found

    def _break_ties(
        self, found: BinArray, values: Floats, tied: npt.NDArray[np.intp], at: tuple[Floats, Floats]
    ) -> None:
        """Move `tied` values past those cuts of the same value whose share lies below a number drawn for each."""
        cuts, shares = at
        streams = len(cuts) // BINS
        place = found.take(tied) + tied // (len(values) // streams) * BINS
        drawn, tied_values = self._randomness.random(tied.size), values.take(tied)
        moving = np.arange(tied.size)
        steps = np.zeros(tied.size, np.int8)
        while moving.size:
            passed = (shares.take(place) < drawn.take(moving)) & (cuts.take(place) == tied_values.take(moving))
            moving, place = moving[passed], place[passed] + 1
            steps[moving] += 1
        found[tied] += steps


def _unlabelled(column: Array) -> npt.NDArray[np.bool_]:
    if column.dtype == object:
        return np.array([value is None for value in column.tolist()], bool)
    return np.isnan(column)


def columns_of(kinds: Mapping[str, str], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Array]:
    """Wire values of `rows`, in the order of `names`, None for null, as columns; of kind "other" none."""
    if not rows:
        return {name: _column(kinds[name], ()) for name in names if kinds[name] in _COLUMNS}
    listed = zip(names, zip(*rows, strict=True), strict=True)
    return {name: _column(kinds[name], cells) for name, cells in listed if kinds[name] in _COLUMNS}


_COLUMNS = ("float", "int", "bool", "string", "timestamp")


def _column(kind: str, cells: Sequence[Any]) -> Array:
    if kind == "string":
        found = np.empty(len(cells), object)
        found[:] = cells
        return found
    if kind == "timestamp":
        return np.array([NULL_TIMESTAMP if cell is None else cell for cell in cells], np.int64)
    return np.array(cells, np.float64)  # None becomes NaN.


def counted(plan: Plan, bins: BinArray, strata: npt.NDArray[np.int16], first: int = 0) -> Counted:
    """Stratum, stream (plus `first`) and the rows in each of its bins, in this order, where there are any."""
    found: Counted = []
    listed, offsets = bins.T, np.arange(len(plan.streams))[:, None] * (BINS + 1) + 1
    for stratum in np.unique(strata[strata >= 0]).tolist():
        chosen = strata == stratum
        flat = ((listed if chosen.all() else listed[:, chosen]) + offsets).ravel()
        counts = np.bincount(flat, minlength=offsets.size * (BINS + 1)).reshape(-1, BINS + 1)[:, 1:]
        for place in np.flatnonzero(counts.any(axis=1)).tolist():
            number = len(plan.streams[place].cuts[stratum].balls)
            found.append((stratum, first + place, counts[place, :number].tolist()))
    return found
