"""What a model's answers are worth now: estimated from its scores, and counted where labels came. Pure.

A bin can hold a part of the rows with one value, for a cut splits equal values by chance, at a known share. So how many
rows lie above the cut between right and wrong says how many are wrong. With the cut at the share s

    among the wrong ones      above = wrong * (1 - s)
    among the right ones      above = wrong + right * (1 - s)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lockgate.monitor.outputs import estimated_accuracy
from lockgate.monitor.plan import Cuts, Plan
from lockgate.monitor.risk import interval
from lockgate.project.monitor_values import Estimate, Risk

DOUBT: Final = 0.05
"""Of the confidence sequence: the probability that it ever misses the truth."""
_RIGHT, _WRONG = 0.0, 1.0
_LEAST_SHARP: Final = 0.5

Totals = Sequence[Sequence[int]]
"""Of one stream: rows in each bin, by stratum."""


def estimate_of(plan: Plan, totals: Totals) -> Estimate | None:
    """Accuracy by ATC, of the margins' bins. None for regression, and before the first row."""
    rows = sum(map(sum, totals))
    found = estimated_accuracy(plan, {stratum: counts for stratum, counts in enumerate(totals) if sum(counts)})
    judged = plan.about.get("accuracy")
    return None if found is None or judged is None else Estimate(found, judged, rows)


def risk_of(plan: Plan, stream: int, totals: Totals) -> Risk | None:
    """The share of wrong answers among labelled rows, with its confidence sequence.

    Each stratum has its part of the doubt, and counts by its rows. None without labels, and for regression.
    """
    watched = plan.streams[stream]
    labelled = sum(map(sum, totals))
    if watched.categories is None or not labelled:
        return None
    doubt = DOUBT / len(totals)
    share = low = high = 0.0
    for cuts, counts in zip(watched.cuts, totals, strict=True):
        found = _wrong(cuts, counts, doubt)
        if found is None:
            return None
        weight = sum(counts) / labelled
        share, low, high = share + weight * found[0], low + weight * found[1], high + weight * found[2]
    return Risk(share, labelled, low, high)


def _wrong(cuts: Cuts, counts: Sequence[int], doubt: float) -> tuple[float, float, float] | None:
    """Share of wrong ones, and its bounds, in one stratum; None where no cut tells right from wrong."""
    rows = sum(counts)
    if not rows:
        return 0.0, 0.0, 1.0
    sharp, place = max(
        ((_sharpness(value, share), place) for place, (value, share) in enumerate(_places(cuts))), default=(0.0, 0)
    )
    if sharp < _LEAST_SHARP:
        return None
    above = sum(counts[place + 1 :])
    among_wrong = cuts.values[place] == _WRONG
    found = (above / rows, *interval(above, rows, doubt))
    low, at, high = sorted(_clipped(each / sharp if among_wrong else 1 - (1 - each) / sharp) for each in found)
    return at, low, high


def _places(cuts: Cuts) -> list[tuple[float, float]]:
    return list(zip(cuts.values, cuts.shares, strict=True))


def _sharpness(value: float, share: float) -> float:
    """How much of the difference between right and wrong a cut shows."""
    return share if value == _RIGHT else 1 - share if value == _WRONG else 0.0


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 1.0)
