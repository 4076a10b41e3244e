"""The processes below one process, and how all of them are ended where no namespace does it. Standard library only.

Used by the harness of a jail without a pid namespace, and by its launcher. The harness adopts every orphan of the jail,
so all that the jail has started is below it, whatever its session or its parent was.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` imports enum: a third of the harness's start-up
import os


def below(proc: int, root: int) -> list[int]:
    """Every process below `root`, parents first; `proc` is a descriptor of /proc. Ended ones are left out."""
    found: list[int] = []
    seen, waiting = {root}, [root]
    while waiting:
        for child in _children(proc, waiting.pop()):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                found.append(child)
    return [pid for pid in found if not _ended(proc, pid)]


def end(proc: int, root: int) -> int:
    """Send SIGKILL to each process below `root`; how many there were."""
    found = below(proc, root)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
    return len(found)


def _children(proc: int, pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
    except OSError:
        return found
    try:
        for thread in os.listdir(threads):
            found += [int(word) for word in _read(f"{thread}/children", threads).split()]
    finally:
        os.close(threads)
    return found


def _ended(proc: int, pid: int) -> bool:
    state = _read(f"{pid}/stat", proc).rpartition(b")")[2].split()[:1]
    return state in ([], [b"Z"], [b"X"])


def _read(path: str, folder: int) -> bytes:
    try:
        opened = os.open(path, os.O_RDONLY, dir_fd=folder)
    except OSError:
        return b""
    try:
        said = b""
        while data := os.read(opened, 65536):
            said += data
    except OSError:
        return b""
    else:
        return said
    finally:
        os.close(opened)
