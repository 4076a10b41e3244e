"""TLS of the edge: which versions and clients come in, who they are, and certificates renewed while it serves."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.project.serving import tls_spec
from lockgate.serve import options, run
from lockgate.serve.spec import Caps, ServeSpec, TlsSpec
from lockgate.serve.tls import Tls
from lockgate.supervise.tls_files import TlsFiles
from lockgate.trust._edgefile import tls_material as read_files
from lockgate.trust.tls_material import Material, check
from tests.support.certificates import SERVER, Held, authority, leaf
from tests.support.fronts import HONEST, SHORT, Running, fronting, statuses, wait_for

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
ROOT, OTHER = authority("servers"), authority("others")
CLIENTS = authority("clients")
PLACES = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))


def server(issuer: Held = ROOT, *, until: datetime = NOW + 30 * DAY, since: datetime = NOW - DAY) -> Held:
    """A certificate for this machine."""
    return leaf(issuer, "gateway", purposes=(SERVER,), since=since, until=until, others=PLACES)


SERVED, RENEWED = server(), server()
ADA = leaf(
    CLIENTS,
    "ada",
    purposes=(CLIENT,),
    since=NOW - DAY,
    until=NOW + DAY,
    others=(
        x509.UniformResourceIdentifier("spiffe://example.org/ada"),
        x509.DNSName("ada.example.org"),
        x509.RFC822Name("a@b"),
    ),
)
STRANGER = leaf(OTHER, "ada", purposes=(CLIENT,), since=NOW - DAY, until=NOW + DAY)


def key_of(held: Held, encryption: serialization.KeySerializationEncryption | None = None) -> str:
    """The key as PEM."""
    form = serialization.PrivateFormat.PKCS8
    plain = encryption or serialization.NoEncryption()
    return held.key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def material(held: Held = SERVED, *, client: str = "none") -> Material:
    """What is served with."""
    ca = CLIENTS.pem.decode() if client != "none" else ""
    return Material(held.pem.decode(), key_of(held), ca, client)


def believing(held: Held = ROOT, folder: Path | None = None, shown: Held | None = None) -> ssl.SSLContext:
    """A client that believes `held`, and shows a certificate where it is given one."""
    context = ssl.create_default_context(cadata=held.pem.decode())
    if shown is not None and folder is not None:
        path = shown.write(folder, "client")
        context.load_cert_chain(path, path.with_suffix(".key"))
    return context


def ask(running: Running, context: ssl.SSLContext) -> bytes:
    """One request by TLS; empty when there was no handshake."""
    with running.connect() as sock:
        try:
            with context.wrap_socket(sock, server_hostname="127.0.0.1") as secure:
                secure.sendall(HONEST)
                return b"".join(iter(lambda: secure.recv(65536), b""))
        except (ssl.SSLError, ConnectionError):
            return b""


def seen_by(running: Running, context: ssl.SSLContext) -> bytes:
    """The server's certificate, as a client gets it."""
    with (
        running.connect() as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1") as secure,
        suppress(ssl.SSLError),
    ):
        return secure.getpeercert(binary_form=True) or b""
    return b""


# Who comes in.


def test_requests_by_tls_are_answered() -> None:
    """And the core knows that they came so; plain bytes are not answered at all."""
    with fronting(tls=Tls(material())) as running:
        assert statuses(ask(running, believing())) == [200]
        assert running.core.heads[-1].peer.tls is True
        assert running.core.heads[-1].peer.certificate is None
        assert ask(running, believing(OTHER)) == b""
        assert not [status for status in statuses(running.talk(HONEST)) if status == 200]
        assert statuses(ask(running, believing())) == [200]


