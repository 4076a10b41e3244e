"""monitor.detector: what alarms, and when; counts that add up; what is no count of the plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest

from lockgate.monitor.detector import Detector, StreamStanding, TestSettings, detector_of, shares_of
from lockgate.monitor.plan import Cuts, Plan, Stream
from lockgate.monitor.urn import FloatArray

_NORMAL = NormalDist()
_BALLS = (1, *[3571] * 14, 6)
"""Fourteen equal bins, and two ends that the reference just has: 50,001."""


def _masses(balls: Sequence[int], shift: float = 0.0, factor: float = 1.0) -> FloatArray:
    """Of production that has moved by `shift` sd, and spreads `factor` times as far."""
    places = np.cumsum(balls)[:-1] / sum(balls)
    below = [_NORMAL.cdf((_NORMAL.inv_cdf(place) - shift) / factor) for place in places.tolist()]
    return np.array([high - low for low, high in pairwise([0.0, *below, 1.0])])


def _drawn(masses: FloatArray, rows: int, windows: int, seed: int) -> list[list[int]]:
    found: list[list[int]] = np.random.default_rng(seed).multinomial(rows, masses, size=windows).tolist()
    return found


def _after(detector: Detector, windows: Sequence[Sequence[int]], stream: int = 0) -> int | None:
    """The number of windows until an alarm of the stream."""
    for number, counts in enumerate(windows, 1):
        detector.add([(0, stream, counts)], sum(counts))
        if any(one.stream == stream for one in detector.alarms()):
            return number
    return None


def _detector(streams: int = 68, settings: TestSettings | None = None) -> Detector:
    return Detector([[_BALLS]] * streams, settings or TestSettings())


@pytest.mark.parametrize(
    ("shift", "factor", "most"), [(0.3, 1, 1), (-0.3, 1, 1), (0, 1.3, 1), (0, 0.7, 1), (0.1, 1, 6)]
)
def test_a_change_after_many_rows_is_seen_soon(shift: float, factor: float, most: int) -> None:
    """100 windows without, then one stream of 68 moves: the windows it takes at most, of 1,000 rows."""
    detector = _detector()
    assert _after(detector, _drawn(_masses(_BALLS), 1000, 100, 1)) is None
    found = _after(detector, _drawn(_masses(_BALLS, shift, factor), 1000, 10, 2))
    assert found is not None
    assert found <= most
    (alarm,) = detector.alarms()
    assert alarm.stream == 0
    assert 97 <= alarm.since <= 100


def test_a_new_category_alarms() -> None:
    """Two rows in a hundred, in a bin that the reference just has."""
    masses = _masses(_BALLS)
    detector = _detector()
    assert _after(detector, _drawn(masses, 1000, 30, 3)) is None
    assert _after(detector, _drawn(np.append(0.98 * masses[:-1], 1 - 0.98 * masses[:-1].sum()), 1000, 3, 4)) == 1


def test_a_field_that_became_constant_alarms() -> None:
    """Every row in one bin."""
    assert _after(_detector(), [[0] * 7 + [1000] + [0] * 8]) == 1


@pytest.mark.parametrize("rows", [200, 360, 1400, 5000])
@pytest.mark.parametrize("window", [125, 1000])
def test_a_total_change_alarms_with_a_small_reference_too(rows: int, window: int) -> None:
    """From the first row on: all missing, all unseen, one value, 5 sd and 1 sd: with the first window; never not."""
    balls = (1, *[rows // 14] * 14, 1)
    moved = [_drawn(_masses(balls, shift), window, 1, 17)[0] for shift in (5, 1)]
    for counts in ([window, *[0] * 15], [*[0] * 15, window], [0] * 7 + [window] + [0] * 8, *moved):
        assert _after(Detector([[balls]] * 10, TestSettings()), [counts]) == 1


@pytest.mark.parametrize("band", [0.0, 0.05])
def test_a_drift_that_is_over_has_alarmed_whenever_one_looks(band: float) -> None:
    """Two windows of 0.3 sd, then none: the evidence sinks again, and who looks then hears what was so at the time."""
    windows = [*_drawn(_masses(_BALLS), 1000, 10, 18), *_drawn(_masses(_BALLS, 0.3), 1000, 2, 19)]
    late, looked, first = (_detector(5, TestSettings(band=band)) for _ in range(3))
    for counts in [*windows, *_drawn(_masses(_BALLS), 1000, 40, 20)]:
        if not first.alarms():
            first.add([(0, 2, counts)], 1000)
        for detector in (late, looked):
            detector.add([(0, 2, counts)], 1000)
        looked.standings()
    (alarm,) = late.alarms()
    assert first.alarms() == looked.alarms() == [alarm]
    assert late.counts(alarm) == first.current(2)
    assert late.standings()[2].log_e < late.threshold <= alarm.log_e


def test_what_is_noted_is_all_that_ever_crossed() -> None:
    """The same as asking everything after each record: the cheap bound, by which most are left out, hides nothing."""
    settings = TestSettings(false_alarms=0.5, run_length=3, start_rows=1)
    balls = (1, *[7] * 14, 1)
    detector = Detector([[balls, balls]] * 40, settings)
    drawn = np.random.default_rng(21).multinomial(20, np.array(balls) / sum(balls), size=(60, 40, 2))
    alarms, restarts = set[int](), set[int]()
    for window in drawn:
        bins = [(stratum, stream, window[stream, stratum].tolist()) for stream in range(40) for stratum in range(2)]
        detector.add([one for one in bins if (one[1] + one[0]) % 3], 40)
        alarms |= {one.stream for one in detector.standings() if one.log_e >= detector.threshold}
        restarts |= {one.stream for one in detector.notices()}
        assert [one.stream for one in detector.alarms()] == sorted(alarms)
        assert [one.stream for one in detector.restarts()] == sorted(restarts)
    assert len(restarts) > 3


def test_a_run_length_is_in_rows() -> None:
    """Ten records of 100 rows are no more starts than one of 1,000: the notice's sum has about as much in it."""
    fine, coarse = (Detector([[_BALLS]], TestSettings()) for _ in range(2))
    for counts in _drawn(_masses(_BALLS), 100, 150, 22):
        fine.add([(0, 0, counts)], 100)
    for counts in _drawn(_masses(_BALLS), 1000, 15, 22):
        coarse.add([(0, 0, counts)], 1000)
    few, many = (math.exp(one.standings()[0].log_restart) for one in (coarse, fine))
    assert 0.3 < many / few < 3


