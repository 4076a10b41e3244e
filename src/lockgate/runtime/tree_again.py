"""A tree that was hashed a moment ago and has not been touched since: known again without reading it.

One `lockgate run` verifies its environment before each stage that uses it, 14,000 files each time. What was hashed in
this process less than a minute ago is not read again where every file still has the same inode, size, mode, and times
of change. The kernel sets a file's change time (ctime) itself, at every write by a system call, rename and change of
mode; nobody but root, by turning back the clock, can set it to an earlier one. A file that was touched so shortly
before it was hashed that a second touch could bear the same time is not believed: such a tree is read again.

What this leaves open: a file that is changed between the look and its use, as hashing does; and, for that minute, a
file that a process of the same user holds mapped as shared memory: once such a page is dirty, storing into it once more
sets no time. No jail can: its environment is bound read-only.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.digest import Digest
from lockgate.runtime.tree import tree_digest

LONGEST = 60.0
"""Seconds for which a look is believed at all."""
SETTLED = 2_000_000_000
"""Nanoseconds: file systems keep times in steps of up to two seconds."""

Signs = tuple[tuple[str, int, int, int, int, int, int], ...]


@dataclass(frozen=True)
class _Look:
    signs: Signs
    digest: Digest
    at: float


_LOCK = threading.Lock()
_LOOKS: dict[Path, _Look] = {}


def known_digest(folder: Path) -> Digest:
    """`tree_digest(folder)`, which is not read again where nothing was touched since. Raises what that raises."""
    before, now = signs(folder), time.monotonic()
    with _LOCK:
        last = _LOOKS.get(folder)
    if last is not None and now - last.at <= LONGEST and last.signs == before:
        return last.digest
    wall = time.time_ns()
    found = tree_digest(folder)
    with _LOCK:
        # The signs are of before the reading: what is touched meanwhile has others the next time.
        if is_settled(before, wall):
            _LOOKS[folder] = _Look(before, found, now)
        else:
            _LOOKS.pop(folder, None)
    return found


def signs(folder: Path) -> Signs:
    """What the kernel says of every entry below `folder`, folders as well, by path; no file is opened."""
    found = [_sign(".", os.stat(folder))]
    stack = [""]
    while stack:
        at = stack.pop()
        with os.scandir(folder / at) as entries:
            for entry in entries:
                relative = f"{at}/{entry.name}" if at else entry.name
                found.append(_sign(relative, entry.stat(follow_symlinks=False)))
                if entry.is_dir(follow_symlinks=False):
                    stack.append(relative)
    return tuple(sorted(found))


def is_settled(found: Signs, now: int) -> bool:
    """Whether nothing was touched in the last moments before `now`, nor, by its times, after it."""
    return all(times[-1] < now - SETTLED for times in found)


def _sign(relative: str, seen: os.stat_result) -> tuple[str, int, int, int, int, int, int]:
    return (relative, seen.st_dev, seen.st_ino, seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
