"""audit.ladder.decide and told: what follows from the checks, and that a statement's numbers are found again."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.audit.ladder.checks import Result
from lockgate.audit.ladder.decide import decide, remaining
from lockgate.audit.ladder.told import differs, told
from lockgate.trust.policy_ladder import Rung

RUNG = Rung("canary", 0.05, rows=2000, labels=100, wait=3600.0)
QUIET = Result("errors", 1.0, 6.0, alarm=False, rows=10, seen={"live": 0.05})
ALARM = Result("risk", 7.25, 6.0, alarm=True, rows=10)


@pytest.mark.parametrize(
    ("results", "rows", "labels", "waited", "may", "expected", "over"),
    [
        ((QUIET,), 2000, 100, 10.0, True, "climb", False),
        ((QUIET,), 2000, 100, 10.0, False, "hold", False),
        ((QUIET,), 1999, 100, 10.0, True, "hold", False),
        ((QUIET,), 2000, 99, 10.0, True, "hold", False),
        ((QUIET,), 2000, 100, 3601.0, True, "hold", True),
        ((QUIET,), 5, 0, 3601.0, True, "hold", True),
        ((QUIET, ALARM), 2000, 100, 10.0, True, "withdraw", False),
        ((QUIET, ALARM), 5, 0, 3601.0, False, "withdraw", True),
    ],
)
def test_decision(
    results: tuple[Result, ...], rows: int, labels: int, waited: float, may: bool, expected: str, over: bool
) -> None:
    """An alarm withdraws always; else enough of everything, in time and with a right to, climbs; else it holds."""
    found = decide(results, rows, labels, RUNG, waited, may_climb=may)
    assert (expected, over) == (found.decision, found.over)


def test_reasons_are_said() -> None:
    """Which check with which numbers; what is short."""
    assert "risk (7.25 against 6.00)" in decide((ALARM,), 0, 0, RUNG, 0.0, may_climb=True).why
    short = decide((QUIET,), 412, 7, RUNG, 0.0, may_climb=True).why
    assert short == "412 of 2,000 rows, 7 of 100 labels"
    late = decide((QUIET,), 412, 100, RUNG, 4000.0, may_climb=True).why
    assert late == "the longest wait on canary is over with 412 of 2,000 rows: a person moves it"


@pytest.mark.parametrize(
    ("rows", "rate", "expected"),
    [
        (412, 1588 / (31 * 86400), "412 of 2,000 rows, at this rate 31 days"),
        (1000, 1000 / (5 * 3600), "1,000 of 2,000 rows, at this rate 5 hours"),
        (1990, 1.0, "1,990 of 2,000 rows, at this rate 1 minute"),
        (0, 0.0, "0 of 2,000 rows, at this rate never"),
        (1999, 1e-12, "1,999 of 2,000 rows, at this rate never"),
        (2000, 0.0, "2,000 of 2,000 rows"),
    ],
)
def test_remaining_in_words(rows: int, rate: float, expected: str) -> None:
    """Rounded up, in the unit that says something."""
    assert expected == remaining(rows, 2000, rate)


def _told(**other: Any) -> dict[str, Any]:
    return {**told((QUIET, ALARM), 9, b"\1" * 32, since=3, rows=20, labels=4), **other}


def test_what_is_told_is_found_again() -> None:
    """Also after JSON, and with logarithms of another machine in the seventh digit."""
    assert differs(json.loads(json.dumps(_told())), _told()) == ""
    near = told((QUIET, Result("risk", 7.2500009, 6.0, alarm=True, rows=10)), 9, b"\1" * 32, since=3, rows=20, labels=4)
    assert differs(near, _told()) == ""
    assert _told()["log"] == {"size": 9, "root": "01" * 32}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("log", "size"), 8), (("log", "root"), "02" * 32), (("since",), 4), (("rows",), 21), (("rows",), 20.0),
        (("labels",), True), (("labels",), None), (("results",), []), (("results",), None), (("results", 0), "errors"),
        (("results", 0, "check"), "risk"), (("results", 0, "log_e"), 0.99), (("results", 0, "log_e"), "1.0"),
        (("results", 0, "log_e"), math.inf), (("results", 1, "alarm"), False), (("results", 1, "alarm"), 1),
        (("results", 0, "threshold"), 7.0), (("results", 0, "seen", "live"), 0.06), (("results", 0, "seen"), {}),
        (("results", 0, "more"), 1),
    ],
)  # fmt: skip
def test_each_number_that_is_told_otherwise_is_seen(path: tuple[Any, ...], value: Any) -> None:
    """Size, root, rows, each figure of each check, and every other form."""
    said = json.loads(json.dumps(_told()))
    place = said
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert differs(said, _told()) != ""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*_told()]), inner, max_size=6),
    max_leaves=8,
)


@given(_JSON)
def test_no_statement_breaks_the_comparison(said: object) -> None:
    """Whatever JSON stands there, it is another, and never an error."""
    assert differs(said, _told()) != ""
