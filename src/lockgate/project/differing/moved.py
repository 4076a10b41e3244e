"""How far a column's distribution moved between two baselines, from their counts alone. Pure.

    values    both list every value with its count: total variation, half the sum of differences of shares
    counts    texts with their commonest values: the same over what both list, all others as one; a lower bound
    below     numbers with quantiles: the largest difference of the shares below one of them (Kolmogorov's distance at
              these places, by straight lines between them); about right

Each lies in 0 to 1, and missing values count as a value of their own. A distance between two samples of the same is not
0: of n rows each, about 1 / sqrt(n).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_OTHERS: Final = "(others)"
_MISSING: Final = "(missing)"
_LEAST: Final = 0.0005


@dataclass(frozen=True)
class Moved:
    """A column, by how much it moved, and its middle or commonest value before and after."""

    name: str
    distance: float
    how: str
    before: str
    after: str

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**vars(self), "distance": round(self.distance, 6)}


def moved(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Moved]:
    """The columns of both that moved, those that moved most first. What cannot be read is left out."""
    found = []
    for name in then:
        one, other = then[name], now.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            distance, how = _distance(one, other)
            if distance is not None and distance >= _LEAST:
                found.append(Moved(name, distance, how, _middle(one), _middle(other)))
    return sorted(found, key=lambda each: (-each.distance, each.name))


def label_shares(then: Mapping[str, Any], now: Mapping[str, Any], label: str) -> dict[str, tuple[float, float]] | None:
    """Each label's share before and after, where both baselines count the label's values; else None."""
    counts = [_counts(found.get(label)) for found in (then, now)]
    if counts[0] is None or counts[1] is None:
        return None
    one, other = _shares(counts[0]), _shares(counts[1])
    return {name: (one.get(name, 0.0), other.get(name, 0.0)) for name in sorted({*one, *other})[:100]}


def total_variation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Half the sum of the differences of two tables of shares."""
    return sum(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in {*one, *other}) / 2


def kolmogorov(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> float:
    """The largest difference of shares below a place, at all places of both. Each: (value, share below), rising."""
    places = [value for value, _ in (*one, *other)]
    return max((abs(_below(one, place) - _below(other, place)) for place in places), default=0.0)


def _distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float | None, str]:
    counts = _counts(one), _counts(other)
    if counts[0] is not None and counts[1] is not None:
        lumped = _OTHERS in counts[0] or _OTHERS in counts[1]
        first, second = _lumped(counts[0], counts[1]) if lumped else (counts[0], counts[1])
        return total_variation(_shares(first), _shares(second)), "counts" if lumped else "values"
    quantiles = _quantiles(one), _quantiles(other)
    if quantiles[0] and quantiles[1]:
        gaps = abs(_missing(one) - _missing(other))
        return max(kolmogorov(quantiles[0], quantiles[1]), gaps), "below"
    return None, ""


def _counts(column: object) -> dict[str, int] | None:
    """Value -> rows, where the baseline counts values: all of them, or the commonest and the others as one."""
    if not isinstance(column, Mapping):
        return None
    values, top, rows, nulls = (column.get(key) for key in ("values", "frequent", "count", "nulls"))
    missing = {_MISSING: nulls} if isinstance(nulls, int) and nulls else {}
    if isinstance(values, list) and all(isinstance(each, list) and len(each) == 2 for each in values):
        return {**{str(value): int(count) for value, count in values}, **missing}
    if isinstance(top, list) and isinstance(rows, int):
        found = {str(each[0]): int(each[1]) for each in top if isinstance(each, list) and len(each) == 2}
        rest = rows - sum(found.values()) - sum(missing.values())
        return {**found, **missing, **({_OTHERS: rest} if rest > 0 else {})}
    return None


def _lumped(one: Mapping[str, int], other: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Both with the same names: a value that only one of them counts apart is among the others."""
    both = {name for name in one if name in other and name != _OTHERS}
    return _others(one, both), _others(other, both)


def _others(counts: Mapping[str, int], apart: set[str]) -> dict[str, int]:
    rest = sum(count for name, count in counts.items() if name not in apart)
    return {**{name: count for name, count in counts.items() if name in apart}, _OTHERS: rest}


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values()) or 1
    return {name: count / total for name, count in counts.items()}


def _quantiles(column: Mapping[str, Any]) -> list[tuple[float, float]]:
    found, ends = column.get("quantiles"), ((column.get("min"), 0.0), (column.get("max"), 1.0))
    if not isinstance(found, Mapping):
        return []
    try:
        points = [(float(value), float(share)) for share, value in found.items()]
        points += [(float(value), share) for value, share in ends if value is not None]
    except (TypeError, ValueError):
        return []
    return sorted(points)


def _below(points: Sequence[tuple[float, float]], place: float) -> float:
    """The share below `place`: of equal values the highest, between two places by a straight line."""
    at = bisect_right(points, (place, 2.0))
    if at == 0:
        return 0.0
    if at == len(points):
        return 1.0
    (low, share), (high, above) = points[at - 1], points[at]
    return share + (above - share) * (place - low) / (high - low) if high > low else share


def _missing(column: Mapping[str, Any]) -> float:
    rows, nulls = column.get("count"), column.get("nulls")
    return nulls / rows if isinstance(rows, int) and rows and isinstance(nulls, int) else 0.0


def _middle(column: Mapping[str, Any]) -> str:
    """The mean of numbers; of anything else how many values there are, and no value: a text may be somebody's."""
    missing = _missing(column)
    gaps = f", {missing:.1%} missing" if missing else ""
    mean, distinct = column.get("mean"), column.get("distinct")
    if isinstance(mean, int | float) and not isinstance(mean, bool):
        return f"mean {mean:.4g}{gaps}"
    return (f"{distinct:,} values" if isinstance(distinct, int) else "counted") + gaps
