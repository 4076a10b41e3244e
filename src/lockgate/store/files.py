"""Reading and writing single files with what the file system can promise.

Promises: a write is seen whole or not at all, also after a power cut (temporary file, fsync, rename, fsync of
the folder); a read never follows a symlink, never opens a device or a pipe, and returns only bytes whose
digest was computed from the same descriptor. A full disk is an `Unavailable` with a hint, never half a file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lockgate.core.digest import Digest, digest_of, from_hex
from lockgate.errors import Unavailable, VerificationFailed

CHUNK = 1 << 20
_HASHED_AT_ONCE = 256 << 10

_PREFIX, _SUFFIX = ".lockgate-", ".tmp"
_HINTS = {
    errno.ENOSPC: "df -h .   # free some space, then run the same command again",
    errno.EDQUOT: "quota -s   # free some space, then run the same command again",
    errno.EROFS: "mount   # the file system is read-only",
    errno.EACCES: "ls -ld .   # this user may not write here",
}


def hash_fd(fd: int) -> Digest:
    """SHA-256 of a whole file by its descriptor, whose position is neither used nor moved."""
    state = hashlib.sha256()
    buffer = bytearray(_HASHED_AT_ONCE)
    view = memoryview(buffer)
    offset = 0
    while count := os.preadv(fd, [view], offset):
        state.update(view[:count])
        offset += count
    return from_hex(state.hexdigest())


def open_nofollow(path: Path | str, *, dir_fd: int | None = None) -> int:
    """A read-only descriptor of a regular file.

    Raises FileNotFoundError; VerificationFailed (LG803) for a symlink, pipe, device or folder in its place;
    Unavailable (LG808) when this user may not read it.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags, dir_fd=dir_fd)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise special(path) from None
        code = error.errno or 0
        raise Unavailable(
            "LG808",
            f"cannot read {path}: {os.strerror(code)}",
            seen={"file": str(path), "error": errno.errorcode.get(code, str(code))},
            next=f"ls -l {path}",
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise special(path)
    return fd


def read_fd(fd: int, most: int) -> bytes:
    """The whole content of a regular file, at most `most` bytes. More is VerificationFailed (LG806)."""
    pieces: list[bytes] = []
    offset = 0
    while piece := os.pread(fd, min(CHUNK, most + 1 - offset), offset):
        pieces.append(piece)
        offset += len(piece)
        if offset > most:
            raise VerificationFailed("LG806", "a file is larger than it may be", seen={"most": most})
    return b"".join(pieces)


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. FileNotFoundError when it is not there."""
    fd = open_nofollow(path)
    try:
        return read_fd(fd, most)
    finally:
        os.close(fd)


def read_verified(path: Path, digest: Digest, most: int) -> bytes:
    """The bytes of `path` if, and only if, they have `digest`: hashed are the very bytes that are returned.

    Raises VerificationFailed: LG805 missing, LG803 not a regular file, LG806 too large, LG802 other bytes.
    """
    try:
        data = read_regular(path, most)
    except FileNotFoundError:
        raise missing(path, digest) from None
    if digest_of(data) != digest:
        raise damaged(path, digest, digest_of(data))
    return data


def atomic_write(path: Path, data: bytes, mode: int = 0o644, *, staging: Path | None = None) -> None:
    """Replace `path` by `data`, durably. The temporary file lies in `staging` (same file system), default beside it.

    Raises Unavailable (LG801) when the disk is full or refuses; then `path` is as it was.
    """
    with writing(path), _temporary(staging or path.parent, mode) as (fd, temporary):
        write_all(fd, data)
        os.fsync(fd)
        os.rename(temporary, path)
        fsync_folder(path.parent)


def write_new(path: Path, data: bytes, mode: int, *, staging: Path | None = None) -> None:
    """Write `path` durably, or raise FileExistsError: what is there is never replaced. Else as `atomic_write`."""
    with writing(path), _temporary(staging or path.parent, mode) as (fd, temporary):
        write_all(fd, data)
        os.fsync(fd)
        publish(temporary, path)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished temporary file its name, durably. Raises FileExistsError when the name is taken."""
    os.link(temporary, path, follow_symlinks=False)
    fsync_folder(path.parent)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte; `os.write` may take fewer."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` outlive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system says while `path` is written into Unavailable (LG801). FileExistsError passes."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        code = error.errno or 0
        raise Unavailable(
            "LG801",
            f"cannot write {path}: {os.strerror(code)}; nothing was changed",
            seen={"file": str(path), "error": errno.errorcode.get(code, str(code))},
            next=_HINTS.get(code, "lockgate doctor"),
        ) from error


@contextmanager
def staged(staging: Path, mode: int) -> Iterator[tuple[int, Path]]:
    """An open temporary file in `staging` with permission bits `mode`; whatever happens, it is gone afterwards."""
    staging.mkdir(parents=True, exist_ok=True)
    with _temporary(staging, mode) as found:
        yield found


def clear_staging(staging: Path) -> None:
    """Remove the temporary files that killed writers left in `staging`. The caller knows that nobody writes now."""
    with writing(staging):
        for path in staging.glob(f"{_PREFIX}*{_SUFFIX}"):
            path.unlink(missing_ok=True)


def damaged(path: Path, expected: Digest, seen: Digest) -> VerificationFailed:
    """The error for bytes that are not those that the name promises."""
    return VerificationFailed(
        "LG802",
        f"{path} was changed: its bytes do not have the digest that was signed",
        seen={"file": str(path), "expected": expected, "seen": seen},
        next="restore the file from a backup or a registry; lockgate verify --all names everything that is damaged",
    )


def missing(path: Path, digest: Digest) -> VerificationFailed:
    """The error for evidence that is not there."""
    return VerificationFailed(
        "LG805",
        f"{path} is missing",
        seen={"file": str(path), "expected": digest},
        next="restore the file from a backup or a registry; lockgate verify --all names everything that is missing",
    )


def special(path: Path | str) -> VerificationFailed:
    """The error for something else than a regular file where one must be."""
    return VerificationFailed(
        "LG803",
        f"{path} is not a regular file (a symlink, pipe, device or folder stands in its place)",
        seen={"file": str(path)},
        next=f"ls -l {path}",
    )


@contextmanager
def _temporary(folder: Path, mode: int) -> Iterator[tuple[int, Path]]:
    # Whoever only reads and verifies does without: it loads archives, random numbers and more.
    from tempfile import mkstemp

    fd, name = mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)
    try:
        os.fchmod(fd, mode)
        yield fd, Path(name)
    finally:
        os.close(fd)
        with suppress(FileNotFoundError):
            os.unlink(name)
