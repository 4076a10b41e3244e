"""Rows that were accepted as the new reference, of which only the bins are known: cut anew, so that the null is exact.

Counts in bins that were fixed beforehand are no balls: the true masses do not have the Dirichlet distribution of them.
But let each row be its old bin and a number drawn from 0 to 1. In that order (bins, then the number) no two rows are
equal, so order statistics at ranks fixed beforehand have exactly that distribution, as in `plan`. A new cut is an old
bin and a share of it: an order statistic of the numbers drawn in that bin, which is drawn without drawing them all (the
i-th of m is a Beta(i, m - i + 1)). A row of production in an old bin falls by chance to one side of the cuts in it.

What fixes the ranks must not be counted: a tenth of the rows, by chance, is the pilot. So a new bin lies about where
the old one of its number lies.

Chance is numpy's frozen generator, seeded: whoever counts again draws the same, with later versions of numpy too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np

PILOT = 0.1

Bins: TypeAlias = list[tuple[int, int, list[int]]]


@dataclass(frozen=True)
class _Place:
    """`parts`: for each old bin the first new bin that it meets, and how it is shared among that and the next ones."""

    balls: tuple[int, ...]
    parts: tuple[tuple[int, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Recut:
    """New bins for each stream and stratum."""

    places: tuple[tuple[_Place, ...], ...]

    @property
    def balls(self) -> list[list[tuple[int, ...]]]:
        """Of each stream and stratum, as `Detector` takes them."""
        return [[place.balls for place in strata] for strata in self.places]

    def apply(self, bins: Iterable[tuple[int, int, Sequence[int]]], seed: int) -> Bins:
        """A record in old bins as one in new bins. Raises ValueError for a bin that the reference has not."""
        chance = _chance(seed)
        found: Bins = []
        for stratum, stream, counts in bins:
            if not 0 <= stream < len(self.places) or not 0 <= stratum < len(self.places[stream]):
                raise ValueError(f"the reference has no stream {stream} in a stratum {stratum}")
            place = self.places[stream][stratum]
            if len(counts) != len(place.parts):
                raise ValueError(f"stream {stream} has {len(place.parts)} bins in stratum {stratum}")
            new = [0] * len(place.balls)
            for count, (first, shares) in zip(counts, place.parts, strict=True):
                split = [count] if len(shares) == 1 else chance.multinomial(count, shares).tolist()
                for offset, many in enumerate(split):
                    new[first + offset] += many
            found.append((stratum, stream, new))
        return found


def recut(counts: Sequence[Sequence[Sequence[int]]], seed: int) -> Recut:
    """New bins from the counts of the accepted rows: of each stream, stratum and old bin."""
    chance = _chance(seed)
    return Recut(tuple(tuple(_place(one, chance) for one in strata) for strata in counts))


def _chance(seed: int) -> np.random.RandomState:
    return np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32])  # numpy promises that only this one stays (NEP 19)


def _place(counts: Sequence[int], chance: np.random.RandomState) -> _Place:
    pilot = [int(chance.binomial(count, PILOT)) for count in counts]
    rows = [count - few for count, few in zip(counts, pilot, strict=True)]
    ranks = _ranks(list(accumulate(pilot))[:-1], sum(pilot), sum(rows))
    cuts = _cuts(ranks, rows, chance)
    balls = tuple(high - low for low, high in pairwise([0, *ranks, sum(rows) + 1]))
    parts, first = [], 0
    for place in range(len(counts)):
        inside = [share for at, share in cuts if at == place]
        parts.append((first, tuple(high - low for low, high in pairwise([0.0, *inside, 1.0]))))
        first += len(inside)
    return _Place(balls, tuple(parts))


def _ranks(below: Sequence[int], pilot: int, rows: int) -> list[int]:
    """Ascending ranks from 1 to `rows`, as the pilot says; equally far apart without one; fewer where rows are few."""
    many = min(len(below), rows)
    wanted = [round(rows * one / pilot) if pilot else rows * (at + 1) // (many + 1) for at, one in enumerate(below)]
    found: list[int] = []
    for at, rank in enumerate(wanted[:many]):
        lowest = found[-1] + 1 if found else 1
        found.append(max(lowest, min(rank, rows - (many - 1 - at))))
    return found


def _cuts(ranks: Sequence[int], rows: Sequence[int], chance: np.random.RandomState) -> list[tuple[int, float]]:
    """Each rank's row: its old bin, and the number drawn there, given the one before."""
    found: list[tuple[int, float]] = []
    ends = list(accumulate(rows))
    last_bin, last_rank, share = -1, 0, 0.0
    for rank in ranks:
        place = next(at for at, end in enumerate(ends) if rank <= end)
        before = ends[place] - rows[place]
        if place != last_bin:
            last_bin, last_rank, share = place, before, 0.0
        share += (1 - share) * float(chance.beta(rank - last_rank, ends[place] - rank + 1))
        last_rank = rank
        found.append((place, share))
    return found
