"""What the supervisor knows of the event log, tells the gateways of it, and hands to a controller. No jails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit import deployments
from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.core.digest import digest_of
from lockgate.core.wire import WireError
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.project.carry.station import FOLLOW_SECONDS, Follower
from lockgate.runtime import channel
from lockgate.serve import control
from lockgate.serve.settings import ControllerSettings
from lockgate.supervise.alarms import MOST_LINES
from lockgate.supervise.book import LOOK_SECONDS, Book
from lockgate.supervise.controller import Desk
from lockgate.supervise.guarding import CONTROLLER
from lockgate.supervise.handed import Handed, packed, unpacked
from lockgate.supervise.moving import PAUSE_SECONDS, Moved, Mover
from lockgate.supervise.proposal import Proposal
from tests.support.houses import Street, street_of
from tests.support.laddered import Laddered, fork, on_canary, on_shadow


@pytest.fixture(name="first", scope="module")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    with pytest.MonkeyPatch.context() as patch:
        yield on_shadow(tmp_path_factory.mktemp("guarding"), patch)


@pytest.fixture
def house(first: Laddered, tmp_path: Path) -> Laddered:
    """A project with a model on the shadow rung."""
    return fork(first, tmp_path)


def booked(house: Laddered, said: list[str], **more: Any) -> Book:
    """As the supervisor makes it."""
    return Book(house.signed.open_ledger(), "dev", "flights", said.append, **more)


def fresh(street: Street) -> list[list[int]]:
    """The sizes that each gateway was told since it was last looked."""
    return [[one.header["size"] for one in street.gateway(n).heard() if one.what == "fresh"] for n in (0, 1)]


def test_each_gateway_is_told_once_a_second_that_the_log_was_seen(house: Laddered) -> None:
    """With the size that verified; a log that does not verify, or is not known to be the newest, is not vouched for."""
    lately, said = [True], list[str]()
    size = house.signed.ledger.checkpoint.size
    book = booked(house, said, lately=lambda: lately[0])
    with street_of(house.signed.root, home=house.signed.home, book=book) as street:
        fresh(street)
        for _ in range(25):
            street.step()
        assert fresh(street) == [[size] * 2] * 2
        lately[0] = False
        street.now += LOOK_SECONDS
        street.step()
        assert fresh(street) == [[], []]
        lately[0] = True
        checkpoint = house.signed.home / "log/events/checkpoint"
        note = checkpoint.read_bytes()
        for damaged in (note[:-10] + b"AAAAAAAAA\n", b"", note.replace(b"\n", b"\n1", 1)):
            checkpoint.write_bytes(damaged)
            street.now += LOOK_SECONDS
            street.step()
        assert fresh(street) == [[], []]
        checkpoint.write_bytes(note)
        house.withdraw(None)
        street.now += LOOK_SECONDS
        street.step()
        assert fresh(street) == [[size + 1]] * 2
    assert said
    assert all(line.startswith("the event log does not hold: LG7") for line in said)


def test_a_log_whose_moves_do_not_hold_is_not_vouched_for(house: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told once, looked at again each time, and vouched for by no later look, until it holds."""
    said = list[str]()
    book = booked(house, said)
    house.withdraw(None)
    with monkeypatch.context() as patch:

        def forked(*_: object) -> None:
            raise VerificationFailed("LG521", "a fork")

        patch.setattr(deployments, "standing_of", forked)
        assert [book.look(LOOK_SECONDS * turn) for turn in (1, 2, 3)] == [(False, None)] * 3
    assert said == ["the event log does not hold: LG521 a fork"]
    assert book.look(LOOK_SECONDS * 4) == (True, house.signed.open_ledger().checkpoint.size)
    assert not book.climbing


def test_a_mirror_vouches_only_while_its_registry_answers() -> None:
    """Within two of its turns."""
    now = [0.0]
    follower = Follower(None, Path(), "flights", age=5.0, say=print, clock=lambda: now[0])  # type: ignore[arg-type]
    assert follower.lately()
    now[0] = 2 * FOLLOW_SECONDS - 4
    assert not follower.lately()


