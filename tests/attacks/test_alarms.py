"""Threat: alarms are invented, or what they rest on is: by who holds a key, by a watcher, by a gateway.

Each lie beside the honest case. What nobody can tell: a gateway that lies about the bins within its own rows, and a
watcher that is silent (`lockgate monitor` counts the same, for whoever looks).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.lives import standing_alarms
from lockgate.audit.watched import reference_of
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.record_kinds import UnrecordedRecord
from lockgate.core.statement import ACKNOWLEDGEMENT, Statement, Subject, claim_uri
from lockgate.core.verdict import Level
from lockgate.deploy.revoking import revoke
from lockgate.deploy.rollback import rollback
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.project.alarm_recounting import without_log
from lockgate.project.steps import Steps
from lockgate.trust.authority import of_project
from tests.attacks.test_role_matrix import by_hand
from tests.support.alarmed import (
    CALM,
    DRIFT,
    PLAN,
    alarmer,
    asked,
    calm_fixture,  # noqa: F401
    drift,
    drifted_fixture,  # noqa: F401
    gateway_of,
    house_fixture,  # noqa: F401
    live,
    planned,
    statement_of,
)
from tests.support.laddered import Laddered, log_of
from tests.support.project import register_here


def size(house: Laddered) -> int:
    """Of the event log on disk."""
    return house.signed.open_ledger().checkpoint.size


def verified(house: Laddered) -> list[tuple[str, Level]]:
    """What `verify --all` warns of. Raises what it raises."""
    house.signed.ledger.refresh()
    return [(one.finding, one.level) for one in house.verify()[0].logs.warnings]


def refused(house: Laddered) -> str:
    """The finding by which `verify --all` fails."""
    with pytest.raises(VerificationFailed) as caught:
        verified(house)
    return caught.value.finding


def honest(house: Laddered) -> Evidence:
    """The alarm that the log bears out, signed."""
    alarmer(house)(asked(house))
    return next(one for one in house.signed.open_ledger().statements() if one.claim == "alarm")


# The watcher.


LIES: dict[str, Callable[[Laddered], dict[str, object]]] = {
    "another model": lambda house: {"manifest": house.chain[0].manifest},
    "a model that nobody knows": lambda _: {"manifest": digest_of(b"nobody")},
    "another life": lambda _: {"life": 3},
}


def test_no_watcher_has_an_alarm_signed_that_the_log_does_not_bear_out(house: Laddered) -> None:
    """An invented one is counted, and refused (LG847); so are those of another model, or life. The control: what
    drifts in the log is signed, and names only the field that did.
    """
    hand, before = alarmer(house), size(house)
    with pytest.raises(Refused) as invented:
        hand(asked(house, streams=99))
    assert invented.value.finding == "LG847"
    drift(house)
    for name, lie in LIES.items():
        with pytest.raises(LockgateError) as caught:
            hand(asked(house, **lie(house)))
        assert caught.value.finding == "LG847", name
    assert size(house) == before
    assert "LG565 flights@2 in dev alarms after 5,000 rows: a (+0.68 sd)" in hand(asked(house))
    (one,) = standing_alarms(house.signed.open_ledger().statements(), "dev", house.chain[-1].manifest)
    assert [stream.name for stream in one.streams] == ["a"]
    assert verified(house) == []


def test_a_loop_of_proposals_is_one_alarm(drifted: Laddered) -> None:
    """What alarmed once in a life does not alarm again, however often it is asked for."""
    hand = alarmer(drifted)
    hand(asked(drifted))
    before = size(drifted)
    back = drifted.chain[1].manifest
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            hand(asked(drifted, manifest=back))
        assert caught.value.finding == "LG847"
    assert size(drifted) == before


# The guard's key.


def _other(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda said: said.update({key: value})


def _stream(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda said: said["streams"][0].update({key: value})


STOLEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "more evidence": _stream("log_e", 99.0),
    "another field": _stream("name", "b"),
    "a larger effect": _stream("effect", 3.0),
    "other rows": _stream("current", [0, 0, 0, 2000]),
    "another reference": _stream("reference", [0.1, 0.2, 0.3, 0.4]),
    "a longer log": lambda said: said["log"].update(size=10**6),
    "another log": lambda said: said["log"].update(root="0" * 64),
    "an older state of the log": lambda said: said["log"].update(size=20),
    "another number of rows": _other("rows", 7),
}
"""What whoever has the guard's key may try, and only who has the log of predictions finds out."""

OUT_OF_POLICY: dict[str, Callable[[dict[str, Any]], object]] = {
    "an action that the policy does not have": _other("action", "abstain"),
    "a looser setting": _other("false_alarms", 0.2),
    "another test": _other("test", "restart"),
    "less than the threshold": _stream("log_e", 1.0),
    "a life that has not begun": _other("life", 5),
    "another model": _other("version", 1),
    "no streams": _other("streams", []),
    "a stream of another form": _stream("since", -1),
    "infinite evidence": _stream("log_e", 1e300),
    "a field that nobody reads": _other("note", "look away"),
}


