"""Queries on SQLite files, in the real jail: exact types, only reading, and what the statement says of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lockgate.config import read_config
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.ingest.run import run
from lockgate.ingest.spec import Database, IngestResult, IngestSpec, Source
from lockgate.pipeline.stages import ingest
from lockgate.pipeline.unchanged import changed_files
from tests.support.sources import SourceProject

LOANS = "create table loans(id integer, rate real, name text, note, raw blob)"


class Bank:
    """A project with an SQLite file `bank.db`."""

    def __init__(self, place: SourceProject) -> None:
        self.place = place
        self.change(LOANS)
        self.change(
            "insert into loans values(?,?,?,?,?)", [(1, 0.5, "Köln", None, b"\0\xff"), (2, 1.5, "", None, None)]
        )

    def change(self, sql: str, rows: Sequence[tuple[Any, ...]] = ()) -> None:
        """Something that its owner does."""
        connection = sqlite3.connect(self.place.root / "bank.db")
        with connection:
            connection.executemany(sql, rows) if rows else connection.execute(sql)
        connection.close()

    def spec(self, **options: Any) -> IngestSpec:
        """The query file `q.sql`, put to the file."""
        return IngestSpec((Source("sql:bank:q.sql"),), databases=(Database("bank", file="bank.db", **options),))

    def ask(self, sql: str, **options: Any) -> IngestResult:
        """Ingest what `sql` gives."""
        self.place.write("q.sql", sql)
        return run(self.place.project.workplace(), self.spec(**options))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The snapshot's rows, without the bookkeeping."""
        table = self.place.table(self.ask(sql).snapshot)
        return table.drop_columns(["__source__", "__row__"]).to_pylist()


@pytest.fixture(name="bank")
def _bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    return Bank(SourceProject(tmp_path, monkeypatch))


def test_values_are_what_they_were(bank: Bank) -> None:
    """Each of SQLite's kinds keeps kind and value; row order is the query's."""
    expected = [
        {"id": 2, "rate": 1.5, "name": "", "raw": None, "big": 9007199254740993},
        {"id": 1, "rate": 0.5, "name": "Köln", "raw": b"\0\xff", "big": 9007199254740993},
    ]
    assert expected == bank.rows("select id, rate, name, raw, 9007199254740993 big from loans order by id desc;")


def test_a_column_that_begins_with_nulls(bank: Bank) -> None:
    """The kind of a column is that of its first value, also beyond the first batch; a column of nulls is kept."""
    bank.change("insert into loans values(?,?,?,?,?)", [(n, None, None, None, None) for n in range(20_000)])
    bank.change("insert into loans values(3, 2.5, 'x', 'late', null)")
    found = bank.rows("select note, rate, null blank from loans")
    assert (len(found), found[-1]) == (20_003, {"note": "late", "rate": 2.5, "blank": None})


def test_what_is_signed_and_when_it_is_done_again(bank: Bank) -> None:
    """The statement names query, database and result by digest; it stands until one of the two files changes."""
    result = bank.ask("select id from loans")
    signed = result.evidence.predicate["buildDefinition"]
    dependency = signed["resolvedDependencies"][0]
    assert dependency["name"] == "sql:bank:q.sql"
    assert dependency["annotations"] == {
        "rows": 2,
        "bytes": result.files[0].size,
        "format": "parquet",
        "query": digest_of(b"select id from loans"),
        "database": digest_of((bank.place.root / "bank.db").read_bytes()),
    }
    assert [jail["settings"] for jail in signed["internalParameters"]["fetchers"]] == ["parse"]
    root = bank.place.root
    assert not changed_files(result.evidence, bank.spec(), root)
    bank.place.write("q.sql", "select id from loans -- again")
    assert changed_files(result.evidence, bank.spec(), root)
    bank.place.write("q.sql", "select id from loans")
    assert not changed_files(result.evidence, bank.spec(), root)
    bank.change("update loans set id = 7 where id = 1")
    assert changed_files(result.evidence, bank.spec(), root)


CONFIG = """[project]
name = "bank"
[data]
sources = ["sql:bank:q.sql"]
contract = "contract.py:Loan"
label = "id"
[data.databases.bank]
file = "bank.db"
"""


def test_the_stage_as_the_pipeline_calls_it(bank: Bank) -> None:
    """From lockgate.toml to the statement; the second time there is nothing to do, until it is asked for."""
    bank.place.write("q.sql", "select id from loans")
    workplace, config = bank.place.project.workplace(), read_config(CONFIG)
    first = ingest(workplace, config, False)
    assert (first.cached, first.facts) == (False, {"rows": 2, "files": 1})
    assert ingest(workplace, config, False).evidence == first.evidence
    assert not ingest(workplace, config, True).cached


