"""The Redis server of the shared limits, as the supervisor sees it: an address, a login, and a connection to hand over.

The gateways' jails have no network, so the supervisor connects for them. It reads nothing that the server says but
whether the login was taken. Over TLS not even that: the session is the gateway's, and so is the login.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lockgate.errors import LockgateError, Unavailable, Usage
from lockgate.serve.shared.replies import command
from lockgate.serve.shared.settings import SharedSettings
from lockgate.store.files import read_regular

PORT = 6379
CONNECT_SECONDS = 2.0
AGAIN_SECONDS = 1.0
_TAKEN = b"+OK\r\n"
_MAX_CA = 1 << 20


@dataclass(frozen=True)
class Redis:
    """Where it is. `path`: of its socket, when it is no host. `ca`: a file of authorities, PEM, for TLS."""

    host: str = ""
    port: int = PORT
    path: str = ""
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None

    @staticmethod
    def parse(address: str, ca: Path | None = None) -> Redis:
        """`redis://`, `rediss://` (TLS, needs `ca`) or `unix://`, each with USER:PASSWORD@ where there is a login.

        Raises Usage LG687, which does not quote the address: it may hold a password.
        """
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port or PORT
        except ValueError:
            raise _unusable("it is no address") from None
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.query or parts.fragment:
            raise _unusable("it has a query or a fragment")
        if parts.scheme == "unix" and parts.path.startswith("/") and not host:
            return Redis(path=unquote(parts.path), user=user, password=password)
        if parts.scheme not in ("redis", "rediss") or not host:
            raise _unusable("it is none of redis://HOST, rediss://HOST, unix:///PATH")
        if parts.path.strip("/"):
            raise _unusable("it names a database by number, which a login for our keys alone cannot choose")
        if parts.scheme == "rediss" and ca is None:
            raise _unusable("rediss:// needs redis_ca, a file of the authorities that vouch for the server")
        return Redis(host, port, "", parts.scheme == "rediss", user, password, ca)

    def settings(self, prefix: str, gateways: int) -> SharedSettings:
        """What the gateways get: the login only where they need it. Raises what reading the authorities raises."""
        if not self.tls or self.ca is None:
            return SharedSettings(prefix, gateways)
        try:
            authorities = read_regular(self.ca, _MAX_CA).decode()
        except (OSError, UnicodeDecodeError):
            raise _unusable(f"redis_ca cannot be read: {self.ca}") from None
        return SharedSettings(prefix, gateways, self.host, authorities, self.user, self.password)

    def connect(self) -> socket.socket:
        """A connection that is ready to be handed over. Blocks for CONNECT_SECONDS at most, twice.

        Raises Unavailable LG688.
        """
        try:
            sock = self._connected()
        except OSError as error:
            raise Unavailable("LG688", f"redis: {error.strerror or type(error).__name__}") from None
        try:
            if self.password and not self.tls:
                user = (self.user.encode(),) if self.user else ()
                sock.sendall(command(b"AUTH", *user, self.password.encode()))
                if _read(sock, len(_TAKEN)) != _TAKEN:
                    raise Unavailable("LG688", "redis: the login was not taken")
            sock.settimeout(None)
        except OSError as error:
            sock.close()
            raise Unavailable("LG688", f"redis: {error.strerror or type(error).__name__}") from None
        except BaseException:
            sock.close()
            raise
        return sock

    def _connected(self) -> socket.socket:
        if not self.path:
            return socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(CONNECT_SECONDS)
            sock.connect(self.path)
        except BaseException:
            sock.close()
            raise
        return sock


class Lender:
    """Makes connections in the background, for whichever gateway wants one; ever again while there is no server."""

    def __init__(self, connect: Callable[[], socket.socket], say: Callable[[str], None]) -> None:
        self._connect = connect
        self._say = say
        self._due: dict[str, float] = {}
        self._lent: dict[str, float] = {}
        self._made: queue.SimpleQueue[tuple[str, socket.socket | None, str]] = queue.SimpleQueue()
        self._said = ""

    def want(self, name: str, now: float) -> None:
        """A gateway has none: soon, but never sooner than a while after the last."""
        self._due.setdefault(name, max(now, self._lent.get(name, -AGAIN_SECONDS) + AGAIN_SECONDS))

    def step(self, now: float) -> list[tuple[str, socket.socket]]:
        """What was connected since the last step, for the caller to hand over and close."""
        found = []
        while not self._made.empty():
            name, sock, why = self._made.get_nowait()
            if sock is not None:
                found.append((name, sock))
            else:
                self._due.setdefault(name, now + AGAIN_SECONDS)
            self.tell(why)
        for name, due in list(self._due.items()):
            if now >= due:
                del self._due[name]
                self._lent[name] = now
                threading.Thread(target=self._run, args=(name,), name=f"redis for {name}", daemon=True).start()
        return found

    def tell(self, why: str) -> None:
        """Say how it stands, once for each change."""
        if why != self._said:
            self._said = why
            self._say(f"shared limits: {why}" if why else "shared limits: redis is reached")

    def close(self) -> None:
        """Let go of what nobody took."""
        while not self._made.empty():
            _, sock, _ = self._made.get_nowait()
            if sock is not None:
                sock.close()

    def _run(self, name: str) -> None:
        try:
            self._made.put((name, self._connect(), ""))
        except LockgateError as error:
            self._made.put((name, None, f"{error.finding} {error.message}"))


def _read(sock: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        data = sock.recv(size - len(found))
        if not data:
            break
        found += data
    return found


def _unusable(why: str) -> Usage:
    return Usage(
        "LG687",
        f"[serve] redis cannot be used: {why}",
        next='redis = "env:NAME", where NAME is redis://USER:PASSWORD@HOST:PORT',
    )
