"""The supervisor's ends of its children's control sockets and stderr: what they say, with a bound on patience."""

from __future__ import annotations

import array
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lockgate.core import wire
from lockgate.core.wire import WireError
from lockgate.serve import control
from lockgate.serve.control import MAX_MESSAGE, Told

PATIENCE_SECONDS = 2.0
_TALK = 4096
_PIECE = 256 << 10
_INT = array.array("i").itemsize


@dataclass
class _Source:
    """What the selector found readable: a control socket, or a stderr pipe. `held`: a message begun at `since`."""

    name: str
    sock: socket.socket | None = None
    held: bytearray = field(default_factory=bytearray)
    since: float = 0.0


class Post:
    """One control socket and one stderr pipe per child.

    A child that speaks out of form, or does not come to the end of a message in time, is cut off, and keeps nobody
    waiting: what there is of a message is held until the rest comes. What a child writes to stderr is shown
    line by line with its name, and without control characters: a jailed process does not drive the terminal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._selector = selectors.DefaultSelector()
        self._sockets: dict[str, socket.socket] = {}
        self._unfinished: dict[int, bytes] = {}

    def connect(self, name: str) -> socket.socket:
        """A fresh control pair for the child `name`: ours is kept, theirs is returned, for the caller to close."""
        self.drop(name)
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE_SECONDS)
        self._sockets[name] = ours
        self._selector.register(ours, selectors.EVENT_READ, _Source(name, ours))
        return theirs

    def talk(self, name: str) -> int:
        """The writing end of a pipe for a child's stderr, for the caller to close. Ours closes when theirs do."""
        ours, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(theirs, True)
        self._selector.register(ours, selectors.EVENT_READ, _Source(name))
        return theirs

    def tell(self, name: str, what: str, payload: bytes = b"", *, files: tuple[int, ...] = (), **fields: Any) -> None:
        """Tell a child something; a child that is not there, or does not listen, is cut off."""
        sock = self._sockets.get(name)
        if sock is None:
            return
        try:
            control.tell(sock, what, payload, files=files, **fields)
        except OSError:
            self.drop(name)

    def hears(self, name: str) -> bool:
        """Whether a child is not cut off."""
        return name in self._sockets

    def collect(self, seconds: float) -> Iterator[tuple[str, Told]]:
        """What children say within `seconds`; returns early when there is something."""
        for key, _ in self._selector.select(seconds):
            source: _Source = key.data
            if source.sock is None:
                self._relay(key.fd, source.name)
            elif self._sockets.get(source.name) is source.sock:
                yield from self._heard(source, source.sock)
        self._cut_off_late()

    def hang_up(self, name: str) -> None:
        """Say no more to a child: it sees that, and ends. Its last words are still heard."""
        sock = self._sockets.get(name)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_WR)

    def drop(self, name: str) -> None:
        """Close our end: the child sees that, and leaves."""
        sock = self._sockets.pop(name, None)
        if sock is not None:
            self._selector.unregister(sock)
            sock.close()

    def close(self) -> None:
        """Close every end, after a last look at what was written."""
        for key in list(self._selector.get_map().values()):
            if key.data.sock is None:
                self._relay(key.fd, key.data.name)
        for key in list(self._selector.get_map().values()):
            if key.data.sock is None:
                self._selector.unregister(key.fd)
                os.close(key.fd)
        for name in list(self._sockets):
            self.drop(name)
        self._selector.close()

    def _heard(self, source: _Source, sock: socket.socket) -> Iterator[tuple[str, Told]]:
        """The messages that are whole by now."""
        try:
            ended = not _read(sock, source.held)
            while (told := _taken(source.held)) is not None:
                source.since = 0.0
                yield source.name, told
                if self._sockets.get(source.name) is not sock:
                    return
        except (WireError, OSError):
            ended = True
        if ended:
            self.drop(source.name)
        elif source.held and not source.since:
            source.since = time.monotonic()

    def _cut_off_late(self) -> None:
        now = time.monotonic()
        late = [key.data for key in self._selector.get_map().values() if key.data.held]
        for source in late:
            if now - source.since > PATIENCE_SECONDS:
                self.drop(source.name)

    def _relay(self, fd: int, name: str) -> None:
        try:
            data = os.read(fd, _TALK)
        except BlockingIOError:
            return
        held = self._unfinished.pop(fd, b"") + data
        if data:
            held, _, rest = held.rpartition(b"\n") if len(held) < _TALK else (held, b"", b"")
            self._unfinished[fd] = rest
        else:
            self._selector.unregister(fd)
            os.close(fd)
        for line in held.decode(errors="replace").splitlines():
            self._say(f"{name} | " + "".join(sign if sign.isprintable() else " " for sign in line))


def _read(sock: socket.socket, held: bytearray) -> bool:
    """Hold what there is, without waiting. False at the end. Raises WireError for descriptors, which nobody takes."""
    data, ancillary, flags, _ = sock.recvmsg(_PIECE, socket.CMSG_SPACE(_INT), socket.MSG_DONTWAIT)
    for _, _, content in ancillary:
        for fd in array.array("i", content[: len(content) - len(content) % _INT]):
            os.close(fd)
    if ancillary or flags & socket.MSG_CTRUNC:
        raise WireError("a child sent a descriptor")
    held += data
    return bool(data)


def _taken(held: bytearray) -> Told | None:
    """The first message of `held`, taken out of it; None while it is not whole. Raises WireError."""
    size = wire.PREFIX.size
    if len(held) < size:
        return None
    head, payload = wire.lengths(bytes(held[:size]), max_payload=MAX_MESSAGE)
    end = size + head + payload
    if len(held) < end:
        return None
    frame = wire.parse(bytes(held[size : size + head]), bytes(held[size + head : end]))
    del held[:end]
    return Told(frame.header, frame.payload)
