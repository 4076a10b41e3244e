"""What a controller proposes and tells, from real statements and real sealed records. Time is the test's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockgate.audit.log import Log
from lockgate.deploy.watch import AGAIN, SOON, Controller, Judged, Move
from lockgate.errors import VerificationFailed
from tests.support.laddered import Laddered, fork, log_of, on_canary, on_shadow

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass
class Watched:
    """A project whose candidate has what the first rung asks for, and who watches it."""

    house: Laddered
    logs: list[Log]
    controller: Controller

    @property
    def log(self) -> Log:
        """Of predictions, as the controller reads it."""
        return self.logs[0]

    @log.setter
    def log(self, log: Log) -> None:
        self.logs[0] = log

    @property
    def now(self) -> datetime:
        """By the project's clock."""
        return self.house.signed.clock()

    def look(self, now: datetime | None = None) -> tuple[Move | Judged, ...]:
        """What it says."""
        return self.controller.look(now or self.now)


@pytest.fixture(name="first", scope="module")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    with pytest.MonkeyPatch.context() as patch:
        yield on_shadow(tmp_path_factory.mktemp("watch"), patch)


@pytest.fixture
def watched(first: Laddered, tmp_path: Path) -> Watched:
    """On the shadow rung with six pairs, and a deployer's word for the rest of the way."""
    return _watched(fork(first, tmp_path))


def _watched(house: Laddered) -> Watched:
    logs = [log_of(house)]
    statements = house.signed.ledger.statements
    return Watched(house, logs, Controller("dev", "flights", statements, lambda: logs[0], lambda _: "regression"))


def test_a_model_climbs_and_is_taken_off_each_proposed_once(watched: Watched) -> None:
    """Enough pairs: one step up, by the numbers that anybody counts from the log; an alarm: off, and then nothing."""
    house = watched.house
    (up,) = watched.look()
    expected = Move("up", house.step().model, 2, "canary", house.checks(watched.log))
    assert up == expected
    assert watched.look() == ()
    after = on_canary(house)
    assert watched.look(watched.now + 2 * SECOND) == ()
    watched.log = after
    (down,) = watched.look(watched.now + 4 * SECOND)
    expected = Move("down", house.step().base, 3, "live", house.checks(watched.log))
    assert down == expected
    assert watched.look(watched.now + 4 * SECOND) == ()
    house.withdraw(expected.checks)
    assert watched.look(watched.now + 8 * SECOND) == ()


def test_what_was_refused_is_proposed_again_in_a_while_and_told_when_it_is_an_alarm(watched: Watched) -> None:
    """Nobody acts on an alarm: a person is told once a day, with the command. Without any key it is not asked again."""
    watched.log = on_canary(watched.house)
    now = watched.now
    (first,) = watched.look(now)
    assert isinstance(first, Move)
    watched.controller.refused(7, "LG713", now)
    assert watched.look(now) == ()
    watched.controller.refused(first.sequence, "LG713", now)
    (told,) = watched.look(now)
    assert isinstance(told, Judged)
    assert told.finding == "LG553"
    assert "lockgate rollback dev" in told.message
    assert watched.look(now) == ()
    assert watched.look(now + AGAIN) == (first,)
    watched.controller.refused(first.sequence, "LG685", now + AGAIN)
    assert watched.look(now + 10 * AGAIN) == ()
    assert [type(one) for one in watched.look(now + DAY)] == [Judged]


def test_what_a_gateway_counted_that_cannot_be_is_told_once(watched: Watched) -> None:
    """Beside the proposal, which the honest records carry; the next day again, and nothing without such a record."""
    watched.house.gateway.observed({"candidate.errors": 2, "candidate.requests": 1})
    watched.log = watched.house.seal()
    move, told = watched.look()
    assert isinstance(move, Move)
    assert isinstance(told, Judged)
    assert told.finding == "LG550"
    assert "flights@2 on shadow in dev: 1 record of what gateways observed says what cannot be true" in told.message
    assert watched.look() == ()
    assert watched.look(watched.now + SECOND) == ()
    assert "LG550" in [one.finding for one in watched.look(watched.now + DAY) if isinstance(one, Judged)]


def test_a_race_with_another_move_is_nobody_s_news(watched: Watched) -> None:
    """A proposal that came too late is made again, and not told."""
    now = watched.now
    (first,) = watched.look(now)
    watched.controller.refused(2, "LG545", now)
    assert watched.look(now) == ()
    assert watched.look(now + AGAIN) == (first,)


def test_a_guard_that_had_to_wait_is_asked_again_soon(watched: Watched) -> None:
    """Somebody else had the turn: the alarm comes again a second later, and the supervisor tells what lasts."""
    watched.log = on_canary(watched.house)
    now = watched.now
    (first,) = watched.look(now)
    watched.controller.refused(3, "LG807", now)
    assert watched.look(now) == ()
    assert watched.look(now + SOON) == (first,)


def test_without_a_deployer_s_word_it_waits_and_says_so(watched: Watched) -> None:
    """The authorisation is over: nothing is proposed; a person is told at once, and the next day."""
    now = watched.now + 2 * DAY
    (told,) = watched.look(now)
    assert told == Judged(
        "LG692",
        "flights@2 on shadow in dev: enough evidence and no alarm; a deployer moves it up:"
        " lockgate deploy flights@2 --env dev",
    )
    assert watched.look(now + DAY / 2) == ()
    assert watched.look(now + DAY) == (told,)


def test_a_rung_whose_time_is_over_holds(watched: Watched) -> None:
    """However much it has seen, a person moves it; an alarm still takes it off."""
    now = watched.now + 8 * DAY
    (told,) = watched.look(now)
    assert isinstance(told, Judged)
    assert told.finding == "LG554"
    assert "lockgate deploy flights@2 --env dev --to canary" in told.message
    assert watched.look(now) == ()
    watched.log = on_canary(watched.house)
    (down,) = watched.look(now)
    assert isinstance(down, Move)
    assert down.move == "down"


def test_nothing_is_said_of_logs_that_do_not_hold(watched: Watched) -> None:
    """Neither of the event log nor of the predictions: what is raised is the caller's."""

    def broken() -> Log:
        raise VerificationFailed("LG706", "not the one that was sealed")

    watched.controller._predictions = broken
    with pytest.raises(VerificationFailed):
        watched.look()
    watched.controller._statements = broken  # type: ignore[assignment]
    with pytest.raises(VerificationFailed):
        watched.look()
