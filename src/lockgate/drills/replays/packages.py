"""Packages of an attacker, indexes that give them, and a wheel store apart from the user's own.

Wheels are written byte by byte; the indexes answer on loopback (PEP 691, PEP 658). Nothing is fetched from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from lockgate.drills.replays.cache import link_tree
from lockgate.drills.replays.records import settings
from lockgate.drills.replays.spec import NotApplicable
from lockgate.runtime.locked.wheels import cache_folder

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_LOCK: Final = "requirements.lock"
_WHERE: Final = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"),
    *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"),
)
"""Variables by which a person says where packages come from."""


@dataclass(frozen=True)
class Wheel:
    """A wheel: its normal name, version, file name and bytes, and what an index says of it.

    Attributes:
        told: the SHA-256 that the index tells; the truth where it is empty.
        metadata: METADATA, as the index gives it apart.
    """

    name: str
    version: str
    file: str
    data: bytes
    metadata: bytes
    told: str = ""

    @property
    def sha256(self) -> str:
        """Of the bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def line(self) -> str:
        """Its line of a requirements.lock."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}\n"


def wheel(name: str, files: Mapping[str, str], *, version: str = "1.0", needs: str = "") -> Wheel:
    """A wheel of pure Python; `needs`: one requirement."""
    plain = name.replace("-", "_")
    info = f"{plain}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {needs}\n" if needs else ""
    content = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: drill\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_record(text)},\n" for path, text in content.items())
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for member, text in {**content, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return Wheel(name, version, f"{plain}-{version}-py3-none-any.whl", made.getvalue(), metadata.encode())


def _record(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Locked:
    """A wheel that the twin's environment was made of, and its folder in the user's own store."""

    name: str
    version: str
    sha256: str
    folder: Path

    @property
    def file(self) -> Path:
        """Where it lies. Raises NotApplicable where the user's store does not have it any more."""
        try:
            return next(self.folder.glob("*.whl"))
        except StopIteration:
            raise NotApplicable(f"the wheel of {self.name} is not in this user's store any more") from None

    def read(self) -> Wheel:
        """Its file, as the index gives it."""
        return replace(self.listed(), data=self.file.read_bytes())

    def listed(self) -> Wheel:
        """What an index tells of it, without the bytes, which may be many."""
        with zipfile.ZipFile(self.file) as archive:
            found = (one for one in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", one))
            metadata = archive.read(next(found))
        return Wheel(self.name, self.version, self.file.name, b"", metadata, told=self.sha256)


@dataclass
class Store:
    """The lock of a scene, what it locks, and a wheel store of the scene's own that has all of it but what is named.

    Attributes:
        scene: the scene, whose commands now fetch into the store, from the index that `fetching` names.
        locked: what the twin's environment was made of.
        lock: the project's lock file.
    """

    scene: Scene
    locked: tuple[Locked, ...]
    lock: Path
    cache: Path

    def fetching(self, index: str) -> Scene:
        """The scene on a machine whose packages come from `index`."""
        nothing = dict.fromkeys(_WHERE, "")
        more = {**nothing, "XDG_CACHE_HOME": str(self.cache.parent), "PIP_INDEX_URL": index}
        more |= {
            "PIP_CONFIG_FILE": os.devnull,
            "UV_HTTP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        return replace(self.scene, program=replace(self.scene.program, more=more))

    def forget(self, one: Locked) -> None:
        """The machine never had this wheel, and so no environment with it."""
        (self.cache / "wheels" / one.sha256).unlink()
        for record in (self.scene.program.home / "state" / "lockgate" / "unpacked").glob(f"{one.sha256}-*"):
            record.unlink()


def store(scene: Scene, *, unpacked: bool = False) -> Store:
    """The scene's store; `unpacked`: with what an environment is made of quickly, where the attack gets that far.

    The scene's environments are made anew: what the twin shares is not written to.

    Raises NotApplicable where the twin has no locked environment.
    """
    named = str(settings(scene).get("train", {}).get("lock", _LOCK))
    lock = scene.root / named
    state = scene.home / "state" / "env" / f"{hashlib.sha256(lock.read_bytes()).hexdigest()}.json"
    if not state.is_file():
        raise NotApplicable("the twin has no locked environment")
    theirs = cache_folder({"XDG_CACHE_HOME": str(scene.program.cache)} if scene.program.cache else os.environ)
    cache = scene.place / "cache" / "lockgate"
    (cache / "wheels").mkdir(parents=True, mode=0o700)
    found = []
    for one in json.loads(state.read_bytes())["wheels"]:
        folder = theirs / "wheels" / one["sha256"]
        (cache / "wheels" / one["sha256"]).symlink_to(folder)
        found.append(Locked(one["name"], one["version"], one["sha256"], folder))
    if unpacked:
        _link(theirs / "unpacked", cache / "unpacked", {one.sha256 for one in found})
    (scene.home / "env").unlink()
    if lock.name != _LOCK:
        lock = _as_requirements(scene, named, found)
    return Store(scene, tuple(found), lock, cache)


def _link(source: Path, target: Path, digests: set[str]) -> None:
    """The unpacked wheels under second names, which cost no room; what is written here is not written there."""
    target.mkdir()
    for folder in source.iterdir():
        if folder.name.partition("-")[0] in digests:
            link_tree(folder, target / folder.name)


def _as_requirements(scene: Scene, name: str, found: list[Locked]) -> Path:
    """Another tool's lock in our own form: who tricks somebody into a new lock chooses which."""
    lock, file = scene.root / _LOCK, scene.root / "lockgate.toml"
    lock.write_text("".join(f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n" for one in found), "utf-8")
    file.write_text(file.read_text("utf-8").replace(f'"{name}"', f'"{_LOCK}"'), "utf-8")
    if settings(scene)["train"]["lock"] != _LOCK:
        raise NotApplicable("lockgate.toml spells the name of the lock in another way")
    return lock


def training_code(scene: Scene) -> Path:
    """The file that trains."""
    train = settings(scene)["train"]
    return scene.root / str(train.get("script") or train["function"].partition(":")[0])


def add_setting(scene: Scene, table: str, line: str) -> None:
    """Write one setting more into lockgate.toml. Raises NotApplicable where it is spelled in a way not known here."""
    file = scene.root / "lockgate.toml"
    text, header = file.read_text("utf-8"), f"[{table}]\n"
    more = text.replace(header, f"{header}{line}\n", 1) if header in text else f"{text}\n{header}{line}\n"
    file.write_text(more, "utf-8")
    try:
        settings(scene)
    except ValueError:
        raise NotApplicable(f"lockgate.toml spells [{table}] in another way") from None


def without(scene: Scene, *tables: str) -> None:
    """Take tables out of lockgate.toml. Raises NotApplicable where they are spelled in a way not known here."""
    file = scene.root / "lockgate.toml"
    text = file.read_text("utf-8")
    for table in tables:
        text = re.sub(rf"(?ms)^\[{re.escape(table)}\][^\n]*\n.*?(?=^\[|\Z)", "", text)
    file.write_text(text, "utf-8")
    found = settings(scene)
    for outer, _, inner in (table.partition(".") for table in tables):
        if inner in found.get(outer, {}):
            raise NotApplicable(f"lockgate.toml spells [{outer}.{inner}] in another way")


@dataclass
class Index:
    """Package indexes on loopback, by name. `asked`: each path that somebody asked for."""

    port: int
    wheels: Mapping[str, tuple[Wheel, ...]]
    asked: list[str] = field(default_factory=list)

    def address(self, name: str) -> str:
        """The index called `name`."""
        return f"http://127.0.0.1:{self.port}/{name}/simple"


@contextmanager
def served(**wheels: tuple[Wheel, ...]) -> Iterator[Index]:
    """Serve these indexes as long as the context lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.index = index = Index(server.server_address[1], wheels)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    """Knows what it serves."""

    index: Index


class _Handler(BaseHTTPRequestHandler):
    """`/INDEX/simple/PACKAGE/`, `/INDEX/files/FILE` and its `.metadata`."""

    def do_GET(self) -> None:
        """Answer one request."""
        index = cast("_Server", self.server).index
        index.asked.append(self.path)
        name, _, rest = self.path.strip("/").partition("/")
        wheels = index.wheels.get(name, ())
        kind, _, what = rest.partition("/")
        if kind == "simple":
            listed = [one for one in wheels if one.name == what.strip("/")]
            self._answer(_page(name, listed) if listed else None, "application/vnd.pypi.simple.v1+json")
            return
        data = {one.file: one.data for one in wheels} | {f"{one.file}.metadata": one.metadata for one in wheels}
        self._answer(data.get(what), "application/octet-stream")

    do_HEAD = do_GET  # noqa: N815 - the name of the base class

    def _answer(self, body: bytes | None, kind: str) -> None:
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if self.command == "GET" and body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _page(name: str, wheels: list[Wheel]) -> bytes:
    listed = [
        {
            "filename": one.file,
            "url": f"/{name}/files/{one.file}",
            "hashes": {"sha256": one.told or one.sha256},
            "upload-time": "2020-01-01T00:00:00Z",
            "core-metadata": {"sha256": hashlib.sha256(one.metadata).hexdigest()},
        }
        for one in wheels
    ]
    body = {"meta": {"api-version": "1.1"}, "name": wheels[0].name, "versions": [], "files": listed}
    return json.dumps(body).encode()
