"""How long a client's certificate counts on a connection that stays open: to its end, and while its authority does."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lockgate.serve.http import Head, Reply
from lockgate.serve.tls import Tls, certificate_of
from lockgate.trust.tls_material import Material
from tests.support.certificates import SERVER, Held, authority, leaf
from tests.support.fronts import FakeCore, FakeExchange, Running, fronting, get, post, statuses, wait_for

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ROOT, CLIENTS, LATER = authority("servers"), authority("clients"), authority("later")
PLACES = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
SERVED = leaf(ROOT, "gateway", purposes=(SERVER,), since=NOW - DAY, until=NOW + 30 * DAY, others=PLACES)
ADA = leaf(CLIENTS, "ada", purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,), since=NOW - DAY, until=NOW + DAY)
ASKED = post(b"hello", more=b"Authorization: ada\r\n")


class ByCertificate(FakeCore):
    """Lets in who shows a certificate or a key, as the gate does."""

    def begin(self, head: Head) -> FakeExchange | Reply:
        """Everybody else gets 401."""
        begun = super().begin(head)
        shown = head.peer.certificate is not None or "authorization" in head.headers
        return begun if shown else Reply(401, b"{}")


def material(folder: Path, ca: Held | None = CLIENTS, client: str = "required") -> Material:
    """What is served with."""
    key = SERVED.write(folder, "server").with_suffix(".key").read_text()
    return Material(SERVED.pem.decode(), key, ca.pem.decode() if ca else "", client if ca else "none")


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    """Ada's."""
    found = ssl.create_default_context(cadata=ROOT.pem.decode())
    path = ADA.write(tmp_path, "ada")
    found.load_cert_chain(path, path.with_suffix(".key"))
    return found


