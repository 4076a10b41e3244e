"""Threat: an honest project turns red, or a model goes unguarded, by what happens after its first alarm.

The guard that is kept from going back, an answer that is taken back, a model that is put back, a watcher or a gateway
that is silent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn

import pytest

from lockgate.audit import answered
from lockgate.audit.alarm_told import told
from lockgate.audit.alarms import alarm
from lockgate.audit.evidence import Evidence
from lockgate.audit.follow_up import undone
from lockgate.audit.lives import Life, life_of, standing_alarms
from lockgate.audit.watched import Watched
from lockgate.core.verdict import Level
from lockgate.deploy.revoking import revoke
from lockgate.deploy.rollback import rollback
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import Refused, Unavailable
from lockgate.monitor.detector import TestSettings
from lockgate.supervise import alarming, lookout, watching
from lockgate.supervise.alarming import Itself
from lockgate.supervise.lookout import Raise
from tests.attacks.test_alarms import accepted, balls_of, verified
from tests.attacks.test_watcher import street
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
)
from tests.support.laddered import Laddered, log_of


def busy(*_: Any) -> NoReturn:
    """Somebody else has the turn."""
    raise Unavailable("LG807", "somebody decided all that time")


def the_alarm(house: Laddered) -> Evidence:
    """The newest one."""
    return [one for one in house.signed.open_ledger().statements() if one.claim == "alarm"][-1]


def later(house: Laddered) -> None:
    """Two hours."""
    house.signed.clock.now += timedelta(hours=2)


def put_back(house: Laddered) -> None:
    """A deployer makes flights@2 live again."""
    later(house)
    deploy(house.signed.workplace(), DeploySpec("flights@2", "dev", reason="feed mended"))
    house.signed.ledger.refresh()


def test_a_rollback_that_failed_is_made_later(drifted: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then it is shown as not done. Afterwards, or when a person made something live, nothing is owed."""
    hand = alarmer(drifted)
    with monkeypatch.context() as patch:
        patch.setattr(alarming, "go_back", busy)
        assert "LG807 the guard did not go back" in hand(asked(drifted))
        with pytest.raises(Unavailable):
            hand(Itself(counts=False))
    assert undone(alarm(the_alarm(drifted)), drifted.signed.open_ledger().statements())
    assert "the guard went back: flights@1 answers everybody" in alarmer(drifted)(Itself(counts=False))
    assert not undone(alarm(the_alarm(drifted)), drifted.signed.open_ledger().statements())
    drifted.signed.ledger.refresh()
    assert drifted.standing.live.version == 1
    put_back(drifted)
    assert alarmer(drifted)(Itself(counts=False)) == ""


