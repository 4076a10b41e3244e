"""What a Redis server says to the few things that it is asked. Pure.

The server is not trusted. Our scripts and commands have four forms of answer; nothing else is read, nothing is
allocated by a length that the server names, and what is unfinished is bounded.

    *2 :INT :INT      a script's answer            $40 SHA1      a script was loaded
    +OK               AUTH                         -TEXT         refused
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_REPLY = re.compile(
    rb"\*2\r\n:(-?[0-9]{1,18})\r\n:(-?[0-9]{1,18})\r\n|-([ -~]{1,400})\r\n|(\+OK\r\n|\$40\r\n[0-9a-f]{40}\r\n)"
)
_FIRST = b"*-+$"
_UNFINISHED = 512


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: the two numbers of a script, or the server's words of refusal, or neither: done."""

    numbers: tuple[int, int] | None = None
    refused: str = ""


DONE = Said()


class Replies:
    """Bytes in, whole answers out."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Said]:
        """The answers that are whole now. Raises ValueError on anything that is none of ours."""
        held, place, found = self._held + data, 0, []
        while match := _REPLY.match(held, place):
            place = match.end()
            found.append(_said(match))
        self._held = held[place:]
        if self._held and (self._held[0] not in _FIRST or len(self._held) > _UNFINISHED):
            raise ValueError("the server of the shared limits answered out of form")
        return found


def command(*parts: bytes) -> bytes:
    """A command as it is sent."""
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def numbers(values: Sequence[float]) -> tuple[bytes, ...]:
    """Arguments of a script: each as the shortest text that is exactly it."""
    return tuple(repr(value).encode() for value in values)


def _said(match: re.Match[bytes]) -> Said:
    first, second, refused, _ = match.groups()
    if first is not None:
        return Said((int(first), int(second)))
    return Said(refused=refused.decode()) if refused is not None else DONE
