"""What the event log says of alarms: read strictly, answered by people, taken back, and in which life."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.alarm_rules import check_alarm
from lockgate.audit.alarms import acknowledgements, alarm, alarms
from lockgate.audit.evidence import Evidence
from lockgate.audit.follow_up import owed
from lockgate.audit.lives import Life, life_of, standing_alarms
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import ACKNOWLEDGEMENT, ALARM, Statement, Subject, claim_uri
from lockgate.errors import VerificationFailed
from tests.support.evidence import Chronicle

STREAM = {
    "name": "a", "kind": "number", "log_e": 9.0, "log_band": 7.5, "effect": 0.3, "since": 3,
    "reference": [0.5, 0.5], "current": [10, 90],
}  # fmt: skip
SAID = {
    "life": 0, "log": {"size": 9, "root": "0" * 64}, "counting": 1, "test": "lifetime", "false_alarms": 0.01,
    "band": 0.05, "run_length": 2000.0, "threshold": 5.3, "rows": 100, "action": "tell",
}  # fmt: skip


class Log(Chronicle):
    """A model, its alarms, and what people say of them."""

    def __init__(self) -> None:
        super().__init__()
        self.policy()
        self.registered = self.model("one")

    def _about(self, claim: str, environment: str) -> dict[str, Any]:
        subject = self.registered.statement.subjects[0]
        place = {"environment": environment, "name": "flights", "version": 1, "manifest": subject.digest}
        return {"claim": claim_uri(claim), "time": rfc3339(self.now), **place}

    def alarm(self, name: str = "a", *, environment: str = "dev", **changes: Any) -> Evidence:
        """The guard's word."""
        said = {**self._about("alarm", environment), **SAID, "streams": [{**STREAM, "name": name}], **changes}
        return self.add(Statement((self.registered.statement.subjects[0],), ALARM, said), role="guard")

    def answer(self, to: Evidence, accept: object = None) -> Evidence:
        """An approver's word."""
        said = {**self._about("acknowledge", "dev"), "alarm": to.digest, "reason": "seen", "accept": accept}
        return self.add(Statement((self.registered.statement.subjects[0],), ACKNOWLEDGEMENT, said), role="approver")

    @property
    def standing(self) -> list[str]:
        """The streams of alarms that stand."""
        manifest = self.registered.statement.subjects[0].digest
        return [stream.name for one in standing_alarms(self.evidences, "dev", manifest) for stream in one.streams]

    @property
    def life(self) -> Life:
        """The one that the test is in."""
        return life_of(self.evidences, "dev", self.registered.statement.subjects[0].digest)


ACCEPT = {"from": 2, "to": 9, "balls": [[[3, 4]]]}


def test_an_alarm_stands_until_it_is_answered_or_taken_back() -> None:
    """Each for itself; one of another environment is none here."""
    log = Log()
    first, second = log.alarm("a"), log.alarm("b")
    log.alarm("c", environment="prod")
    assert log.standing == ["a", "b"]
    log.answer(first)
    assert log.standing == ["b"]
    log.revoke(second.digest)
    assert log.standing == []
    assert [one.streams[0].name for one in alarms(log.evidences, "dev")] == ["a"]


def test_an_acceptance_begins_a_life_without_alarms() -> None:
    """Its number is its place in the log; taken back, the life before goes on, and the alarms that stood in it."""
    log = Log()
    first, _ = log.alarm("a"), log.alarm("b")
    accepted = log.answer(first, ACCEPT)
    assert (log.life.sequence, log.life.since) == (accepted.index, 9)
    assert log.life.accept is not None
    assert log.life.accept.balls == (((3, 4),),)
    assert log.standing == []
    log.alarm("a", life=accepted.index)
    assert log.standing == ["a"]
    log.revoke(accepted.digest)
    assert log.life == Life(over=frozenset({accepted.index}))
    assert log.standing == ["a", "b"]


def test_a_plain_answer_begins_a_life_with_the_same_reference() -> None:
    """Its own plan's, or what was accepted. Alarms of the life before stand until each is answered: that begins none,
    and neither does a second answer, or nobody could tell how often the test was begun anew without an alarm.
    """
    log = Log()
    first, second = log.alarm("a"), log.alarm("b")
    seen = log.answer(first)
    assert (log.life.sequence, log.life.since, log.life.accept) == (seen.index, 0, None)
    assert log.standing == ["b"]
    log.answer(first)
    log.answer(second)
    assert (log.life.sequence, log.standing) == (seen.index, [])
    accepted = log.answer(first, ACCEPT)
    again = log.answer(log.alarm("a", life=accepted.index))
    assert (log.life.sequence, log.life.since) == (again.index, 9)
    assert log.life.accept is not None
    log.revoke(again.digest)
    assert (log.life.sequence, log.standing) == (accepted.index, ["a"])
    assert again.index in log.life.over


def test_a_model_that_is_made_live_after_an_alarm_begins_a_life() -> None:
    """Whoever puts it back believes that the rows are mended: the test is to tell whether. The alarm still stands.
    Without an alarm, or in another environment, there is nothing to begin anew; nor is there when it was taken back.
    """
    log = Log()
    log.deploy(log.registered)
    assert log.life.sequence == 0
    log.alarm("a")
    log.deploy(log.registered, environment="prod")
    assert log.life.sequence == 0
    back = log.deploy(log.registered)
    again = log.deploy(log.registered)
    assert (log.life.sequence, log.life.accept, log.standing) == (back.index, None, ["a"])
    log.revoke(back.digest)
    assert log.life.sequence == again.index
    log.revoke(again.digest)
    assert log.life.sequence == 0
    assert {back.index, again.index} <= log.life.over


