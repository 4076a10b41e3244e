"""Intervals of what is measured on the same rows twice, and of medians, that hold for few rows too. Pure.

Each is two-sided; `wrong` is the chance, at most or about, that it misses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from statistics import NormalDist

from lockgate.core.stats import Interval, quantile

_HALVINGS = 60


def quantile_interval(ascending: Sequence[float], share: float, *, wrong: float = 0.05) -> Interval:
    """A quantile of sorted values, with order statistics for its interval: whatever the values' distribution is.

    No end where the values are too few for one. Raises ValueError without values.
    """
    found, count = quantile(ascending, share), len(ascending)
    if found != found:  # noqa: PLR0124 - between two infinite values
        found = ascending[math.floor(share * (count - 1))]
    chances = list(accumulate(_chance(n, count, share) for n in range(count)))
    low = max((n for n in range(count) if chances[n] <= wrong / 2), default=-1)
    high = min((n for n in range(count) if 1 - chances[n] <= wrong / 2), default=count)
    ends = (ascending[low] if low >= 0 else None, ascending[high] if high < count else None)
    return Interval(found, *ends)


def paired_difference(first_only: int, second_only: int, trials: int, *, wrong: float = 0.05) -> Interval:
    """The first share less the second, of the same rows, with Tango's score interval (1998).

    `first_only`: rows that count for the first share alone; `second_only`: for the second alone.
    Raises ValueError where these are no counts of `trials`.
    """
    if min(first_only, second_only) < 0 or first_only + second_only > trials or trials <= 0:
        raise ValueError(f"{first_only} and {second_only} of {trials} are no pairs")
    z = NormalDist().inv_cdf(1 - wrong / 2)
    value = (first_only - second_only) / trials

    def score(delta: float) -> float:
        linear = -first_only - second_only + (2 * trials - first_only + second_only) * delta
        constant = -second_only * delta * (1 - delta)
        q = (math.sqrt(max(0.0, linear * linear - 8 * trials * constant)) - linear) / (4 * trials)
        spread = trials * (2 * q + delta * (1 - delta))
        apart = first_only - second_only - trials * delta
        return apart / math.sqrt(spread) if spread > 0 else math.copysign(math.inf, apart) if apart else 0.0

    low = _root(lambda delta: z - score(delta), -1.0, value)
    high = _root(lambda delta: -z - score(delta), value, 1.0)
    return Interval(value, low, high)


def _chance(successes: int, trials: int, p: float) -> float:
    """The chance of exactly so many; `p` lies between 0 and 1."""
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    return math.exp(ways + successes * math.log(p) + (trials - successes) * math.log1p(-p))


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where `rising` is 0 between `low` and `high`."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
