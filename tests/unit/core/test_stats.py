"""core.stats: intervals agree with published values and with scipy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from lockgate.core.stats import Interval, clopper_pearson, mean, percentile_interval, quantile, wilson


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipy_s(pair: tuple[int, int]) -> None:
    """The same interval as scipy's, for every count."""
    hits, trials = pair
    expected = reference.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    found = wilson(hits, trials)
    assert found.low == pytest.approx(expected.low, abs=1e-9)
    assert found.high == pytest.approx(expected.high, abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95]))
def test_clopper_pearson_is_scipy_s(pair: tuple[int, int], confidence: float) -> None:
    """The same exact interval as scipy's, for every count."""
    hits, trials = pair
    expected = reference.binomtest(hits, trials).proportion_ci(confidence, method="exact")
    found = clopper_pearson(hits, trials, confidence=confidence)
    assert found.low == pytest.approx(expected.low, abs=1e-9)
    assert found.high == pytest.approx(expected.high, abs=1e-9)


@pytest.mark.parametrize("hits", [0, 1, 123_456, 500_000, 999_999, 1_000_000])
def test_clopper_pearson_of_a_million_is_a_matter_of_a_moment(hits: int) -> None:
    """No sum over the counts, which would take minutes for each of these."""
    expected = reference.binomtest(hits, 1_000_000).proportion_ci(0.95, method="exact")
    found = clopper_pearson(hits, 1_000_000)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize(("hits", "trials"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(hits: int, trials: int) -> None:
    """Counts that cannot be are an error, not an interval."""
    with pytest.raises(ValueError, match="no share"):
        wilson(hits, trials)
    with pytest.raises(ValueError, match="no share"):
        clopper_pearson(hits, trials)


def test_mean_has_a_normal_interval() -> None:
    """Mean 2, standard error 0.5774: the interval is 1.96 of it on both sides; one value has none."""
    found = mean([1.0, 2.0, 3.0])
    assert found.value == 2
    assert found.high == pytest.approx(2 + 1.959964 / 3**0.5)
    assert mean([5.0]) == Interval(5.0)
    with pytest.raises(ValueError, match="no values"):
        mean([])


def test_quantiles_lie_between_neighbours() -> None:
    """Type 7, as numpy's default."""
    assert [quantile([1, 2, 4], share) for share in (0, 0.25, 0.5, 1)] == [1, 1.5, 2, 4]
    with pytest.raises(ValueError, match="quantile"):
        quantile([], 0.5)


def test_a_bootstrap_needs_resamples() -> None:
    """Below twenty resamples there is no interval; above, its ends are the percentiles."""
    assert percentile_interval(1.0, [1.0] * 19) == Interval(1.0)
    assert percentile_interval(50.0, [float(n) for n in range(101)]) == Interval(50.0, 2.5, 97.5)
    assert Interval(0.12345678, None, 1).as_json() == {"value": 0.123457, "low": None, "high": 1}
