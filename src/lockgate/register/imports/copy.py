"""A folder of somebody else's -> a private copy whose every file was hashed as it was copied. The shell.

What is hashed here is what is scanned, and what is stored has that digest or is not stored: whoever changes the folder
meanwhile changes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from lockgate.audit.entries import FileEntry
from lockgate.core.digest import Digest, from_hex
from lockgate.errors import Refused, Unavailable, VerificationFailed
from lockgate.register import import_formats as formats
from lockgate.store.files import CHUNK, write_all, writing
from lockgate.store.tree import Stamp, changed, list_tree, open_beneath, open_tree, stamp_of
from lockgate.trust.oms_names import colliding

_SIZE = 2


def copy_folder(folder: Path, into: Path) -> tuple[FileEntry, ...]:
    """Copy every file below `folder` into the new folder `into`; name, digest and size of each, by name.

    1. Nothing but regular files with safe names, no two of which are one elsewhere; not too many, not too large.
    2. Each is opened below the folder's own descriptor, and is the one that was listed.
    3. Afterwards the folder lists the same files, of the same size and times: none came, went or was written.

    Raises:
        Refused: LG803 a symlink or special file, LG855 a name, LG859 two names, LG858 it changed, LG467 the limits.
        Unavailable: LG808 it cannot be read, LG801 the disk is full.
    """
    try:
        return _copied(folder, into)
    except VerificationFailed as error:
        links = error.finding == "LG803"
        then = f"cp -rL {quote(str(folder))} COPY   # without links; then import COPY" if links else error.next
        raise Refused(error.finding, error.message, seen=error.seen, next=then) from None
    except OSError as error:
        raise Unavailable(
            "LG808", f"cannot read {folder}: {error.strerror}", seen={"folder": str(folder)}, next=f"ls -l {folder}"
        ) from error


def _copied(folder: Path, into: Path) -> tuple[FileEntry, ...]:
    top = open_tree(folder)
    try:
        # 1.
        listed = list_tree(top)
        _check(folder, listed)
        # 2.
        found = [_copy(top, name, stamp, into / name) for name, stamp in sorted(listed.items())]
        # 3.
        again = list_tree(top)
    finally:
        os.close(top)
    if again != listed:
        raise changed(min(name for name in {*listed, *again} if listed.get(name) != again.get(name)))
    return tuple(found)


def _check(folder: Path, listed: Mapping[str, Stamp]) -> None:
    size = sum(stamp[_SIZE] for stamp in listed.values())
    seen: dict[str, Any] = {"folder": str(folder), "files": len(listed), "bytes": size}
    if not listed:
        raise Refused("LG467", f"there is no file in {folder}", seen=seen, next=f"ls -l {folder}")
    if len(listed) > formats.MAX_FILES or size > formats.MAX_BYTES:
        limits = {"most_files": formats.MAX_FILES, "most_bytes": formats.MAX_BYTES}
        raise Refused(
            "LG467",
            f"{folder} holds {len(listed)} files and {size:,} bytes, more than one import may",
            seen=seen | limits,
            next=f"du -a {folder} | sort -n | tail",
        )
    pair = colliding(listed)
    if pair:
        raise Refused(
            "LG859",
            "two names would be one on another system, where one file would take the other's place",
            seen={"names": list(pair)},
            next="ask whoever made the model: one of them is not meant",
        )


def _copy(top: int, name: str, stamp: Stamp, target: Path) -> FileEntry:
    try:
        source = open_beneath(top, name)
    except FileNotFoundError:
        raise changed(name) from None
    try:
        if stamp_of(os.fstat(source)) != stamp:
            raise changed(name)
        digest, size = _copy_bytes(source, target, stamp[_SIZE])
    finally:
        os.close(source)
    return FileEntry(name, digest, size)


def _copy_bytes(source: int, target: Path, size: int) -> tuple[Digest, int]:
    """Digest and size of what was copied: at most one piece more than `size`, however fast the file grows."""
    state, copied = hashlib.sha256(), 0
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            while copied <= size and (piece := os.read(source, CHUNK)):
                state.update(piece)
                write_all(fd, piece)
                copied += len(piece)
        finally:
            os.close(fd)
    return from_hex(state.hexdigest()), copied
