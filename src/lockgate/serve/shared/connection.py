"""The gateway's end of a connection that the supervisor made: commands out, answers in order.

Nothing waits here: an answer reaches the callback of its command; when the connection ends, is out of form or is silent
for too long, every callback gets None.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from lockgate.serve.shared.replies import Replies, Said, command
from lockgate.serve.shared.scripts import SCRIPTS, Script
from lockgate.serve.shared.settings import SharedSettings

PATIENCE_SECONDS = 1.0
OPEN_SECONDS = 2.0
_MOST_WAITING = 100_000

Hearing = Callable[[Said | None], None]


class Connection(asyncio.Protocol):
    """`lost` is called once, with why, when it ends after `opened` gave it out."""

    def __init__(self) -> None:
        self.lost: Callable[[str], None] = lambda _why: None
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None
        self._line: deque[tuple[float, Hearing]] = deque()
        self.up = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket, or the TLS session on it, is there."""
        self._transport = cast("asyncio.Transport", transport)
        self.up = True

    def connection_lost(self, error: Exception | None) -> None:
        """It is no more."""
        self.lose(f"the connection ended: {type(error).__name__}" if error is not None else "the connection ended")

    def data_received(self, data: bytes) -> None:
        """Answers go to who asked, in order."""
        try:
            found = self._replies.feed(data)
            if len(found) > len(self._line):
                raise ValueError("the server of the shared limits answered what nobody asked")
        except ValueError as error:
            self.lose(str(error))
            return
        for said in found:
            if self._line:
                self._line.popleft()[1](said)

    def ask(self, now: float, parts: tuple[bytes, ...], hear: Hearing) -> None:
        """Send a command. `hear` gets its answer, or None, at once when the connection is gone."""
        if not self.up or self._transport is None or len(self._line) >= _MOST_WAITING:
            hear(None)
            return
        self._line.append((now, hear))
        self._transport.write(command(*parts))

    def load(self, now: float, hear: Hearing) -> None:
        """Have the server know both scripts. `hear` gets the last answer."""
        for script in SCRIPTS:
            self.ask(now, (b"SCRIPT", b"LOAD", script.text), hear if script is SCRIPTS[-1] else _ignore)

    def run(self, now: float, script: Script, key: bytes, arguments: tuple[bytes, ...], hear: Hearing) -> None:
        """Run a script by its name. One that the server has forgotten is loaded, and run again, once."""

        def again(said: Said | None) -> None:
            if said is not None and said.refused.startswith("NOSCRIPT"):
                self.load(now, _ignore)
                self.ask(now, parts, hear)
            else:
                hear(said)

        parts = (b"EVALSHA", script.name, b"1", key, *arguments)
        self.ask(now, parts, again)

    def check(self, now: float) -> None:
        """Give it up when an answer is overdue."""
        if self._line and now - self._line[0][0] > PATIENCE_SECONDS:
            self.lose("no answer in time")

    def lose(self, why: str) -> None:
        """Break off."""
        if self.up:
            self.up = False
            if self._transport is not None:
                self._transport.abort()
            line, self._line = self._line, deque()
            self.lost(why)
            for _, hear in line:
                hear(None)


async def opened(descriptor: int, settings: SharedSettings, lost: Callable[[str], None], now: float) -> Connection:
    """The connection on a socket that the supervisor connected, with the scripts loaded.

    Raises OSError (also for TLS), TimeoutError, ValueError when the server refuses or answers out of form.
    """
    loop, connection = asyncio.get_running_loop(), Connection()
    sock = socket.socket(fileno=descriptor)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            if sock.family == socket.AF_UNIX:
                await loop.create_unix_connection(lambda: connection, sock=sock)
            elif settings.tls:
                await loop.create_connection(
                    lambda: connection, sock=sock, ssl=_context(settings.ca), server_hostname=settings.tls
                )
            else:
                await loop.create_connection(lambda: connection, sock=sock)
            if settings.tls and settings.password:
                await _done(lambda hear: connection.ask(now, _login(settings), hear))
            await _done(lambda hear: connection.load(now, hear))
    except BaseException:
        connection.lose("it was not opened")
        sock.close()
        raise
    connection.lost = lost
    return connection


def _login(settings: SharedSettings) -> tuple[bytes, ...]:
    user = (settings.user.encode(),) if settings.user else ()
    return (b"AUTH", *user, settings.password.encode())


def _context(ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca)
    return context


async def _done(ask: Callable[[Hearing], None]) -> None:
    """Ask, and wait. Raises ValueError when the answer is not that it was done."""
    answer: asyncio.Future[Said | None] = asyncio.get_running_loop().create_future()
    ask(lambda said: None if answer.done() else answer.set_result(said))
    said = await answer
    if said is None or said.refused or said.numbers:
        raise ValueError("refused: " + said.refused.partition(" ")[0] if said is not None else "the connection ended")


def _ignore(_said: Said | None) -> None:
    pass
