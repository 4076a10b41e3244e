"""Threat: the intake of a sealer elsewhere was taken over, and says that records are in the log: they would be removed.

The forwarder against a peer that says what it likes. What is removed from a spool hangs on its `carried` alone.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.log import Log
from lockgate.audit.prove import check_proof, prove
from lockgate.audit.seal import seal
from lockgate.audit.spool import Spool
from lockgate.errors import VerificationFailed
from lockgate.serve.appending import spec
from lockgate.serve.appending.announced import SPOOL, Announced
from lockgate.serve.appending.edge import frames
from lockgate.serve.appending.forwarder import Talk
from tests.support.appending import OTHER, Desk, Peer, at_desk, records
from tests.support.recording import GATEWAY, KEY, ORIGIN, PUBLIC

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return records(tmp_path_factory.mktemp("made"), 6)


def _log(place: Path, entries: list[bytes], key: Ed25519PrivateKey = KEY, origin: str = ORIGIN) -> Log:
    public = key.public_key().public_bytes_raw()
    seal(place, entries, origin=origin, sign=key.sign, public_key=public)
    return Log.open(place, public_key=public, origin=origin)


class Mirror:
    """The forwarder's side: what it told the supervisor, and the peer that plays the sealer elsewhere."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._stream = frames(peer.reader, 5.0, 5.0)
        self._news = asyncio.Event()
        self.told: list[tuple[str, dict[str, Any]]] = []

    def tell(self, what: str, _payload: bytes = b"", **fields: Any) -> None:
        """As the control socket's."""
        self.told.append((what, fields))
        self._news.set()

    @property
    def carried(self) -> list[dict[str, int]]:
        """What the gateways would hear, and parts be removed by."""
        return [fields["next"] for what, fields in self.told if what == "carried"]

    async def until(self, what: str) -> dict[str, Any]:
        """Wait until it was told."""
        while (found := next((fields for one, fields in self.told if one == what), None)) is None:
            self._news.clear()
            await self._news.wait()
        return found

    async def hears(self, what: str) -> dict[str, Any]:
        """The forwarder's next message of this kind."""
        async for one in self._stream:
            if spec.checked(one)[0] == what:
                return dict(one.header)
        raise AssertionError(what)


def _play(spools: Path, made: list[bytes], scene: Callable[[Mirror], Awaitable[None]]) -> Mirror:
    spools.mkdir(exist_ok=True)
    with Spool(spools / f"{GATEWAY}.spool") as spool:
        if made:
            spool.append(made)

    async def play() -> Mirror:
        streams = [await asyncio.open_connection(sock=sock) for sock in _pair()]
        mirror = Mirror(Peer(*streams[1]))
        announced = Announced({SPOOL: spools})
        announced.add([GATEWAY], SPOOL)
        talk = Talk(spools, announced, mirror.tell, *streams[0], owner=os.geteuid(), log=(ORIGIN, PUBLIC))
        running = asyncio.create_task(talk.run(asyncio.Event()))
        try:
            async with asyncio.timeout(10):
                await scene(mirror)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for _, writer in streams:
                writer.transport.abort()
            await asyncio.sleep(0)
        return mirror

    return asyncio.run(play())


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


