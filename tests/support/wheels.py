"""Wheels, folders of them and package indexes for tests, made on the spot. Nothing real is fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lockgate.errors import LockgateError
from lockgate.runtime import environment
from lockgate.runtime.locked.fetch import Origins


def wheel(
    folder: Path, name: str, files: Mapping[str, str], *, version: str = "1.0", needs: str = "", licence: str = ""
) -> str:
    """Write a wheel of pure Python; its SHA-256."""
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    requires += f"License-Expression: {licence}\n" if licence else ""
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},\n"
        for path, text in content.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**content, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Place:
    """A folder of wheels, a `.lockgate` and an empty cache; the network is never asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wheels, self.home = folder, folder / "wheels", folder / ".lockgate"
        self.wheels.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(exist_ok=True)
        self.environ = {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "UV_HTTP_RETRIES": "0",
        }
        self.cache = folder / "cache" / "lockgate"
        self.said: list[str] = []

    def copy(self, folder: Path) -> Place:
        """The same place elsewhere, with all that was built in it: building once serves many tests."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Place(folder)

    def build(self, lock: str, origins: Origins | None = None) -> environment.Environment:
        """Build from a lock's text."""
        asked = (lambda: origins) if origins is not None else None
        age = origins.age() if origins is not None else environment.ANY_AGE
        return environment.build(
            lock.encode(), self.home, say=self.said.append, environ=self.environ, origins=asked, min_age=age
        )

    def refused(self, lock: str, origins: Origins | None = None) -> LockgateError:
        """The error that building ends with; nothing of it is left."""
        with pytest.raises(LockgateError) as raised:
            self.build(lock, origins)
        assert not list(self.home.glob("env/*"))
        assert not list(self.home.glob("state/env/*"))
        assert not list(self.home.glob("state/tmp/*"))
        assert not list(self.cache.glob("tmp/*"))
        return raised.value


@dataclass
class Served:
    """Package indexes on loopback, one a subfolder of `folder`. `asked`: each request as `path login`."""

    folder: Path
    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)

    def address(self, name: str, login: str = "") -> str:
        """The index called `name`."""
        return f"http://{login}127.0.0.1:{self.port}/{name}/simple"


@contextmanager
def served(folder: Path, *, uploaded: str = "", login: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve the wheels of each subfolder as an index (PEP 691); `uploaded` is when all of them came to it (PEP 700).

    `login`: index -> the `user:password` that it wants.
    """
    wanted = {name: "Basic " + base64.b64encode(pair.encode()).decode() for name, pair in (login or {}).items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index, _, rest = self.path.lstrip("/").partition("/")
            given = self.headers.get("Authorization", "")
            found.asked.append((self.path, given))
            if wanted.get(index, given) != given:
                self.answer(401, b"", "text/plain")
            elif rest.startswith("simple/"):
                self.page(index, rest.removeprefix("simple/").strip("/"))
            else:
                self.answer(200, (folder / index / Path(rest).name).read_bytes(), "application/octet-stream")

        do_HEAD = do_GET  # noqa: N815 - the name of the base class

        def page(self, index: str, package: str) -> None:
            files = sorted((folder / index).glob(f"{package.replace('-', '_')}-*"))
            listed = [
                {
                    "filename": file.name,
                    "url": f"/{index}/files/{file.name}",
                    "hashes": {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
                    **({"upload-time": uploaded} if uploaded else {}),
                }
                for file in files
            ]
            body = {"meta": {"api-version": "1.1"}, "name": package, "versions": [], "files": listed}
            data = json.dumps(body).encode()
            self.answer(200 if files else 404, data, "application/vnd.pypi.simple.v1+json")

        def answer(self, code: int, data: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if code == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Served(folder, server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
