"""replay.json: believed in one form only, for it comes from a jail that read untrusted files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lockgate.core.encoding import decode, encode
from lockgate.monitor.plan import Cuts, Plan, Strata, Stream
from lockgate.monitor.replay import (
    Alarm,
    Change,
    Read,
    Replay,
    Standing,
    as_json,
    e_value,
    expected,
    parse_replay,
    together,
)

CUTS = (Cuts((1.0,), (0.5,), (30, 10)), Cuts((2.0, 3.0), (0.5, 0.5), (10, 20, 10)))
PLAN = Plan((Stream("x", "number", ("x",), CUTS),), 78, 10, Strata(("site",), "", "shop", ("a", "b")))
STANDING = Standing(0, 9.5, 3.0, None, 0.5, 100, 199, ((1, 3), (2, 0, 2)), ((199, 9.5),), ("the median is 2, was 1",))
REPLAY = Replay(
    1,
    100,
    4.6,
    Read(200, 8, 1, 0, 192, 1),
    (Alarm(199, ("x",)),),
    (Change("y", "missing", "the replayed file has no such column"),),
    (STANDING,),
)


def test_what_was_written_is_read() -> None:
    """Positive control: the form is read back as it was."""
    assert parse_replay(REPLAY.encode(), PLAN) == REPLAY


def edited(edit: Callable[[dict[str, object]], object]) -> bytes:
    """replay.json with one thing changed."""
    value = decode(REPLAY.encode())
    edit(value)
    return encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 100_000,
        b"\xff",
        REPLAY.encode() + b" ",
        edited(lambda value: value.update(v=2)),
        edited(lambda value: value.update(more=1)),
        edited(lambda value: value.update(streams=[])),
        edited(lambda value: value.update(threshold="4.6")),
        edited(lambda value: value.update(changes=[{"column": "y", "what": "else", "words": ""}])),
        replace(REPLAY, streams=(replace(STANDING, place=1),)).encode(),
        replace(REPLAY, streams=(replace(STANDING, current=((1, 3), (2, 2))),)).encode(),
        replace(REPLAY, alarms=(Alarm(199, ("z",)),)).encode(),
    ],
)
def test_nothing_else_is_read(data: bytes) -> None:
    """Another version, field, type, order of streams, number of bins or name is no answer."""
    with pytest.raises(ValueError, match=r".+"):
        parse_replay(data, PLAN)


def test_reference_and_current_over_strata() -> None:
    """The reference's bins are weighed as the rows came: four of each stratum here, so each counts one half."""
    assert together(STANDING.current) == (3, 3, 2)
    assert expected(CUTS, STANDING.current) == pytest.approx((0.5, 0.375, 0.125))
    assert sum(expected(CUTS, ((0, 0), (0, 0, 0)))) == pytest.approx(1.0)


def test_the_shape_of_json() -> None:
    """`alarms` with `row`, the row from 0: the contract of `--json`."""
    said = as_json(REPLAY, PLAN, ("a.csv", "b.csv"), [("low", "middle", "high")])
    assert (said["v"], said["alarms"]) == (1, [{"row": 199, "finding": "LG629", "streams": ["x"]}])
    assert said["changes"][0]["finding"] == "LG979"
    assert said["streams"][0]["bins"] == ["low", "middle", "high"]
    assert said["streams"][0]["current"] == [3, 3, 2]


@pytest.mark.parametrize(
    ("log_e", "text"), [(0.0, "1"), (4.6052, "100"), (7.6, "1,998"), (100.0, "1e43"), (4177.0, "1e1814")]
)
def test_an_e_value_in_words(log_e: float, text: str) -> None:
    """Small ones as numbers, others by their power of ten; none is too large."""
    assert e_value(log_e) == text
