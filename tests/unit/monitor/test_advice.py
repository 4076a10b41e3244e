"""What may have happened, in words."""

from __future__ import annotations

import pytest

from lockgate.monitor.advice import Facts, advice
from lockgate.monitor.plan import Stream

NUMBER = Stream("x", "number", ("x",), ())
SHARES = ((0.5, 0.5), (10, 10))
BEFORE = Facts(0.0, 10.0, 50.0, 90.0)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Facts(0.0, 7.0, 7.0, 7.0), ("became constant: 7",)),
        (Facts(1.0), ("all are missing",)),
        (Facts(0.3, 10.0, 50.0, 90.0), ("more are missing: 30 %, were 0 %",)),
        (Facts(0.0, 12.0, 60.0, 80.0), ("the median is 60, was 50",)),
        (
            Facts(0.0, 100.0, 500.0, 900.0),
            ("most lie above everything seen (up to 90): the median is 500, was 50, 10 times: did the unit change?",),
        ),
        (
            Facts(0.0, 91.0, 99.0, 120.0),
            ("most lie above everything seen (up to 90): the median is 99, was 50; did the unit change?",),
        ),
        (
            Facts(0.0, 1.0, 5.0, 9.0),
            ("most lie below everything seen (from 10): the median is 5, was 50, 0.1 times: did the unit change?",),
        ),
        (Facts(0.0, 10.0, 50.0, 90.0), ()),
    ],
)
def test_of_values(now: Facts, said: tuple[str, ...]) -> None:
    """Each thing that values tell has its own words, and what stayed has none."""
    assert advice(NUMBER, SHARES, BEFORE, now) == said


def test_fewer_missing_is_said_too() -> None:
    """A gap that was filled changes a stream as one that opened does."""
    assert advice(NUMBER, SHARES, Facts(0.4, 1, 2, 3), Facts(0.1, 1, 2, 3)) == ("fewer are missing: 10 %, were 40 %",)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0, 99), ("nearly all lie above nearly everything seen: did the unit change?",)),
        ((99, 0, 0, 1), ("nearly all lie below nearly everything seen: did the unit change?",)),
        ((0, 99, 1, 0), ("nearly all lie in one bin: did it become constant?",)),
        ((1, 50, 48, 1), ()),
        ((0, 0, 0, 0), ()),
    ],
)
def test_of_bins_alone(counts: tuple[int, ...], said: tuple[str, ...]) -> None:
    """Where nobody kept the values, the bins still tell the worst."""
    assert advice(NUMBER, ((0.01, 0.49, 0.49, 0.01), counts)) == said


def test_new_categories() -> None:
    """The commonest are named with their share, the others counted."""
    stream = Stream("colour", "category", ("colour",), (), categories=("red",))
    new = {"violet": 0.031, "pink": 0.2, "a": 0.01, "b": 0.001}
    assert advice(stream, SHARES, Facts(0.0), Facts(0.0), new) == (
        "new category: pink 20 %",
        "new category: violet 3.1 %",
        "new category: a 1 %",
        "and 1 more new categories",
    )


def test_of_columns_together() -> None:
    """A pair names both its columns."""
    assert advice(Stream("a and b", "pair", ("a", "b"), ()), SHARES) == ("a and b do not go together as they did",)