def forged(house: Laddered, lie: Callable[[dict[str, Any]], object] = lambda _: None) -> Statement:
    """The honest alarm, changed."""
    honest = statement_of(house)
    said = copy.deepcopy(dict(honest.predicate))
    lie(said)
    return replace(honest, predicate=said)


def test_a_stolen_guard_key_invents_no_numbers_unseen(drifted: Laddered) -> None:
    """It can have them sealed, for the sealer does not count; who verifies does: LG777. Taken back, each counts for
    nothing, and the project verifies again. The control: the same statement without a lie.
    """
    for name, lie in STOLEN.items():
        one = drifted.signed.record("guard", forged(drifted, lie))
        assert refused(drifted) == "LG777", name
        assert standing_alarms(drifted.signed.ledger.statements(), "dev", live(drifted))
        revoke(drifted.signed.workplace(), one.digest, "not ours")
        assert not standing_alarms(drifted.signed.ledger.statements(), "dev", live(drifted))
    drifted.signed.record("guard", forged(drifted))
    assert verified(drifted) == []


def test_what_cannot_be_counted_again_is_told_and_turns_nothing_red(drifted: Laddered) -> None:
    """LG779: numbers of another version of Lockgate, and, in a mirror, those of a log that is not there."""
    drifted.signed.record("guard", forged(drifted, _other("counting", 2)))
    assert verified(drifted) == [("LG779", Level.WARN)]
    elsewhere = without_log(drifted.signed.open_ledger(), Steps())
    assert ([one.finding for one in elsewhere.notes], elsewhere.alarms, elsewhere.counted) == (["LG779"], 1, 0)


def test_what_the_event_log_refutes_is_not_sealed(drifted: Laddered) -> None:
    """Settings, action and form are asked before. The control: the same statement without the lie is."""
    before = size(drifted)
    for name, lie in OUT_OF_POLICY.items():
        with pytest.raises(LockgateError) as caught:
            drifted.signed.record("guard", forged(drifted, lie))
        assert caught.value.finding == "LG864", name
    assert size(drifted) == before
    drifted.signed.record("guard", forged(drifted))
    assert size(drifted) == before + 1


def test_nobody_else_s_key_raises_an_alarm(drifted: Laddered) -> None:
    """By hand, with the right words: the log refuses it."""
    statement = of_project(forged(drifted), drifted.signed.created.project_id)
    for role in ("deployer", "approver", "policy", "judge", "revoker"):
        with pytest.raises(VerificationFailed) as caught:
            drifted.signed.ledger.append(by_hand(statement, drifted.signed.keyring.signer(role)))
        assert caught.value.finding == "LG817", role


def test_a_flood_of_alarms_is_not_sealed(drifted: Laddered) -> None:
    """A second one for the same stream never is; for another one not within the hour. An hour later it is."""
    honest(drifted)
    house = drifted
    house.signed.ledger.refresh()
    known = next(one for one in house.signed.ledger.statements() if one.claim == "alarm")
    said = copy.deepcopy(dict(known.predicate))
    for changes in ({}, {"name": "b"}):
        other = copy.deepcopy(said)
        other["time"] = rfc3339(house.signed.clock())
        other["streams"][0].update(changes)
        with pytest.raises(Refused) as caught:
            house.signed.record("guard", replace(known.statement, predicate=other))
        assert "less than an hour old" in caught.value.message or "names a already" in caught.value.message


# Gateways.


def test_a_window_that_cannot_be_counts_for_nothing_and_shows(house: Laddered) -> None:
    """More rows in a stream than in the window, bins, streams, strata that the plan has not, a life that has not begun,
    a part without its beginning: LG774 each, and no alarm, however much they drift.
    """
    model, gateway = live(house), gateway_of(house)
    rows = tuple(DRIFT)
    for _ in range(3):
        gateway.answered(model, (0, 0, 0, 5000), b=CALM)
        gateway.answered(model, (0, 0, 1000), b=CALM)
        gateway.answered(model, rows, b=CALM, life=7)
        gateway.rows(model, 250)
        gateway.window(model, ((0, 9, rows),), 250)
        gateway.window(model, ((5, 0, rows),), 0, seen=0)
    house.seal()
    with pytest.raises(Refused) as caught:
        alarmer(house)(asked(house))
    assert caught.value.finding == "LG847"
    assert {finding for finding, _ in verified(house)} == {"LG774"}
    assert len(verified(house)) >= 5
    drift(house)
    assert "LG565" in alarmer(house)(asked(house))


