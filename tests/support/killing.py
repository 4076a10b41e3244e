"""A process that is killed at a chosen call: every call that changes something is counted, and the N-th is the last.

The quick form forks this process: the calls of `os` and `socket` through which Python changes anything are counted in
the child, and SIGKILL comes before the N-th, or in the middle of it where it is a write. A kill at a call that only
reads leaves what a kill before the next changing call leaves. `strace` says whether the list is whole: see
`changes_of`, and `test_killed_calls.py`.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

CREATES = os.O_CREAT | os.O_TRUNC
OS_CALLS = (
    "chmod", "fchmod", "fdatasync", "fsync", "ftruncate", "link", "mkdir", "remove", "rename", "replace", "rmdir",
    "symlink", "truncate", "unlink", "utime",
)  # fmt: skip
_HEAD = 1000
SOCKET_CALLS = ("connect", "sendto", "sendmsg")

# The same for the kernel. `openat` counts where it creates.
KERNEL = (
    "openat", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2", "rename", "renameat", "renameat2",
    "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "fsync", "fdatasync",
    "sync_file_range", "fchmod", "chmod", "fchmodat", "fchown", "chown", "fchownat", "lchown", "ftruncate",
    "truncate", "fallocate", "copy_file_range", "sendfile", "utimensat", "setxattr", "fsetxattr", "mknodat", "sendto",
    "sendmsg", "connect",
)  # fmt: skip
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")


@dataclass(frozen=True)
class Ended:
    """How a child ended. `steps`: how many it took, where it lived to say so."""

    killed: bool
    steps: int
    said: str


def kill_at(step: int, work: Callable[[], object]) -> Ended:
    """Do `work` in a fork that SIGKILL ends at its `step`-th changing call; 0: it is only counted."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _child(step, work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise AssertionError(f"step {step}: the child did not end as it should: {code} {said}")
    return Ended(code != 0, int(said) if code == 0 else 0, said)


def _child(step: int, work: Callable[[], object], pipe: int) -> NoReturn:
    code, say = 1, os.write
    try:
        counter = Counter(step)
        counter.install()
        work()
        say(pipe, str(counter.steps).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - told to the parent
        say(pipe, traceback.format_exc().encode())
    finally:
        os._exit(code)


class Counter:
    """Counts the changing calls of this process, for good: it is for a process that ends soon."""

    def __init__(self, at: int = 0) -> None:
        self.steps = 0
        self.names: list[str] = []
        self._at = at

    def install(self) -> None:
        """From now on."""
        os.open = self._opening(os.open)
        for name in OS_CALLS:
            setattr(os, name, self._before(name, getattr(os, name)))
        os.write = self._torn("write", os.write)
        for name in SOCKET_CALLS:
            setattr(socket.socket, name, self._before(name, getattr(socket.socket, name)))
        for name in ("send", "sendall"):
            setattr(socket.socket, name, self._torn(name, getattr(socket.socket, name)))

    def _count(self, name: str) -> None:
        self.names.append(name)
        if self._step():
            die()

    def _step(self) -> bool:
        self.steps += 1
        return self.steps == self._at

    def _opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any, flags: int, *more: Any, **named: Any) -> Any:
            if flags & CREATES:
                self._count("open")
            return call(path, flags, *more, **named)

        return counted

    def _before(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self._count(name)
            return call(*arguments, **named)

        return counted

    def _torn(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Two steps: before it, and with half of it done; half a request's head is none, and not a step."""

        def counted(where: Any, data: Any, *more: Any) -> Any:
            self._count(name)
            if (name == "write" or len(data) > _HEAD) and self._step():
                call(where, memoryview(data)[: len(data) // 2], *more)
                die()
            return call(where, data, *more)

        return counted


def die() -> NoReturn:
    """As the kernel does it: no handler, no buffer, no `finally`."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("alive")


@dataclass(frozen=True)
class Change:
    """A system call that changed something: the `number`-th of its name in its process."""

    call: str
    number: int
    text: str


def changes_of(trace: str, places: tuple[str, ...] = ()) -> list[Change]:
    """The changing calls in what strace wrote (`-y`), in order; with `places`: those of files below one of them."""
    counts: dict[str, int] = {}
    found = []
    for line in trace.splitlines():
        match = _CALL.match(line)
        if match is None or match[1] not in KERNEL:
            continue
        call = match[1]
        counts[call] = counts.get(call, 0) + 1
        if call == "openat" and not re.search(r"O_(CREAT|TRUNC|TMPFILE)", line):
            continue
        if not places or any(place in line for place in (*places, "<socket:", "<TCP")):
            found.append(Change(call, counts[call], line))
    return found


def plain_name(call: str) -> str:
    """One name for what Python and the kernel call by several."""
    name = re.sub("(at2?|64)$", "", call) if call != "fchmodat" else "chmod"
    return {"replace": "rename", "remove": "unlink", "rmdir": "unlink", "sendall": "sendto", "send": "sendto"}.get(
        name, name
    )


def leftovers(*folders: Path) -> list[str]:
    """What is only there while something is written: temporary files, checkpoints that wait."""
    return sorted(
        str(path)
        for folder in folders
        for path in folder.rglob("*")
        if re.search(r"\.tmp$|\.next$|^\.lockgate-|^jail-", path.name) or path.parent.parts[-2:] == ("state", "tmp")
    )


def strace_command(trace: Path, change: Change | None = None) -> list[str]:
    """To put before a command. Without `-f`: only its first thread is looked at and killed, which dies as a whole.

    A jail's processes are not killed by us: their watchdogs see to it, as after any kill. SIGKILL comes on entering
    the call, which is not done then.
    """
    options = ["strace", "-qq", "-y", "-s", "0", "-o", str(trace), "-e", f"trace={','.join(KERNEL)}"]
    if change is not None:
        options += ["-e", f"inject={change.call}:signal=KILL:when={change.number}"]
    return options


def environment_for_strace(environment: Mapping[str, str]) -> dict[str, str]:
    """Runs of one command make the same calls in the same order: no byte code is written, no hash is random."""
    return {**environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
