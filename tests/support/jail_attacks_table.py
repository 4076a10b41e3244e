"""What an attack is, and the tools that attacks share: standard library only, it runs inside every kind of jail.

An attack succeeds when its function returns something true. `control` says where it does succeed, so that a refusal
inside means something:

    bare        an ordinary user's process on the host
    unfiltered  an ordinary user's bubblewrap without filter and with every capability of its own user namespace
    root        the host's root in namespaces that are thrown away
    none: ...   nowhere that a test may go, and why
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
Run = Callable[[Facts], object]

X86 = platform.machine() == "x86_64"
REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EAFNOSUPPORT)


@dataclass(frozen=True)
class Attack:
    """One attack, and where it succeeds."""

    run: Run
    control: str


ATTACKS: dict[str, Attack] = {}


def add(name: str, control: str, run: Run) -> None:
    """Register an attack. Raises ValueError for a name that is taken."""
    if name in ATTACKS:
        raise ValueError(name)
    ATTACKS[name] = Attack(run, control)


def attack(control: str) -> Callable[[Run], Run]:
    """Register an attack under its function's name."""

    def register(function: Run) -> Run:
        add(getattr(function, "__name__", ""), control, function)
        return function

    return register


def done(function: Callable[..., object], *arguments: Any) -> bool:
    """Whether a call that answers nothing came to its end."""
    function(*arguments)
    return True


def call(number: int, *arguments: object) -> bool:
    """Let a raw call knock: any answer but a refusal, even "bad argument", is in. Raises OSError when refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    given = [argument if isinstance(argument, bytes) else ctypes.c_long(int(str(argument))) for argument in arguments]
    padded = [*given, *[ctypes.c_long(0)] * (6 - len(given))]
    if libc.syscall(ctypes.c_long(number), *padded) >= 0 or ctypes.get_errno() not in REFUSED:
        return True
    raise OSError(ctypes.get_errno(), "refused")


def control_call(number: int, *arguments: int) -> bool:
    """A call of prctl. Raises OSError when it is refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(number, *[ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True


def reads(path: str) -> bool:
    """Whether a file gives anything, which is thrown away."""
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return bool(os.read(opened, 8192))


def holds(path: str, text: str) -> bool:
    """Whether a file has that text in it."""
    return text.encode() in Path(path).read_bytes()


def writes(path: str) -> bool:
    """Whether a file can be opened for writing; nothing is written."""
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    return True


def creates(folder: str) -> bool:
    """Whether a new file can be made in a folder; it is taken away again."""
    path = f"{folder}/lockgate-attack-{os.getpid()}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)
    return True


def scratch(name: str) -> str:
    """A path of this attack's own in the place for scratch files."""
    return f"{os.environ.get('TMPDIR', '/tmp')}/lockgate-attack-{os.getpid()}-{name}"


def given(facts: Facts) -> str:
    """The input: where the jail shows it, or where it is on the host."""
    folder = os.environ.get("LOCKGATE_DATA")
    return f"{folder}/input" if folder else str(facts["input"])


def status(field: str) -> str:
    """A field of this process's status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    return ""
