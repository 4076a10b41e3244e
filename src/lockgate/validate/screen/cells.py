"""The rare cells of all pairs of columns, and how many rows of each label they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.binning import LEAST, Coding
from lockgate.validate.screen.table import Floats, Ints

RAREST = 0.05
"""A cell with a larger share of the rows is no hidden trigger: its label is a plain fact about the data."""

ALONE = -1


@dataclass(frozen=True)
class Cells:
    """Cells, each a bin of one column or of two.

    Attributes:
        rows: the rows of all cells, one cell after the other.
        starts: shape (cells + 1,), where in `rows` each begins.
        places: shape (cells, 4): coding and bin of the first column, and of the second (ALONE: there is none).
    """

    rows: npt.NDArray[np.int32]
    starts: Ints
    places: Ints

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
    most = int(RAREST * rows)
    parts = [_cells(_alone(coding), len(coding.low), most, (one, ALONE), 1) for one, coding in enumerate(codings)]
    for one, other in pairs:
        first, second = codings[one], codings[other]
        both = len(second.low)
        key = np.where((first.codes < 0) | (second.codes < 0), -1, first.codes * both + second.codes)
        parts.append(_cells(key, len(first.low) * both, most, (one, other), both))
    sizes = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, np.int64)
    return Cells(
        np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int32),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.vstack([part[2] for part in parts]) if parts else np.zeros((0, 4), np.int64),
    )


def _alone(coding: Coding) -> Ints:
    found: Ints = np.where((coding.codes >= 0) & coding.apart[coding.codes], coding.codes, -1)
    return found


def _cells(
    key: Ints, bins: int, most: int, codings: tuple[int, int], both: int
) -> tuple[npt.NDArray[np.int32], Ints, Ints]:
    rows = np.flatnonzero(key >= 0)
    held = key[rows]
    if bins > 8 * len(key):
        named, held = np.unique(held, return_inverse=True)
    else:
        named = np.arange(bins)
    counts = np.bincount(held, minlength=len(named))
    fit = (counts >= LEAST) & (counts <= most)
    kept = fit[held]
    rows, held = rows[kept], held[kept]
    keys = named[fit]
    places = np.column_stack(
        [np.full(len(keys), codings[0]), keys // both, np.full(len(keys), codings[1]), keys % both]
    )
    return rows[np.argsort(held, kind="stable")].astype(np.int32), counts[fit], places.astype(np.int64)
