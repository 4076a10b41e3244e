"""What a model said of a sample of its rows, until their labels come: days later, at another gateway, after a restart.

One file for each gateway and model, beside the labels; any gateway of this machine reads it. It holds no row: where a
prediction stands, what it was as a number, and its stratum. However long the gateway lives, the sample is spread
evenly over its life and has at most so many rows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.serve.rungs.answers import connect, private
from lockgate.serve.rungs.comparing import Place

if TYPE_CHECKING:
    import sqlite3

    from lockgate.core.digest import Digest

MOST_ROWS = 500_000
MOST_FILES = 64
MOST_DAYS = 90
_NAME = re.compile(r"watch-[0-9a-f]{16}-[0-9a-f]{16}\.sqlite\Z")


class Said(NamedTuple):
    """What is known of a row. `number`: of the row in its gateway's sample."""

    number: int
    place: Place
    said: float
    stratum: int


class Kept:
    """Those of one gateway and model. For one thread at a time. Raises OSError."""

    def __init__(self, folder: Path, gateway: str, model: Digest) -> None:
        """The file is made when there is something to keep."""
        self._path = folder / _name(gateway, model)
        self._open: sqlite3.Connection | None = None
        self._every = 1

    def keep(self, rows: Sequence[Said], every: int) -> None:
        """Add these. `every`: of which numbers the sample is by now; the others are let go."""
        if not rows and every == self._every:
            return
        import sqlite3  # most gateways never need it

        try:
            made = self._connection()
            made.executemany(
                "INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?, ?, ?)",
                [(one.number, one.place.seq, one.place.row, one.place.opens, one.said, one.stratum) for one in rows],
            )
            if every != self._every:
                made.execute("DELETE FROM said WHERE number % ?", (every,))
                self._every = every
            made.commit()
        except sqlite3.Error as error:
            self.close()
            raise OSError(f"{self._path.name}: {error}") from None

    def close(self) -> None:
        """Let go of the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = private(self._path)
            self._open.execute(
                "CREATE TABLE IF NOT EXISTS said (number INTEGER PRIMARY KEY, seq INTEGER, part INTEGER, opens TEXT,"
                " said REAL, stratum INTEGER)"
            )
            self._open.execute("CREATE UNIQUE INDEX IF NOT EXISTS place ON said (seq, part)")
            self._open.commit()
        return self._open


def found(
    folder: Path, models: Sequence[Digest], wanted: Mapping[str, Sequence[Place]]
) -> dict[str, list[tuple[Digest, float, int] | None]]:
    """Model, what it said, and stratum of each of `wanted` (by gateway), in that order; None where it is not known."""
    known: dict[str, list[tuple[Digest, float, int] | None]] = {}
    for gateway, places in wanted.items():
        known[gateway] = [None] * len(places)
        for model in models:
            path = folder / _name(gateway, model)
            if not _NAME.match(path.name) or path.is_symlink() or not path.is_file():
                continue
            for at, said in _read(path, places):
                known[gateway][at] = (model, *said)
    return known


def clear(folder: Path, now: float | None = None) -> None:
    """Remove the files that nobody wrote to for long, and the oldest of too many. `now`: seconds since the epoch."""
    since = (time.time() if now is None else now) - MOST_DAYS * 86400
    ages: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        if _NAME.match(path.name):
            with suppress(OSError):
                ages.append((path.lstat().st_mtime, path))
    ages.sort(key=lambda one: one[0], reverse=True)
    for number, (written, path) in enumerate(ages):
        if written < since or number >= MOST_FILES:
            for each in (path, path.with_name(path.name + "-journal")):
                each.unlink(missing_ok=True)


def _read(path: Path, places: Sequence[Place]) -> list[tuple[int, tuple[float, int]]]:
    """None too for a receipt that is not this row's: who makes one up cannot label it. Another gateway wrote the file.

    What cannot be read says nothing.
    """
    import sqlite3

    rows: list[tuple[int, Any]] = []
    with suppress(sqlite3.Error, OSError), closing(connect(path)) as connection:
        for at, place in enumerate(places):
            one = connection.execute(
                "SELECT said, stratum FROM said WHERE seq = ? AND part = ? AND ? IN ('', opens)",
                (place.seq, place.row, place.opens),
            ).fetchone()
            if one is not None and type(one[0]) in (int, float) and type(one[1]) is int:
                rows.append((at, (float(one[0]), one[1])))
    return rows


def _name(gateway: str, model: Digest) -> str:
    return f"watch-{gateway}-{model.removeprefix('sha256:')[:16]}.sqlite"
