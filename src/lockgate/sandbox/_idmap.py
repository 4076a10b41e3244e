"""Files of one user shown to another, without changing a file: mounts with mapped ids (Linux 5.12).

Only root can make them. On such a mount the owner of a source appears as the jail's uid, and what the jail
writes belongs, on the disk, to that owner.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from functools import lru_cache

_MOUNT_ATTR_IDMAP = 0x00100000
_AT_EMPTY_PATH = 0x1000
_SYS_MOUNT_SETATTR = 442
_ALL = 1 << 32
_HOLD = (
    "import ctypes, os; ctypes.CDLL(None, use_errno=True).unshare(0x10000000) and os._exit(1); "
    "os.write(1, b'.'); os.read(0, 1)"
)


class _Attributes(ctypes.Structure):
    """struct mount_attr."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def show_as(libc: ctypes.CDLL, tree: int, owner: tuple[int, int], shown: int) -> bool:
    """Let the detached mount `tree` show uid and gid `owner` as `shown`. False where kernel or file system cannot."""
    try:
        namespace = _namespace(*owner, shown)
    except OSError:
        return False
    attributes = _Attributes(_MOUNT_ATTR_IDMAP, 0, 0, namespace)
    size = ctypes.sizeof(attributes)
    return bool(libc.syscall(_SYS_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(attributes), size) == 0)


def exchange(owner: int, shown: int) -> str:
    """An id map that swaps two ids and leaves every other as it is (pure)."""
    low, high = sorted((owner, shown))
    if low == high:
        return f"0 0 {_ALL - 1}"
    ranges = [(0, 0, low), (low, high, 1), (low + 1, low + 1, high - low - 1), (high, low, 1)]
    ranges.append((high + 1, high + 1, _ALL - 1 - (high + 1)))
    return "\n".join(f"{inside} {outside} {count}" for inside, outside, count in ranges if count > 0)


@lru_cache(maxsize=16)
def _namespace(uid: int, gid: int, shown: int) -> int:
    """A descriptor of a user namespace with that exchange. Made by a process of its own, which then ends."""
    interpreter = [os.path.realpath(sys.executable), "-I", "-S", "-c", _HOLD]
    with subprocess.Popen(interpreter, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            if holder.stdout is None or holder.stdout.read(1) != b".":
                raise OSError("no user namespace")
            for name, owner in (("uid_map", uid), ("gid_map", gid)):
                with open(f"/proc/{holder.pid}/{name}", "wb", buffering=0) as file:
                    file.write(exchange(owner, shown).encode())
            return os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            holder.kill()
