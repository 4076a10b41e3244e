"""Numbers of a column as exact counts on a grid that depends on the numbers alone.

While there are at most `MOST_VALUES` different numbers, each has its own count. Beyond that numbers are counted in
cells. All doubles have one order, and a place in it that reads off their bits; a cell is a stretch of 2**shift places:

    place(number) >> shift      sign | exponent 11 bits | fraction 52 bits, of which `shift` are dropped

and `shift` is the smallest with which at most `MOST_CELLS` cells hold anything. So a cell is narrow against its own
numbers (2**(shift - 52) of them), every count is exact, and the grid is the same in whatever order, batches and parts
the numbers came: merging loses nothing, and the same rows give the same bytes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.validate.jail._distinct import Distinct

MOST_VALUES = 4096
MOST_CELLS = MOST_VALUES

_CHUNK = 1 << 16
_DENSE = 4  # a table of that many counts per number costs less than sorting the numbers
_FRACTION = 52
_LOW = np.int64(2**63 - 1)

Keys = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass
class Cells:
    """Counts of one column's finite numbers, int64 where `whole`, else float64.

    `shift` is None while each key is a number of its own: itself where `whole`, else its place.
    """

    whole: bool
    shift: int | None = None
    keys: Keys = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    counts: Keys = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    least: float | int | None = None
    most: float | int | None = None
    distinct: Distinct | None = None

    @property
    def total(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    def add(self, numbers: npt.NDArray[Any]) -> None:
        """Take finite numbers of the column's type."""
        for begin in range(0, len(numbers), _CHUNK):
            part = numbers[begin : begin + _CHUNK]
            part = part if self.whole else part + 0.0  # -0.0 and 0.0 are one number
            self._widen(part.min().item(), part.max().item())
            if self.distinct is not None:
                self.distinct.add_numbers(part)
            self._join(*counted(self._keys_of(part)))

    def merge(self, other: Cells) -> None:
        """Take all that the other has counted. The result is that of counting both columns at once."""
        if other.least is None or other.most is None:
            return
        self._widen(other.least, other.most)
        if other.shift is None and self.shift is not None:
            self._different().add_numbers(other.numbers())
            self._join(other._places() >> self.shift, other.counts)
            return
        if other.shift is not None:
            self._coarsen_to(other.shift)
            self._different().merge(other._different())
        keys = other.keys
        if self.shift is not None and other.shift is not None:
            keys = keys >> (self.shift - other.shift)
        self._join(keys, other.counts)

    def numbers(self) -> npt.NDArray[Any]:
        """The different numbers, ascending, while each is known."""
        return self.keys if self.whole else _doubles(self.keys)

    def edges(self) -> tuple[Floats, Floats]:
        """The least and the greatest number that each key can stand for."""
        if self.shift is None:
            known = self.numbers().astype(np.float64)
            return known, known
        lows = self.keys << self.shift
        return _doubles(lows), _doubles(lows + ((1 << self.shift) - 1))

    def _different(self) -> Distinct:
        if self.distinct is None:
            self.distinct = Distinct()
            if len(self.keys):
                self.distinct.add_numbers(self.numbers())
        return self.distinct

    def _keys_of(self, numbers: npt.NDArray[Any]) -> Keys:
        if self.shift is None and self.whole:
            return numbers
        return places(numbers.astype(np.float64, copy=False)) >> (self.shift or 0)

    def _places(self) -> Keys:
        return places(self.keys.astype(np.float64)) if self.whole else self.keys

    def _widen(self, least: float, most: float) -> None:
        self.least = least if self.least is None else min(self.least, least)
        self.most = most if self.most is None else max(self.most, most)

    def _join(self, keys: Keys, counts: Keys) -> None:
        self.keys, self.counts = _summed(np.concatenate((self.keys, keys)), np.concatenate((self.counts, counts)))
        if self.shift is None and len(self.keys) > MOST_VALUES:
            self._coarsen_to(0)
        if self.shift is not None and len(self.keys) > MOST_CELLS:
            keys = self.keys
            self._coarsen_to(self.shift + bisect_left(range(64), -MOST_CELLS, key=lambda more: -_number(keys >> more)))

    def _coarsen_to(self, shift: int) -> None:
        """Count in cells of 2**shift places, unless the cells are wider already."""
        if self.shift is None:
            self._different()
            self.keys, self.shift = self._places(), 0
        if shift > self.shift:
            self.keys, self.shift = self.keys >> (shift - self.shift), shift
        self.keys, self.counts = _summed(self.keys, self.counts)


