"""Threat: somebody seals a statement of a ladder after which `verify`, or whoever loads, refuses for ever.

A log forgets nothing: what is sealed once cannot be taken out. So what every reader would ask is asked before. Each
refusal stands beside the same statement as it is honest, and beside what it would do if it were sealed.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.admission import check_admissible
from lockgate.audit.ladder.told import well_formed
from lockgate.audit.recount import notes_of_withdrawals, told_moves
from lockgate.errors import Refused, VerificationFailed
from tests.support.evidence import with_predicate
from tests.support.ladder import ENOUGH, RUNGS, Ladder

Checks = dict[str, Any]


def admitted(log: Ladder) -> str:
    """Why the newest statement is not sealed: the finding behind LG864; "" when it is."""
    try:
        check_admissible(log.evidences[-1], log.evidences[:-1])
    except Refused as no:
        return str(no.seen["because"] if no.finding == "LG864" else no.finding)
    return ""


def _result(**changed: Any) -> Callable[[Checks], object]:
    return lambda checks: checks["results"][0].update(changed)


FORMS: dict[str, Callable[[Checks], object]] = {
    "nothing": lambda checks: checks.clear(),
    "a word more": lambda checks: checks.update(more=1),
    "no labels": lambda checks: checks.pop("labels"),
    "rows below nothing": lambda checks: checks.update(rows=-1),
    "rows that are true": lambda checks: checks.update(rows=True),
    "half a row": lambda checks: checks.update(rows=10.5),
    "rows without end": lambda checks: checks.update(rows=2**63),
    "a log that is a list": lambda checks: checks.update(log=[20]),
    "a log of no size": lambda checks: checks["log"].pop("size"),
    "a root in capitals": lambda checks: checks["log"].update(root="AA" * 32),
    "half a root": lambda checks: checks["log"].update(root="00" * 16),
    "results that are a number": lambda checks: checks.update(results=7),
    "a result that is none": lambda checks: checks.update(results=[7]),
    "a result twice": lambda checks: checks["results"].append(checks["results"][0]),
    "a check that nobody makes": _result(check="horoscope"),
    "a check that is a list": _result(check=["errors"]),
    "evidence beyond all numbers": _result(log_e=1e300),
    "evidence that is no number": _result(log_e="much"),
    "a threshold that is true": _result(threshold=True),
    "an alarm that is a number": _result(alarm=0),
    "rows of a check below nothing": _result(rows=-1),
    "figures that are a list": _result(seen=[1]),
    "a figure that is a text": _result(seen={"share": "\x1b[2J"}),
    "a figure with a name of no form": _result(seen={"\x1b[2J": 1.0}),
    "a hundred figures": _result(seen={f"figure{chr(97 + n % 26)}{chr(97 + n // 26)}": 1.0 for n in range(100)}),
    "a page of reasons": _result(available="x" * 10_000),
    "a result with a word more": _result(more=1),
}
MOVES: dict[str, Callable[[Ladder, Any], object]] = {
    "a withdrawal by the guard": lambda log, checks: log.withdraw(checks=checks),
    "a withdrawal by a deployer": lambda log, checks: log.withdraw(role="deployer", checks=checks),
    "a climb by the guard": lambda log, checks: log.climb("canary", log.allow(), checks=checks),
    "a climb by a deployer": lambda log, checks: log.put("canary", checks=checks),
    "straight to live": lambda log, checks: log.deploy(log.two, summary=log.summary(log.two), move="up", checks=checks),
}


@functools.cache
def _honest(move: str) -> Ladder:
    log = Ladder()
    MOVES[move](log, ENOUGH)
    return log


def _after(move: str, checks: Any) -> Ladder:
    """A log whose newest move is this one, and tells that."""
    log = copy.copy(_honest(move))
    log.evidences = [*log.evidences[:-1], with_predicate(checks=checks)(log.evidences[-1])]
    return log


@pytest.mark.parametrize("move", MOVES)
def test_honest_numbers_are_sealed_with_every_move(move: str) -> None:
    """The positive control; whoever counts again finds what there is to count."""
    log = _after(move, ENOUGH)
    assert admitted(log) == ""
    assert [one.move.checks for one in told_moves(log.evidences)] == [ENOUGH]


@pytest.mark.parametrize("form", FORMS)
def test_numbers_of_no_form_are_not_sealed_with_any_move(form: str) -> None:
    """By whoever holds the guard's key, or a deployer's: `verify` would fail for ever (LG768)."""
    checks = copy.deepcopy(ENOUGH)
    FORMS[form](checks)
    assert well_formed(ENOUGH)
    assert not well_formed(checks)
    for move in MOVES:
        assert admitted(_after(move, checks)) in {"LG768", "LG522"}, move
    assert admitted(_after("a withdrawal by a deployer", [])) == "LG526"
    with pytest.raises(VerificationFailed):  # what it would do
        told_moves(_after("a climb by a deployer", checks).evidences)


def test_numbers_of_nobody_are_not_sealed() -> None:
    """Where no model is on the ladder there is nothing to tell of: sealed, it cannot be counted again, ever."""
    log = Ladder(candidate=False)
    log.put("shadow", checks=ENOUGH)
    assert admitted(log) == "LG768"
    log.evidences.pop()
    log.put("shadow")
    assert admitted(log) == ""
    log.withdraw()
    log.deploy(log.two, summary=log.summary(log.two), move="up", checks=ENOUGH)
    assert admitted(log) == "LG768"
    with pytest.raises(VerificationFailed):
        told_moves(log.evidences)


def test_what_the_guard_says_of_a_climb_is_held_against_the_policy_before_it_is_sealed() -> None:
    """Its own word: enough rows, no alarm. The first rung of its ladder that asks for more is asked for more."""
    for changes in ({"rows": 9}, {"results": [{**ENOUGH["results"][0], "alarm": True}]}):
        assert admitted(_after("a climb by the guard", {**ENOUGH, **changes})) in {"LG522", "LG769"}
    assert admitted(_after("a climb by the guard", None)) in {"LG522", "LG769"}


def test_a_withdrawal_that_was_sealed_all_the_same_turns_nothing_red() -> None:
    """By a sealer's key in the same hands: it is told (LG771), and what comes after is read as ever."""
    log = _after("a withdrawal by the guard", {"results": [{"alarm": True}]})
    assert told_moves(log.evidences) == ()
    assert [one.finding for one in notes_of_withdrawals(log.evidences)] == ["LG771"]
    log.put("shadow")
    assert admitted(log) == ""
    log.withdraw(checks={**ENOUGH, "since": 4})
    assert admitted(log) == ""


