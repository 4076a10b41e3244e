"""The rare cells of all pairs of columns, and how many rows of each label they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.binning import LEAST, Coding
from lockgate.validate.screen.table import Floats, Ints

RAREST = 0.05
"""A cell with a larger share of the rows is looked at only where it is blatant: else its label is a plain fact."""

COMMONEST = 0.25
"""The limit of those that are. Of single ones alone: a pair of pixels may be nearly all there is of a digit."""

CROWDED = 2.5
"""So many times as many rows as by chance have two values together in a crowded cell. To plant rows is to add some:
where there are no more than both columns give by themselves, a label may be as plain a fact as a rule."""

ODD = 20.0
"""So many times as often as by chance are two values met together in an odd cell."""

ALONE = -1

_Bools = npt.NDArray[np.bool_]
_Fit = Callable[[Ints, Ints], tuple[_Bools, _Bools, _Bools]]
"""Of bins and their numbers of rows: which are fit to be looked at, which look made, and which are crowded."""


@dataclass(frozen=True)
class Cells:
    """Cells, each a bin of one column or of two.

    Attributes:
        rows: the rows of all cells, one cell after the other.
        starts: shape (cells + 1,), where in `rows` each begins.
        places: shape (cells, 4): coding and bin of the first column, and of the second (ALONE: there is none).
        made: shape (cells,), whether it looks made: a blatant bin, or values seldom met but together.
        crowded: shape (cells,), whether it has more rows than by chance; true of single bins.
    """

    rows: npt.NDArray[np.int32]
    starts: Ints
    places: Ints
    made: npt.NDArray[np.bool_]
    crowded: npt.NDArray[np.bool_]

    @property
    def sizes(self) -> Ints:
        """How many rows each has."""
        found: Ints = np.diff(self.starts)
        return found

    def of(self, one: int) -> Ints:
        """The rows of one."""
        return self.rows[self.starts[one] : self.starts[one + 1]].astype(np.int64)

    def counts(self, first: int, last: int, said: Floats) -> Floats:
        """Shape (last - first, columns of `said`): sums of `said` over the rows of these cells."""
        from scipy.sparse import csr_array

        starts = self.starts[first : last + 1]
        rows = self.rows[starts[0] : starts[-1]]
        shape = (last - first, len(said))
        found: Floats = csr_array((np.ones(len(rows), said.dtype), rows, starts - starts[0]), shape=shape) @ said
        return found


def rare(codings: Sequence[Coding], pairs: Sequence[tuple[int, int]], rows: int) -> Cells:
    """The cells of these pairs of codings, and those of each coding alone, that are neither tiny nor common."""
    parts = [
        _cells(_alone(coding), len(coding.low), (one, ALONE), 1, _uncommon(coding, rows))
        for one, coding in enumerate(codings)
    ]
    for one, other in pairs:
        first, second = codings[one], codings[other]
        both = len(second.low)
        key = np.where((first.codes < 0) | (second.codes < 0), -1, first.codes * both + second.codes)
        parts.append(_cells(key, len(first.low) * both, (one, other), both, _crowded(first, second, rows)))
    sizes = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, np.int64)
    return Cells(
        np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int32),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.vstack([part[2] for part in parts]) if parts else np.zeros((0, 4), np.int64),
        np.concatenate([part[3] for part in parts]) if parts else np.zeros(0, np.bool_),
        np.concatenate([part[4] for part in parts]) if parts else np.zeros(0, np.bool_),
    )


def _alone(coding: Coding) -> Ints:
    found: Ints = np.where((coding.codes >= 0) & coding.apart[coding.codes], coding.codes, -1)
    return found


def _uncommon(coding: Coding, rows: int) -> _Fit:
    most = np.where(coding.blatant, COMMONEST, RAREST) * rows
    return lambda bins, counts: (counts <= most[bins], coding.blatant[bins], np.ones(len(bins), np.bool_))


def _crowded(first: Coding, second: Coding, rows: int) -> _Fit:
    """Whether bins of two columns have more rows together than by chance; much more where they are common."""
    both = len(second.low)

    def fit(bins: Ints, counts: Ints) -> tuple[_Bools, _Bools, _Bools]:
        by_chance = (first.sizes[bins // both] - counts) * (second.sizes[bins % both] - counts)
        odd = counts * rows > ODD * first.sizes[bins // both] * second.sizes[bins % both]
        return counts <= RAREST * rows, odd, odd | (counts * (rows - counts) > CROWDED * by_chance)

    return fit


def _cells(
    key: Ints, bins: int, codings: tuple[int, int], both: int, fitting: _Fit
) -> tuple[npt.NDArray[np.int32], Ints, Ints, _Bools, _Bools]:
    rows = np.flatnonzero(key >= 0)
    held = key[rows]
    if bins > 8 * len(key):
        named, held = np.unique(held, return_inverse=True)
    else:
        named = np.arange(bins)
    counts = np.bincount(held, minlength=len(named))
    fit, made, crowded = fitting(named, counts)
    fit &= counts >= LEAST
    kept = fit[held]
    rows, held = rows[kept], held[kept]
    keys = named[fit]
    places = np.column_stack(
        [np.full(len(keys), codings[0]), keys // both, np.full(len(keys), codings[1]), keys % both]
    )
    by_cell = rows[np.argsort(held, kind="stable")].astype(np.int32)
    return by_cell, counts[fit], places.astype(np.int64), made[fit], crowded[fit]