def test_a_controller_runs_while_a_model_is_on_the_ladder(house: Laddered) -> None:
    """Not after it is off; one that was cut off is started anew. It is handed each statement once."""
    with street_of(house.signed.root, home=house.signed.home, book=booked(house, [])) as street:
        first = street.newest("supervise.controller")
        assert [one.what for one in first.heard()] == ["events", "predictions", "statements"]
        first.link.sendall(b"\xff" * 64)  # type: ignore[union-attr]
        for _ in range(4):
            street.step()
        second = street.newest("supervise.controller")
        assert first.killed
        assert [one.what for one in second.heard()] == ["events", "predictions", "statements"]
        house.withdraw(None)
        street.now += LOOK_SECONDS
        street.step(2)
        assert second.killed
        assert CONTROLLER not in street.house.kept


def test_a_busy_controller_is_told_once_that_the_log_has_grown(house: Laddered) -> None:
    """However often it grows; once it has looked, it is told of the rest: nothing piles up in the supervisor's way."""
    with street_of(house.signed.root, home=house.signed.home, book=booked(house, [])) as street:
        street.newest("supervise.controller").heard()
        guarding: Any = street.house._guarding
        for _ in range(1000):
            guarding.sealed()
        assert [one.what for one in street.newest("supervise.controller").heard()] == ["sealed"]
        for expected in (["sealed"], []):
            street.says(street.newest("supervise.controller"), "looked")
            assert [one.what for one in street.newest("supervise.controller").heard()] == expected


def test_moves_are_made_one_at_a_time_and_off_the_supervisor_s_path() -> None:
    """One that waits for its key holds nobody up; another one meanwhile, or just after a refusal, is not looked at."""
    go, made = threading.Event(), list[Proposal]()

    def act(proposal: Proposal) -> str:
        made.append(proposal)
        go.wait(10)
        if len(made) > 1:
            raise ZeroDivisionError
        return "moved"

    mover, one = Mover(act), Proposal("down", digest_of(b"x"), 2, "live", {})
    mover.want(one, 0.0)
    assert mover.collect(0.0) is None
    with pytest.raises(Unavailable):
        mover.want(one, 0.0)
    go.set()
    mover.close()
    assert mover.collect(1.0) == Moved(one, said="moved")
    mover.want(one, 1.0)
    mover.close()
    failed = mover.collect(1.0)
    assert failed is not None
    assert failed.refused is not None
    assert "ZeroDivisionError" in failed.refused.message
    with pytest.raises(Unavailable):
        mover.want(one, 1.0 + PAUSE_SECONDS / 2)
    mover.want(one, 1.0 + PAUSE_SECONDS)
    mover.close()
    assert len(made) == 3


def test_what_is_handed_over_is_found_by_the_digest_of_its_bytes() -> None:
    """Empty and large ones too; what nobody handed over is not there; cut short it is refused whole."""
    blobs = [b"", b"a", b"b" * 70_000]
    assert blobs == list(unpacked(packed(blobs)))
    handed = Handed()
    handed.take(packed(blobs))
    assert handed.blobs.read(digest_of(b"a")) == b"a"
    for digest, most in ((digest_of(b"c"), 10), (digest_of(blobs[2]), 10)):
        with pytest.raises(VerificationFailed):
            handed.blobs.read(digest, most)
    for cut in (packed(blobs)[:-1], packed(blobs) + b"\0\0"):
        with pytest.raises(WireError):
            list(unpacked(cut))


class Room:
    """A controller's desk in this process, and the supervisor's end of its socket."""

    def __init__(self, house: Laddered, ours: socket.socket, theirs: socket.socket) -> None:
        self.ours, self.house = ours, house
        root, key = house.signed.created.project_id, house.signed.created.roles.sealer_key()
        settings = ControllerSettings(root, "dev", "flights", origin(root, PREDICTIONS), key.hex(), ("00" * 32,))
        assert ControllerSettings.parse(settings.arguments()) == settings
        home = house.signed.home
        empty = {"events": b"", "predictions": b""}
        self.desk = Desk(settings, theirs, empty, home, home / "log" / PREDICTIONS, house.signed.clock)

    def hand(self, blobs: list[bytes]) -> None:
        """The supervisor hands over statements."""
        sealed = channel.seal(packed(blobs), "statements")
        control.tell(self.ours, "statements", files=(sealed.fd,), digest=sealed.digest)
        sealed.close()
        assert self.desk._hear()

    def says(self) -> list[tuple[object, object]]:
        """What it says after a look."""
        self.desk._look()
        self.ours.settimeout(0.05)
        found: list[tuple[object, object]] = []
        while True:
            try:
                told = control.hear(self.ours)
            except TimeoutError:
                return found
            assert told is not None
            found.append((told.what, told.header.get("finding") or told.header.get("to")))


