"""monitor.plan: monitor.json has one spelling, and says nothing that a test could not be run on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lockgate.core.encoding import encode
from lockgate.monitor import plan
from lockgate.monitor.plan import Cuts, Plan, Strata, Stream, parse_plan

CUTS = Cuts((0.0, 0.0, 1.5), (0.25, 0.75, 1.0), (3, 1, 4, 2))
ALONE = Stream("alone", "value", (), (CUTS,))
DELAY = Stream("delay", "number", ("delay",), (CUTS, CUTS))
CARRIER = Stream("carrier", "category", ("carrier",), (CUTS, CUTS), categories=("AA", "UA"))
JOINT = Stream("projection 1", "projection", ("delay", "carrier"), (CUTS, CUTS), weights=(1.0, -1.0))
PLAN = Plan(
    (DELAY, CARRIER, JOINT),
    rows=18,
    pilot=5,
    strata=Strata(("hour",), time="departs", names=("00", "01"), rest=1),
    ranks={"delay": (0.0, 1.0), "carrier": (0.5,)},
    unwatched={"tail": "nearly every row has a value of its own"},
    about={"accuracy": 0.9},
)


def test_a_plan_reads_back() -> None:
    """One spelling: what was written, and nothing else, is read."""
    assert parse_plan(PLAN.encode()) == PLAN
    with pytest.raises(ValueError, match=r"."):
        parse_plan(PLAN.encode() + b" ")


@pytest.mark.parametrize("value", [[], 1, None, {}, {"v": 2}, {"v": 1, "streams": 3}], ids=str)
def test_what_is_no_plan_is_refused(value: object) -> None:
    """With ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        parse_plan(encode(value))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("streams", 0, "cuts", 0, "balls"), [3, 0, 4, 2]),
        (("streams", 0, "cuts", 0, "balls"), [3, 1, 4]),
        (("streams", 0, "cuts", 0, "values"), [1.0, 0.0, 1.5]),
        (("streams", 0, "cuts", 0, "shares"), [0.75, 0.25, 1.0]),
        (("streams", 0, "cuts", 0, "shares"), [0.25, 0.75, 1.5]),
        (("streams", 0, "cuts"), []),
        (("streams", 0, "kind"), "other"),
        (("streams", 0, "name"), "carrier"),
        (("strata", "names"), []),
        (("streams", 0, "stride"), 0),
        (("streams", 0, "stride"), 1.5),
        (("rows",), -1),
        (("rows",), 1e308),
        (("streams", 0, "cuts", 0, "balls"), [3, 1, 4, 2.0]),
        (("streams", 0, "cuts", 0, "balls"), [3, 1, 4, 2**60]),
        (("streams", 1, "categories"), ["x" * 101]),
        (("streams", 1, "categories"), list(range(501))),
        (("streams", 1, "categories"), [2**60]),
        (("streams", 1, "categories"), [None]),
        (("streams", 2, "weights"), [1.0, 7.0]),
        (("streams", 0, "of"), ["a"] * 513),
        (("streams", 0, "name"), "n" * 4097),
        (("strata", "names"), [0, 1]),
        (("strata", "names"), ["00", "1" * 4097]),
        (("ranks", "delay"), [0.5] * 16),
        (("ranks", "delay"), [None]),
        (("unwatched", "tail"), 7),
        (("about", "accuracy"), "0.9"),
        (("more",), 1),
    ],
    ids=str,
)
def test_a_plan_that_no_test_can_run_on_is_refused(path: tuple[str | int, ...], wrong: object) -> None:
    """Bins without balls, cuts out of order, strata without cuts: refused when read."""
    value: Any = json.loads(PLAN.encode())
    parse_plan(encode(value))
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = wrong
    with pytest.raises(ValueError, match=r"."):
        parse_plan(encode(value))


def test_what_is_larger_than_a_plan_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A jail that looked at anybody's rows made it: megabytes of numbers would take a gateway's memory."""
    monkeypatch.setattr(msgspec.json, "decode", lambda *_, **__: pytest.fail("it was read"))
    for data in (b'{"ranks":{"a":[' + b"0.5," * (plan.MOST_PARTS + 1) + b"0.5]}}", b" " * (plan.MOST_PLAN + 1)):
        with pytest.raises(ValueError, match="larger"):
            parse_plan(data)


def test_the_largest_plan_is_read() -> None:
    """As many streams, strata, categories and cuts as there can be at once."""
    cuts = Cuts(tuple(map(float, range(15))), (0.123456789,) * 15, tuple(range(1000, 1016)))
    fields = [f"field_{number}" for number in range(plan.MOST_STREAMS - 8)]
    strata = Strata(("site",), "", "place", tuple(f"{number:02d}" for number in range(11)))
    known = tuple(f"known {number}" for number in range(plan.MOST_KNOWN))
    streams = [Stream(name, "category", (name,), (cuts,) * 11, categories=known) for name in fields]
    scored = fields[: plan.MOST_RANKED]
    sums = [
        Stream(f"projection {at}", "projection", tuple(scored), (cuts,) * 11, (1.0,) * len(scored)) for at in range(8)
    ]
    large = Plan((*streams, *sums), 200_000, 5_000, strata, dict.fromkeys(scored, cuts.values))
    assert parse_plan(large.encode()) == large
    with pytest.raises(ValueError, match="strata"):
        replace(
            large,
            strata=replace(strata, names=(*strata.names, "more")),
            streams=tuple(replace(one, cuts=(cuts,) * 12) for one in large.streams),
        )


def test_a_plan_cannot_be_made_that_would_not_be_read() -> None:
    """The same is asked when it is made."""
    with pytest.raises(ValueError, match="distinct"):
        replace(PLAN, streams=(DELAY, DELAY))
    with pytest.raises(ValueError, match="positive"):
        Cuts((), (), (0,))


def _many(number: int) -> tuple[str, ...]:
    return tuple(map(str, range(number)))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: Cuts((0.0,) * 16, (0.5,) * 16, (1,) * 17), "balls"),
        (lambda: Cuts((math.inf,), (0.5,), (1, 1)), "finite"),
        (lambda: replace(DELAY, stride=plan.MOST_STRIDE + 1), "stride"),
        (lambda: Strata(names=()), "strata"),
        (lambda: Strata(names=_many(plan.MOST_STRATA + 1)), "strata"),
        (lambda: Strata(("hour",) * 4), "strata"),
        (lambda: Plan(tuple(replace(ALONE, name=name) for name in _many(plan.MOST_STREAMS + 1)), 9, 1), "streams"),
        (lambda: replace(PLAN, ranks=dict.fromkeys(_many(plan.MOST_RANKED + 1), (0.0,))), "more than"),
        (lambda: replace(PLAN, unwatched=dict.fromkeys(_many(plan.MOST_UNWATCHED + 1), "")), "more than"),
        (lambda: replace(PLAN, about=dict.fromkeys(_many(plan.MOST_CUT + 1), 0.0)), "more than"),
        (lambda: replace(PLAN, unwatched={"tail": "x" * (plan.LONGEST_NAME + 1)}), "signs"),
        (lambda: replace(PLAN, ranks={"delay": (math.nan,)}), "scored"),
        (lambda: replace(PLAN, about={"accuracy": math.nan}), "numbers"),
        (lambda: parse_plan(b'{"more":' + b"[" * 100_000), "not a plan"),
    ],
)
def test_each_bound_of_a_plan_holds(made: Callable[[], object], says: str) -> None:
    """One beyond the largest, and what is no number: each by its own rule."""
    with pytest.raises(ValueError, match=says):
        made()
