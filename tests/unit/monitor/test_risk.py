"""monitor.risk and monitor.words: numbers for people, that may be looked at for ever."""

from __future__ import annotations

import math
from itertools import accumulate, product
from statistics import NormalDist

import pytest

from lockgate.monitor.risk import interval
from lockgate.monitor.words import effect

_SHARE = 0.2


def test_an_interval_is_rarely_left_ever() -> None:
    """Every sequence of 14 rows with a share of 0.2 wrong: outside at any time with at most alpha, 0.3 here.

    Positive control: the interval of the last row alone, used at each time with an ordinary 70 %, is left more often.
    """
    reach = NormalDist().inv_cdf(0.85)
    places = [(bad, rows) for rows in range(1, 15) for bad in range(rows + 1)]
    edges = {place: interval(*place, 0.3) for place in places}
    left = {place for place, (low, high) in edges.items() if not low <= _SHARE <= high}
    usual = {
        (bad, rows)
        for bad, rows in places
        if abs(bad / rows - _SHARE) > reach * math.sqrt(_SHARE * (1 - _SHARE) / rows)
    }
    ever, ordinary = 0.0, 0.0
    for rows in product((0, 1), repeat=14):
        chance = math.prod(_SHARE if row else 1 - _SHARE for row in rows)
        path = {*zip(accumulate(rows), range(1, 15), strict=True)}
        ever += chance * bool(path & left)
        ordinary += chance * bool(path & usual)
    assert ever <= 0.3
    assert ordinary > 0.3


def test_an_interval_becomes_narrow() -> None:
    """With what was seen inside; everything without rows; the edges where all or none are wrong."""
    assert interval(0, 0, 0.05) == (0, 1)
    for rows, width in ((100, 0.35), (10_000, 0.04), (1_000_000, 0.005)):
        low, high = interval(rows // 5, rows, 0.05)
        assert low < 0.2 < high
        assert high - low < width
    assert interval(0, 50, 0.05)[0] == 0
    assert interval(50, 50, 0.05)[1] == 1
    assert 0 < interval(0, 50, 0.05)[1] < 0.15


@pytest.mark.parametrize(("bad", "rows", "alpha"), [(-1, 3, 0.1), (4, 3, 0.1), (1, 3, 0.0), (1, 3, 1.0)])
def test_no_interval_of_what_cannot_be_counted(bad: int, rows: int, alpha: float) -> None:
    """More wrong than there are, and an alpha that is no probability."""
    with pytest.raises(ValueError, match="share"):
        interval(bad, rows, alpha)


def test_an_effect_is_the_shift_that_made_it() -> None:
    """0.5 sd up, and down: of masses that a normal has; 0 for what is as it was, and without rows."""
    places = [NormalDist().inv_cdf(number / 8) for number in range(1, 8)]
    moved = [NormalDist().cdf(place - 0.5) for place in places]
    counts = [round(100_000 * (high - low)) for low, high in zip([0.0, *moved], [*moved, 1.0], strict=True)]
    assert math.isclose(0.5, effect([1000] * 8, counts), abs_tol=0.01)
    assert math.isclose(-0.5, effect([1000] * 8, counts[::-1]), abs_tol=0.01)
    assert effect([1000] * 8, [50] * 8) == 0
    assert effect([1000] * 8, [0] * 8) == 0
    assert effect([8], [100]) == 0


def test_a_bin_far_out_is_no_large_effect_by_chance() -> None:
    """One row of a thousand beyond all that the reference had is 1 sd at that cut, and sure of nothing; 200 are."""
    assert abs(effect([1, 25_000, 25_000], [1, 499, 500])) < 0.01
    assert effect([1, 25_000, 25_000], [200, 300, 500]) < -2
