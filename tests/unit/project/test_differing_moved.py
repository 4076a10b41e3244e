"""How far a column moved between two baselines, by their counts alone."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from lockgate.project.differing.moved import kolmogorov, moved, total_variation

SHARES = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)


def _values(*counts: int) -> dict[str, Any]:
    return {"kind": "int", "count": sum(counts), "nulls": 0, "values": [[n, c] for n, c in enumerate(counts)]}


def test_columns_that_moved_most_come_first() -> None:
    """By the counts of both baselines; what did not move is not told."""
    then = {"a": _values(50, 50), "b": _values(90, 10), "c": _values(1, 1)}
    now = {"a": _values(60, 40), "b": _values(10, 90), "c": _values(5, 5)}
    assert [(each.name, round(each.distance, 3), each.how) for each in moved(then, now)] == [
        ("b", 0.8, "values"),
        ("a", 0.1, "values"),
    ]


def test_commonest_texts_are_compared_where_both_count_them() -> None:
    """What only one of both counts apart is among the others: the distance is a lower bound."""
    then = {"town": {"count": 100, "nulls": 0, "frequent": [["Ulm", 60], ["Bonn", 10]]}}
    now = {"town": {"count": 100, "nulls": 0, "frequent": [["Ulm", 30], ["Köln", 10]]}}
    (found,) = moved(then, now)
    assert (round(found.distance, 6), found.how) == (0.3, "counts")


def test_numbers_are_compared_by_their_quantiles() -> None:
    """Where values are not counted one by one."""
    then = {"age": {"count": 9, "nulls": 0, "min": 0, "max": 100, "mean": 50, "quantiles": {"0.5": 50}}}
    now = {"age": {"count": 9, "nulls": 0, "min": 50, "max": 150, "mean": 100, "quantiles": {"0.5": 100}}}
    (found,) = moved(then, now)
    assert (found.distance, found.how, found.after) == (0.5, "below", "mean 100")


def test_missing_values_that_came_are_a_move() -> None:
    """A column of which half is missing now moved by half."""
    (found,) = moved({"a": _values(10)}, {"a": {**_values(5), "nulls": 5}})
    assert found.distance == 0.5


def test_what_cannot_be_read_is_left_out() -> None:
    """A baseline of another form gives no distance, and no traceback."""
    for strange in (None, {}, {"count": "x"}, {"quantiles": {"a": "b"}}, {"values": [[1]]}):
        assert moved({"a": strange}, {"a": _values(1)}) == []


@given(SHARES, SHARES)
def test_distances_are_between_nothing_and_all(one: list[int], other: list[int]) -> None:
    """Both distances lie in 0 to 1, are the same both ways, and 0 of a thing to itself."""
    shares = [{str(n): count / sum(each) for n, count in enumerate(each)} for each in (one, other)]
    steps = [[(float(n), sum(each[: n + 1]) / sum(each)) for n in range(len(each))] for each in (one, other)]
    for measure, (first, second) in ((total_variation, shares), (kolmogorov, steps)):
        distance = cast("Any", measure)(first, second)
        assert -1e-12 <= distance <= 1 + 1e-12
        assert abs(distance - cast("Any", measure)(second, first)) < 1e-12
        assert cast("Any", measure)(first, first) == 0
