"""A core that only remembers, behind the real HTTP front on a real socket, and a peer that sends any bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

import uvloop

from lockgate.serve.front import Front, Limits
from lockgate.serve.http import Head, Peer, Reply, Replying
from lockgate.serve.spec import Caps
from lockgate.serve.tls import Tls

SHORT = Limits(
    head_bytes=4096,
    headers=16,
    target=200,
    head=1.0,
    handshake=5.0,
    idle=1.2,
    send=0.8,
    linger=0.3,
    grace=1.0,
    per_address=20,
    tick=0.02,
)
CAPS = Caps(receive=1.0, connections=24)
"""Short, and long enough for an honest peer on a busy machine."""
MOST = 1000
HONEST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
HASH = hashlib.sha256(b"hello").hexdigest()[:8]


@dataclass
class FakeExchange:
    """`/hold` is answered by the test, everything else at once."""

    core: FakeCore
    head: Head
    most: int = MOST

    @property
    def owner(self) -> str:
        """Who says so."""
        return self.head.headers.get("authorization", "")

    def whole(self, body: bytes, reply: Replying) -> None:
        """Say what came."""
        self.core.bodies.append(body)
        if self.head.path == "/hold":
            self.core.held.append(reply)
        elif self.head.path == "/later":
            asyncio.get_running_loop().call_later(0.05, reply, self.core.answer(self.head, body))
        elif self.head.path == "/fails":
            raise RuntimeError("a fault of ours")
        else:
            reply(self.core.answer(self.head, body))

    def refused(self, finding: str) -> Reply:
        """As the core's own refusals."""
        self.core.refused.append(finding)
        status = {"LG605": 413, "LG615": 408, "LG608": 400, "LG636": 503}[finding]
        return Reply(status, json.dumps({"finding": finding}).encode())

    def gone(self) -> None:
        """The peer left."""
        self.core.gone += 1


@dataclass
class FakeCore:
    """Remembers what it was asked. `/refuse` is refused by its head."""

    heads: list[Head] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    held: list[Replying] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    gone: int = 0
    most: int = MOST

    def begin(self, head: Head) -> FakeExchange | Reply:
        """Let all in but `/refuse`."""
        self.heads.append(head)
        if head.path.startswith("/refuse"):
            return Reply(401, b"{}", close=head.path == "/refuse/close")
        return FakeExchange(self, head, self.most)

    def malformed(self, _peer: Peer, message: str) -> Reply:
        """400."""
        self.bad.append(message)
        return Reply(400, json.dumps({"finding": "LG608", "message": message}).encode())

    def answer(self, head: Head, body: bytes) -> Reply:
        """What is asked by the path."""
        if head.path == "/big":
            return Reply(200, b"b" * (4 << 20), media="text/plain")
        if head.path == "/huge":
            return Reply(200, b"h" * (16 << 20), media="text/plain")
        if head.path == "/nothing":
            return Reply(204)
        if head.path == "/broken":
            return Reply(200, b"secret", (("X-Name", "a\r\nX-Injected: yes"),))
        told = {"path": head.path, "query": head.query, "length": len(body), "hash": _hash(body)}
        return Reply(200, json.dumps(told).encode(), (("Lockgate-Model", "m@1"),))


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:8]


@dataclass
class Running:
    """A front that listens."""

    port: int
    core: FakeCore
    front: Front
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    listener: socket.socket

    def stop(self) -> None:
        """Ask it to end."""
        self.loop.call_soon_threadsafe(self.front.stop)

    def reply(self, reply: Reply) -> None:
        """Answer the request that is held longest."""
        self.loop.call_soon_threadsafe(self.core.held.pop(0), reply)

    def talk(self, *pieces: bytes, patience: float = 3.0, pause: float = 0.0) -> bytes:
        """Send pieces, then read until the front closes or says no more."""
        with self.connect(patience) as sock:
            heard = b""
            with suppress(TimeoutError, ConnectionError, BrokenPipeError):
                for piece in pieces:
                    sock.sendall(piece)
                    time.sleep(pause)
            with suppress(TimeoutError, ConnectionError):
                while data := sock.recv(65536):
                    heard += data
            return heard

    def honest(self) -> bool:
        """Whether somebody else's plain request is answered."""
        heard = self.talk(HONEST)
        return heard.startswith(b"HTTP/1.1 200 OK\r\n") and HASH.encode() in heard

    @contextmanager
    def connect(self, patience: float = 3.0, source: str = "127.0.0.1") -> Iterator[socket.socket]:
        """A connection; thousands in a row need more than one `source`."""
        place = ("127.0.0.1", self.port)
        with closing(socket.create_connection(place, timeout=patience, source_address=(source, 0))) as sock:
            yield sock


@contextmanager
def fronting(
    core: FakeCore | None = None,
    *,
    limits: Limits = SHORT,
    caps: Caps = CAPS,
    tls: Tls | None = None,
    wall: Callable[[], float] = time.time,
) -> Iterator[Running]:
    """The front in a thread of its own, on uvloop."""
    core = core or FakeCore()
    front = Front(core, caps, tls=tls, limits=limits, wall=wall)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        loops: list[asyncio.AbstractEventLoop] = []
        up = threading.Event()

        async def run() -> None:
            loops.append(asyncio.get_running_loop())
            up.set()
            await front.serve(listener)

        def main() -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run())

        thread = threading.Thread(target=main)
        thread.start()
        up.wait(5)
        running = Running(listener.getsockname()[1], core, front, loops[0], thread, listener)
        try:
            yield running
        finally:
            with suppress(RuntimeError):
                running.stop()
            thread.join(10)
            assert not thread.is_alive()


def wait_for(what: Callable[[], bool], seconds: float = 3.0) -> bool:
    """Whether `what()` becomes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.005)
    return False


def trusting(authority: bytes) -> ssl.SSLContext:
    """A client that believes one authority."""
    return ssl.create_default_context(cadata=authority.decode())


def statuses(heard: bytes) -> list[int]:
    """The status of each reply in what was heard."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", heard)]


FLOOD = 24 << 20
LAST = b"Connection: close\r\n"


def post(body: bytes, path: bytes = b"/echo", more: bytes = b"") -> bytes:
    """A request with a body."""
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (path, len(body), more, body)


def get(path: bytes, more: bytes = b"") -> bytes:
    """A request without one."""
    return b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (path, more)


def parts(heard: bytes) -> tuple[dict[str, str], bytes]:
    """Headers by lower-case name, and body, of one reply."""
    head, _, body = heard.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


def flood(sock: socket.socket) -> int:
    """Send until nobody takes it any more; how much that was."""
    sock.settimeout(0.3)
    sent = 0
    with suppress(TimeoutError, ConnectionError):
        while sent < FLOOD:
            sent += sock.send(b"c" * 65536)
    return sent