@contextmanager
def talking(
    running: Running, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    """A connection that is kept."""
    with (
        running.connect() as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1", session=session) as secure,
    ):
        yield secure


def heard(sock: ssl.SSLSocket) -> bytes:
    """What comes until the end."""
    sock.settimeout(3)
    return b"".join(iter(lambda: sock.recv(65536), b""))


def reload(running: Running, tls: Tls, found: Material) -> None:
    """As the gateway does, in its loop."""
    trust = tls.trust
    running.loop.call_soon_threadsafe(tls.reload, found.encode())
    assert wait_for(lambda: tls.trust is not trust)


@pytest.mark.parametrize("client", ["required", "optional"])
def test_a_certificate_counts_to_its_end(tmp_path: Path, context: ssl.SSLContext, client: str) -> None:
    """To its last second, and from then on the next request of an open connection is answered as one with nothing to
    show, whatever key it has, and the last. The one in flight is answered.
    """
    until = float(int((NOW + DAY).timestamp()))
    wall = [until - 1]
    tls = Tls(material(tmp_path, client=client))
    core = ByCertificate()
    with fronting(core, tls=tls, wall=lambda: wall[0]) as running, talking(running, context) as sock:
        for wall[0] in (until - 1, until):
            sock.sendall(ASKED)
            assert statuses(sock.recv(65536)) == [200]
        found = core.heads[-1].peer.certificate
        assert found is not None
        assert found.until == until
        sock.sendall(post(b"a", b"/hold"))
        assert wait_for(lambda: len(core.held) == 1)
        wall[0] = until + 1
        running.reply(Reply(200, b"in flight"))
        assert sock.recv(65536).endswith(b"in flight")
        sock.sendall(ASKED * 2)
        assert statuses(heard(sock)) == [401]
        assert core.heads[-1].peer.certificate is None


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_resumed_session_does_not_outlive_the_certificate(
    tmp_path: Path, context: ssl.SSLContext, version: str
) -> None:
    """Nothing is verified when a session is resumed; what it shows ends as it did."""
    context.maximum_version = ssl.TLSVersion[version]
    wall = [time.time()]
    with fronting(ByCertificate(), tls=Tls(material(tmp_path)), wall=lambda: wall[0]) as running:
        with talking(running, context) as sock:
            sock.sendall(get(b"/echo"))
            assert statuses(sock.recv(65536)) == [200]
            session = sock.session
        with talking(running, context, session) as sock:
            assert sock.session_reused
            sock.sendall(get(b"/echo"))
            assert statuses(sock.recv(65536)) == [200]
            wall[0] += 2 * 86400
            sock.sendall(get(b"/echo"))
            assert statuses(heard(sock)) == [401]


@pytest.mark.parametrize(
    "changed",
    [
        lambda folder: material(folder, LATER),
        lambda folder: material(folder, client="optional"),
        lambda folder: material(folder, None),
    ],
    ids=["another", "optional", "none"],
)
def test_no_connection_outlives_what_its_handshake_was_held_against(
    tmp_path: Path, context: ssl.SSLContext, changed: Callable[[Path], Material]
) -> None:
    """Idle ones are closed, what is in flight is answered and is the last, and half a head gets no further."""
    tls, core = Tls(material(tmp_path)), ByCertificate()
    with fronting(core, tls=tls) as running, ExitStack() as stack:
        idle, busy, begun = (stack.enter_context(talking(running, context)) for _ in range(3))
        for sock in (idle, busy, begun):
            sock.sendall(ASKED)
            assert statuses(sock.recv(65536)) == [200]
        busy.sendall(post(b"a", b"/hold") + ASKED)
        begun.sendall(ASKED[:20])
        assert wait_for(lambda: len(core.held) == 1)
        time.sleep(0.1)
        reload(running, tls, changed(tmp_path))
        assert heard(idle) == b""
        begun.sendall(ASKED[20:])
        assert statuses(heard(begun)) == [401]
        running.reply(Reply(200, b"last"))
        last = heard(busy)
        assert (statuses(last), b"connection: close" in last, last[-4:]) == ([200], True, b"last")
        assert wait_for(lambda: running.front.connections == 0)


def test_a_handshake_that_was_under_way_is_held_against_what_is_new(tmp_path: Path, context: ssl.SSLContext) -> None:
    """It ends without a request answered; the one after it is verified anew."""
    tls = Tls(material(tmp_path))
    with fronting(ByCertificate(), tls=tls) as running:
        with running.connect() as sock:
            assert wait_for(lambda: running.front.connections == 1)
            time.sleep(0.05)
            reload(running, tls, material(tmp_path, LATER))
            with context.wrap_socket(sock, server_hostname="127.0.0.1") as secure:
                secure.sendall(ASKED)
                assert statuses(heard(secure)) == []
        reload(running, tls, material(tmp_path))
        with talking(running, context) as secure:
            secure.sendall(ASKED)
            assert statuses(secure.recv(65536)) == [200]


def test_who_is_connected_goes_on_when_the_servers_own_certificate_is_renewed(
    tmp_path: Path, context: ssl.SSLContext
) -> None:
    """The same authority of clients: nobody is cut off."""
    tls = Tls(material(tmp_path))
    renewed = leaf(ROOT, "gateway", purposes=(SERVER,), since=NOW - DAY, until=NOW + 60 * DAY, others=PLACES)
    key = renewed.write(tmp_path, "renewed").with_suffix(".key").read_text()
    with fronting(ByCertificate(), tls=tls) as running, talking(running, context) as sock:
        before = tls.context
        found = replace(material(tmp_path), certificate=renewed.pem.decode(), key=key)
        running.loop.call_soon_threadsafe(tls.reload, found.encode())
        assert wait_for(lambda: tls.context is not before)
        sock.sendall(ASKED)
        assert statuses(sock.recv(65536)) == [200]


class Shown:
    """What TLS tells of a peer whose certificate ends at `after`."""

    def __init__(self, after: str) -> None:
        self._after = after

    def getpeercert(self, binary: bool = False) -> object:
        """In its two forms."""
        return b"der" if binary else {"subject": (), "notAfter": self._after}


@pytest.mark.parametrize(
    ("after", "until"),
    [
        ("Nov 26 12:00:00 2026 GMT", 1795694400.0),
        ("Dec 31 23:59:59 9999 GMT", 253402300799.0),
        ("", 0.0),
        ("Bad time value", 0.0),
    ],
)
def test_an_end_that_cannot_be_read_is_long_ago(after: str, until: float) -> None:
    """Rather than never."""
    found = certificate_of(Shown(after))
    assert found is not None
    assert found.until == until
