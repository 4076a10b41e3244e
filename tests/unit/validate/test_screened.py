"""What follows from what the screen found: levels by the policy, facts without values, one seed for each snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import digest_of
from lockgate.core.statement import TEST_RESULT, Statement, Subject
from lockgate.core.verdict import Level, Verdict
from lockgate.errors import Refused
from lockgate.validate import screened
from lockgate.validate.screen.account import Account, Finding
from lockgate.validate.screen.spec import RULES
from lockgate.validate.spec import Screening
from tests.support.project import START

NAMES = ("a.csv", "b.csv")
LABELS = Finding("labels", 9, 0, "9 rows have a label like 'secret'", {"value": "secret"}, (("a.csv", 9),), ((1, 3),))
PAIRS = Finding("triggers", 5, 2, "5 rows with x = 1", {}, (("b.csv", 5),), ((0, 1), (0, 2), (1, 3), (1, 4)))
WARNS = Screening({"labels": "warn", "triggers": "warn", "sources": "warn"})
ENFORCES = Screening({**WARNS.weights, "triggers": "enforce", "sources": "enforce"})
ACCOUNT = Account(
    rows=100,
    looked=100,
    task="binary",
    rules=dict.fromkeys(RULES, "off") | {"labels": "ran", "triggers": "ran", "sources": "absent"},  # type: ignore[arg-type]
    absent={"sources": "one source"},
    notes={},
    findings=(LABELS, PAIRS),
    more=0,
    settled=1,
    flagged=12,
    doubtful=12,
    good=2,
)


def test_findings_warn_by_default_and_name_rows_and_the_next_command() -> None:
    """The id of the rule, its sentence, rows by file and number, what the policy does, and where to look."""
    first, second = screened.reasons(ACCOUNT, WARNS, NAMES)
    assert (first.finding, first.level, first.next) == ("LG233", Level.WARN, "lockgate review --screen")
    assert first.message == "9 rows have a label like 'secret', such as b.csv row 3 (warns)"
    assert second.message == (
        "5 rows with x = 1; 2 of them are marked good, such as a.csv row 1, a.csv row 2, b.csv row 3 (warns)"
    )
    assert second.seen["rows"] == 5


def test_an_enforced_rule_refuses_and_comes_first() -> None:
    """What it found fails the verdict; that another one could not look is a warning, for the gate will refuse it."""
    told = screened.reasons(ACCOUNT, ENFORCES, NAMES)
    assert [(one.finding, one.level) for one in told] == [
        ("LG234", Level.REFUSE),
        ("LG233", Level.WARN),
        ("LG237", Level.WARN),
    ]
    assert Verdict(told).result == "FAILED"
    with pytest.raises(Refused) as caught:
        screened.refuse(told)
    assert (caught.value.finding, caught.value.next) == ("LG234", "lockgate review --screen")
    screened.refuse(screened.reasons(ACCOUNT, WARNS, NAMES))


def test_the_statement_holds_no_value_of_a_row() -> None:
    """Which rows, how many, of which files: the sentence with its values stays in the private report."""
    facts = screened.facts(ACCOUNT, WARNS, NAMES, 7)
    assert "secret" not in str(facts)
    assert "secret" in str(screened.details(ACCOUNT, NAMES))
    assert facts["findings"][0] == {
        "finding": "LG233",
        "rule": "labels",
        "rows": 9,
        "good": 0,
        "sources": [["a.csv", 9]],
        "examples": [["b.csv", 3]],
    }
    assert (facts["flagged"], facts["good"], facts["settled"], facts["seed"]) == (12, 2, 1, 7)


def test_what_was_not_looked_at_is_said() -> None:
    """A sample, findings that are not listed; in the line of the run which rules looked and which could not."""
    told = screened.reasons(replace(ACCOUNT, looked=50, more=3, findings=()), WARNS, NAMES)
    assert [one.message for one in told] == [
        "the screen looked at 50 of 100 accepted rows",
        "3 more findings of the screen are counted and not listed",
    ]
    line = screened.line(screened.details(ACCOUNT, NAMES))
    assert line == (
        "screened by 2 rules: 12 rows flagged; 2 that it would flag are marked good; not by sources: one source"
    )


def test_what_a_rule_left_out_is_a_warning_and_the_statement_names_the_rule_alone() -> None:
    """The words may quote a field; the gate needs no more than which rule it was."""
    notes = {"triggers": "9 of 10 pairs of secret", "rows": "3 rows have no vector", "width": "vector: 9 as 3"}
    account = replace(ACCOUNT, notes=notes, findings=())
    told = screened.reasons(account, WARNS, NAMES)
    assert [(one.finding, one.level, one.message) for one in told] == [
        ("LG238", Level.WARN, "the rule triggers of the screen did not look at everything: 9 of 10 pairs of secret"),
        ("LG238", Level.WARN, "the screen does not see everything: 3 rows have no vector"),
        ("LG238", Level.NOTE, "the screen sees vector: 9 as 3"),
    ]
    facts = screened.facts(account, WARNS, NAMES, 7)
    assert (facts["notes"], "secret" in str(facts)) == (["rows", "triggers", "width"], False)
    assert screened.details(account, NAMES)["notes"] == notes


def test_a_rule_that_could_look_before_and_cannot_now_is_a_warning() -> None:
    """Rows that switch off the rule which looks for them: told also where nothing is enforced."""
    (told,) = screened.reasons(replace(ACCOUNT, findings=()), WARNS, NAMES, {"sources": "ran", "labels": "ran"})
    assert (told.finding, told.level) == ("LG237", Level.WARN)
    assert "could look before, and cannot now: one source" in told.message
    for state in ("absent", "off", None):
        assert screened.reasons(replace(ACCOUNT, findings=()), WARNS, NAMES, {"sources": state}) == ()
    enforced = screened.reasons(replace(ACCOUNT, findings=()), ENFORCES, NAMES, {"sources": "ran"})
    assert [one.finding for one in enforced] == ["LG237"]


def test_the_newest_validation_says_what_could_look() -> None:
    """Of the model's statements the last one; one without a screen, or in no form, says nothing."""
    first, second = {"screen": {"rules": {"labels": "ran"}}}, {"screen": {"rules": {"labels": "absent"}}}
    assert screened.before([first, second]) == {"labels": "absent"}
    assert screened.before([second, first]) == {"labels": "ran"}
    for strange in ({}, {"screen": None}, {"screen": {"rules": ["labels"]}}):
        assert screened.before([first, strange]) == {"labels": "ran"}
    assert screened.before([]) == {}


