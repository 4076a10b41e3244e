"""What two models said of rows whose label may come later: kept beside the labels, for as long as the ladder lasts.

One file for each gateway, which any gateway of this machine reads. It holds no row: where a prediction stands, and the
class or number that each model said. Labels come days later, through another gateway, after a restart.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.serve.rungs.comparing import Pair, Place

if TYPE_CHECKING:
    import sqlite3

    from lockgate.core.digest import Digest

MOST_ROWS = 2_000_000
"""Kept by one gateway on one ladder; the rows after them wait for no label."""
_NAME = re.compile(r"rung-([0-9a-f]{16})\.sqlite\Z")
_WAIT_SECONDS = 2.0


class Answers:
    """Those of one gateway, of one candidate beside one live model. For one thread at a time. Raises OSError."""

    def __init__(self, folder: Path, gateway: str, model: Digest, base: Digest) -> None:
        """The file is made when there is something to keep."""
        self._path = folder / f"rung-{gateway}.sqlite"
        self._about = (str(model), str(base))
        self._open: sqlite3.Connection | None = None
        self._kept = 0

    def is_about(self, model: Digest, base: Digest) -> bool:
        """Whether these are of this candidate beside this live model."""
        return self._about == (str(model), str(base))

    def keep(self, rows: Sequence[tuple[Place, Pair]]) -> None:
        """Add these, and what is new of those that are there."""
        rows = rows[: max(0, MOST_ROWS - self._kept)]
        if not rows:
            return
        import sqlite3  # most gateways never need it

        try:
            made = self._connection()
            made.executemany(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?) ON CONFLICT (seq, part) DO UPDATE SET"
                " live = coalesce(excluded.live, live), candidate = coalesce(excluded.candidate, candidate)",
                [(place.seq, place.row, place.opens, pair.live, pair.candidate) for place, pair in rows],
            )
            made.commit()
        except sqlite3.Error as error:
            self.close()
            raise OSError(f"{self._path.name}: {error}") from None
        self._kept += len(rows)

    def close(self) -> None:
        """Let go of the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = private(self._path)
            self._open.execute(
                "CREATE TABLE IF NOT EXISTS answers (seq INTEGER, part INTEGER, opens TEXT, live REAL, candidate REAL,"
                " PRIMARY KEY (seq, part)) WITHOUT ROWID"
            )
            self._open.execute("CREATE TABLE IF NOT EXISTS about (model TEXT, base TEXT)")
            if not self._open.execute("SELECT 1 FROM about").fetchall():
                self._open.execute("INSERT INTO about VALUES (?, ?)", self._about)
            self._open.commit()
        return self._open


def found(folder: Path, model: Digest, base: Digest, wanted: Mapping[str, Sequence[Place]]) -> dict[str, list[Any]]:
    """What both models said of each of `wanted` (by gateway), in that order; None where it is not known."""
    import sqlite3

    said: dict[str, list[Any]] = {}
    for gateway, places in wanted.items():
        name = f"rung-{gateway}.sqlite"
        said[gateway] = [None] * len(places)
        path = folder / name
        if not _NAME.match(name) or path.is_symlink() or not path.is_file():
            continue
        with suppress(sqlite3.Error, OSError):
            connection = connect(path)
            try:
                if connection.execute("SELECT model, base FROM about").fetchall() == [(str(model), str(base))]:
                    said[gateway] = [_of(connection, place) for place in places]
            finally:
                connection.close()
    return said


def clear(folder: Path, model: Digest | None) -> None:
    """Remove what is of another candidate than `model`. What cannot be read is of none."""
    import sqlite3

    for path in _files(folder):
        about: list[Any] = []
        with suppress(sqlite3.Error, OSError):
            connection = connect(path)
            try:
                about = connection.execute("SELECT model FROM about").fetchall()
            finally:
                connection.close()
        if model is None or about != [(str(model),)]:
            for each in (path, *(path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm"))):
                each.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.iterdir()) if _NAME.match(path.name) and not path.is_symlink())


def _of(connection: sqlite3.Connection, place: Place) -> Pair | None:
    """None too for a receipt that is not this row's: who makes one up cannot label it."""
    rows = connection.execute(
        "SELECT live, candidate FROM answers WHERE seq = ? AND part = ? AND ? IN ('', opens)",
        (place.seq, place.row, place.opens),
    ).fetchall()
    return Pair(*rows[0]) if rows else None


def private(path: Path) -> sqlite3.Connection:
    """The file of this gateway, for its user alone, made where there is none. Raises OSError, sqlite3.Error."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    return connect(path)


def connect(path: Path) -> sqlite3.Connection:
    """A file that any gateway of this machine may have written. Raises sqlite3.Error."""
    import sqlite3

    made = sqlite3.connect(path, timeout=_WAIT_SECONDS, check_same_thread=False)
    made.execute("PRAGMA trusted_schema = OFF")  # another gateway wrote it
    return made
