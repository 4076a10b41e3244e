"""Where a stream is cut: the pilot says at which shares of the rows, the counted rows say at which values.

A rank that depended on the counted rows (the end of a category, the place of a tie) would make the true masses of the
bins something else than Dirichlet, and the test on them a promise that is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgate.monitor.plan import BINS, MISSING, Cuts
from lockgate.monitor.values import LOWEST, Floats

_DIGITS = 9
"""Of a share: equal ones are as good as never drawn, and a plan is a third shorter."""


@dataclass(frozen=True)
class Shares:
    """Of the rows, those up to each cut, ascending. `below`, `above`: whether there is a cut at the first, last row."""

    at: tuple[float, ...]
    below: bool
    above: bool


def shares(pilot: Floats, *, known: int | None = None, also: float | None = None) -> Shares:
    """The shares at which to cut a stream whose values in the pilot are `pilot`.

    The ends of equal values, all where they are few, else those nearest to equal masses. Missing values are cut off
    at their own share; `known`: of a category, how many places are known ones; what lies above was seen once, and is
    cut off at its share, which is also that of what the pilot did not see (Good, 1953). Where there are none, one row
    is cut off at that end, so that what never was has a bin. `also`: one more share to cut at.
    """
    rows = len(pilot)
    values, counts = np.unique(pilot, return_counts=True)
    ends = np.cumsum(counts) / rows
    missing = bool(values[0] == (LOWEST if known is None else MISSING))
    low = float(ends[0]) if missing else 0.0
    seldom = 0.0 if known is None else float(counts[values >= known].sum()) / rows
    high = max(1 - seldom, low)
    fixed = {share for share in (low, high, also) if share is not None and 0 < share < 1}
    between = [share for share in ends[:-1].tolist() if low < share < high]
    room = BINS - 1 - len(fixed) - (not missing) - (not seldom)
    if len(between) > room:
        goals = low + (high - low) * np.arange(1, room + 1) / (room + 1)
        between = [_nearest(between, goal) for goal in goals.tolist()]
    return Shares(tuple(sorted({*between, *fixed})), below=not missing, above=not seldom)


def _nearest(ascending: list[float], goal: float) -> float:
    place = int(np.searchsorted(ascending, goal))
    near = ascending[max(place - 1, 0) : place + 1]
    return min(near, key=lambda share: abs(share - goal))


def cuts(values: Floats, chosen: Shares, randomness: np.random.Generator) -> Cuts:
    """The cuts of the counted rows' `values`: order statistics at the ranks that `chosen` makes of their number.

    Of m equal values the i-th smallest of their shares is Beta(i, m - i + 1), jointly with others Dirichlet: that is
    drawn here, instead of m numbers that are sorted.
    """
    rows = len(values)
    if not rows:
        return Cuts((), (), (1,))
    ranks = {min(max(round(share * rows), 1), rows) for share in chosen.at}
    ranks |= ({1} if chosen.below else set()) | ({rows} if chosen.above else set())
    ordered = np.sort(values) + 0.0  # Without a negative zero.
    at = sorted(ranks)
    places: list[tuple[float, float]] = []
    for value in dict.fromkeys(ordered[rank - 1] for rank in at):
        first, end = (int(np.searchsorted(ordered, value, side=side)) for side in ("left", "right"))
        within = [rank - first for rank in at if first < rank <= end]
        steps = np.diff([0, *within, end - first + 1])
        ends = np.cumsum(randomness.dirichlet(steps))[:-1]
        places += [(float(value), round(min(float(one), 1.0), _DIGITS)) for one in ends]
    balls = np.diff([0, *at, rows + 1]).tolist()
    return Cuts(tuple(value for value, _ in places), tuple(share for _, share in places), tuple(balls))
