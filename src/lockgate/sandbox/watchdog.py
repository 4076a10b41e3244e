"""What no resource limit counts: memory of a whole jail, its tasks, its inodes, its time. Looks in from outside."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Literal

from lockgate.sandbox.settings import Limits

Ended = Literal["exit", "signal", "memory", "time", "tasks", "output", "talk", "inodes"]

INTERVAL = 0.05
_SHORTEST = 0.002
# Faster than one core fills fresh pages: decides how soon to look again when the limit is near.
_BYTES_PER_SECOND = 4 << 30
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watchdog:
    """Watches the jail whose first process has the host's pid `pid`.

    Raises OSError from the constructor when the jail cannot be looked into (it is already gone).
    Close it when the jail has ended.
    """

    def __init__(self, pid: int, limits: Limits, places: tuple[str, ...], *, long_lived: bool) -> None:
        self._limits = limits
        self._deadline = None if long_lived else time.monotonic() + limits.wall_seconds
        self._proc = os.open(f"/proc/{pid}/root/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._places = [os.open(f"/proc/{pid}/root{place}", os.O_RDONLY | os.O_DIRECTORY) for place in places]
        self.peak_memory = 0
        self.interval = INTERVAL

    def look(self) -> Ended | None:
        """The first limit that is exceeded now, or None; sets `interval` to when to look again."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            return "time"
        for place in self._places:
            status = os.fstatvfs(place)
            if status.f_files - status.f_ffree > self._limits.inodes:
                return "inodes"
        resident, tasks, pids = 0, 0, []
        for name in self._pids():
            with suppress(OSError, ValueError, IndexError):
                resident += int(self._read(f"{name}/statm").split()[1]) * _PAGE
                tasks += os.stat(f"{name}/task", dir_fd=self._proc).st_nlink - 2
                pids.append(name)
        if tasks > self._limits.tasks:
            return "tasks"
        memory = resident
        if resident > self._limits.memory:
            # Pages that processes share count once: a fork of a large process is no bomb.
            memory = sum(self._proportional(name) for name in pids)
        self.peak_memory = max(self.peak_memory, memory)
        if memory > self._limits.memory:
            return "memory"
        left = (self._limits.memory - memory) / _BYTES_PER_SECOND
        self.interval = min(INTERVAL, max(_SHORTEST, left))
        return None

    def close(self) -> None:
        """Let go of the jail's directories."""
        for descriptor in (self._proc, *self._places):
            with suppress(OSError):
                os.close(descriptor)
        self._places = []

    def _pids(self) -> list[str]:
        return [name for name in os.listdir(self._proc) if name.isdigit()]

    def _proportional(self, name: str) -> int:
        with suppress(OSError, ValueError, IndexError):
            for line in self._read(f"{name}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        return 0

    def _read(self, path: str) -> str:
        opened = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(opened, 65536).decode()
        finally:
            os.close(opened)
