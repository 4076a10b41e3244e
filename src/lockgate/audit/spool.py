"""The gateway's own file: records wait here, durable, until the sealer has put them into the log. No key.

    frame   u32 little-endian length, record, u32 little-endian crc32(length || record)

Trusts nothing: the crc finds accidents only, and the sealer parses each record. Promises that a record whose
`append` returned is read back by every later reader, also after a crash.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lockgate.audit.disk import Disk
from lockgate.errors import Unavailable, VerificationFailed

MAX_RECORD_BYTES = 65_535
_HEAD = 4
_FRAME = 8


@dataclass(frozen=True)
class SpoolPart:
    """Whole records, the offset after them, and how many bytes of an unfinished append follow at the end."""

    records: tuple[bytes, ...]
    offset: int
    torn: int


class CutBack(VerificationFailed):
    """The file is shorter than what was read of it: a write that the disk broke off was taken back meanwhile."""


class Spool:
    """One writer's append-only file. Use as a context manager or close it."""

    def __init__(self, path: Path, *, disk: Disk | None = None) -> None:
        """Open or create `path` (0600). A torn tail, which was never acknowledged, is cut off and counted in `torn`.

        Raises VerificationFailed LG731 when more than the tail is damaged, Unavailable LG732.
        """
        self.path = path
        self._disk = disk or Disk()
        self._descriptor = -1
        with _telling_faults(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.fstat(self._descriptor).st_nlink:
                    raise FileNotFoundError(errno.ENOENT, "it was cleared away")
                self.torn = self._repair()
                self.size = os.fstat(self._descriptor).st_size
                self._disk.sync(self._descriptor)
                self._disk.sync_folder(path.parent)
            except BaseException:
                self.close()
                raise

    def append(self, records: Sequence[bytes]) -> int:
        """Write the records, durable on return, and return the offset after them.

        Raises Unavailable LG732 when the disk fails; then nothing is acknowledged and the file is cut back.
        """
        if any(not 0 < len(record) <= MAX_RECORD_BYTES for record in records):
            raise ValueError(f"a record has 1 to {MAX_RECORD_BYTES} bytes")
        with _telling_faults(self.path):
            before = self.size
            self._write(b"".join(map(frame, records)))
            try:
                self._disk.sync_data(self._descriptor)
            except OSError:
                self._cut_back(before)
                raise
            return self.size

    def write(self, frames: bytes) -> None:
        """Write frames, without waiting for the disk: `sync` does. Raises Unavailable LG732, and then wrote nothing."""
        with _telling_faults(self.path):
            self._write(frames)

    def sync(self) -> None:
        """Make durable what was written before. Another thread may write meanwhile. Raises Unavailable LG732.

        After a failure nobody knows which of those bytes are on the disk: the caller writes them elsewhere.
        """
        with _telling_faults(self.path):
            self._disk.sync_data(self._descriptor)

    def _write(self, frames: bytes) -> None:
        try:
            self._disk.write(self._descriptor, frames)
        except OSError:
            self._cut_back(self.size)
            raise
        self.size += len(frames)

    def _cut_back(self, length: int) -> None:
        try:
            os.ftruncate(self._descriptor, length)
        except OSError:
            self.close()
            raise
        self.size = length

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repair(self) -> int:
        part = read_spool(self.path)
        while part.records:
            part = read_spool(self.path, part.offset)
        if part.torn:
            os.ftruncate(self._descriptor, part.offset)
        return part.torn


def read_spool(path: Path, offset: int = 0, *, limit: int = 1 << 22, owner: int | None = None) -> SpoolPart:
    """Read whole records from `offset` (0 or one that an earlier call returned), at most about `limit` bytes.

    A missing file is an empty one. What an unfinished append left at the very end is counted, not returned:
    call again later. `owner`: the user whose file it must be, asked of the very descriptor that is read.

    Raises CutBack LG731, VerificationFailed LG731 for damage anywhere else, LG7022 for another's file; Unavailable
    LG732.
    """
    limit = max(limit, MAX_RECORD_BYTES + _FRAME)
    with _telling_faults(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return SpoolPart((), offset, 0)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if owner is not None:
                _check_owner(path, status, owner)
            length = status.st_size
            file.seek(offset)
            data = file.read(min(limit, max(0, length - offset)))
    if offset > length:
        raise _damaged(path, offset, "the spool is shorter than what was read of it before", CutBack)
    records: list[bytes] = []
    position = 0
    while (record := _record(data, position)) is not None:
        records.append(record)
        position += len(record) + _FRAME
    rest = length - offset - position
    if not records and rest and not _is_torn(data, rest):
        raise _damaged(path, offset, "a frame in the middle of the spool is damaged")
    at_end = offset + len(data) == length
    return SpoolPart(tuple(records), offset + position, rest if at_end or not records else 0)


def _check_owner(path: Path, status: os.stat_result, owner: int) -> None:
    """Raises VerificationFailed LG7022."""
    if stat.S_ISREG(status.st_mode) and status.st_uid == owner and not status.st_mode & 0o022:
        return
    raise VerificationFailed(
        "LG7022",
        f"{path.name} is no file that only the user who may append can write",
        seen={"owner": status.st_uid, "expected": owner, "mode": oct(status.st_mode)},
        next="lockgate explain LG7022",
    )


def unframe(data: bytes) -> list[bytes]:
    """The records that `frame` made these bytes of. Raises ValueError unless every byte is of a whole frame."""
    records: list[bytes] = []
    position = 0
    while position < len(data):
        record = _record(data, position)
        if record is None:
            raise ValueError("bytes that are no frames of records")
        records.append(record)
        position += len(record) + _FRAME
    return records


def frame(record: bytes) -> bytes:
    """A record as the spool holds it."""
    head = len(record).to_bytes(_HEAD, "little") + record
    return head + zlib.crc32(head).to_bytes(_HEAD, "little")


def _record(data: bytes, position: int) -> bytes | None:
    end = position + _HEAD + int.from_bytes(data[position : position + _HEAD], "little")
    if not position + _HEAD < end <= position + _HEAD + MAX_RECORD_BYTES or end + _HEAD > len(data):
        return None
    framed = data[position:end]
    check = zlib.crc32(framed).to_bytes(_HEAD, "little")
    return framed[_HEAD:] if data[end : end + _HEAD] == check else None


def _is_torn(data: bytes, rest: int) -> bool:
    """Whether the bad bytes that end the file are zeros, or no more than one frame with no whole frame in them."""
    if not any(data):
        return True
    return rest < MAX_RECORD_BYTES + _FRAME and all(_record(data, i) is None for i in range(1, len(data)))


def _damaged(
    path: Path, offset: int, how: str, kind: type[VerificationFailed] = VerificationFailed
) -> VerificationFailed:
    return kind("LG731", how, seen={"file": str(path), "byte": offset}, next="lockgate explain LG731")


@contextmanager
def _telling_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "LG732",
            f"the gateway's spool cannot be used: {error.strerror or error}",
            seen={"file": str(path), "errno": error.errno},
            next="lockgate doctor",
        ) from None
