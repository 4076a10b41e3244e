"""audit.witness.server on a socket: one strict request after the other; slow, long and strange clients are let go."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lockgate.audit.witness import server as serving
from lockgate.audit.witness.protocol import MOST_BODY, Request
from lockgate.audit.witness.run import read_logs
from lockgate.audit.witness.server import Server
from lockgate.core.checkpoint import Checkpoint, VerifierKey
from lockgate.core.merkle import consistency_proof, leaf_hash, root_of
from lockgate.errors import Usage
from lockgate.trust.note import sign_note
from tests.support.sealing import KEY, ORIGIN, PUBLIC, leaves
from tests.support.witnesses import LOG, running, witness_in

LEAVES = [leaf_hash(one) for one in leaves(64)]


def _body(old: int, size: int) -> bytes:
    text = Checkpoint(ORIGIN, size, root_of(LEAVES[:size])).text()
    proof = tuple(consistency_proof(old, size, lambda a, b: root_of(LEAVES[a:b])))
    return Request(old, proof, sign_note(text, ORIGIN, PUBLIC, KEY.sign)).encode()


def _post(body: bytes, path: str = "/add-checkpoint", more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: w\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def _listening(folder: Path, *, most: int = 16, seconds: float = 0.5) -> Iterator[int]:
    witness, _ = witness_in(folder)
    stop, up, ports = threading.Event(), threading.Event(), list[int]()

    async def serve() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        threading.Thread(target=lambda: (stop.wait(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()

        def ready(port: int) -> None:
            ports.append(port)
            up.set()

        await Server(witness, most_clients=most, seconds=seconds).run("127.0.0.1", 0, ended, ready=ready)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(5)
        yield ports[0]
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def _talk(port: int, data: bytes, *, rest: float = 3.0) -> bytes:
    """What comes back until the other end closes, or says nothing for `rest` seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=rest) as link:
        link.sendall(data)
        return _all(link)


def _all(link: socket.socket) -> bytes:
    found = b""
    try:
        while data := link.recv(1 << 16):
            found += data
    except (TimeoutError, ConnectionResetError):
        pass
    return found


