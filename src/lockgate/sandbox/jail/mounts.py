"""Take the table of mounts, which names paths of the host, out of the sight of everything in the jail.

The kernel shows in `/proc/PID/mountinfo` the mounts of the process's namespace that can be reached from the process's
root (fs/proc_namespace.c, show_mountinfo). So pid 1 moves into a copy of its mount namespace and keeps its root in the
old one: nothing of the copy is reachable, and the table is empty, for it and for all that it starts.
"""

from __future__ import annotations

import os

from lockgate.sandbox.jail import foreign as ctypes

CLONE_NEWNS = 0x00020000
PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
CAPABILITY_VERSION_3 = 0x20080522
HIGHEST = 63


class Header(ctypes.Structure):
    """struct __user_cap_header_struct."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def hide(libc: ctypes.CDLL) -> int:
    """Leave the namespace; the descriptor that is returned keeps it alive and must stay open. -1 when refused."""
    try:
        held = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if libc.unshare(CLONE_NEWNS) == 0:
        os.fchdir(root)
        os.chroot(".")
        os.fchdir(here)
    else:
        os.close(held)
        held = -1
    os.close(root)
    os.close(here)
    return held


def give_up_capabilities(libc: ctypes.CDLL) -> None:
    """Every capability of every set, for good. What could not be given up is seen by the probe."""
    number = 0
    while number <= HIGHEST and libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    libc.capset(ctypes.byref(Header(CAPABILITY_VERSION_3, 0)), (ctypes.c_uint32 * 6)())
