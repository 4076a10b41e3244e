"""Threat: an appender, enrolled or not, takes what the others need: bytes, descriptors, ids, the operator's eyes."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.spool import frame
from lockgate.serve.appending.spec import Limits
from lockgate.serve.control import Told
from lockgate.supervise import seldom
from lockgate.supervise.announcing import Announcing
from lockgate.supervise.appenders import Appender, Appenders
from lockgate.supervise.ids import DAY_MS, Ids
from lockgate.supervise.post import Post
from lockgate.supervise.sealing_side import Intake
from lockgate.supervise.taking import Taking
from tests.support.appending import CLIENT, MIRROR, ROOT, STRANGER, Desk, at_desk, records
from tests.support.certificates import leaf
from tests.support.recording import GATEWAY, ORIGIN
from tests.support.sealing_houses import own

NAMES = ("00000000000000aa", "00000000000000bb", "00000000000000cc")


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    place = tmp_path / "intake"
    place.mkdir()
    return place


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    place = tmp_path_factory.mktemp("made")
    return {gateway: records(place / gateway, 3, gateway) for gateway in (GATEWAY, *NAMES)}


def test_one_appender_s_rate(folder: Path, made: dict[str, list[bytes]]) -> None:
    """Beyond its bytes a second, with a second's burst, it waits, also for repeats; another appender does not."""
    sent = made[GATEWAY]
    size = len(b"".join(map(frame, sent)))

    async def scene(desk: Desk) -> None:
        desk.enrol(mirror=MIRROR, second=STRANGER)
        fast, other = await desk.peer(), await desk.peer(STRANGER)
        await fast.hello()
        await other.hello(NAMES[0])
        began = desk.loop.time()
        for _ in range(6):
            fast.send(GATEWAY, 0, sent)
        other.send(NAMES[0], 0, made[NAMES[0]])
        assert (await other.hear())[0] == "kept"
        quick = desk.loop.time() - began
        for _ in range(6):
            assert await fast.hear() == ("kept", {"gateway": GATEWAY, "next": 3})
        # Four are the burst, two come at four a second.
        assert 0.45 < desk.loop.time() - began < 3
        assert quick < 0.4

    at_desk(folder, scene, rate=4 * size)


def test_how_many_files_one_appender_holds_open(folder: Path, made: dict[str, list[bytes]]) -> None:
    """Over all its connections; the next waits until the log has all of another, whose file is then closed for it."""

    async def scene(desk: Desk) -> None:
        peers = [await desk.peer() for _ in range(2)]
        held = desk.intake.office._held
        for peer, gateway in ((peers[0], NAMES[0]), (peers[1], NAMES[1]), (peers[0], NAMES[2])):
            await peer.hello(gateway)
            peer.send(gateway, 0, made[gateway][:2])
            if gateway != NAMES[2]:
                assert (await peer.hear())[0] == "kept"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await peers[0].hear()
        assert [held[gateway].shelf.is_open for gateway in NAMES] == [True, True, False]
        # Another appender is served meanwhile, and one whose file is open already.
        second = await desk.local()
        await second.hello()
        second.send(GATEWAY, 0, made[GATEWAY])
        assert (await second.hear())[0] == "kept"
        peers[1].send(NAMES[1], 2, made[NAMES[1]][2:])
        assert (await peers[1].hear())[1]["next"] == 3
        desk.intake.office.sealed({NAMES[0]: 2}, {})
        assert await peers[0].hear() == ("kept", {"gateway": NAMES[2], "next": 2})
        assert [held[gateway].shelf.is_open for gateway in NAMES] == [False, True, True]

    at_desk(folder, scene, files=2)


def test_hello_alone_opens_no_file(folder: Path, made: dict[str, list[bytes]]) -> None:
    """Also of a gateway of which the log has everything that lies there: its file is renewed, and closed."""
    open_before: list[int] = []

    async def first(desk: Desk) -> None:
        peer = await desk.peer()
        for gateway in NAMES:
            await peer.hello(gateway)
            peer.send(gateway, 0, made[gateway])
            assert (await peer.hear())[0] == "kept"
        open_before.append(sum(held.shelf.is_open for held in desk.intake.office._held.values()))

    async def second(desk: Desk) -> None:
        desk.in_log = dict.fromkeys(NAMES, 3)
        peer = await desk.peer()
        for gateway in NAMES:
            assert await peer.hello(gateway) == ("have", {"gateway": gateway, "next": 3, "sealed": 3})
        assert not any(held.shelf.is_open for held in desk.intake.office._held.values())

    at_desk(folder, first)
    at_desk(folder, second)
    assert open_before == [3]


def test_a_certificate_that_is_over_ends_its_connection(folder: Path, made: dict[str, list[bytes]]) -> None:
    """TLS asks once; a connection may last for months. One that is valid goes on."""
    now = datetime.now(UTC)
    brief = leaf(ROOT, "brief", purposes=CLIENT, since=now - timedelta(days=1), until=now + timedelta(seconds=2))

    async def scene(desk: Desk) -> None:
        desk.enrol(mirror=MIRROR, brief=brief)
        peer, lasting = await desk.peer(brief), await desk.peer()
        assert (await peer.hello())[0] == "have"
        assert (await lasting.hello(NAMES[0]))[0] == "have"
        assert (await peer.hear())[1]["finding"] == "LG7023"
        assert await peer.hear() == ("", {})
        assert datetime.now(UTC) >= now + timedelta(seconds=1)
        assert await desk.complained() == ["LG7023"]
        lasting.say("ping")
        assert (await lasting.hear())[0] == "pong"

    at_desk(folder, scene)


