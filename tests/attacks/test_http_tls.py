"""Threat: who listens on the wire, or stands in for the gateway. A served project by TLS, jails and all."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lockgate.serve.spec import TlsSpec
from tests.support.certificates import SERVER, Held, authority, leaf
from tests.support.serving import GOOD, servable_project, serving

NOW, DAY = datetime.now(UTC), timedelta(days=1)
ROOT, CLIENTS = authority("servers"), authority("clients")
PLACES = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))


def server() -> Held:
    """A certificate for this machine."""
    return leaf(ROOT, "gateway", purposes=(SERVER,), since=NOW - DAY, until=NOW + 30 * DAY, others=PLACES)


def shown(url: str) -> bytes:
    """The certificate that a new connection is shown."""
    place = urlsplit(url)
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((str(place.hostname), int(place.port or 0))))


def test_a_project_is_served_by_tls_and_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jailed gateway has the key from memory; a client's key or certificate lets in; plain HTTP is not
    answered; renewed files arrive by themselves, and broken ones change nothing.
    """
    project = servable_project(tmp_path, monkeypatch)
    project.make_live(monkeypatch)
    first, second = server(), server()
    ada = leaf(CLIENTS, "ada", purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,), since=NOW - DAY, until=NOW + DAY)
    path = first.write(tmp_path, "tls")
    ca = tmp_path / "clients.pem"
    ca.write_bytes(CLIENTS.pem)
    context, certified = (ssl.create_default_context(cadata=ROOT.pem.decode()) for _ in range(2))
    mine = ada.write(tmp_path, "ada")
    certified.load_cert_chain(mine, mine.with_suffix(".key"))
    spec = TlsSpec(path, path.with_suffix(".key"), ca, "optional")
    project.registry_of_clients.add("certified", now=NOW, certificate="CN:ada")
    with serving(project, tls=spec) as served, httpx.Client(verify=context, trust_env=False) as client:
        assert served.url.startswith("https://")
        key = {"Authorization": f"Bearer {served.key}"}
        assert client.post(f"{served.url}/predict", json=GOOD, headers=key).status_code == 200
        assert client.post(f"{served.url}/predict", json=GOOD).status_code == 401
        with httpx.Client(verify=certified, trust_env=False) as other:
            assert other.post(f"{served.url}/predict", json=GOOD).status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.post(f"{served.url}/predict".replace("https", "http"), json=GOOD, headers=key, trust_env=False)
        assert shown(served.url) == first.der
        second.write(tmp_path, "tls")
        until = time.monotonic() + 10
        while shown(served.url) != second.der:
            assert time.monotonic() < until
            time.sleep(0.2)
        path.write_bytes(b"nothing")
        while not any("LG639" in line for line in project.said):
            assert time.monotonic() < until + 10
            time.sleep(0.2)
        assert shown(served.url) == second.der
        assert client.post(f"{served.url}/predict", json=GOOD, headers=key).status_code == 200
