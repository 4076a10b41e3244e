"""Which predictions have a label: a small index that outlives gateways and is shared by those of one machine.

It holds places (`<gateway>.<seq>.<row>`) and no value. It is a help for whoever sends a label twice, not the judge: the
first label in the log is the one that counts (`audit.labels`), also where this file is lost.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.disk import Disk
from lockgate.core.records import Receipt
from lockgate.serve.recording import label_lines

if TYPE_CHECKING:
    import sqlite3

INDEX = "labels.sqlite"
LINES = label_lines.LINES
_WAIT_SECONDS = 2.0
DAY_SECONDS = 86_400
_LOOK_SECONDS, _LOOK_BYTES = 0.01, 4096


class LabelIndex:
    """For one thread. Raises OSError for whatever is wrong with the file."""

    def __init__(self, folder: Path) -> None:
        """The file is made at its first use."""
        self._path = folder / INDEX
        self._open: sqlite3.Connection | None = None

    def known(self, places: Sequence[str]) -> list[str]:
        """Which of these have a label."""
        return [place for place in places if self._run("SELECT 1 FROM labels WHERE place = ?", (place,))]

    def add(self, places: Iterable[str]) -> None:
        """These have one now, and that lasts."""
        for place in places:
            self._run("INSERT OR IGNORE INTO labels VALUES (?)", (place,))
        self._run("COMMIT")

    def close(self) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _run(self, statement: str, values: tuple[str, ...] = ()) -> list[Any]:
        # Most gateways never get a label, and need not load this.
        import sqlite3

        try:
            if self._open is None:
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
                self._open = sqlite3.connect(self._path, timeout=_WAIT_SECONDS, check_same_thread=False)
                self._open.execute("CREATE TABLE IF NOT EXISTS labels (place TEXT PRIMARY KEY) WITHOUT ROWID")
            if statement == "COMMIT":
                self._open.commit()
                return []
            return self._open.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise OSError(f"{INDEX}: {error}") from None


@dataclass(frozen=True)
class Line:
    """One label as monitors read it. `receipt`: the label's own, which opens its commitment in the log."""

    place: str
    label: Any
    receipt: str
    time: int
    opens: str = ""
    """What the prediction's own receipt is told by, where a client showed one; a person who labels needs none."""

    def encode(self) -> bytes:
        """One line of `labels.jsonl`."""
        said = {"id": self.place, "label": self.label, "receipt": self.receipt, "time": self.time}
        if self.opens:
            said["opens"] = self.opens
        return json.dumps(said, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def opener(receipt: Receipt) -> str:
    """What a receipt is told by, without its salt: whoever has the receipt of a prediction may label it."""
    return hashlib.sha256(receipt.salt).hexdigest()[:16]


def append_lines(folder: Path, lines: Iterable[Line], *, disk: Disk | None = None) -> None:
    """Put lines at the end of the file, all of them and on the disk, or none. Raises OSError.

    Several writers take turns. What one that was killed left of a line is cut off: its label has no place in the index.
    """
    disk = disk or Disk()
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / LINES, flags, 0o600)
    try:
        _lock(descriptor)
        before = _whole_lines(descriptor)
        os.ftruncate(descriptor, before)
        try:
            disk.write(descriptor, b"".join(line.encode() for line in lines))
            disk.sync_data(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Whoever writes a few lines is soon done: one that stands still must not keep a gateway from its end."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _whole_lines(descriptor: int) -> int:
    """The length of a file up to the end of its last whole line."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _LOOK_BYTES)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


class LabelKeeper:
    """A gateway's index and lines, in a thread of their own, which is begun at the first label."""

    def __init__(self, index: Path, lines: Path | None) -> None:
        self._index = LabelIndex(index)
        self._lines = lines
        self._thread = ThreadPoolExecutor(1, "labels")
        self.pending: set[str] = set()
        """Places whose label is on its way into the spool."""

    async def known(self, places: Sequence[str]) -> list[str]:
        """Which of these have a label, or are getting one. Raises OSError."""
        found = await asyncio.get_running_loop().run_in_executor(self._thread, self._index.known, places)
        return found + [place for place in places if place in self.pending]

    async def add(self, lines: Sequence[Line]) -> None:
        """These are recorded. Raises OSError."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._add, lines)

    def _add(self, lines: Sequence[Line]) -> None:
        # In this order: a label that the index knows and monitors never get could not be sent again.
        if self._lines is not None:
            append_lines(self._lines, lines)
        self._index.add(line.place for line in lines)

    def tidy(self, days: int | None) -> None:
        """Blank the lines that are older than the policy keeps them. Returns at once."""
        if days is not None and self._lines is not None:
            self._thread.submit(self._tidy, self._lines, time.time() - days * DAY_SECONDS)

    @staticmethod
    def _tidy(lines: Path, cutoff: float) -> None:
        # What cannot be done now is tried in an hour; `lockgate status` says what is overdue.
        with suppress(OSError):
            label_lines.blank_lines(lines, label_lines.older_than(cutoff))

    def close(self) -> None:
        """Let go of the thread and the file."""
        self._thread.shutdown()
        self._index.close()
