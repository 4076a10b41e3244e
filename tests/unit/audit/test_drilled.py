"""audit.drilled: what a statement of drills says, read strictly; and which result of a drill is the newest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.drilled import ENOUGH, Drilled, Played, drill_statement, drilled, newest
from lockgate.audit.evidence import Evidence
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement, Subject
from lockgate.drills.replays.twin import SAMPLE
from lockgate.errors import VerificationFailed
from tests.support.evidence import START, Chronicle
from tests.support.threats import POLICY, PROGRAM, outcome

ONE, TWO, THREE = "dependency-confusion", "changed-wheel", "one-more"
NOW = START + timedelta(days=1)
LOG = Checkpoint("log", 1, bytes(32))


def _statement(*outcomes: Any, **options: Any) -> Statement:
    played = Played(outcomes, "0.1", PROGRAM, **options)
    machine = {"level": 3, "launcher": "bubblewrap", "kernel": "6.1"}
    return drill_statement(played, policy=(POLICY, 4), machine=machine, log=LOG, now=NOW)


def _said(statement: Statement, **changes: Any) -> Evidence:
    log = Chronicle(now=NOW)
    log.add(
        Statement(
            (Subject("x", PROGRAM),), "urn:lockgate:predicate:policy:v1", {"claim": "urn:lockgate:claim:policy:v1"}
        )
    )
    return log.add(replace(statement, predicate={**statement.predicate, **changes}), role="judge")


def _read(statement: Statement, **changes: Any) -> Drilled:
    return drilled(_said(statement, **changes))


def _result(id_: str, **changes: Any) -> dict[str, Any]:
    found = {key: value for key, value in outcome(id_).items() if key != "title"}
    return found | changes


def test_the_statement_is_about_the_program() -> None:
    """An in-toto test result that other tools read: subject, descriptor, lists; without the prose of the outcomes."""
    outcomes = (outcome(ONE), outcome(TWO, "part"), outcome(THREE, stopped=False))
    statement = _statement(*outcomes, left_out=("signers",), inapplicable={"drifted-traffic": "no number field"})
    predicate = statement.predicate
    assert statement.subjects == (Subject("lockgate-0.1", PROGRAM),)
    assert (predicate["result"], predicate["passedTests"]) == ("FAILED", [ONE])
    assert (predicate["warnedTests"], predicate["failedTests"]) == ([TWO], [THREE])
    assert "title" not in predicate["drills"][0]
    found = _read(statement)
    assert [(each.id, each.stopped) for each in found.results] == [(ONE, True), (TWO, "part"), (THREE, False)]
    assert (found.program, found.policy, found.level) == (PROGRAM, POLICY, 3)
    assert (found.left_out, found.inapplicable) == (("signers",), {"drifted-traffic": "no number field"})
    assert _statement(outcome(ONE)).predicate["result"] == "PASSED"
    assert _statement(outcome(ONE, "part")).predicate["result"] == "WARNED"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("time", {"time": rfc3339(NOW + timedelta(days=20))}),
        ("time", {"time": ""}),
        ("time", {"time": "yesterday"}),
        ("result", {"result": "PASSED"}),
        ("passedTests", {"passedTests": [ONE], "failedTests": []}),
        ("program", {"program": {"version": "0.1", "digest": digest_of(b"x")}}),
        ("configuration", {"policy": {"digest": digest_of(b"x"), "version": 4, "left_out": []}}),
        ("policy.left_out", {"policy": {"digest": POLICY, "version": 4, "left_out": "none"}}),
        ("policy.version", {"policy": {"digest": POLICY, "version": 0, "left_out": []}}),
        ("log.size", {"log": {"size": 10**6, "root": "00" * 32}}),
        ("trust", {"trust": "me"}),
        ("machine.level", {"machine": {"level": 7}}),
        ("machine.level", {"machine": {"level": True}}),
        ("drills.id", {"drills": [_result(ONE), _result(ONE)]}),
        ("drills.id", {"drills": [_result("../x")]}),
        ("drills.id", {"inapplicable": {ONE: "no label"}}),
        ("inapplicable", {"inapplicable": {"X": "no label"}}),
        ("drills.finding", {"drills": [_result(ONE, finding=None)]}),
        ("drills.finding", {"drills": [_result(ONE, stopped=False)]}),
        ("drills.finding", {"drills": [_result(ONE, finding="LG999")]}),
        ("drills.expected", {"drills": [_result(ONE, expected="it")]}),
        ("drills.stopped", {"drills": [_result(ONE, stopped="yes")]}),
        ("drills.stopped", {"drills": [_result(ONE, stopped=1)]}),
        ("drills.incident", {"drills": [_result(ONE, incident="7")]}),
        ("drills.threat", {"drills": [_result(ONE, threat="the worst")]}),
        ("drills", {"drills": [_result(ONE, more="words")]}),
        ("drills", {"drills": "all of them"}),
        ("environment", {"environment": 7}),
        ("model", {"model": None}),
        ("rows", {"rows": -1}),
        ("rows", {"rows": True}),
        ("drills", {"drills": [_result(f"d{n}") for n in range(501)]}),
    ],
)
def test_what_contradicts_itself_is_refused(field: str, changes: dict[str, Any]) -> None:
    """LG526 names the field; the same statement without the lie is read."""
    statement = _statement(outcome(ONE, stopped=False))
    with pytest.raises(VerificationFailed) as caught:
        _read(statement, **changes)
    assert (caught.value.finding, caught.value.seen["field"]) == ("LG526", field)
    assert _read(statement).results[0].stopped is False


def test_what_was_taken_back_stops_no_reader() -> None:
    """A statement that says nothing clear is refused, until the key that signed it is revoked."""
    strange = replace(_said(_statement(outcome(ONE)), trust="me"), index=2)
    with pytest.raises(VerificationFailed):
        newest([strange])
    claim = {"claim": "urn:lockgate:claim:roles:v1", "revoked": {strange.keyid: "stolen"}}
    said = Statement((Subject("x", PROGRAM),), "urn:lockgate:predicate:roles:v1", claim)
    roles = Chronicle(now=NOW).add(said, role="root")
    assert newest([replace(roles, index=3), strange]) == {}


def test_as_many_rows_as_a_drill_takes_by_itself_are_enough() -> None:
    """One number, in two places that may not import each other."""
    assert SAMPLE == ENOUGH


def test_the_newest_word_counts() -> None:
    """By when it was said, whenever it was sealed; of the same moment the later in the log."""

    def said(index: int, hour: int, outcomes: Any, **options: Any) -> Evidence:
        when = NOW + timedelta(hours=hour)
        one = _said(_statement(*outcomes, **options), time=rfc3339(when))
        return replace(one, index=index, digest=digest_of(str(index).encode()), time=NOW + timedelta(days=2))

    log = [
        said(1, 5, [outcome(ONE, stopped=False)]),
        said(2, 1, [outcome(ONE)]),
        said(3, 5, [outcome(TWO)]),
        said(4, 6, [outcome(THREE)]),
        said(5, 7, [], inapplicable={THREE: "no label", ONE: "no label", "never-played": "no label"}),
    ]
    found = {name: (one.evidence.index, each and each.stopped) for name, (one, each) in newest(log).items()}
    assert found == {ONE: (1, False), TWO: (3, True), THREE: (5, None), "never-played": (5, None)}
    few = said(6, 8, [outcome(ONE)], rows=ENOUGH - 1)
    assert newest([*log, few])[ONE][0].evidence.index == 1
    assert newest([*log, replace(few, index=7), said(8, 9, [outcome(ONE)], rows=ENOUGH)])[ONE][0].evidence.index == 8
    elsewhere = said(6, 9, [outcome(ONE)], environment="prod")
    assert newest([*log, elsewhere])[ONE][0].evidence.index == 1
    assert newest([*log, elsewhere], counts=lambda one: one.environment == "prod")[ONE][0].evidence.index == 6
    assert newest(log, counts=lambda one: one.environment == "prod")[ONE][0].evidence.index == 1
    assert newest([]) == {}
    other = said(6, 9, [outcome(ONE)], model="churn")
    assert newest([*log, other], "flights")[ONE][1] == newest(log)[ONE][1]
    assert newest([*log, other], "churn")[ONE][0].evidence.index == 6
