"""Values of one column as bins in which a planted one would stand out: exact ones, missing, and narrow ranges.

A planted value is either the same in all rows (then it is a bin of its own) or scattered a little (then it lies in one
of two sets of ranges that overlap by half). What lies beyond a gap, as a value out of range may, has ranges of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.table import Column, Floats, Ints

LEAST = 6
"""Fewer rows than this are no bin: their label says nothing."""

RANGES = (32, 20, 12)
"""Into how many ranges a column is cut: narrow ones for few rows, wide ones for more, which would fill a narrow one."""

GAP = 0.25
TAIL = 3.0
TAIL_GAP = 1.0
"""Beyond TAIL standard deviations the first gap as wide as this begins a tail, however scattered it may be. A long tail
as prices have it has gaps too, but no wide one before its last few rows."""

REPEATED = 4
"""So many times as often as the values around it must one be met to look made."""

_AROUND = 5
_FEW_VALUES = 24
_MOST_GAPS = 8
_DISCRETE = 64
_HUGE = 1e300


@dataclass(frozen=True)
class Coding:
    """One way to bin a column.

    Attributes:
        column: its place in the table.
        codes: shape (n,), which bin each row is in; -1 for none.
        low, high: of each bin. Equal: this value; NaN: missing; else from low up to, without, high.
        without: values which are in none of the ranges, for they are bins of their own.
        apart: of each bin, whether it is an exact value or lies between gaps. A range that is none of these is too much
            like the next ones to be looked at alone: at its end a column that matters says more than anywhere else.
        blatant: of each bin, whether it looks made: a value that is repeated where others are not, or what lies apart.
        fineness: of ranges, how many were asked for; 0: exact values.
        paired: whether its bins are looked at together with other columns' ones.
    """

    column: int
    codes: Ints
    low: Floats
    high: Floats
    without: Floats
    apart: npt.NDArray[np.bool_]
    blatant: npt.NDArray[np.bool_]
    fineness: int = 0
    paired: bool = True

    @property
    def loose(self) -> bool:
        """Whether its bins are ranges."""
        return self.fineness > 0

    @cached_property
    def sizes(self) -> Ints:
        """How many rows each bin has."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.low))

    def holds(self, one: int, values: Floats) -> npt.NDArray[np.bool_]:
        """Which of `values` lie in one of its bins."""
        low, high = self.low[one], self.high[one]
        if np.isnan(low):
            missing: npt.NDArray[np.bool_] = np.isnan(values)
            return missing
        if np.isposinf(low):
            rest: npt.NDArray[np.bool_] = ~np.isnan(values) & ~np.isin(values, self.without)
            return rest
        values = tamed(values)
        if low == high:
            found: npt.NDArray[np.bool_] = values == low
            return found
        inside: npt.NDArray[np.bool_] = (values >= low) & (values < high) & ~np.isin(values, self.without)
        return inside


def tamed(values: Floats) -> Floats:
    """Values without infinities: they are as large as can be."""
    found: Floats = np.clip(values, -_HUGE, _HUGE)
    return found


def codings(column: Column, place: int) -> list[Coding]:
    """At most eight: exact values with what is missing, ranges of each width twice, and both tails.

    Words too rare for a bin of their own are one together: a model may take them together too.
    """
    values = tamed(column.values)
    known = ~np.isnan(values)
    distinct, inverse, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    heavy = counts >= LEAST
    exact = np.full(len(values), -1, np.int64)
    exact[known] = np.where(heavy, np.cumsum(heavy) - 1, -1)[inverse]
    bounds, made = distinct[heavy], _repeated(counts)[heavy] & (not column.is_text)
    discrete = len(bounds) <= _DISCRETE and 2 * counts[heavy].sum() >= known.sum()
    loose = known & (exact < 0) if discrete else known
    without = distinct[heavy] if discrete else np.zeros(0)
    if (~known).sum() >= LEAST:
        exact[~known] = len(bounds)
        bounds, made = np.append(bounds, np.nan), np.append(made, False)
    if column.is_text and (known & (exact < 0)).sum() >= LEAST:
        exact[known & (exact < 0)] = len(bounds)
        bounds, made = np.append(bounds, np.inf), np.append(made, False)
        without = distinct[heavy]
    found = [Coding(place, exact, bounds, bounds, without, np.ones(len(bounds), np.bool_), made)] if len(bounds) else []
    if column.is_text or loose.sum() < LEAST:
        return found
    edged = _Loose(place, values, loose, known, without)
    for fineness in RANGES:
        number = edged.number(fineness)
        found += [edged.coding(number, start, fineness) for start in ((0.0, 0.5) if number > 1 else (0.0,))]
        if number == 1:
            break
    tails = edged.tails()
    return found if tails is None else [*found, tails]


