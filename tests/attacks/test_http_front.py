"""Threat: bytes that are no honest request. Whatever is sent is a 4xx or a closed connection, never a hang, a 2xx of
something else, or growth; and who is honest is answered afterwards.

Sockets only: nothing of HTTP is done for the attacker by a library.
"""

from __future__ import annotations

import gc
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest

from tests.support.fronts import CAPS, HONEST, SHORT, FakeCore, Running, fronting, statuses, wait_for

H = b"Host: x\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNK = b"5\r\nhello\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """One front for all: each attack is followed by an honest request to it."""
    with fronting() as found:
        yield found


def never_answered(running: Running, attack: bytes) -> None:
    """A 4xx or nothing at all, in bounded time, and never the smuggled request; then the honest one is answered."""
    seen, began = len(running.core.heads), time.monotonic()
    heard = running.talk(attack)
    assert time.monotonic() - began < 2.5
    assert [status // 100 for status in statuses(heard)] in ([], [4])
    assert "/smuggled" not in [head.path for head in running.core.heads[seen:]]
    assert running.honest()


def post(fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A POST with these header lines."""
    return b"POST /echo HTTP/" + version + b"\r\n" + H + fields + b"\r\n" + body


def codings(spelling: bytes) -> bytes:
    """TE.TE: one of the two hides from somebody."""
    return post(spelling + b"Transfer-Encoding: chunked\r\n", CHUNK + SMUGGLED)


SMUGGLING = {
    "CL.TE": post(b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "TE.CL": post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"5c\r\n" + SMUGGLED + b"0\r\n\r\n"),
    "CL.CL": post(b"Content-Length: 0\r\nContent-Length: 37\r\n", SMUGGLED),
    "CL.CL equal": post(b"Content-Length: 0\r\nContent-Length: 0\r\n", SMUGGLED),
    "CL list": post(b"Content-Length: 0, 37\r\n", SMUGGLED),
    "CL plus": post(b"Content-Length: +0\r\n", SMUGGLED),
    "CL space colon": post(b"Content-Length : 37\r\n", SMUGGLED),
    "CL in a fold": post(b"A: b\r\n Content-Length: 37\r\n", SMUGGLED),
    "CL behind a bare CR": post(b"A: b\rContent-Length: 37\r\n", SMUGGLED),
    "CL behind a bare LF": post(b"A: b\nContent-Length: 37\r\n", SMUGGLED),
    "CL with a NUL": post(b"Content-Length: 37\0\r\n", SMUGGLED),
    "CL wraps": post(b"Content-Length: 18446744073709551616\r\n", SMUGGLED),
    "CL negative": post(b"Content-Length: -1\r\n", SMUGGLED),
    "CL underscore": post(b"Content-Length: 3_7\r\n", SMUGGLED),
    "CL other digits": post("Content-Length: \uff13\uff17\r\n".encode(), SMUGGLED),
    "TE.TE xchunked": codings(b"Transfer-Encoding: xchunked\r\n"),
    "TE.TE space colon": codings(b"Transfer-Encoding : chunked\r\n"),
    "TE.TE identity": codings(b"Transfer-Encoding: identity\r\n"),
    "TE.TE leading space": codings(b" Transfer-Encoding: identity\r\n"),
    "TE.TE fold": codings(b"Transfer-Encoding:\r\n identity\r\n"),
    "TE cow": post(b"Transfer-Encoding: cow\r\n", CHUNK + SMUGGLED),
    "TE VT": post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNK + SMUGGLED),
    "TE bare CR": post(b"X: x\rTransfer-Encoding: chunked\r\n", CHUNK + SMUGGLED),
    "TE twice in one": post(b"Transfer-Encoding: chunked, identity\r\n", CHUNK + SMUGGLED),
    "TE in 1.0": post(b"Transfer-Encoding: chunked\r\n", CHUNK + SMUGGLED, b"1.0"),
    "TE empty": post(b"Transfer-Encoding:\r\nContent-Length: 37\r\n", SMUGGLED),
    "chunk extension with LF": post(b"Transfer-Encoding: chunked\r\n", b"2;\nxx\r\n10\r\n0\r\n\r\n" + SMUGGLED),
    "chunk LF for CRLF": post(b"Transfer-Encoding: chunked\r\n", b"5\nhello\n0\n\n" + SMUGGLED),
    "chunk longer than its size": post(b"Transfer-Encoding: chunked\r\n", b"1\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "chunk size wraps": post(b"Transfer-Encoding: chunked\r\n", b"100000000\r\n0\r\n\r\n" + SMUGGLED),
    "chunk size 0x": post(b"Transfer-Encoding: chunked\r\n", b"0x5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "trailer": post(b"Transfer-Encoding: chunked\r\n", b"0\r\nContent-Length: 37\r\n\r\n" + SMUGGLED),
    "two hosts": post(b"Host: y\r\n", SMUGGLED),
    "no host": b"GET /echo HTTP/1.1\r\n\r\n" + SMUGGLED,
    "absolute": b"GET http://y/echo HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED,
    "CONNECT": b"CONNECT x:1 HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED,
    "websocket": post(b"Connection: Upgrade\r\nUpgrade: websocket\r\n", SMUGGLED),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
    "HTTP/0.9": b"GET /echo\r\n\r\n" + SMUGGLED,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SMUGGLED,
    "empty lines": b"\r\n\r\n" + SMUGGLED,
    "LF only": b"GET /echo HTTP/1.1\nHost: x\n\n" + SMUGGLED,
}


@pytest.mark.parametrize("attack", SMUGGLING.values(), ids=SMUGGLING)
def test_nothing_is_smuggled(running: Running, attack: bytes) -> None:
    """Refused as a whole: what stands behind a doubtful request is not looked at."""
    never_answered(running, attack)


def test_the_smuggled_request_is_answered_where_it_is_honest(running: Running) -> None:
    """The positive control of all of them: two requests, plainly framed, are two."""
    seen = len(running.core.heads)
    assert statuses(running.talk(post(b"Content-Length: 5\r\n", b"hello") + SMUGGLED + HONEST)) == [200, 200, 200]
    assert [head.path for head in running.core.heads[seen:]] == ["/echo", "/smuggled", "/echo"]


PIECES = [
    b"GET ", b"POST ", b"HEAD ", b"/echo", b"/", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r",
    H, b"Content-Length: 5\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"hello", b"5\r\nhello\r\n",
    b"0\r\n\r\n", b"0", b"ffffffff", b";a=b", b":", b" ", b"\t", b"\0", b"\xff", b"Expect: 100-continue\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"A" * 5000, b"A: b\r\n", b"%00", b"{", b"\x16\x03\x01",
]  # fmt: skip


def garbled(chance: random.Random) -> bytes:
    """An honest request with damage, or pieces of requests in any order."""
    if chance.random() < 0.5:
        return b"".join(chance.choices(PIECES, k=chance.randrange(1, 12)))
    data = bytearray(HONEST * chance.randrange(1, 3))
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[at] = chance.randrange(256)
        elif chance.random() < 0.5:
            data[at:at] = chance.choice(PIECES)
        else:
            del data[at : at + chance.randrange(1, 6)]
    return bytes(data)


def fuzz(running: Running, seed: int, rounds: int) -> None:
    """Rounds of garbled bytes, each in pieces, left or waited for; the front must not notice."""
    chance = random.Random(seed)
    for number in range(rounds):
        data, began = garbled(chance), time.monotonic()
        with running.connect(2.5, f"127.0.1.{number % 250 + 1}") as sock:
            heard = b""
            with suppress(OSError):
                cut = chance.randrange(len(data) + 1)
                sock.sendall(data[:cut])
                sock.sendall(data[cut:])
                if chance.random() < 0.3:
                    continue
                sock.shutdown(socket.SHUT_WR)
                while part := sock.recv(65536):
                    heard += part
            assert time.monotonic() - began < 2, (seed, number, data)
            assert all(status in {100, 200, 400, 408, 413} for status in statuses(heard)), (seed, number, data)
    assert running.honest()


def test_garbled_bytes_are_refused_or_answered_never_more(running: Running) -> None:
    """Seeded, so that a failure can be seen again. No timeout: each ends by itself, well before its time."""
    fuzz(running, 20261126, 250)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_garbled_bytes_for_long(running: Running, seed: int) -> None:
    """The same, for minutes."""
    fuzz(running, seed, 5000)


def test_a_crowd_of_slow_senders_does_not_keep_the_honest_out() -> None:
    """Each of them is ended in time, however many there are, and makes room."""
    with fronting(caps=replace(CAPS, connections=16)) as running, ExitStack() as stack:
        for n in range(40):
            sock = stack.enter_context(running.connect())
            with suppress(ConnectionError):
                sock.sendall((b"GET /", post(b"Content-Length: 500\r\n"), b"")[n % 3])
        assert running.front.connections <= 16
        assert wait_for(running.honest)
        assert wait_for(lambda: running.front.connections == 0)


def held_objects() -> int:
    """Objects that the collector tracks, without garbage."""
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.nightly  # thirteen seconds
def test_nothing_grows() -> None:
    """After hundreds of broken, left and refused requests as much is held as after a few."""
    core = FakeCore()
    attacks = [*SMUGGLING.values(), HONEST[:-3], b"GET /", post(b"Content-Length: 900\r\n", b"a" * 500)]
    with fronting(
        core, limits=replace(SHORT, linger=0.02, head=0.2), caps=replace(CAPS, receive=0.2, connections=200)
    ) as running:

        def round_of_all() -> int:
            for attack in attacks:
                with running.connect() as sock, suppress(ConnectionError):
                    sock.sendall(attack)
            assert wait_for(running.honest)
            assert wait_for(lambda: running.front.connections == 0)
            for seen in (core.heads, core.bodies, core.refused, core.bad):
                seen.clear()
            return held_objects()

        first = [round_of_all() for _ in range(3)][-1]
        last = [round_of_all() for _ in range(5)][-1]
        assert running.front.held == 0
    assert last - first < 50
