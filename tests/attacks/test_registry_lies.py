"""A registry that lies: each way is noticed or does no harm, beside the honest answer that passes.

The registry is storage of somebody else's. It may serve other bytes, too many, too few or none, contradict itself, move
tags, list what is not attached, or send us, and our password, to another host.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import LockgateError, Refused, Unavailable, VerificationFailed
from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.remote.client import Registry
from lockgate.store.remote.reference import parse
from lockgate.store.remote.wire import Limits, target
from tests.support import fake_registry as fakes
from tests.support.fake_registry import FakeRegistry, Page

DATA = random.Random(1).randbytes(2_000_000)
QUICK = Limits(connect=2, read=0.3, answer=0.4, tries=3, pause=0.001, longest_pause=0.01, chunk=1 << 18)
MANIFEST = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}'


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """A registry that will lie."""
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def registry(fake: FakeRegistry) -> Iterator[Registry]:
    """Our client of it."""
    with Registry(parse(fake.name), limits=QUICK) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    """Where blobs would go."""
    return BlobStore(tmp_path / "blobs", tmp_path / "staging")


def kept(store: BlobStore) -> list[Path]:
    """Everything on our disk, finished or not."""
    return [*store.folder.glob("*"), *store.staging.glob("*")]


@pytest.mark.parametrize(
    "lie",
    [
        fakes.changed(lambda body: body[:-1] + b"\0"),
        fakes.changed(lambda body: b"\1" + body[1:]),
        fakes.changed(lambda body: body[:-1]),
        fakes.changed(lambda body: body + b"\0"),
        fakes.changed(lambda _: b""),
        fakes.endless(DATA, b"\0" * 1000),
        fakes.says(Page(200, b"<html>please log in</html>")),
    ],
    ids=["last", "first", "short", "long", "empty", "endless", "other"],
)
def test_a_blob_of_other_bytes(fake: FakeRegistry, registry: Registry, store: BlobStore, lie: fakes.Action) -> None:
    """One byte, one too few, one too many: refused as evidence of tampering, and nothing of it is on our disk."""
    digest = fake.blob(DATA)
    fake.once("GET", "/blobs/", lie)
    with pytest.raises(VerificationFailed) as refused:
        registry.fetch_blob(digest, len(DATA), store)
    assert refused.value.finding == "LG884"
    assert kept(store) == []
    registry.fetch_blob(digest, len(DATA), store)
    assert store.read(digest) == DATA


def test_an_endless_blob_is_cut_off_early(fake: FakeRegistry, registry: Registry) -> None:
    """No more is taken than was promised and what one read brings: memory and disk stay bounded."""
    digest = fake.blob(DATA)
    sent: list[int] = []

    def pour(handler: fakes.Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        with suppress(OSError):
            while True:
                handler.wfile.write(b"\0" * (1 << 16))
                sent.append(1 << 16)

    fake.once("GET", "/blobs/", pour)
    with pytest.raises(VerificationFailed):
        registry.check_blob(digest, 10)
    time.sleep(0.05)
    assert sum(sent) < 16 << 20


def test_a_damaged_blob_that_head_vouches_for(fake: FakeRegistry, registry: Registry, tmp_path: Path) -> None:
    """HEAD says yes for a corrupted blob: the push is skipped, reading it back notices."""
    digest = digest_of(DATA)
    fake.blobs[digest] = b"\1" + DATA[1:]
    (tmp_path / "x").write_bytes(DATA)
    with (tmp_path / "x").open("rb") as source:
        registry.push_blob(digest, len(DATA), source.fileno())
    assert fake.paths("POST") == []
    with pytest.raises(VerificationFailed, match="other bytes"):
        registry.check_blob(digest, len(DATA))
    fake.blobs[digest] = DATA
    registry.check_blob(digest, len(DATA))


def test_a_blob_of_another_size_is_no_blob_that_is_there(
    fake: FakeRegistry, registry: Registry, tmp_path: Path
) -> None:
    """HEAD tells another length: the push does not take it for done."""
    digest = digest_of(DATA)
    fake.blobs[digest] = DATA[:-1]
    (tmp_path / "x").write_bytes(DATA)
    with (tmp_path / "x").open("rb") as source, pytest.raises(VerificationFailed, match="bytes long there"):
        registry.push_blob(digest, len(DATA), source.fileno())


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (lambda rest: Page(206, DATA[:rest], {"Content-Range": f"bytes 0-{rest - 1}/{len(DATA)}"}), "LG885"),
        (lambda rest: Page(206, DATA[-rest:]), "LG885"),
        (lambda rest: Page(206, DATA[-rest:], {"Content-Range": f"bytes {len(DATA) - rest}-9/{len(DATA)}"}), "LG885"),
        (
            lambda rest: Page(206, DATA[:rest], {"Content-Range": f"bytes {len(DATA) - rest}-{len(DATA) - 1}/*"}),
            "LG884",
        ),
        (lambda rest: Page(200, b"\1" * len(DATA)), "LG884"),
        (lambda rest: Page(416), "LG884"),
    ],
    ids=["other-range", "no-range", "nonsense", "other-bytes", "whole-other", "refused"],
)
def test_a_resumed_blob_of_other_bytes(
    fake: FakeRegistry, registry: Registry, store: BlobStore, answer: Callable[[int], Page], finding: str
) -> None:
    """What is sent after a broken connection cannot replace what was hashed before, nor be put in its place."""
    digest = fake.blob(DATA)

    def lie(handler: fakes.Handler) -> None:
        begun = int(handler.headers["Range"].removeprefix("bytes=").partition("-")[0])
        handler.send(answer(len(DATA) - begun))

    fake.once("GET", "/blobs/", fakes.truncated(1 << 20))
    fake.once("GET", "/blobs/", lie)
    with pytest.raises(LockgateError) as refused:
        registry.fetch_blob(digest, len(DATA), store)
    assert (refused.value.finding, kept(store)) == (finding, [])


@pytest.mark.parametrize("ignores", [False, True])
def test_a_broken_blob_goes_on(fake: FakeRegistry, registry: Registry, store: BlobStore, ignores: bool) -> None:
    """Positive control: taken up where it broke off, also by a registry that ignores ranges."""
    digest = fake.blob(DATA)
    fake.once("GET", "/blobs/", fakes.truncated(1 << 20))
    if ignores:
        fake.once("GET", "/blobs/", fakes.says(Page(200, DATA)))
    registry.fetch_blob(digest, len(DATA), store)
    ranges = [one.headers.get("range", "") for one in fake.asked]
    assert ranges[0] == "" and ranges[1].startswith("bytes=")  # noqa: PT018
    assert store.read(digest) == DATA


def test_a_manifest_of_other_bytes(fake: FakeRegistry, registry: Registry) -> None:
    """By digest: refused, also when the registry's header says that all is well."""
    digest = fake.manifest(MANIFEST, "v7")
    fake.once("GET", "/manifests/", fakes.changed(lambda body: body.replace(b"2", b"3")))
    with pytest.raises(VerificationFailed, match="other bytes") as refused:
        registry.manifest(digest)
    assert refused.value.finding == "LG884"
    assert registry.manifest(digest) == MANIFEST == registry.manifest("v7")


