"""HTTP as the gateway's core sees it: values, and no socket. Two fronts make them: `edge`, our own, and `asgi`.

A front calls `Core.begin` with the head of a request, before it keeps a byte of the body; what comes back says how
much body is taken, and gets it whole. Exactly one `Reply` follows, at once or later, in the front's event loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

JSON = "application/json"

SINGLE = frozenset({
    "authorization", "content-encoding", "content-length", "content-type", "expect", "host",
    "inference-header-content-length", "traceparent", "transfer-encoding",
})  # fmt: skip
"""Headers that say one thing: a request that has one of them twice is refused (400, LG608) by the front."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who a client certificate is of, as TLS verified it: the subject's common name, and its URIs and DNS names.

    `until`: the last moment that it counts, in seconds since the epoch; the front holds each request against it.
    """

    subject: str
    names: tuple[str, ...] = ()
    digest: str = ""
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: its address as the socket has it (never a header), and its certificate, where it showed one."""

    address: str = ""
    tls: bool = False
    certificate: Certificate | None = None


@dataclass(slots=True)
class Head:
    """Request line and headers. `path` as sent, without the query; header names in lower case, text in latin-1."""

    method: str
    path: str
    headers: Mapping[str, str]
    peer: Peer
    query: str = ""


@dataclass(slots=True)
class Reply:
    """What the peer gets. `close`: the connection ends after it. A front adds length, date and nothing else."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    media: str = JSON
    close: bool = False


Replying = Callable[[Reply], None]


class Exchange(Protocol):
    """A request past its head."""

    most: int
    """Bytes of body that are taken; a front refuses the first byte above it with `too_large`."""

    @property
    def owner(self) -> str:
        """The client whose request it is: what a front holds for it is counted as this client's."""

    def whole(self, body: bytes, reply: Replying) -> None:
        """The whole body is here. `reply` is called exactly once. Never raises."""

    def refused(self, finding: str) -> Reply:
        """The front refuses what came after the head (its size, its time, its form): the reply, counted as the
        core's own are.
        """

    def gone(self) -> None:
        """The peer left before it had its reply: what was held for it is let go."""


class Core(Protocol):
    """What stands behind a front."""

    def begin(self, head: Head) -> Exchange | Reply:
        """Take a request by its head, or refuse it at once. Never raises."""

    def malformed(self, peer: Peer, message: str) -> Reply:
        """What a peer gets whose bytes were no request at all (400, LG608)."""


def pairs(headers: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Headers as a reply carries them."""
    return tuple((name, str(value)) for name, value in headers.items())