NO_WORDS: dict[str, dict[str, Any]] = {
    "no rungs": {"rungs": []},
    "rungs that do not end live": {"rungs": [{"name": "shadow", "share": 0.0}]},
    "rungs that sink": {"rungs": [{"name": n, "share": s} for n, s in (("a", 0.5), ("b", 0.1), ("live", 1.0))]},
    "a rung of no name": {"rungs": [{"name": "../x", "share": 0.0}, {"name": "live", "share": 1.0}]},
    "a rung with a word more": {"rungs": [{"name": "a", "share": 0.0, "x": 1}, {"name": "live", "share": 1.0}]},
    "a share that is true": {"rungs": [{"name": "a", "share": False}, {"name": "live", "share": True}]},
    "no end": {"expires": None},
    "an end that is a number": {"expires": 9},
    "a version below one": {"version": 0},
    "another version than the model's": {"version": 3},
    "another name than the model's": {"name": "other"},
    "no environment": {"environment": ""},
    "no policy": {"policy": "in force"},
    "a word more": {"more": 1},
}


@pytest.mark.parametrize("what", NO_WORDS)
def test_an_authorisation_of_no_form_is_not_sealed(what: str) -> None:
    """Every later look at the ladder reads it: the controller's, `status`, the next climb."""
    log = Ladder()
    word = log.allow()
    assert admitted(log) == ""
    log.evidences[-1] = with_predicate(**NO_WORDS[what])(word)
    assert admitted(log) == "LG526"


def _taken_back(log: Ladder) -> None:
    word = log.allow()
    log.revoke(word.digest)
    assert admitted(log) == ""
    log.climb("canary", word)


def _late(log: Ladder) -> None:
    word = log.allow(lasts=timedelta(days=9))
    log.now += timedelta(days=7, seconds=1)
    log.climb("canary", word)


OTHERS: dict[str, Callable[[Ladder], object]] = {
    "a rung that the policy does not have": lambda log: log.put("canary", rung="half", share=0.5),
    "a share that it does not have": lambda log: log.put("canary", share=0.5),
    "a rung of no name": lambda log: log.put("canary", rung="Canary"),
    "live with a part": lambda log: log.put("canary", rung="live", share=0.5),
    "all of the traffic on a rung": lambda log: log.put("canary", share=1.0),
    "what is live, on a rung": lambda log: log.put("shadow", log.one),
    "an authorisation that a deployer needs not": lambda log: log.put("canary", authorisation=log.allow().digest),
    "a climb on a word that was taken back": _taken_back,
    "a climb when the wait is over": _late,
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_move_that_no_reader_takes_is_not_sealed(what: str) -> None:
    """And what stands in the log before it loads as before."""
    log = Ladder()
    OTHERS[what](log)
    assert admitted(log) != ""
    log.evidences.pop()
    assert (log.finding(), log.stands()) == ("", (2, "shadow"))


def test_an_authorisation_that_was_taken_back_leaves_what_it_moved() -> None:
    """Its revocation is sealed, ends what may come, and stops neither a loader nor whoever counts again."""
    log = Ladder()
    word = log.allow(rungs=RUNGS)
    log.climb("canary", word)
    log.revoke(word.digest)
    assert admitted(log) == ""
    assert (log.finding(), log.stands()) == ("", (2, "canary"))
    assert len(told_moves(log.evidences)) == 1
    log.climb("quarter", word)
    assert admitted(log) == "LG522"