def counted(keys: Keys) -> tuple[Keys, Keys]:
    """The different keys, ascending, and how often each is there."""
    least, most = int(keys.min()), int(keys.max())
    if most - least < _DENSE * len(keys):
        counts = np.bincount(keys - least)
        found = np.flatnonzero(counts)
        return found + least, counts[found]
    if most - least >= 1 << 32:
        return _runs(np.sort(keys))
    found, counts = _runs(np.sort((keys - least).astype(np.uint32)))  # half as wide, sorted in half the time
    return found.astype(np.int64) + least, counts


def _runs(ordered: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Keys]:
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[begins], np.diff(begins, append=len(ordered))


@dataclass(frozen=True)
class Summary:
    """What follows from the counts: where numbers lie, and how far from the truth that can be at most."""

    cells: Cells

    def quantile(self, share: float) -> float | int:
        """The number at this share of the ordered numbers; its rank is wrong by at most `rank_error` of them."""
        ends = np.cumsum(self.cells.counts)
        at = int(np.searchsorted(ends, math.floor(share * (int(ends[-1]) - 1)), side="right"))
        if self.cells.shift is None:
            known: float | int = self.cells.numbers()[at].item()
            return known
        middle = float(self._middles()[at])
        return round(middle) if self.cells.whole else middle

    def rank_error(self) -> float:
        """The greatest share of the numbers that lies in one cell; 0 while each number is known."""
        return 0.0 if self.cells.shift is None else int(self.cells.counts.max()) / self.cells.total

    def value_error(self) -> float:
        """The width of a cell, as a share of the numbers in it."""
        return 0.0 if self.cells.shift is None else min(1.0, 2.0 ** (self.cells.shift - _FRACTION))

    def moments(self) -> tuple[float | None, float | None]:
        """Mean and standard deviation, each number taken as the middle of its cell; None where they overflow."""
        middles, weights, total = self._middles().tolist(), self.cells.counts.tolist(), self.cells.total
        mean = _sum(middle * (weight / total) for middle, weight in zip(middles, weights, strict=True))
        if mean is None:
            return None, None
        square = _sum((m - mean) * (m - mean) * (weight / total) for m, weight in zip(middles, weights, strict=True))
        return mean, None if square is None else math.sqrt(square)

    def bins(self, number: int) -> tuple[list[float], list[int]]:
        """At most `number` bins of about equal counts: the greatest number of each but the last, and exact counts.

        A number belongs to the first bin whose upper end, as a double, is not below it.
        """
        ends = np.cumsum(self.cells.counts)
        wanted = int(ends[-1]) * np.arange(1, number) / number
        after = np.searchsorted(ends, wanted)
        before = np.maximum(after - 1, 0)
        nearest = np.where(wanted - ends[before] < ends[after] - wanted, before, after)
        cuts = np.unique(nearest[nearest < len(ends) - 1])
        uppers = self.cells.edges()[1][cuts].tolist()
        return uppers, np.diff(np.concatenate(([0], ends[cuts], ends[-1:]))).tolist()

    def _middles(self) -> Floats:
        lows, highs = self.cells.edges()
        least, most = float(self.cells.least or 0), float(self.cells.most or 0)
        return np.clip(lows / 2 + highs / 2, least, most) if self.cells.shift is not None else lows


def places(numbers: Floats) -> Keys:
    """The place of each double in the order of all doubles; the same map leads back."""
    bits = numbers.view(np.int64)
    return bits ^ ((bits >> 63) & _LOW)


def _doubles(found: Keys) -> Floats:
    ends = places(np.array([-np.finfo(np.float64).max, np.finfo(np.float64).max]))
    inside = np.clip(found, ends[0], ends[1])
    return (inside ^ ((inside >> 63) & _LOW)).view(np.float64)


def _number(ordered: Keys) -> int:
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + 1


def _summed(keys: Keys, counts: Keys) -> tuple[Keys, Keys]:
    if not len(keys):
        return keys, counts
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[begins], np.add.reduceat(counts[order], begins)


def _sum(terms: Any) -> float | None:
    """The exactly rounded sum, so that it does not depend on the machine; None where it is no finite double."""
    try:
        found = math.fsum(terms)
    except (OverflowError, ValueError):
        return None
    return found if math.isfinite(found) else None
