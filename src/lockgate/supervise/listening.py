"""The sockets that requests come in by. The supervisor opens them, and never accepts on one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

from lockgate.errors import Unavailable

BACKLOG = 128


class Listeners:
    """One for each gateway, on one address. Several share the port (SO_REUSEPORT): the kernel spreads connections over
    those that listen. Each gateway has one of its own, so that one which was taken over can shut down its own and
    nobody else's.
    """

    def __init__(self, family: socket.AddressFamily, host: str, port: int, many: int) -> None:
        """Raises OSError."""
        self._address = (family, host, port)
        self._shared = many > 1
        self._sockets: list[socket.socket] = []
        try:
            if self._shared:  # a port that somebody has is refused, even where they would share it
                _bound(*self._address, shared=False).close()
            for _ in range(many):
                listener = _bound(*self._address, shared=self._shared)
                self._sockets.append(listener)
                listener.listen(BACKLOG)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._sockets)

    @property
    def port(self) -> int:
        """That of all."""
        return self._address[2]

    def fileno(self, number: int) -> int:
        """The descriptor that this gateway inherits."""
        return self._sockets[number].fileno()

    def renew(self, number: int) -> None:
        """A gateway ended. Where there are others, it leaves them its connections until the next one listens.

        What waits in its socket is let go, and the socket with it: once shut, it would never again get its part. A
        gateway alone keeps what waits: the next one answers that, and listens anew on a socket that was shut.
        """
        if self._shared:
            new = _bound(*self._address, shared=True)
            self._sockets[number].close()
            self._sockets[number] = new

    def shut(self, number: int) -> None:
        """What a gateway that was taken over could do to its own."""
        self._sockets[number].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """All of them."""
        for listener in self._sockets:
            listener.close()


@contextmanager
def listening(host: str, port: int, many: int = 1) -> Iterator[Listeners]:
    """So many sockets on one address. Raises Unavailable LG626."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # A gateway that was taken over may shut its socket down: the next one listens anew, on the same port if it was
        # named here; one that the kernel chose would be another by then.
        listeners = Listeners(family, host, port or _free_port(family, host), many)
    except OSError as error:
        raise Unavailable(
            "LG626",
            f"cannot listen on {host} port {port}: {error.strerror}",
            seen={"host": host, "port": port},
            next="lockgate serve --port 0   # takes a free one",
        ) from None
    with closing(listeners):
        yield listeners


def _bound(family: socket.AddressFamily, host: str, port: int, *, shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener


def _free_port(family: socket.AddressFamily, host: str) -> int:
    with socket.socket(family, socket.SOCK_STREAM) as asked:
        asked.bind((host, 0))
        found: int = asked.getsockname()[1]
    return found
