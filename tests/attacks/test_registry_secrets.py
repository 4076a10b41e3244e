"""A registry that is after a secret: whatever it says, the password goes to it over HTTPS, or nowhere.

The hosts are names of this machine, with a certificate that vouches for them; the fake registry is all of them.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of
from lockgate.errors import Refused, Unavailable
from lockgate.store.blobs import BlobStore
from lockgate.store.remote.client import Registry
from lockgate.store.remote.credentials import Credentials
from lockgate.store.remote.reference import parse
from lockgate.store.remote.wire import Limits, Origin
from tests.support import fake_registry as fakes
from tests.support.fake_registry import FakeRegistry, Page
from tests.support.names import certified, hosts_here

DATA = random.Random(1).randbytes(2_000_000)
QUICK = Limits(connect=2, read=2, answer=2, tries=3, pause=0.001, longest_pause=0.01, chunk=1 << 18)
MANIFEST = b'{"schemaVersion":2}'
SECRET = Credentials("mara", "correct horse")


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    """Where blobs would go."""
    return BlobStore(tmp_path / "blobs", tmp_path / "staging")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """For the hosts of this test."""
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificates: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    """A registry with TLS, whose certificate is trusted; it is every host of HOSTS."""
    public, context = certificates
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with hosts_here(), FakeRegistry(tls=context) as running:
        yield running


def client(fake: FakeRegistry, credentials: Credentials | None = SECRET) -> Registry:
    """Of `registry.test`, with a password."""
    return Registry(parse(f"registry.test:{fake.port}/team/flights"), credentials=credentials, limits=QUICK)


def basic(handler: fakes.Handler) -> None:
    """Ask for the password."""
    handler.send(Page(401, b"", {"WWW-Authenticate": 'Basic realm="here"'}))


def seen_by(fake: FakeRegistry, host: str) -> list[str]:
    """The `Authorization` headers that arrived at a host."""
    asked = [one for one in fake.asked if one.headers["host"].startswith(host)]
    return [one.headers["authorization"] for one in asked if "authorization" in one.headers]


def test_a_redirect_takes_no_password_along(secure: FakeRegistry, store: BlobStore) -> None:
    """A blob may come from another host, over HTTPS; the password stays with the registry, the digest is checked."""
    digest = secure.blob(DATA)
    elsewhere = Page(307, b"", {"Location": f"https://store.test:{secure.port}/v2/team/flights/blobs/{digest}"})
    secure.once("GET", "/blobs/", basic)
    secure.once("GET", "/blobs/", fakes.says(elsewhere))
    with client(secure) as registry:
        registry.fetch_blob(digest, len(DATA), store)
    assert seen_by(secure, "registry.test") == ["Basic bWFyYTpjb3JyZWN0IGhvcnNl"]
    assert seen_by(secure, "store.test") == []
    assert len(secure.asked) == 3


@pytest.mark.parametrize("place", ["http://evil.test", "http://127.0.0.1", "http://localhost"])
def test_no_redirect_to_plain_http(secure: FakeRegistry, store: BlobStore, place: str) -> None:
    """From HTTPS nothing leads to plain HTTP, this machine's own ports included."""
    digest = secure.blob(DATA)
    secure.once("GET", "/blobs/", fakes.says(Page(302, b"", {"Location": f"{place}:{secure.port}/x"})))
    with client(secure) as registry, pytest.raises(Refused) as refused:
        registry.fetch_blob(digest, len(DATA), store)
    assert (refused.value.finding, len(secure.asked)) == ("LG886", 1)