@pytest.mark.parametrize(("version", "answered"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_versions(version: str, answered: bool) -> None:
    """TLS 1.2 and later."""
    context = believing()
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    if version == "TLSv1_1":
        context.set_ciphers("ALL:@SECLEVEL=0")
    with fronting(tls=Tls(material())) as running:
        assert (statuses(ask(running, context)) == [200]) is answered


@pytest.mark.parametrize(
    ("ciphers", "answered"),
    [("AES128-GCM-SHA256", False), ("ECDHE-ECDSA-AES128-SHA256", False), ("ECDHE-ECDSA-AES128-GCM-SHA256", True)],
)
def test_ciphers(ciphers: str, answered: bool) -> None:
    """Forward secrecy and authenticated encryption, or nothing."""
    context = believing()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    with fronting(tls=Tls(material())) as running:
        assert (statuses(ask(running, context)) == [200]) is answered


@pytest.mark.parametrize(
    ("client", "shown", "answered"),
    [
        ("required", ADA, True),
        ("required", None, False),
        ("required", STRANGER, False),
        ("optional", ADA, True),
        ("optional", None, True),
        ("optional", STRANGER, False),
        ("none", ADA, True),
    ],
    ids=["a", "b", "c", "d", "e", "f", "g"],
)
def test_clients_certificates(tmp_path: Path, client: str, shown: Held | None, answered: bool) -> None:
    """Required: nobody without one. Optional: nobody with a wrong one. The core learns what TLS verified, no more."""
    with fronting(tls=Tls(material(client=client))) as running:
        assert (statuses(ask(running, believing(folder=tmp_path, shown=shown))) == [200]) is answered
        if answered:
            found = running.core.heads[-1].peer.certificate
            named = ("ada", ("URI:spiffe://example.org/ada", "DNS:ada.example.org"))
            assert ((found.subject, found.names) if found else None) == (named if shown and client != "none" else None)


def test_what_waits_for_its_handshake_is_counted_and_ended() -> None:
    """A peer that says nothing, or half of it, is bounded like any other, and makes room."""
    caps = Caps(connections=4)
    with fronting(tls=Tls(material()), caps=caps, limits=replace(SHORT, handshake=0.3)) as running:
        peers = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(6)]
        try:
            peers[0].sendall(b"\x16\x03\x01\x02\x00")
            assert wait_for(lambda: running.front.turned_away == 2)
            assert running.front.connections == 4
            assert wait_for(lambda: running.front.connections == 0)
            assert running.front.failed == 4
            assert statuses(ask(running, believing())) == [200]
        finally:
            for peer in peers:
                peer.close()


def test_what_is_refused_in_plain_is_refused_by_tls() -> None:
    """The same protocol behind it: limits, closing, order."""
    with fronting(tls=Tls(material())) as running, running.connect() as sock:
        with believing().wrap_socket(sock, server_hostname="127.0.0.1") as secure:
            secure.sendall(b"GET / HTTP/1.1\nHost: x\n\n")
            assert statuses(secure.recv(65536)) == [400]
            with suppress(ssl.SSLError):
                assert secure.recv(100) == b""
        assert wait_for(lambda: running.front.connections == 0)


# Renewal.


def test_a_renewed_certificate_is_used_from_the_next_connection_on() -> None:
    """Those who are connected go on."""
    tls = Tls(material())
    with fronting(tls=tls) as running, running.connect() as sock:
        before = believing().wrap_socket(sock, server_hostname="127.0.0.1")
        before.sendall(HONEST.replace(b"Connection: close\r\n", b""))
        assert statuses(before.recv(65536)) == [200]
        tls.reload(material(RENEWED).encode())
        assert seen_by(running, believing()) == RENEWED.der
        before.sendall(HONEST)
        assert statuses(before.recv(65536)) == [200]
        before.close()
    assert 29 < tls.days_left(datetime.now(UTC)) < 30


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"v":1}',
        replace(material(), key=key_of(RENEWED)).encode(),
        replace(material(), certificate="nothing").encode(),
        replace(material(client="required"), client_ca="nothing").encode(),
        replace(material(), key=key_of(SERVED, serialization.BestAvailableEncryption(b"word"))).encode(),
        replace(material(), client="required").encode(),
        material().encode() + b" ",
    ],
)
def test_what_cannot_be_served_leaves_what_there_was(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning that names the finding and quotes no key. At the start it is refused."""
    tls = Tls(material())
    context = tls.context
    with caplog.at_level(logging.WARNING):
        tls.reload(data)
    assert tls.context is context
    assert "LG637" in caplog.text
    assert "PRIVATE" not in caplog.text
    if data:
        with pytest.raises(VerificationFailed) as refusal:
            Tls.of(data)
        assert refusal.value.finding == "LG637"
    assert Tls.of(b"") is None


def test_nothing_of_the_key_stays_in_files() -> None:
    """It is handed over in memory, and is not in what is printed."""
    shown = repr(material())
    assert "PRIVATE" not in shown
    assert Material.parse(material().encode()) == material()


# The files.


def written(folder: Path, held: Held = SERVED) -> TlsSpec:
    """The files of `[serve.tls]`."""
    path = held.write(folder, "tls")
    return TlsSpec(path, path.with_suffix(".key"))


def refusal(do: Callable[[], Any]) -> LockgateError:
    """What it is refused with."""
    with pytest.raises(LockgateError) as refused:
        do()
    return refused.value


def files_of(spec: TlsSpec, now: datetime = NOW, say: Callable[[str], None] = lambda _: None) -> TlsFiles:
    """As the supervisor reads them."""
    return TlsFiles(spec, now=lambda: now, say=say)


def test_good_files_are_read(tmp_path: Path) -> None:
    """The positive control, through a link too: renewals move one."""
    spec = written(tmp_path)
    link = tmp_path / "current.pem"
    link.symlink_to(spec.certificate)
    assert files_of(replace(spec, certificate=link)).read() == material().encode()


def test_the_key_must_be_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every private key here; but systemd's credentials show as 0440."""
    spec = written(tmp_path)
    for mode in (0o640, 0o604, 0o660):
        spec.key.chmod(mode)
        assert refusal(lambda: files_of(spec)).finding == "LG831"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert refusal(lambda: files_of(spec)).finding == "LG831"
    spec.key.chmod(0o440)
    assert files_of(spec).read() == material().encode()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path.parent))
    assert refusal(lambda: files_of(spec)).finding == "LG831"