def test_going_back_is_owed_where_the_policy_said_so() -> None:
    """Until somebody answers the alarm, or makes any model live there. Of an alarm that is only told nothing is."""
    log = Log()
    manifest = log.registered.statement.subjects[0].digest
    log.alarm("a")
    assert owed(log.evidences, "dev", manifest) is None
    one = log.alarm("b", action="rollback")
    answer = log.answer(one)
    assert owed(log.evidences, "dev", manifest) is None
    log.revoke(answer.digest)
    log.deploy(log.registered, environment="prod")
    found = owed(log.evidences, "dev", manifest)
    assert found is not None
    assert found.digest == one.digest
    log.deploy(log.registered)
    assert (owed(log.evidences, "dev", manifest), log.standing) == (None, ["a", "b"])


def test_an_answer_to_no_alarm_of_this_model_answers_nothing() -> None:
    """To one that came later, of another place, or never was. The control: to one that stands before it."""
    log = Log()
    early = log.alarm("a")
    for index, target in enumerate((log.alarm("c", environment="prod"), log.registered)):
        log.answer(target, {**ACCEPT, "to": 20 + index})
    assert acknowledgements(log.evidences, "dev") == []
    assert (log.standing, log.life.sequence) == (["a"], 0)
    log.answer(early)
    assert [one.reason for one in acknowledgements(log.evidences, "dev")] == ["seen"]


FLAWS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a field that nobody reads": lambda said: said.update(note="x"),
    "no manifest": lambda said: said.pop("manifest"),
    "no time": lambda said: said.pop("time"),
    "another test": lambda said: said.update(test="mine"),
    "no streams": lambda said: said.update(streams=[]),
    "a stream twice": lambda said: said["streams"].append(said["streams"][0]),
    "a kind of none": lambda said: said["streams"][0].update(kind="x"),
    "other numbers of bins": lambda said: said["streams"][0].update(current=[1]),
    "rows below none": lambda said: said["streams"][0].update(current=[-1, 2]),
    "more than any evidence": lambda said: said["streams"][0].update(log_e=1e300),
    "a text for a number": lambda said: said.update(threshold="5"),
    "a flag for a number": lambda said: said.update(rows=True),
    "since after the log": lambda said: said["streams"][0].update(since=9),
    "a root of none": lambda said: said["log"].update(root="x"),
}


def test_what_has_not_the_form_of_an_alarm_is_refused() -> None:
    """LG526, naming the field. The control: without a flaw it is read."""
    log = Log()
    good = log.alarm()
    assert alarm(good).streams[0].log_band == 7.5
    for name, flaw in FLAWS.items():
        said = copy.deepcopy(dict(good.predicate))
        flaw(said)
        one = log.add(Statement(good.statement.subjects, ALARM, said), role="guard")
        with pytest.raises(VerificationFailed) as caught:
            alarm(one)
        assert caught.value.finding == "LG526", name
    other = log.add(Statement((Subject("x", digest_of(b"x")),), ALARM, good.predicate), role="guard")
    with pytest.raises(VerificationFailed):
        alarm(other)


@pytest.mark.parametrize(
    "accept",
    [
        {"from": 9, "to": 9, "balls": [[[1]]]},
        {"from": 1, "to": 9, "balls": []},
        {"from": 1, "to": 9, "balls": [[[0, 1]]]},
        {"from": 1, "to": 9, "balls": [[[1.5]]]},
        {"from": 1, "to": 9, "balls": [[[1] * 17]]},
        {"from": -1, "to": 9, "balls": [[[1]]]},
        {"from": 1, "to": 9},
        [],
    ],
)
def test_what_has_not_the_form_of_an_acceptance_is_refused(accept: object) -> None:
    """LG526."""
    log = Log()
    log.answer(log.alarm(), accept)
    with pytest.raises(VerificationFailed) as caught:
        acknowledgements(log.evidences, "dev")
    assert caught.value.finding == "LG526"


def refuted(log: Log, **changes: Any) -> str:
    """Why such an alarm cannot be, after all that is in `log`."""
    one = log.alarm(**changes)
    with pytest.raises(VerificationFailed) as caught:
        check_alarm(alarm(one), log.evidences)
    log.evidences.pop()
    assert caught.value.finding == "LG777"
    return caught.value.message.removeprefix("an alarm is not what the log bears out: ")


def test_the_event_log_refutes_what_cannot_be() -> None:
    """Another model, setting or action than it has, another life, below the threshold or the band: the first alarm."""
    log = Log()
    assert refuted(log, version=2) == "it is of a model that this log does not have"
    for name, value in {
        "test": "restart",
        "false_alarms": 0.2,
        "band": 0.0,
        "run_length": 10.0,
        "action": "rollback",
    }.items():
        assert refuted(log, **{name: value}) == f"{name} is not what the policy in force says"
    assert refuted(log, life=4) == "it is of another life than the test was in"
    for name in ("log_e", "log_band"):
        assert refuted(log, streams=[{**STREAM, name: 5.0}]) == "a does not reach the threshold"
    check_alarm(alarm(log.alarm("a")), log.evidences)


def test_the_event_log_refutes_a_flood() -> None:
    """A stream that was named before in this life, or any within the hour. The control: another one, an hour later."""
    log = Log()
    log.alarm("a")
    log.now += timedelta(minutes=59)
    assert refuted(log, name="b") == "the alarm before it is less than an hour old"
    log.now += timedelta(minutes=1)
    assert refuted(log, name="a") == "an alarm of this life names a already"
    check_alarm(alarm(log.alarm("b")), log.evidences)
