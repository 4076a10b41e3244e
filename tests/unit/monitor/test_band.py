"""monitor.band: within the band nothing is won on average, whatever production does there."""

from __future__ import annotations

import math
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest

from lockgate.monitor.band import MISSED, Band, upper

_NORMAL = NormalDist()


@pytest.mark.parametrize(("balls", "others"), [(1, 20), (5, 16), (20, 1), (300, 700), (1, 1)])
@pytest.mark.parametrize("unsure", [1.0, 5.0, 14.0])
def test_the_true_share_is_above_the_bound_seldom_enough(balls: int, others: int, unsure: float) -> None:
    """Of a Beta of these balls: P(above) is the binomial P(at most balls - 1 of all but one), computed exactly."""
    bound = upper(balls, others, unsure)
    rows = balls + others - 1
    above = sum(math.comb(rows, few) * bound**few * (1 - bound) ** (rows - few) for few in range(balls))
    assert above <= math.exp(-unsure) * (1 + 1e-9)
    assert balls / (balls + others) < bound < 1


def _harmless(share: float, most: float) -> list[float]:
    score = _NORMAL.inv_cdf(share)
    return [_NORMAL.cdf(score - most), share, _NORMAL.cdf(score + most)]


def test_nothing_is_won_within_the_band_on_average() -> None:
    """Two strata, every sequence of rows, with a share that wanders within the band as it likes: at most 1 - MISSED.

    The reference's true shares are the very bounds that are taken from it, the worst that is not missed.
    """
    band, allowed, balls = 0.1, 0.01, ((40, 60), (30, 10))
    unsure = math.log(4 / (MISSED * allowed))
    worst = [upper(below, above, unsure) for below, above in balls]
    bets = Band(balls, band, allowed)
    for wandering in product(product(range(3), repeat=2), repeat=2):
        mean = 0.0
        for rows in product(product(range(2), repeat=2), repeat=2):
            counts = np.zeros((1, 2, 16), dtype=np.int64)
            chance = 1.0
            for row, places in zip(rows, wandering, strict=True):
                for stratum, bin_ in enumerate(row):
                    counts[0, stratum, bin_] += 1
                    share = _harmless(worst[stratum], band)[places[stratum]]
                    chance *= share if bin_ == 0 else 1 - share
            mean += chance * math.exp(bets.log_e(counts)[0])
        assert mean <= 1 - MISSED + 1e-9


def test_one_side_alone_is_fair() -> None:
    """A coin in the reference, production at the edge of the band above: what is bet on that side wins nothing."""
    bets = Band([(50, 50)], 0.1, 0.01)
    edge = _harmless(upper(50, 50, math.log(2 / (MISSED * 0.01))), 0.1)[2]
    logs = [bets._hits[0, 0, 0], bets._others[0, 0, 0]]
    mean = edge * np.exp(logs[0]) + (1 - edge) * np.exp(logs[1])
    assert np.allclose(1, mean, rtol=1e-9)
    assert (edge * 0.9 * np.exp(logs[0]) + (1 - edge * 0.9) * np.exp(logs[1]) < 1).all()


def test_before_a_row_the_bounds_are_paid_for() -> None:
    """The wealth begins with what is left of 1; nothing is bet where nearly every row may be harmless."""
    bets = Band([(50_000, 1)], 1.0, 0.01)
    assert math.isclose(1 - MISSED, math.exp(bets.log_e(np.zeros((1, 1, 16), dtype=np.int64))[0]))
    assert not bets._hits[0, 0, 0].any()
    assert not bets._others[0, 0, 0].any()
    assert bets._hits[0, 0, 1].all()


def test_beyond_the_band_much_is_won() -> None:
    """0.3 sd where 0.1 are harmless, in either direction; and nothing where there is one bin only."""
    bets = Band([(10_000, 10_000)], 0.1, 0.001)
    for side in (0.3, -0.3):
        share = _NORMAL.cdf(side)
        counts = np.zeros((1, 1, 16), dtype=np.int64)
        counts[0, 0, :2] = round(5000 * share), 5000 - round(5000 * share)
        assert bets.log_e(counts)[0] > 20
    assert Band([(7,)], 0.1, 0.001).log_e(np.full((1, 1, 16), 3))[0] == 0
