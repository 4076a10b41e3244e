"""What lies in a folder of `.lockgate`, and taking it away. Follows no link, at any place of the path.

A folder is opened once, part by part without following links, and everything in it is looked at and removed through
that descriptor: what is put in the folder's place later is not touched.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lockgate.errors import Refused
from lockgate.store.files import writing

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A file or folder that has a digest's name. `time`: when it was last written, in seconds since the epoch."""

    name: str
    size: int
    time: float


@dataclass(frozen=True)
class Listing:
    """What lies in a folder; `strange`: names that Lockgate did not write there, or that are links, pipes, devices."""

    entries: tuple[Entry, ...] = ()
    strange: tuple[str, ...] = ()


@contextmanager
def opened(home: Path, *parts: str) -> Iterator[int | None]:
    """A descriptor of the folder `parts` below `home`; None where there is none.

    Raises Refused LG9032 where a link, or something that is no folder, stands at any of these places.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    held = os.open(home, flags)  # where the project is, its owner says
    try:
        for number, part in enumerate(parts):
            try:
                inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=held)
            except FileNotFoundError:
                yield None
                return
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                raise _no_folder(home.joinpath(*parts[: number + 1])) from None
            os.close(held)
            held = inner
        yield held
    finally:
        os.close(held)


def files(folder: int) -> Listing:
    """The stored files of a folder."""
    return _listed(folder, stat.S_ISREG)


def folders(folder: int) -> Listing:
    """The folders of a folder that are named by a digest, with the size of all that is in them.

    A file with a second name elsewhere takes no space of its own, and counts nothing.
    """
    found = _listed(folder, stat.S_ISDIR)
    return Listing(tuple(Entry(one.name, _size(folder, one.name), one.time) for one in found.entries), found.strange)


def unlink(folder: int, name: str) -> None:
    """Remove one file; that it is gone already is no error."""
    with writing(Path(name)), suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def remove_folder(folder: int, name: str) -> None:
    """Remove a folder with all that is in it; links in it are removed, and not followed."""
    with writing(Path(name)):
        if not shutil.rmtree.avoids_symlink_attacks:  # never on Linux
            raise OSError(errno.ENOTSUP, "this system cannot remove a folder without following links")
        with suppress(FileNotFoundError):
            shutil.rmtree(name, dir_fd=folder)


def _listed(folder: int, wanted: object) -> Listing:
    entries, strange = [], []
    for name in sorted(os.listdir(folder)):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if _HEX.fullmatch(name) and wanted(found.st_mode):  # type: ignore[operator]
            entries.append(Entry(name, found.st_size, found.st_mtime))
        else:
            strange.append(name)
    return Listing(tuple(entries), tuple(strange))


def _size(folder: int, name: str) -> int:
    total = 0
    for _, _, names, held in os.fwalk(name, dir_fd=folder, follow_symlinks=False):
        for each in names:
            found = os.stat(each, dir_fd=held, follow_symlinks=False)
            total += found.st_size if found.st_nlink == 1 else 0
    return total


def _no_folder(path: Path) -> Refused:
    return Refused(
        "LG9032",
        f"{path} is not a folder that Lockgate made: a link, or something else, stands in its place",
        seen={"path": str(path)},
        next=f"ls -ld {path}",
    )
