"""What no resource limit counts: memory of a whole jail, its tasks, its inodes, its time. Looks in from outside.

Memory is what processes have mapped, each page once, and their tables of pages. What is not mapped has bounds of its
own: files in tmpfs by its size, data in pipes by the kernel for each user, data in unix sockets by their number; a
memfd cannot be made.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Literal

from lockgate.sandbox._cgroup import Group
from lockgate.sandbox._memory import Lookout, Memory
from lockgate.sandbox.population import Population
from lockgate.sandbox.settings import Limits

Ended = Literal["exit", "signal", "memory", "time", "tasks", "output", "talk", "inodes", "tmp"]

INTERVAL = 0.1
_SHORTEST = 0.002
# The part of the memory limit below which tables of pages are not looked at.
_FEW = 32
# Faster than one core fills fresh pages: decides how soon to look again when the limit is near.
_BYTES_PER_SECOND = 4 << 30
# More than that many cores at once are not looked at faster: on such machines it is the control group that holds.
_MOST_CORES = 8


class Watchdog:
    """Watches the jail whose processes `population` tells. Close it when the jail has ended.

    `group` is the control group that the jail is in, if it is in one: the kernel's own end for it is told as ours is.
    """

    def __init__(self, population: Population, limits: Limits, *, long_lived: bool, group: Group | None = None) -> None:
        self.population = population
        self._limits, self._group = limits, group
        self._lookout = Lookout(population.proc)
        self._memory = Memory(self._lookout, limits.memory)
        self._deadline = None if long_lived else time.monotonic() + limits.wall_seconds
        self._cores = min(os.cpu_count() or 1, _MOST_CORES)
        self._lock, self._closed = threading.Lock(), False
        self.peak_memory = 0
        self.interval = INTERVAL

    def look(self) -> Ended | None:
        """The first limit that is exceeded now, or None; sets `interval` to when to look again."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            return "time"
        return self.ended_by_kernel() or self._stored() or self._running()

    def ended_by_kernel(self) -> Ended | None:
        """Whether the kernel has ended a process of the group for want of memory. Also after the jail's end."""
        peak = self._group.out_of_memory() if self._group is not None else None
        if peak is None:
            return None
        self.peak_memory = max(self.peak_memory, peak)
        return "memory"

    def kill(self) -> None:
        """End every process of the jail that is seen, directly: on a busy machine the harness's own end comes late."""
        with self._lock:
            if self._closed:
                return
            self.population.kill()
            for name in set(self.population.pids()).difference(self.population.runtime()):
                self._lookout.signal(name, signal.SIGKILL)

    def close(self) -> None:
        """Let go of what it looks through."""
        with self._lock:
            self._closed = True
            self.population.close()

    def _stored(self) -> Ended | None:
        held = 0
        for usage in self.population.usage():
            if usage.inodes > self._limits.inodes:
                return "inodes"
            if usage.verdict == "memory":
                self.peak_memory = max(self.peak_memory, usage.bytes)
            if usage.most_bytes is not None and usage.bytes > usage.most_bytes:
                return usage.verdict
            held += usage.bytes
        if self._group is not None:
            self._group.allow(held)
        return None

    def _running(self) -> Ended | None:
        found = self._lookout.processes(self.population.pids())
        runtime = self.population.runtime()
        tasks = sum(process.tasks for process in found if process.name not in runtime)
        if tasks > self._limits.tasks:
            return "tasks"
        memory = self._memory.of(found) + self._lookout.tables(found, self._limits.memory // _FEW)
        self.peak_memory = max(self.peak_memory, memory)
        if memory > self._limits.memory or self._memory.hidden():
            return "memory"
        left = (self._limits.memory - memory) / (_BYTES_PER_SECOND * max(1, min(self._cores, tasks)))
        self.interval = min(INTERVAL, max(_SHORTEST, left))
        return None
