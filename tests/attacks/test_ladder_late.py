"""Threat: a model is lifted by numbers of before an alarm, or after its time; an alarm is kept from being acted on.

Who proposes chooses the moment, and who holds the guard's key chooses the numbers: each may be true, of another time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from lockgate.audit.admission import check_admissible
from lockgate.audit.climbing import authorisation_for
from lockgate.audit.deployments import standing_of
from lockgate.core.verdict import Level
from lockgate.deploy import moves
from lockgate.deploy.authorising import authorise
from lockgate.deploy.revoking import revoke
from lockgate.deploy.rollback import rollback
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.supervise.guard import Guard
from lockgate.supervise.proposal import Proposal
from tests.support.ladder import Ladder
from tests.support.laddered import Checks, Laddered, fork, log_of, on_shadow


@pytest.fixture(name="first", scope="module")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    """A model with six honest pairs on its first rung, and a deployer's word that it may climb."""
    with pytest.MonkeyPatch.context() as patch:
        yield on_shadow(tmp_path_factory.mktemp("late"), patch)


@pytest.fixture(name="house")
def _house(first: Laddered, tmp_path: Path) -> Iterator[Laddered]:
    """The same, for one test. Its clock is everybody's."""
    now = first.signed.clock.now
    yield fork(first, tmp_path)
    first.signed.clock.now = now


def more(house: Laddered, requests: int = 60, *, failed: bool) -> None:
    """Further records of the rung, of now; with `failed` the candidate failed on each request."""
    gateway = house.gateway
    gateway.time = round(house.signed.clock().timestamp() * 1000)
    gateway.rows(gateway.step.base, requests)
    gateway.counted(0, requests, pairs_rows=requests, pairs_requests=requests, pairs_failed=requests if failed else 0)
    house.seal()


def up(house: Laddered, checks: Checks) -> Proposal:
    """The step up."""
    step = house.step()
    return Proposal("up", step.model, step.step, "canary", checks)


def down(house: Laddered, checks: Checks) -> Proposal:
    """The withdrawal."""
    return Proposal("down", house.step().base, house.step().step, "live", checks)


def hand(house: Laddered) -> Guard:
    """The supervisor's."""
    return Guard(house.signed.workplace(), "flights", lambda: log_of(house))


def refused(house: Laddered, proposal: Proposal) -> LockgateError:
    """What the guard says to it; nothing is sealed."""
    guard, before = hand(house), house.signed.open_ledger().checkpoint.size
    with pytest.raises(LockgateError) as no:
        guard(proposal)
    assert house.signed.open_ledger().checkpoint.size == before
    return no.value


def later(house: Laddered, **span: float) -> None:
    """Time goes on."""
    house.signed.clock.now += timedelta(**span)


def test_numbers_of_before_an_alarm_move_nothing_up(house: Laddered) -> None:
    """They were true. The guard counts at the log as it is: an alarm there is refused; numbers of now are signed."""
    old = house.checks(log_of(house))
    alarmed = fork(house, house.signed.root / "alarmed")
    more(alarmed, failed=True)
    no = refused(alarmed, up(alarmed, old))
    assert (no.finding, "nothing climbs: alarm: errors" in no.message) == ("LG684", True)
    more(house, failed=False)
    hand(house)(up(house, old))
    house.signed.ledger.refresh()
    said = house.chain[-1].checks
    assert said is not None
    assert (said["log"]["size"], said["rows"]) == (log_of(house).size, 66)
    house.verify()


@pytest.mark.parametrize("tale", [{}, {"rows": 5000}, {"log": {"size": -1}}, {"results": [{"check": "x" * 1000}]}])
def test_what_a_controller_tells_of_a_step_up_is_not_read(tale: Checks, house: Laddered) -> None:
    """Invented, garbled or none: the guard signs what it counted."""
    counted = house.checks(log_of(house))
    hand(house)(up(house, tale))
    house.signed.ledger.refresh()
    assert house.chain[-1].checks == counted


def test_a_stolen_guard_s_key_chooses_no_old_state(house: Laddered) -> None:
    """By hand, past the guard: sealed, for it has its form, and whoever verifies is told (LG772).

    It is no refusal: when a record was written only its gateway says, and one that dates it back would have an honest
    climb refused for ever, as would a sealer that was away.
    """
    old = house.checks(log_of(house))
    more(house, failed=True)
    later(house, minutes=2)
    move = house.climb(old)
    whole, model = house.verify()
    for warnings in (whole.logs.warnings, model.warnings):
        assert [(one.finding, one.level, one.seen["statement"]) for one in warnings] == [
            ("LG772", Level.WARN, move.digest)
        ]
        assert "errors alarmed by then" in warnings[0].message


