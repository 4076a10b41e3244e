"""Queries on a real PostgreSQL server, in the real jail: types, rights, verified TLS, and only reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.ingest import connection
from lockgate.ingest.run import run
from lockgate.ingest.spec import Database, IngestResult, IngestSpec, Source
from lockgate.pipeline.unchanged import changed_files
from tests.support.sources import SourceProject
from tests.support.stores import Postgres, free_port, postgres_server

pytest.importorskip("adbc_driver_postgresql", reason="pip install 'lockgate[postgresql]'")

SETUP = """
create table loans(id int primary key, rate numeric(6, 3), name text);
insert into loans values (1, 4.250, 'Köln'), (2, null, '');
create type mood as enum ('calm', 'late');
create table hidden(id int);
grant all on loans to reader;
"""


class Bank:
    """A project with a query file `q.sql` and the reference `env:BANK_URL`."""

    def __init__(self, place: SourceProject, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.server, self._environment = place, server, monkeypatch
        self.url(server.url())

    def url(self, url: str) -> None:
        """What the reference gives from now on."""
        self._environment.setenv("BANK_URL", url)

    def spec(self, **options: Any) -> IngestSpec:
        """The query file, put to the server."""
        return IngestSpec((Source("sql:bank:q.sql"),), databases=(Database("bank", url="env:BANK_URL", **options),))

    def ask(self, sql: str, **options: Any) -> IngestResult:
        """Ingest what `sql` gives."""
        self.place.write("q.sql", sql)
        return run(self.place.project.workplace(), self.spec(**options))


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[Postgres]:
    with postgres_server() as found:
        found.sql(SETUP)
        yield found


@pytest.fixture(name="bank")
def _bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Postgres) -> Bank:
    return Bank(SourceProject(tmp_path, monkeypatch), server, monkeypatch)


TYPED = """select 1::int2 a, 2::int4 b, 9007199254740993::int8 c, 1.5::float4 d, 'NaN'::float8 e, true f, 'x'::text g,
    1.10::numeric h, 'late'::mood i, '{"k": [1]}'::jsonb j, '\\x00ff'::bytea k, array[1, null] l,
    date '0001-01-01' m, timestamp '9999-12-31 23:59:59.999999' n, timestamptz '2026-01-01 01:00+01' o, time '12:30' p,
    null::numeric q -- no semicolon, and a comment that must not swallow anything"""


def test_types(bank: Bank) -> None:
    """Each column keeps its type; a numeric is its text, digit by digit; null is null in all of them."""
    table = bank.place.table(bank.ask(TYPED).snapshot).drop_columns(["__source__", "__row__"])
    kinds = "int16 int32 int64 float double bool string string string string binary list<element: int32> date32[day]"
    assert [str(column.type) for column in table.columns] == [
        *kinds.rsplit(" ", 3)[0].split(),
        "list<element: int32>",
        "date32[day]",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
        "time64[us]",
        "string",
    ]
    row = table.to_pylist()[0]
    assert str(row.pop("e")) == "nan"
    assert row == {
        "a": 1,
        "b": 2,
        "c": 9007199254740993,
        "d": 1.5,
        "f": True,
        "g": "x",
        "h": "1.10",
        "i": "late",
        "j": '{"k": [1]}',
        "k": b"\0\xff",
        "l": [1, None],
        "m": date(1, 1, 1),
        "n": datetime(9999, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001 - it has none
        "o": datetime(2026, 1, 1, tzinfo=UTC),
        "p": time(12, 30),
        "q": None,
    }


def test_rows_and_statement(bank: Bank) -> None:
    """Rows come in the query's order; the statement names the query's digest and nothing of the server."""
    found = bank.ask("select id, rate, name from loans order by id desc;\n")
    table = bank.place.table(found.snapshot)
    assert table["rate"].to_pylist() == [None, "4.250"]
    assert table["name"].to_pylist() == ["", "Köln"]
    signed = found.evidence.predicate["buildDefinition"]
    assert set(signed["resolvedDependencies"][0]["annotations"]) == {"rows", "bytes", "format", "query"}
    assert signed["externalParameters"]["databases"] == [{"name": "bank", "file": ""}]
    assert [jail["settings"] for jail in signed["internalParameters"]["fetchers"]] == ["tools"]
    assert "127.0.0.1" not in str(found.evidence.predicate)


def test_many_rows(bank: Bank) -> None:
    """Far more rows than one batch arrive all, in order."""
    found = bank.ask("select g id, repeat('x', 200) t from generate_series(1, 200000) g")
    assert found.rows == 200_000
    assert bank.place.table(found.snapshot)["id"].to_pylist()[::50_000] == [1, 50_001, 100_001, 150_001]


def test_a_query_on_a_server_is_always_asked_again(bank: Bank) -> None:
    """Nobody can tell without asking whether rows have changed."""
    found = bank.ask("select id from loans")
    assert changed_files(found.evidence, bank.spec(), bank.place.root)


@pytest.mark.parametrize(
    ("sql", "finding", "seen"),
    [
        ("select 1; delete from loans", "LG131", {"line": 1}),
        ("delete from loans returning id", "LG131", {"sqlstate": "25006"}),
        ("with d as (delete from loans returning id) select * from d", "LG131", {"sqlstate": "25006"}),
        ("select set_config('transaction_read_only', 'off', true)", "LG131", {}),
        pytest.param("create table more(id int)", "LG131", {}, marks=pytest.mark.nightly),
        ("select 1) to stdout; delete from loans; --", "LG131", {}),
        ("select id from hidden", "LG129", {"sqlstate": "42501"}),
        ("select id from nowhere", "LG132", {"sqlstate": "42P01"}),
        ("select 1 / (5000 - g) from generate_series(1, 9000) g", "LG132", {"said": "division by zero"}),
        ("select 12.5::money v", "LG133", {"column": "v", "type": "money"}),
        pytest.param("select 1::oid v", "LG133", {"type": "oid"}, marks=pytest.mark.nightly),
        pytest.param("select interval '1 day' v", "LG133", {"type": "interval"}, marks=pytest.mark.nightly),
        pytest.param("select gen_random_uuid() v", "LG133", {"type": "uuid"}, marks=pytest.mark.nightly),
        pytest.param("select array[1.5::numeric] v", "LG133", {"type": "_numeric"}, marks=pytest.mark.nightly),
        ("select date 'infinity' v", "LG133", {"column": "v"}),
        pytest.param(
            "select timestamp '-infinity' v union all select now()::timestamp",
            "LG133",
            {"column": "v"},
            marks=pytest.mark.nightly,
        ),
        pytest.param("select date '4000-01-01 BC' v", "LG133", {"column": "v"}, marks=pytest.mark.nightly),
        ("select 1 a, 2 a", "LG133", {"columns": ["a"]}),
        pytest.param("select", "LG133", {}, marks=pytest.mark.nightly),
    ],
)
def test_queries_that_are_refused(bank: Bank, sql: str, finding: str, seen: dict[str, object]) -> None:
    """Changing, another's table, a type that is a guess: each has its finding; the tables are as they were."""
    with pytest.raises(LockgateError) as caught:
        bank.ask(sql)
    assert caught.value.finding == finding, caught.value
    assert seen.items() <= caught.value.seen.items()
    assert caught.value.next
    assert (bank.place.claims(), bank.place.left_over()) == (["roles", "policy"], [])
    assert bank.server.sql("select count(*) from loans") == "2"