def test_certificates_that_are_not_enrolled_do_not_fill_the_log(folder: Path) -> None:
    """Told at once, and not with each connection; so are those with whom there is no TLS, and those who just left.

    The last did nothing that they may not: they are not said to be strangers.
    """

    async def scene(desk: Desk) -> None:
        for _ in range(5):
            assert (await (await desk.peer(STRANGER)).hear())[0] == "refused"
            await (await desk.peer(None)).hear()
        assert desk.findings() == ["LG7023", "LG7023"]
        for _ in range(2):
            plain = await desk.plain()
            plain.writer.write(b"\x16")
            plain.writer.transport.abort()
        while len(desk.findings()) < 3:  # noqa: ASYNC110 - whoever speaks no TLS hears nothing
            await asyncio.sleep(0.01)
        assert desk.findings()[2:] == ["LG7025"]

    at_desk(folder, scene)


class House:
    """The supervisor's part alone: what it told the intake, and a person."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, *, uid: int = -1, **limits: Any) -> None:
        self.home = place
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.said: list[str] = []
        self.socket = place / "state" / "run" / "append.sock"
        post = Post(self.said.append)
        monkeypatch.setattr(post, "tell", self._tell)
        taking = Taking(None, bytes, self.socket, uid, Limits(**limits))
        held = own(place)
        announcing = Announcing(place, "sealer", ORIGIN, post, self.said.append)
        Appenders(place).add(Appender("mirror", "ab" * 32))
        Appenders(place).add(Appender("second", "cd" * 32))
        self.intake = Intake(held, post, self.said.append, _no_start, taking, announcing)

    def _tell(self, _name: str, what: str, _payload: bytes = b"", **fields: Any) -> None:
        self.told.append((what, fields))

    def claim(self, number: int, appender: str = "mirror") -> list[str]:
        """An appender begins a gateway; the findings that it is refused with."""
        self.told.clear()
        self.intake.hear(Told({"tell": "claim", "gateway": f"{number:016x}", "appender": appender}, b""))
        return [fields["finding"] for what, fields in self.told if what == "denied"]

    def knock(self) -> None:
        """A user of this machine connects."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.socket))
            self.intake.step(0.0)


def _no_start(*_: Any, **__: Any) -> Any:
    raise AssertionError


def test_new_ids_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many in the last 24 hours; those that it has go on, another appender begins, and a day later so does it."""
    house = House(tmp_path, monkeypatch, ids=3)
    assert [house.claim(number) for number in range(3)] == [[], [], []]
    assert house.claim(3) == ["LG7025"]
    assert Ids(tmp_path).find(f"{3:016x}") is None
    assert house.claim(1) == []
    assert house.claim(4, "second") == []
    assert house.claim(5, "nobody") == ["LG7023"]
    later = time.time() + DAY_MS / 1000 + 1
    monkeypatch.setattr("lockgate.supervise.sealing_side.time.time", lambda: later)
    assert house.claim(3) == []
    house.intake.close()


def test_no_gateway_of_a_user_who_never_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intake that was taken over names whom it likes: of this machine's users only those whom it was handed."""
    house = House(tmp_path, monkeypatch, uid=os.geteuid())
    assert house.claim(0, "this user") == ["LG7023"]
    assert Ids(tmp_path).find(f"{0:016x}") is None
    house.knock()
    assert house.claim(0, "this user") == []
    assert house.claim(1, "batch") == ["LG7023"]
    house.intake.close()


def test_a_user_who_came_and_is_enrolled_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Having come once is no right; the intake is told who may still, so that it cuts off the others."""
    house = House(tmp_path, monkeypatch, uid=-1)
    Appenders(tmp_path).add(Appender("batch", uid=os.geteuid()))
    monkeypatch.setattr(house.intake._post, "hears", lambda _: True)
    house.intake.step(2.0)
    house.knock()
    assert house.claim(0, "batch") == []
    Appenders(tmp_path).remove("batch")
    house.intake.step(4.0)
    assert house.claim(1, "batch") == ["LG7023"]
    house.intake.close()


def test_who_knocks_often_is_told_of_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user of this machine who is not enrolled; claims that are refused. Each at once, then with their count."""
    monkeypatch.setattr(seldom, "SECONDS", 10.0)
    house = House(tmp_path, monkeypatch, ids=1)
    now = [1000.0]
    house.intake._seldom = seldom.Seldom(house.said.append, lambda: now[0])

    for _ in range(40):
        house.knock()
    assert [f"intake: LG7023 user {os.geteuid()} of this machine is not enrolled as an appender"] == house.said
    house.said.clear()
    house.claim(0)
    for number in range(1, 30):
        assert house.claim(number) == ["LG7025"]
    assert house.said == ["intake: LG7025 appender mirror: mirror began too many gateways today"]
    house.said.clear()
    now[0] += 10
    house.knock()
    stranger = f"intake: LG7023 user {os.geteuid()} of this machine is not enrolled as an appender"
    assert [f"{stranger} (39 more like it since it was last said)"] == house.said
    house.intake.close()


def test_what_is_told_seldom_is_bounded() -> None:
    """Whoever can choose the key fills neither the log nor the memory; what is new and rare is told at once."""
    said: list[str] = []
    now = [0.0]
    told = seldom.Seldom(said.append, lambda: now[0])
    for number in range(10_000):
        told.tell(str(number), "knock")
    assert len(said) == seldom.MOST_KEYS + 1
    assert len(told._said) <= seldom.MOST_KEYS + 1
    now[0] += seldom.SECONDS
    told.tell("another", "knock")
    assert len(said) == seldom.MOST_KEYS + 2
