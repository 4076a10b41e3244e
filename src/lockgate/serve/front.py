"""The HTTP front: accepts peers, a bounded number of them, keeps the clock of each, and ends in order.

It listens on a socket that is handed to it. Each peer is counted before its handshake, so those that never finish one
are bounded as all others are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from lockgate.serve.edge import Connection
from lockgate.serve.http import Core
from lockgate.serve.limits import Limits
from lockgate.serve.spec import Caps
from lockgate.serve.tls import Tls
from lockgate.serve.writing import Writer

__all__ = ("Front", "Limits")

BACKLOG = 128
ACCEPTED_AT_ONCE = 64
SHORT_OF_DESCRIPTORS_SECONDS = 0.1
TOLD_SECONDS = 30.0
SHARES = 8
"""One client's share of what all unfinished bodies may hold is one of so many."""

_log = logging.getLogger(__name__)


class Front:
    """Answers on a listening socket from `core`, with TLS where it is given one.

    `connections`: open now, handshakes among them; `turned_away`: closed for being one too many; `failed`: handshakes.
    """

    def __init__(
        self,
        core: Core,
        caps: Caps,
        *,
        tls: Tls | None = None,
        limits: Limits | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.core = core
        self.caps = caps
        self.limits = limits or Limits()
        self.wall = wall
        self.writer = Writer(wall)
        self.stopping = False
        self.turned_away = 0
        self.failed = 0
        self._tls = tls
        self._holding = 0
        self._owners: Counter[str] = Counter()
        self._told_until = 0.0
        self._open: set[Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._count = 0
        self._greeting: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        if tls is not None:
            tls.distrusted = self._distrust

    @property
    def connections(self) -> int:
        """How many peers are connected."""
        return self._count

    async def serve(self, listener: socket.socket) -> None:
        """Answer until `stop`, and then until what is in flight is answered, for `limits.grace` at most."""
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        listener.listen(BACKLOG)  # whoever had it before may have shut it down
        loop.add_reader(listener.fileno(), self._accept, loop, listener)
        try:
            while not self.stopping:
                self._sweep(loop.time())
                await self._pause(self.limits.tick)
        finally:
            loop.remove_reader(listener.fileno())
        until = loop.time() + self.limits.grace
        for connection in list(self._open):
            connection.retire()
        while self._count and loop.time() < until:
            self._sweep(loop.time())
            await self._pause(self.limits.tick)
        await self._end()

    def stop(self) -> None:
        """Take nobody new; `serve` returns when those who wait are answered. Called in the loop's thread."""
        self.stopping = True
        self._changed.set()

    # what connections say

    def joined(self, connection: Connection) -> None:
        """A peer is connected; with TLS, its handshake is done."""
        self._open.add(connection)
        if self._tls is not None and connection.trust is not self._tls.trust:
            connection.distrust()
        elif self.stopping:
            connection.retire()

    def left(self, connection: Connection, address: str) -> None:
        """A peer is gone."""
        self._open.discard(connection)
        self._release(address)

    def admits(self, address: str) -> bool:
        """Whether one more peer of this address may come in."""
        key = _counted_as(address)
        return self._count < self.caps.connections and (not key or self._addresses[key] < self.limits.per_address)

    def arrived(self, address: str) -> None:
        """A peer is here; its handshake is still to come."""
        self._addresses[_counted_as(address)] += 1
        self._count += 1

    @property
    def held(self) -> int:
        """Bytes of unfinished bodies."""
        return self._holding

    def hold(self, owner: str, more: int) -> bool:
        """So much more of this client's unfinished bodies is held; whether that is within what it, and all, may take.

        Once half of what there is for all is used, nobody has more than a share of it, or one body.
        """
        limit = self.limits.held
        self._holding += more
        self._owners[owner] += more
        held = self._owners[owner]
        if not held:
            del self._owners[owner]
        share = max(limit // SHARES, self.caps.max_body)
        return self._holding <= limit and (2 * self._holding <= limit or held <= share)

    def _distrust(self) -> None:
        """Other clients' certificates are taken from now on: nobody goes on by those that were."""
        for connection in list(self._open):
            connection.distrust()

    # accepting

    def _accept(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, name = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(loop, listener, error)
                return
            self._let_in(loop, sock, _address(name))

    def _rest(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, error: OSError) -> None:
        """Too few descriptors, most likely: those who are connected go on, and neither loop nor log is filled."""
        if loop.time() >= self._told_until:
            self._told_until = loop.time() + TOLD_SECONDS
            _log.warning("%s no connection can be accepted: %s", "LG638", error.strerror)
        loop.remove_reader(listener.fileno())

        def again() -> None:
            if not self.stopping:
                loop.add_reader(listener.fileno(), self._accept, loop, listener)

        loop.call_later(SHORT_OF_DESCRIPTORS_SECONDS, again)

    def _let_in(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, address: str) -> None:
        if not self.admits(address):
            self.turned_away += 1
            sock.close()
            return
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrived(address)
        task = loop.create_task(self._greet(loop, sock, Connection(self, loop, address)))
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    async def _greet(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, connection: Connection) -> None:
        """The handshake, where there is one, with the certificate that holds now, in bounded time."""
        secure: dict[str, object] = {}
        if self._tls is not None:
            limits = self.limits
            secure = {"ssl": self._tls.context, "ssl_handshake_timeout": limits.handshake}
            secure["ssl_shutdown_timeout"] = limits.linger
            connection.trust = self._tls.trust
        try:
            await loop.connect_accepted_socket(lambda: connection, sock, **secure)  # type: ignore[arg-type]
        except (OSError, asyncio.CancelledError):
            self.failed += 1
        finally:
            if not connection.made:
                sock.close()
                self._release(connection.address)

    def _release(self, address: str) -> None:
        key = _counted_as(address)
        self._addresses[key] -= 1
        self._count -= 1
        if not self._addresses[key]:
            del self._addresses[key]
        if self.stopping:
            self._changed.set()

    # the clock

    def _sweep(self, now: float) -> None:
        """End who is late. One look at all several times a second costs less than a timer for each."""
        self.writer.tick()
        unsent = 0
        for connection in list(self._open):
            if connection.stuck_since:
                unsent += connection.unsent()
                if now - connection.stuck_since > self.limits.send or unsent > self.limits.unsent:
                    connection.abort()
            elif now > connection.deadline:
                connection.overdue()
            if now > connection.aged:
                connection.last()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()

    async def _end(self) -> None:
        for connection in list(self._open):
            connection.abort()
        for task in list(self._greeting):
            task.cancel()
        await asyncio.gather(*self._greeting, return_exceptions=True)
        await asyncio.sleep(0)


def _address(name: object) -> str:
    """The peer's address, an IPv4 one as such also where the socket speaks IPv6."""
    text = str(name[0]) if isinstance(name, tuple) else ""
    return _plain(text)


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:") if "." in address else address.partition("%")[0]


def _counted_as(address: str) -> str:
    """What connections are counted by; empty for this machine."""
    if not address:
        return ""
    found = ip_address(_plain(address))
    if found.is_loopback:
        return ""
    return str(found) if found.version == 4 else found.packed[:8].hex()
