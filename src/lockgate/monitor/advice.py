"""What may have happened to a stream that alarmed, in words: a hint for whoever looks, no part of the test. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lockgate.monitor.plan import Stream

NEARLY_ALL = 0.9
MORE_MISSING = 0.01
ANOTHER_UNIT = 3.0
"""Medians that are so many times as large, or as small, are hardly the same unit."""
MOST_NEW = 3


@dataclass(frozen=True)
class Facts:
    """Of a column's values in some rows: the share that is missing, and of numbers least, middle and greatest."""

    missing: float
    low: float | None = None
    median: float | None = None
    high: float | None = None

    @property
    def constant(self) -> bool:
        """Whether all values are the same number."""
        return self.low is not None and self.low == self.high


def advice(
    stream: Stream,
    shares: tuple[Sequence[float], Sequence[int]],
    before: Facts | None = None,
    now: Facts | None = None,
    new: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """What may have happened, the likeliest first.

    Args:
        shares: the reference's share of each bin, and the rows in each now.
        before, now: of the values themselves, where somebody has them.
        new: categories that the reference has not, with their share of the rows.
    """
    if stream.kind == "pair":
        return (f"{stream.of[0]} and {stream.of[1]} do not go together as they did",)
    if stream.kind == "projection":
        return ("several columns moved, or do not go together as they did",)
    found = [*_of_values(before, now), *_new(new or {})]
    if not found and stream.categories is None:
        found = [*_of_bins(*shares)]
    return tuple(found)


def _of_values(before: Facts | None, now: Facts | None) -> Iterator[str]:
    if before is None or now is None:
        return
    if now.constant and not before.constant:
        yield f"became constant: {now.low:.6g}"
    if now.missing >= 1 > before.missing:
        yield "all are missing"
    elif now.missing > before.missing + MORE_MISSING:
        yield f"more are missing: {_percent(now.missing)}, were {_percent(before.missing)}"
    elif now.missing < before.missing - MORE_MISSING:
        yield f"fewer are missing: {_percent(now.missing)}, were {_percent(before.missing)}"
    yield from _of_numbers(before, now)


def _of_numbers(before: Facts, now: Facts) -> Iterator[str]:
    if before.low is None or before.high is None or before.median is None or now.median is None:
        return
    beyond = ""
    if now.median > before.high:
        beyond = f"most lie above everything seen (up to {before.high:.6g})"
    elif now.median < before.low:
        beyond = f"most lie below everything seen (from {before.low:.6g})"
    medians = f"the median is {now.median:.6g}, was {before.median:.6g}"
    if now.constant:
        return
    ratio = now.median / before.median if before.median else 0.0
    if ratio >= ANOTHER_UNIT or 0 < ratio <= 1 / ANOTHER_UNIT:
        yield f"{beyond + ': ' if beyond else ''}{medians}, {ratio:.4g} times: did the unit change?"
    elif beyond:
        yield f"{beyond}: {medians}; did the unit change?"
    elif now.median != before.median:
        yield medians


def _of_bins(reference: Sequence[float], current: Sequence[int]) -> Iterator[str]:
    rows = sum(current)
    if not rows:
        return
    for place, where in ((0, "below"), (len(current) - 1, "above")):
        if current[place] >= NEARLY_ALL * rows and reference[place] < 1 - NEARLY_ALL:
            yield f"nearly all lie {where} nearly everything seen: did the unit change?"
            return
    fullest = max(range(len(current)), key=current.__getitem__)
    if current[fullest] >= NEARLY_ALL * rows > NEARLY_ALL * rows * reference[fullest] * 2:
        yield "nearly all lie in one bin: did it become constant?"


def _new(new: Mapping[str, float]) -> Iterator[str]:
    ranked = sorted(new, key=lambda name: (-new[name], name))
    for name in ranked[:MOST_NEW]:
        yield f"new category: {name} {_percent(new[name])}"
    if len(ranked) > MOST_NEW:
        yield f"and {len(ranked) - MOST_NEW} more new categories"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
