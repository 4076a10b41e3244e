"""The last checkpoint seen of a log, kept outside `.lockgate`: what notices a restored backup or a fork.

Trusts the user's own state folder. Promises that what is stored only ever moves to a larger tree, or to the same tree
signed anew, as when the sealer's key was rotated.
"""

from __future__ import annotations

import os
from pathlib import Path

from lockgate.audit.disk import Disk, locked, read_file
from lockgate.audit.tiles import broken, forked
from lockgate.core.checkpoint import MAX_NOTE_BYTES, Checkpoint, parse_checkpoint, parse_note
from lockgate.errors import Unavailable


class SeenStore:
    """One file, 0600 in a folder 0700, holding the signed checkpoint byte for byte."""

    def __init__(self, path: Path, *, keep: bool = True, disk: Disk | None = None) -> None:
        """`keep` False: compare only, never write (a reader without a writable home)."""
        self.path = path
        self.keep = keep
        self._disk = disk or Disk()

    def load(self) -> bytes | None:
        """The stored note; None when no checkpoint has been seen. Raises Unavailable, VerificationFailed LG718."""
        try:
            return read_file(self.path, MAX_NOTE_BYTES)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._damaged(str(error)) from None
        except OSError as error:
            raise self._unavailable(error) from None

    def advance(self, note: bytes) -> None:
        """Store `note`, a verified checkpoint consistent with `load`, unless a larger one is stored by now.

        The caller verified it with the key in force now, so that of one tree the note that came last is kept.

        Raises VerificationFailed LG708 when another tree of the same size was stored meanwhile.
        """
        if not self.keep:
            return
        new = _checkpoint(note)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.path.parent):
                if self._is_newer(new, note):
                    self._store(note)
        except OSError as error:
            raise self._unavailable(error) from None

    def _is_newer(self, new: Checkpoint, note: bytes) -> bool:
        stored = self.load()
        if stored is None:
            return True
        try:
            old = _checkpoint(stored)
        except ValueError as error:
            raise self._damaged(str(error)) from None
        if old.size == new.size and old.root != new.root:
            raise forked("the log has forked: two trees of one size", size=new.size, seen=str(self.path))
        return new.size > old.size or (new.size == old.size and note != stored)

    def _store(self, note: bytes) -> None:
        fresh = self.path.with_name(self.path.name + ".next")
        if os.path.lexists(fresh):
            self._disk.remove(fresh)
        self._disk.write_new(fresh, note, 0o600)
        self._disk.replace(fresh, self.path)
        self._disk.sync_folder(self.path.parent)

    def _damaged(self, how: str) -> Exception:
        return broken("LG718", f"the checkpoint that was last seen is damaged: {how}", file=str(self.path))

    def _unavailable(self, error: OSError) -> Unavailable:
        return Unavailable(
            "LG713",
            f"the checkpoint last seen cannot be read or kept: {error.strerror}",
            seen={"file": str(self.path)},
            next="lockgate doctor",
        )


def _checkpoint(note: bytes) -> Checkpoint:
    return parse_checkpoint(parse_note(note).text)
