"""The system call filter, as raw classic BPF from a table of our own (pure): x86_64 and aarch64.

A program of another architecture is killed; x32 numbers and numbers that this table does not know answer
ENOSYS; what reaches the host beyond what training needs answers EPERM. Tested by what the kernel answers.
Instruction: code u16, jump-true u8, jump-false u8, constant u32 (linux/filter.h).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lockgate.errors import Unfit
from lockgate.sandbox._calls import ALONE_IGNORED, ALONE_REFUSED, ARCHITECTURES, OUTWARD, Architecture

EPERM, ENOSYS, ENOTSUP, EAFNOSUPPORT = 1, 38, 95, 97

_LOAD, _EQUAL, _GREATER, _AT_LEAST, _BITS, _AND, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x54, 0x06
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16

_NAMESPACES = 0x7E020000  # NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
_NEW_FILE = 0o100 | 0o20000000  # O_CREAT | __O_TMPFILE
_SET_ID = 0o6000
_FILE_TYPE, _REGULAR = 0o170000, 0o100000
_TERMINAL = (0x5412, 0x541C, 0x5423)  # TIOCSTI, TIOCLINUX, TIOCSETD
_MSG_FASTOPEN = 0x20000000
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCK_TYPE, _STREAM, _SEQPACKET = 0xF, 1, 5
_PR_SET_DUMPABLE = 4


@dataclass(frozen=True)
class Alone:
    """No namespace stands around the jail. `metadata`: modes, owners and times of files may be changed.

    A path can be changed so wherever it lies, and no filter sees a path: only a program that we trust may.
    """

    metadata: bool = False


@dataclass(frozen=True)
class _Step:
    """One instruction; `true` and `false` say how many instructions to skip."""

    code: int
    constant: int
    true: int = 0
    false: int = 0

    def packed(self) -> bytes:
        return struct.pack("<HBBI", self.code, self.true, self.false, self.constant)


def program(machine: str, *, network: bool, memfd: bool, alone: Alone | None = None) -> bytes:
    """The filter for `machine` (`platform.machine()`). Raises Unfit LG905 for an architecture without a table."""
    steps = _steps(architecture(machine), network=network, memfd=memfd, alone=alone)
    return b"".join(step.packed() for step in steps)


def architecture(machine: str) -> Architecture:
    """The table for `machine`. Raises Unfit LG905."""
    if machine not in ARCHITECTURES:
        raise Unfit(
            "LG905",
            f"there is no system call table for {machine}",
            seen={"known": sorted(ARCHITECTURES)},
            next="run the jailed stages on x86_64 or aarch64",
        )
    return ARCHITECTURES[machine]


def _steps(arch: Architecture, *, network: bool, memfd: bool, alone: Alone | None) -> list[_Step]:
    steps = [_load(_ARCH), _Step(_EQUAL, arch.audit, 1, 0), _Step(_RETURN, _KILL), _load(_NUMBER)]
    if arch.foreign_bit:
        steps += [_Step(_AT_LEAST, arch.foreign_bit, 0, 1), _errno(ENOSYS)]
    steps += [_Step(_GREATER, arch.newest, 0, 1), _errno(ENOSYS)]
    for errno, names in ((ENOSYS, arch.unknown), (EPERM, arch.refused), (ENOTSUP, arch.unsupported)):
        for name in names:
            if not (memfd and name == "memfd_create") and name in arch.numbers:
                steps += [_Step(_EQUAL, arch.numbers[name], 0, 1), _errno(errno)]
    numbers = arch.numbers
    bodies = _by_argument(network=network)
    if alone is not None:
        numbers = {**arch.numbers, **arch.alone}
        bodies |= _by_argument_alone(network=network)
        outright = {**dict.fromkeys(ALONE_REFUSED, EPERM), **dict.fromkeys(() if alone.metadata else ALONE_IGNORED, 0)}
        for name, errno in outright.items():
            if name in numbers:
                steps += [_Step(_EQUAL, numbers[name], 0, 1), _errno(errno)]
    for name, body in bodies.items():
        if name in numbers:
            # A body ends in a return on every path, so the number is still loaded when it is skipped.
            steps += [_Step(_EQUAL, numbers[name], 0, len(body)), *body]
    return [*steps, _Step(_RETURN, _ALLOW)]


def _by_argument_alone(*, network: bool) -> dict[str, list[_Step]]:
    """What namespaces do elsewhere. A unix socket reaches the host's by path, so there are only pairs of them; a pair
    of datagrams could be connected anew. Priorities of others, and hiding from the watchdog, are refused.
    """
    own = _only(0, (0,), EPERM)
    return {
        "socket": _only(0, (_AF_INET, _AF_INET6) if network else (), EAFNOSUPPORT),
        "socketpair": _connected_pair(),
        "prctl": _none_of(0, (_PR_SET_DUMPABLE,)),
        "setpriority": _both((0, 0)),
        "ioprio_set": _both((1, 0)),
        **dict.fromkeys(("sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr"), own),
    }


def _connected_pair() -> list[_Step]:
    return [
        *(_argument(0), _Step(_EQUAL, _AF_UNIX, 0, 4)),
        *(_argument(1), _Step(_AND, _SOCK_TYPE), _Step(_EQUAL, _STREAM, 2, 0), _Step(_EQUAL, _SEQPACKET, 1, 0)),
        *(_errno(EAFNOSUPPORT), _Step(_RETURN, _ALLOW)),
    ]


def _both(allowed: tuple[int, int]) -> list[_Step]:
    first = [_argument(0), _Step(_EQUAL, allowed[0], 0, 2)]
    return [*first, _argument(1), _Step(_EQUAL, allowed[1], 1, 0), _errno(EPERM), _Step(_RETURN, _ALLOW)]


def _by_argument(*, network: bool) -> dict[str, list[_Step]]:
    families = (_AF_UNIX, _AF_INET, _AF_INET6) if network else (_AF_UNIX,)
    only_families = _only(0, families, EAFNOSUPPORT)
    return {
        "clone": _no_bits(0, _NAMESPACES),
        "socket": only_families,
        "socketpair": _only(0, (_AF_UNIX,), EAFNOSUPPORT),
        "ioctl": _none_of(1, _TERMINAL),
        "personality": _only(0, (0, 0xFFFFFFFF), EPERM),
        "prlimit64": _only(0, (0,), EPERM),
        "chmod": _no_bits(1, _SET_ID),
        "fchmod": _no_bits(1, _SET_ID),
        "fchmodat": _no_bits(2, _SET_ID),
        "fchmodat2": _no_bits(2, _SET_ID),
        "creat": _no_bits(1, _SET_ID),
        "open": _no_bits_if(1, _NEW_FILE, 2, _SET_ID),
        "openat": _no_bits_if(2, _NEW_FILE, 3, _SET_ID),
        "mknod": _regular(1),
        "mknodat": _regular(2),
    }


def _load(offset: int) -> _Step:
    return _Step(_LOAD, offset)


def _argument(index: int) -> _Step:
    """The low 32 bits of an argument: what the kernel itself looks at for every call in the table."""
    return _load(_ARGUMENTS + 8 * index)


def _errno(number: int) -> _Step:
    return _Step(_RETURN, _ERRNO | number)


def _only(index: int, allowed: tuple[int, ...], errno: int) -> list[_Step]:
    checks = [_Step(_EQUAL, value, len(allowed) - at, 0) for at, value in enumerate(allowed)]
    return [_argument(index), *checks, _errno(errno), _Step(_RETURN, _ALLOW)]


def _none_of(index: int, refused: tuple[int, ...]) -> list[_Step]:
    checks = [_Step(_EQUAL, value, len(refused) - at, 0) for at, value in enumerate(refused)]
    return [_argument(index), *checks, _Step(_RETURN, _ALLOW), _errno(EPERM)]


def _no_bits(index: int, bits: int) -> list[_Step]:
    return [_argument(index), _Step(_BITS, bits, 0, 1), _errno(EPERM), _Step(_RETURN, _ALLOW)]


def _no_bits_if(condition: int, when: int, index: int, bits: int) -> list[_Step]:
    return [_argument(condition), _Step(_BITS, when, 0, 3), *_no_bits(index, bits)[:3], _Step(_RETURN, _ALLOW)]


def _regular(index: int) -> list[_Step]:
    return [
        _argument(index),
        _Step(_BITS, _SET_ID, 3, 0),
        _Step(_AND, _FILE_TYPE),
        _Step(_EQUAL, _REGULAR, 2, 0),
        _Step(_EQUAL, 0, 1, 0),
        _errno(EPERM),
        _Step(_RETURN, _ALLOW),
    ]


def answers(machine: str, *, network: bool, memfd: bool) -> list[tuple[str, int, int, int, int]]:
    """Calls that answer otherwise without the filter: name, number, two arguments, the errno that only we give."""
    numbers = architecture(machine).numbers
    socket = numbers["socket"]
    found = [
        ("openat2", numbers["openat2"], -1, 0, ENOSYS),
        ("keyctl", numbers["keyctl"], 0, -3, EPERM),
        ("socket AF_VSOCK", socket, 40, 1, EAFNOSUPPORT),
        ("socket AF_NETLINK", socket, 16, 3, EAFNOSUPPORT),
        ("socket AF_PACKET", socket, 17, 3, EAFNOSUPPORT),
        ("personality", numbers["personality"], 0x0040000, 0, EPERM),
    ]
    if not network:
        found += [("socket AF_INET", socket, 2, 1, EAFNOSUPPORT), ("socket AF_INET6", socket, 10, 1, EAFNOSUPPORT)]
    if not memfd:
        found.append(("memfd_create", numbers["memfd_create"], 0, 0, ENOSYS))
    return found


def answers_alone(machine: str, alone: Alone) -> list[tuple[str, int, int, int, int]]:
    """The same for what is judged only where no namespace stands around the jail."""
    known = architecture(machine)
    numbers = {**known.numbers, **known.alone}
    found = [
        ("socket AF_UNIX", numbers["socket"], _AF_UNIX, 1, EAFNOSUPPORT),
        ("socketpair of datagrams", numbers["socketpair"], _AF_UNIX, 2, EAFNOSUPPORT),
        ("inotify_init1", numbers["inotify_init1"], 0, 0, EPERM),
        ("removexattr", numbers["removexattr"], 0, 0, EPERM),
        ("prctl PR_SET_DUMPABLE", numbers["prctl"], _PR_SET_DUMPABLE, 99, EPERM),
        ("setpriority", numbers["setpriority"], 9, 0, EPERM),
        ("ioprio_set", numbers["ioprio_set"], 9, 0, EPERM),
        ("sched_setaffinity", numbers["sched_setaffinity"], -1, 0, EPERM),
    ]
    if not alone.metadata:
        found += [
            ("fchmodat", numbers["fchmodat"], -100, 0, 0),
            ("utimensat", numbers["utimensat"], -1, 0, 0),
            ("fchownat", numbers["fchownat"], -100, 0, 0),
        ]
    return found


def inward(machine: str) -> bytes:
    """A second filter, for a jail that was given sockets and answers on them only.

    An inherited socket belongs to the network in which it was made: closed and connected anew it would call from
    there. So there is no connect, no bind, and no opening by the first bytes (MSG_FASTOPEN).
    Raises Unfit LG905 for an architecture without a table.
    """
    arch, numbers = architecture(machine), OUTWARD[machine]
    flags = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}
    steps = [_load(_ARCH), _Step(_EQUAL, arch.audit, 1, 0), _Step(_RETURN, _KILL), _load(_NUMBER)]
    for name in ("connect", "bind"):
        steps += [_Step(_EQUAL, numbers[name], 0, 1), _errno(EPERM)]
    for name, index in flags.items():
        body = _no_bits(index, _MSG_FASTOPEN)
        steps += [_Step(_EQUAL, numbers[name], 0, len(body)), *body]
    return b"".join(step.packed() for step in [*steps, _Step(_RETURN, _ALLOW)])


def answers_inward(machine: str) -> list[tuple[str, int, int, int, int]]:
    """What only that filter answers: without it, a descriptor that is none would be EBADF."""
    numbers = OUTWARD[machine]
    return [(name, numbers[name], -1, 0, EPERM) for name in ("connect", "bind")]
