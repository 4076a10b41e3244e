"""What is noted before the first key is destroyed: so that an erasure which was begun is finished, and is recorded.

File `.lockgate/state/erasing/<salt>.json`, 0600, one exact encoding. It goes when the log says that it was done. It
says no more than the key files do: an inner tag, and which slots were found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from lockgate.audit.erasures import KINDS, SALT_BYTES, TAG_BYTES, Kind, outer_tag
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.errors import VerificationFailed
from lockgate.store.files import atomic_write, fsync_folder, read_regular

_MOST = 1 << 26
_FIELDS = {"v", "of", "inner", "salt", "began", "reason", "slots", "labels"}
_NAME = re.compile(r"[0-9a-f]{32}\.json")


@dataclass(frozen=True)
class Note:
    """An erasure that was begun.

    Attributes:
        inner: what the key files tell it by; `salt`: what hides that in the log.
        slots: by part, the slots of the keys; also those that are destroyed by now. `labels`: lines that were found.
    """

    of: Kind
    inner: bytes
    salt: bytes
    began: datetime
    reason: str
    slots: Mapping[str, tuple[int, ...]]
    labels: int

    @property
    def tag(self) -> bytes:
        """What the log says in the place of `inner`."""
        return outer_tag(self.salt, self.inner)

    def encode(self) -> bytes:
        """The file's bytes."""
        return encode(
            {
                "v": 1,
                "of": self.of,
                "inner": self.inner.hex(),
                "salt": self.salt.hex(),
                "began": rfc3339(self.began),
                "reason": self.reason,
                "slots": {name: list(slots) for name, slots in self.slots.items()},
                "labels": self.labels,
            }
        )


def keep(home: Path, note: Note) -> None:
    """Write the note, durable on return. Raises OSError."""
    folder = _folder(home)
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        fsync_folder(folder.parent)
    atomic_write(folder / f"{note.salt.hex()}.json", note.encode(), mode=0o600)
    fsync_folder(folder)


def forget(home: Path, note: Note) -> None:
    """It was recorded. Raises OSError."""
    (_folder(home) / f"{note.salt.hex()}.json").unlink(missing_ok=True)
    fsync_folder(_folder(home))


def notes(home: Path) -> list[Note]:
    """Every erasure that was begun and is not recorded, oldest first.

    Raises VerificationFailed LG7064 for a note that is none; OSError.
    """
    try:
        names = sorted(name for name in os.listdir(_folder(home)) if _NAME.fullmatch(name))
    except FileNotFoundError:
        return []
    return sorted((_read(_folder(home) / name) for name in names), key=lambda one: (one.began, one.salt))


def _read(path: Path) -> Note:
    try:
        data = read_regular(path, _MOST)
        said = decode_exact(data)
        if not isinstance(said, dict) or set(said) != _FIELDS or said["of"] not in KINDS:
            raise ValueError("it has not the fields of a note")
        slots = {str(name): tuple(map(int, each)) for name, each in said["slots"].items()}
        inner, salt = bytes.fromhex(said["inner"]), bytes.fromhex(said["salt"])
        kind, began = cast("Kind", said["of"]), parse_rfc3339(said["began"])
        note = Note(kind, inner, salt, began, str(said["reason"]), slots, int(said["labels"]))
        if (len(inner), len(salt)) != (TAG_BYTES, SALT_BYTES) or note.encode() != data:
            raise ValueError("it is not in the one encoding")
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise VerificationFailed(
            "LG7064",
            f"the note of an erasure that was begun cannot be read: {error}",
            seen={"file": str(path)},
            next="erase the same person again, then remove this file",
        ) from None
    return note


def _folder(home: Path) -> Path:
    return home / "state" / "erasing"