def test_a_window_of_another_model_or_environment_is_not_counted(house: Laddered) -> None:
    """Replayed with this model's rows it would drift; under its own name it is nothing to this one."""
    gateway, other = gateway_of(house), house.chain[0].manifest
    for _ in range(3):
        gateway.answered(other, DRIFT)
    step = gateway.step
    gateway.step = replace(step, environment="prod")
    for _ in range(3):
        gateway.answered(live(house), DRIFT)
    gateway.step = step
    house.seal()
    with pytest.raises(Refused) as caught:
        alarmer(house)(asked(house))
    assert caught.value.finding == "LG847"
    assert verified(house) == []


def _answers_of_another(house: Laddered) -> None:
    gateway_of(house).rows(house.chain[0].manifest, 200)
    gateway_of(house).window(live(house), ((0, 0, (50,) * 4),), 200)


MORE: dict[str, Callable[[Laddered], None]] = {
    "more looked at than answered": lambda house: gateway_of(house).window(live(house), ((0, 0, CALM),)),
    "another model's answers": _answers_of_another,
    "more counted than looked at": lambda house: gateway_of(house).answered(live(house), dropped=500),
    "labels of nobody's rows": lambda house: gateway_of(house).window(live(house), (), 0, seen=0, labelled=10**6),
}


@pytest.mark.parametrize("lie", MORE)
def test_a_gateway_that_tells_of_more_rows_than_it_answered_is_found_out(lie: str, house: Laddered) -> None:
    """LG773, by its own records. The control: what it answered, with a request that it could not record."""
    gateway = gateway_of(house)
    for _ in range(4):
        gateway.rows(live(house), 225)
    gateway.window(live(house), ((0, 0, CALM),))
    gateway.records.append(UnrecordedRecord(*gateway._place(), 100, gateway.time))
    house.seal()
    assert verified(house) == []
    MORE[lie](house)
    house.seal()
    assert refused(house) == "LG773"


# Lives.


def accepted(house: Laddered, alarm: Evidence, start: int, stop: int, balls: object) -> Statement:
    """An approver's word."""
    model = house.chain[1]
    said = {
        "claim": claim_uri("acknowledge"),
        "time": rfc3339(house.signed.clock()),
        "environment": "dev",
        "name": "flights",
        "version": model.version,
        "manifest": model.manifest,
        "alarm": alarm.digest,
        "reason": "summer",
        "accept": {"from": start, "to": stop, "balls": balls},
    }
    return Statement((Subject(f"flights@{model.version}", model.manifest),), ACKNOWLEDGEMENT, said)


def balls_of(house: Laddered, start: int, stop: int) -> list[Any]:
    """What these records make the reference."""
    found = reference_of(log_of(house), (PLAN,), "dev", house.chain[1].manifest, start, stop)
    return [[list(bins) for bins in strata] for strata in found.balls]


def test_a_reference_that_the_log_does_not_have_is_found_out(drifted: Laddered) -> None:
    """Invented balls, and records that are not there: LG778, until they are taken back. The control: the balls of the
    records, after which the rows that drifted are as expected, and no alarm stands.
    """
    house = drifted
    alarm, end = honest(house), log_of(house).size
    house.signed.ledger.refresh()
    true = balls_of(house, 0, end)
    lie = copy.deepcopy(true)
    lie[0][0][0] += 1
    for stop, balls in ((end, lie), (end + 1, true)):
        wrong = house.signed.record("approver", accepted(house, alarm, 0, stop, balls))
        assert refused(house) == "LG778"
        revoke(house.signed.workplace(), wrong.digest, "not what was")
    house.signed.record("approver", accepted(house, alarm, 0, end, true))
    assert verified(house) == []
    assert not standing_alarms(house.signed.ledger.statements(), "dev", house.chain[1].manifest)


def test_the_guard_goes_back_once(house: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model before alarms too, for it is asked the same: that is signed, and the guard goes back no further, though
    there is a model before that one.
    """
    signed = house.signed
    signed.candidate(3.0)
    with planned(signed, monkeypatch):
        register_here(signed, monkeypatch)
    deploy(signed.workplace(), DeploySpec("flights@3", "dev", reason="a better one"))
    drift(house)
    assert "the guard went back: flights@2 answers everybody" in alarmer(house)(asked(house))
    signed.ledger.refresh()
    assert house.standing.live.version == 2
    drift(house, 3)
    signed.clock.now += timedelta(hours=2)
    words = alarmer(house)(asked(house))
    assert "LG565 flights@2 in dev alarms" in words
    assert "LG695 the guard did not go back: it went back to flights@2 already" in words
    signed.ledger.refresh()
    assert house.standing.live.version == 2
    assert verified(house) == []


def test_the_first_model_has_no_way_back(house: Laddered) -> None:
    """The alarm is signed all the same, and it is said. A deployer's own way back is no guard's."""
    rollback(house.signed.workplace(), "dev", reason="by hand")
    drift(house, 3)
    words = alarmer(house)(asked(house))
    assert "LG695 the guard did not go back: there is no earlier version of flights in dev" in words
