"""`store.remote.client` against a registry that behaves, is busy, or has a bad connection."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import Refused, Unavailable, Usage, VerificationFailed
from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.oci import Attached, Entry
from lockgate.store.remote.client import Registry
from lockgate.store.remote.credentials import Credentials
from lockgate.store.remote.reference import parse
from lockgate.store.remote.wire import Limits
from tests.support import fake_registry as fakes
from tests.support.fake_registry import FakeRegistry, Page

DATA = random.Random(2).randbytes(1_000_000)
SMALL = b"small"
QUICK = Limits(connect=2, read=1, answer=1, tries=3, pause=0.001, longest_pause=0.02, chunk=1 << 18)
MANIFEST = b'{"schemaVersion":2}'


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A registry, of before OCI 1.1: clients keep the lists of what is attached."""
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def registry(fake: FakeRegistry) -> Iterator[Registry]:
    """Our client of it."""
    with Registry(parse(fake.name), limits=QUICK) as client:
        yield client


@pytest.fixture
def source(tmp_path: Path) -> Iterator[int]:
    """A descriptor of DATA."""
    (tmp_path / "data").write_bytes(DATA)
    fd = os.open(tmp_path / "data", os.O_RDONLY)
    yield fd
    os.close(fd)


def evidence(count: int) -> tuple[Digest, list[bytes]]:
    """A model, and evidence of it as it is published."""
    model = digest_of(b"model")
    parts = tuple(Attached(kind, digest_of(kind.encode()), 9, f"p{n}") for n in range(count) for kind in (oci.DSSE,))
    return model, list(oci.evidence_manifests(Entry("flights", 7, model, 5, parts)))


def test_manifests(fake: FakeRegistry, registry: Registry) -> None:
    """By tag and by digest; a tag moves to what was put last."""
    first = registry.put_manifest(MANIFEST, oci.MANIFEST, tag="v7")
    assert first == digest_of(MANIFEST)
    assert MANIFEST == registry.manifest("v7") == registry.manifest(first)
    second = registry.put_manifest(MANIFEST + b" ", oci.MANIFEST, tag="v7")
    assert digest_of(registry.manifest("v7")) == second
    assert fake.manifests[first] == (oci.MANIFEST, MANIFEST)


def test_a_manifest_that_is_not_there(registry: Registry) -> None:
    """Says which, of which repository, and what the registry said."""
    with pytest.raises(
        Unavailable, match=r"team/flights does not have manifest v9 \(it says: MANIFEST_UNKNOWN: no\)"
    ) as no:
        registry.manifest("v9")
    assert (no.value.finding, no.value.seen["status"]) == ("LG883", 404)


@pytest.mark.parametrize("tag", ["", "../x", "a b", "-x", "x" * 129, "ünicode"])
def test_what_is_no_tag(registry: Registry, tag: str) -> None:
    """Nothing that would become another path."""
    with pytest.raises(Usage) as refused:
        registry.manifest(tag)
    assert refused.value.finding == "LG881"