@pytest.mark.parametrize(
    "realm", ["http://auth.test/token", "http://127.0.0.1/token", "ftp://auth.test/", "", "//auth.test"]
)
def test_no_password_to_a_token_server_without_https(secure: FakeRegistry, realm: str) -> None:
    """The registry names where the password goes: it goes over HTTPS or nowhere."""
    challenge = Page(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'})
    secure.always("GET", "/manifests/", fakes.says(challenge))
    with client(secure) as registry, pytest.raises((Refused, Unavailable)) as refused:
        registry.manifest("v7")
    assert refused.value.finding in {"LG885", "LG886"}
    assert seen_by(secure, "") == []


def test_an_upload_sent_elsewhere(secure: FakeRegistry, tmp_path: Path) -> None:
    """An upload goes on at the registry itself or not at all."""
    place = {"Location": f"https://evil.test:{secure.port}/v2/team/flights/blobs/uploads/u0"}
    secure.once("POST", "/uploads/", fakes.says(Page(202, b"", place)))
    (tmp_path / "x").write_bytes(DATA)
    with client(secure) as registry, (tmp_path / "x").open("rb") as source, pytest.raises(Refused) as refused:
        registry.push_blob(digest_of(DATA), len(DATA), source.fileno())
    assert refused.value.finding == "LG886"
    assert [one for one in secure.asked if one.headers["host"].startswith("evil.test")] == []


def test_a_token_for_somebody_elses_repository(secure: FakeRegistry) -> None:
    """The scope asked for is ours, whatever the registry's challenge says; the token goes to the registry alone."""
    secure.manifest(MANIFEST, "v7")
    realm = f"https://auth.test:{secure.port}/token"
    challenge = f'Bearer realm="{realm}",service="r",scope="repository:other/secret:pull,push"'
    secure.once("GET", "/manifests/", fakes.says(Page(401, b"", {"WWW-Authenticate": challenge})))
    secure.once("GET", "/token", fakes.says(Page(200, b'{"token":"abc"}')))
    with client(secure) as registry:
        assert registry.manifest("v7") == MANIFEST
    assert secure.paths("GET")[1:2] == ["/token?service=r&scope=repository%3Ateam%2Fflights%3Apull"]
    assert seen_by(secure, "registry.test") == ["Bearer abc"]
    assert seen_by(secure, "auth.test") == ["Basic bWFyYTpjb3JyZWN0IGhvcnNl"]


@pytest.mark.parametrize("known", [Credentials("mara", "correct horse"), Credentials(identity_token="abc")])
def test_a_realm_that_asks_for_something_else_first(secure: FakeRegistry, known: Credentials) -> None:
    """What the registry writes into the token server's address cannot stand in front of our scope and service."""
    secure.manifest(MANIFEST, "v7")
    theirs = "a=b&service=x&scope=repository:other:push&%53cope=y&account=eve&z=1;scope=repository:other:push"
    challenge = f'Bearer realm="https://auth.test:{secure.port}/token?{theirs}",service="r"'
    secure.once("GET", "/manifests/", fakes.says(Page(401, b"", {"WWW-Authenticate": challenge})))
    secure.once("*", "/token", fakes.says(Page(200, b'{"token":"abc"}')))
    with Registry(parse(f"registry.test:{secure.port}/team/flights"), credentials=known, limits=QUICK) as registry:
        assert registry.manifest("v7") == MANIFEST
    asked = next(one for one in secure.asked if "/token" in one.path)
    path, body = asked.path, asked.body.decode()
    assert path.startswith("/token?a=b&z=1%3Bscope%3Drepository%3Aother%3Apush")
    wanted = "service=r&scope=repository%3Ateam%2Fflights%3Apull"
    assert wanted in (body if known.identity_token else path)
    assert "eve" not in path
    assert (path + body).count("scope=") == 1


def test_a_certificate_that_nobody_vouches_for(secure: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not asked a second time, and nothing was sent."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with client(secure) as registry, pytest.raises(Unavailable, match="certificate") as refused:
        registry.manifest("v7")
    assert (refused.value.finding, secure.asked) == ("LG880", [])


def test_a_certificate_for_another_name(secure: FakeRegistry) -> None:
    """The name that was asked for is the name that is certified."""
    other = Registry(parse(f"localhost.localdomain:{secure.port}/team/flights"), credentials=SECRET, limits=QUICK)
    with other as registry, pytest.raises(Unavailable):
        registry.manifest("v7")
    assert secure.asked == []


def test_no_password_over_plain_http() -> None:
    """Plain HTTP can be asked for, but not with a password; on this machine's loopback it can."""
    with pytest.raises(Refused) as refused:
        Registry(parse("registry.test:5000/team/flights"), credentials=SECRET, plain_http=True)
    assert refused.value.finding == "LG886"
    with FakeRegistry() as fake:
        fake.manifest(MANIFEST, "v7")
        fake.once("GET", "/manifests/", basic)
        with Registry(parse(fake.name), credentials=SECRET, limits=QUICK) as registry:
            assert registry.manifest("v7") == MANIFEST


def test_where_a_registry_may_lead() -> None:
    """To HTTPS; over plain HTTP to itself, and from loopback to loopback: never from elsewhere to our own ports."""
    https, http = Origin("https", "registry.test", 443), Origin("http", "registry.test", 80)
    here, there = Origin("http", "127.0.0.1", 1), Origin("http", "localhost", 2)
    assert all(one.may_lead_to(Origin("https", "store.test", 443)) for one in (https, http, here))
    assert (here.may_lead_to(there), http.may_lead_to(Origin("http", "registry.test", 81))) == (True, True)
    for one, other in (
        (https, http),
        (https, here),
        (http, here),
        (http, Origin("http", "evil.test", 80)),
        (here, http),
    ):
        assert not one.may_lead_to(other)


def test_a_token_server_that_nobody_vouches_for(secure: FakeRegistry) -> None:
    """The password waits for a certificate of the token server's own name."""
    realm = f'Bearer realm="https://127.0.0.1:{secure.port}/token"'
    secure.always("GET", "/manifests/", fakes.says(Page(401, b"", {"WWW-Authenticate": realm})))
    with client(secure) as registry, pytest.raises(Unavailable, match="nothing was sent") as refused:
        registry.manifest("v7")
    assert (refused.value.finding, len(secure.asked)) == ("LG880", 1)


def test_a_token_that_ends_early_is_asked_for_again(secure: FakeRegistry) -> None:
    """Status 401 for a token that we thought good: a new one, once; then that is the answer."""
    secure.manifest(MANIFEST, "v7")
    realm = f'Bearer realm="https://auth.test:{secure.port}/token"'
    ask = fakes.says(Page(401, b"", {"WWW-Authenticate": realm}))
    secure.once("GET", "/token", fakes.says(Page(200, b'{"token":"one"}')))
    secure.always("GET", "/token", fakes.says(Page(200, b'{"token":"two"}')))
    with client(secure) as registry:
        for _ in range(2):
            secure.once("GET", "/manifests/", ask)
            assert registry.manifest("v7") == MANIFEST
        assert seen_by(secure, "registry.test") == ["Bearer one", "Bearer one", "Bearer two"]
        secure.always("GET", "/manifests/", ask)
        with pytest.raises(Refused) as refused:
            registry.manifest("v7")
    assert refused.value.finding == "LG882"
