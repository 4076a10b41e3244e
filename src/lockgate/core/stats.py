"""Small statistics without numpy: intervals that gates and pages show. Pure.

Every interval is two-sided at 95 % unless `z` says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """An estimate with its bounds; `low` and `high` are None where no interval can be given."""

    value: float
    low: float | None = None
    high: float | None = None

    def as_json(self) -> dict[str, float | None]:
        """`{"value", "low", "high"}`, to six digits after the point."""
        return {name: None if v is None else round(v, 6) for name, v in vars(self).items()}


def wilson(successes: int, trials: int, *, z: float = Z95) -> Interval:
    """A share with Wilson's score interval (1927), which stays inside [0, 1] and is honest near its ends.

    Raises ValueError unless 0 <= successes <= trials and trials > 0.
    """
    if not 0 <= successes <= trials or trials <= 0:
        raise ValueError(f"{successes} of {trials} is no share")
    share = successes / trials
    spread = z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return Interval(share, low, high)


def clopper_pearson(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """A share with the exact binomial interval of Clopper and Pearson (1934): never narrower than it says.

    Raises ValueError unless 0 <= successes <= trials, trials > 0 and 0 < confidence < 1.
    """
    if not 0 <= successes <= trials or trials <= 0 or not 0 < confidence < 1:
        raise ValueError(f"{successes} of {trials} at {confidence} is no share with an interval")
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else 1 - _share_with_tail(trials - successes, trials, tail)
    high = 1.0 if successes == trials else _share_with_tail(successes, trials, tail)
    return Interval(successes / trials, low, high)


def _share_with_tail(successes: int, trials: int, tail: float) -> float:
    """The share at which `successes` or fewer of `trials` have the probability `tail`; by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(successes, trials, middle) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(successes: int, trials: int, share: float) -> float:
    """The binomial probability of `successes` or fewer: a regularised incomplete beta function."""
    if successes >= trials or not 0 < share < 1:
        return 1.0 if share <= 0 or successes >= trials else 0.0
    return _beta(trials - successes, successes + 1, 1 - share)


def _beta(a: float, b: float, x: float) -> float:
    """I_x(a, b) by Lentz's continued fraction (DLMF 8.17.22), in about the square root of the larger one's steps."""
    turned = x > (a + 1) / (a + b + 2)
    if turned:
        a, b, x = b, a, 1 - x
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _MOST_STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c, d = _away(1 + term / c), 1 / _away(1 + term * d)
            fraction *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    found = math.exp(front) * fraction / a
    return 1 - found if turned else found


def _away(value: float) -> float:
    """`value`, which is divided by, kept from 0."""
    return value if abs(value) > _TINY else _TINY


_MOST_STEPS, _EXACT, _TINY = 100_000, 1e-15, 1e-300


def mean(values: Sequence[float], *, z: float = Z95) -> Interval:
    """The mean with its normal interval; no interval below two values. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    middle = math.fsum(values) / len(values)
    if len(values) == 1:
        return Interval(middle)
    variance = math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
    half = z * math.sqrt(variance / len(values))
    return Interval(middle, middle - half, middle + half)


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie, linearly between neighbours (Hyndman-Fan type 7)."""
    if not ascending or not 0 <= share <= 1:
        raise ValueError("a quantile needs values and a share from 0 to 1")
    place = share * (len(ascending) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (place - below)


def percentile_interval(estimate: float, resampled: Sequence[float]) -> Interval:
    """The 95 % percentile bootstrap interval of `estimate`; none below twenty resamples."""
    if len(resampled) < 20:
        return Interval(estimate)
    ascending = sorted(resampled)
    return Interval(estimate, quantile(ascending, 0.025), quantile(ascending, 0.975))
