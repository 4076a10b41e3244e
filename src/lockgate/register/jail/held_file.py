"""One file, held open: what is parsed is what is hashed. Nothing is followed, and no large file is read whole.

A small file is read once, and everything is about those bytes. A large one is hashed through the descriptor before it
is parsed through it, and again after, and must not have been written between: bytes that changed meanwhile, or were
changed back, are no bytes that anybody can vouch for.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, TypeVar

from lockgate.register.jail.findings import NotAllowed

SMALL: Final = 64 << 20
_PIECE: Final = 1 << 20
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_Found = TypeVar("_Found")
Stamp: TypeAlias = tuple[int, ...]


def stamp_of(status: os.stat_result) -> Stamp:
    """What differs once a file was replaced or written: nobody but root sets the last of these back."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def changed() -> NotAllowed:
    """LG473."""
    return NotAllowed("LG473", "it was changed while it was read")


@dataclass
class Held:
    """A file's bytes. `sha256` is theirs."""

    stream: BinaryIO
    size: int
    sha256: str
    stamp: Stamp

    def looked_at(self, look: Callable[[BinaryIO, int], _Found]) -> _Found:
        """What `look` says of the bytes. Raises what it raises; NotAllowed LG473 when they changed meanwhile."""
        self.stream.seek(0)
        try:
            return look(self.stream, self.size)
        finally:
            if not isinstance(self.stream, io.BytesIO):
                again = _hash(self.stream)
                if again != (self.sha256, self.size) or stamp_of(os.fstat(self.stream.fileno())) != self.stamp:
                    raise changed()


@contextmanager
def held(folder: int, name: str) -> Iterator[Held]:
    """The regular file `name` in the folder of that descriptor. Raises OSError, also for what is no regular file."""
    descriptor = os.open(name, _FLAGS, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        stamp = stamp_of(status)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if status.st_size > SMALL:
            digest, size = _hash(stream)
            yield Held(stream, size, digest, stamp)
            return
        data = stream.read(SMALL + 1)
        if len(data) > SMALL:
            raise OSError("it grows while it is read")
    yield Held(io.BytesIO(data), len(data), hashlib.sha256(data).hexdigest(), stamp)


def _hash(stream: BinaryIO) -> tuple[str, int]:
    stream.seek(0)
    state, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE):
        state.update(piece)
        size += len(piece)
    return state.hexdigest(), size


@contextmanager
def opened(folder: Path | int, name: str = "", *, follow: bool = False) -> Iterator[int]:
    """A descriptor of a folder: of `folder` itself, or of `name` in it, which no link stands for. Raises OSError.

    `follow`: for a place that the launcher made, which may be a link of its own.
    """
    flags = _FOLDER & ~os.O_NOFOLLOW if follow else _FOLDER
    descriptor = os.open(name, flags, dir_fd=folder) if isinstance(folder, int) else os.open(folder, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Folder:
    """The regular files of one folder, for a file in it that refers to others (`onnx_external.Beside`).

    `stamps`: those of each file that was asked about, as they were then; whoever reads the file later compares.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.stamps: dict[str, Stamp] = {}

    def size(self, name: str) -> int | None:
        """Bytes of the regular file `name`; None where there is none."""
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except (OSError, ValueError):
            return None
        if "/" in name or not stat.S_ISREG(status.st_mode):
            return None
        self.stamps[name] = stamp_of(status)
        return status.st_size

    def read(self, name: str, begin: int, end: int) -> bytes:
        """The bytes from `begin` to `end` of the file that `size` spoke of. Raises OSError, NotAllowed LG473."""
        descriptor = os.open(name, _FLAGS, dir_fd=self._descriptor)
        try:
            if stamp_of(os.fstat(descriptor)) != self.stamps.get(name):
                raise changed()
            return os.pread(descriptor, end - begin, begin)
        finally:
            os.close(descriptor)
