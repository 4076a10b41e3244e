"""Where a mirror's records are sealed, and the connection there."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.encoding import encode
from lockgate.errors import Usage
from lockgate.supervise.reception import connect_unix
from lockgate.trust._edgefile import tls_material

CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Sending:
    """Where records are sealed. `path`: a socket of this machine; else `host`, `port` and the files of TLS."""

    host: str = ""
    port: int = 0
    path: Path | None = None
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @staticmethod
    def parse(place: str, authority: str = "", certificate: str = "", key: str = "") -> Sending:
        """`HOST:PORT` with the three files, or `unix:PATH` without. Raises Usage LG7027."""
        if place.startswith("unix:"):
            if authority or certificate or key:
                raise _unusable("a socket of this machine has no TLS")
            return Sending(path=Path(place.removeprefix("unix:")).absolute())
        host, colon, port = place.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise _unusable(f"{place!r} is neither HOST:PORT nor unix:PATH")
        if not (authority and certificate and key):
            raise _unusable("another machine needs --sealer-ca, --sealer-cert and --sealer-key")
        files = (Path(name).absolute() for name in (authority, certificate, key))
        return Sending(host, int(port), None, *files)

    @property
    def said(self) -> str:
        """For a person."""
        return f"unix:{self.path}" if self.path is not None else f"{self.host}:{self.port}"

    def material(self) -> bytes:
        """What the forwarder speaks TLS with; nothing for a socket. Raises Refused LG639, LG831."""
        if self.authority is None or self.certificate is None or self.key is None:
            return b""
        found = tls_material(self.certificate, self.key, self.authority, "required")
        return encode({"authority": found.client_ca, "certificate": found.certificate, "key": found.key})

    def connect(self) -> socket.socket:
        """A fresh connection. Blocks for CONNECT_SECONDS at most. Raises OSError."""
        if self.path is not None:
            return connect_unix(self.path)
        sock = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def _unusable(why: str) -> Usage:
    return Usage("LG7027", f"records cannot be sealed elsewhere: {why}", next="lockgate serve --help")
