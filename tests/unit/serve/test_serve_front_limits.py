"""The HTTP front over real sockets: how long, how many, how much."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from lockgate.serve.front import Front
from lockgate.serve.gate import Gate
from lockgate.serve.http import Head, Peer, Reply
from tests.support.fronts import (
    CAPS,
    FLOOD,
    LAST,
    SHORT,
    FakeCore,
    Running,
    flood,
    fronting,
    get,
    parts,
    post,
    statuses,
    wait_for,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    """One front for the tests that leave nothing behind."""
    with fronting() as running:
        yield running


# Time.


@pytest.mark.parametrize("pieces", [(), (b"GET /v2 HTTP/1.1\r\n",), (b"GET /v2 HTTP/1.1\r\nHost: x\r\nA: b\r\n",)])
def test_who_does_not_finish_the_head_is_cut_off(shared: Running, pieces: tuple[bytes, ...]) -> None:
    """Nothing sent, or a head half sent: the connection ends by itself."""
    began = time.monotonic()
    assert shared.talk(*pieces) == b""
    assert 0.5 < time.monotonic() - began < 2.5


def drip(sock: socket.socket, first: bytes, byte: bytes, seconds: float) -> tuple[bytes, float]:
    """Send a byte now and then; what was heard, and when the connection ended."""
    began, heard = time.monotonic(), b""
    sock.sendall(first)
    sock.settimeout(0.03)
    while time.monotonic() - began < seconds:
        try:
            sock.sendall(byte)
            data = sock.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            break
        heard += data
        if not data:
            break
    return heard, time.monotonic() - began


def test_dripping_does_not_wind_the_clock(shared: Running) -> None:
    """A byte now and then keeps neither a head nor a body open; the body's sender is told."""
    with shared.connect() as sock:
        heard, took = drip(sock, b"GET /", b"a", 4)
        assert (heard, 0.5 < took < 3) == (b"", True)
    with shared.connect() as sock:
        heard, took = drip(sock, post(b"", more=b"")[:-4].replace(b": 0", b": 500") + b"\r\n\r\n", b"a", 4)
        assert (statuses(heard), 0.5 < took < 3) == ([408], True)
    assert shared.core.refused[-1] == "LG615"


def test_an_idle_connection_is_closed_after_a_while(shared: Running) -> None:
    """It may be used again until then."""
    with shared.connect() as sock:
        for _ in range(3):
            sock.sendall(post(b"a"))
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)
        began = time.monotonic()
        assert sock.recv(100) == b""
        assert 0.5 < time.monotonic() - began < 2.5


def test_an_old_connection_ends_with_its_next_reply() -> None:
    """However busy it is kept; the reply says so, and what is behind it is not looked at. A new one is as good."""
    with fronting(limits=replace(SHORT, age=0.4)) as running, running.connect() as sock:
        sock.sendall(post(b"a"))
        assert b"connection: close" not in sock.recv(65536)
        time.sleep(0.6)
        sock.sendall(post(b"a") * 3)
        heard = b"".join(iter(lambda: sock.recv(65536), b""))
        assert (statuses(heard), heard.count(b"connection: close")) == ([200], 1)
        assert running.honest()


def test_an_answer_that_the_core_forgot_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """Long after the core's own deadline the connection ends, and the core lets go; one that is only late is kept."""
    with fronting(caps=replace(CAPS, answer=0.2), limits=replace(SHORT, idle=0.1, head=0.1)) as running:
        with running.connect() as sock:
            sock.sendall(post(b"a", b"/hold"))
            time.sleep(0.35)
            running.reply(Reply(200, b"late"))
            assert sock.recv(65536).endswith(b"late")
        with running.connect() as sock:
            began = time.monotonic()
            sock.sendall(post(b"a", b"/hold"))
            with suppress(ConnectionError):
                assert sock.recv(100) == b""
            assert 0.5 < time.monotonic() - began < 2.5
        assert wait_for(lambda: running.front.connections == 0)
        assert running.core.gone == 1
        assert caplog.text.count("LG616") == 1


@pytest.mark.parametrize("asked", [1, 8])
def test_who_does_not_read_is_cut_off(asked: int) -> None:
    """What it was sent is bounded by one reply, and goes with it; who reads slowly but steadily gets all."""
    with fronting() as running:
        with running.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(get(b"/big") * asked)
            assert wait_for(lambda: len(running.core.heads) >= 1)
            assert flood(sock) < FLOOD
            assert wait_for(lambda: running.front.connections == 0)
            assert len(running.core.heads) == 1
        heard = running.talk(get(b"/big", LAST))
        assert len(parts(heard)[1]) == 4 << 20


def test_unread_replies_of_all_peers_together_are_bounded() -> None:
    """Long before each of them is out of time."""
    limits = replace(SHORT, send=60.0, unsent=18 << 20)
    with fronting(limits=limits) as running, running.connect() as one, running.connect() as two:
        for sock in (one, two):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(get(b"/huge"))
        time.sleep(0.2)
        assert running.front.connections == 2
        two.sendall(get(b"/huge"))
        assert wait_for(lambda: running.front.connections == 1)


# Numbers.


