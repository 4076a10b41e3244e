"""What an appender and the sealer's intake say to each other, as frames of `core.wire` over one stream. Pure.

    appender   {"say": "hello", "v": 1, "gateway", "next"}    this gateway has records below `next`; how far are you?
               {"say": "records", "gateway", "first"} + frames as a spool has them, of numbers `first`, `first` + 1, ...
               {"say": "ping"}
    intake     {"say": "have", "gateway", "next", "sealed"}   it has those below `next`; the log those below `sealed`
               {"say": "kept", "gateway", "next"}             those below `next` are on its disk
               {"say": "sealed", "gateway", "next"} + C2SP tlog-proof   those below `next` are in the log: the proof is
                                                              of the last of them, and has the signed checkpoint
               {"say": "refused", "gateway", "finding", "message"}   nothing more is taken: of this gateway, or, where
                                                              `gateway` is empty, of this connection
               {"say": "pong"}

The stream is a unix socket whose other end the kernel names, or TLS 1.3 with certificates on both sides. Numbers are
gapless per gateway: a repeat is passed over, a gap is refused. No key of the log crosses, in either direction. `have`
and `kept` are the intake's word; `sealed` is worth what its proof is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.core import wire
from lockgate.core.encoding import LARGEST
from lockgate.core.wire import Frame, WireError

VERSION = 1
MOST_PAYLOAD = 1 << 20
"""Bytes of records in one message."""
PING_SECONDS, SILENT_SECONDS = 20.0, 60.0
"""How often a side that has nothing to say is asked, and after how long it is given up."""
FRAME_SECONDS = 30.0
"""How long the rest of a message may take that was begun."""
GATEWAY = re.compile(r"[0-9a-f]{16}\Z")
_FINDING = re.compile(r"LG[0-9]{3,4}\Z")
_SAYS = {
    "hello": ("v", "gateway", "next"),
    "records": ("gateway", "first"),
    "ping": (),
    "have": ("gateway", "next", "sealed"),
    "kept": ("gateway", "next"),
    "sealed": ("gateway", "next"),
    "refused": ("gateway", "finding", "message"),
    "pong": (),
}
_PAID = ("records", "sealed")


@dataclass(frozen=True)
class Limits:
    """What one appender may do. `bytes_waiting`: that wait to be sealed; `rate`: bytes a second, with a second's burst;
    `ids`: new gateways a day; `files`: gateways whose files are open; `handshakes`: under way from one address.
    """

    connections: int = 8
    bytes_waiting: int = 256 << 20
    rate: int = 64 << 20
    ids: int = 1000
    files: int = 256
    handshakes: int = 16
    handshake_seconds: float = 10.0
    silent_seconds: float = SILENT_SECONDS
    frame_seconds: float = FRAME_SECONDS


def said(what: str, payload: bytes = b"", **fields: Any) -> bytes:
    """A message's bytes. Raises WireError when it is too large."""
    return wire.pack({"say": what, **fields}, payload, max_payload=MOST_PAYLOAD)


def checked(frame: Frame) -> tuple[str, Mapping[str, Any]]:
    """What a message says, and its fields. Raises WireError for any other form."""
    header = frame.header
    what = header.get("say")
    if not isinstance(what, str) or what not in _SAYS or set(header) != {"say", *_SAYS[what]}:
        raise WireError("a message that nobody here says")
    if frame.payload and what not in _PAID:
        raise WireError(f"{what}: it has no bytes")
    for name in _SAYS[what]:
        if not _is_well(what, name, header[name]):
            raise WireError(f"{what}: {name} has not its form")
    return what, header


def _is_well(what: str, name: str, value: object) -> bool:
    if name == "v":
        return type(value) is int and value == VERSION
    if name == "gateway":
        return isinstance(value, str) and bool(GATEWAY.match(value) or (what == "refused" and not value))
    if name == "finding":
        return isinstance(value, str) and bool(_FINDING.match(value))
    if name == "message":
        return isinstance(value, str) and len(value) <= 500 and value.isprintable()
    return _is_number(value)


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST
