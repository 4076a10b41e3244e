"""What supervisor and gateway (or sealer, or controller) tell each other over an inherited socket pair.

    to the gateway      {"tell": "secrets"} + edge.json         {"tell": "seen"} + note of the event log, or nothing
                        {"tell": "clients" | "tokens" | "tls" | "shared"} + what it is, or nothing; again when changed
                        {"tell": "worker", "kind", "manifest"} + 1 descriptor
                        {"tell": "refused", "manifest", "finding", "message"}      no workers for this model
                        {"tell": "sealed", "next"} + note    the log under this checkpoint holds its records below
                                                      this sequence number
                        {"tell": "redis"} + 1 descriptor, connected to the server of the shared limits
                        {"tell": "look"}              look at the evidence now: something was moved
                        {"tell": "fresh", "size"}     the event log is known to have had this size just now
                        {"tell": "witnessed", "alarm"}    whether a witness has seen another log than the one here
    from the gateway    {"tell": "need", "manifest"}  workers, please, for this model too
                        {"tell": "done", "manifest"}  the workers of this model are not needed any more
                        {"tell": "lost", "kind", "manifest", "why"}  this worker is of no use any more
                        {"tell": "open", "model", "rung"}    answering    {"tell": "closed", "finding", "message"}
                        {"tell": "redis", "state": "up" | "lost", "why"}       {"tell": "alarm", "finding", "message"}
    to the sealer       {"tell": "key"} + PEM        {"tell": "seen"} + note of the predictions log, or nothing
                        {"tell": "announce", "folder": "spool" | "intake", "gateways"}    carry these from there
                        {"tell": "look"}              more lies there
                        {"tell": "cosigned", "witnesses": [vkeys]} + signature lines, to lie beside its checkpoint
    from the sealer     {"tell": "unknown", "spool", "intake"}    gateways with files there that are not announced
                        {"tell": "sealed", "size"} + note            {"tell": "failed", "finding", "message"}
                        {"tell": "carried", "next": {gateway id: sequence number}, "at": {gateway id: index of the
                                                      record before that in the log}} + the newest note
    to the intake       {"tell": "appenders"} + {digest or user: name}     {"tell": "tls"} + what it is, or nothing
                        {"tell": "peer", "appender"} + 1 descriptor: a connection of a user of this machine
                        {"tell": "allowed", "gateway", "next"}       {"tell": "denied", "gateway", "finding", "message"}
                        {"tell": "owners", "of"}      whose the files are that lay there
                        {"tell": "sealed", "next", "at"} as the sealer said it + note of the predictions log
    from the intake     {"tell": "claim", "gateway", "appender"}     may this appender begin it?
                        {"tell": "lying", "gateways"} files that lay there            {"tell": "kept"}   more lies there
    to the forwarder    {"tell": "tls"} + {"authority", "certificate", "key"}, PEM {"tell": "announce"} as to the sealer
                        {"tell": "peer"} + 1 descriptor: connected to the sealer's machine
    from the forwarder  {"tell": "lost", "why"}       another connection, please      and what a sealer says
    to the controller   {"tell": "events" | "predictions"} + note of that log last seen, or nothing
                        {"tell": "statements", "digest"} + 1 descriptor: what it reads the event log with
                        {"tell": "sealed"}            the predictions log has grown
                        {"tell": "refused", "sequence", "finding", "message"}    what it asked for was not done
    from the controller {"tell": "move", "move", "manifest", "sequence", "to", "checks"}
                        {"tell": "judged", "finding", "message"}    a line for a person
                        {"tell": "looked"}            after "sealed": it may be told again

The gateway believes the supervisor: it started it. The supervisor believes nothing it is told beyond its form.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.core.wire import WireError
from lockgate.errors import VerificationFailed
from lockgate.runtime import channel

WORKERS = ("contract", "model")
MAX_MESSAGE = 16 << 20


@dataclass(frozen=True)
class Told:
    """One message. `descriptors` belong to whoever takes the message."""

    header: Mapping[str, Any]
    payload: bytes
    descriptors: tuple[int, ...] = ()

    @property
    def what(self) -> object:
        """The verb."""
        return self.header.get("tell")

    def text(self, key: str) -> str:
        """A string of the header. Raises WireError when it is none."""
        value = self.header.get(key)
        if not isinstance(value, str):
            raise WireError(f"{self.what}: {key} must be a string")
        return value

    def drop(self) -> None:
        """Close the descriptors of a message that nobody wants."""
        for fd in self.descriptors:
            os.close(fd)


def tell(sock: socket.socket, what: str, payload: bytes = b"", *, files: tuple[int, ...] = (), **fields: Any) -> None:
    """Send one message. Raises OSError when the other end is gone."""
    channel.send(sock, {"tell": what, **fields}, payload, files=files)


def hear(sock: socket.socket, *, descriptors: int = 0) -> Told | None:
    """Wait for one message; None when the other end closed. Raises WireError, OSError."""
    received = channel.receive(sock, max_payload=MAX_MESSAGE, max_files=descriptors)
    if received is None:
        return None
    frame, files = received
    return Told(frame.header, frame.payload, tuple(files))


def expect(sock: socket.socket, *whats: str) -> dict[str, bytes]:
    """The first messages, each exactly once and in this order: payloads by verb.

    Raises VerificationFailed LG632 on anything else: this process was not started by a supervisor.
    """
    found: dict[str, bytes] = {}
    for what in whats:
        try:
            told = hear(sock)
        except (WireError, OSError):
            told = None
        if told is None or told.what != what:
            raise VerificationFailed("LG632", f"the supervisor did not hand over its {what}", next="lockgate serve")
        found[what] = told.payload
    return found


def listen(sock: socket.socket, loop: asyncio.AbstractEventLoop, each: Callable[[Told | None], None]) -> None:
    """Call `each` in `loop` for every message; with None, once, at the end or at a message out of form."""

    def run() -> None:
        told: Told | None = None
        while True:
            try:
                told = hear(sock, descriptors=1)
            except (WireError, OSError):
                told = None
            try:
                loop.call_soon_threadsafe(each, told)
            except RuntimeError:
                return
            if told is None:
                return

    threading.Thread(target=run, name="control", daemon=True).start()