@pytest.mark.parametrize(("failed", "minutes"), [(False, 2), (True, 0)], ids=["good ones", "what came while it signed"])
def test_an_honest_step_up_under_traffic_verifies(failed: bool, minutes: float, house: Laddered) -> None:
    """Records that came in behind the numbers do no harm: where they alarm of nothing, or came at that moment."""
    checks = house.checks(log_of(house))
    more(house, failed=failed)
    later(house, minutes=minutes, seconds=5)
    house.climb(checks)
    assert house.verify()[1].warnings == ()


def test_what_comes_in_while_it_counts_is_counted(house: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of years takes minutes, and the alarm comes in the last of them."""
    checks, logs = house.checks(log_of(house)), [log_of(house)]
    more(house, failed=True)
    logs += [log_of(house)] * 3
    clock = iter([0.0, 90.0, 90.0, 90.5])
    guard = Guard(house.signed.workplace(), "flights", lambda: logs.pop(0))
    monkeypatch.setattr("lockgate.supervise.guard.time.monotonic", lambda: next(clock))
    with pytest.raises(Refused) as no:
        guard(up(house, checks))
    assert "alarm: errors" in no.value.message


def test_after_the_longest_wait_only_a_person_moves_it_up(house: Laddered) -> None:
    """An authorisation that lasts changes nothing: the guard says why, and so does who asks for one."""
    place = house.signed.workplace()
    authorise(place, DeploySpec("flights@2", "dev"), house.signed.clock() + timedelta(days=20))
    later(house, days=6, hours=23)
    within = fork(house, house.signed.root / "within")
    hand(within)(up(within, {}))
    later(house, hours=2)
    no = refused(house, up(house, {}))
    assert (no.finding, "the longest wait on shadow is over" in no.message) == ("LG684", True)
    with pytest.raises(Refused) as unsigned:
        house.climb(house.checks(log_of(house)))
    assert (unsigned.value.finding, "a person moves it" in unsigned.value.message) == ("LG545", True)


def test_a_step_up_after_the_wait_is_loaded_by_nobody() -> None:
    """By a stolen guard's key: LG522 for every loader, and it is not sealed. The control: the same within the wait."""
    for days, expected in ((6.9, ""), (7.1, "LG522")):
        log = Ladder()
        word = log.allow(lasts=timedelta(days=10))
        log.now += timedelta(days=days)
        candidate = log.load().candidate
        standing = standing_of("dev", "flights", log.evidences)
        assert candidate is not None
        assert standing is not None
        held, why = authorisation_for(standing, candidate.policy, log.evidences, log.now)
        assert (held is None, "the longest wait on shadow is over" in why) == (bool(expected), bool(expected))
        move = log.climb("canary", word)
        assert log.finding() == expected
        if expected:
            with pytest.raises(Refused) as no:
                check_admissible(move, log.evidences[:-1])
            assert (no.value.finding, no.value.seen["because"]) == ("LG864", "LG522")


def test_where_what_is_live_is_not_loaded_a_person_goes_back_and_is_told_so(house: Laddered) -> None:
    """Neither model answers: the guard's withdrawal would help nobody, and says what does."""
    checks = house.checks(log_of(house))
    checks["results"][0].update(alarm=True, log_e=9.0)
    control = fork(house, house.signed.root / "control")
    hand(control)(down(control, checks))
    revoke(house.signed.workplace(), "flights@1", "a flaw")
    no = refused(house, down(house, checks))
    assert (no.finding, no.seen["because"], no.next) == ("LG684", "LG514", "lockgate rollback dev")
    with pytest.raises(Refused) as none:
        rollback(house.signed.workplace(), "dev")
    assert none.value.finding == "LG531"


@contextmanager
def held(house: Laddered) -> Iterator[None]:
    """Somebody is deciding, and does not come to an end."""
    descriptor = os.open(house.signed.home / "state" / "locks" / "deploy", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def test_the_guard_does_not_wait_for_ever(house: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the turn: it comes back, is told why, and moves as soon as the turn is free."""
    monkeypatch.setattr(moves, "PATIENCE_SECONDS", 0.05)
    checks = house.checks(log_of(house))
    checks["results"][0].update(alarm=True, log_e=9.0)
    with held(house):
        no = refused(house, down(house, checks))
    assert (no.finding, type(no)) == ("LG807", Unavailable)
    assert "is off shadow" in hand(house)(down(house, checks))