def test_one_connection_takes_many_checkpoints(tmp_path: Path) -> None:
    """Keep-alive: three requests, each sent at once behind the other; the last one says that it is that."""
    with _listening(tmp_path) as port:
        found = _talk(port, _post(_body(0, 5)) + _post(_body(5, 9)) + _post(_body(9, 9), more="Connection: close\r\n"))
    assert found.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert found.count("\n\N{EM DASH} witness.example/w1 ".encode()) == 3
    assert found.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (_post(b"nonsense"), 400),
        (_post(_body(0, 5), path="/other"), 404),
        (b"GET /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n", 405),
        (b"GET / HTTP/1.0\r\n\r\n", 404),
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/2.0\r\nHost: w\r\n\r\n", 400),
        (_post(_body(0, 5), more="Transfer-Encoding: chunked\r\n"), 400),
        (_post(_body(0, 5), more="Content-Length: 3\r\n"), 400),
        (_post(_body(0, 5), more="Expect: 100-continue\r\n"), 417),
        (_post(_body(0, 5), more="A: b\r\n c\r\n"), 400),
        (_post(_body(0, 5), more="A : b\r\n"), 400),
        (_post(_body(0, 5), more="A: b\n"), 400),
        (_post(_body(0, 5), more="Upgrade: h2c\r\n"), 400),
        (_post(_body(0, 5), more=f"A: {'x' * 9000}\r\n"), 400),
        (f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {MOST_BODY + 1}\r\n\r\n".encode(), 413),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_strange_requests_get_one_answer(data: bytes, status: int, tmp_path: Path) -> None:
    """Each is answered once, and what is out of form ends its connection; a good one beside it is cosigned."""
    with _listening(tmp_path) as port:
        found = _talk(port, data, rest=0.3)
        assert found.startswith(f"HTTP/1.1 {status} ".encode())
        assert found.count(b"Content-Length: ") == 1
        assert _talk(port, _post(_body(0, 5)), rest=0.3).startswith(b"HTTP/1.1 200 OK")


def test_a_slow_client_is_let_go(tmp_path: Path) -> None:
    """Dripping does not wind the clock: the whole request has its time, and others are answered meanwhile."""
    with _listening(tmp_path, seconds=0.4) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as slow:
        begun = time.monotonic()
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012 - it drips until it is let go
            for sign in b"X-Slow: " + b"x" * 200:
                slow.sendall(bytes([sign]))
                time.sleep(0.02)
                assert time.monotonic() - begun < 3
        assert _talk(port, _post(_body(0, 5)), rest=0.3).startswith(b"HTTP/1.1 200 OK")


def test_more_clients_than_there_is_room_for_are_hung_up_on(tmp_path: Path) -> None:
    """And when the others have gone, there is room again."""
    with _listening(tmp_path, most=2, seconds=0.3) as port:
        held = [socket.create_connection(("127.0.0.1", port), timeout=2) for _ in range(2)]
        for link in held:
            link.sendall(b"POST ")
        time.sleep(0.1)
        assert _talk(port, _post(_body(0, 5)), rest=1) == b""
        for link in held:
            assert _all(link).startswith(b"HTTP/1.1 408")
            link.close()
        time.sleep(0.1)
        assert _talk(port, _post(_body(0, 5)), rest=0.3).startswith(b"HTTP/1.1 200 OK")


def test_one_address_cannot_take_every_place(tmp_path: Path) -> None:
    """It says nothing on as many connections as it likes; others are answered meanwhile, and a proxy has no share."""
    with _listening(tmp_path, most=32, seconds=5) as port, ExitStack() as held:
        for _ in range(32):
            link = held.enter_context(socket.socket())
            link.bind(("127.0.0.2", 0))
            link.connect(("127.0.0.1", port))
        for _ in range(20):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=2))
        time.sleep(0.1)
        assert _talk(port, _post(_body(0, 5)), rest=0.5).startswith(b"HTTP/1.1 200 OK")


def test_of_many_at_once_none_rolls_another_back(tmp_path: Path) -> None:
    """The race that the specification warns of: whatever the order, the size that is kept never gets smaller."""
    with _listening(tmp_path, most=64, seconds=5) as port:
        _talk(port, _post(_body(0, 1)), rest=0.3)
        asked = [_post(_body(1, size), more="Connection: close\r\n") for size in range(2, 34)]
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda data: _talk(port, data), asked))
        assert sum(one.startswith(b"HTTP/1.1 200") for one in found) == 1
        assert sum(one.startswith(b"HTTP/1.1 409") for one in found) == 31
        sizes = {one.rpartition(b"\r\n\r\n")[2] for one in found if one.startswith(b"HTTP/1.1 409")}
        assert len(sizes) == 1


def test_an_idle_client_holds_no_place_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects and says nothing is let go."""
    monkeypatch.setattr(serving, "IDLE_SECONDS", 0.2)
    with _listening(tmp_path) as port:
        assert _talk(port, b"", rest=2) == b""


def test_a_whole_witness_starts_and_ends(tmp_path: Path) -> None:
    """Key file, record and socket; its vkey stays the same; SIGTERM's way out leaves no thread."""
    with running(tmp_path) as first:
        pass
    with running(tmp_path) as second:
        assert second.vkey == first.vkey
        assert _talk(int(second.url.rpartition(":")[2]), _post(_body(0, 5)), rest=0.3).startswith(b"HTTP/1.1 200 OK")


def test_logs_are_known_by_keys_of_logs_only() -> None:
    """A witness's own key, or half a key, is no log."""
    assert read_logs([LOG.line(), LOG.line()]) == (LOG,)
    for line in (VerifierKey(ORIGIN, PUBLIC, 4).line(), LOG.line()[:-4], "x"):
        with pytest.raises(Usage) as caught:
            read_logs([line])
        assert caught.value.finding == "LG940"
