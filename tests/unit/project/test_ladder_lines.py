"""What `status` prints and tells of the ladder: how far, how near to an alarm, who moves it, what to run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.ladder.checks import Result
from lockgate.audit.ladder.told import told
from lockgate.core.verdict import Level, Reason
from lockgate.deploy.rungs import missing
from lockgate.deploy.spec import Facts, Live
from lockgate.deploy.status import status_of
from lockgate.project.ladder_lines import ladder_json
from lockgate.project.lives import live_lines
from lockgate.trust.policy_ladder import Rung
from tests.support.ladder import ENOUGH, Ladder

DAY = 86400.0


def _facts(rows: int, waited: float = 8 * DAY, *, labels: int = 0, alarm: bool = False) -> Facts:
    results = (
        Result("errors", 5.6 if alarm else 1.234, 5.5, alarm, rows, {"candidate": 0.012}),
        Result("risk", 0.0, 0.0, alarm=False, rows=0, available="not available for regression without a scale"),
    )
    return Facts(rows, labels, waited, results, told(results, 9, b"\0" * 32, since=2, rows=rows, labels=labels))


def _shown(log: Ladder, facts: Facts | None, *, later: float = 0) -> tuple[str, dict[str, Any]]:
    now = log.now + timedelta(days=later)
    found: Live = status_of(log.evidences, now, look=lambda _: facts).live[0]
    return "\n".join(live_lines(found, now)), ladder_json(found, now)


@pytest.mark.parametrize(
    ("rows", "labels", "waited", "said"),
    [
        (412, 50, 8 * DAY, "412 of 2,000 rows, at this rate 31 days"),
        (2000, 5, 3600.0, "5 of 50 labels, at this rate 9 hours"),
        (0, 50, DAY, "0 of 2,000 rows, at this rate never"),
        (500, 50, 0.0, "500 of 2,000 rows, at this rate never"),
        (2000, 50, DAY, ""),
    ],
)
def test_how_long_it_takes_at_this_rate(rows: int, labels: int, waited: float, said: str) -> None:
    """Rows and labels each by their own rate since the rung began; nothing once there are enough."""
    assert missing(Rung("canary", 0.05, rows=2000, labels=50), _facts(rows, waited, labels=labels)) == said


def test_a_rung_on_its_way_shows_how_near_each_check_is() -> None:
    """The numbers against their thresholds, what is not to be had, and that nobody has to do anything yet."""
    text, told_json = _shown(Ladder(), _facts(4))
    assert "flights@2 is on shadow (beside what is live, unseen)" in text
    assert "4 of 10 rows, at this rate 12 days" in text
    assert "errors        1.23 of 5.50   4 rows   candidate 0.012" in text
    assert "risk          not available for regression" in text
    assert "moves up by a deployer's hand: no deployer has authorised it" in text
    assert told_json["next"] == []
    assert (told_json["candidate"]["rows"], told_json["candidate"]["rows_wanted"]) == (4, 10)
    assert [one["check"] for one in told_json["candidate"]["checks"]] == ["errors", "risk"]


def test_what_a_gateway_counted_that_cannot_be_is_said() -> None:
    """Under the checks, with the finding; nothing where there was none."""
    note = Reason("LG550", Level.WARN, "1 record of what gateways observed says what cannot be true")
    text, told_json = _shown(Ladder(), replace(_facts(4), notes=(note,)))
    assert "    ! LG550 1 record of what gateways observed says what cannot be true" in text
    assert [one["finding"] for one in told_json["candidate"]["notes"]] == ["LG550"]
    assert "LG550" not in _shown(Ladder(), _facts(4))[0]


def test_each_state_names_what_to_run() -> None:
    """Enough: deploy. An alarm, or not loaded: rollback. Its time over: a rung by name. By itself: nothing."""
    log = Ladder()
    assert _shown(log, _facts(10))[1]["next"] == ["lockgate deploy flights@2 --env dev"]
    text, alarmed = _shown(log, _facts(10, alarm=True))
    assert (alarmed["next"], alarmed["candidate"]["alarms"]) == (["lockgate rollback dev"], ["errors"])
    assert "ALARM 5.60 of 5.50" in text
    text, over = _shown(log, _facts(4), later=8)
    assert over["next"] == ["lockgate deploy flights@2 --env dev --to RUNG --reason ...", "lockgate rollback dev"]
    assert "the rung holds, for its longest wait is over (LG554)" in text
    assert over["candidate"]["wait_over"] is True
    log.allow()
    text, lent = _shown(log, _facts(10))
    assert (lent["next"], lent["candidate"]["authorised_until"]) == ([], "2026-11-30T09:00:23Z")
    assert "climbs by itself until 2026-11-30T09:00:23Z" in text
    log.revoke(log.two.statement.subjects[0].digest)
    text, gone = _shown(log, _facts(10))
    assert (gone["next"], gone["candidate"]["problem"][:5]) == (["lockgate rollback dev"], "LG514")
    assert "not loaded: LG514" in text


def test_a_log_that_cannot_be_read_is_said() -> None:
    """No numbers are shown, and where to look."""
    text, told_json = _shown(Ladder(), None)
    assert "the log of predictions cannot be read (lockgate log verify)" in text
    assert (told_json["candidate"]["rows"], told_json["candidate"]["checks"], told_json["next"]) == (None, [], [])


def test_who_was_taken_off_by_itself_is_shown_with_its_numbers() -> None:
    """Until the next move; also when what was told is nonsense. One that a person took off is not shown."""
    log = Ladder()
    alarm = {**ENOUGH["results"][0], "alarm": True}
    log.withdraw(checks={**ENOUGH, "results": [alarm]}, reason="alarm: errors")
    text, told_json = _shown(log, None)
    assert "flights@2 was taken off shadow by itself" in text
    assert "(errors 0.1 of 5.3) alarm: errors" in text
    assert (told_json["taken_off"]["rung"], told_json["next"]) == ("shadow", ["lockgate show flights@2"])
    log.evidences[-1] = replace(log.evidences[-1], role="deployer")
    assert _shown(log, None)[1]["taken_off"] is None
    log.evidences.pop()
    log.withdraw(checks={"results": 7})
    assert "flights@2 was taken off shadow by itself" in _shown(log, None)[0]


def test_nothing_is_shown_as_nothing_and_no_word_of_a_stranger_fills_the_screen() -> None:
    """Evidence a hair below zero is 0.00; a withdrawal by whoever has the guard's key, with what he likes to say."""
    facts = _facts(4)
    none = replace(facts.results[0], log_e=-0.0004, seen={"moved": -0.0, "paired": -1e-12})
    text, _ = _shown(Ladder(), replace(facts, results=(none,)))
    assert "errors        0.00 of 5.50   4 rows   moved 0, paired 0" in text
    log = Ladder()
    bad = {"check": "x\x1b[2J" * 100, "log_e": "y" * 1000, "threshold": 1, "alarm": True}
    log.withdraw(checks={"results": [bad] * 500}, reason="z" * 100_000)
    text, _ = _shown(log, None)
    assert "was taken off shadow by itself" in text
    assert ("\x1b" in text, len(text) < 1200) == (False, True)