def test_only_the_transaction_keeps_the_query_from_writing(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control taken away: the same role, allowed to, deletes. With it, it is refused."""
    sql = "delete from loans where id < 0 returning id"
    with pytest.raises(Refused) as caught:
        bank.ask(sql)
    assert caught.value.finding == "LG131"
    monkeypatch.setattr(connection, "READ_ONLY", "")
    with pytest.raises(Refused) as caught:
        bank.ask(sql)
    assert caught.value.finding == "LG104"


@pytest.mark.parametrize(
    ("change", "finding", "kind"),
    [
        (("geh%3Aim", "wrong"), "LG129", Refused),
        (("/postgres", "/nowhere"), "LG129", Refused),
        (("127.0.0.1", "nowhere.invalid"), "LG128", Unavailable),
    ],
)
def test_servers_that_do_not_answer(
    bank: Bank, change: tuple[str, str], finding: str, kind: type[LockgateError]
) -> None:
    """A wrong password or database is refused; a server that is not there is exit code 4. None quotes the password."""
    bank.url(bank.server.url().replace(*change))
    with pytest.raises(kind) as caught:
        bank.ask("select 1 v")
    assert caught.value.finding == finding, caught.value
    assert not any(word in str(caught.value.as_json()) for word in ("geh:im", "geh%3Aim", "wrong"))


def test_a_port_where_nobody_listens(bank: Bank) -> None:
    """LG128, exit code 4, with the address that was tried."""
    bank.url(bank.server.url().replace(str(bank.server.port), str(free_port())))
    with pytest.raises(Unavailable) as caught:
        bank.ask("select 1 v")
    assert (caught.value.finding, caught.value.exit_code) == ("LG128", 4)


def test_the_server_is_verified(bank: Bank) -> None:
    """A server whose certificate nobody vouches for is not asked; with the right certificates it is."""
    bank.url(bank.server.url(sslmode="verify-full"))
    with pytest.raises(Unavailable) as caught:
        bank.ask("select 1 v")
    assert caught.value.finding == "LG128"
    assert "certificate" in caught.value.message
    assert bank.ask("select 1 v", ca=str(bank.server.ca)).rows == 1
    bank.url(bank.server.url(sslmode="verify-full").replace("127.0.0.1", "127.0.0.2"))
    with pytest.raises(Unavailable):
        bank.ask("select 1 v", ca=str(bank.server.ca))


def test_a_result_that_never_ends(bank: Bank) -> None:
    """A query that gives more than it may is LG134, before the disk is full."""
    with pytest.raises(Refused) as caught:
        bank.ask(
            "select md5(g::text || h::text) v from generate_series(1, 9999) g, generate_series(1, 9999) h", most=1 << 20
        )
    assert caught.value.finding == "LG134"
