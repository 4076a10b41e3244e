"""A target's standard streams as frames over the channel, for launchers that hand no descriptor on.

What arrives is bounded as in `_pump`. The launcher always reads, and never waits to write: see `jail/relay.py`.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lockgate.sandbox._collect import Collector
from lockgate.sandbox._pump import Talk
from lockgate.sandbox.jail import frames

if TYPE_CHECKING:
    from lockgate.sandbox._handshake import Handshake

_CHUNK = 1 << 16


class RelayPump:
    """As `Pump`; there is nothing to hand on, so `theirs` is empty."""

    theirs: Mapping[int, int] = {}

    def __init__(
        self,
        stdin: bytes | int,
        talk: Callable[[bytes], None] | None,
        errors: Callable[[bytes], None] | None,
        most: int,
    ) -> None:
        self._talk = Talk(most)
        self._sinks = {b"O": talk, b"U": errors}
        self._source = stdin if isinstance(stdin, int) else -1
        self._rest = b"" if isinstance(stdin, int) else stdin
        self._over = False
        self._always_ready = False
        self._pending = b""
        self.relay = "together" if errors is None else "apart"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        return None

    @property
    def talk(self) -> bytes:
        """Everything the target said, within the limit."""
        return self._talk.said

    def run(self, handshake: Handshake, collector: Collector) -> None:
        """Move bytes until the channel has ended; kill the jail at a limit."""
        with selectors.DefaultSelector() as selector:
            selector.register(handshake.channel, selectors.EVENT_READ)
            self._await(selector, handshake.channel)
            while True:
                for key, events in selector.select():
                    if key.fileobj is not handshake.channel:
                        self._read_source(selector)
                        continue
                    if events & selectors.EVENT_READ and not self._receive(handshake, collector):
                        return
                    if events & selectors.EVENT_WRITE:
                        self._send(handshake.channel)
                self._await(selector, handshake.channel)

    def _receive(self, handshake: Handshake, collector: Collector) -> bool:
        try:
            data = handshake.channel.recv(1 << 18)
        except OSError:
            data = b""
        try:
            for kind, payload in handshake.parser.feed(data):
                if kind in self._sinks:
                    if not self._talk.take(payload, self._sinks[kind]):
                        handshake.keeper.kill("talk")
                elif not collector.take(kind, payload):
                    handshake.keeper.kill("output")
        except ValueError:
            handshake.keeper.kill("output")
        return bool(data)

    def _await(self, selector: selectors.BaseSelector, channel: socket.socket) -> None:
        """Wait to write when there is something to be written, else for more of the input."""
        if not self._pending and not self._over and (self._source < 0 or self._always_ready):
            self._next()
        reading = selectors.EVENT_READ
        selector.modify(channel, reading | selectors.EVENT_WRITE if self._pending else reading)
        waits = self._source >= 0 and not self._over and not self._pending
        registered = self._source in selector.get_map() if self._source >= 0 else False
        if registered and not waits:
            selector.unregister(self._source)
        elif waits and not registered:
            self._register(selector, channel)

    def _register(self, selector: selectors.BaseSelector, channel: socket.socket) -> None:
        try:
            selector.register(self._source, selectors.EVENT_READ)
        except OSError:
            # A regular file is always readable, and epoll does not take it.
            self._always_ready = True
            self._await(selector, channel)

    def _next(self) -> None:
        """The next piece of input, as a frame; an empty one is its end."""
        if self._source >= 0:
            piece = os.read(self._source, _CHUNK)
        else:
            piece, self._rest = self._rest[:_CHUNK], self._rest[_CHUNK:]
        self._over = not piece
        self._pending = frames.frame(b"I", piece)

    def _read_source(self, selector: selectors.BaseSelector) -> None:
        try:
            self._next()
        except BlockingIOError:
            return
        except OSError:
            self._over, self._pending = True, frames.frame(b"I")
        if self._over:
            selector.unregister(self._source)

    def _send(self, channel: socket.socket) -> None:
        try:
            self._pending = self._pending[channel.send(self._pending, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return
        except OSError:
            self._over, self._pending = True, b""
