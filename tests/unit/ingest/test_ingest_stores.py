"""Objects of real stores on loopback, fetched in the real jail: what arrives, what is signed, what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.encoding import decode
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.ingest.jail import _bucket
from lockgate.ingest.jail._bucket import Bucket, options_of
from lockgate.ingest.jail._errors import worded
from lockgate.ingest.jail._seen import Objects, Seen
from lockgate.ingest.jail.fetch import fetch, store_of
from lockgate.ingest.run import run
from lockgate.ingest.spec import IngestResult, IngestSpec, Source, Store
from lockgate.pipeline.unchanged import changed_files
from tests.support.sources import CSV, SourceProject, parquet
from tests.support.stores import Bucket as Server
from tests.support.stores import Site, free_port, https_server, s3_server

NONE = {"endpoint": "", "region": "", "ca": "", "key": "", "secret": "", "token": ""}


@pytest.fixture(scope="module", name="s3")
def _s3() -> Iterator[Server]:
    with s3_server() as found:
        found.put("loans/a.csv", CSV.encode())
        found.put("loans/b.csv", CSV.replace("UA", "DL").encode())
        found.put("loans/deep/c.csv", CSV.encode())
        found.put("other/d.csv", CSV.encode())
        yield found


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with https_server(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    monkeypatch.setenv("BANK_KEY", "testing")
    monkeypatch.setenv("BANK_SECRET", "testing-secret")
    return SourceProject(tmp_path, monkeypatch)


def bank(s3: Server, **options: Any) -> Store:
    """The prefix `loans/` of the store, with credentials."""
    given = {"endpoint": s3.endpoint, "key": "env:BANK_KEY", "secret": "env:BANK_SECRET", **options}
    return Store("s3://bank/loans/", **given)


def web(site: Site, **options: Any) -> Store:
    """The folder `/open/` of the site."""
    return Store(f"https://{site.host}/open/", **{"ca": str(site.ca), **options})


def ingest(place: SourceProject, store: Store, *patterns: str, **options: Any) -> IngestResult:
    """Ingest what `patterns` name."""
    spec = IngestSpec(tuple(map(Source, patterns)), stores=(store,), **options)
    return run(place.project.workplace(), spec)


def test_objects_and_files_together(place: SourceProject, s3: Server) -> None:
    """A glob of objects and a file of the project are one snapshot; the statement tells each version, and the jail."""
    place.write("local.csv", CSV)
    found = ingest(place, bank(s3), "local.csv", "s3://bank/loans/*.csv")
    assert [file.name for file in found.files] == ["local.csv", "s3://bank/loans/a.csv", "s3://bank/loans/b.csv"]
    assert place.table(found.snapshot)["carrier"].to_pylist() == ["UA", "AA", "B6", "UA", "AA", "B6", "DL", "AA", "B6"]
    signed = found.evidence.predicate["buildDefinition"]
    local, first, _ = (each["annotations"] for each in signed["resolvedDependencies"])
    etag = s3.client.head_object(Bucket="bank", Key="loans/a.csv")["ETag"].strip('"')
    assert first == {"rows": 3, "bytes": len(CSV), "format": "csv", "version": f"ETag:{etag}"}
    assert "version" not in local
    assert found.files[1].digest == digest_of(CSV.encode())
    fetchers = signed["internalParameters"]["fetchers"]
    assert [(jail["settings"], jail["level"]) for jail in fetchers] == [("tools", 3)]
    assert list((place.project.home / "state" / "tmp").iterdir()) == []


def test_two_stars_go_deeper(place: SourceProject, s3: Server) -> None:
    """`*` stays within one folder, `**` does not; nothing outside of the prefix is among them."""
    found = ingest(place, bank(s3), "s3://bank/loans/**")
    assert [file.name for file in found.files] == [f"s3://bank/loans/{n}.csv" for n in ("a", "b", "deep/c")]


def test_parquet_from_a_store(place: SourceProject, s3: Server) -> None:
    """Bytes arrive as they are, also in more than one piece."""
    data = parquet({"x": list(range(3000))}, compression="none", use_dictionary=False)
    s3.put("loans/big.parquet", data)
    found = ingest(place, bank(s3), "s3://bank/loans/big.parquet")
    assert (found.rows, found.files[0].digest) == (3000, digest_of(data))
    s3.client.delete_object(Bucket="bank", Key="loans/big.parquet")


def test_unchanged_objects_are_not_fetched_again(place: SourceProject, s3: Server) -> None:
    """A listing is enough to see that nothing changed; a new, another or a lost object is seen."""
    s3.put("loans/now/a.csv", CSV.encode())
    spec = IngestSpec((Source("s3://bank/loans/now/*"),), stores=(bank(s3),))
    found = run(place.project.workplace(), spec).evidence
    assert not changed_files(found, spec, place.root)
    s3.put("loans/now/b.csv", CSV.encode())
    assert changed_files(found, spec, place.root)
    s3.client.delete_object(Bucket="bank", Key="loans/now/b.csv")
    assert not changed_files(found, spec, place.root)
    s3.put("loans/now/a.csv", CSV.replace("1400", "1401").encode())
    assert changed_files(found, spec, place.root)
    s3.client.delete_object(Bucket="bank", Key="loans/now/a.csv")


def test_by_https(place: SourceProject, site: Site) -> None:
    """An object by https, with a bearer token; a weak tag proves nothing, so that it is fetched again."""
    site.give("/open/token/a.csv", CSV.encode(), ETag='"v1"')
    site.give("/open/token/weak.csv", CSV.encode(), ETag='W/"v1"')
    store = web(site, token="env:BANK_SECRET")
    for name, told, stands in (("a", {"version": "etag:v1"}, True), ("weak", {}, False)):
        spec = IngestSpec((Source(f"https://{site.host}/open/token/{name}.csv"),), stores=(store,))
        found = run(place.project.workplace(), spec)
        assert dict(found.files[0].origin) == told
        assert (not changed_files(found.evidence, spec, place.root)) is stands
    asked = {token for _, path, token in site.asked if path.startswith("/open/token/")}
    assert asked == {"Bearer testing-secret"}


@pytest.mark.parametrize(
    ("pattern", "options", "finding", "kind"),
    [
        ("s3://bank/loans/nothing.csv", {}, "LG101", Refused),
        pytest.param("s3://bank/loans/nothing-*.csv", {}, "LG101", Refused, marks=pytest.mark.nightly),
        ("s3://bank/loans/*.csv", {"most": len(CSV) + 1}, "LG134", Refused),
        ("s3://bank/loans/*.csv", {"endpoint": "http://127.0.0.1:{port}"}, "LG128", Unavailable),
        pytest.param(
            "s3://bank/loans/*.csv",
            {"endpoint": "https://nowhere.invalid"},
            "LG128",
            Unavailable,
            marks=pytest.mark.nightly,
        ),
        ("s3://bank/loans/a.csv", {"secret": "env:BANK_NOT_SET"}, "LG125", LockgateError),
        ("s3://bank/loans/a.csv", {"ca": "nowhere.pem"}, "LG127", LockgateError),
    ],
)
def test_stores_that_do_not_give(
    place: SourceProject, s3: Server, pattern: str, options: dict[str, Any], finding: str, kind: type[LockgateError]
) -> None:
    """What is not there, too large or out of reach has its finding and next step, and leaves nothing behind."""
    given = {name: v.format(port=free_port()) if isinstance(v, str) else v for name, v in options.items()}
    with pytest.raises(kind) as caught:
        ingest(place, bank(s3, **given), pattern)
    assert caught.value.finding == finding, caught.value
    assert caught.value.next
    assert (place.claims(), place.left_over()) == (["roles", "policy"], [])


def test_a_store_that_denies_access(place: SourceProject, s3: Server) -> None:
    """Credentials that the store does not know are LG129, and are not repeated; the same call passes where they are."""
    s3.authenticate(after="0")
    try:
        with pytest.raises(Refused) as caught:
            ingest(place, bank(s3), "s3://bank/loans/a.csv")
    finally:
        s3.authenticate(after="inf")
    assert caught.value.finding == "LG129", caught.value
    assert "testing" not in str(caught.value.as_json())
    assert ingest(place, bank(s3), "s3://bank/loans/a.csv").rows == 3


@pytest.mark.parametrize(
    ("status", "headers", "finding", "kind"),
    [
        (404, {}, "LG101", Refused),
        (401, {}, "LG129", Refused),
        (403, {}, "LG129", Refused),
        (500, {}, "LG128", Unavailable),
        (206, {}, "LG130", Refused),
        (200, {"Content_Encoding": "gzip"}, "LG130", Refused),
        (200, {"Content_Length": "4000"}, "LG128", Unavailable),
    ],
)
def test_sites_that_do_not_give(
    place: SourceProject, site: Site, status: int, headers: dict[str, str], finding: str, kind: type[LockgateError]
) -> None:
    """Each answer but the whole object is a finding."""
    site.give("/open/x.csv", CSV.encode(), status, **headers)
    with pytest.raises(kind) as caught:
        ingest(place, web(site), f"https://{site.host}/open/x.csv")
    assert caught.value.finding == finding, caught.value


def test_a_site_that_nobody_vouches_for(place: SourceProject, site: Site) -> None:
    """Without the right certificates there is no connection: LG128."""
    site.give("/open/a.csv", CSV.encode())
    with pytest.raises(Unavailable) as caught:
        ingest(place, web(site, ca=""), f"https://{site.host}/open/a.csv")
    assert caught.value.finding == "LG128"
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value.seen)


@pytest.mark.parametrize(("scheme", "package"), [("gs", "gcsfs"), ("az", "adlfs")])
def test_a_driver_that_is_not_installed(place: SourceProject, scheme: str, package: str) -> None:
    """LG126, exit code 4, says what to install."""
    with pytest.raises(Unavailable) as caught:
        ingest(place, Store(f"{scheme}://bank/"), f"{scheme}://bank/a.csv")
    assert (caught.value.finding, caught.value.next) == ("LG126", f"pip install {package}")


class Meddled:
    """A store whose objects somebody changes once their first piece has been read."""

    def __init__(self, store: Objects, meddle: Callable[[], None]) -> None:
        self._store, self._meddle = store, meddle

    def find(self, pattern: str) -> list[Seen]:
        """As the store."""
        return self._store.find(pattern)

    def look(self, name: str) -> Seen:
        """As the store."""
        return self._store.look(name)

    def read(self, one: Seen) -> AbstractContextManager[Iterator[bytes]]:
        """As the store, with somebody in between."""

        @contextmanager
        def meddled() -> Iterator[Iterator[bytes]]:
            with self._store.read(one) as pieces:
                yield self._after_one(pieces)

        return meddled()

    def _after_one(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        yield next(pieces)
        self._meddle()
        yield from pieces


def fetched(tmp_path: Path, store: Objects, pattern: str, most: int = 1 << 20) -> dict[str, Any]:
    """Fetch in this process; the account."""
    into = tmp_path / f"into-{len(os.listdir(tmp_path))}"
    into.mkdir()
    fetch({"patterns": [pattern], "fetch": True, "most": most}, store, into, into)
    found: dict[str, Any] = decode((into / "seen.json").read_bytes())
    return {**found, "bytes": (into / "00000").read_bytes()}


@pytest.mark.parametrize("piece", [1 << 10, 8 << 20], ids=["in pieces", "at once"])
@pytest.mark.parametrize("meddle", ["change", "delete", "nothing"])
def test_an_object_that_changes_while_it_is_read(
    tmp_path: Path, s3: Server, monkeypatch: pytest.MonkeyPatch, piece: int, meddle: str
) -> None:
    """A digest never names a mixture of two versions: LG105, also when all of it was read before; else it arrives."""
    monkeypatch.setattr(_bucket, "PIECE", piece)
    data = bytes(range(256)) * 20
    s3.put("loans/moving", data)
    todo = {
        "change": lambda: s3.put("loans/moving", data[::-1]),
        "delete": lambda: s3.client.delete_object(Bucket="bank", Key="loans/moving"),
        "nothing": lambda: None,
    }
    given = {**NONE, "endpoint": s3.endpoint, "key": "testing", "secret": "testing-secret"}
    store = Meddled(Bucket("s3", options_of("s3", given)), todo[meddle])
    if meddle == "nothing":
        assert fetched(tmp_path, store, "s3://bank/loans/moving")["bytes"] == data
    else:
        with pytest.raises(Refused) as caught:
            fetched(tmp_path, store, "s3://bank/loans/moving")
        assert caught.value.finding == "LG105", caught.value
    s3.client.delete_object(Bucket="bank", Key="loans/moving")


def test_fsspec_memory(tmp_path: Path) -> None:
    """The path through fsspec holds for a store without versions: no version is told, a change is still seen."""
    import fsspec  # type: ignore[import-untyped]

    memory = fsspec.filesystem("memory")
    memory.pipe("/bank/a.csv", CSV.encode())
    store = store_of({"scheme": "memory", **NONE})
    found = fetched(tmp_path, store, "memory://bank/*.csv")
    assert found["patterns"] == [[{"name": "memory://bank/a.csv", "size": len(CSV), "version": ""}]]
    assert found["bytes"] == CSV.encode()
    with pytest.raises(Refused) as caught:
        fetched(tmp_path, Meddled(store, lambda: memory.pipe("/bank/a.csv", b"short")), "memory://bank/a.csv")
    assert caught.value.finding == "LG105"
    memory.rm("/bank", recursive=True)


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (PermissionError("Access Denied"), "LG129"),
        (OSError("An error occurred (SignatureDoesNotMatch) when calling"), "LG129"),
        (TimeoutError("timed out"), "LG128"),
        (ConnectionResetError("reset"), "LG128"),
        (OSError(28, "No space left on device"), "LG134"),
        (OSError("odd"), "LG130"),
        (ValueError("odd"), "LG136"),
        (Refused("LG105", "ours"), "LG105"),
    ],
)
def test_what_drivers_raise(error: Exception, finding: str) -> None:
    """Each kind of a driver's error has its finding; ours pass as they are."""
    assert worded(error, "s3://bank/a").finding == finding


def test_memory_that_ran_out_is_passed_on() -> None:
    """The host knows the limit, and words it."""
    with pytest.raises(MemoryError):
        worded(MemoryError(), "s3://bank/a")
