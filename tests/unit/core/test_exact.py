"""Intervals of paired shares and of quantiles: against known values, and how often they miss."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from lockgate.core.exact import paired_difference, quantile_interval


def test_a_difference_is_significant_where_mcnemar_says_so() -> None:
    """Tango's interval leaves 0 out where (b - c)^2 / (b + c) is above 1.96^2 = 3.84, and nowhere else."""
    assert _ends(20, 9)[0] > 0  # 121 / 29 = 4.17
    assert _ends(20, 10)[0] < 0  # 100 / 30 = 3.33
    low, high = _ends(9, 20)
    assert high < 0
    assert (-high, -low) == pytest.approx(_ends(20, 9))


def test_rows_that_never_differ_still_say_little_about_few() -> None:
    """Of 400 pairs that agree the difference may be up to z^2 / (n + z^2); all of them apart end at 1."""
    z2 = 1.959964**2
    end = z2 / (400 + z2)
    assert _ends(0, 0) == pytest.approx((-end, end), rel=1e-4)
    assert _ends(400, 0)[1] == 1.0
    assert _ends(30, 10, wrong=0.01)[0] < _ends(30, 10)[0]


def _ends(first: int, second: int, wrong: float = 0.05) -> tuple[float, float]:
    found = paired_difference(first, second, 400, wrong=wrong)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


@pytest.mark.parametrize("shares", [(0.1, 0.05), (0.02, 0.02), (0.3, 0.2)])
def test_a_paired_interval_misses_one_in_twenty(shares: tuple[float, float]) -> None:
    """Of 600 samples of 400 pairs at most 7.5 % miss: 3 standard errors above the 5 % that are promised."""
    draw = np.random.default_rng(11)
    missed = 0
    for first, second, _ in draw.multinomial(400, [*shares, 1 - sum(shares)], size=600).tolist():
        low, high = _ends(first, second)
        missed += not low <= shares[0] - shares[1] <= high
    assert missed <= 45


def test_a_medians_interval_is_of_order_statistics() -> None:
    """Of 400 values the 180th and the 221st bound the median; three values bound nothing; infinite ones may."""
    found = quantile_interval(range(1, 401), 0.5)
    assert (found.value, found.low, found.high) == (200.5, 180, 221)
    few = quantile_interval([1.0, 2.0, 3.0], 0.5)
    assert (few.value, few.low, few.high) == (2.0, None, None)
    endless = quantile_interval([1.0, 2.0, *[inf] * 20], 0.5)
    assert (endless.value, endless.high) == (inf, inf)


@pytest.mark.parametrize("wrong", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_what_are_no_counts_is_refused(wrong: tuple[int, int, int]) -> None:
    """A count below 0, more pairs than there are, no pairs at all."""
    with pytest.raises(ValueError, match="no pairs"):
        paired_difference(*wrong)