def _statement(screen: Any, result: str = "WARNED") -> Evidence:
    said = {"screen": screen, "result": result}
    statement = Statement((Subject("accepted.parquet", digest_of(b"a")),), TEST_RESULT, said)
    return Evidence(1, digest_of(b"1"), b"", statement, "validate", "validator", "mara", "k", START)


def test_only_what_changes_the_work_repeats_it() -> None:
    """Other rules or another origin do; a weight does where FAILED would be said now and was not, or the reverse."""
    facts = screened.facts(ACCOUNT, WARNS, NAMES, 7)
    one = _statement(facts)
    assert screened.stands(one, WARNS)
    assert screened.stands(one, Screening({**WARNS.weights, "sources": "enforce"}))
    assert not screened.stands(one, ENFORCES)
    assert screened.stands(_statement(facts, "FAILED"), ENFORCES)
    assert not screened.stands(_statement(facts, "FAILED"), WARNS)
    assert not screened.stands(one, Screening({**WARNS.weights, "labels": "off"}))
    assert not screened.stands(one, Screening({**WARNS.weights, "conflicts": "warn"}))
    assert not screened.stands(one, replace(WARNS, origin="site"))


@pytest.mark.parametrize("screen", [None, {}, {"rules": []}, {"rules": {}, "findings": [3]}, "text"])
def test_a_statement_without_a_screen_stands_where_nobody_asks(screen: Any) -> None:
    """One from before there was a screen, or in no form that is known, is done anew where a rule is on."""
    assert not screened.stands(_statement(screen), WARNS)
    assert screened.stands(_statement(screen), Screening()) is (screen is None)


def test_the_seed_is_drawn_once_for_a_snapshot() -> None:
    """Whoever validates again gets the first seed again, and cannot draw until a sample misses what is there."""
    first = {"snapshot": "sha256:a", "screen": {"seed": 11}}
    later = {"snapshot": "sha256:a", "screen": {"seed": 12}}
    assert screened.seed_of([], "sha256:a", 5) == 5
    assert screened.seed_of([{"snapshot": "sha256:a"}, first, later], "sha256:a", 5) == 11
    assert screened.seed_of([first], "sha256:b", 5) == 5
    forged: list[Any] = [2**48, -1, True, "11", None]
    assert {screened.seed_of([{**first, "screen": {"seed": seed}}], "sha256:a", 5) for seed in forged} == {5}


def test_marks_that_cannot_be_applied_are_told() -> None:
    """Never dropped without a word."""
    (reason,) = screened.unreadable(["sha256:1"])
    assert (reason.finding, reason.level, reason.seen) == ("LG243", Level.WARN, {"marks": ["sha256:1"]})
    assert screened.unreadable([]) == ()
