"""Threat: somebody who may not append fills the log, or an appender says what it should not.

Real TLS on loopback against the intake that runs in this process. Each refusal has its positive control: the same peer,
enrolled and in form, is served.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from pathlib import Path

import pytest

from lockgate.core.encoding import encode
from lockgate.serve.control import Told
from tests.support.appending import (
    MIRROR,
    OTHER,
    STRANGER,
    Desk,
    Peer,
    at_desk,
    fingerprint,
    records,
)
from tests.support.recording import GATEWAY


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    place = tmp_path / "intake"
    place.mkdir()
    return place


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return records(tmp_path_factory.mktemp("made"), 6)


async def _served(desk: Desk, peer: Peer, made: list[bytes]) -> None:
    """The positive control: hello is answered, a record kept."""
    assert await peer.hello() == ("have", {"gateway": GATEWAY, "next": 0, "sealed": 0})
    peer.send(GATEWAY, 0, made[:1])
    assert await peer.hear() == ("kept", {"gateway": GATEWAY, "next": 1})
    assert desk.owners[GATEWAY] == "mirror"


def test_who_shows_no_certificate_is_not_heard(folder: Path, made: list[bytes]) -> None:
    """TLS ends before a byte of it is read; the same machine with its certificate is served."""

    async def scene(desk: Desk) -> None:
        assert await (await desk.peer(None)).hello() == ("", {})
        assert await desk.complained() == ["LG7023"]
        assert [what for what, _ in desk.said] == ["failed"]
        await _served(desk, await desk.peer(), made)

    at_desk(folder, scene)


def test_a_certificate_of_the_same_authority_that_is_not_enrolled(folder: Path, made: list[bytes]) -> None:
    """The authority vouches for the name, not for the right to append: refused, and told with its digest."""

    async def scene(desk: Desk) -> None:
        peer = await desk.peer(STRANGER)
        what, said = await peer.hello()
        assert (what, said["gateway"], said["finding"]) == ("refused", "", "LG7023")
        assert await peer.hear() == ("", {})
        assert fingerprint(STRANGER) in desk.said[-1][1]["message"]
        desk.enrol(mirror=STRANGER)
        await _served(desk, await desk.peer(STRANGER), made)

    at_desk(folder, scene)


def test_who_is_enrolled_no_more_is_cut_off(folder: Path, made: list[bytes]) -> None:
    """Also on a connection that is open, and it is told why."""

    async def scene(desk: Desk) -> None:
        peer = await desk.peer()
        await _served(desk, peer, made)
        desk.enrol()
        what, said = await peer.hear()
        assert (what, said["gateway"], said["finding"]) == ("refused", "", "LG7023")
        assert await peer.hear() == ("", {})
        what, said = await (await desk.peer()).hello()
        assert (what, said["finding"]) == ("refused", "LG7023")

    at_desk(folder, scene)


def test_a_user_who_is_enrolled_no_more_is_cut_off(folder: Path, made: list[bytes]) -> None:
    """Over the socket as over TLS; the user who serves stays, and so does who is enrolled still."""

    async def scene(desk: Desk) -> None:
        batch, own = await desk.local("batch"), await desk.local("this user")
        await _served(desk, await desk.peer(), made)
        for peer in (batch, own):
            peer.say("ping")
            assert (await peer.hear())[0] == "pong"
        desk.intake.told(Told({"tell": "appenders"}, encode({"user 0": "this user"})))
        assert (await batch.hear())[1]["finding"] == "LG7023"
        assert await batch.hear() == ("", {})
        own.say("ping")
        assert (await own.hear())[0] == "pong"

    at_desk(folder, scene)


def test_an_older_tls_is_refused(folder: Path, made: list[bytes]) -> None:
    """TLS 1.3, and nothing below."""

    async def scene(desk: Desk) -> None:
        with pytest.raises((OSError, ssl.SSLError)):
            await desk.peer(minimum_version=ssl.TLSVersion.TLSv1_2, maximum_version=ssl.TLSVersion.TLSv1_2)
        await _served(desk, await desk.peer(), made)

    at_desk(folder, scene)


def test_another_s_gateway(folder: Path, made: list[bytes]) -> None:
    """Who said an id first has it; the other is refused that id, and goes on with one of its own."""

    async def scene(desk: Desk) -> None:
        desk.enrol(mirror=MIRROR, second=STRANGER)
        await _served(desk, await desk.peer(), made)
        thief = await desk.peer(STRANGER)
        what, said = await thief.hello()
        assert (what, said["gateway"], said["finding"]) == ("refused", GATEWAY, "LG7024")
        thief.send(GATEWAY, 1, made[1:2])
        assert (await thief.hello(OTHER))[0] == "have"
        assert desk.intake.office._held[GATEWAY].shelf.next == 1

    at_desk(folder, scene)


def test_a_gap_is_refused_and_a_repeat_is_passed_over(folder: Path, made: list[bytes]) -> None:
    """No record is left out unseen, none is there twice; after a gap nothing more of that gateway is taken."""

    async def scene(desk: Desk) -> None:
        peer = await desk.peer()
        await _served(desk, peer, made)
        peer.send(GATEWAY, 0, made[:3])
        assert await peer.hear() == ("kept", {"gateway": GATEWAY, "next": 3})
        peer.send(GATEWAY, 4, made[4:])
        what, said = await peer.hear()
        assert (what, said["gateway"], said["finding"]) == ("refused", GATEWAY, "LG7021")
        peer.send(GATEWAY, 3, made[3:])
        peer.say("ping")
        assert (await peer.hear())[0] == "pong"
        assert desk.intake.office._held[GATEWAY].shelf.next == 3
        again = await desk.peer()
        assert await again.hello() == ("have", {"gateway": GATEWAY, "next": 3, "sealed": 0})
        again.send(GATEWAY, 3, made[3:])
        assert await again.hear() == ("kept", {"gateway": GATEWAY, "next": 6})

    at_desk(folder, scene)


def test_a_number_in_the_message_that_is_not_the_record_s(folder: Path, made: list[bytes]) -> None:
    """The record itself says its number and its gateway, and both must be what the message says."""

    async def scene(desk: Desk) -> None:
        for gateway, first, sent in ((GATEWAY, 0, made[1:2]), (OTHER, 0, made[:1]), (GATEWAY, 0, [b"no record"])):
            peer = await desk.peer()
            await peer.hello(gateway)
            peer.send(gateway, first, sent)
            what, said = await peer.hear()
            assert ("refused", gateway, "LG7021") == (what, said["gateway"], said["finding"])
        await _served(desk, await desk.peer(), made)

    at_desk(folder, scene)


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("<II", 0xFFFFFFFF, 0),
        struct.pack("<II", 2, 0x7FFFFFFF) + b"{}",
        struct.pack("<II", 2, 0) + b"{}",
        struct.pack("<II", 3, 0) + b"[1]",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<II", 14, 2) + b'{"say":"ping"}xx',
        struct.pack("<II", 14, 0) + b'{"say":"kept"}',
        struct.pack("<II", 53, 0) + b'{"gateway":"../../../etc","next":0,"say":"hello","v":1}'[:53],
    ],
)
def test_what_has_not_its_form_ends_the_connection(folder: Path, made: list[bytes], sent: bytes) -> None:
    """Huge lengths, other protocols, messages that only the other side says: one finding, and the end."""

    async def scene(desk: Desk) -> None:
        peer = await desk.peer()
        peer.writer.write(sent)
        assert (await peer.hear())[0] == "refused"
        assert await peer.hear() == ("", {})
        assert await desk.complained() == ["LG7021"]
        await _served(desk, await desk.peer(), made)

    at_desk(folder, scene)


def test_bytes_that_are_no_frames_of_a_spool(folder: Path, made: list[bytes]) -> None:
    """A checksum that does not fit, or bytes after the last frame: none of it is taken."""

    async def scene(desk: Desk) -> None:
        peer = await desk.peer()
        await _served(desk, peer, made)
        peer.say("records", b"x" * 40, gateway=GATEWAY, first=1)
        assert (await peer.hear())[0] == "refused"
        assert desk.intake.office._held[GATEWAY].shelf.next == 1

    at_desk(folder, scene)


def test_who_is_slow_or_silent_is_cut_off(folder: Path, made: list[bytes]) -> None:
    """In the handshake, between messages, and inside one; who keeps talking stays."""

    async def scene(desk: Desk) -> None:
        shy, silent, dripping, lively = await desk.plain(), await desk.peer(), await desk.peer(), await desk.peer()
        await _served(desk, lively, made)
        dripping.writer.write(struct.pack("<II", 2, 1000))
        began = desk.loop.time()
        while desk.loop.time() < began + 0.9:
            lively.say("ping")
            assert (await lively.hear())[0] == "pong"
            if not dripping.writer.is_closing():
                dripping.writer.write(b"{")
            await asyncio.sleep(0.1)
        assert await shy.reader.read() == b""
        assert (await silent.hear())[1]["finding"] == "LG7025"
        assert (await dripping.hear())[1]["finding"] == "LG7025"
        lively.say("ping")
        assert (await lively.hear())[0] == "pong"

    at_desk(folder, scene, silent_seconds=0.5, frame_seconds=0.5, handshake_seconds=0.5)


def test_one_appender_takes_no_more_than_its_connections(folder: Path, made: list[bytes]) -> None:
    """The third of two is turned away; the others go on, and another appender is let in."""

    async def scene(desk: Desk) -> None:
        desk.enrol(mirror=MIRROR, second=STRANGER)
        held = [await desk.peer() for _ in range(2)]
        await _served(desk, held[0], made)
        held[1].say("ping")
        assert (await held[1].hear())[0] == "pong"
        assert (await (await desk.peer()).hear())[1]["finding"] == "LG7025"
        other = await desk.peer(STRANGER)
        other.say("ping")
        assert (await other.hear())[0] == "pong"

    at_desk(folder, scene, connections=2)


def test_handshakes_that_are_begun_and_never_ended(folder: Path, made: list[bytes]) -> None:
    """One address has so many under way; the next is closed at once, and comes in when they are over."""

    async def scene(desk: Desk) -> None:
        shy = [await desk.plain() for _ in range(3)]
        await asyncio.sleep(0.05)
        assert shy[2].reader.at_eof() or await asyncio.wait_for(shy[2].reader.read(), 0.1) == b""
        assert not shy[0].reader.at_eof()
        await asyncio.sleep(0.5)
        await _served(desk, await desk.peer(), made)

    at_desk(folder, scene, handshakes=2, handshake_seconds=0.3)


def test_what_waits_to_be_sealed_is_bounded(folder: Path, made: list[bytes]) -> None:
    """An appender above its share is acknowledged no more until the log has what it sent; nothing of it is lost."""

    async def scene(desk: Desk) -> None:
        peer = await desk.peer()
        await _served(desk, peer, made)
        peer.send(GATEWAY, 1, made[1:2])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await peer.hear()
        desk.intake.office.sealed({GATEWAY: 1}, {})
        assert await peer.hear() == ("kept", {"gateway": GATEWAY, "next": 2})
        assert desk.intake.office._held[GATEWAY].shelf.next == 2

    at_desk(folder, scene, bytes_waiting=200)
