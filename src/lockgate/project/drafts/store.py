"""Where drafts lie. Numbers rise; a folder is taken by whoever makes it. The shell.

Trusts nothing that it finds: a link is not followed, a folder of another name is not looked into, a draft.json that is
too large or not in form is said to be so, and the others are read.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.digest import Digest, hex_of
from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.project.drafts import record
from lockgate.project.drafts.record import Draft
from lockgate.store.blobs import BlobStore
from lockgate.store.files import atomic_write, read_regular, writing
from lockgate.store.lock import lock
from lockgate.train.draft_spec import Parts

_NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
_FILE = "draft.json"
_PARTS = "parts"
_LAST = "last"
"""The highest number that was removed: what was read of a draft is not about another one later."""


@dataclass(frozen=True)
class Entry:
    """A draft's folder. `draft`: None where it was not finished, or is not in form; `why` says which."""

    number: int
    path: Path
    bytes: int
    draft: Draft | None
    why: str = ""


def folder(home: Path) -> Path:
    """Where the drafts of a `.lockgate` lie. Raises Refused LG3105 for a link in its place."""
    place = home / "state" / "drafts"
    for each in (place, place / _PARTS):
        if each.is_symlink():
            raise _not_ours(each, "it is a symbolic link")
    return place


def list_drafts(home: Path) -> tuple[Entry, ...]:
    """The drafts that lie below `home`, by number; also unfinished and damaged ones. Raises Refused LG3105."""
    place = folder(home)
    return tuple(_entry(number, place / str(number)) for number in _numbers(place))


def find(home: Path, number: int) -> Draft:
    """One draft. Raises Refused LG3102 (none of this number), LG3105 (it is not in form)."""
    place = folder(home) / str(number)
    if number not in _numbers(place.parent):
        raise Refused("LG3102", f"there is no draft {number}", next="lockgate try --list")
    entry = _entry(number, place)
    if entry.draft is None:
        raise _not_ours(place, entry.why)
    return entry.draft


def remove(home: Path, numbers: Iterable[int]) -> tuple[int, ...]:
    """Remove these drafts; those that are removed. One that is being made just now stays."""
    place, gone = folder(home), []
    _remember(place)
    for number in numbers:
        here = place / str(number)
        if number not in _numbers(place):
            continue
        try:
            with _held(home, number), writing(here):
                shutil.rmtree(here)
        except Unavailable as error:
            if error.finding != "LG807":
                raise
            continue
        gone.append(number)
    return tuple(gone)


def parts_bytes(home: Path) -> int:
    """What the cut rows take. They can be made again."""
    return _bytes(folder(home) / _PARTS)


def parts_held(home: Path) -> AbstractContextManager[None]:
    """While the block runs the cut rows stay; others may work with them too. Waits while they are being removed."""
    return lock(home / "state" / "locks" / "draft-parts", shared=True)


def remove_parts(home: Path) -> bool:
    """Remove the cut rows, which the next draft cuts again; whether they are gone: in use just now, they stay."""
    place = folder(home) / _PARTS
    if not place.is_dir():
        return False
    try:
        with lock(home / "state" / "locks" / "draft-parts", wait=False), writing(place):
            shutil.rmtree(place)
    except Unavailable as error:
        if error.finding != "LG807":
            raise
        return False
    return True


@contextmanager
def begin(home: Path) -> Iterator[tuple[int, Path]]:
    """A new number and its folder, held until the block ends."""
    place = folder(home)
    with writing(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            number = _last(place) + 1
            try:
                (place / str(number)).mkdir(mode=0o700)
            except FileExistsError:
                continue
            break
    with _held(home, number):
        yield number, place / str(number)


def save(here: Path, draft: Draft) -> None:
    """Write draft.json: from then on the draft is there."""
    atomic_write(here / _FILE, draft.encode(), 0o600)


def files_of(here: Path) -> BlobStore:
    """The files of the draft whose folder is `here`. Raises Refused LG3105 for a link in their place."""
    for each in (here, here / "files", here / "staging"):
        if each.is_symlink():
            raise _not_ours(each, "it is a symbolic link")
    return BlobStore(here / "files", here / "staging")


def parts_store(home: Path) -> BlobStore:
    """The rows of drafts, and code while it is being tried."""
    place = folder(home) / _PARTS
    for each in (place / "data", place / "staging"):
        if each.is_symlink():
            raise _not_ours(each, "it is a symbolic link")
    return BlobStore(place / "data", place / "staging")


def known_parts(home: Path, key: Digest, store: BlobStore) -> Parts | None:
    """The parts that were cut before under `key`, where all of them are still there."""
    try:
        found = Parts.read(decode_exact(read_regular(_key_file(home, key), record.MOST)))
        for digest in (found.train, found.fields, found.label):
            record.check_digest(digest)
    except (OSError, ValueError, LockgateError):
        return None
    return found if all(map(store.has, (found.train, found.fields, found.label))) else None


def keep_parts(home: Path, key: Digest, parts: Parts) -> None:
    """Remember the parts that were cut under `key`."""
    atomic_write(_key_file(home, key), encode(parts.as_json()), 0o600)


def _key_file(home: Path, key: Digest) -> Path:
    return folder(home) / _PARTS / f"{hex_of(key)}.json"


def _held(home: Path, number: int) -> AbstractContextManager[None]:
    return lock(home / "state" / "locks" / f"draft-{number}", wait=False)


def _numbers(place: Path) -> list[int]:
    try:
        with os.scandir(place) as entries:
            names = [each.name for each in entries if each.is_dir(follow_symlinks=False) and _NUMBER.match(each.name)]
    except FileNotFoundError:
        return []
    return sorted(map(int, names))


def _last(place: Path) -> int:
    """The highest number that is known to have been given; 0 where nobody says so in a form that can be read."""
    try:
        text = read_regular(place / _LAST, 16).decode().strip()
    except (OSError, UnicodeDecodeError, LockgateError):
        text = ""
    return max([int(text) if _NUMBER.match(text) else 0, *_numbers(place)])


def _remember(place: Path) -> None:
    if last := _last(place):
        atomic_write(place / _LAST, f"{last}\n".encode(), 0o600)


def _entry(number: int, place: Path) -> Entry:
    size = _bytes(place)
    try:
        return Entry(number, place, size, record.read(read_regular(place / _FILE, record.MOST), number))
    except FileNotFoundError:
        return Entry(number, place, size, None, "it was not finished")
    except (ValueError, TypeError, LockgateError) as error:
        why = error.message if isinstance(error, LockgateError) else str(error)
        return Entry(number, place, size, None, f"draft.json is not in form: {why}")


def _bytes(place: Path) -> int:
    total = 0
    for here, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(os.path.join(here, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _not_ours(place: Path, why: str) -> Refused:
    return Refused(
        "LG3105", f"{place.name} is no draft of ours: {why}", seen={"folder": str(place)}, next=f"rm -r {place}"
    )
