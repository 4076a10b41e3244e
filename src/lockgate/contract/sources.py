"""Source files as the host captures them: opened once, hashed and copied from the same descriptor.

Trusts no file: what a jail reads later is the private copy whose digest goes into the statement. A file that
changes while it is copied is refused, so that a digest never names a mixture of two versions.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.core.digest import Digest, from_hex
from lockgate.errors import Refused
from lockgate.store.files import CHUNK, write_all, writing

MAX_FILES = 10_000


@dataclass(frozen=True)
class SourceFile:
    """One captured file. `path` is the private copy; `format` what the person declared, if anything.

    `origin` says more of what was fetched: an object's version, or the digests of a query and its database.
    """

    name: str
    path: Path
    digest: Digest
    size: int
    format: str | None = None
    origin: Mapping[str, str] = field(default_factory=dict)


def expand(root: Path, pattern: str) -> list[str]:
    """Names below `root` that `pattern` (a file or a glob) stands for, sorted.

    Raises Refused LG101 when nothing matches, LG102 for a name that is not UTF-8 or too many files.
    """
    if not glob.has_magic(pattern) or (root / pattern).is_file():
        return [_utf8(pattern)]
    found = sorted(name for name in glob.iglob(pattern, root_dir=root, recursive=True) if not (root / name).is_dir())
    if not found:
        raise Refused(
            "LG101",
            f"no file matches {pattern}",
            seen={"pattern": pattern, "folder": str(root)},
            next="set [data] sources in lockgate.toml, or put the files there",
        )
    if len(found) > MAX_FILES:
        raise Refused(
            "LG102",
            f"{pattern} matches {len(found)} files; at most {MAX_FILES} are read at once",
            seen={"pattern": pattern, "files": len(found)},
            next="join the files, or narrow the pattern",
        )
    return [_utf8(name) for name in found]


def capture(root: Path, name: str, into: Path, declared: str | None = None) -> SourceFile:
    """Copy the file `name` below `root` to `into`, hashing what is copied.

    1. The last part of the path is no symbolic link, and what opens is a regular file.   2. Hash and copy from this
    descriptor.   3. Size and times of the open file are the same afterwards.
    Raises Refused LG102, LG105, LG118; Unavailable LG801 when the disk is full.
    """
    with _opened(root / _utf8(name), name) as fd:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise _unreadable(name, "it is not a regular file")
        state, size = hashlib.sha256(), 0
        with writing(into):
            target = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                # A file that grows as fast as it is read would never end: one piece beyond its size is enough.
                while size <= before.st_size and (piece := os.read(fd, CHUNK)):
                    state.update(piece)
                    size += len(piece)
                    write_all(target, piece)
            finally:
                os.close(target)
        after = os.fstat(fd)
    if _moment(before) != _moment(after) or size != after.st_size:
        raise Refused(
            "LG105",
            f"{name} changed while it was read",
            seen={"file": name, "bytes_before": before.st_size, "bytes_after": after.st_size, "bytes_read": size},
            next="wait until whoever writes it is done, then run the same command again",
        )
    return SourceFile(name, into, from_hex(state.hexdigest()), size, declared)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused(
                "LG118",
                f"{name} is a symbolic link; Lockgate reads the files that you name, not what they point to",
                seen={"file": name},
                next=f"name the file itself: realpath {name}",
            ) from None
        raise _unreadable(name, os.strerror(error.errno or 0).lower()) from None
    try:
        yield fd
    finally:
        os.close(fd)


def _unreadable(name: str, why: str) -> Refused:
    return Refused("LG102", f"cannot read {name}: {why}", seen={"file": name}, next=f"ls -l {name}")


def _moment(seen: os.stat_result) -> tuple[int, int, int]:
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _utf8(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _unreadable(ascii(name), "its name is not UTF-8") from None
    return name
