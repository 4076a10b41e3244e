"""Where a source leads: each spelling that is taken, each that is refused, and that no refusal quotes a secret."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.ingest.account import Listed, parse_rows, parse_seen
from lockgate.ingest.addresses import Local, Query, Remote, check_found, check_store, place_of
from lockgate.ingest.connection import connection
from lockgate.ingest.jail._bucket import options_of
from lockgate.ingest.query import one_statement
from lockgate.ingest.spec import Database, IngestSpec, Source, Store

BANK = Store("s3://bank/")
LOANS = Store("s3://bank/loans/", region="eu-central-1")
WEB = Store("https://data.example:8443/open/")
FILE = Database("local", file="bank.db")
SERVER = Database("bank", url="env:BANK_URL")
SPEC = IngestSpec((Source("x"),), stores=(BANK, LOANS, WEB), databases=(FILE, SERVER, Database("odd")))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("data/*.csv", Local("data/*.csv")),
        ("odd:name.csv", Local("odd:name.csv")),
        ("s3://bank/loans/2026-*.parquet", Remote("s3://bank/loans/2026-*.parquet", LOANS)),
        ("s3://bank/loans", Remote("s3://bank/loans", BANK)),
        ("https://data.example:8443/open/a%20b.csv", Remote("https://data.example:8443/open/a%20b.csv", WEB)),
        ("sql:bank:queries/a.sql", Query("sql:bank:queries/a.sql", SERVER, "queries/a.sql")),
    ],
)
def test_what_is_taken(pattern: str, expected: object) -> None:
    """A path stays a path; an address gets the longest prefix that allows it; a query gets its database."""
    assert expected == place_of(pattern, SPEC)


@pytest.mark.parametrize(
    "pattern",
    ["s3://other/loans/a.csv", "s3://bank-2/a.csv", "https://data.example/open/a.csv", "gs://bank/loans/a.csv"],
)
def test_what_no_store_allows(pattern: str) -> None:
    """An address outside of every prefix is LG123, also where only host, port or scheme differ."""
    with pytest.raises(Refused) as caught:
        place_of(pattern, SPEC)
    assert caught.value.finding == "LG123"
    assert caught.value.next


@pytest.mark.parametrize(
    "pattern",
    [
        "file:///etc/passwd",
        "memory://a.csv",
        "http://data.example/open/a.csv",
        "simplecache::s3://bank/a.csv",
        "S3://bank/a.csv",
        "s3://AKIA:hunter2@bank/a.csv",
        "https://data.example:8443/open/a.csv?sig=hunter2",
        "https://data.example:8443/open/a.csv#hunter2",
        "s3://bank/loans/../hunter2.csv",
        "s3://bank/loans/./a.csv",
        "s3://bank//a.csv",
        "https://data.example:8443/open/%2E%2e/hunter2",
        "https://data.example:8443/open/*.csv",
        "s3://ba*nk/a.csv",
        "s3://bank/a\u202e.csv",
        "s3://bank/a\\b.csv",
        "s3://bank",
        "sql:queries/a.sql",
        "sql:bank:/etc/a.sql",
        "sql:bank:../a.sql",
        "sql:nobody:a.sql",
        "sql:odd:a.sql",
    ],
)
def test_what_cannot_be_used(pattern: str) -> None:
    """An address with credentials, a query, a way out, or of an unknown scheme is LG127, and is not quoted."""
    with pytest.raises(Usage) as caught:
        place_of(pattern, SPEC)
    assert caught.value.finding == "LG127"
    assert "hunter2" not in str(caught.value.as_json())


@pytest.mark.parametrize(
    "store",
    [
        Store("s3://bank/loans"),
        Store("s3://bank/*/"),
        Store("s3://bank/", endpoint="http://minio.example:9000"),
        Store("s3://bank/", endpoint="https://user:hunter2@minio.example"),
        Store("https://data.example/", endpoint="https://other.example"),
        Store("s3://bank/", key="env:KEY"),
        Store("https://data.example/", key="env:KEY", secret="env:SECRET"),
    ],
)
def test_a_store_that_does_not_fit(store: Store) -> None:
    """A prefix without its slash, an endpoint in the clear, half a pair of keys: LG127."""
    with pytest.raises(Usage) as caught:
        check_store(store)
    assert (caught.value.finding, "hunter2" in str(caught.value.as_json())) == ("LG127", False)


@pytest.mark.parametrize("endpoint", ["https://minio.example:9000", "http://127.0.0.1:9000", "http://[::1]:9000"])
def test_a_store_that_fits(endpoint: str) -> None:
    """TLS anywhere, plain http on this machine only."""
    check_store(Store("s3://bank/", endpoint=endpoint, key="env:KEY", secret="env:SECRET"))


@pytest.mark.parametrize("name", ["s3://bank/other/a.csv", "s3://bank/loans/../a", "s3://bank/loans/\x1b[2J", "a.csv"])
def test_a_store_names_what_it_may_not(name: str) -> None:
    """A listing that leads out of the prefix, or into the terminal, is LG130; an honest name passes."""
    check_found("s3://bank/loans/ä b.csv", LOANS)
    with pytest.raises(Refused) as caught:
        check_found(name, LOANS)
    assert (caught.value.finding, "\x1b" in str(caught.value.as_json())) == ("LG130", False)


def test_a_server_beyond_this_machine_is_verified() -> None:
    """TLS is verified whether the url says so or not; transactions are read-only, whatever the url says."""
    found = connection("postgresql://mara:geh%3Aim@db.example/bank?options=-c%20x%3D1", "bank", ca="/in/ca.pem")
    assert found.host == "db.example"
    assert "sslmode=verify-full&sslrootcert=%2Fin%2Fca.pem" in found.uri
    assert found.uri.count("default_transaction_read_only%3Don") == 1
    assert found.uri.index("x%3D1") < found.uri.index("default_transaction_read_only")
    assert {"geh%3Aim", "geh:im"} <= set(found.secrets)
    assert "geh" not in repr(found)
    assert "sslmode" not in connection("postgresql://mara@127.0.0.1/bank", "bank").uri


@pytest.mark.parametrize(
    "url",
    [
        "mysql://mara:hunter2@db.example/bank",
        "postgresql:///bank?host=/run/hunter2",
        "postgresql://mara:hunter2@db.example/bank?sslmode=require",
        "postgresql://mara:hunter2@db.example/bank?sslmode=disable",
        "postgresql://mara:hunter2@a.example,b.example/bank",
        "postgresql://mara:hunter2@127.0.0.1/bank?host=db.example",
        "postgresql://mara:hun#ter2@db.example/bank",
        "postgresql://mara:hunter2@db.example:port/bank",
        "postgresql://[hunter2/bank",
        "hunter2",
    ],
)
def test_an_address_of_a_server_that_cannot_be_used(url: str) -> None:
    """What is unverified, ambiguous or none at all is LG127 and is not quoted."""
    with pytest.raises(Usage) as caught:
        connection(url, "bank")
    assert (caught.value.finding, "hun" in str(caught.value.as_json())) == ("LG127", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1", "select 1\n"),
        ("select ';' as \";\" -- a; b\n;\n-- the end; of it\n", "select ';' as \";\" -- a; b\n\n"),
        ("select $q$;$$;$q$ /* ; */", "select $q$;$$;$q$ /* ; */\n"),
        ("\ufeffselect 'it''s; so';;", "select 'it''s; so'\n"),
    ],
)
def test_one_statement(text: str, expected: str) -> None:
    """Semicolons in texts, names and comments are none; one at the end goes; a comment cannot swallow what follows."""
    assert expected == one_statement(text.encode(), "a.sql")


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"select 1;\n\ndelete from loans", {"line": 3}),
        (b"select 1; -- x\n;select 2", {"line": 2}),
        (b"select 'x;\n", {"line": 1}),
        (b"select 1\n/* x", {"line": 2}),
        (b" ;\n-- nothing\n", {}),
        (b"", {"bytes": 0}),
        (b"select '\xff'", {"byte": 8}),
        (b"select '\0'", {"byte": 8}),
    ],
)
def test_not_one_statement(data: bytes, seen: dict[str, object]) -> None:
    """Two statements, none, or a text that never ends: LG131 with its place."""
    with pytest.raises(Usage) as caught:
        one_statement(data, "a.sql")
    assert caught.value.finding == "LG131"
    assert seen.items() <= caught.value.seen.items()


NONE = {"endpoint": "", "region": "", "ca": "", "key": "", "secret": "", "token": ""}


@pytest.mark.parametrize(
    ("scheme", "store", "expected"),
    [
        ("s3", {}, {"anon": True}),
        ("s3", {"key": "k", "secret": "s"}, {"key": "k", "secret": "s", "token": None}),
        ("s3", {"region": "eu", "ca": "/in/ca.pem"}, {"client_kwargs": {"region_name": "eu", "verify": "/in/ca.pem"}}),
        ("gs", {}, {"token": "anon"}),
        ("az", {"key": "account", "token": "sas"}, {"account_name": "account", "sas_token": "sas"}),
    ],
)
def test_what_a_driver_is_told(scheme: str, store: dict[str, str], expected: dict[str, Any]) -> None:
    """Each driver gets the project's credentials under its own names, and without any it is told to be nobody."""
    assert expected.items() <= options_of(scheme, {**NONE, **store}).items()


