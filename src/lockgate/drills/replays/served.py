"""A gateway for drills: `lockgate serve` in a scene, started and stopped as a person does it, and asked over HTTP."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from lockgate.errors import Unavailable

if TYPE_CHECKING:
    from lockgate.drills.replays.program import Done, Program
    from lockgate.sandbox.own_program import Running

_READY_SECONDS, _KNOWN_SECONDS, _PAUSE, _TIMEOUT = 60.0, 15.0, 0.1, 30.0
_TOLD = 2000
_UNAUTHENTICATED, _UNREADY = 401, 503


class Place(Protocol):
    """What a house needs of a scene, which knows of houses itself."""

    @property
    def place(self) -> Path: ...  # noqa: D102 - as Scene
    @property
    def root(self) -> Path: ...  # noqa: D102 - as Scene
    @property
    def home(self) -> Path: ...  # noqa: D102 - as Scene
    @property
    def program(self) -> Program: ...  # noqa: D102 - as Scene
    @property
    def lenient(self) -> str: ...  # noqa: D102 - as Scene
    def lockgate(self, *words: str | Path, seconds: float = ...) -> Done: ...  # noqa: D102 - as Scene
    def must(self, *words: str | Path, seconds: float = ...) -> Any: ...  # noqa: D102 - as Scene
    def copy(self, place: Path) -> Place: ...  # noqa: D102 - as Scene


@dataclass(frozen=True)
class Answer:
    """What a gateway answered. `body`: parsed where it is JSON, else its text; `headers`: with small letters."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class House:
    """A gateway that runs in `scene`, a scene of its own that nobody else plays in."""

    scene: Place
    url: str
    running: Running

    def post(
        self, path: str, body: object, headers: Mapping[str, str] | None = None, *, key: str = "", source: str = ""
    ) -> Answer:
        """POST bytes as they are, and anything else as JSON. `source`: the loopback address to come from."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, data, {"Content-Type": "application/json"} | dict(headers or {}), key, source)

    def get(self, path: str, headers: Mapping[str, str] | None = None, *, key: str = "", source: str = "") -> Answer:
        """GET it."""
        return self.ask("GET", path, None, headers or {}, key, source)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        key: str = "",
        source: str = "",
    ) -> Answer:
        """One request on a connection of its own. Raises Unavailable LG9001 where no answer comes."""
        there = urlsplit(self.url)
        said = ({"Authorization": f"Bearer {key}"} if key else {}) | dict(headers or {})
        origin = (source, 0) if source else None
        link = HTTPConnection(there.hostname or "", there.port, timeout=_TIMEOUT, source_address=origin)
        with closing(link):
            try:
                # A gateway may answer before it has read everything, and read no further.
                with suppress(BrokenPipeError, ConnectionResetError):
                    link.request(method, path, body, said)
                reply = link.getresponse()
                content = reply.read()
            except (OSError, HTTPException) as error:
                raise self.failed(f"a drill's gateway gave no answer: {str(error) or type(error).__name__}") from None
            found = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, _parsed(content), found)

    def key(self, *options: str, kind: str = "external") -> str:
        """The API key of a new client that the gateway knows already; `options` as `lockgate clients add` has them."""
        name = f"drill-{secrets.token_hex(4)}"
        key: str = self.scene.must("clients", "add", name, "--kind", kind, *options)["key"]
        until = time.monotonic() + _KNOWN_SECONDS
        while self.get("/openapi.json", key=key).status in {_UNAUTHENTICATED, _UNREADY}:
            if time.monotonic() > until:
                raise self.failed("a drill's gateway does not get to know a new client")
            time.sleep(_PAUSE)
        return key

    def said(self) -> str:
        """What `lockgate serve` has said up to now."""
        return self.running.err.read_text("utf-8", "replace")

    def stop(self) -> int:
        """As Ctrl-C would; its exit code."""
        return self.running.stop()

    def failed(self, message: str) -> Unavailable:
        """What to raise where the house does not do what every house does."""
        seen = {"said": self.said()[-_TOLD:], "ended": self.running.ended}
        return Unavailable("LG9001", message, seen=seen, next="lockgate doctor")


@contextmanager
def served(scene: Place, *options: str) -> Iterator[House]:
    """Serve what is live in the scene's lenient environment until the block is left; on a free port of loopback.

    `options` as `lockgate serve` has them. Raises Unavailable LG9001 where it does not come up.
    """
    house = open_house(scene, *options)
    try:
        yield house
    finally:
        house.stop()


def open_house(scene: Place, *options: str) -> House:
    """As `served`, for who stops it."""
    given = () if "--env" in options else ("--env", scene.lenient)
    name = f"serve-{secrets.token_hex(4)}"
    running = scene.program.start(
        "serve", *given, "--port", "0", "--gateways", "1", *options, "--json", at=scene.root, name=name
    )
    house = House(scene, "", running)
    until = time.monotonic() + _READY_SECONDS
    try:
        while True:
            if (url := _url(running.out)) is not None:
                return House(scene, url, running)
            if running.ended is not None or time.monotonic() > until:
                raise house.failed("a drill's gateway does not come up")
            time.sleep(_PAUSE)
    except BaseException:
        running.stop()
        raise


@dataclass
class Houses:
    """Gateways that drills of one run share: one of each copy of the program, made when first asked for."""

    _open: dict[Path | None, House] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, base: Place) -> House:
        """The one that serves a copy of `base`."""
        with self._lock:
            known = self._open.get(base.program.path)
            if known is not None and known.running.ended is None:
                return known
            place = base.place / f"shared-house-{secrets.token_hex(4)}"
            place.mkdir()
            self._open[base.program.path] = house = open_house(base.copy(place))
            return house

    def close(self) -> None:
        """Stop them all."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].stop()


def _url(out: Path) -> str | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        return str(json.loads(out.read_bytes())["url"])
    return None


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