@pytest.mark.parametrize("lie", ["nothing", "garbage", "another record", "another key", "another log", "beyond"])
def test_sealed_is_not_believed_without_its_proof(tmp_path: Path, made: list[bytes], lie: str) -> None:
    """No word, no proof of something else, none of another log: no record leaves its spool. The true proof is taken."""
    log = _log(tmp_path / "log", made)
    proofs = {
        "nothing": b"",
        "garbage": b"c2sp.org/tlog-proof@v1\nindex 5\n\n",
        "another record": prove(log, 4),
        "another key": prove(_log(tmp_path / "forged", made, OTHER_KEY), 5),
        "another log": prove(_log(tmp_path / "other", made, origin="example.org/other"), 5),
        "beyond": prove(log, 5),
    }
    number = 2**53 - 1 if lie == "beyond" else 6

    async def scene(mirror: Mirror) -> None:
        await mirror.hears("hello")
        mirror.peer.say("have", gateway=GATEWAY, next=0, sealed=number)
        await mirror.hears("records")
        mirror.peer.say("kept", gateway=GATEWAY, next=6)
        mirror.peer.say("sealed", proofs[lie], gateway=GATEWAY, next=number)
        if lie != "beyond":  # of a record that was never made nothing is said
            failed = await mirror.until("failed")
            assert failed["finding"] in {"LG715", "LG716", "LG702", "LG703"}
        await asyncio.sleep(0.05)
        assert mirror.carried == []
        mirror.peer.say("sealed", prove(log, 5), gateway=GATEWAY, next=6)
        await mirror.until("carried")

    mirror = _play(tmp_path / "spool", made, scene)
    assert mirror.carried == [{GATEWAY: 6}]


@pytest.mark.parametrize("before", [True, False])
def test_whoever_takes_records_proves_that_they_are_in_the_log(
    tmp_path: Path, made: list[bytes], *, before: bool
) -> None:
    """At hello, of what the log has already, and whenever it has more; never to whom the gateway is not."""
    log = _log(tmp_path / "log", made)
    (tmp_path / "intake").mkdir()

    async def scene(desk: Desk) -> None:
        desk.in_log[GATEWAY] = 6
        stranger = await desk.local("another")
        await stranger.hello(OTHER)
        if before:
            desk.intake.office.sealed({GATEWAY: 6}, {GATEWAY: 5}, log.note)
        peer = await desk.peer()
        assert (await peer.hello())[0] == "have"
        if not before:
            desk.intake.office.sealed({GATEWAY: 6}, {GATEWAY: 5}, log.note)
        what, said, proof = await peer.hear_all()
        assert (what, said) == ("sealed", {"gateway": GATEWAY, "next": 6})
        assert check_proof(proof, made[5], PUBLIC, ORIGIN).index == 5
        with pytest.raises(VerificationFailed):
            check_proof(proof, made[4], PUBLIC, ORIGIN)
        stranger.say("ping")
        assert (await stranger.hear())[0] == "pong"

    at_desk(tmp_path / "intake", scene, log=tmp_path / "log")


def test_how_far_the_other_side_says_it_is_removes_nothing(tmp_path: Path, made: list[bytes]) -> None:
    """`have` alone: neither with numbers that it could have, nor with others."""

    async def scene(mirror: Mirror) -> None:
        await mirror.hears("hello")
        mirror.peer.say("have", gateway=GATEWAY, next=6, sealed=6)
        await asyncio.sleep(0.3)

    assert _play(tmp_path / "spool", made, scene).carried == []


@pytest.mark.parametrize("at_first", [0, 6])
def test_who_has_more_than_was_made_is_told_of(tmp_path: Path, made: list[bytes], at_first: int) -> None:
    """It would be sent nothing of what is made from now on, in silence. Who has less is sent the rest."""
    spools = tmp_path / "spool"

    async def scene(mirror: Mirror) -> None:
        await mirror.hears("hello")
        mirror.peer.say("have", gateway=GATEWAY, next=2**53 - 1, sealed=0)
        await asyncio.sleep(0.05)
        if not at_first:
            with Spool(spools / f"{GATEWAY}.spool") as spool:
                spool.append(made)
        assert (await mirror.until("failed"))["finding"] == "LG7024"

    assert _play(spools, made[:at_first], scene).carried == []

    async def honest(mirror: Mirror) -> None:
        await mirror.hears("hello")
        mirror.peer.say("have", gateway=GATEWAY, next=4, sealed=0)
        assert (await mirror.hears("records"))["first"] == 4

    assert "failed" not in [what for what, _ in _play(spools, [], honest).told]
