"""Stores, web servers and databases as a way in for data, and as a way out for credentials."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import LockgateError, Refused, Unavailable, Usage
from lockgate.ingest import ask, fetch
from lockgate.ingest.query import one_statement
from lockgate.ingest.run import run
from lockgate.ingest.spec import Database, IngestResult, IngestSpec, Source, Store
from tests.support.sources import CSV, SourceProject
from tests.support.stores import Site, free_port, https_server

SECRET = "geh:im nis"


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module", name="site")
def _site(folder: Path) -> Iterator[Site]:
    with https_server(folder / "good") as found:
        found.give("/open/a.csv", CSV.encode(), ETag='"v1"')
        yield found


@pytest.fixture(scope="module", name="inner")
def _inner(folder: Path) -> Iterator[Site]:
    """A service that only this machine can reach, such as one that gives out credentials."""
    with https_server(folder / "inner") as found:
        found.give("/credentials.csv", CSV.encode())
        yield found


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    monkeypatch.setenv("LG_TOKEN", SECRET)
    return SourceProject(tmp_path, monkeypatch)


def ingest(place: SourceProject, site: Site, name: str = "a.csv", **options: Any) -> IngestResult:
    """Ingest one object of the site's `/open/`."""
    prefix = f"https://{site.host}/open/"
    given = {"ca": str(site.ca), "token": "env:LG_TOKEN", **options}
    pins = given.pop("pins", {})
    spec = IngestSpec((Source(prefix + name),), stores=(Store(prefix, **given),), pins=pins)
    return run(place.project.workplace(), spec)


def holds(folder: Path, secret: bytes) -> list[str]:
    """The files below `folder` that hold `secret`."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


def test_a_secret_is_nowhere_afterwards(place: SourceProject, site: Site) -> None:
    """The server got the token; project, log, registry, statement and what was said did not."""
    site.asked.clear()
    found = ingest(place, site)
    assert site.asked[0] == ("HEAD", "/open/a.csv", f"Bearer {SECRET}")
    assert holds(place.root, SECRET.encode()) == []
    assert SECRET not in str(found.evidence.predicate)
    assert SECRET not in str(place.project.said)
    (place.root / "note.txt").write_text(SECRET)
    assert len(holds(place.root, SECRET.encode())) == 1


def test_a_server_that_repeats_the_secret(place: SourceProject, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile answer that quotes the token does not carry it into an error. Without the control it does."""
    site.give("/open/echo.csv", b"", 302, Location=f"https://evil.example/?token={SECRET}")
    with pytest.raises(Refused) as caught:
        ingest(place, site, "echo.csv")
    assert caught.value.finding == "LG130"
    assert caught.value.seen["leads_to"] == "https://evil.example/?token=(secret)"
    monkeypatch.setattr(fetch, "unsaid", lambda _secrets: nullcontext())
    with pytest.raises(Refused) as caught:
        ingest(place, site, "echo.csv")
    assert SECRET in str(caught.value.as_json())


def test_a_redirect_to_the_inside(place: SourceProject, site: Site, inner: Site) -> None:
    """A redirect is a way around the allowlist: refused, and where it leads was never asked. The object is read."""
    inner.asked.clear()
    site.give("/open/moved.csv", b"", 302, Location=f"https://{inner.host}/credentials.csv")
    with pytest.raises(Refused) as caught:
        ingest(place, site, "moved.csv")
    assert (caught.value.finding, caught.value.seen["status"]) == ("LG130", 302)
    assert inner.asked == []
    assert (place.claims(), place.left_over()) == (["roles", "policy"], [])
    assert ingest(place, site).rows == 3


def test_an_address_outside_of_the_allowlist(place: SourceProject, site: Site, inner: Site) -> None:
    """A source that no store allows is LG123 before anybody is asked, in whichever place of the list it stands."""
    inner.asked.clear()
    site.asked.clear()
    prefix = f"https://{site.host}/open/"
    sources = (Source(f"{prefix}a.csv"), Source(f"https://{inner.host}/credentials.csv"))
    spec = IngestSpec(sources, stores=(Store(prefix, ca=str(site.ca)),))
    with pytest.raises(Refused) as caught:
        run(place.project.workplace(), spec)
    assert caught.value.finding == "LG123"
    assert (site.asked, inner.asked) == ([], [])


