"""The materiality band: how sure it is that a stream has moved by more than is harmless.

A stream is harmless while for each of its cuts the share of production's rows up to it, and the reference's true share,
differ by at most the band as normal scores: what a shift by so many sd makes of a normal variable.

The reference's true share up to a cut has a Beta distribution of its balls, so it lies below a bound but for a stated
probability (Chernoff's, by the binomial tail that a Beta tail is). From there all is one-sided: an event whose
probability is at most `h`, whatever came before, and bets that it is `q` > h:

    (q / h) ** events * ((1 - q) / (1 - h)) ** other rows

is on average at most 1. That holds too if production wanders within the band, and for all cuts and both sides in one
filtration, so here the mean over them is taken. Rows of several strata: each has its own h and q, factors multiply.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist

import numpy as np

from lockgate.monitor.urn import FloatArray, IntArray, log_mean

MISSED = 0.1
"""The part of the false alarms that is spent on the reference's bounds; the rest is the bets'."""
BEYOND = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
"""How far beyond the band is bet, in sd, all alike."""

_NORMAL = NormalDist()
_CERTAIN = 1 - 1e-9


class Band:
    """The bets of one stream: `balls` for each stratum, `false_alarms` its part of the alarms."""

    def __init__(self, balls: Sequence[Sequence[int]], band: float, false_alarms: float) -> None:
        cuts = max(len(one) for one in balls) - 1
        self._cuts = cuts
        events = sum(2 * (len(one) - 1) for one in balls)
        unsure = math.log(max(events, 1) / (MISSED * false_alarms))
        # strata x cuts x sides x bets: of an event, and of a row that is none
        self._hits = np.zeros((len(balls), cuts, 2, len(BEYOND)))
        self._others = np.zeros_like(self._hits)
        for stratum, one in enumerate(balls):
            for cut, below in enumerate(list(accumulate(one))[:-1]):
                for side, many in enumerate((below, sum(one) - below)):
                    most = _NORMAL.cdf(_NORMAL.inv_cdf(upper(many, sum(one) - many, unsure)) + band)
                    if most < _CERTAIN:
                        self._hits[stratum, cut, side], self._others[stratum, cut, side] = _bets(most)

    def log_e(self, counts: IntArray) -> FloatArray:
        """For each start (starts x strata x bins): the logarithm of what the bets have become, on average."""
        if not self._cuts:
            return np.zeros(len(counts))
        rows = counts.sum(-1, keepdims=True)
        below = counts.cumsum(-1)[..., : self._cuts]
        events = np.stack([below, rows - below], axis=-1).astype(np.float64)
        others = rows[..., None] - events
        logs = np.einsum("nhcs,hcsb->ncsb", events, self._hits) + np.einsum("nhcs,hcsb->ncsb", others, self._others)
        flat = logs.reshape(len(counts), -1)
        return log_mean(flat) - math.log(flat.shape[1]) + math.log(1 - MISSED)


def _bets(most: float) -> tuple[list[float], list[float]]:
    score = _NORMAL.inv_cdf(most)
    shares = [min(_NORMAL.cdf(score + beyond), _CERTAIN) for beyond in BEYOND]
    hits = [math.log(share / most) for share in shares]
    return hits, [math.log1p(-share) - math.log1p(-most) for share in shares]


def upper(balls: int, others: int, unsure: float) -> float:
    """Above it the true share of so many balls among all is with a probability of at most exp(-unsure)."""
    rows = balls + others - 1
    seen = (balls - 1) / rows if rows else 0.0
    low, high = seen, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rows * _divergence(seen, middle) > unsure else (middle, high)
    return min(high, _CERTAIN)


def _divergence(share: float, other: float) -> float:
    """Of two coins."""
    if other >= 1:
        return math.inf if share < 1 else 0.0
    one = share * math.log(share / other) if share > 0 else 0.0
    two = (1 - share) * math.log((1 - share) / (1 - other)) if share < 1 else 0.0
    return one + two
