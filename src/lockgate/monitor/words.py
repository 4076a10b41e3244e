"""How far a stream has moved, for people: in standard deviations of a normal variable that would have moved so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist

FEW = 30
"""Of fewer rows nothing is said."""

_NORMAL = NormalDist()


def effect(balls: Sequence[int], counts: Sequence[int]) -> float:
    """The largest difference of the normal scores of a cut, in sd; above 0 where production has larger values.

    The largest that is sure, rather: of each cut four standard errors are taken off before they are compared, for a cut
    far out has a large difference by chance. 0 where rows are too few to say.
    """
    rows, all_balls = sum(counts), sum(balls)
    if rows < FEW or len(balls) < 2:
        return 0.0
    best, found = -math.inf, 0.0
    for below, expected in zip(list(accumulate(counts))[:-1], list(accumulate(balls))[:-1], strict=True):
        share = min(max(below / rows, 0.5 / rows), 1 - 0.5 / rows)
        reference = expected / all_balls
        moved = _NORMAL.inv_cdf(reference) - _NORMAL.inv_cdf(share)
        sure = abs(moved) - 4 * math.hypot(_error(share, rows), _error(reference, all_balls))
        if sure > best:
            best, found = sure, moved
    return found


def _error(share: float, rows: int) -> float:
    """The standard error of the normal score of a share."""
    return math.sqrt(share * (1 - share) / rows) / _NORMAL.pdf(_NORMAL.inv_cdf(share))
