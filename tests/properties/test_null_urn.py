"""monitor.detector: without drift nothing is won on average, and no more streams alarm than stated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from lockgate.monitor import starts
from lockgate.monitor.detector import Detector, TestSettings
from lockgate.monitor.urn import FloatArray, IntArray

Rows: TypeAlias = FloatArray
Draw: TypeAlias = Callable[[np.random.Generator, int, int], Rows]

_BALLS = ((2, 1, 3), (1, 4))
"""Of one stream, in two strata."""
_ROWS = [(stratum, bin_) for stratum, balls in enumerate(_BALLS) for bin_ in range(len(balls))]


def _wealth(rows: Sequence[tuple[int, int]]) -> float:
    """Of one stream, after each of these rows came as a record of its own."""
    detector = Detector([_BALLS], TestSettings(start_rows=1))
    for stratum, bin_ in rows:
        detector.add([(stratum, 0, [int(bin_ == one) for one in range(len(_BALLS[stratum]))])], 1)
    return math.exp(detector.standings()[0].log_e)


def _chance(rows: Sequence[tuple[int, int]], row: tuple[int, int]) -> float:
    """Of the urn, that in its stratum this row comes next."""
    stratum, bin_ = row
    before = [one for at, one in rows if at == stratum]
    return (_BALLS[stratum][bin_] + before.count(bin_)) / (sum(_BALLS[stratum]) + len(before))


@pytest.mark.parametrize("first", product(_ROWS, repeat=2))
def test_every_next_row_wins_nothing_on_average(
    first: tuple[tuple[int, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each history of up to four rows, in each stratum: starts that open and close, cash, tilts, wide bets."""
    monkeypatch.setattr(starts, "DENSE", 1)
    monkeypatch.setattr(starts, "COARSE", 2)
    monkeypatch.setattr(starts, "SPARSE", 2)
    for more in range(2):
        for rest in product(_ROWS[::2], repeat=more):
            rows = (*first, *rest)
            for stratum in range(2):
                mean = sum(_chance(rows, row) * _wealth((*rows, row)) for row in _ROWS if row[0] == stratum)
                assert math.isclose(_wealth(rows), mean, rel_tol=1e-9)


def test_wealth_begins_with_one() -> None:
    """Before a row, and after a record without any."""
    assert math.isclose(_wealth([]), 1, rel_tol=1e-12)
    detector = Detector([_BALLS, _BALLS], TestSettings())
    detector.add([], 0)
    assert all(math.isclose(one.log_e, 0, abs_tol=1e-12) for one in detector.standings())


# Many small streams at once: five fields each, all correlated; a field of a stream is one stream of the detector.

_FIELDS, _REFERENCE, _BINS = 5, 200, 10


def _ties(chance: np.random.Generator, streams: int, rows: int) -> Rows:
    """Correlated 0.5; heavy tails, and many equal values."""
    common = chance.normal(size=(streams, 1, rows))
    own = chance.normal(size=(streams, _FIELDS, rows))
    found: Rows = np.round((common + own) / np.sqrt(2) * 3) / 3
    found[:, 1] = np.round(np.exp(found[:, 1]), 1)
    found[:, 2] = found[:, 2] > 0.5
    return found.reshape(streams * _FIELDS, rows)


def _cut(chance: np.random.Generator, reference: Rows) -> tuple[FloatArray, list[int]]:
    """Cuts at fixed ranks of values with a share each that orders equal ones, and the balls of the bins."""
    ranks = np.array([1, *(np.arange(1, _BINS) * _REFERENCE // _BINS)])
    balls = np.diff([0, *ranks.tolist(), _REFERENCE + 1]).tolist()
    placed = np.sort(_place(chance, reference), axis=1)
    return placed[:, ranks - 1], balls


def _place(chance: np.random.Generator, rows: Rows) -> FloatArray:
    """Values that are multiples of 1/30 at least, made distinct by chance without changing places."""
    found: FloatArray = np.round(rows * 30) + chance.random(rows.shape)
    return found


def _counts(chance: np.random.Generator, cuts: FloatArray, rows: Rows) -> IntArray:
    bins = (_place(chance, rows)[:, None, :] > cuts[:, :, None]).sum(1)
    flat = bins + np.arange(len(bins))[:, None] * (_BINS + 1)
    return np.bincount(flat.ravel(), minlength=len(bins) * (_BINS + 1)).reshape(len(bins), -1)


def _most(seed: int, streams: int, windows: int, rows: int, draw: Draw = _ties, times: int = 1) -> tuple[Rows, Rows]:
    """The largest log wealth, and sum of the notice, that each stream of five fields ever had, undrifted.

    `times`: so often each ball of the reference is counted.
    """
    chance = np.random.default_rng(seed)
    cuts, balls = _cut(chance, draw(chance, streams, _REFERENCE))
    detector = Detector([[[ball * times for ball in balls]]] * len(cuts), TestSettings())
    most = np.full((2, streams), -np.inf)
    for _ in range(windows):
        counts = _counts(chance, cuts, draw(chance, streams, rows))
        detector.add([(0, stream, one) for stream, one in enumerate(counts.tolist())], rows)
        now = np.array([(one.log_e, one.log_restart) for one in detector.standings()])
        most = np.maximum(most, now.reshape(streams, _FIELDS, 2).max(1).T)
    return most[0], most[1]


def _alarms(most: npt.NDArray[np.float64], alpha: float) -> int:
    return int((most >= math.log(_FIELDS / alpha)).sum())


def _at_most(streams: int, alpha: float) -> float:
    """What is past it is no chance: three standard deviations."""
    return streams * alpha + 3 * math.sqrt(streams * alpha)


def test_no_more_small_streams_alarm_than_stated() -> None:
    """1,000 streams of five correlated fields with ties, 200 rows of reference, 3,000 of production."""
    most, notice = _most(8, 1000, 15, 200)
    assert _alarms(most, 0.05) <= _at_most(1000, 0.05)
    assert _alarms(most, 0.2) <= _at_most(1000, 0.2)
    assert int((notice >= math.log(_FIELDS * 300)).sum()) <= _at_most(1000, 15 / 300)


def test_a_reference_taken_for_the_truth_alarms_on_every_stream() -> None:
    """The mistake this test is here for: as if the reference had a million times its rows, and so no error.

    The very same streams, without it, are silent.
    """
    frozen, _ = _most(9, 20, 30, 400, times=1_000_000)
    honest, _ = _most(9, 20, 30, 400)
    assert _alarms(frozen, 0.01) == 20
    assert _alarms(honest, 0.01) == 0


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(4))
def test_no_more_streams_alarm_in_the_long_run(seed: int) -> None:
    """500 streams each over 200 windows of 200 rows."""
    most, notice = _most(100 + seed, 500, 200, 200)
    assert _alarms(most, 0.01) <= _at_most(500, 0.01)
    assert _alarms(most, 0.05) <= _at_most(500, 0.05)
    assert _alarms(most, 0.2) <= _at_most(500, 0.2)
    assert int((notice >= math.log(_FIELDS * 2000)).sum()) <= _at_most(500, 200 / 2000)
