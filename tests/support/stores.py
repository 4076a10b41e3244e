"""Real servers for a test, on loopback: an S3-compatible store, a web server with TLS, PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Bucket:
    """A running store and a client of it. `bucket` exists and is empty."""

    endpoint: str
    client: Any

    def put(self, key: str, data: bytes) -> None:
        """One object of the bucket called `bank`."""
        self.client.put_object(Bucket="bank", Key=key, Body=data)

    def authenticate(self, *, after: str) -> None:
        """From now on look at credentials, after so many calls that need none; `inf` for never."""
        address, kind = f"{self.endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        asked = urllib.request.Request(address, data=after.encode(), headers=kind, method="POST")
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 200


@contextmanager
def s3_server() -> Iterator[Bucket]:
    """The server of moto, with the bucket `bank`."""
    import boto3  # type: ignore[import-untyped]
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing-secret",
        )
        client.create_bucket(Bucket="bank")
        yield Bucket(endpoint, client)
        client.close()
    finally:
        server.stop()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    public, private = folder / "server.pem", folder / "server.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    private.chmod(0o600)
    return public, private


@dataclass
class Site:
    """A web server: what it answers to each path, and what it was asked. `ca` vouches for it."""

    host: str
    ca: Path
    answers: dict[str, Callable[[], tuple[int, Mapping[str, str], bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def give(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer `path` with `body`; a header's underscores are hyphens, an empty one is not sent."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = lambda: (status, told, body)


@contextmanager
def https_server(folder: Path) -> Iterator[Site]:
    """A server with a certificate of its own."""
    public, private = certificate(folder)
    site = Site("", public)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
            status, headers, body = site.answers.get(self.path, lambda: (404, {}, b""))()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_arguments: None  # type: ignore[method-assign]  # a client that goes away is no news
    server.socket = context.wrap_socket(server.socket, server_side=True)
    site.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Postgres:
    """A running server. `owner` may do everything, `reader` (password `geh:im`) what it was granted."""

    port: int
    ca: Path
    socket: Path
    programs: Path

    def url(self, user: str = "reader", password: str = "geh%3Aim", **parameters: str) -> str:
        """An address as a person would write it."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/postgres" + (f"?{query}" if query else "")

    def sql(self, text: str) -> str:
        """Do something as the owner; what psql prints."""
        command: list[str | Path] = [
            self.programs / "psql",
            "-h",
            self.socket,
            "-p",
            str(self.port),
            "-U",
            "owner",
            "-d",
            "postgres",
        ]
        done = subprocess.run([*command, "-qtAc", text], capture_output=True, text=True, check=True)
        return str(done.stdout).strip()


def postgres_programs() -> Path | None:
    """Where Debian or the user's PATH keeps `initdb` and `postgres`."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    place = found[-1] if found else Path(shutil.which("initdb") or "")
    return place.parent if place.name == "initdb" and (place.parent / "postgres").exists() else None


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server with TLS, as an ordinary user: PostgreSQL refuses to be root. Skips the test where there is none."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    # Not below pytest's own folder, which only the user who runs the tests may enter.
    with tempfile.TemporaryDirectory(prefix="lockgate-postgres-") as name:
        yield from _running(Path(name), programs)


def _running(folder: Path, programs: Path) -> Iterator[Postgres]:
    public, private = certificate(folder)
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        who = {"user": 65534, "group": 65534, "extra_groups": []}
        for path in (folder, public, private):
            os.chown(path, 65534, 65534)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    run = {"env": environment, "cwd": folder, "capture_output": True, **who}
    data = folder / "data"
    made: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "owner",
        "--no-sync",
        "--auth-local=trust",
        "-E",
        "UTF8",
    ]
    subprocess.run([*made, "--auth-host=scram-sha-256"], check=True, **run)
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off", "ssl": "on"}
    settings |= {"ssl_cert_file": public, "ssl_key_file": private, "max_connections": "20", "shared_buffers": "16MB"}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", str(port), *words],
        **{"env": environment, "cwd": folder, "stdout": log, "stderr": log, **who},
    )
    try:
        ready: list[str | Path] = [programs / "pg_isready", "-h", folder, "-p", str(port), "-t", "1", "-q"]
        for _ in range(100):
            if subprocess.run(ready, check=False).returncode == 0:
                break
            threading.Event().wait(0.1)
        found = Postgres(port, public, folder, programs)
        found.sql("create role reader login password 'geh:im'")
        yield found
    finally:
        server.terminate()
        server.wait(20)
        log.close()