def test_files_that_cannot_be_served_are_refused(tmp_path: Path) -> None:
    """Missing, no file, no text, no PEM; each is LG639 with a word on why."""
    spec = written(tmp_path)
    for wrong in (tmp_path / "none", tmp_path):
        changed = replace(spec, certificate=wrong)
        assert refusal(partial(files_of, changed)).finding in {"LG639", "LG803"}
    for content in (b"\xff\xfe", b"nothing"):
        spec.certificate.write_bytes(content)
        assert refusal(lambda: files_of(spec)).finding == "LG639"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (material(server(until=NOW - timedelta(seconds=1))), "not valid now"),
        (material(server(since=NOW + DAY)), "not valid now"),
        (replace(material(), key=key_of(RENEWED)), "not the one"),
        (replace(material(), key=key_of(SERVED, serialization.BestAvailableEncryption(b"word"))), "encrypted"),
        (replace(material(), key="nothing"), "no PEM private key"),
        (replace(material(), certificate=""), "no PEM certificate"),
        (replace(material(), client="required", client_ca="nothing"), "authority"),
    ],
)
def test_each_flaw_is_named(found: Material, why: str) -> None:
    """Before anything is started. Without a flaw nothing is said."""
    with pytest.raises(Refused, match=why) as refused:
        check(found, NOW)
    assert refused.value.finding == "LG639"
    assert "PRIVATE" not in str(refused.value.seen)
    check(material(), NOW)
    check(material(client="optional"), NOW)


def test_renewed_files_are_taken_and_broken_ones_told_of_once(tmp_path: Path) -> None:
    """The supervisor asks every second: unchanged files are not read again, and what was good stays."""
    said: list[str] = []
    spec = written(tmp_path)
    files = files_of(spec, say=said.append)
    spec.certificate.write_bytes(b"nothing")
    assert files.read() == files.read() == material().encode()
    assert len(said) == 1
    assert "LG639" in said[0]
    written(tmp_path, RENEWED)
    assert files.read() == files.read() == material(RENEWED).encode()
    assert said[1:] == ["a new TLS certificate is in use, for 30 days"]
    shutil.rmtree(tmp_path / "gone", ignore_errors=True)
    spec.key.unlink()
    assert files.read() == material(RENEWED).encode()
    assert "LG639" in said[-1]


# Settings.


def test_tls_is_demanded_beyond_loopback() -> None:
    """Before the log is looked at: keys would travel in the clear. With TLS the next step is reached."""
    with pytest.raises(Usage) as refused:
        run.run(None, ServeSpec("0.0.0.0", 0, "", Caps()))  # type: ignore[arg-type]
    assert refused.value.finding == "LG618"
    with pytest.raises(AttributeError):
        run.run(None, ServeSpec("0.0.0.0", 0, "", Caps(), TlsSpec(Path("a"), Path("b"))))  # type: ignore[arg-type]


def test_settings_become_files(tmp_path: Path) -> None:
    """From the project's folder; half of them is refused, none is no TLS."""
    assert {"certificate", "key", "client_ca", "client"} == set(options.TABLE.items["tls"].items)  # type: ignore[union-attr]
    none = {"certificate": "", "key": "", "client_ca": "", "client": "required"}
    assert tls_spec(tmp_path, none) is None
    both = {**none, "certificate": "a.pem", "key": "/etc/b.key"}
    assert tls_spec(tmp_path, both) == TlsSpec(tmp_path / "a.pem", Path("/etc/b.key"))
    asked = tls_spec(tmp_path, {**both, "client_ca": "c.pem", "client": "optional"})
    assert asked == TlsSpec(tmp_path / "a.pem", Path("/etc/b.key"), tmp_path / "c.pem", "optional")
    for half in ({**none, "certificate": "a"}, {**none, "key": "a"}, {**none, "client_ca": "a"}):
        assert refusal(partial(tls_spec, tmp_path, half)).finding == "LG640"


def test_clients_without_an_authority_are_not_asked(tmp_path: Path) -> None:
    """`client` counts only with `client_ca`."""
    spec = written(tmp_path)
    assert read_files(spec.certificate, spec.key, None, "required").client == "none"


def test_handshakes_do_not_hold_the_end() -> None:
    """Somebody who never finishes one does not keep the front from ending."""
    limits = replace(SHORT, handshake=30.0, grace=0.2)
    with fronting(tls=Tls(material()), limits=limits) as running, running.connect():
        assert wait_for(lambda: running.front.connections == 1)
        began = time.monotonic()
        running.stop()
        running.thread.join(5)
        assert not running.thread.is_alive()
        assert time.monotonic() - began < 3
