"""The body that follows a head, collected from untrusted pieces: by its length, or in chunks. Pure.

    (1*8HEXDIG CRLF data CRLF)* "0" CRLF CRLF       sizes in plain hex, no extensions, no trailers

RFC 9112 section 7.1 allows more; nobody who sends records needs it, and each of the extras has been a way to smuggle.
"""

from __future__ import annotations

import re

from lockgate.serve.heads import Malformed

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_LONGEST = 10
_FREE, _SMALLEST = 256, 64
"""So many chunks of any size; from then on they hold at least so many bytes on average: each costs time."""


class TooLarge(ValueError):
    """The body is larger than what is taken."""


class Sized:
    """Collects a body of a known length."""

    __slots__ = ("_length", "body")

    def __init__(self, length: int) -> None:
        self.body = bytearray()
        self._length = length

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes. When the body is whole: what came after it; None while it is not."""
        missing = self._length - len(self.body)
        self.body += data[:missing]
        return data[missing:] if len(data) >= missing else None


class Chunks:
    """Collects one chunked body of at most `most` bytes."""

    __slots__ = ("_count", "_held", "_left", "_most", "body")

    def __init__(self, most: int) -> None:
        self.body = bytearray()
        self._most = most
        self._held = b""
        self._left = 0
        self._count = 0

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes. When the body is whole: what came after it; None while it is not. Raises Malformed, TooLarge.

        What is kept is the body and less than one line beside it.
        """
        data, self._held, at = self._held + data, b"", 0
        while at < len(data):
            if self._left > 2:
                taken = data[at : at + self._left - 2]
                self.body += taken
                self._left -= len(taken)
                at += len(taken)
                continue
            if self._left:
                end = data[at : at + 2]
                if not b"\r\n".startswith(end):
                    raise Malformed("a chunk ends with CR LF after its size in bytes")
                if len(end) < 2:
                    break
                at, self._left = at + 2, 0
                continue
            match = _SIZE.match(data, at)
            if match is None:
                self._refuse_early(data[at:])
                break
            size = int(match[1], 16)
            if size == 0:
                return self._last(data, at, match.end())
            at = match.end()
            self._begin(size)
        self._held = data[at:]
        return None

    def _begin(self, size: int) -> None:
        self._count += 1
        if len(self.body) + size > self._most:
            raise TooLarge
        if self._count > _FREE + (len(self.body) + size) // _SMALLEST:
            raise Malformed("the chunks are too small")
        self._left = size + 2

    def _last(self, data: bytes, at: int, end: int) -> bytes | None:
        """After the last chunk comes an empty line and nothing else."""
        rest = data[end : end + 2]
        if not b"\r\n".startswith(rest):
            raise Malformed("nothing follows the last chunk: trailers are not taken")
        if len(rest) < 2:
            self._held = data[at:]
            return None
        return data[end + 2 :]

    def _refuse_early(self, line: bytes) -> None:
        """A line that is not finished is a size so far."""
        if len(line) >= _LONGEST or not re.fullmatch(rb"[0-9A-Fa-f]{0,8}\r?", line) or line == b"\r":
            raise Malformed("a chunk begins with its size in hex, without extensions")
