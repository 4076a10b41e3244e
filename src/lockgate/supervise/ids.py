"""The book of gateway ids: who began which, when, and for which log. What is not in it is not sealed.

One line of JSON each, appended and synced before the gateway writes its first record. The file is the house's: no jail
sees it, so that a gateway that was taken over cannot make another one. Trusts the user who serves, and the kernel's
word that the file is that user's alone.

    {"by": "gateway-0", "gateway": "9f...", "log": "lockgate/.../predictions", "time": 1790000000000}
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Refused, Unavailable, VerificationFailed

FILE = "gateways.jsonl"
FOUND = "the log"
"""Who began a gateway that the log had before there was a book."""
APPENDER = "appender "
"""How `by` begins for whoever hands records to the intake."""
DAY_MS = 24 * 3600 * 1000
_ID = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True)
class Began:
    """One gateway. `by`: the member of a house, `predict`, `feedback`, or `appender NAME`; `time`: milliseconds."""

    gateway: str
    by: str
    log: str
    time: int


def _now() -> int:
    return time.time_ns() // 1_000_000


class Ids:
    """The book in a `.lockgate` folder. Reads what others appended whenever it is asked."""

    def __init__(self, home: Path, *, now: Callable[[], int] = _now) -> None:
        """Reads nothing yet. `now`: milliseconds."""
        self.path = home / "state" / FILE
        self._now = now
        self._read = 0
        self._began: dict[str, Began] = {}

    def find(self, gateway: str) -> Began | None:
        """Who began it. Raises VerificationFailed LG7028, Unavailable LG7028."""
        if gateway not in self._began:
            self._refresh()
        return self._began.get(gateway)

    def all(self) -> tuple[Began, ...]:
        """Everybody, in the order in which they came. Raises as `find`."""
        self._refresh()
        return tuple(self._began.values())

    def many(self, by: str, since: int) -> int:
        """How many ids somebody began since then (milliseconds)."""
        return sum(one.by == by and one.time >= since for one in self._began.values())

    def add(self, gateway: str, *, by: str, log: str) -> None:
        """Write it down, durable on return. What the same one began for the same log already is left as it is.

        Raises Refused LG7024 when somebody else began it; as `find`.
        """
        self.add_all([gateway], by=by, log=log)

    def add_all(self, gateways: Iterable[str], *, by: str, log: str) -> None:
        """`add`, with one sync for all."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = self._opened(os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self._take(descriptor)
                lines = []
                for gateway in gateways:
                    if self._is_new(gateway, by, log):
                        one = Began(gateway, by, log, self._now())
                        lines.append(encode(vars(one)) + b"\n")
                if lines:
                    self._append(descriptor, b"".join(lines))
                self._take(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unusable(error) from None

    def _is_new(self, gateway: str, by: str, log: str) -> bool:
        if not _ID.match(gateway):
            raise Refused("LG7021", "a gateway's id has 16 hex digits", next="lockgate explain LG7021")
        began = self._began.get(gateway)
        if began is not None and (began.by, began.log) != (by, log):
            raise Refused(
                "LG7024",
                f"gateway {gateway} was begun by another",
                seen={"gateway": gateway, "by": began.by},
                next="lockgate log appender list",
            )
        return began is None

    def _append(self, descriptor: int, lines: bytes) -> None:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            lines = b"\n" + lines  # a line that a crash cut off was never acknowledged
        while lines:
            lines = lines[os.write(descriptor, lines) :]
        os.fsync(descriptor)
        if not size:
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _refresh(self) -> None:
        try:
            descriptor = self._opened(os.O_RDONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unusable(error) from None
        try:
            self._take(descriptor)
        finally:
            os.close(descriptor)

    def _opened(self, flags: int) -> int:
        """The book, if it is this user's alone. Raises OSError, VerificationFailed LG7028."""
        descriptor = os.open(self.path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
            return descriptor
        os.close(descriptor)
        raise VerificationFailed(
            "LG7028",
            f"{self.path.name} is no file that only this user can write",
            seen={"file": str(self.path), "owner": status.st_uid, "mode": oct(status.st_mode)},
            next=f"ls -ln {self.path}",
        )

    def _take(self, descriptor: int) -> None:
        """Read what is new up to the last whole line. A line that is none was cut off by a crash, and says nothing."""
        size = os.fstat(descriptor).st_size
        data = b"" if size <= self._read else os.pread(descriptor, size - self._read, self._read)
        whole, newline, _ = data.rpartition(b"\n")
        self._read += len(whole) + len(newline)
        for line in whole.split(b"\n"):
            one = _parsed(line)
            if one is not None:
                self._began.setdefault(one.gateway, one)

    def _unusable(self, error: OSError) -> Unavailable:
        return Unavailable(
            "LG7028",
            f"the book of gateway ids cannot be used: {error.strerror or error}",
            seen={"file": str(self.path)},
            next="lockgate doctor",
        )


def _parsed(line: bytes) -> Began | None:
    try:
        value = decode_exact(line)
        one = Began(**value)
    except (ValueError, TypeError):
        return None
    texts = all(isinstance(text, str) for text in (one.gateway, one.by, one.log))
    return one if texts and type(one.time) is int and _ID.match(one.gateway) else None
