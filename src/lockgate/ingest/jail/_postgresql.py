"""A query on a PostgreSQL server, by ADBC: Arrow batches straight from a binary COPY, in a read-only transaction.

The server prepares the query first, and prepares one statement only. What the driver cannot give as what it is (money
comes as a number of cents, an oid wraps) is refused, not mapped.

    smallint, integer, bigint    int16, int32, int64      real, double precision     float, double
    boolean                      bool                     text, varchar, char, enum  string
    numeric                      string, every digit      json, jsonb                string
    date, time, timestamp[tz]    date32, time64, timestamp (microseconds), of years 1 to 9999
    bytea                        binary                   one-dimensional arrays     list, of numbers, bool and text
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lockgate.errors import LockgateError, Refused
from lockgate.ingest.jail._errors import no_driver

_PLAIN = ("int2", "int4", "int8", "float4", "float8", "bool", "text", "varchar")
_KEPT = {*_PLAIN, *(f"_{name}" for name in _PLAIN), "bpchar", "char", "name", "date", "time", "bytea"}
_KEPT |= {"timestamp", "timestamptz", "json", "jsonb", "numeric"}
_AS_TEXT = {"json", "jsonb", "numeric"}
_TYPE = b"POSTGRESQL:type"
_BATCH_BYTES = 16 << 20
# What Python's dates can hold. PostgreSQL's `infinity` comes as a number outside of it.
_DAYS = (-719_162, 2_932_896)
_MICROSECONDS = (_DAYS[0] * 86_400_000_000, (_DAYS[1] + 1) * 86_400_000_000 - 1)


class PostgresAnswer:
    """The rows that `sql` gives on the server at `url`. Raises Refused LG126, LG128, LG129, LG131 to LG133."""

    def __init__(self, url: str, name: str, sql: str) -> None:
        try:
            from adbc_driver_postgresql import StatementOptions, dbapi  # type: ignore[import-untyped]
        except ImportError:
            raise no_driver("postgresql") from None
        self._name = name
        self._connection: Any = None
        self._cursor: Any = None
        try:
            self._connection = dbapi.connect(url, autocommit=True)
            self._cursor = self._connection.cursor()
            hint = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_BATCH_BYTES)}
            self._cursor.adbc_statement.set_options(**hint)
            self._cursor.execute(sql)
            self._reader = self._cursor.fetch_record_batch()
            self._given = self._reader.schema
        except Exception as error:  # noqa: BLE001 - the driver's classes need the driver
            self.close()
            raise self._refused(error) from None
        try:
            self.schema = pa.schema([self._kept(field) for field in self._given])
        except Refused:
            self.close()
            raise

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order in which the query gives them."""
        while True:
            try:
                batch = self._reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowException, OSError, ValueError) as error:
                raise self._refused(error) from None
            columns = [_plain(batch.column(place), field.type) for place, field in enumerate(self.schema)]
            for field, column in zip(self.schema, columns, strict=True):
                self._check_moments(field, column)
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def close(self) -> None:
        """Let go of the connection. A connection that broke is gone already."""
        for one in (self._cursor, self._connection):
            with suppress(Exception):
                if one is not None:
                    one.close()
        self._cursor = self._connection = None

    def _kept(self, field: pa.Field[Any]) -> pa.Field[Any]:
        given = (field.metadata or {}).get(_TYPE, b"").decode(errors="replace")
        if given in _AS_TEXT:
            return pa.field(field.name, pa.string())
        # An enumeration and a domain have names of their own and come as texts.
        if given in _KEPT or field.type == pa.string():
            return pa.field(field.name, field.type)
        raise Refused(
            "LG133",
            f"{self._name}: column {field.name!r} is of type {given or field.type}, which cannot be kept as it is",
            seen={"source": self._name, "column": field.name, "type": given or str(field.type)},
            next=f"say in the query what is meant: CAST({field.name} AS text)",
        )

    def _check_moments(self, field: pa.Field[Any], column: pa.Array[Any]) -> None:
        if pa.types.is_date32(field.type):
            numbers, (low, high) = column.cast(pa.int32()).cast(pa.int64()), _DAYS
        elif pa.types.is_timestamp(field.type):
            numbers, (low, high) = column.cast(pa.int64()), _MICROSECONDS
        else:
            return
        found: Any = pc.min_max(numbers).as_py()
        if found["min"] is not None and (found["min"] < low or found["max"] > high):
            raise Refused(
                "LG133",
                f"{self._name}: column {field.name!r} holds a moment outside of the years 1 to 9999, such as infinity",
                seen={"source": self._name, "column": field.name},
                next=f"leave it out: NULLIF({field.name}, 'infinity'), or CAST({field.name} AS text)",
            )

    def _refused(self, error: Exception) -> LockgateError:
        said = _words(str(error))
        state = getattr(error, "sqlstate", None) or ""
        seen: dict[str, object] = {"source": self._name, "said": said, **({"sqlstate": state} if state else {})}
        refusal = "ERROR:" in str(error)
        if state == "25006" or re.search(r"multiple commands|read-only transaction|read-write mode", said):
            why = f"{self._name} is not one statement that reads: {said}"
            return Refused("LG131", why, seen=seen, next="leave one SELECT in the query file")
        if "FATAL:" in str(error) or state == "42501" or "permission denied" in said:
            why = f"{self._name}: the database denies access: {said}"
            return Refused("LG129", why, seen=seen, next="check user, password and rights in the database")
        if not refusal and re.search(r"connect|SSL|server closed|translate host|timeout", said):
            why = f"{self._name}: the database cannot be reached: {said}"
            return Refused("LG128", why, seen=seen, next="check network and address, then run again")
        why = f"PostgreSQL refused {self._name}: {said}"
        return Refused("LG132", why, seen=seen, next="try the query with psql")


def _plain(array: pa.Array[Any], kind: pa.DataType) -> pa.Array[Any]:
    return array.storage if isinstance(array, pa.ExtensionArray) else array.cast(kind)


def _words(text: str) -> str:
    """What the server said, without the driver's frame around it."""
    found = re.search(r"(?:ERROR|FATAL): +(.+)", text) or re.search(r"\[libpq\] (.+)", text)
    return (found[1] if found else text.splitlines()[0] if text else "nothing").strip()[:300]
