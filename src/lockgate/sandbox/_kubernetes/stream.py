"""Frames out of a pod's log, as it comes, in pieces, and from its beginning again after a cut. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from lockgate.sandbox.jail import frames
from lockgate.sandbox.pod_request import CHUNK, PREFIX

LONGEST_LINE = 4 * (CHUNK + 64)
MOST_WORDS = 4096


_MOST_DIGITS = 12


class LogReader:
    """Frames in order, each once. `words` are the last lines that are no frames: what a crashed interpreter said."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._read = most_bytes, 0
        self._held = b""
        self._next = 0
        self.words = b""

    def restart(self) -> None:
        """The log is read from its beginning: what is known already is passed over."""
        self._held, self._read = b"", 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The new frames that `data` completes. Raises ValueError: a gap, a line that is cut off, or all too long."""
        self._read += len(data)
        if self._read > self._most:
            raise ValueError(f"more than {self._most} bytes")
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LONGEST_LINE:
            raise ValueError("a line is too long")
        for line in lines:
            yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[tuple[bytes, bytes]]:
        prefix, _, rest = line.partition(b" ")
        number, _, text = rest.partition(b" ")
        if prefix != PREFIX or not number.isdigit() or len(number) > _MOST_DIGITS:
            self.words = (self.words + line + b"\n")[-MOST_WORDS:]
            return
        if int(number) < self._next:
            return
        if int(number) > self._next:
            raise ValueError(f"lines {self._next} to {int(number) - 1} are missing")
        try:
            (found,) = frames.Parser().feed(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            raise ValueError(f"line {self._next} is cut off") from None
        self._next += 1
        yield found
