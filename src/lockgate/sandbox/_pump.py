"""A target's standard streams: pipes of our own, never the caller's descriptors, and bounded."""

from __future__ import annotations

import fcntl
import os
import selectors
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lockgate.sandbox._collect import Collector

if TYPE_CHECKING:
    from lockgate.sandbox._handshake import Handshake

_CHUNK = 1 << 16
_SEALED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Talk:
    """What a target says, up to `most` bytes."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._parts: list[bytes] = []

    @property
    def said(self) -> bytes:
        """All of it, within the limit."""
        return b"".join(self._parts)

    def take(self, data: bytes, sink: Callable[[bytes], None] | None) -> bool:
        """Keep it, and hand it to `sink`; False when it is more than is left, which is cut off."""
        allowed = data[: self._left]
        self._left -= len(allowed)
        if allowed:
            self._parts.append(allowed)
            if sink is not None:
                sink(allowed)
        return len(allowed) == len(data)


class Pump:
    """Holds the target's ends in `theirs` until the jail has them, and moves bytes until the jail has ended."""

    relay = ""

    def __init__(
        self,
        stdin: bytes | int,
        talk: Callable[[bytes], None] | None,
        errors: Callable[[bytes], None] | None,
        most: int,
    ) -> None:
        self._sinks: dict[int, Callable[[bytes], None] | None] = {}
        self._relay_from, self._relay_to = -1, -1
        self._pending = b""
        self._talk = Talk(most)
        self.theirs: dict[int, int] = {}
        if isinstance(stdin, int):
            reading, self._relay_to = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._relay_to, False)
            self._relay_from = stdin
        else:
            reading = _holding(stdin)
        self.theirs[0] = reading
        self.theirs[1] = self._open(talk)
        self.theirs[2] = self._open(errors) if errors is not None else os.dup(self.theirs[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._let_go()
        for descriptor in (*self._sinks, self._relay_to):
            if descriptor >= 0:
                os.close(descriptor)
        self._sinks, self._relay_to = {}, -1

    @property
    def talk(self) -> bytes:
        """Everything the target said, within the limit."""
        return self._talk.said

    def run(self, handshake: Handshake, collector: Collector) -> None:
        """Move bytes until both the channel and the talk have ended; kill the jail at a limit."""
        self._let_go()
        with selectors.DefaultSelector() as selector:
            selector.register(handshake.channel, selectors.EVENT_READ)
            for descriptor in self._sinks:
                selector.register(descriptor, selectors.EVENT_READ)
            relaying = self._relay_from >= 0 and self._register_relay(selector)
            open_ends = 1 + len(self._sinks)
            while open_ends:
                for key, _ in selector.select():
                    if key.fileobj is handshake.channel:
                        open_ends -= self._channel(handshake, collector, selector)
                    elif key.fd in self._sinks:
                        open_ends -= self._say(key.fd, handshake, selector)
                    elif relaying:
                        self._relay(selector)

    def _channel(self, handshake: Handshake, collector: Collector, selector: selectors.BaseSelector) -> int:
        try:
            data = handshake.channel.recv(1 << 18)
        except OSError:
            data = b""
        try:
            for kind, payload in handshake.parser.feed(data):
                if not collector.take(kind, payload):
                    handshake.keeper.kill("output")
        except ValueError:
            handshake.keeper.kill("output")
        if not data:
            selector.unregister(handshake.channel)
        return 0 if data else 1

    def _say(self, descriptor: int, handshake: Handshake, selector: selectors.BaseSelector) -> int:
        data = os.read(descriptor, _CHUNK)
        if not data:
            selector.unregister(descriptor)
            return 1
        if not self._talk.take(data, self._sinks[descriptor]):
            handshake.keeper.kill("talk")
        return 0

    def _register_relay(self, selector: selectors.BaseSelector) -> bool:
        try:
            selector.register(self._relay_from, selectors.EVENT_READ)
        except OSError:
            # A regular file is always readable and epoll does not take it: it is handed on when there is room.
            selector.register(self._relay_to, selectors.EVENT_WRITE)
        return True

    def _relay(self, selector: selectors.BaseSelector) -> None:
        """One step: read when nothing waits to be written, else write."""
        try:
            if not self._pending:
                self._pending = os.read(self._relay_from, _CHUNK)
                if not self._pending:
                    self._end_relay(selector)
                    return
            self._pending = self._pending[os.write(self._relay_to, self._pending) :]
        except BlockingIOError:
            pass
        except OSError:
            self._end_relay(selector)
            return
        self._await(selector, self._relay_to if self._pending else self._relay_from)

    def _await(self, selector: selectors.BaseSelector, descriptor: int) -> None:
        for other in (self._relay_from, self._relay_to):
            with suppress(KeyError, ValueError):
                selector.unregister(other)
        if descriptor == self._relay_from:
            self._register_relay(selector)
        else:
            selector.register(descriptor, selectors.EVENT_WRITE)

    def _end_relay(self, selector: selectors.BaseSelector) -> None:
        for descriptor in (self._relay_from, self._relay_to):
            with suppress(KeyError, ValueError):
                selector.unregister(descriptor)
        os.close(self._relay_to)
        self._relay_to = -1

    def _open(self, sink: Callable[[bytes], None] | None) -> int:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        self._sinks[ours] = sink
        return theirs

    def _let_go(self) -> None:
        for descriptor in self.theirs.values():
            os.close(descriptor)
        self.theirs = {}


def _holding(data: bytes) -> int:
    """A descriptor that reads as `data`."""
    if not data:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    held = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(held, view) :]
    os.lseek(held, 0, os.SEEK_SET)
    # Else the target could let it grow beyond every limit: nobody counts a file that has no place.
    fcntl.fcntl(held, fcntl.F_ADD_SEALS, _SEALED)
    return held
