"""monitor.dependence: rows that depend on each other are thinned, by themselves, until undrifted ones are silent."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from lockgate.monitor.dependence import BY_CHANCE, Steps, Thinner, lag_one
from lockgate.monitor.detector import Detector, TestSettings
from lockgate.monitor.urn import FloatArray, IntArray

_BALLS = (1, *[3571] * 14, 6)
_FIELDS = 10


def _series(chance: np.random.Generator, rows: int, correlation: float) -> FloatArray:
    """Independent fields, each row so correlated with the one before."""
    noise = chance.normal(size=(rows, _FIELDS)) * math.sqrt(1 - correlation**2)
    found = np.empty_like(noise)
    last = chance.normal(size=_FIELDS)
    for row, one in enumerate(noise):
        last = correlation * last + one
        found[row] = last
    return found


def _bins(values: FloatArray, cuts: FloatArray) -> IntArray:
    return np.stack([np.searchsorted(cuts[:, at], values[:, at]) for at in range(values.shape[1])], axis=1)


def _cuts(chance: np.random.Generator) -> FloatArray:
    """Order statistics of an independent reference, at the ranks of `_BALLS`."""
    ordered = np.sort(chance.normal(size=(sum(_BALLS) - 1, _FIELDS)), axis=0)
    cuts: FloatArray = ordered[np.cumsum(_BALLS)[:-1] - 1]
    return cuts


@pytest.fixture(scope="module")
def dependent() -> list[tuple[FloatArray, FloatArray]]:
    """Four times the cuts, and 30,000 undrifted rows with AR(1) 0.5."""
    made = []
    for seed in range(4):
        chance = np.random.default_rng(seed)
        made.append((_cuts(chance), _series(chance, 30_000, 0.5)))
    return made


def _undrifted(cuts: FloatArray, values: FloatArray, *, thin: bool, size: int = 1000) -> tuple[bool, Thinner, int]:
    """Whether windows of so many rows alarmed; the thinner; in how many windows a stream was left out."""
    detector, thinner, left = Detector([[_BALLS]] * _FIELDS, TestSettings()), _thinner(), 0
    alarmed = False
    for start in range(0, len(values), size):
        bins = _bins(values[start : start + size], cuts)
        if thin:
            bins = thinner.window(bins)
            left += bool(thinner.doubted.any())
        counts = [(0, at, np.bincount(bins[bins[:, at] >= 0, at], minlength=16).tolist()) for at in range(_FIELDS)]
        detector.add(counts, len(bins))
        if (start + size) % 1000 == 0:
            alarmed = alarmed or bool(detector.alarms())
    return alarmed, thinner, left


def _thinner(streams: int = _FIELDS, stride: int = 1, *, fixed: bool = False) -> Thinner:
    return Thinner([stride] * streams, np.random.default_rng(77), fixed=fixed)


def _good(thinner: Thinner, bins: IntArray) -> bool:
    """Whether all rows of a window count, at the strides that were."""
    return bool((thinner.window(bins) == bins).all())


@pytest.mark.parametrize("size", [1000, 100])
def test_dependent_rows_are_silent_only_if_they_are_thinned(
    dependent: list[tuple[FloatArray, FloatArray]], size: int
) -> None:
    """Undrifted, four times, in windows long and short: none alarms; without thinning nearly all do, the control."""
    thinned = [_undrifted(*one, thin=True, size=size) for one in dependent]
    assert [alarmed for alarmed, _, _ in thinned] == [False] * 4
    assert all(4 <= stride <= 32 for _, thinner, _ in thinned for stride in thinner.strides.tolist())
    assert sum(_undrifted(*one, thin=False)[0] for one in dependent) >= 3


def test_each_stream_has_a_stride_of_its_own() -> None:
    """One that climbs is left out, and thinned; the independent ones beside it count every row, as if it was not."""
    chance, thinner = np.random.default_rng(4), _thinner(4)
    for window in range(60):
        bins = chance.integers(0, 16, (1000, 4), np.int8)
        bins[:, 2] = np.repeat(np.arange(10), 100) + window % 5
        found = thinner.window(bins)
        assert (found[:, [0, 1, 3]] == bins[:, [0, 1, 3]]).all()
        assert (found[:, 2] == -1).all()
    assert thinner.strides.tolist() == [1, 1, 64, 1]
    assert thinner.stride == 64


def test_a_stream_that_no_longer_depends_counts_again() -> None:
    """One row of its stride, once enough rows were looked at: until then none, for nobody knows yet."""
    chance, thinner = np.random.default_rng(6), _thinner(1)
    thinner.window(_bins(_series(chance, 1000, 0.9), _cuts(chance))[:, :1])
    stride = thinner.stride
    assert stride in (32, 64)
    counted = [int((thinner.window(chance.integers(0, 16, (1000, 1), np.int8)) >= 0).sum()) for _ in range(12)]
    assert counted[0] == 0
    assert 0.8 * 1000 / stride < np.mean(counted[7:]) < 1.25 * 1000 / stride


def test_a_stream_of_which_little_came_counts_none_yet() -> None:
    """Found to depend like the one beside it, which counts again: of its own rows too few were looked at since."""
    chance, thinner = np.random.default_rng(10), _thinner(2)
    thinner.window(_bins(_series(chance, 1000, 0.9), _cuts(chance))[:, :1].repeat(2, axis=1))
    counted = np.zeros(2, np.int64)
    for _ in range(20):
        bins = chance.integers(0, 16, (1000, 2), np.int8)
        bins[chance.random(1000) < 0.9, 1] = -1
        counted += (thinner.window(bins) >= 0).sum(axis=0)
    assert counted[0] > 100
    assert counted[1] == 0


@pytest.mark.parametrize(("windows", "rows"), [(200, 1000), (400, 100)])
def test_independent_rows_are_all_counted(windows: int, rows: int) -> None:
    """None is left out, and the stride stays: even masses, and streams where nearly all rows lie in one bin."""
    chance, thinner = np.random.default_rng(1), _thinner(24)
    for _ in range(windows):
        even, rare = chance.integers(0, 16, size=(rows, 12)), chance.random((rows, 12)) < (1 + np.arange(12)) / 40
        assert _good(thinner, np.concatenate([even, rare], axis=1))
        assert thinner.stride == 1


def test_weak_dependence_is_found_over_windows() -> None:
    """0.04 is chance in one window: so the first is counted, and after some the stride is raised."""
    chance, thinner = np.random.default_rng(2), _thinner()
    cuts = _cuts(chance)
    judged: list[bool] = []
    while thinner.stride == 1 and len(judged) < 60:
        judged.append(_good(thinner, _bins(_series(chance, 1000, 0.04), cuts)))
    assert judged[0]
    assert 2 <= len(judged) <= 50


def test_a_change_inside_a_window_is_no_dependence() -> None:
    """Rows that are far away from some row on: wherever that is, the window counts, and the stride stays."""
    chance = np.random.default_rng(5)
    cuts = _cuts(chance)
    for at in range(50, 1000, 50):
        values = chance.normal(size=(1000, _FIELDS))
        values[at:, 0] += 3
        thinner = _thinner()
        assert _good(thinner, _bins(values, cuts))
        assert thinner.stride == 1


def test_a_fixed_stride_stays_and_the_window_is_left_out() -> None:
    """Somebody said 2; rows that still depend are not counted."""
    chance, thinner = np.random.default_rng(3), _thinner(stride=2, fixed=True)
    cuts = _cuts(chance)
    assert (thinner.window(_bins(_series(chance, 1000, 0.9), cuts)) == -1).all()
    assert thinner.stride == 2


def test_no_stride_is_longer_than_the_longest() -> None:
    """Whatever the correlation; a longer one that somebody said is kept."""
    still = np.repeat(np.arange(24), 50)[:, None] % 16
    thinner, longer = _thinner(1), _thinner(1, 100)
    for one in (thinner, longer):
        for _ in range(30):
            one.window(still)
    assert (thinner.stride, longer.stride) == (64, 100)


@pytest.mark.parametrize("stride", [1, 2, 7, 64])
def test_steps_go_on_over_chunks(stride: int) -> None:
    """Chunks of any size, none too: rows a stride apart, a quarter more or less, as many as there should be."""
    steps, sizes = Steps(stride, np.random.default_rng(8)), [1, 0, 5, 2, 50, 3, 1, 100, 33] * 100
    taken, start = [], 0
    for number in sizes:
        taken += (start + steps.take(number)).tolist()
        start += number
    gaps = np.diff(taken)
    assert set(gaps) == set(range(stride - max(stride // 4, stride > 1), stride + max(stride // 4, stride > 1) + 1))
    assert abs(len(taken) * stride / start - 1) < 0.05


@pytest.mark.parametrize("stride", [2, 4, 5, 8, 10, 16])
@pytest.mark.parametrize("period", [2, 8, 10, 16])
def test_rows_in_a_fixed_order_are_all_taken_alike(stride: int, period: int) -> None:
    """Ten machines in each request: every so manieth row would be always the same ones."""
    taken = Steps(stride, np.random.default_rng(9)).take(100_000)
    shares = np.bincount(taken % period, minlength=period) / len(taken)
    assert np.abs(shares * period - 1).max() < 0.3


def test_lag_one_is_the_rank_correlation_of_neighbours() -> None:
    """1 nearly for what climbs, -1 nearly for what alternates, none for what is nearly always the same.

    Missing rows make no pair.
    """
    rows = 300
    climbing, alternating = np.arange(rows) // 20, np.arange(rows) % 2
    constant, seldom = np.zeros(rows, dtype=np.int64), np.where(np.arange(rows) % 2 == 0, climbing, -1)
    found = lag_one(np.stack([climbing, alternating, constant, seldom, np.arange(rows) % 5 == 0], axis=1) * 1)
    assert found[0] > 0.95
    assert found[1] < -0.99
    assert np.isnan(found[2:]).all()


def test_independent_neighbours_are_alike_by_nothing_on_average() -> None:
    """Around a mean of their own they would seem to shun each other, and a weak dependence would be missed."""
    found = lag_one(np.random.default_rng(11).integers(0, 16, (40, 4000)))
    assert abs(found.mean()) < 5 / math.sqrt(found.size * 40)


@pytest.mark.parametrize("streams", [1, 100])
def test_chance_is_shared_by_all_streams_and_windows(streams: int) -> None:
    """However many: half of it is for the windows, and half for all of a stream's windows so far."""
    thinner, chance = _thinner(streams), 0.0
    for _ in range(2000):
        thinner.window(np.zeros((0, streams), dtype=np.int8))
        chance += 2 * streams * (1 - NormalDist().cdf(thinner._enough(streams)[1]))
    assert math.isclose(BY_CHANCE, chance, rel_tol=1e-3)


def test_a_window_of_next_to_nothing_is_not_judged() -> None:
    """No row, one row, rows of which nothing is known, and few that are alike."""
    thinner = _thinner(3)
    assert _good(thinner, np.zeros((0, 3), dtype=np.int8))
    assert _good(thinner, np.zeros((1, 3), dtype=np.int8))
    assert _good(thinner, np.full((500, 3), -1, dtype=np.int8))
    assert _good(thinner, np.repeat(np.arange(2), 40)[:, None].repeat(3, axis=1))
    assert thinner.stride == 1
    with pytest.raises(ValueError, match="stride"):
        Thinner([1, 0], np.random.default_rng(0))
    assert Thinner([], np.random.default_rng(0)).stride == 1