@pytest.fixture
def room(house: Laddered) -> Iterator[Room]:
    """The desk has heard nothing yet."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Room(house, ours, theirs)


def test_a_desk_proposes_on_what_it_has_verified_and_nothing_else(room: Room) -> None:
    """Without the statements, with some of them, with others in their place: it says that it judges nothing, once.
    The control: with all of them it proposes the step up, then, with the errors of the next rung, the withdrawal.
    """
    blobs = booked(room.house, []).blobs(set())
    assert room.says() == [("judged", "LG805")]
    assert room.says() == []
    room.hand(blobs[:3])
    room.hand([blob[:-1] + b"x" for blob in blobs[3:]])
    assert room.says() == []
    room.hand(blobs)
    assert room.says() == [("move", "canary")]
    assert room.says() == []
    on_canary(room.house)
    room.hand(booked(room.house, []).blobs(set()))
    assert room.says() == [("move", "live")]


def test_a_desk_says_nothing_on_a_log_of_predictions_that_was_changed(room: Room) -> None:
    """One changed byte of a record: it judges nothing any more, and says so once."""
    room.hand(booked(room.house, []).blobs(set()))
    bundle = next((room.house.signed.home / "log" / PREDICTIONS / "tile/entries").rglob("[0-9]*"))
    files = [path for path in (bundle, *bundle.parent.rglob("*")) if path.is_file()]
    for path in files:
        data = path.read_bytes().replace(b'"pairs.rows":4', b'"pairs.rows":5')
        path.chmod(0o644)
        path.write_bytes(data)
    assert room.says() == [("judged", "LG706")]
    assert room.says() == []
    room.ours.close()
    assert not room.desk._hear()


def test_an_alarm_that_nothing_comes_of_is_told_to_a_person(house: Laddered) -> None:
    """Somebody decides just now, and does not come to an end: after five seconds that is a line, not "a race"."""
    step, free = house.step(), list[bool]()

    def busy(_: Proposal) -> str:
        if free:
            return "guard: moved"
        raise Unavailable("LG807", "another lockgate process is at work here (it holds deploy)")

    def proposed(times: int) -> None:
        for _ in range(times):
            street.says(street.newest("supervise.controller"), "move", **fields)
            street.step(9)
            mover = street.house._guarding._mover  # type: ignore[union-attr]
            mover.close()  # type: ignore[union-attr]

    fields: dict[str, Any] = {"move": "down", "manifest": step.base, "sequence": step.step, "to": "live", "checks": {}}
    with street_of(house.signed.root, home=house.signed.home, book=booked(house, []), guard=busy) as street:
        proposed(4)
        assert not any("LG553" in line for line in street.said)
        proposed(4)
        told = [line for line in street.said if "LG553" in line]
        assert len(told) == 1
        assert "flights@2 on shadow in dev alarms, and for 5 seconds nothing was moved: LG807" in told[0]
        assert told[0].endswith("or lockgate rollback dev")
        assert sum("LG807 nothing was moved" in line for line in street.said) == 1
        free.append(True)
        proposed(2)
        assert street.said[-1] == "guard: moved"


def test_a_controller_floods_no_terminal(house: Laddered) -> None:
    """Judged, or asked for in ever new words: a few lines a minute; what the guard did is told all the same."""
    with street_of(
        house.signed.root, home=house.signed.home, book=booked(house, []), guard=lambda _: "moved"
    ) as street:
        for number in range(200):
            street.says(street.newest("supervise.controller"), "judged", finding="LG554", message=f"{number}")
        assert len(street.said) <= MOST_LINES
        guarding: Any = street.house._guarding
        guarding._came(Moved(Proposal("down", digest_of(b"x"), 2, "live", {}), said="moved"), street.now)
        assert street.said[-1] == "moved"