def test_the_same_rows_give_the_same_bytes(bank: Bank) -> None:
    """A result can be pinned."""
    first = bank.ask("select id from loans")
    spec = bank.spec()
    pins = {"sql:bank:q.sql": first.files[0].digest}
    pinned = IngestSpec(spec.sources, pins=pins, databases=spec.databases)
    assert run(bank.place.project.workplace(), pinned).snapshot == first.snapshot
    bank.change("delete from loans where id = 1")
    with pytest.raises(Refused) as caught:
        run(bank.place.project.workplace(), pinned)
    assert caught.value.finding == "LG120"


@pytest.mark.parametrize(
    ("sql", "finding", "seen"),
    [
        ("select 1; delete from loans", "LG131", {"line": 1}),
        ("delete from loans", "LG131", {}),
        pytest.param("update loans set id = 1 returning id", "LG131", {}, marks=pytest.mark.nightly),
        ("attach '/tmp/x' as x", "LG131", {}),
        ("pragma user_version", "LG131", {}),
        ("select load_extension('x')", "LG131", {}),
        ("select * from nowhere", "LG132", {}),
        pytest.param("select cast(x'ff' as text)", "LG132", {}, marks=pytest.mark.nightly),
        pytest.param("select id from loans where", "LG132", {}, marks=pytest.mark.nightly),
        ("select 9007199254740993 v union all select 0.5", "LG133", {"row": 1, "kinds": ["integer", "real"]}),
        ("select 1 v union all select 'x'", "LG133", {"column": "v", "kinds": ["integer", "text"]}),
        pytest.param("select id, id from loans", "LG133", {"columns": ["id"]}, marks=pytest.mark.nightly),
        ("select id from loans where id > 9", "LG104", {}),
    ],
)
def test_queries_that_are_refused(bank: Bank, sql: str, finding: str, seen: dict[str, object]) -> None:
    """Changing, leaving, mixing: each has its finding and next step; nothing is signed, the database is as it was."""
    before = (bank.place.root / "bank.db").read_bytes()
    with pytest.raises(LockgateError) as caught:
        bank.ask(sql)
    assert caught.value.finding == finding, caught.value
    assert seen.items() <= caught.value.seen.items()
    assert caught.value.next
    assert (bank.place.claims(), bank.place.left_over()) == (["roles", "policy"], [])
    assert (bank.place.root / "bank.db").read_bytes() == before


def test_a_database_that_is_being_written(bank: Bank) -> None:
    """Rows that lie in a log beside the file would be missing: LG135. Once they are merged, they are there."""
    writer = sqlite3.connect(bank.place.root / "bank.db")
    writer.execute("pragma journal_mode = wal")
    writer.execute("insert into loans(id) values (3)")
    writer.commit()
    with pytest.raises(Refused) as caught:
        bank.ask("select id from loans")
    assert (caught.value.finding, caught.value.seen["beside"]) == ("LG135", "bank.db-wal")
    writer.execute("pragma wal_checkpoint(truncate)")
    assert bank.ask("select id from loans").rows == 3
    writer.close()


def test_a_result_that_never_ends(bank: Bank) -> None:
    """A query that gives more than it may is LG134, before the disk is full."""
    endless = "with recursive r(n) as (select 1 union all select n + 1 from r) select n, hex(randomblob(400)) from r"
    with pytest.raises(Refused) as caught:
        bank.ask(endless, most=1 << 20)
    assert (caught.value.finding, caught.value.seen["most"]) == ("LG134", 1 << 20)


@pytest.mark.parametrize(
    ("content", "finding"), [(b"no database at all, but long enough to be one" * 30, "LG132"), (None, "LG102")]
)
def test_files_that_are_no_database(bank: Bank, content: bytes | None, finding: str) -> None:
    """A file that is something else, or is not there, is a finding."""
    path = bank.place.root / "bank.db"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(Refused) as caught:
        bank.ask("select * from loans")
    assert caught.value.finding == finding


def test_a_query_file_that_is_not_there(bank: Bank) -> None:
    """The query file is captured like any source."""
    with pytest.raises(Refused) as caught:
        run(bank.place.project.workplace(), bank.spec())
    assert caught.value.finding == "LG102"
    (bank.place.root / "q.sql").symlink_to("bank.db")
    with pytest.raises((Refused, Usage)) as link:
        run(bank.place.project.workplace(), bank.spec())
    assert link.value.finding == "LG118"
