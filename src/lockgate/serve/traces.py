"""Spans of requests, for OpenTelemetry: in files, because the gateway can call nobody. Off by default.

    spans-GATEWAY.jsonl      one line per flush: TracesData of opentelemetry.proto.trace.v1 in OTLP's JSON encoding
    spans-GATEWAY.1.jsonl    the file before it

https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/; the Collector's `otlpjsonfile` receiver reads them.

A span says which call, which status, and how long. It holds no path, query, header, address, key, client or value:
nothing that a client wrote but the two ids of its `traceparent` (W3C Trace Context). A request that reached no call,
for want of a valid key or because there is no such call, leaves no span: nobody without a key writes to this disk.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from lockgate.serve.http import Head

FILE_BYTES = 16 << 20
FOLDER_BYTES = 256 << 20
"""Files of gateways that ended are removed, oldest first, above this."""
UNREACHED = "none"
"""What the gate calls a request that reached no call."""
HELD = 512
"""Most spans in memory; more in one second than this are dropped and counted."""
_ENDING = ".jsonl"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
_SERVER, _ERROR = 2, 2

Headers = tuple[tuple[str, str], ...]


class Tracer:
    """Makes spans for a share of the requests, and writes them. Never raises: what cannot be written is counted."""

    def __init__(
        self,
        share: float,
        file: SpanFile,
        resource: Sequence[tuple[str, str]],
        *,
        offset: float,
        counted: Counter[str],
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`share`: of requests, above 0 to 1. `offset`: what to add to the monotonic clock for the time of day.

        `counted`: gets one more `written` or `dropped` for each span (`Tally.spans`).
        """
        self._share = int(share * (1 << 56))
        self._file = file
        self._offset = offset
        self._randomness = randomness
        self._resource = [_attribute(name, value) for name, value in resource]
        self._held: list[dict[str, Any]] = []
        self._counted = counted

    @staticmethod
    def open(
        share: float, folder: Path, *, gateway: str, version: str, environment: str, counted: Counter[str]
    ) -> Tracer | None:
        """The tracer of one gateway; None, which costs a request nothing, when `share` is 0."""
        if share <= 0:
            return None
        resource = (
            ("service.name", "lockgate-gateway"),
            ("service.version", version),
            ("service.instance.id", gateway),
            ("deployment.environment.name", environment),
        )
        offset = time.time() - time.monotonic()
        return Tracer(share, SpanFile(folder, gateway), resource, offset=offset, counted=counted)

    def span(self, call: str, head: Head, status: int, started: float, ended: float) -> Headers:
        """One request, from `started` to `ended` (monotonic seconds). Gives headers for its reply.

        `call`: the name of the call, UNREACHED when there is none. Whether a trace is kept is its parent's word, within
        our share, which is judged by the trace's id, so that all who judge by it keep the same ones.
        """
        if call == UNREACHED:
            return ()
        parent = _parent(head.headers.get("traceparent", ""))
        trace = parent[0] if parent else self._randomness(16).hex()
        if (parent and not parent[2]) or int(trace[18:], 16) >= self._share:
            return ()
        span = self._randomness(8).hex()
        if len(self._held) < HELD:
            above = {"parentSpanId": parent[1]} if parent else {}
            times = {"startTimeUnixNano": self._nano(started), "endTimeUnixNano": self._nano(ended)}
            self._held.append({"traceId": trace, "spanId": span, **above, **_about(call, head, status), **times})
        else:
            self._counted["dropped"] += 1
        return (("traceresponse", f"00-{trace}-{span}-01"),)

    def flush(self) -> None:
        """Write what is held: once a second."""
        if not self._held:
            return
        held, self._held = self._held, []
        scope = {"scope": {"name": "lockgate.serve"}, "spans": held}
        data = {"resourceSpans": [{"resource": {"attributes": self._resource}, "scopeSpans": [scope]}]}
        done = self._file.append(msgspec.json.encode(data) + b"\n")
        self._counted["written" if done else "dropped"] += len(held)

    def close(self) -> None:
        """Write what is held, and no more."""
        self.flush()
        self._file.close()

    def _nano(self, monotonic: float) -> str:
        return str(int((monotonic + self._offset) * 1e9))


class SpanFile:
    """Lines of one gateway, in two files of at most FILE_BYTES each. Nothing here raises; nothing is synced."""

    def __init__(self, folder: Path, gateway: str) -> None:
        self._path = folder / f"spans-{gateway}{_ENDING}"
        self._before = folder / f"spans-{gateway}.1{_ENDING}"
        self._descriptor = -1
        self._length = 0

    def append(self, line: bytes) -> bool:
        """Whether it was written, whole."""
        try:
            if self._descriptor < 0 or self._length + len(line) > FILE_BYTES:
                self._renew()
            written = os.write(self._descriptor, line)
            if written != len(line):
                os.ftruncate(self._descriptor, self._length)
                return False
        except OSError:
            self.close()
            return False
        self._length += written
        return True

    def close(self) -> None:
        """Write no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _renew(self) -> None:
        """A new file; what was the file becomes the one before it."""
        self.close()
        with suppress(FileNotFoundError):
            self._path.replace(self._before)
        _sweep(self._path.parent, FOLDER_BYTES - 2 * FILE_BYTES)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._length = 0


def _sweep(folder: Path, most: int) -> None:
    """Remove the oldest files until the others have at most `most` bytes together. Raises OSError."""
    found = []
    for path in folder.glob(f"spans-*{_ENDING}"):
        with suppress(FileNotFoundError):
            about = path.lstat()
            found.append((about.st_mtime_ns, about.st_size, path))
    total = 0
    for _, size, path in sorted(found, reverse=True):
        total += size
        if total > most:
            path.unlink(missing_ok=True)


def _parent(header: str) -> tuple[str, str, bool] | None:
    """Trace, span and whether it is kept, of a `traceparent`; None for one that is malformed.

    A version after 00 may have more fields behind; ff is none. Ids of zeros are none.
    """
    found = _PARENT.match(header)
    if found is None:
        return None
    of, trace, span, flags, more = found.groups()
    if of == "ff" or (of == "00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    return trace, span, bool(int(flags, 16) & 1)


def _about(call: str, head: Head, status: int) -> dict[str, Any]:
    """Name and attributes by the semantic conventions for HTTP server spans."""
    method = head.method if head.method in _METHODS else "_OTHER"
    attributes = [
        _attribute("http.request.method", method),
        _attribute("http.response.status_code", status),
        _attribute("url.scheme", "https" if head.peer.tls else "http"),
        _attribute("lockgate.call", call),
    ]
    attributes += [_attribute("error.type", str(status))] if status >= 500 else []
    return {
        "name": f"{'HTTP' if method == '_OTHER' else method} {call}",
        "kind": _SERVER,
        "attributes": attributes,
        "status": {"code": _ERROR} if status >= 500 else {},
    }


def _attribute(name: str, value: str | int) -> dict[str, Any]:
    """OTLP spells 64-bit numbers as texts."""
    return {"key": name, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
