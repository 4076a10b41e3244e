"""The user's wheel store: files by their own digest, shared by all projects, written once.

    $XDG_CACHE_HOME/lockgate/wheels/<SHA-256>/<name>-<version>-<tags>.whl      0444

A file is hashed by us before it gets its name, and again by whoever unpacks it. The store is no evidence: whoever
can write to it can only make a wheel be fetched anew.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.tags import Tag, sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from lockgate.core.digest import Digest, from_hex, hex_of
from lockgate.errors import LockgateError, Refused
from lockgate.runtime.lock import MAKE, Requirement
from lockgate.store.files import fsync_folder, hash_fd, open_nofollow, writing

_FORM = re.compile(r"[A-Za-z0-9._+!-]{1,200}\.whl\Z")


@dataclass(frozen=True)
class Stored:
    """A wheel of the store: normal name, version as the lock spells it, digest, and where its file is."""

    name: str
    version: str
    digest: Digest
    path: Path


def cache_folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/lockgate`, else `~/.cache/lockgate`; made for this user alone."""
    place = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lockgate"
    with writing(place):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


@cache
def ranks() -> Mapping[Tag, int]:
    """The tags that this interpreter takes; the first one fits best."""
    return {tag: rank for rank, tag in enumerate(sys_tags())}


def fits(filename: str, name: str, version: str) -> int | None:
    """How well a wheel file of that name fits this interpreter (0: best); None when it is none of `name` `version`."""
    try:
        found, number, _, tags = parse_wheel_filename(filename)
        wanted = Version(version)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    if not _FORM.match(filename) or found != name or number != wanted:
        return None
    return min((ranks()[tag] for tag in tags if tag in ranks()), default=None)


class WheelStore:
    """The wheels below `cache`, a folder of `cache_folder`."""

    def __init__(self, cache: Path) -> None:
        self.cache, self._place = cache, cache / "wheels"

    def find(self, wanted: Requirement) -> Stored | None:
        """The stored wheel that fits best among those that the lock allows, unread; None when none is here."""
        found = min(self._candidates(wanted), default=None)
        return None if found is None else Stored(wanted.name, wanted.version, from_hex(found[1]), found[2])

    def put(self, file: Path, wanted: Requirement) -> Stored:
        """Move `file`, which a jail left, into the store. Raises Refused LG343 unless the lock allows its bytes."""
        fd = open_nofollow(file)
        try:
            digest = hash_fd(fd)
            os.fchmod(fd, 0o444)
        finally:
            os.close(fd)
        if hex_of(digest) not in wanted.hashes:
            raise other_bytes(wanted, digest)
        folder = self._place / hex_of(digest)
        with writing(folder):
            if folder.is_symlink() or not folder.is_dir():
                _clear(folder)
            folder.mkdir(parents=True, exist_ok=True)
            _clear(folder / file.name)
            os.rename(file, folder / file.name)
            fsync_folder(folder)
        return Stored(wanted.name, wanted.version, digest, folder / file.name)

    def check(self, wheel: Stored) -> bool:
        """Whether the file still has its digest. Whatever has not is removed, to be fetched anew.

        Raises Unavailable LG801 where it cannot be removed: `find` would give it again.
        """
        if _is(wheel):
            return True
        with writing(wheel.path):
            _clear(wheel.path)
        return False

    def _candidates(self, wanted: Requirement) -> Iterator[tuple[int, str, Path]]:
        for digest in wanted.hashes:
            folder = self._place / digest
            try:
                names = os.listdir(folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            for name in names:
                rank = fits(name, wanted.name, wanted.version)
                if rank is not None:
                    yield rank, digest, folder / name


def _is(wheel: Stored) -> bool:
    try:
        fd = open_nofollow(wheel.path)
    except (OSError, LockgateError):
        return False
    try:
        return hash_fd(fd) == wheel.digest
    finally:
        os.close(fd)


def _clear(path: Path) -> None:
    """Remove what stands at `path`, whatever it is; a link itself, not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def other_bytes(wanted: Requirement, seen: str) -> Refused:
    """The error for a wheel that is not the one that was locked."""
    return Refused(
        "LG343",
        f"the wheel of {wanted.name} is not the one that was locked",
        seen={"package": wanted.name, "version": wanted.version, "seen": seen},
        next=MAKE,
    )
