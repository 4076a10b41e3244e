"""How much memory the processes of a jail hold, each page once. Looked at from outside, with nothing but /proc.

What a process has mapped is a cheap number, and what processes share is counted in it several times. The exact number
costs a walk through every page table, during which a bomb grows on. So: while the cheap sum is within the limit, it is
the answer. Above it, what is shared is found out by a walk and taken off the cheap sum from then on, until

1. the rest is above the limit again: the processes are stopped, walked through, and let go on when it was sharing;
2. the machine's free memory fell by half of what is left: pages that were shared are being copied; or
3. a while has passed: walked through as they run.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SELDOM = 0.5
# Fewer sockets than this are nothing to look at, whatever the machine lets one of them hold.
_FEW_SOCKETS = 256
_EACH = 4


@dataclass(frozen=True)
class Process:
    """A process as /proc tells of it: its id there, its `statm`, how many threads it has."""

    name: str
    statm: str
    tasks: int

    @property
    def resident(self) -> int:
        """Bytes that it has mapped, shared ones in full."""
        return int(self.statm.split()[1]) * _PAGE

    @property
    def addressed(self) -> int:
        """Bytes of its address space, used or not."""
        return int(self.statm.split()[0]) * _PAGE


class Lookout:
    """Reads a /proc, through a descriptor of it."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        self._shares_network = True
        with suppress(OSError):
            theirs = os.stat("1/ns/net", dir_fd=proc)
            self._shares_network = theirs.st_ino == os.stat("/proc/self/ns/net").st_ino

    def processes(self, names: Sequence[str]) -> list[Process]:
        """Those that are still there."""
        found = []
        for name in names:
            with suppress(OSError, ValueError, IndexError):
                tasks = os.stat(f"{name}/task", dir_fd=self._proc).st_nlink - 2
                found.append(Process(name, self._read(f"{name}/statm"), tasks))
        return found

    def tables(self, found: Sequence[Process], few: int) -> int:
        """What the kernel holds for their tables of pages, which count as nobody's memory.

        Eight bytes for each page of address space at most: below `few` bytes of that there is nothing to look at.
        """
        if sum(process.addressed for process in found) // _PAGE * 8 <= few:
            return 0
        return sum(self._table(process.name) for process in found)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal. A folder of /proc stands for its process: the number cannot have been given away."""
        with suppress(OSError):
            held = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
            try:
                signal.pidfd_send_signal(held, number)
            finally:
                os.close(held)

    def exact(self, found: Sequence[Process], enough: int) -> int:
        """Every page once; at least whatever is above `enough`."""
        each: dict[str, int] = {}
        for process in found:
            each[process.name] = self._proportional(process)
        total = sum(each.values())
        return total if total <= enough else total - sum(each[name] for name in self._borrowed(found))

    def sockets(self) -> int:
        """How many unix sockets there are in the jail's own network; 0 where it shares ours."""
        if self._shares_network:
            return 0
        with suppress(OSError):
            opened = os.open("1/net/unix", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
            try:
                return sum(part.count(b"\n") for part in iter(lambda: os.read(opened, 65536), b"")) - 1
            finally:
                os.close(opened)
        return 0

    def _borrowed(self, found: Sequence[Process]) -> set[str]:
        """Children between vfork and exec: they run in their parent's memory, and the parent waits (D) meanwhile.

        One child for each parent that waits, and only with the very same figures: no more than the kernel makes.
        """
        by_name = {process.name: process for process in found}
        states = {name: self._state(name) for name in by_name}
        borrowed: dict[str, str] = {}
        for name, (_, parent) in states.items():
            waits = states.get(parent, ("", ""))[0] == "D"
            if waits and by_name[parent].statm == by_name[name].statm:
                borrowed[parent] = name
        return set(borrowed.values())

    def _table(self, name: str) -> int:
        with suppress(OSError, ValueError, IndexError):
            for line in self._read(f"{name}/status").splitlines():
                if line.startswith("VmPTE:"):
                    return int(line.split()[1]) * 1024
        return 0

    def _state(self, name: str) -> tuple[str, str]:
        """Its state and its parent."""
        with suppress(OSError, ValueError, IndexError):
            fields = self._read(f"{name}/stat").rpartition(")")[2].split()
            return fields[0], fields[1]
        return "", ""

    def _proportional(self, process: Process) -> int:
        """Its pages, shared ones in part. A process that hides its table of pages is counted in full."""
        try:
            for line in self._read(f"{process.name}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            return 0
        except (OSError, ValueError):
            return process.resident
        return 0

    def _read(self, path: str) -> str:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        try:
            return os.read(opened, 65536).decode()
        finally:
            os.close(opened)


class Memory:
    """Follows one jail's memory against its limit."""

    def __init__(self, lookout: Lookout, limit: int) -> None:
        self._lookout, self._limit = lookout, limit
        self._shared = self._left = self._free = 0
        self._most_sockets = max(_FEW_SOCKETS, limit // _most_in_socket())
        self._looks = 0
        self._next = 0.0

    def of(self, found: list[Process]) -> int:
        """The memory of `found`, which are all processes of the jail. Above the limit it is exact."""
        resident = sum(process.resident for process in found)
        if resident <= self._limit:
            return resident
        if resident - self._shared > self._limit:
            return self._walk(self._stopped(found), stopped=True)
        if time.monotonic() > self._next or _free() < self._free - self._left // 2:
            return self._walk(found, stopped=False)
        return resident - self._shared

    def hidden(self) -> bool:
        """Whether there are so many sockets that what was sent and not read could be as much as the limit."""
        self._looks += 1
        return self._looks % _EACH == 0 and self._lookout.sockets() > self._most_sockets

    def _walk(self, found: list[Process], *, stopped: bool) -> int:
        begun = time.monotonic()
        memory = self._lookout.exact(found, self._limit)
        if memory <= self._limit:
            if stopped:
                for process in found:
                    self._lookout.signal(process.name, signal.SIGCONT)
            self._shared = sum(process.resident for process in found) - memory
            self._left, self._free = self._limit - memory, _free()
            self._next = time.monotonic() + max(_SELDOM, 4 * (time.monotonic() - begun))
        return memory

    def _stopped(self, found: list[Process]) -> list[Process]:
        """The processes, which do not run on while they are counted."""
        for process in found:
            # The harness ends the jail and does not grow.
            if process.name != "1":
                self._lookout.signal(process.name, signal.SIGSTOP)
        return self._lookout.processes([process.name for process in found])


def _free() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * _PAGE


def _most_in_socket() -> int:
    """The kernel doubles what a socket is allowed to send ahead."""
    try:
        with open("/proc/sys/net/core/wmem_max", encoding="ascii") as file:
            return 2 * int(file.read())
    except (OSError, ValueError):
        return 2 * 212_992
