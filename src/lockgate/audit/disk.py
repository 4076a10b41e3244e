"""The few file operations that a durable log is made of. One place, so that tests can fail each of them."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lockgate.errors import Unavailable

LOCK_SECONDS = 60.0
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_AT_ONCE = 128
"""So many files `write_many` holds open: far below what any process may have."""


class Disk:
    """Writes that are on the disk when they return (files), or after `sync_folder` (names). Raises OSError."""

    def write_new(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Create `path`, which must not exist, with exactly `data`, and fsync it."""
        descriptor = os.open(path, _CREATE, mode)
        try:
            self.write(descriptor, data)
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def write_many(self, files: Sequence[tuple[Path, bytes]], mode: int = 0o644) -> None:
        """`write_new` for each, in this order, and all are on the disk when it returns: two to three times as fast.

        The kernel is told to begin with all of them before the first fsync waits, so that one commit of the file
        system's journal serves for many. That is a hint; each file has its own fsync all the same.
        """
        for start in range(0, len(files), _OPEN_AT_ONCE):
            descriptors: list[int] = []
            try:
                for path, data in files[start : start + _OPEN_AT_ONCE]:
                    descriptors.append(os.open(path, _CREATE, mode))
                    self.write(descriptors[-1], data)
                if len(descriptors) > 1:
                    for descriptor in descriptors:
                        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                for descriptor in descriptors:
                    self.sync(descriptor)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int) -> None:
        """Make an open file's bytes durable."""
        os.fsync(descriptor)

    def sync_data(self, descriptor: int) -> None:
        """Make an open file's bytes durable, and of what is known about it only its length."""
        os.fdatasync(descriptor)

    def make_folder(self, path: Path) -> None:
        """Create a folder whose parent exists; whoever calls syncs the parent."""
        path.mkdir(mode=0o755)

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename over `target` in one step."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Unlink a file."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()


def read_file(path: Path | str, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes, following no link in the last step.

    Raises FileNotFoundError when there is none, ValueError for anything that is not such a file, OSError otherwise.
    """
    try:
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(str(path)) from None
    except OSError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise ValueError("not a regular file") from None
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("not a regular file")
        # One byte more than there is: the end is seen in the same call, and growth in the next.
        data = os.read(descriptor, min(found.st_size, limit) + 1)
        while found.st_size < len(data) <= limit and (more := os.read(descriptor, limit + 1 - len(data))):
            data += more
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise ValueError(f"longer than {limit} bytes")
    return data


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold an flock on `path` (a folder, or a file that is made if need be). Raises Unavailable after a minute."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, kind: int) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unavailable(
                    "LG712",
                    "another process has been writing or verifying this log for a minute",
                    seen={"lock": str(path)},
                    next="try again when it has ended",
                ) from None
            time.sleep(0.002)
        else:
            return
