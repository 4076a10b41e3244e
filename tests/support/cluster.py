"""A real Dask cluster with mutual TLS, on loopback: certificates, a scheduler, workers, all killed at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.stores import free_port

HERE = "127.0.0.1"
START_SECONDS = 60


class Authority:
    """A certificate authority, and a way to get certificates of it. `ca` is its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.ca = folder, folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"cluster {folder.name}")
        made = _begun(self._name, self._name, self._key.public_key())
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.ca.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, host: str = HERE) -> tuple[Path, Path]:
        """Certificate and key for `name`, at the address `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        made = _begun(_name(name), self._name, key.public_key()).add_extension(names, critical=False)
        public, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        public.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        private.chmod(0o600)
        return public, private


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


@dataclass
class RunningCluster:
    """A scheduler at `address` and its workers. `authority` is None when it speaks plain tcp."""

    address: str
    authority: Authority | None
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self) -> subprocess.Popen[bytes]:
        """One more worker: a process with one thread."""
        name = f"worker-{len(self.workers)}"
        own = ["--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name]
        own += ["--local-directory", str(self.folder / name)]
        started = _start("dask_worker", [self.address, *own, *_tls(self.authority, name)], self.folder / f"{name}.log")
        self.workers.append(started)
        return started

    def options(self, share: Path, authority: Authority | None = None) -> list[str]:
        """How the command line is told about it."""
        own = authority or self.authority
        assert own is not None
        public, private = own.issue("client")
        given = {"": self.address, "-ca": own.ca, "-cert": public, "-key": private, "-share": share}
        return [word for name, value in given.items() for word in (f"--cluster{name}", str(value))]


@contextmanager
def running_cluster(
    folder: Path, *, workers: int = 2, plain: bool = False, named: str = HERE
) -> Iterator[RunningCluster]:
    """A cluster with so many workers; the scheduler's certificate names the host `named`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = None if plain else Authority(folder / "authority")
    port = free_port()
    kind = "tcp" if plain else "tls"
    options = ["--host", HERE, "--port", str(port), "--protocol", kind, "--no-dashboard", "--no-show"]
    log = folder / "scheduler.log"
    scheduler = _start("dask_scheduler", [*options, *_tls(authority, "scheduler", named)], log)
    found = RunningCluster(f"{kind}://{HERE}:{port}", authority, folder)
    try:
        for _ in range(workers):
            found.add_worker()
        _wait(lambda: log.exists() and log.read_bytes().count(b"Register worker") >= workers, log, scheduler)
        if not workers:
            _wait(lambda: b"Scheduler at" in log.read_bytes(), log, scheduler)
        yield found
    finally:
        for process in [*found.workers, scheduler]:
            process.kill()
            process.wait()


def _tls(authority: Authority | None, name: str, host: str = HERE) -> list[str]:
    if authority is None:
        return []
    public, private = authority.issue(name, host)
    return ["--tls-ca-file", str(authority.ca), "--tls-cert", str(public), "--tls-key", str(private)]


def _start(module: str, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "DASK_DISTRIBUTED__ADMIN__EVENT_LOOP": "asyncio"}
    # Dask waits five minutes for a worker that says nothing any more, then asks another: that is longer than a test.
    environment["DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"] = "20s"
    command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
    with log.open("wb") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)


def _wait(ready: Any, log: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(log.read_text())
        time.sleep(0.1)
