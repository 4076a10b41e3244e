"""monitor.urn: the gamma function without scipy, and the probability of an urn."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from lockgate.monitor.urn import Urns, log_gamma, log_mean


def test_log_gamma_of_whole_numbers_is_the_factorial() -> None:
    """Exactly, but for the rounding of a double: from 1 to 170, and of numbers whose factorial no double holds."""
    numbers = np.arange(1, 171).astype(np.float64)
    factorials = [math.log(math.factorial(number - 1)) for number in range(1, 171)]
    assert np.allclose(log_gamma(numbers), factorials, rtol=1e-13, atol=1e-13)
    exact = sum(Fraction(math.log(number)) for number in range(1, 20_000))
    assert math.isclose(float(exact), log_gamma(np.array([20_000.0]))[0], rel_tol=1e-13)


def test_log_gamma_is_that_of_the_standard_library() -> None:
    """From 1e-6 to 1e12, on both sides of where the series begins."""
    numbers = np.concatenate([np.geomspace(1e-6, 1e12, 4000), np.linspace(0.5, 20, 4000)])
    known = [math.lgamma(number) for number in numbers.tolist()]
    assert np.allclose(log_gamma(numbers), known, rtol=1e-13, atol=1e-12)


def test_log_gamma_keeps_the_shape_and_what_it_is_given() -> None:
    """Nothing is written into the argument."""
    given = np.array([[1.0, 2.0], [30.0, 0.5]])
    assert log_gamma(given).shape == (2, 2)
    assert given.tolist() == [[1.0, 2.0], [30.0, 0.5]]


def test_an_urn_is_drawn_ball_by_ball() -> None:
    """Balls 2, 1, 3; drawn 0, 2, 2, 0, each put back with another: 2/6 * 3/7 * 4/8 * 3/9, in whatever order."""
    urns = Urns(np.array([[2.0, 1.0, 3.0, 0.0]]))
    drawn = np.array([[2.0, 0.0, 2.0, 0.0]])
    expected = Fraction(2, 6) * Fraction(3, 7) * Fraction(4, 8) * Fraction(3, 9)
    assert math.isclose(float(expected), math.exp(urns.log(np.array([0]), drawn)[0]), rel_tol=1e-12)


def test_all_ways_to_draw_are_certain_together() -> None:
    """Each count of 7 rows in 3 bins, as often as it has orders: 1 in all."""
    urns = Urns(np.array([[1.0, 2.0, 5.0]]))
    total = 0.0
    for one in range(8):
        for other in range(8 - one):
            orders = math.factorial(7) / (math.factorial(one) * math.factorial(other) * math.factorial(7 - one - other))
            total += orders * math.exp(urns.log(np.array([0]), np.array([[one, other, 7.0 - one - other]]))[0])
    assert math.isclose(1, total, rel_tol=1e-12)


def test_log_mean_neither_overflows_nor_fails_on_nothing() -> None:
    """Far beyond a double's range, and where every part is nothing."""
    assert math.isclose(1000 + math.log(0.75), log_mean(np.array([1000.0, 1000.0]), np.array([0.5, 0.25])))
    assert math.isclose(-5000 + math.log(2), log_mean(np.array([-5000.0, -5000.0])))
    assert log_mean(np.array([-np.inf, -np.inf])) == -np.inf
