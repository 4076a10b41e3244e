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