def test_connections_are_capped_over_all_and_by_address() -> None:
    """One too many is closed at once; when one goes, the next is let in. This machine has the overall cap alone."""
    with fronting(caps=replace(CAPS, connections=3), limits=replace(SHORT, head=5.0)) as running:
        with running.connect(), running.connect() as two, running.connect():
            assert wait_for(lambda: running.front.connections == 3)
            with running.connect() as extra:
                assert extra.recv(100) == b""
            assert running.front.turned_away == 1
            two.close()
            assert wait_for(lambda: running.front.connections == 2)
            assert running.honest()
        assert wait_for(lambda: running.front.connections == 0)


@pytest.mark.parametrize(
    ("first", "second", "let_in"),
    [
        ("203.0.113.5", "203.0.113.5", False),
        ("203.0.113.5", "203.0.113.6", True),
        ("::ffff:203.0.113.5", "203.0.113.5", False),
        ("2001:db8::1", "2001:db8::2", False),
        ("2001:db8::1", "2001:db8:0:1::1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
    ],
)
def test_what_counts_as_one_address(first: str, second: str, let_in: bool) -> None:
    """An IPv4 address however the socket spells it; a /64 of IPv6, which one host has whole."""
    front = Front(FakeCore(), CAPS, limits=replace(SHORT, per_address=1))
    assert front.admits(first)
    front.arrived(first)
    assert front.admits(second) is let_in


def test_unfinished_bodies_of_all_peers_together_are_bounded() -> None:
    """Who comes on top of it is told to come again; what is held is let go with each of them."""
    core = FakeCore(most=10_000)
    with fronting(core, limits=replace(SHORT, held=15_000), caps=replace(CAPS, receive=5.0)) as running:
        with running.connect() as one, running.connect() as two:
            one.sendall(post(b"a" * 10_000)[:-1])
            time.sleep(0.1)
            two.sendall(post(b"a" * 10_000)[:-1])
            assert statuses(two.recv(65536)) == [503]
            assert core.refused == ["LG636"]
            one.sendall(b"a")
            assert statuses(one.recv(65536)) == [200]
            one.sendall(post(b"a" * 10_000)[:-1])
            time.sleep(0.1)
            one.sendall(b"a")
            assert statuses(one.recv(65536)) == [200]
        assert wait_for(lambda: running.front.connections == 0)
        assert running.front.held == 0


def test_one_client_cannot_hold_what_is_for_all() -> None:
    """Once half of it is used, who has more than a share of it is refused, and the others' bodies are taken."""
    caps, limits = replace(CAPS, receive=5.0, max_body=1000), replace(SHORT, held=80_000)
    greedy, honest = b"Authorization: greedy\r\n", b"Authorization: honest\r\n"
    core = FakeCore(most=10_000)
    with fronting(core, limits=limits, caps=caps) as running, ExitStack() as stack:
        slow = [stack.enter_context(running.connect()) for _ in range(4)]
        for sock in slow:
            sock.sendall(post(b"a" * 10_000, more=greedy)[:-5])
        assert wait_for(lambda: running.front.held == 4 * 9_995)
        patient = stack.enter_context(running.connect())
        patient.sendall(post(b"a" * 10_000, more=honest)[:-5])
        assert wait_for(lambda: running.front.held == 5 * 9_995)
        slow[0].sendall(b"a")
        assert statuses(slow[0].recv(65536)) == [503]
        assert core.refused == ["LG636"]
        patient.sendall(b"aaaaa")
        assert statuses(patient.recv(65536)) == [200]
        slow[1].sendall(b"aaaaa")
        assert statuses(slow[1].recv(65536)) == [200]
    assert running.front.held == 0


def test_a_share_is_an_eighth_or_one_body() -> None:
    """Of one client's, whoever the others are; and until half is used, whatever is left."""
    front = Front(FakeCore(), replace(CAPS, max_body=20), limits=replace(SHORT, held=80))
    assert front.hold("a", 40)
    assert front.hold("b", 20)
    assert not front.hold("b", 1)
    assert not front.hold("a", 0)
    assert front.hold("a", -40)
    assert front.hold("b", 0)
    assert front.hold("b", -21)
    assert front.held == 0


def test_the_gate_names_the_client_that_a_body_is_counted_as() -> None:
    """The client, not the address: behind a proxy all have one."""
    call, client = SimpleNamespace(name="echo", action="predict", media=()), SimpleNamespace(name="ada")
    admission, service, tally = MagicMock(), MagicMock(), MagicMock()
    admission.authenticate.return_value = client
    routes = SimpleNamespace(match=lambda *_: (call, {}))
    gate = Gate(admission, routes, service, tally, caps=CAPS, clock=time.monotonic)
    begun = gate.begin(Head("GET", "/echo", {}, Peer("203.0.113.5")))
    assert not isinstance(begun, Reply)
    assert begun.owner == "ada"


def test_who_is_connected_goes_on_when_nobody_can_be_accepted(caplog: pytest.LogCaptureFixture) -> None:
    """Here the listening socket is gone; the front neither spins nor ends, and says so once."""
    with fronting() as running, running.connect() as sock:
        assert wait_for(lambda: running.front.connections == 1)
        running.listener.shutdown(socket.SHUT_RDWR)
        with suppress(OSError), running.connect():
            pass
        assert wait_for(lambda: "LG638" in caplog.text)
        time.sleep(0.3)
        sock.sendall(post(b"a"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        assert caplog.text.count("LG638") == 1
        running.listener.listen(16)
        running.port = running.listener.getsockname()[1]  # the kernel chose it, and chooses again
        assert wait_for(running.honest)
