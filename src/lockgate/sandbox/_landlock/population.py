"""Who lives in a jail that has no pid namespace: all that is below its harness. And what it has stored.

Nothing that the jail writes is followed: folders are opened one by one without links, and sizes are the blocks on disk.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from lockgate.sandbox.jail import descendants
from lockgate.sandbox.population import Usage

_BLOCK = 512
# A walk may take that part of the time between two of them.
_SHARE = 20
_UNCOUNTABLE = 1 << 62


@dataclass(frozen=True)
class Place:
    """A writable folder, the bytes that it may hold, and what it is called when it holds more."""

    path: str
    most: int
    verdict: Literal["tmp", "output"]


class OfDescendants:
    """The processes below the harness `pid`, and the files below `places`."""

    def __init__(self, pid: int, places: Sequence[Place]) -> None:
        """Raises OSError when the jail is already gone."""
        self._pid = pid
        self._pidfd = os.pidfd_open(pid)
        self.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self._places = [(place, os.open(place.path, flags)) for place in places]
        self._known: dict[int, str] = {}
        self._usage: Sequence[Usage] = ()
        self._again = 0.0
        self._lock = threading.Lock()
        self._open = True

    def pids(self) -> list[str]:
        """The harness and everything below it."""
        found = descendants.below(self.proc, self._pid)
        for pid in found:
            if pid not in self._known:
                self._known[pid] = self._started(pid)
        return [str(self._pid), *map(str, found)]

    def runtime(self) -> Collection[str]:
        """There is none: the harness is the jail's own."""
        return ()

    def usage(self) -> Sequence[Usage]:
        """Counted anew unless counting took so long that it would become the jail's own cost."""
        began = time.monotonic()
        if began >= self._again:
            nameless = self._nameless()
            self._usage = [self._counted(place, opened, nameless) for place, opened in self._places]
            now = time.monotonic()
            self._again = now + _SHARE * (now - began)
        return self._usage

    def kill(self) -> None:
        """The harness is stopped first: it adopts the orphans meanwhile, and starts nothing."""
        with self._lock, suppress(OSError):
            if not self._open:
                return
            signal.pidfd_send_signal(self._pidfd, signal.SIGSTOP)
            quiet = 0
            while quiet < 2 and not _ended(self._pidfd):
                quiet = quiet + 1 if descendants.end(self.proc, self._pid) == 0 else 0
                time.sleep(0.001)

    def close(self) -> None:
        """Let go of everything. If the harness was ended from elsewhere, what it left is ended here."""
        with self._lock:
            self._open = False
            for pid, started in self._known.items():
                if started and self._started(pid) == started:
                    with suppress(OSError):
                        descendants.end(self.proc, pid)
                        os.kill(pid, signal.SIGKILL)
            for descriptor in (self.proc, self._pidfd, *(opened for _, opened in self._places)):
                with suppress(OSError):
                    os.close(descriptor)
            self._places = []

    def _started(self, pid: int) -> str:
        """When the process began: with its number it is one process. Empty when it is gone."""
        with suppress(OSError, IndexError):
            with open(os.open(f"{pid}/stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.proc), "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            return fields[19].decode() if fields[0] not in (b"Z", b"X") else ""
        return ""

    def _counted(self, place: Place, opened: int, nameless: dict[tuple[int, int], int]) -> Usage:
        device = os.fstat(opened).st_dev
        inodes, held = _walk(opened)
        if place.verdict == "tmp":
            held += sum(size for (where, _), size in nameless.items() if where == device)
        return Usage(inodes, held, place.most, place.verdict)

    def _nameless(self) -> dict[tuple[int, int], int]:
        """Files without a name that a process of the jail holds open, by device and inode."""
        found: dict[tuple[int, int], int] = {}
        for pid in descendants.below(self.proc, self._pid):
            with suppress(OSError):
                table = os.open(f"{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.proc)
                try:
                    for name in os.listdir(table):
                        with suppress(OSError):
                            status = os.stat(name, dir_fd=table)
                            if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                                found[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
                finally:
                    os.close(table)
        return found


def _walk(folder: int) -> tuple[int, int]:
    """Inodes and bytes below `folder`. A folder that cannot be looked into counts as more than any limit."""
    inodes, held, waiting = 0, 0, [os.dup(folder)]
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    seen: set[int] = set()
    while waiting:
        here = waiting.pop()
        try:
            os.lseek(here, 0, os.SEEK_SET)
            with os.scandir(here) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError, NotADirectoryError):
                        status = entry.stat(follow_symlinks=False)
                        inodes += 1
                        held += 0 if status.st_ino in seen else status.st_blocks * _BLOCK
                        seen.add(status.st_ino)
                        if stat.S_ISDIR(status.st_mode) and len(waiting) < _MOST_OPEN:
                            waiting.append(os.open(entry.name, flags, dir_fd=here))
        except OSError:
            inodes = _UNCOUNTABLE
        finally:
            os.close(here)
    return inodes, held


_MOST_OPEN = 512


def _ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))