def test_three_rows_that_nobody_ever_saw_are_no_alarm() -> None:
    """Of a thousand: neither is one client's mistake."""
    counts = [0, *[71] * 13, 71 + 1000 - 14 * 71 - 3, 3]
    assert sum(counts) == 1000
    assert _after(_detector(), [counts]) is None


def test_a_harmless_difference_alarms_only_without_a_band() -> None:
    """0.02 sd on millions of rows, against a reference of four million; the band is 0.05 sd."""
    balls = tuple(80 * ball for ball in _BALLS)
    windows = _drawn(_masses(balls, 0.02), 100_000, 40, 5)
    assert _after(Detector([[balls]], TestSettings()), windows) is not None
    assert _after(Detector([[balls]], TestSettings(band=0.05)), windows) is None


def test_a_harmful_difference_alarms_with_a_band_too() -> None:
    """0.15 sd within a few thousand rows, where 0.05 are harmless; its standing says both."""
    detector = _detector(settings=TestSettings(band=0.05))
    found = _after(detector, _drawn(_masses(_BALLS, 0.15), 1000, 20, 6))
    assert found is not None
    assert 2 <= found <= 12
    (alarm,) = detector.alarms()
    assert alarm.log_band is not None
    assert min(alarm.log_band, alarm.log_e) >= detector.threshold
    assert all(one.log_band is None for one in detector.standings() if one.stream)


def test_the_band_is_of_all_strata() -> None:
    """Two strata, each with half the rows of the drift."""
    detector = Detector([[_BALLS, _BALLS]], TestSettings(band=0.05))
    for one, other in zip(*(_drawn(_masses(_BALLS, 0.2), 500, 10, seed) for seed in (7, 8)), strict=True):
        detector.add([(0, 0, one), (1, 0, other)], 1000)
    assert len(detector.alarms()) == 1


def test_strata_that_differ_are_no_drift() -> None:
    """At night other rows come than by day, as in the reference; the same rows without strata alarm."""
    night, day = (5000, 100, 100), (100, 100, 5000)
    together = tuple(one + other for one, other in zip(night, day, strict=True))
    apart, mixed = Detector([[night, day]], TestSettings()), Detector([[together]], TestSettings())
    windows = _drawn(np.array(night) / sum(night), 1000, 10, 9)
    for counts in windows:
        apart.add([(0, 0, counts)], 1000)
        mixed.add([(0, 0, counts)], 1000)
    assert not apart.alarms()
    assert len(mixed.alarms()) == 1


def test_counts_of_workers_add_up() -> None:
    """One record of a window or several parts of it, in any order: the same wealth, to the last digits that matter."""
    windows = np.random.default_rng(10).multinomial(500, _masses(_BALLS, 0.02), size=(6, 2, 2))
    whole, parts = _detector(2), _detector(2)
    for number, window in enumerate(windows):
        whole.add([(0, stream, window[:, stream].sum(0).tolist()) for stream in range(2)], 1000)
        order = list(np.ndindex(2, 2))
        for place, (worker, stream) in enumerate(reversed(order) if number % 2 else order):
            parts.add([(0, stream, window[worker, stream].tolist())], 1000 if place == 0 else 0)
    for one, other in zip(whole.standings(), parts.standings(), strict=True):
        assert math.isclose(one.log_e, other.log_e, rel_tol=1e-9)
        assert math.isclose(one.log_restart, other.log_restart, rel_tol=1e-9)
    assert (whole.rows, whole.windows) == (6000, 6)
    assert (parts.rows, parts.windows) == (6000, 24)


