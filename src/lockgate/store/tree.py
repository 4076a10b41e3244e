"""Hashing a directory: every regular file by its relative POSIX name, through descriptors that follow no symlink."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from pathlib import Path

from lockgate.core.digest import Digest
from lockgate.core.names import check_file_name, order_of_file_name
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.store.files import hash_fd, open_nofollow, special

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100
_BATCH = 64
_WORTH_A_THREAD = 4 << 20


def hash_tree(folder: Path, *, skip: frozenset[str] = frozenset()) -> list[tuple[str, Digest]]:
    """Name and digest of every file below `folder`, in the order of path components, without those in `skip`.

    Nothing is ignored by default. Empty folders and permission bits are not covered. Files are hashed on all
    CPUs: SHA-256 releases the interpreter.

    Raises:
        VerificationFailed: LG803 a symlink or special file, LG855 a name that is not safe.
        Unavailable: LG808 something cannot be read.
    """
    try:
        top = os.open(folder, _FOLDER & ~os.O_NOFOLLOW)
    except OSError as error:
        raise Unavailable("LG808", f"cannot read {folder}: {error.strerror}", seen={"folder": str(folder)}) from None
    found: list[tuple[str, Digest]] = []
    try:
        for batch in _batches(_walk(top, "", skip)):
            found.extend(zip(batch, _hash_all(list(batch.values())), strict=True))
    except OSError as error:
        raise Unavailable(
            "LG808", f"cannot read {folder}: {error.strerror}; is somebody changing it?", seen={"folder": str(folder)}
        ) from error
    return sorted(found, key=lambda file: order_of_file_name(file[0]))


def _batches(files: Generator[tuple[str, int], None, None]) -> Generator[dict[str, int], None, None]:
    """Some open files at a time; closes each when the caller is done with its batch, and when anything fails."""
    batch: dict[str, int] = {}
    try:
        for name, fd in files:
            batch[name] = fd
            if len(batch) == _BATCH:
                yield batch
                _close(batch)
        if batch:
            yield batch
    finally:
        files.close()
        _close(batch)


def _close(batch: dict[str, int]) -> None:
    while batch:
        os.close(batch.popitem()[1])


def _walk(folder: int, prefix: str, skip: frozenset[str]) -> Generator[tuple[str, int], None, None]:
    """Open descriptors of all files below `folder`, which is closed at the end. Who takes a file closes it."""
    try:
        for entry in sorted(os.listdir(folder)):
            name = prefix + entry
            if name in skip:
                continue
            _check_name(name)
            kind = os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind):
                yield from _walk(_open_folder(entry, folder, name), name + "/", skip)
            elif stat.S_ISREG(kind):
                yield name, open_nofollow(entry, dir_fd=folder)
            else:
                raise special(name)
    finally:
        os.close(folder)


def _open_folder(entry: str, folder: int, name: str) -> int:
    try:
        return os.open(entry, _FOLDER, dir_fd=folder)
    except OSError:
        raise special(name) from None


def _check_name(name: str) -> None:
    try:
        check_file_name(name)
        if name.count("/") > _DEEPEST:
            raise ValueError(f"nested too deeply: {name[:80]!r}")
    except ValueError as error:
        raise VerificationFailed(
            "LG855", f"a file name that cannot be signed: {error}", seen={"file": repr(name)}, next="rename the file"
        ) from None


def _processors() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _hash_all(fds: list[int]) -> list[Digest]:
    workers = min(len(fds), _processors())
    if workers < 2 or sum(os.fstat(fd).st_size for fd in fds) < _WORTH_A_THREAD:
        return [hash_fd(fd) for fd in fds]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(hash_fd, fds))
