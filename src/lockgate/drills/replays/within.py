"""What a jailed process has before it, seen from outside: through `/proc/PID/root`, by what files are, not by name."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import lockgate
from lockgate.drills.replays.spec import NotApplicable

if TYPE_CHECKING:
    from lockgate.drills.replays.served import House

_KERNELS: Final = ("proc", "sys", "dev")
_PROGRAMS: Final = ("/usr", "/usr/lib", "/usr/bin", "/bin", "/lib", sys.prefix, sys.base_prefix)
"""The machine's own programs, in which nobody keeps a key: a jail has them as they are."""


def processes(house: House, module: str) -> list[int]:
    """Host pids of a process of this house and of those who started it in its jail, by the module that it runs."""
    parents = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
    top, found = house.running.process.pid, []
    for pid in parents:
        above = pid
        while above in parents and above != top:
            above = parents[above]
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if above == top and pid != top and module.encode() in words:
                found.append(pid)
    return found


def private_keys(folder: Path) -> list[Path]:
    """The files below `folder` in which a private key stands."""
    return [path for path in folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def before(pids: Iterable[int], wanted: Iterable[Path]) -> set[Path]:
    """Which of `wanted` lie anywhere in the file systems of these processes, as the same file or as a copy.

    Raises NotApplicable where this user may not look.
    """
    roots = [Path(f"/proc/{pid}/root") for pid in pids]
    apart = [root for root in roots if _readable(root) and _identity(root.stat()) != _identity(Path("/").stat())]
    if not apart:
        raise NotApplicable("this user cannot look into the jails that run for them (/proc/PID/root)")
    return found_below(apart, wanted)


def found_below(roots: Iterable[Path], wanted: Iterable[Path]) -> set[Path]:
    """Which of `wanted` lie anywhere below these folders, as the same file or as a copy, under whatever name."""
    files = {_identity(path.stat()): path for path in wanted}
    copies = {(path.stat().st_size, _digest(path)): path for path in files.values()}
    sizes = {size for size, _ in copies}
    found = set()
    for path, status in (each for root in roots for each in _files(root)):
        if _identity(status) in files:
            found.add(files[_identity(status)])
        elif status.st_size in sizes:
            with suppress(OSError, KeyError):
                found.add(copies[status.st_size, _digest(path)])
    return found


def _files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    left_out = {_identity(Path(name).stat()) for name in (*_PROGRAMS, lockgate.__path__[0]) if Path(name).is_dir()}
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in _KERNELS]
        kept = []
        for name in folders:
            with suppress(OSError):
                if _identity((Path(folder) / name).stat()) not in left_out:
                    kept.append(name)
        folders[:] = kept
        for name in names:
            with suppress(OSError):
                status = (Path(folder) / name).lstat()
                if stat.S_ISREG(status.st_mode):
                    yield Path(folder) / name, status


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _readable(root: Path) -> bool:
    with suppress(OSError):
        return bool(os.listdir(root))
    return False
