"""Debian's docker-registry on loopback, its blobs in a folder, with or without users; and a wire that breaks."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from lockgate.core.digest import Digest, hex_of

needs_registry = pytest.mark.skipif(
    shutil.which("docker-registry") is None, reason="docker-registry is not installed (apt install docker-registry)"
)
USER, PASSWORD = "mara", "correct horse"
HTPASSWD = "mara:$2b$05$LockgateExampleSalt0OOvX8EXZld9dsKPkjIm9kamqvqJtAtExq\n"


@dataclass(frozen=True)
class DockerRegistry:
    """A running registry. `host`: `127.0.0.1:PORT`; `folder`: where it keeps its blobs."""

    host: str
    folder: Path

    def blob_file(self, digest: Digest) -> Path:
        """The file on the registry's disk."""
        digits = hex_of(digest)
        return self.folder / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"


@contextmanager
def docker_registry(folder: Path, *, users: bool = False) -> Iterator[DockerRegistry]:
    """Start one, wait until it answers, and stop it at the end."""
    port = free_port()
    host = f"127.0.0.1:{port}"
    settings = f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
    settings += f"http: {{addr: '{host}'}}\n"
    folder.mkdir(parents=True, exist_ok=True)
    if users:
        (folder / "htpasswd").write_text(HTPASSWD)
        settings += f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n"
    (folder / "config.yml").write_text(settings)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _wait(port, folder)
        yield DockerRegistry(host, folder / "data")
    finally:
        process.terminate()
        process.wait(timeout=10)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(port: int, folder: Path) -> None:
    for _ in range(200):
        with suppress(OSError), closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/v2/")
            if connection.getresponse().status in {200, 401}:
                return
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())


class BrokenWire:
    """A relay in front of a registry that cuts connections, and then heals.

    `down`: after so many bytes back from the registry, once for each number. `cut_at`: at the n-th request that begins
    with these bytes, after so many bytes of it. `passed`: how many bytes went each way.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.down: list[int] = []
        self.cut_at: tuple[bytes, int, int] = (b"", 0, 0)
        self.passed = {"up": 0, "down": 0}
        self.cuts = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.target))
                self._open += [near, far]
                for name, source, sink in (("up", near, far), ("down", far, near)):
                    threading.Thread(target=self._relay, args=(name, source, sink), daemon=True).start()

    def _relay(self, name: str, source: socket.socket, sink: socket.socket) -> None:
        left: int | None = None
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if name == "up" and left is None:
                    left = self._begins(data)
                if name == "down":
                    left = self.down[0] if self.down else None
                taken = data if left is None else data[:left]
                sink.sendall(taken)
                self.passed[name] += len(taken)
                if left is not None:
                    left -= len(taken)
                    if name == "down":
                        self.down[0] = left
                if len(taken) < len(data):
                    self.down = self.down[1:] if name == "down" else self.down
                    self._cut(source, sink)
                    break
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _begins(self, data: bytes) -> int | None:
        prefix, number, inside = self.cut_at
        if not number or not data.startswith(prefix):
            return None
        self.cut_at = (prefix, number - 1, inside)
        return inside if number == 1 else None

    def _cut(self, source: socket.socket, sink: socket.socket) -> None:
        self.cuts += 1
        time.sleep(0.1)  # so that what was sent arrives
        for one in (source, sink):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RDWR)
