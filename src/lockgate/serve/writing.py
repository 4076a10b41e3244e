"""A reply as bytes. What is fixed for a status is spelled once; what we send never breaks a line that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus

from lockgate.serve.http import Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = frozenset({204, 304})


class Writer:
    """Spells replies; `tick` keeps the date. `wall`: seconds since the epoch."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._second = -1
        self._date = ""
        self._starts: dict[tuple[int, str], bytes] = {}
        self.tick()

    def tick(self) -> None:
        """Look at the clock: called several times a second, not per reply."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True)
            self._starts.clear()

    def spell(self, reply: Reply, *, keep: bool, head: bool = False, old: bool = False) -> bytes:
        """The whole reply. `head`: to a HEAD request, so without the body; `old`: to HTTP/1.0.

        Raises ValueError when a header of ours would break its line: nothing of it is sent then.
        """
        kind = (reply.status, reply.media)
        start = self._starts.get(kind) or self._start(kind)
        if not keep:
            more = lines([pair for pair in reply.headers if pair[0].lower() != "connection"]) + b"connection: close\r\n"
        else:
            more = lines(reply.headers) if reply.headers else b""
        if keep and old:
            more += b"connection: keep-alive\r\n"
        body = reply.body
        if reply.status in _BODILESS:
            return b"%b%b\r\n" % (start, more)
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (start, more, len(body), b"" if head else body)

    def _start(self, kind: tuple[int, str]) -> bytes:
        status, media = kind
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Unknown"
        headers = [("date", self._date)]
        if status not in _BODILESS:
            headers.append(("content-type", media))
        start = self._starts[kind] = b"HTTP/1.1 %d %b\r\n" % (status, phrase.encode()) + lines(headers)
        return start


def lines(headers: Sequence[tuple[str, str]]) -> bytes:
    """Headers as lines. Raises ValueError when one would break its own, or is not latin-1."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers) or "\0" in text:
        raise ValueError("a header of ours would break its line")
    return text.encode("latin-1")
