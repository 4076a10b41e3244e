"""A query on an SQLite file, by Python's own sqlite3: one statement, which may only read, and exact types.

SQLite types values, not columns. A column is taken when all its values are of one kind; where they are not, the
query has to say what is meant. The ADBC driver was tried and not taken: it drops a second statement in silence, and
turns 9007199254740993 into 9007199254740992.0 where another row of the first batch is a fraction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.errors import LockgateError, Refused

_ROWS = 16_384
_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_KINDS: dict[type, tuple[str, pa.DataType]] = {
    int: ("integer", pa.int64()),
    float: ("real", pa.float64()),
    str: ("text", pa.string()),
    bytes: ("blob", pa.binary()),
}
_OF_NAME = {name: kind for kind, (name, _) in _KINDS.items()}


class SqliteAnswer:
    """The rows that `sql` gives on the file `path`. Raises Refused LG131 to LG133."""

    def __init__(self, path: Path, name: str, sql: str) -> None:
        self._name = name
        # Immutable: the file is a private copy, and nothing is looked for beside it.
        self._connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        try:
            self._connection.execute("PRAGMA trusted_schema = OFF")
            self._connection.execute("PRAGMA cell_size_check = ON")
            self._connection.set_authorizer(_authorize)
            self._cursor = self._connection.execute(sql)
            self._first: list[Sequence[Any]] = self._cursor.fetchmany(_ROWS)
            if self._cursor.description is None:
                raise _no_reading(name, "it gives no rows")
            names = [column[0] for column in self._cursor.description]
            self._types = [self._type_of(place, sql) for place in range(len(names))]
        except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError) as error:
            raise self._refused(error) from None
        self.schema = pa.schema(
            [pa.field(n, _KINDS[t][1] if t else pa.null()) for n, t in zip(names, self._types, strict=True)]
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order in which the query gives them."""
        rows, start = self._first, 0
        while rows:
            columns = [self._column(place, values, start) for place, values in enumerate(zip(*rows, strict=True))]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
            start += len(rows)
            try:
                rows = self._cursor.fetchmany(_ROWS)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise self._refused(error) from None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _type_of(self, place: int, sql: str) -> type | None:
        """The kind of the column's first value; None for a column without any."""
        for row in self._first:
            if row[place] is not None:
                return type(row[place])
        if len(self._first) < _ROWS:
            return None
        # Beyond the first batch: asked of the copy, which cannot have changed.
        columns = [f"c{number}" for number in range(len(self._first[0]))]
        asked = (
            f"WITH q({', '.join(columns)}) AS ({sql}) SELECT typeof(c{place}) FROM q WHERE c{place} IS NOT NULL LIMIT 1"  # noqa: S608 - the user's own query
        )
        found = self._connection.execute(asked).fetchone()
        return _OF_NAME[found[0]] if found else None

    def _column(self, place: int, values: tuple[Any, ...], start: int) -> pa.Array[Any]:
        wanted = self._types[place]
        odd = set(map(type, values)) - {wanted, type(None)}
        if odd:
            number = next(n for n, value in enumerate(values) if type(value) in odd)
            raise self._mixed(place, type(values[number]), start + number)
        found: pa.Array[Any] = pa.array(values, self.schema.field(place).type)
        return found

    def _mixed(self, place: int, odd: type, row: int) -> Refused:
        wanted, column = self._types[place], self.schema.names[place]
        kinds = [_KINDS[wanted][0] if wanted else "null", _KINDS[odd][0]]
        cast = "REAL" if set(kinds) == {"integer", "real"} else "TEXT"
        return Refused(
            "LG133",
            f"{self._name}: column {column!r} holds values of several kinds: {kinds[0]}, and in row {row} {kinds[1]}",
            seen={"source": self._name, "column": column, "row": row, "kinds": kinds},
            next=f"say in the query what is meant: CAST({column} AS {cast})",
        )

    def _refused(self, error: Exception) -> LockgateError:
        self._connection.close()
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "one statement at a time" in said:
            return _no_reading(self._name, "it holds a second statement")
        if "not authorized" in said or "prohibited" in said:
            return _no_reading(self._name, f"it does more than read ({said})")
        return Refused(
            "LG132",
            f"SQLite refused {self._name}: {said}",
            seen={"source": self._name, "said": said},
            next="try the query with the sqlite3 program",
        )


def _authorize(action: int, *_details: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _no_reading(name: str, why: str) -> Refused:
    return Refused(
        "LG131",
        f"{name} is not one statement that reads: {why}",
        seen={"source": name},
        next="leave one SELECT in the query file",
    )
