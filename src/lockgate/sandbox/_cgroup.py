"""A control group for each jail, where this machine lets us make one: the kernel's own wall around memory and tasks.

First the unified hierarchy where memory and pids are handed down to us, then the separate hierarchies, then none: the
watchdog and the resource limits are always there. A group lies beside or below the launcher's own, so that a jail never
leaves the bounds of whoever started it. It is trusted only when its limits and its member have been read back.

    name   lockgate-NAMESPACE-PID-START-NUMBER   of the launcher: one that nobody owns any more is swept away

A group counts what the watchdog leaves out: files in tmpfs, which have bounds of their own, and what the kernel holds
for the jail. So the wall stands a little above the limit, and moves up with what lies in tmpfs.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.sandbox._hierarchy import Own, member_of, own_groups
from lockgate.sandbox.settings import Limits

_NAME = re.compile(r"lockgate-(\d+)-(\d+)-(\d+)-\d+\Z")
_OOM_KILL = re.compile(rb"^oom_kill [1-9]", re.MULTILINE)
_NUMBERS = itertools.count()
_LEAST_MARGIN = 64 << 20
_STEP = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PATIENCE = 2.0


@dataclass(frozen=True)
class Files:
    """What one version calls the files that we use."""

    memory: str
    with_swap: str
    events: str
    peak: str


FILES = {
    1: Files("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control", "memory.max_usage_in_bytes"),
    2: Files("memory.max", "memory.swap.max", "memory.events", "memory.peak"),
}


@dataclass
class Group:
    """One jail's group. `folders` by controller: "memory" and "pids", or one of them. Nothing here ever raises."""

    version: int
    folders: Mapping[str, Path]
    wall: int = 0
    root: Path = Path("/")
    _tmpfs: int = field(default=0, init=False)
    _events: int = field(default=-1, init=False)

    def __post_init__(self) -> None:
        # Held open: it is read many times a second.
        with suppress(OSError, KeyError):
            self._events = os.open(self.folders["memory"] / FILES[self.version].events, os.O_RDONLY | os.O_CLOEXEC)

    def limits(self) -> dict[str, str]:
        """The mechanism, by the limit's name."""
        named = {"memory": "memory", "tasks": "pids"}
        return {
            limit: f"cgroup v{self.version} {controller}"
            for limit, controller in named.items()
            if controller in self.folders
        }

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What the calling thread starts meanwhile is born in the group, of version 1, which knows threads.

        A process that moves later waits for every other processor: milliseconds. A thread that moves itself does not.
        """
        folders = list(self.folders.values()) if self.version == 1 else []
        if not all(os.access(folder.parent / "tasks", os.W_OK) for folder in folders):
            folders = []
        for folder in folders:
            _write(folder / "tasks", 0)
        try:
            yield
        finally:
            for folder in folders:
                _write(folder.parent / "tasks", 0)
            if folders and any(self._holds("thread-self")):
                # Nobody may end a group that the launcher is in: it is left to stand, and not claimed.
                self.folders = {}

    def take(self, pid: int) -> bool:
        """Whether the process `pid` is in it: moved there if it must, and read back. If not, the group is removed."""
        if not all(self._holds(str(pid))):
            for folder in set(self.folders.values()):
                _write(folder / "cgroup.procs", pid)
        if self.folders and all(self._holds(str(pid))):
            return True
        for folder in set(self.folders.values()):
            _write(folder.parent / "cgroup.procs", pid)
        self.remove()
        return False

    def _holds(self, process: str) -> list[bool]:
        table = _read(self.root / "proc" / process / "cgroup")
        return [
            member_of(table, name if self.version == 1 else "", folder.name) for name, folder in self.folders.items()
        ]

    def allow(self, tmpfs: int) -> None:
        """Let `tmpfs` bytes lie in file systems of a known size without counting as memory."""
        if "memory" not in self.folders or tmpfs < self._tmpfs + _STEP:
            return
        self.wall += tmpfs - self._tmpfs
        self._tmpfs = tmpfs
        folder, files = self.folders["memory"], FILES[self.version]
        if self.version == 1:
            _write(folder / files.with_swap, self.wall)
        _write(folder / files.memory, self.wall)

    def out_of_memory(self) -> int | None:
        """The most memory that it held, without tmpfs, when the kernel had to end a process in it; else None."""
        if self._events < 0:
            return None
        try:
            events = os.pread(self._events, 4096, 0)
        except OSError:
            return None
        if _OOM_KILL.search(events) is None:
            return None
        folder, files = self.folders["memory"], FILES[self.version]
        peak = _read(folder / files.peak).strip()
        return max(0, (int(peak) if peak.isdigit() else self.wall) - self._tmpfs)

    def kill(self, spared: int = 0) -> None:
        """End every process in it but `spared`, which waits for the others; nothing in it can fork meanwhile."""
        for folder in self.folders.values():
            _write(folder / "cgroup.kill", 1)
        if "pids" in self.folders:
            _write(self.folders["pids"] / "pids.max", 0)
        for folder in self.folders.values():
            _kill_members(folder, spared)

    def remove(self) -> None:
        """Take it away. One that still has members is ended first."""
        if self._events >= 0:
            os.close(self._events)
            self._events = -1
        for folder in self.folders.values():
            _remove(folder)


def make(limits: Limits, *, root: Path = Path("/")) -> Group | None:
    """A group for one jail, with its bounds set and read back; None where none can be made.

    `root` is where /proc and the hierarchies are looked for, which tests change.
    """
    try:
        own = own_groups(_read(root / "proc/self/cgroup"), _read(root / "proc/self/mountinfo"))
        name = _name(root)
    except (OSError, ValueError, IndexError):
        return None
    wall = (limits.memory + max(limits.memory // 20, _LEAST_MARGIN)) // _PAGE * _PAGE
    for version, parents in _candidates(own, root):
        folders: dict[str, Path] = {}
        for folder in dict.fromkeys(parents.values()):
            controllers = [controller for controller, parent in parents.items() if parent == folder]
            _sweep(folder, root)
            # One more task than the jail may have: what starts it and waits for it outside.
            if _made(folder / name, version, controllers, wall, limits.tasks + 1):
                folders |= dict.fromkeys(controllers, folder / name)
        if folders:
            return Group(version, folders, wall, root)
    return None


def _candidates(own: Mapping[str, Own], root: Path) -> list[tuple[int, dict[str, Path]]]:
    """The parents of a new group by controller, the best first."""
    found = []
    if "" in own and (parent := _handed_down(own[""], root)) is not None:
        found.append((2, {"memory": parent, "pids": parent}))
    separate = {name: _in(root, own[name].folder) for name in ("memory", "pids") if name in own}
    writable = {name: parent for name, parent in separate.items() if os.access(parent, os.W_OK)}
    if writable:
        found.append((1, writable))
    return found


def _handed_down(own: Own, root: Path) -> Path | None:
    """The group below which memory and pids can be bounded: our own, or, as it holds processes, the one above it.

    Never above a bound: a group with a limit of its own is not left.
    """
    folder, top = _in(root, own.folder), _in(root, own.mounted)
    if not {"memory", "pids"} <= set(_read(folder / "cgroup.controllers").split()):
        return None
    if _hands_down(folder):
        return folder
    bounds = {_read(folder / name).strip() for name in ("memory.max", "pids.max", "memory.high")}
    if folder != top and bounds <= {"max", ""} and _hands_down(folder.parent):
        return folder.parent
    return None


def _hands_down(folder: Path) -> bool:
    if not os.access(folder, os.W_OK) or not os.access(folder / "cgroup.procs", os.W_OK):
        return False
    return {"memory", "pids"} <= set(_read(folder / "cgroup.subtree_control").split())


def _made(folder: Path, version: int, controllers: list[str], memory: int, tasks: int) -> bool:
    """Make one group, set its bounds and read them back; else leave nothing."""
    files = FILES[version]
    try:
        folder.mkdir(mode=0o755)
    except OSError:
        return False
    holds = True
    if "memory" in controllers:
        _write(folder / files.memory, memory)
        # Without swap: in version 1 the sum is bounded, in version 2 the swap alone.
        _write(folder / files.with_swap, memory if version == 1 else 0)
        _write(folder / "memory.oom.group", 1)
        holds = _read(folder / files.memory).strip() == str(memory)
    if "pids" in controllers:
        _write(folder / "pids.max", tasks)
        holds = holds and _read(folder / "pids.max").strip() == str(tasks)
    if not holds:
        with suppress(OSError):
            folder.rmdir()
    return holds


def _sweep(parent: Path, root: Path) -> None:
    """Remove the groups of launchers that have ended, with whatever is left in them."""
    for name in _list(parent):
        match = _NAME.match(name)
        if match is None or match[1] != _namespace(root):
            continue
        with suppress(OSError, ValueError, IndexError):
            if _start(root, match[2]) != match[3]:
                _remove(parent / name)


def _remove(folder: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > give_up:
                return
            _kill_members(folder)
            time.sleep(0.002)
        else:
            return


def _kill_members(folder: Path, spared: int = 0) -> None:
    for pid in _read(folder / "cgroup.procs").split():
        # 0 stands for a process that we cannot see: a signal to it would be one to ourselves. And a thread of ours may
        # be in there, on its way out.
        if int(pid) in (0, os.getpid(), spared):
            continue
        with suppress(OSError):
            held = os.pidfd_open(int(pid))
            try:
                # The number may have been given away since it was read; what the descriptor holds cannot change.
                if pid in _read(folder / "cgroup.procs").split():
                    signal.pidfd_send_signal(held, signal.SIGKILL)
            finally:
                os.close(held)


def _name(root: Path) -> str:
    pid = str(os.getpid())
    return f"lockgate-{_namespace(root)}-{pid}-{_start(root, pid)}-{next(_NUMBERS)}"


def _namespace(root: Path) -> str:
    """Process ids mean something only within one: a launcher in another container is not ours to judge."""
    return os.readlink(root / "proc/self/ns/pid").strip("pid:[]")


def _start(root: Path, pid: str) -> str:
    """When the process began, "" when there is none: the name of a process may hold spaces and brackets."""
    return (_read(root / f"proc/{pid}/stat").rpartition(")")[2].split() or [""] * 20)[19]


def _in(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _list(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _write(path: Path, value: int) -> None:
    """What could not be written is seen when it is read back."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    with suppress(OSError):
        os.write(descriptor, str(value).encode())
    os.close(descriptor)
