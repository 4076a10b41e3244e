"""What no resource limit counts: memory of a whole jail, its tasks, its inodes, its time. Looks in from outside."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Literal

from lockgate.sandbox.population import Population
from lockgate.sandbox.settings import Limits

Ended = Literal["exit", "signal", "memory", "time", "tasks", "output", "talk", "inodes"]

INTERVAL = 0.05
_SHORTEST = 0.002
# Faster than one core fills fresh pages: decides how soon to look again when the limit is near.
_BYTES_PER_SECOND = 4 << 30
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Watchdog:
    """Watches the jail whose processes `population` tells. Close it when the jail has ended."""

    def __init__(self, population: Population, limits: Limits, *, long_lived: bool) -> None:
        self.population = population
        self._limits = limits
        self._proc = population.proc
        self._deadline = None if long_lived else time.monotonic() + limits.wall_seconds
        self.peak_memory = 0
        self.interval = INTERVAL

    def look(self) -> Ended | None:
        """The first limit that is exceeded now, or None; sets `interval` to when to look again."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            return "time"
        for usage in self.population.usage():
            if usage.inodes > self._limits.inodes:
                return "inodes"
        resident, tasks, pids = 0, 0, []
        for name in self.population.pids():
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
        """Let go of what it looks through."""
        self.population.close()

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
