"""The line before the model: fair in rows, bounded, and short when the model is slow."""

from __future__ import annotations

import pytest

from lockgate.serve.declined import Full
from lockgate.serve.line import Line
from tests.support.engines import asked


def line(*, batch: int = 4, most: int = 100) -> Line:
    """A line."""
    return Line(batch, most)


def test_one_client_is_served_in_order_within_the_batch() -> None:
    """First come, first served; a request larger than a batch goes alone."""
    own = line()
    requests = [asked(1), asked(2, 2), asked(3), asked(4), asked(*range(9)), asked(5)]
    for one in requests:
        assert own.push(one) is None
    assert [requests[:3], requests[3:4], requests[4:5], requests[5:], []] == [own.take() for _ in range(5)]
    assert own.rows == 0


def test_who_sends_more_waits_for_itself() -> None:
    """Ten requests of one client are not all before the first of another."""
    own = line(batch=2)
    for _ in range(10):
        own.push(asked(1, name="greedy"))
    late = asked(2, name="modest")
    own.push(late)
    assert late in own.take()


def test_rows_count_not_requests() -> None:
    """A client with requests of four rows gets one in for four of a client with one row."""
    own = line(batch=1)
    for _ in range(4):
        own.push(asked(1, 1, 1, 1, name="wide"))
    for _ in range(16):
        own.push(asked(2, name="thin"))
    first = [own.take()[0].client.name for _ in range(10)]
    assert first.count("wide") == 2


def test_a_full_line_refuses_the_client_that_filled_it() -> None:
    """Others still get in, in place of the last of whoever has far more waiting."""
    own = line(most=8)
    mine = [asked(1, name="greedy") for _ in range(8)]
    for one in mine:
        own.push(one)
    with pytest.raises(Full):
        own.push(asked(1, name="greedy"))
    assert own.crowded("greedy")
    assert not own.crowded("modest")
    assert own.push(asked(2, name="modest")) is mine[-1]
    assert own.rows == 8
    with pytest.raises(Full):
        own.push(asked(*range(8), name="modest"))


def test_a_slow_model_makes_the_line_short() -> None:
    """At 5 ms a batch no more than a batch waits; at 0.1 ms many do."""
    own = line(batch=4, most=1000)
    for _ in range(100):
        own.took(0.005)
    own.away = 4
    for _ in range(4):
        own.push(asked(1))
    with pytest.raises(Full):
        own.push(asked(1))
    for _ in range(200):
        own.took(0.0001)
    for _ in range(100):
        own.push(asked(1))


def test_an_empty_line_takes_any_request() -> None:
    """However large: it goes alone."""
    own = line(batch=4, most=8)
    assert own.push(asked(*range(20))) is None
    assert len(own.take()) == 1


def test_what_is_late_is_taken_out() -> None:
    """And no longer counted."""
    own = line()
    old, new = asked(1, 1, since=1.0), asked(2, since=5.0)
    own.push(old)
    own.push(new)
    assert [old] == own.late(3.0)
    assert own.rows == 1
    assert [new] == own.take()