def test_a_registry_that_contradicts_itself(fake: FakeRegistry, registry: Registry) -> None:
    """By tag: the header names another digest than the bytes have. The header is not believed, and neither are they."""
    fake.manifest(MANIFEST, "v7")
    fake.once("GET", "/manifests/v7", fakes.changed(lambda body: body.replace(b"2", b"3")))
    with pytest.raises(VerificationFailed, match="other bytes"):
        registry.manifest("v7")


def test_a_tag_that_moves(fake: FakeRegistry, registry: Registry) -> None:
    """What was read by tag is named by its own digest: what the tag says later changes nothing."""
    fake.manifest(MANIFEST, "v7")
    first = registry.manifest("v7")
    fake.manifest(MANIFEST.replace(b"2", b"3"), "v7")
    assert registry.manifest(digest_of(first)) == first
    assert registry.manifest("v7") != first


@pytest.mark.parametrize(
    "lie",
    [
        fakes.endless(b"{", b" " * 10_000),
        fakes.says(Page(200, b" " * ((4 << 20) + 1))),
        fakes.drips(Page(200, b" " * 1000), 0.05),
        fakes.drips_head(0.05),
        fakes.hangs(0.6),
        fakes.says(Page(200, MANIFEST, {"Content-Encoding": "gzip"})),
        fakes.says(Page(307, b"", {"Location": "/v2/team/flights/manifests/v7"})),
        fakes.says(Page(307, b"")),
        fakes.says(Page(307, b"", {"Location": "file:///etc/passwd"})),
        fakes.says(Page(307, b"", {"Location": "http://user@127.0.0.1/"})),
        fakes.says(Page(307, b"", {"Location": "http://192.0.2.1/metadata"})),
        fakes.says(Page(206, MANIFEST)),
        fakes.says(Page(204)),
        fakes.reset,
    ],
)
def test_answers_that_never_end_or_lead_nowhere(fake: FakeRegistry, registry: Registry, lie: fakes.Action) -> None:
    """Endless, too large, dripping, silent, encoded, redirected in circles or to files: an error soon, no traceback."""
    fake.manifest(MANIFEST, "v7")
    fake.always("GET", "/manifests/", lie)
    begun = time.monotonic()
    with pytest.raises((Unavailable, Refused)) as refused:
        registry.manifest("v7")
    assert refused.value.finding in {"LG880", "LG885", "LG886"}
    assert time.monotonic() - begun < 5
    fake.lies.clear()
    assert registry.manifest("v7") == MANIFEST