def test_whoever_counts_again_finds_the_same() -> None:
    """Looking in between changes nothing: to the bit, for each stream."""
    watched, again = _detector(3), _detector(3)
    for counts in _drawn(_masses(_BALLS, 0.03), 800, 60, 11):
        record = [(0, stream, counts) for stream in (0, 2)]
        watched.add(record, 800)
        watched.standings()
        again.add(record, 800)
    assert watched.standings() == again.standings()
    assert watched.current(2) == again.current(2)


def test_current_counts_are_those_since_the_change() -> None:
    """And `since` is the record with which the best start began."""
    detector = _detector(1)
    for counts in _drawn(_masses(_BALLS), 1000, 40, 12):
        detector.add([(0, 0, counts)], 1000)
    moved = _drawn(_masses(_BALLS, 0.5), 1000, 4, 13)
    for counts in moved:
        detector.add([(0, 0, counts)], 1000)
    assert detector.standings()[0].since == 40
    assert detector.current(0) == [np.sum(moved, axis=0).tolist()]


def test_a_stream_that_nobody_counted_stands_at_nothing() -> None:
    """Labels that never came: as if it were not there, but for the cash."""
    detector = _detector(2)
    for counts in _drawn(_masses(_BALLS), 1000, 30, 14):
        detector.add([(0, 0, counts)], 1000)
    standing = detector.standings()[1]
    assert math.isclose(0, standing.log_e, abs_tol=1e-9)
    assert standing.log_band is None


def test_notices_come_before_alarms() -> None:
    """The sum over starts asks for less: with A of 100 starts it is past before the wealth is."""
    detector = _detector(settings=TestSettings(run_length=100))
    assert not detector.notices()
    for counts in _drawn(_masses(_BALLS), 1000, 100, 15):
        detector.add([(0, 0, counts)], 1000)
    assert not detector.notices()
    for counts in _drawn(_masses(_BALLS, 0.1), 1000, 20, 16):
        detector.add([(0, 0, counts)], 1000)
        if detector.notices():
            break
    assert [one.stream for one in detector.notices()] == [0]
    assert not detector.alarms()


def test_what_is_joint_gets_a_smaller_share() -> None:
    """A pair needs ten times a field's wealth; one threshold is for both, and the shares sum to 1."""
    balls = Cuts((0.0,), (0.5,), (500, 501))
    plan = Plan((Stream("a", "number", ("a",), (balls,)), Stream("a and b", "pair", ("a", "b"), (balls,))), 1000, 0)
    assert shares_of([plan, Plan((Stream("class", "class", (), (balls,)),), 1000, 0)]) == [1, 0.1, 1]
    detector = detector_of([plan], TestSettings())
    detector.add([(0, 0, [600, 400]), (0, 1, [600, 400])], 1000)
    one, other = detector.standings()
    assert math.isclose(math.log(10), one.log_e - other.log_e)
    assert math.isclose(2, math.exp(one.log_e - _alone([600, 400])) * 1.1)
    assert detector.threshold == math.log(2 / 0.01)


def _alone(counts: Sequence[int]) -> float:
    detector = Detector([[(500, 501)]], TestSettings())
    detector.add([(0, 0, counts)], sum(counts))
    standing: StreamStanding = detector.standings()[0]
    return standing.log_e


@pytest.mark.parametrize(
    "record",
    [
        [(0, 2, [1, 1])],
        [(2, 0, [1, 1])],
        [(-1, 0, [1, 1])],
        [(0, -1, [1, 1])],
        [(0, 0, [1, 1, 1])],
        [(0, 0, [])],
        [(1, 1, [1, 1])],
        [(0, 0, [1, -1])],
    ],
)
def test_what_the_plan_has_not_is_no_count(record: list[tuple[int, int, list[int]]]) -> None:
    """Another stream, stratum or number of bins, and less than nothing: refused, and nothing of it is counted."""
    detector = Detector([[(3, 4), (5, 6)], [(7, 8)]], TestSettings())
    before = detector.standings()
    with pytest.raises(ValueError, match=r"stream|rows"):
        detector.add([(0, 0, [1, 1]), *record], 2)
    assert detector.standings() == before
    assert detector.rows == 0


@pytest.mark.parametrize("balls", [[], [[]], [[()]], [[(1, 0)]], [[(1,) * 17]]])
def test_what_is_no_reference_is_refused(balls: list[list[tuple[int, ...]]]) -> None:
    """No stream, no stratum, no bin, no balls, too many bins."""
    with pytest.raises(ValueError, match="stream"):
        Detector(balls, TestSettings())


def test_settings_and_shares_that_mean_nothing_are_refused() -> None:
    """An alpha of 0 or 1, a band below 0, no rows, shares of other streams."""
    for alpha, band, length in ((0.0, 0.0, 10.0), (1.0, 0.0, 10.0), (0.1, -0.1, 10.0), (0.1, 0.0, 0.5)):
        with pytest.raises(ValueError, match="settings"):
            TestSettings(false_alarms=alpha, band=band, run_length=length)
    with pytest.raises(ValueError, match="settings"):
        TestSettings(start_rows=0)
    with pytest.raises(ValueError, match="share"):
        Detector([[(1, 1)]], TestSettings(), [1.0, 1.0])
    with pytest.raises(ValueError, match="share"):
        Detector([[(1, 1)]], TestSettings(), [0.0])