def test_another_field_alarms_an_hour_later(drifted: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before: LG847, and nobody is asked to seal."""
    monkeypatch.setattr(alarming, "go_back", busy)
    hand = alarmer(drifted)
    hand(asked(drifted))
    for _ in range(3):
        gateway_of(drifted).answered(live(drifted), DRIFT, DRIFT)
    drifted.seal()
    with pytest.raises(Refused) as caught:
        hand(asked(drifted))
    assert caught.value.finding == "LG847"
    later(drifted)
    assert "flights@2 in dev alarms after 8,000 rows: b" in hand(asked(drifted))


def test_what_was_decided_while_it_was_counted_counts(drifted: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person made another model live meanwhile: no alarm of the one before is signed."""

    def meanwhile(*words: Any) -> Any:
        rollback(drifted.signed.workplace(), "dev", reason="by hand")
        return told(*words)

    monkeypatch.setattr(alarming, "told", meanwhile)
    with pytest.raises(Refused) as caught:
        alarmer(drifted)(asked(drifted))
    assert caught.value.finding == "LG847"
    assert not any(one.claim == "alarm" for one in drifted.signed.open_ledger().statements())


def test_the_guard_never_goes_back_to_a_model_that_alarms(house: Laddered) -> None:
    """flights@1 drifts, which is why flights@2 was made; that alarms in another field, and there is no way back: LG695,
    told again only when the event log has grown. The control: with the alarm of flights@1 answered there is one.
    """
    first, second = (one.manifest for one in house.chain[:2])
    rollback(house.signed.workplace(), "dev", reason="try the old one")
    house.signed.ledger.refresh()
    for _ in range(3):
        gateway_of(house).answered(first, DRIFT)
    house.seal()
    alarmer(house)(Raise(first, 0, 1))
    put_back(house)
    for _ in range(3):
        gateway_of(house).answered(second, CALM, DRIFT)
    house.seal()
    hand = alarmer(house)
    assert "LG695 the guard did not go back" in hand(Raise(second, 0, 1))
    with pytest.raises(Refused) as caught:
        hand(Itself(counts=False))
    assert caught.value.finding == "LG695"
    assert hand(Itself(counts=False)) == ""
    (open_one,) = standing_alarms(house.signed.open_ledger().statements(), "dev", first)
    house.signed.record("approver", _seen(house, open_one.evidence))
    assert "the guard went back: flights@1" in hand(Itself(counts=False))


def _seen(house: Laddered, one: Evidence) -> Any:
    from dataclasses import replace

    statement = accepted(house, one, 0, 1, [])
    said = {**statement.predicate, "accept": None, "version": one.predicate["version"]}
    said["manifest"] = one.predicate["manifest"]
    return replace(statement, predicate=said, subjects=one.statement.subjects)


def test_a_model_that_is_put_back_alarms_again(drifted: Laddered) -> None:
    """The same field, by rows of the new life alone; the guard goes back, and all verifies."""
    alarmer(drifted)(asked(drifted))
    put_back(drifted)
    life = life_of(drifted.signed.ledger.statements(), "dev", live(drifted)).sequence
    assert life == drifted.signed.ledger.statements()[-1].index
    with pytest.raises(Refused):
        alarmer(drifted)(asked(drifted, life=life))
    drift(drifted, 3, life=life)
    assert "flights@2 in dev alarms after 3,000 rows: a" in alarmer(drifted)(asked(drifted, life=life))
    assert verified(drifted) == []


def test_an_alarm_of_a_life_that_was_taken_back_still_verifies(drifted: Laddered) -> None:
    """Accepted, alarmed again, and the acceptance revoked: as the how-to says. Its windows are over, not impossible."""
    alarmer(drifted)(asked(drifted))
    one, end = the_alarm(drifted), log_of(drifted).size
    put_back(drifted)
    accept = drifted.signed.record("approver", accepted(drifted, one, 0, end, balls_of(drifted, 0, end)))
    for _ in range(6):
        gateway_of(drifted).answered(live(drifted), (900, 50, 25, 25), life=accept.index)
    drifted.seal()
    assert "LG565" in alarmer(drifted)(asked(drifted, life=accept.index))
    assert verified(drifted) == []
    later(drifted)
    revoke(drifted.signed.workplace(), accept.digest, "too soon")
    assert verified(drifted) == []
    life = life_of(drifted.signed.open_ledger().statements(), "dev", drifted.chain[1].manifest)
    assert accept.index in life.over


def test_windows_of_a_life_that_is_over_are_told_as_what_they_are(house: Laddered) -> None:
    """Of one that was taken back: over, not impossible. Of an older one long after: late (LG699)."""
    model, gateway = live(house), gateway_of(house)
    began = house.signed.clock()
    for life, minutes in ((7, 1), (0, 1), (0, 11)):
        gateway.time = round(began.timestamp() * 1000) + minutes * 60_000
        gateway.answered(model, life=life)
    house.seal()
    for over, refused in ((frozenset({7}), 0), (frozenset[int](), 1)):
        found = Watched((PLAN,), "dev", model, Life(5, 0, None, began, over), TestSettings())
        found.extend(log_of(house))
        assert (len(found.refused), found.late, found.rows) == (refused, 1000, 0)


def test_it_is_counted_without_a_watcher_now_and_then(drifted: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that listens and is silent is ended, and told; an hour later the alarm is signed all the same. The
    control: what has looked is left alone.
    """
    monkeypatch.setattr(watching, "COUNT_SECONDS", 3000.0)
    with street(drifted, alarmer(drifted)) as found:
        first = found.newest("supervise.watcher")
        watcher = found.house._watching
        assert watcher is not None
        watcher.sealed()
        found.step()
        found.says(first, "looked")
        found.now += watching.PATIENCE_SECONDS
        found.step()
        assert found.said == []
        watcher.sealed()
        found.step()
        found.now += watching.PATIENCE_SECONDS
        found.step(2)
        assert [line[:14] for line in found.said] == ["watcher: LG698", "watcher: LG693"]
        for seconds in (0.0, 3000.0):
            found.now += seconds
            found.step()
            watcher._mover.close()  # what is under way ends
            found.step()
        assert sum("LG565" in line for line in found.said) == 1


def test_a_plan_that_comes_while_serving_without_a_key_is_told_at_once(house: Laddered) -> None:
    """LG695, before any alarm."""
    with street(house, alarmer(house, "nothing was watched when serving started")) as found:
        watcher = found.house._watching
        assert watcher is not None
        watcher._warned = False
        watcher.step(found.now, changed=True)
        watcher.step(found.now, changed=True)
        assert [line[:14] for line in found.said] == ["watcher: LG695"]


SILENT = {
    "of most of its rows": (1, 10_000, answered.MOST_UNSEEN),
    "of one of its models": (0, 1_000, answered.MOST_UNSEEN),
    "since some time": (1, 1_000, 1_000),
}


@pytest.mark.parametrize("how", SILENT)
def test_a_gateway_that_counts_no_windows_is_told(how: str, house: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG779. The control: one whose windows hold most of its rows, and a few rows more."""
    number, rows, most = SILENT[how]
    monkeypatch.setattr(answered, "MOST_UNSEEN", most)
    for more, said in ((250, []), (rows - 250, [("LG779", Level.WARN)])):
        for _ in range(more // 250):
            gateway_of(house).rows(house.chain[number].manifest, 250)
        house.seal()
        assert verified(house) == said


def test_a_long_log_is_read_in_several_looks(drifted: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile the watcher is not silent, and judges nothing."""
    monkeypatch.setattr(lookout, "MOST_AT_ONCE", log_of(drifted).size - 1)
    drifted.signed.ledger.refresh()
    look = lookout.Lookout(
        "dev", "flights", drifted.signed.ledger.statements, lambda: log_of(drifted), lambda _: (PLAN,)
    )
    assert look.look(drifted.signed.clock()) == ()
    assert any(isinstance(one, Raise) for one in look.look(drifted.signed.clock()))


def test_a_watcher_tells_what_keeps_it_from_an_alarm(drifted: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that cannot be, that compare nothing, or that are of a life that was over: once a day each."""
    monkeypatch.setattr(alarming, "go_back", busy)
    alarmer(drifted)(asked(drifted))
    later(drifted)
    drifted.signed.ledger.refresh()
    life = drifted.signed.record("approver", _seen(drifted, the_alarm(drifted))).index
    gateway, model = gateway_of(drifted), live(drifted)
    gateway.time = round(drifted.signed.clock().timestamp() * 1000) + 660_000
    gateway.answered(model, life=0)
    gateway.answered(model, (0, 0, 1000), life=life)
    for _ in range(20):
        for _ in range(4):
            gateway.rows(model, 250)
        gateway.window(model, (), 0, seen=1000, dropped=1000, life=life)
    drifted.seal()
    drifted.signed.ledger.refresh()
    look = lookout.Lookout(
        "dev", "flights", drifted.signed.ledger.statements, lambda: log_of(drifted), lambda _: (PLAN,)
    )
    said = [getattr(one, "finding", "") for one in look.look(drifted.signed.clock())]
    assert sorted(said) == ["LG697", "LG699", "LG774"]
    assert look.look(drifted.signed.clock()) == ()
