"""audit.ladder.counts: names that are accepted again, a tally that loses nothing, and counts that cannot be true."""

from __future__ import annotations

import math

import pytest

from lockgate.audit.ladder.counts import (
    BUCKETS,
    MOST_COUNT,
    MOST_NAMES,
    Tally,
    bucket_of,
    class_name,
    seconds_of,
    slow_name,
    steps_name,
    strange,
)
from tests.support.observing import observed

GOOD = {
    "candidate.requests": 50,
    "candidate.errors": 50,
    "live.requests": 40,
    "live.rows": 40,
    "candidate.slow.000": 3,
    "live.slow.287": 1,
    "pairs.rows": 10,
    "pairs.skipped": 90,
    "pairs.disagree": 10,
    "pairs.more.1": 4,
    "pairs.fewer.0": 4,
    "pairs.more.0": 6,
    "pairs.fewer.1": 6,
    "risk.rows": 5,
    "risk.p20": 3,
    "risk.m20": 2,
    "candidate.labels": 7,
    "candidate.wrong": 7,
    "pairs.requests": 9,
    "pairs.failed": 4,
    "pairs.saved": 5,
}


def test_honest_counts_are_not_strange() -> None:
    """All of a whole may be bad; a step's begin and a replay have names of their own."""
    assert strange(GOOD) == ""
    assert strange({"began": 1}) == ""
    assert strange({"replay.rows": 9, "replay.file": 9, "replay.unsure": 9, "pairs.rows": 9}) == ""
    assert strange({"pairs.rows": 9, "pairs.shift.p1": 4, "pairs.shift.m20": 5}) == ""


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"candidate.errors": 51}, "candidate.errors is more than candidate.requests"),
        ({"live.errors": 41}, "live.errors is more than live.requests"),
        ({"candidate.wrong": 8}, "candidate.wrong is more than candidate.labels"),
        ({"pairs.failed": 10}, "pairs.failed is more than pairs.requests"),
        ({"pairs.saved": 6}, "pairs.failed and pairs.saved are more than pairs.requests"),
        ({"live.wrong": 1}, "live.wrong is more than live.labels"),
        ({"pairs.disagree": 11}, "pairs.disagree is more than pairs.rows"),
        ({"pairs.more.2": 1}, "pairs.more.* are more than their rows"),
        ({"pairs.fewer.2": 1}, "pairs.fewer.* are more than their rows"),
        ({"pairs.more.1": 5, "pairs.more.0": 5}, "pairs.more.1 and its counterpart are more than all pairs"),
        ({"pairs.shift.p1": 11}, "pairs.shift.* are more than their rows"),
        ({"risk.p1": 1}, "risk.* are more than their rows"),
        ({"live.rows": MOST_COUNT + 1}, f"live.rows is {MOST_COUNT + 1}"),
        ({"live.rows": 0}, "live.rows is 0"),
        ({"live.rows": -5}, "live.rows is -5"),
    ],
)
def test_counts_that_cannot_be_true_are_told(changed: dict[str, int], expected: str) -> None:
    """A part that is more than its whole, and a number that nobody counts to between two records."""
    assert expected == strange(GOOD | changed)


@pytest.mark.parametrize(
    "name",
    ["other", "candidate.slow.288", "live.slow.7", "pairs.more.64", "pairs.more.01", "pairs.more.-1", "risk.p0",
     "risk.p21", "pairs.shift.p", "candidate.disagree", "live.skipped"],
)  # fmt: skip
def test_unknown_names_are_told(name: str) -> None:
    """Also of a bucket, a class or a step beyond the last, and in a second spelling."""
    assert strange({name: 1}) == "a name that nothing is counted under"


def test_buckets_are_a_twentieth_apart() -> None:
    """The first and the last take what is beyond them; a bucket ends where the next begins."""
    assert bucket_of(0.0) == 0
    assert bucket_of(1e-9) == 0
    assert bucket_of(1e9) == BUCKETS - 1
    assert bucket_of(math.inf) == BUCKETS - 1
    assert bucket_of(math.nan) == BUCKETS - 1
    assert [bucket_of(50e-6 * 1.05**place * 1.01) for place in (0, 1, 100, 286)] == [0, 1, 100, 286]
    assert seconds_of(bucket_of(0.005)) == pytest.approx(0.005, rel=0.05)


def test_names_are_those_that_are_accepted() -> None:
    """Whatever class, difference or time a gateway has, the name is one that `strange` and a record take."""
    names = [slow_name(arm, seconds) for arm in ("candidate", "live") for seconds in (0.0, 0.001, 1e9, math.inf)]
    names += [class_name(way, index) for way in ("more", "fewer") for index in (-1, 0, 63, 64, 10**9)]
    steps = [steps_name(what, x) for what in ("pairs.shift", "risk") for x in (-9.0, 0.03, 1.0, math.nan, math.inf)]
    names += steps
    for name in names:
        assert strange({name: 1, "pairs.rows": 1, "risk.rows": 1}) == ""
    assert observed(dict.fromkeys(names, 1)).counts
    assert steps[5:] == ["risk.m20", "risk.p1", "risk.p20", "risk.p20", "risk.p20"]
    assert steps_name("risk", 0.02) == ""


def test_tally_gives_each_count_once() -> None:
    """What was taken is not given again; nothing and no name are not counted."""
    tally = Tally()
    tally.add("live.rows")
    tally.add("live.rows", 4)
    tally.add("", 7)
    tally.add("live.errors", 0)
    assert tally.take() == {"live.rows": 5}
    assert tally.take() == {}


def test_tally_keeps_what_a_record_has_no_room_for() -> None:
    """Latencies wait for the next record, nothing else does: parts stay with their whole."""
    tally = Tally()
    names = [f"{arm}.slow.{place:03d}" for arm in ("candidate", "live") for place in range(BUCKETS)]
    others = ["pairs.rows", *(f"pairs.more.{index}" for index in range(64))]
    for name in (*names, *others):
        tally.add(name)
    first, second = tally.take(), tally.take()
    assert len(first) == MOST_NAMES
    assert {*others} <= {*first}
    assert {*names, *others} == {*first, *second}
    assert not {*first} & {*second}