def test_a_swapped_object(place: SourceProject, site: Site) -> None:
    """A store that serves other rows than those that were pinned is LG120, though its version tag is the old one."""
    site.give("/open/pinned.csv", CSV.encode(), ETag='"v1"')
    first = ingest(place, site, "pinned.csv")
    pins = {first.files[0].name: first.files[0].digest}
    assert ingest(place, site, "pinned.csv", pins=pins).snapshot == first.snapshot
    site.give("/open/pinned.csv", CSV.replace("1400,UA,true", "1400,UA,false").encode(), ETag='"v1"')
    with pytest.raises(Refused) as caught:
        ingest(place, site, "pinned.csv", pins=pins)
    assert caught.value.finding == "LG120"


def test_a_body_without_an_end(place: SourceProject, site: Site) -> None:
    """More bytes than allowed are LG134, announced or not; the same body within its bound arrives."""
    body = CSV.encode() + b"1,UA,true\n" * 100_000
    site.give("/open/announced.csv", body)
    site.give("/open/unannounced.csv", body, Content_Length="")
    for name in ("announced.csv", "unannounced.csv"):
        with pytest.raises(Refused) as caught:
            ingest(place, site, name, most=len(body) - 1)
        assert caught.value.finding == "LG134"
        assert place.left_over() == []
    assert ingest(place, site, "unannounced.csv", most=len(body)).rows == 100_003


def test_a_hostile_file_from_a_store(place: SourceProject, site: Site) -> None:
    """What was fetched is parsed where everything else is: a pickle from a store is LG106 like any other."""
    site.give("/open/model.csv", b"\x80\x04\x95\x10\0\0\0\0\0\0\0.")
    with pytest.raises(Refused) as caught:
        ingest(place, site, "model.csv")
    assert caught.value.finding == "LG106"


def test_a_stranger_s_project_learns_no_secret(place: SourceProject, site: Site, tmp_path: Path) -> None:
    """Who does not hold the ingester's key (a clone) runs no command and sends nothing; the owner's does."""
    site.asked.clear()
    mark = tmp_path / "ran"
    token = f"cmd:sh -c 'touch {mark}; echo token'"
    keys = list((tmp_path / "config").rglob("ingester*"))
    kept = {path: path.read_bytes() for path in keys}
    for path in keys:
        path.unlink()
    with pytest.raises(LockgateError) as caught:
        ingest(place, site, token=token)
    assert caught.value.finding.startswith("LG83")
    assert (mark.exists(), site.asked) == (False, [])
    for path, data in kept.items():
        path.write_bytes(data)
        path.chmod(0o600)
    assert ingest(place, site, token=token).rows == 3
    assert mark.exists()


def test_a_password_in_a_driver_s_words(place: SourceProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection string is not repeated when the server is away, nor when it cannot be used at all."""
    place.write("q.sql", "select 1 v")
    sources = (Source("sql:bank:q.sql"),)
    spec = IngestSpec(sources, databases=(Database("bank", url="env:LG_URL"),))
    good = f"postgresql://mara:hunter2@127.0.0.1:{free_port()}/hunter2"
    for url, kind in ((good, Unavailable), ("mysql://mara:hunter2@127.0.0.1/x", Usage), ("hunter2", Usage)):
        monkeypatch.setenv("LG_URL", url)
        with pytest.raises(kind) as caught:
            run(place.project.workplace(), spec)
        assert "hunter2" not in str(caught.value.as_json())


@pytest.mark.parametrize("sql", ["delete from loans", "select 1; delete from loans", "attach 'bank.db' as b"])
def test_a_query_that_writes(place: SourceProject, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """A query file that changes the database is LG131, also when the early look at it is taken away."""
    connection = sqlite3.connect(place.root / "bank.db")
    with connection:
        connection.execute("create table loans(id integer)")
        connection.execute("insert into loans values (1)")
    connection.close()
    before = (place.root / "bank.db").read_bytes()
    spec = IngestSpec((Source("sql:bank:q.sql"),), databases=(Database("bank", file="bank.db"),))
    for look in (one_statement, lambda data, _name: data.decode()):
        monkeypatch.setattr(ask, "one_statement", look)
        place.write("q.sql", sql)
        with pytest.raises((Refused, Usage)) as caught:
            run(place.project.workplace(), spec)
        assert caught.value.finding == "LG131"
        assert (place.root / "bank.db").read_bytes() == before
    place.write("q.sql", "select id from loans")
    assert run(place.project.workplace(), spec).rows == 1