def _repeated(counts: Ints) -> npt.NDArray[np.bool_]:
    """Which values are met far more often than those next to them, which are met once or twice."""
    if len(counts) < _FEW_VALUES:
        return np.zeros(len(counts), np.bool_)
    padded = np.pad(counts, _AROUND, mode="reflect")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), axis=1)
    found: npt.NDArray[np.bool_] = (counts > REPEATED * usual) & (usual <= 2)
    return found


@dataclass(frozen=True)
class _Loose:
    """The values of a column that ranges are for."""

    place: int
    values: Floats
    loose: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    without: Floats

    def number(self, fineness: int) -> int:
        """So many that each has as many rows as if all values had ranges, and more than a few."""
        rows = int(self.loose.sum())
        return max(1, min(fineness * rows // int(self.known.sum()), rows // (2 * LEAST)))

    def coding(self, number: int, start: float, fineness: int) -> Coding:
        """Ranges with equally many rows, the first of which is shorter where they start halfway."""
        ranks = (np.arange(number) + start) / number
        values = self.values[self.loose]
        edges = np.quantile(values, ranks[ranks > 0], method="lower")
        gaps = _gaps(values, self.values[self.known])
        edges = np.unique(np.concatenate([edges, gaps]))
        codes = np.full(len(self.values), -1, np.int64)
        codes[self.loose] = np.searchsorted(edges, values, side="right")
        low, high = np.append(-np.inf, edges), np.append(edges, np.inf)
        ends = np.concatenate([gaps, [-np.inf, np.inf]])
        apart = np.isin(low, ends) & np.isin(high, ends)
        return Coding(self.place, codes, low, high, self.without, apart, apart, fineness)

    def tails(self) -> Coding | None:
        """What lies beyond the first gap outside of where values belong, on both sides, however scattered it is."""
        among = self.values[self.known]
        bottom, middle, top = np.quantile(among, [0.16, 0.5, 0.84], method="lower")
        spread = (top - bottom) / 2
        edges = [-np.inf, np.inf]
        for side in (-1, 1):
            outer = np.unique(side * (among - middle))
            starts = outer[1:][(np.diff(outer) > TAIL_GAP * spread) & (outer[1:] > TAIL * spread)]
            if spread > 0 and len(starts):
                edges[(side + 1) // 2] = middle + side * starts[0]
        codes = np.where(self.known & (self.values <= edges[0]), 0, -1)
        codes[self.known & (self.values >= edges[1])] = 1
        if max((codes == 0).sum(), (codes == 1).sum()) < LEAST:
            return None
        low, high = np.array([-np.inf, edges[1]]), np.array([np.nextafter(edges[0], np.inf), np.inf])
        every = np.ones(2, np.bool_)
        return Coding(self.place, codes, low, high, np.zeros(0), every, every, RANGES[-1], paired=False)


def _gaps(values: Floats, among: Floats) -> Floats:
    """Where something begins that lies apart."""
    spread = np.subtract(*np.quantile(among, [0.84, 0.16], method="lower")) / 2
    places = np.unique(values)
    wide = np.diff(places)
    most = np.argsort(-wide, kind="stable")[:_MOST_GAPS]
    found: Floats = places[1:][most[wide[most] > GAP * spread]] if spread > 0 else np.zeros(0)
    return found
