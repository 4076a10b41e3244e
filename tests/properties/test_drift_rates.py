"""The monitor as it is used, from rows to alarms, by simulation: its stated rate, and that it is no sleeper.

Smaller rounds of `bench/drift_null.py` and `bench/drift.py`; the figures that are told come from there.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from bench import drift, drift_null
from bench.drift_data import TUNED
from bench.drift_peers.measure import WINDOW
from bench.drift_watch import exact
from lockgate.monitor.detector import TestSettings

pytestmark = pytest.mark.nightly

STREAMS, FEW, SELDOM = 300, 20, 2
RATE, RUN_LENGTH = 0.1, 400
"""Larger than what is in use, so that a rate that is broken shows in so few streams."""


def lives(name: str, streams: int) -> list[dict[str, object]]:
    """Streams without a change."""
    case = drift_null.CASES[name]
    test = TestSettings(RATE, start_rows=case.setting.test.start_rows, run_length=RUN_LENGTH)
    smaller = replace(case, setting=replace(case.setting, test=test))
    with ProcessPoolExecutor() as pool:
        seeds = [(TUNED, 9, one) for one in range(streams)]
        return list(pool.map(partial(drift_null.life, smaller), seeds, chunksize=4))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name, case in drift_null.CASES.items() if not (case.broken or case.large)])
def test_nothing_changed(name: str) -> None:
    """No more than the stated part of streams alarms; a notice comes not sooner than stated; too many would be seen."""
    found = lives(name, STREAMS)
    alarms = sum(one["alarm"] is not None for one in found)
    notices = sum(one["notice"] is not None for one in found)
    assert exact(alarms, STREAMS, 1e-4)[0] <= RATE, f"{alarms} of {STREAMS} streams"
    assert exact(notices, STREAMS, 1e-4)[0] <= drift_null.WINDOWS / RUN_LENGTH, f"{notices} of {STREAMS} streams"
    # What would be too many: twice the rate.
    assert exact(round(2 * RATE * STREAMS), STREAMS, 1e-4)[0] > RATE


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name, case in drift_null.CASES.items() if case.broken])
def test_what_is_broken_shows(name: str) -> None:
    """The counts above are of a monitor that is awake: where what is promised does not hold, nearly all alarm."""
    found = lives(name, FEW)
    assert sum(one["alarm"] is not None for one in found) >= FEW - 2


@pytest.mark.timeout(900)
@pytest.mark.parametrize("named", drift.DRIFTS)
def test_changes_are_seen(named: str) -> None:
    """Each change of the benchmark is seen in nearly each stream, what is claimed within half as many rows again."""
    seeds = [(TUNED, 8, one) for one in range(8)]
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(partial(drift.delays, named, 20), seeds))
    _, drifts = drift.DRIFTS[named]
    for name, one in drifts.items():
        rows = [-1 if life is None else life[name][0] for life in found]
        assert -1 not in rows, "an alarm before the change"
        assert rows.count(None) <= SELDOM, (name, rows)
        known = [row for row in rows if row is not None]
        assert one.bound is None or statistics.median(known) <= max(1.5 * one.bound, 2 * WINDOW), (name, rows)
