"""monitor.bets and monitor.starts: fixed distributions and weights, that sum to 1."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from lockgate.monitor import bets, starts

_EVEN = (1, *[3571] * 14, 6)
_TILTS = [(by, sign) for by in bets.LOCATIONS for sign in (1, -1)]


def test_all_that_is_bet_is_one() -> None:
    """Tilts and the wide bet together: neither more, which would be no bet, nor less, which would be a loss."""
    assert math.isclose(1, math.fsum([*bets.tilt_weights(), *bets.WIDES.values()]), rel_tol=1e-12)
    assert bets.tilt_weights().min() > 0


@pytest.mark.parametrize("balls", [_EVEN, (1, 1), (5,), (1, 50_000), (40_000, 9_000, 1_000, 1), (1,) * 16])
def test_each_tilt_is_a_distribution(balls: tuple[int, ...]) -> None:
    """Positive masses that sum to 1, whatever the balls; nothing where there is no bin."""
    tilts = bets.log_tilts(balls)
    assert tilts.shape == (len(bets.tilt_weights()), 16)
    assert np.allclose(np.exp(tilts[:, : len(balls)]).sum(1), 1, rtol=1e-12)
    assert np.isfinite(tilts).all()
    assert not tilts[:, len(balls) :].any()


def test_a_location_tilt_is_a_normal_that_moved() -> None:
    """0.175 sd up: the half below the median becomes what a normal has below -0.175."""
    place = _TILTS.index((0.175, 1))
    tilts = np.exp(bets.log_tilts((100, 100)))
    assert math.isclose(NormalDist().cdf(-0.175), tilts[place, 0], rel_tol=1e-5)
    assert math.isclose(NormalDist().cdf(0.175), tilts[place + 1, 0], rel_tol=1e-5)


def test_a_scale_tilt_stretches() -> None:
    """Logarithm of the factor 0.2: a quarter beyond a quartile becomes what is beyond 0.819 times its place."""
    place = 2 * len(bets.LOCATIONS) + 2 * list(bets.SCALES).index(0.2)
    beyond = NormalDist().cdf(NormalDist().inv_cdf(0.25) / math.exp(0.2))
    assert np.allclose(np.exp(bets.log_tilts((25, 50, 25))[place, :3]), [beyond, 1 - 2 * beyond, beyond], rtol=1e-4)


def test_a_rare_tilt_gives_rare_bins_their_share() -> None:
    """A bin of 1 ball among 50,001 and one of 3 get 3 % together; the others keep their proportions."""
    place = len(bets.tilt_weights()) - len(bets.RARE) + list(bets.RARE).index(0.03)
    assert np.allclose(
        np.exp(bets.log_tilts((1, 30_000, 20_000, 3))[place, :4]), [0.015, 0.97 * 0.6, 0.97 * 0.4, 0.015], rtol=1e-4
    )


@pytest.mark.parametrize("concentration", bets.WIDES)
def test_a_wide_bet_has_no_balls_where_there_is_no_bin(concentration: float) -> None:
    """And about its concentration in all."""
    balls = bets.wide_balls(np.array([[10.0, 30.0, 0.0]]), concentration)
    assert balls[0, 2] == 0
    assert math.isclose(concentration, balls.sum(), rel_tol=1e-2)
    assert balls[0, 0] > 0


def test_weights_of_all_starts_are_one() -> None:
    """Without a horizon: what a million starts weigh, and all that come after."""
    assert math.isclose(1, starts.weight(0, 10) + sum(map(starts.weight, range(10, 3000))) + starts.tail(3000))
    assert 0 < starts.tail(10**9) < 1e-6
    assert all(starts.weight(number) > 0 for number in range(5000))


def test_a_start_that_has_closed_stays_closed() -> None:
    """Which ones go on is a matter of numbers alone; the newest and the first always do; few do."""
    for newest in range(400):
        going = [start for start in range(newest + 1) if starts.goes_on(start, newest)]
        later = [start for start in range(newest + 1) if starts.goes_on(start, newest + 1)]
        assert {0, newest} <= {*going}
        assert {*later} <= {*going}
        assert len(going) <= starts.DENSE + 1 + 5 * (newest + 1).bit_length()
        assert all(start % starts.COARSE == 0 for start in going if newest - start >= starts.DENSE)