@pytest.mark.parametrize("act", ["read", "write"])
def test_half_a_head_is_no_answer(fake: FakeRegistry, registry: Registry, act: str) -> None:
    """A head that is cut because it never ends is not taken as a whole one: no empty manifest, and nothing was put."""
    fake.always("*", "/manifests/", fakes.drips_head(0.05, b"HTTP/1.1 201 Created\r\n" if act == "write" else b""))
    ask: dict[str, Callable[[], object]] = {
        "read": lambda: registry.manifest("v7"),
        "write": lambda: registry.put_manifest(b"{}", oci.MANIFEST, tag="v7"),
    }
    with pytest.raises(Unavailable) as refused:
        ask[act]()
    assert refused.value.finding == "LG880"


def test_an_endless_manifest_is_cut_off(fake: FakeRegistry) -> None:
    """At its limit, not when patience ends: what is kept in memory is bounded."""
    fake.always("GET", "/manifests/", fakes.endless(b"{", b" " * (1 << 16)))
    patient = Limits(connect=2, read=5, answer=20, tries=1)
    with Registry(parse(fake.name), limits=patient) as registry, pytest.raises(Unavailable) as refused:
        registry.manifest("v7")
    assert (refused.value.finding, "more than 4194304 bytes" in refused.value.message) == ("LG885", True)


@pytest.mark.parametrize(
    "location",
    [
        "https://a@b.test/",
        "https://a:b@b.test/",
        "ftp://b.test/",
        "https://b.test/\\x",
        "https://b.test/ x",
        "https://b.test/\r\nX: y",
        "https://b.test/#x",
        "https://b\u0131.test/",
        "https://b.test/" + "x" * 20_000,
    ],
)
def test_addresses_that_are_not_gone_to(location: str) -> None:
    """With a user, of another scheme, endless, or readable in two ways."""
    with pytest.raises(ValueError, match="a URL is"):
        target(location, "https://registry.test/v2/")
    assert target("/x?y=1", "https://registry.test/v2/")[0] == "https://registry.test/x?y=1"


def test_words_that_steer_a_terminal(fake: FakeRegistry, registry: Registry) -> None:
    """The registry's own words are shown escaped and short, in the message and in what was seen."""
    fake.once("GET", "/manifests/", fakes.says(fakes.error(404, "NO\x1b[2J", "\u202e" + "x\r\n" * 10_000)))
    with pytest.raises(Unavailable) as refused:
        registry.manifest("v7")
    said = refused.value.message + str(refused.value.seen["registry_says"])
    assert "\\x1b" in said
    assert (said.isprintable(), len(said) < 2000) == (True, True)


