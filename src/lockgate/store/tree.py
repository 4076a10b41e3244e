"""Hashing a directory: every regular file by its relative POSIX name, through descriptors that follow no symlink.

A folder cannot be read in one moment. So it is listed, hashed, and listed again: a file that came, went or was
written meanwhile is noticed by its stamp (inode, size, times), as far as the file system's clock can tell. What must
hold against a writer who is faster than that clock is read through `lockgate.trust.oms_held`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from lockgate.core.digest import Digest
from lockgate.core.names import check_file_name, order_of_file_name
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.store.files import hash_fd, open_nofollow, special

Stamp: TypeAlias = tuple[int, ...]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100
_WORTH_A_THREAD = 4 << 20
_SIZE = 2


def hash_tree(folder: Path, *, skip: frozenset[str] = frozenset(), threads: int = 0) -> list[tuple[str, Digest]]:
    """Name and digest of every file below `folder`, in the order of path components, without those in `skip`.

    Nothing is ignored by default. Empty folders and permission bits are not covered. Files are hashed on all
    CPUs (or on `threads`), the largest first: SHA-256 releases the interpreter, and one file cannot be split.

    Raises:
        VerificationFailed: LG803 a symlink or special file, LG855 a name that is not safe, LG858 the folder changed.
        Unavailable: LG808 something cannot be read.
    """
    top = open_tree(folder)
    try:
        before = list_tree(top, skip=skip)
        found = _hash_all(top, before, threads or _processors())
        _refuse_change(before, list_tree(top, skip=skip))
    except OSError as error:
        raise Unavailable(
            "LG808", f"cannot read {folder}: {error.strerror}; is somebody changing it?", seen={"folder": str(folder)}
        ) from error
    finally:
        os.close(top)
    return sorted(found.items(), key=lambda file: order_of_file_name(file[0]))


def open_tree(folder: Path) -> int:
    """A descriptor of `folder` itself, to which a symlink may lead. Raises Unavailable (LG808)."""
    try:
        return os.open(folder, _FOLDER & ~os.O_NOFOLLOW)
    except OSError as error:
        raise Unavailable("LG808", f"cannot read {folder}: {error.strerror}", seen={"folder": str(folder)}) from None


def list_tree(top: int, *, skip: frozenset[str] = frozenset()) -> dict[str, Stamp]:
    """Every regular file below the folder `top` with what changes when it does. Raises as `hash_tree`, and OSError."""
    return dict(_walk(os.dup(top), "", skip))


def open_beneath(top: int, name: str) -> int:
    """A read-only descriptor of the file `name` below the folder `top`; no part of the name may be a symlink.

    Raises FileNotFoundError, VerificationFailed (LG803), Unavailable (LG808).
    """
    *folders, last = name.split("/")
    at = os.dup(top)
    try:
        for depth, entry in enumerate(folders, 1):
            inner = _open_folder(entry, at, "/".join(folders[:depth]))
            os.close(at)
            at = inner
        return open_nofollow(last, dir_fd=at)
    finally:
        os.close(at)


def stamp_of(status: os.stat_result) -> Stamp:
    """What differs once a file was replaced or written."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def changed(name: str) -> VerificationFailed:
    """The error for a folder that did not hold still."""
    return VerificationFailed(
        "LG858",
        f"{name} was changed while the folder was read",
        seen={"file": name},
        next="stop what writes there, then run the same command again",
    )


def _walk(folder: int, prefix: str, skip: frozenset[str]) -> Iterator[tuple[str, Stamp]]:
    """Each file below `folder`, which is closed at the end."""
    try:
        for entry in sorted(os.listdir(folder)):
            name = prefix + entry
            if name in skip:
                continue
            _check_name(name)
            status = os.stat(entry, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield from _walk(_open_folder(entry, folder, name), name + "/", skip)
            elif stat.S_ISREG(status.st_mode):
                yield name, stamp_of(status)
            else:
                raise special(name)
    finally:
        os.close(folder)


def _open_folder(entry: str, folder: int, name: str) -> int:
    try:
        return os.open(entry, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        raise
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


def _refuse_change(before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> None:
    if before != after:
        raise changed(min(name for name in {*before, *after} if before.get(name) != after.get(name)))


def _processors() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _hash_all(top: int, files: Mapping[str, Stamp], threads: int) -> dict[str, Digest]:
    workers = min(len(files), threads)
    if workers < 2 or sum(stamp[_SIZE] for stamp in files.values()) < _WORTH_A_THREAD:
        return {name: _hash(top, name, stamp) for name, stamp in files.items()}
    return _hash_together(top, sorted(files.items(), key=lambda file: -file[1][_SIZE]), workers)


def _hash_together(top: int, files: Sequence[tuple[str, Stamp]], workers: int) -> dict[str, Digest]:
    """On plain threads, each taking the next file: an executor costs more to import than most folders to hash."""
    from threading import Thread

    waiting = iter(files)
    found: dict[str, Digest] = {}
    failures: list[Exception] = []

    def work() -> None:
        # `next` on an iterator over a list is one step under the interpreter's lock.
        while not failures and (file := next(waiting, None)) is not None:
            try:
                found[file[0]] = _hash(top, *file)
            except Exception as error:  # noqa: BLE001 - raised again by the caller's thread
                failures.append(error)

    helpers = [Thread(target=work, daemon=True) for _ in range(workers - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]
    return found


def _hash(top: int, name: str, stamp: Stamp) -> Digest:
    try:
        fd = open_beneath(top, name)
    except FileNotFoundError:
        raise changed(name) from None
    try:
        if stamp_of(os.fstat(fd)) != stamp:
            raise changed(name)
        return hash_fd(fd)
    finally:
        os.close(fd)
