"""`[log]` of lockgate.toml: how gateways elsewhere hand their records to the sealer here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.strict import Document, Key, Table, text

TABLE = Table(
    {
        "listen": Key(text(), "", "HOST:PORT for the gateways of other machines, over mutual TLS 1.3."),
        "certificate": Key(text(), "", "PEM file: the certificate shown there, and those above it."),
        "key": Key(text(), "", "PEM file of its key, 0600. Both are read anew when they change."),
        "client_ca": Key(text(), "", "PEM file: who vouches for appenders that are enrolled by fingerprint."),
        "socket": Key(text(), "", "A socket for this machine's other processes, in place of state/run/append.sock."),
    }
)


@dataclass(frozen=True)
class LogSettings:
    """`[log]`. `listen` empty and `socket` empty: `serve` takes records from its own gateways alone."""

    listen: str = ""
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    socket: str = ""

    @property
    def tls(self) -> Mapping[str, str]:
        """The files of TLS, by their keys here."""
        return {"certificate": self.certificate, "key": self.key, "client_ca": self.client_ca}


def of(document: Document) -> LogSettings:
    """The settings that were read."""
    return LogSettings(**document.values["log"])