@pytest.mark.parametrize("data", [DATA, SMALL, b"", DATA[: 1 << 18], DATA[: (1 << 18) + 1]], ids=len)
def test_a_blob_there_and_back(fake: FakeRegistry, registry: Registry, tmp_path: Path, data: bytes) -> None:
    """Of any size; a second push sends nothing, a second fetch asks for nothing; the descriptor is not moved."""
    (tmp_path / "x").write_bytes(data)
    store = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    digest = digest_of(data)
    with (tmp_path / "x").open("rb") as source:
        assert registry.has_blob(digest) is False
        registry.push_blob(digest, len(data), source.fileno())
        assert source.tell() == 0
        registry.push_blob(digest, len(data), source.fileno())
    assert (registry.has_blob(digest), len(fake.paths("POST"))) == (True, 1)
    assert len(fake.paths("PATCH")) == (0 if len(data) <= 1 << 18 else -(-len(data) // (1 << 18)))
    registry.fetch_blob(digest, len(data), store)
    registry.fetch_blob(digest, len(data), store)
    assert (store.read(digest), store.path(digest).stat().st_mode & 0o777) == (data, 0o444)
    assert len(fake.paths("GET")) == 1


def test_a_blob_that_is_here_is_verified(fake: FakeRegistry, registry: Registry, tmp_path: Path) -> None:
    """A changed copy of ours is evidence of its own, and is not replaced."""
    store = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    digest = fake.blob(DATA)
    registry.fetch_blob(digest, len(DATA), store)
    store.path(digest).chmod(0o644)
    store.path(digest).write_bytes(b"other")
    with pytest.raises(VerificationFailed) as refused:
        registry.fetch_blob(digest, len(DATA), store)
    assert (refused.value.finding, len(fake.paths("GET"))) == ("LG802", 1)


def test_two_who_fetch_at_once(fake: FakeRegistry, registry: Registry, tmp_path: Path) -> None:
    """Who comes second finds it there, verifies it, and leaves nothing behind."""
    store = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    digest = digest_of(SMALL)

    def meanwhile(handler: fakes.Handler) -> None:
        store.put(SMALL)
        handler.send(Page(200, SMALL))

    fake.once("GET", "/blobs/", meanwhile)
    registry.fetch_blob(digest, len(SMALL), store)
    assert (store.read(digest), list(store.staging.iterdir())) == (SMALL, [])


@pytest.mark.parametrize(
    ("lie", "posts"),
    [
        (fakes.swallows(100_000), 1),
        (fakes.swallows(1 << 18), 1),
        (fakes.says(fakes.error(502, "UNKNOWN")), 1),
        (fakes.says(fakes.error(416, "RANGE")), 1),
        (fakes.says(fakes.error(404, "BLOB_UPLOAD_UNKNOWN")), 2),
    ],
    ids=["part", "all-of-it", "proxy", "range", "forgotten"],
)
def test_an_upload_goes_on_where_it_broke_off(
    fake: FakeRegistry, registry: Registry, source: int, lie: fakes.Action, posts: int
) -> None:
    """By what the registry says has arrived; begun anew only where it has forgotten the upload."""
    fake.once("PATCH", "/uploads/", lambda handler: handler.send(handler.truth()))
    fake.once("PATCH", "/uploads/", lie)
    registry.push_blob(digest_of(DATA), len(DATA), source)
    assert (fake.blobs[digest_of(DATA)] == DATA, len(fake.paths("POST"))) == (True, posts)


@pytest.mark.parametrize("size", [len(SMALL), len(DATA)])
def test_a_name_that_was_given_without_an_answer(
    fake: FakeRegistry, registry: Registry, tmp_path: Path, size: int
) -> None:
    """The connection breaks after the last request was carried out: seen, and not done twice."""
    data = DATA[:size]
    (tmp_path / "x").write_bytes(data)

    def act(handler: fakes.Handler) -> None:
        handler.truth()
        fakes.reset(handler)

    fake.once("PUT", "/uploads/", act)
    with (tmp_path / "x").open("rb") as source:
        registry.push_blob(digest_of(data), len(data), source.fileno())
    assert (len(fake.paths("POST")), fake.blobs[digest_of(data)]) == (1, data)


def test_an_upload_that_never_gets_on(fake: FakeRegistry, registry: Registry, source: int) -> None:
    """Bounded, and the registry's last words are in the error."""
    fake.always("PATCH", "/uploads/", fakes.says(fakes.error(500, "UNKNOWN", "disk full")))
    with pytest.raises(Unavailable, match="disk full") as refused:
        registry.push_blob(digest_of(DATA), len(DATA), source)
    assert refused.value.finding == "LG880"
    assert len(fake.asked) < 50


def test_a_file_that_changes_while_it_is_sent(fake: FakeRegistry, registry: Registry, source: int) -> None:
    """The registry is never told a name that the bytes do not have."""
    with pytest.raises(VerificationFailed) as refused:
        registry.push_blob(digest_of(b"other"), len(DATA), source)
    assert (refused.value.finding, fake.paths("PUT")) == ("LG802", [])
    with pytest.raises(VerificationFailed, match="shorter"):
        registry.push_blob(digest_of(DATA), len(DATA) + 1, source)


@pytest.mark.parametrize("status", [400, 405, 413])
def test_a_registry_that_does_not_take_it(fake: FakeRegistry, registry: Registry, status: int) -> None:
    """Its own words, its status, not repeated."""
    fake.always("PUT", "/manifests/", fakes.says(fakes.error(status, "UNSUPPORTED", "read-only")))
    with pytest.raises(Refused, match="UNSUPPORTED: read-only") as refused:
        registry.put_manifest(MANIFEST, oci.MANIFEST)
    assert (refused.value.finding, refused.value.seen["status"], len(fake.asked)) == ("LG889", status, 1)


@pytest.mark.parametrize("lie", [fakes.says(Page(503)), fakes.says(Page(429, b"", {"Retry-After": "9"})), fakes.reset])
def test_a_busy_registry_is_asked_again(fake: FakeRegistry, registry: Registry, lie: fakes.Action) -> None:
    """A few times, after a bounded pause; then an error that says so."""
    fake.manifest(MANIFEST, "v7")
    fake.once("GET", "/manifests/", lie, times=2)
    assert registry.manifest("v7") == MANIFEST
    fake.always("GET", "/manifests/", lie)
    with pytest.raises(Unavailable) as refused:
        registry.manifest("v7")
    assert (refused.value.finding, len(fake.asked)) == ("LG880", 6)


def test_nobody_listens() -> None:
    """A port without a registry is an error with a next step."""
    with Registry(parse("127.0.0.1:9/x"), limits=QUICK) as registry, pytest.raises(Unavailable) as refused:
        registry.has_blob(digest_of(b""))
    assert (refused.value.finding, refused.value.exit_code) == ("LG880", 4)


@pytest.mark.parametrize("lists", [False, True])
def test_what_is_attached(fake: FakeRegistry, registry: Registry, lists: bool) -> None:
    """Listed with its type, whichever way the lists are kept; each once; others stay."""
    fake.referrers = lists
    model, manifests = evidence(3)
    assert registry.referrers(model) == ()
    assert registry.attach(manifests[0]) == digest_of(manifests[0])
    assert registry.attach_all(manifests) == tuple(map(digest_of, manifests))
    found = registry.referrers(model)
    assert {one.digest for one in found} == {digest_of(one) for one in manifests}
    assert {one.artifact_type for one in found} == {oci.DSSE}
    assert [registry.referrer(one, model) for one in found] == manifests
    assert registry.referrers(model, "a/b") == ()
    assert len([path for path in fake.paths("PUT") if "sha256-" in path]) == (0 if fake.referrers else 2)


def test_what_others_put_into_the_list_stays(fake: FakeRegistry, registry: Registry) -> None:
    """Another client's entries, with fields that we do not know, are written back as they were."""
    model, manifests = evidence(1)
    theirs = {"mediaType": "a/b", "digest": digest_of(b"t"), "size": 1, "artifactType": "t/t", "platform": {"os": "x"}}
    fake.manifest(fakes.index(theirs), model.replace(":", "-"), oci.IMAGE_INDEX)
    registry.attach(manifests[0])
    kept = json.loads(fake.manifests[fake.tags[model.replace(":", "-")]][1])["manifests"]
    assert (kept[0], len(kept)) == (theirs, 2)


def test_two_who_attach_at_once(fake: FakeRegistry, registry: Registry) -> None:
    """Another writer replaces the list between our write and our look: ours is put in again, theirs stays."""
    model, manifests = evidence(1)
    tag = model.replace(":", "-")
    theirs = {"mediaType": "a/b", "digest": digest_of(b"theirs"), "size": 1}

    def race(handler: fakes.Handler) -> None:
        handler.send(handler.truth())
        fake.manifest(fakes.index(theirs), tag, oci.IMAGE_INDEX)

    fake.once("PUT", f"/manifests/{tag}", race)
    registry.attach(manifests[0])
    assert {one.digest for one in registry.referrers(model)} == {digest_of(manifests[0]), digest_of(b"theirs")}


def test_a_tag_that_is_no_list_is_not_overwritten(fake: FakeRegistry, registry: Registry) -> None:
    """Something else under the list's tag is somebody's."""
    model, manifests = evidence(1)
    fake.manifest(MANIFEST, model.replace(":", "-"))
    with pytest.raises(Unavailable, match="not a list"):
        registry.attach(manifests[0])
    assert fake.tags[model.replace(":", "-")] == digest_of(MANIFEST)


def test_pages_of_a_list(fake: FakeRegistry, registry: Registry) -> None:
    """Followed to the end, by absolute and relative links."""
    one, two = ({"mediaType": "a/b", "digest": digest_of(name), "size": 1} for name in (b"1", b"2"))
    more = {"Link": f'<{fake.url}/v2/team/flights/referrers/next?n=2>; rel="next"'}
    fake.once("GET", "/referrers/sha256", fakes.says(Page(200, fakes.index(one), more)))
    fake.once("GET", "/referrers/next", fakes.says(Page(200, fakes.index(two))))
    assert [entry.digest for entry in registry.referrers(digest_of(b"m"))] == [one["digest"], two["digest"]]


def challenge(fake: FakeRegistry, life: int = 300) -> None:
    """A token server beside the registry, whose tokens name their scope."""

    def guard(handler: fakes.Handler) -> None:
        wanted = "pull" if handler.command in {"GET", "HEAD"} and "/uploads/" not in handler.path else "pull%2Cpush"
        if handler.headers.get("Authorization") == f"Bearer repository%3Ateam%2Fflights%3A{wanted}":
            handler.send(handler.truth())
        else:
            handler.send(Page(401, b"", {"WWW-Authenticate": f'Bearer realm="{fake.url}/token?a=b",service="me"'}))

    def token(handler: fakes.Handler) -> None:
        scope = (handler.path + "&" + handler.body.decode()).partition("scope=")[2].partition("&")[0]
        handler.send(Page(200, json.dumps({"token": scope, "expires_in": life}).encode()))

    fake.always("*", "/token", token)
    fake.always("*", "/v2/", guard)


@pytest.mark.parametrize("known", [None, Credentials("a", "b"), Credentials(identity_token="abc")])
def test_tokens(fake: FakeRegistry, source: int, known: Credentials | None) -> None:
    """One for reading and one for writing, asked for once each, with whatever stands for the user."""
    challenge(fake)
    with Registry(parse(fake.name), credentials=known, limits=QUICK) as registry:
        registry.push_blob(digest_of(DATA), len(DATA), source)
        registry.check_blob(digest_of(DATA), len(DATA))
    asked = [one for one in fake.asked if "/token" in one.path]
    assert len(asked) == 2
    if known is not None and known.identity_token:
        assert b"grant_type=refresh_token&refresh_token=abc" in asked[0].body
    else:
        assert asked[0].headers.get("authorization") == (None if known is None else "Basic YTpi")


def test_a_token_that_is_not_good_enough(fake: FakeRegistry) -> None:
    """Refused with the next command; asked twice at most, not in circles."""
    refusal = Page(401, fakes.error(401, "UNAUTHORIZED").body, {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'})
    fake.always("GET", "/manifests/", fakes.says(refusal))
    fake.always("GET", "/token", fakes.says(Page(200, b'{"token":"x"}')))
    with Registry(parse(fake.name), limits=QUICK) as registry, pytest.raises(Refused) as refused:
        registry.manifest("v7")
    assert (refused.value.finding, len(fake.asked)) == ("LG882", 3)
    assert refused.value.next.startswith(f"docker login 127.0.0.1:{fake.port}")


def test_a_wrong_password(fake: FakeRegistry) -> None:
    """Sent once, then refused; without one, nothing is sent."""
    fake.always("GET", "/manifests/", fakes.says(Page(401, b"", {"WWW-Authenticate": "Basic"})))
    for known, requests in ((Credentials("a", "b"), 2), (None, 3)):
        with Registry(parse(fake.name), credentials=known, limits=QUICK) as registry, pytest.raises(Refused) as refused:
            registry.manifest("v7")
        assert (refused.value.finding, len(fake.asked)) == ("LG882", requests)


def test_a_proxy_is_used_for_https_alone(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """`HTTPS_PROXY` carries a tunnel and sees no password; `NO_PROXY` and loopback go past it."""
    monkeypatch.setenv("https_proxy", f"http://user:word@127.0.0.1:{fake.port}")
    fake.manifest(MANIFEST, "v7")
    known = Credentials("a", "b")
    far = Registry(parse("registry.test/team/flights"), credentials=known, limits=QUICK)
    with far as registry, pytest.raises(Unavailable):
        registry.manifest("v7")
    assert {(one.method, one.path) for one in fake.asked} == {("CONNECT", "registry.test:443")}
    assert {one.headers.get("proxy-authorization") for one in fake.asked} == {"Basic dXNlcjp3b3Jk"}
    assert not any("authorization" in one.headers for one in fake.asked)
    with Registry(parse(fake.name), limits=QUICK) as registry:
        assert registry.manifest("v7") == MANIFEST
