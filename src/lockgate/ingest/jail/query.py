"""One query -> one Parquet file with typed columns, batch by batch. Runs in a jail.

Takes on standard input `{"kind": "sqlite" | "postgresql", "name", "sql", "url", "most"}`. An SQLite file lies at
`/in/database`, in a jail without a network; a server is asked from a jail with one. Gives `/fetched/00000`
and `seen.json`: the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail._table import TableWriter
from lockgate.contract.jail.outcome import data_dir, guarded, leave, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.ingest.jail._errors import too_much, worded
from lockgate.ingest.jail.fetch import FETCHED, SEEN

DATABASE = "database"


class Answer(Protocol):
    """What a query gives: its columns, then its rows in order."""

    schema: pa.Schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in batches of bounded size."""

    def close(self) -> None:
        """Let go of the connection."""


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments."""
    del arguments
    settle_without_pandas()
    task = read_task()
    guarded(lambda: write(task, data_dir(), FETCHED, out_dir()), out_dir(), unexpected="LG136")
    leave()


def write(task: Mapping[str, Any], data: Path, into: Path, out: Path) -> None:
    """Put the query and keep what comes. Raises Refused LG126, LG128, LG129, LG131 to LG134."""
    name, most, target = str(task["name"]), int(task["most"]), into / "00000"
    rows = 0
    answer = _asked(task, data)
    try:
        _check_columns(name, answer.schema)
        with TableWriter(target, answer.schema) as writer:
            for batch in answer.batches():
                writer.add(batch)
                rows += batch.num_rows
                if target.stat().st_size > most:
                    raise too_much(name, most)
    except Exception as error:  # noqa: BLE001 - a disk that fills, a driver's own
        raise worded(error, name) from None
    finally:
        answer.close()
    if target.stat().st_size > most:
        raise too_much(name, most)
    (out / SEEN).write_bytes(encode({"rows": rows}))


def _asked(task: Mapping[str, Any], data: Path) -> Answer:
    if task["kind"] == "sqlite":
        from lockgate.ingest.jail._sqlite import SqliteAnswer

        return SqliteAnswer(data / DATABASE, task["name"], task["sql"])
    from lockgate.ingest.jail._postgresql import PostgresAnswer

    return PostgresAnswer(task["url"], task["name"], task["sql"])


def _check_columns(name: str, schema: pa.Schema) -> None:
    twice = sorted({column for column in schema.names if schema.names.count(column) > 1})
    if twice or not schema.names:
        raise Refused(
            "LG133",
            f"{name} gives " + (f"the column {twice[0]!r} twice" if twice else "no columns"),
            seen={"source": name, "columns": twice},
            next="give each column a name of its own with AS",
        )