def test_errors_nested_without_end(fake: FakeRegistry, registry: Registry) -> None:
    """A refusal that is a bomb for parsers is a refusal without words."""
    fake.once("GET", "/manifests/", fakes.says(Page(404, b"[" * 60_000)))
    with pytest.raises(Unavailable, match=r"does not have manifest v7$"):
        registry.manifest("v7")


def attached(subject: Digest, number: int = 0) -> bytes:
    """A manifest that says what it is attached to."""
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    to = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 9}
    value = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "x/y"}
    return json.dumps(
        {**value, "config": empty, "layers": [], "subject": to, "annotations": {"n": str(number)}}
    ).encode()


def test_a_list_that_names_what_is_not_attached(fake: FakeRegistry, registry: Registry) -> None:
    """Another model's evidence in the list, a wrong size, a plain manifest: each is refused when it is read."""
    fake.referrers = True
    ours, others = digest_of(b"ours"), digest_of(b"others")
    registry.attach(attached(ours))
    honest = registry.referrers(ours)[0]
    assert registry.referrer(honest, ours) == attached(ours)
    foreign = attached(others)
    for data, size in ((foreign, len(foreign)), (MANIFEST, len(MANIFEST)), (attached(ours), 5)):
        entry = {"mediaType": "x/y", "digest": fake.manifest(data), "size": size}
        fake.once("GET", "/referrers/", fakes.says(Page(200, fakes.index(entry))))
        claimed = registry.referrers(ours)[0]
        with pytest.raises(VerificationFailed) as refused:
            registry.referrer(claimed, ours)
        assert refused.value.finding == "LG884"


def test_a_list_of_another_type_than_was_asked_for(fake: FakeRegistry, registry: Registry) -> None:
    """A registry that claims to filter and does not: filtered here."""
    entry = {"mediaType": "x/y", "digest": digest_of(b"1"), "size": 1, "artifactType": "a/a"}
    lie = Page(200, fakes.index(entry, entry, entry | {"artifactType": "b/b"}), {"OCI-Filters-Applied": "artifactType"})
    fake.always("GET", "/referrers/", fakes.says(lie))
    assert list(registry.referrers(digest_of(b"m"), "c/c")) == []
    assert [one.artifact_type for one in registry.referrers(digest_of(b"m"), "a/a")] == ["a/a"]


@pytest.mark.parametrize(
    "page",
    [
        Page(200, fakes.index(), {"Link": '</v2/team/flights/referrers/x>; rel="next"'}),
        Page(200, fakes.index(), {"Link": '<https://evil.test/next>; rel="next"'}),
        Page(200, fakes.index(), {"Link": "nonsense"}),
        Page(200, b"[]"),
        Page(200, b"{" * 100_000),
        Page(200, fakes.index({"mediaType": "x", "digest": "sha256:../../x", "size": 1})),
        Page(200, fakes.index({"mediaType": "x", "digest": digest_of(b""), "size": -1})),
        Page(200, fakes.index({"mediaType": "x", "digest": digest_of(b""), "size": 1e99})),
    ],
)
def test_lists_without_end_or_form(fake: FakeRegistry, registry: Registry, page: Page) -> None:
    """A list that goes in circles, leads elsewhere or is no list is an error, never an empty list."""
    fake.always("GET", "/referrers/", fakes.says(page))
    with pytest.raises((Unavailable, Refused)) as refused:
        registry.referrers(digest_of(b"m"))
    assert refused.value.finding in {"LG885", "LG886"}


def test_a_list_that_forgets_what_was_added(fake: FakeRegistry, registry: Registry) -> None:
    """The tag's list is read back: a registry that drops what was written, each time, is an error."""
    fake.always("PUT", "/manifests/sha256-", fakes.says(Page(201)))
    with pytest.raises(Unavailable, match="keep the list"):
        registry.attach(attached(digest_of(b"m")))
    fake.lies.clear()
    assert registry.attach(attached(digest_of(b"m"))) in {one.digest for one in registry.referrers(digest_of(b"m"))}
