"""Witnesses of gVisor's kernel, which tells some things elsewhere than Linux does. Imported where it is the launcher.

Must run before the seccomp filter, which refuses the kernel's log.
"""

from __future__ import annotations

from lockgate.sandbox.jail import foreign as ctypes

_PR_GET_NO_NEW_PRIVS = 39
_PR_CAP_AMBIENT, _IS_SET, _LAST_CAPABILITY = 47, 1, 40
_READ_ALL = 3
_FIRST_WORDS = b"Starting gVisor..."


def kernel(libc: ctypes.CDLL) -> tuple[bool, str]:
    """The log of the kernel that answers begins as gVisor's does, which Linux gives to nobody as its own."""
    size = 1 << 16
    log = ctypes.create_string_buffer(size)
    length = libc.klogctl(_READ_ALL, log, size)
    first = log.raw[: max(0, length)].split(b"\n")[0]
    return first.endswith(_FIRST_WORDS), first[-60:].decode("utf-8", "replace") or "no kernel log"


def capabilities(libc: ctypes.CDLL, status: dict[str, str]) -> tuple[bool, str]:
    """The table of a process has no ambient set here; it is asked for one by one, or is not known to this kernel."""
    sets = [status.get(name, "?") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")]
    ambient = [number for number in range(_LAST_CAPABILITY) if libc.prctl(_PR_CAP_AMBIENT, _IS_SET, number, 0, 0) == 1]
    return not ambient and all(value.strip("0") == "" for value in sets), f"bounding {sets[3]}"


def new_privileges(libc: ctypes.CDLL) -> tuple[bool, str]:
    """What an execve may not give. The gVisor of 2022 knows no set-user-id at all, and always says 1."""
    found = libc.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
    return found == 1, str(found)
