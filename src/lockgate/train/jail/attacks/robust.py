"""From what attacks found to robust accuracy: the share of rows that are right, and stay so, within a distance.

The minimum over attacks: a row is robust at a distance only if the model is right about it, every attack that was asked
for ran on it, and none flipped it within the distance. So a row that is wrong already is robust nowhere; a flip counts,
whatever became of the attack that found it; and a row on which an attack failed is not tested, which counts as not
robust and is told apart. Where more than FEW of the rows are not tested, nothing is stated.
What is stated is an upper bound: attacks that were not tried, or more queries, can only lower it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lockgate.core.stats import Interval, clopper_pearson, quantile
from lockgate.train.jail.attacks.trail import Trail

FEW = 0.02
"""The share of rows that may be left untested."""

ByAttack = Mapping[str, Sequence[Trail | None]]
"""Attack -> its trail of each row; None where the row was not attacked, which is right of a wrong row only."""


@dataclass(frozen=True)
class Robust:
    """What attacks on `rows` rows found.

    Attributes:
        clean: the share of rows that the model is right about, with its exact interval.
        at: distance -> the share that is robust there, with its exact interval; None where too few rows were tested.
        held: distance -> for each row whether it is robust there; to be paired with another model's on the same rows.
        untested: distance -> rows that could not be tested there, because an attack failed and none flipped them.
        statuses: attack -> status -> rows.
    """

    rows: int
    clean: Interval
    at: Mapping[float, Interval | None]
    held: Mapping[float, tuple[bool, ...]]
    untested: Mapping[float, int]
    statuses: Mapping[str, Mapping[str, int]]


def robust(correct: Sequence[bool], trails: ByAttack, distances: Iterable[float]) -> Robust:
    """Robust accuracy at each of `distances` (l2, standard deviations), from `trails` of the rows in `correct`.

    Raises ValueError without rows, without attacks, or where an attack has another number of trails.
    """
    rows = len(correct)
    if not rows or not trails or any(len(each) != rows for each in trails.values()):
        raise ValueError("robust accuracy needs rows, and of each attack a trail for each")
    of_rows = list(zip(*trails.values(), strict=True))
    at, held, untested = {}, {}, {}
    for distance in distances:
        known = [_robust(*each, distance) for each in zip(correct, of_rows, strict=True)]
        untested[distance] = known.count(None)
        held[distance] = tuple(each is True for each in known)
        tested = untested[distance] <= FEW * rows
        at[distance] = clopper_pearson(sum(held[distance]), rows) if tested else None
    statuses = {
        name: dict(Counter(trail.status for trail in each if trail is not None)) for name, each in trails.items()
    }
    clean = clopper_pearson(sum(bool(each) for each in correct), rows)
    return Robust(rows, clean, at, held, untested, statuses)


def _robust(correct: bool, trails: Sequence[Trail | None], distance: float) -> bool | None:  # noqa: FBT001 - a row of facts
    """None: not tested."""
    if not correct or any(trail is not None and trail.queries_within(distance) is not None for trail in trails):
        return False
    return True if all(trail is not None and trail.ran for trail in trails) else None


def queries_to_flip(correct: Sequence[bool], trails: ByAttack, distance: float) -> dict[str, float | None]:
    """How many queries an attacker needs: `{"median", "low"}`, the median and the 10th percentile of rows.

    Of each row that the model is right about, the fewest that an attack took to a flip within `distance`; a row that
    none flipped takes more than any number, and a quantile that falls on such rows is None.
    """
    found = []
    for right, of_row in zip(correct, zip(*trails.values(), strict=True), strict=True):
        if right:
            taken = [trail.queries_within(distance) for trail in of_row if trail is not None]
            found.append(min((each for each in taken if each is not None), default=None))
    ascending = sorted(math.inf if each is None else float(each) for each in found)
    return {"median": _finite(ascending, 0.5), "low": _finite(ascending, 0.1)}


def _finite(ascending: Sequence[float], share: float) -> float | None:
    if not ascending or math.isinf(ascending[min(len(ascending) - 1, math.floor(share * (len(ascending) - 1)) + 1)]):
        return None
    return quantile(ascending, share)
