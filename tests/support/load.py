"""Load over many kept connections: a thread of its own with raw sockets, which notes every answer.

Closed loop: each connection asks again when it has its answer. It reads what a server of ours sends (Content-Length, no
chunks), and nothing else. A connection that ends without an answer is noted as cut, and opened anew.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

CUT = 0
_SECONDS = 30.0
_TURNS = 50
"""Requests of one connection. Then another is opened, which may reach another gateway."""


@dataclass(frozen=True, slots=True)
class Got:
    """One request and what came of it. `status` CUT: the connection ended before an answer. Times: monotonic."""

    number: int
    sent: float
    came: float
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def said(self) -> Any:
        """The JSON of the answer."""
        return json.loads(self.body)


class Load:
    """`body_of` gives each request's body by its number. Start it with `loading`."""

    def __init__(
        self, url: str, key: str, body_of: Callable[[int], bytes], *, connections: int, path: str, pause: float
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._body_of = body_of
        self._connections = connections
        self._pause = pause
        self._next = 0
        self._done = threading.Event()
        self.got: list[Got] = []

    def run(self) -> None:
        """Ask until `end`."""
        asyncio.run(self._run())

    def end(self) -> None:
        """No further request; those under way still get their answers."""
        self._done.set()

    def since(self, moment: float) -> list[Got]:
        """What was sent after `moment`."""
        return [one for one in list(self.got) if one.sent >= moment]

    async def _run(self) -> None:
        await asyncio.gather(*(self._ask_on() for _ in range(self._connections)))

    async def _ask_on(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        turns = 0
        while not self._done.is_set():
            number, self._next = self._next, self._next + 1
            sent = time.monotonic()
            try:
                async with asyncio.timeout(_SECONDS):
                    if streams is None:
                        streams = await asyncio.open_connection(*self._address)
                    status, headers, body = await self._exchange(*streams, self._body_of(number))
            except (OSError, EOFError, TimeoutError):
                self.got.append(Got(number, sent, time.monotonic(), CUT))
                _close(streams)
                streams = None
                await asyncio.sleep(0.02)
                continue
            self.got.append(Got(number, sent, time.monotonic(), status, headers, body))
            turns += 1
            if turns % _TURNS == 0 or headers.get("connection") == "close":
                _close(streams)
                streams = None
            if self._pause or status != 200:
                await asyncio.sleep(self._pause or 0.01)
        _close(streams)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        writer.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        answer = await reader.readexactly(int(headers.get("content-length", "0")))
        return int(lines[0].split(" ")[1]), headers, answer


@contextmanager
def loading(
    url: str,
    key: str,
    body_of: Callable[[int], bytes],
    *,
    connections: int = 16,
    path: str = "/predict",
    pause: float = 0.0,
) -> Iterator[Load]:
    """Load for as long as the block runs. After it, `got` is complete."""
    load = Load(url, key, body_of, connections=connections, path=path, pause=pause)
    thread = threading.Thread(target=load.run, name="load")
    thread.start()
    try:
        yield load
    finally:
        load.end()
        thread.join(2 * _SECONDS)
        assert not thread.is_alive()


def _close(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    if streams is not None:
        with suppress(OSError):
            streams[1].close()
