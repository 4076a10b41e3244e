"""What each version of Landlock can refuse. Data, and the one question to the kernel.

Source: include/uapi/linux/landlock.h. A right that a ruleset does not name is not refused at all.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR = 1 << 4, 1 << 5, 1 << 6, 1 << 7
MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
BIND_TCP, CONNECT_TCP = 1, 2
ABSTRACT_SOCKETS, SIGNALS = 1, 2

_SYS_CREATE_RULESET = 444
_VERSION = 1

# The first version that keeps signals and abstract sockets inside: without it level 2 would not hold.
LEAST_ALONE = 6

LOOK = READ_FILE | READ_DIR
RUN = LOOK | EXECUTE
CHANGE = RUN | WRITE_FILE | TRUNCATE | REFER | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO
FULL = CHANGE | MAKE_SYM


@dataclass(frozen=True)
class Handled:
    """What a ruleset refuses unless a rule allows it: bits of paths, of TCP, and of what stays inside the domain."""

    paths: int
    tcp: int
    scopes: int


def handled(abi: int, *, network: bool) -> Handled:
    """All that version `abi` knows; with `network`, TCP stays as it is (pure)."""
    paths = (1 << 13) - 1
    paths |= REFER if abi >= 2 else 0
    paths |= TRUNCATE if abi >= 3 else 0
    paths |= IOCTL_DEV if abi >= 5 else 0
    tcp = BIND_TCP | CONNECT_TCP if abi >= 4 and not network else 0
    return Handled(paths, tcp, ABSTRACT_SOCKETS | SIGNALS if abi >= 6 else 0)


@lru_cache(maxsize=1)
def kernel_abi() -> int:
    """The version that this kernel has, 0 for none."""
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(ctypes.c_long(_SYS_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))
    return max(0, found)