GOOD = {"name": "s3://bank/a", "size": 3, "version": "ETag:x"}


def test_an_account_in_form() -> None:
    """What an honest jail writes is read."""
    assert parse_seen(encode({"patterns": [[GOOD]]}), 1) == [[Listed("s3://bank/a", 3, "ETag:x")]]
    assert parse_rows(encode({"rows": 7})) == 7


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"patterns": []},
        {"patterns": [[]]},
        {"patterns": [[{**GOOD, "size": -2}]]},
        {"patterns": [[{**GOOD, "size": True}]]},
        {"patterns": [[{**GOOD, "version": "\x1b"}]]},
        {"patterns": [[{**GOOD, "more": 1}]]},
        {"patterns": [[GOOD] * 10_001]},
    ],
)
def test_an_account_out_of_form(value: dict[str, Any]) -> None:
    """A fetching jail that a hostile store took over is believed in no other form."""
    with pytest.raises(ValueError, match=r"."):
        parse_seen(encode(value), 1)
    with pytest.raises(ValueError, match=r"."):
        parse_rows(encode(value))


def test_references_do_not_enter_the_statement() -> None:
    """The external parameters name prefix, endpoint and region, and not where the secrets are."""
    store = Store("s3://bank/", key="cmd:pass show hunter2", secret="file:/hunter2", ca="hunter2.pem")
    spec = IngestSpec((Source("s3://bank/a"),), stores=(store,), databases=(Database("b", url="env:hunter2"),))
    assert b"hunter2" not in encode(spec.as_json())
    assert spec.as_json()["stores"] == [{"prefix": "s3://bank/", "endpoint": "", "region": ""}]
    assert "stores" not in IngestSpec((Source("a.csv"),), pins={"a.csv": digest_of(b"")}).as_json()


@pytest.mark.parametrize("pattern", ["s3:///", "s3://", "sql::", "sql:", "a://b", "s3://[/", "https://[::1/a"])
def test_broken_addresses(pattern: str) -> None:
    """What is hardly an address gets a finding and no traceback."""
    with pytest.raises(LockgateError):
        place_of(pattern, SPEC)
