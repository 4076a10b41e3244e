"""What a witness cosigned last of each log: one file for each, replaced in one step before anything is answered.

    <state>/lock            held while the witness runs: two with one record would cosign two trees
    <state>/witness.vkey    whose record this is
    <state>/logs/<hex SHA-256 of the origin>     the checkpoint that was cosigned last: its log's line, and its own
    <state>/forks/<hex>-<size>                   two checkpoints of one size: what a log that forked cannot deny

Trusts its own folder, 0700. An older copy of it under the same key could cosign another tree: it is never restored.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from lockgate.audit.disk import Disk, read_file
from lockgate.core.checkpoint import MAX_NOTE_BYTES, Checkpoint, Note, parse_checkpoint, parse_note
from lockgate.errors import LockgateError, Refused, Unavailable

MOST_FORKS = 100


class Record:
    """The record of one witness. A process that holds it is the only one."""

    def __init__(self, folder: Path, vkey: str, *, fresh_key: bool, disk: Disk | None = None) -> None:
        """`fresh_key`: the key was made just now, so that there is nothing it can have signed.

        Raises Refused LG7015: another witness's record, none where the key has been used, or in use; Unavailable LG713.
        """
        self.folder = folder
        self._disk = disk or Disk()
        try:
            for each in (folder, folder / "logs", folder / "forks"):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = self._locked()
            self._check_owner(vkey, fresh_key=fresh_key)
        except OSError as error:
            raise self._unwritable(error) from None
        self._last: dict[str, tuple[Checkpoint, Note]] = {}

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._lock)

    def last(self, origin: str) -> tuple[Checkpoint, Note] | None:
        """What was cosigned last of the log `origin`, with every line that was kept; None when nothing was.

        Raises Refused LG7015: it is damaged.
        """
        if origin not in self._last:
            try:
                note = parse_note(read_file(self._place(origin), MAX_NOTE_BYTES))
                found = parse_checkpoint(note.text)
                if found.origin != origin:
                    raise ValueError("it is one of another log")
            except FileNotFoundError:
                return None
            except ValueError as error:
                raise self._unfit(f"what it cosigned last of {origin} is damaged: {error}") from None
            except OSError as error:
                raise self._unwritable(error) from None
            self._last[origin] = found, note
        return self._last[origin]

    def keep(self, checkpoint: Checkpoint, note: Note) -> None:
        """Keep what is about to be cosigned; when it returns, it is on the disk.

        Raises Unavailable LG713; Refused LG7015: it could not be read back.
        """
        place = self._place(checkpoint.origin)
        try:
            parse_note(note.encode())
        except ValueError as error:
            raise self._unfit(f"what it would keep of {checkpoint.origin} could not be read back: {error}") from None
        # What follows may fail half way: then the next question is answered from the disk.
        self._last.pop(checkpoint.origin, None)
        self._write(place, note.encode())
        self._last[checkpoint.origin] = checkpoint, note

    def keep_fork(self, checkpoint: Checkpoint, note: bytes) -> Path | None:
        """Keep both checkpoints of a log that signed two trees of one size; None when it is known or they are many."""
        forks = self.folder / "forks"
        place = forks / f"{_name(checkpoint.origin)}-{checkpoint.size}"
        try:
            if place.exists() or len(os.listdir(forks)) >= MOST_FORKS:
                return None
            before = read_file(self._place(checkpoint.origin), MAX_NOTE_BYTES)
        except (OSError, ValueError) as error:
            raise self._unwritable(error if isinstance(error, OSError) else OSError(str(error))) from None
        self._write(place, before + b"\n" + note)
        return place

    def _locked(self) -> int:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise self._unfit("another process is this witness already") from None
        return lock

    def _check_owner(self, vkey: str, *, fresh_key: bool) -> None:
        place = self.folder / "witness.vkey"
        try:
            found = read_file(place, 4096).decode(errors="replace").strip()
        except FileNotFoundError:
            if not fresh_key:
                raise self._unfit("this key has been used, and there is no record of what it cosigned") from None
            self._write(place, f"{vkey}\n".encode())
            return
        if found != vkey:
            raise self._unfit(f"the record is of another witness, {found[:200]}")

    def _place(self, origin: str) -> Path:
        return self.folder / "logs" / _name(origin)

    def _write(self, place: Path, data: bytes) -> None:
        fresh = place.with_name(f"{place.name}.next")
        try:
            if os.path.lexists(fresh):
                self._disk.remove(fresh)
            self._disk.write_new(fresh, data, 0o600)
            self._disk.replace(fresh, place)
            self._disk.sync_folder(place.parent)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unfit(self, why: str) -> LockgateError:
        return Refused(
            "LG7015",
            f"this witness cannot start: {why}",
            seen={"folder": str(self.folder)},
            next="lockgate explain LG7015",
        )

    def _unwritable(self, error: OSError) -> LockgateError:
        return Unavailable(
            "LG713",
            f"the witness's record cannot be read or kept: {error.strerror or error}",
            seen={"folder": str(self.folder), "errno": error.errno},
            next="lockgate doctor",
        )


def _name(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()
