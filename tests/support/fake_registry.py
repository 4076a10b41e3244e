"""A registry in a thread that keeps to the protocol, until a test tells it to misbehave.

    with FakeRegistry() as fake:
        fake.once("GET", "/blobs/", truncated(100))      # the next such request is answered so; `always` for each

Everything asked of it is in `fake.asked`. Speaks the distribution specification as far as our client does.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from lockgate.core.digest import Digest, digest_of

Action = Callable[["Handler"], None]
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Asked:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Lie:
    """What to do instead of the truth, for matching requests, so many times."""

    method: str
    pattern: str
    action: Action
    times: int


class FakeRegistry:
    """One repository, `team/flights`. `referrers`: whether it has the list of OCI 1.1."""

    def __init__(self, *, referrers: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.tags: dict[str, str] = {}
        self.uploads: dict[str, bytearray] = {}
        self.asked: list[Asked] = []
        self.lies: list[Lie] = []
        self.referrers = referrers
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.fake = self
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = int(self.server.server_address[1])
        self.name = f"127.0.0.1:{self.port}/team/flights"
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def once(self, method: str, pattern: str, action: Action, times: int = 1) -> None:
        """Misbehave for the next requests whose path holds `pattern` (a regular expression)."""
        self.lies.append(Lie(method, pattern, action, times))

    def always(self, method: str, pattern: str, action: Action) -> None:
        """Misbehave for every such request."""
        self.once(method, pattern, action, 1 << 30)

    def blob(self, data: bytes) -> Digest:
        """Have a blob."""
        self.blobs[digest_of(data)] = data
        return digest_of(data)

    def manifest(
        self, data: bytes, tag: str = "", media_type: str = "application/vnd.oci.image.manifest.v1+json"
    ) -> Digest:
        """Have a manifest."""
        self.manifests[digest_of(data)] = (media_type, data)
        if tag:
            self.tags[tag] = digest_of(data)
        return digest_of(data)

    def paths(self, method: str) -> list[str]:
        """The paths asked for by a method, in order, without the repository's prefix."""
        return [one.path.removeprefix("/v2/team/flights") for one in self.asked if one.method == method]


class Server(ThreadingHTTPServer):
    """Knows its registry, and keeps quiet about clients that go away."""

    fake: FakeRegistry
    request_queue_size = 50

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that cuts us off is what many tests are about."""


@dataclass
class Page:
    """An answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    """One request to the fake."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    body: bytes = b""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle_any(self) -> None:
        """Look for a lie, else tell the truth."""
        length = int(self.headers.get("Content-Length") or 0)
        fake = self.server.fake
        lie = next((lie for lie in fake.lies if lie.times and self.matches(lie)), None)
        if lie is not None and getattr(lie.action, "before_body", False):
            lie.times -= 1
            lie.action(self)
            return
        self.body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        fake.asked.append(Asked(self.command, self.path, headers, self.body))
        if lie is None:
            self.send(self.truth())
        else:
            lie.times -= 1
            lie.action(self)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_CONNECT = handle_any  # noqa: N815

    def matches(self, lie: Lie) -> bool:
        """Whether a lie is about this request."""
        return lie.method in {"*", self.command} and re.search(lie.pattern, self.path) is not None

    def send(self, page: Page) -> None:
        """An honest answer."""
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in page.headers:
            self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    def truth(self) -> Page:
        """What a registry answers."""
        path = urlsplit(self.path).path.removeprefix("/v2/team/flights")
        for prefix, answer in (
            ("/blobs/uploads/", self.upload),
            ("/blobs/", self.blob),
            ("/manifests/", self.manifest),
            ("/referrers/", self.listed),
        ):
            if path.startswith(prefix):
                return answer(path.removeprefix(prefix))
        return error(404, "NAME_UNKNOWN")

    def blob(self, name: str) -> Page:
        """GET and HEAD, whole or from an offset."""
        data = self.server.fake.blobs.get(name)
        if data is None:
            return error(404, "BLOB_UNKNOWN")
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if found is None:
            return Page(200, data)
        start, last = int(found[1]), int(found[2])
        return Page(206, data[start : last + 1], {"Content-Range": f"bytes {start}-{last}/{len(data)}"})

    def manifest(self, name: str) -> Page:
        """GET, HEAD and PUT, by tag or digest."""
        fake = self.server.fake
        if self.command == "PUT":
            fake.manifest(self.body, "" if ":" in name else name, self.headers.get("Content-Type", ""))
            subject = json.loads(self.body).get("subject") if fake.referrers else None
            return Page(201, b"", {"OCI-Subject": subject["digest"]} if subject else {})
        digest = name if ":" in name else fake.tags.get(name, "")
        if digest not in fake.manifests:
            return error(404, "MANIFEST_UNKNOWN")
        kind, data = fake.manifests[digest]
        return Page(200, data, {"Content-Type": kind, "Docker-Content-Digest": digest})

    def listed(self, name: str) -> Page:
        """The list of OCI 1.1."""
        if not self.server.fake.referrers:
            return Page(404, b"404 page not found\n")
        wanted = parse_qs(urlsplit(self.path).query).get("artifactType", [""])[0]
        found = []
        for digest, (kind, data) in self.server.fake.manifests.items():
            value = json.loads(data)
            if value.get("subject", {}).get("digest") == name and wanted in {"", value["artifactType"]}:
                entry = {"mediaType": kind, "digest": digest, "size": len(data), "artifactType": value["artifactType"]}
                found.append(entry)
        return Page(200, index(*found))

    def upload(self, name: str) -> Page:
        """Begin, go on, ask how far, finish."""
        uploads = self.server.fake.uploads
        if self.command == "POST":
            uploads[f"u{len(uploads)}"] = bytearray()
            name = f"u{len(uploads) - 1}"
        elif name not in uploads:
            return error(404, "BLOB_UPLOAD_UNKNOWN")
        place = {"Location": f"/v2/team/flights/blobs/uploads/{name}"}
        if self.command == "PUT":
            uploads[name] += self.body
            digest = parse_qs(urlsplit(self.path).query)["digest"][0]
            if digest_of(bytes(uploads[name])) != digest:
                return error(400, "DIGEST_INVALID")
            self.server.fake.blobs[digest] = bytes(uploads.pop(name))
            return Page(201)
        if self.command == "PATCH":
            if self.headers["Content-Range"] != f"{len(uploads[name])}-{len(uploads[name]) + len(self.body) - 1}":
                return error(416, "BLOB_UPLOAD_INVALID")
            uploads[name] += self.body
        status = {"GET": 204}.get(self.command, 202)
        return Page(status, b"", place | {"Range": f"0-{max(0, len(uploads[name]) - 1)}"})


def error(status: int, code: str, message: str = "no") -> Page:
    """A refusal as registries word it."""
    return Page(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode())


def index(*entries: object) -> bytes:
    """An image index."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}).encode()


def says(page: Page) -> Action:
    """Answer this."""
    return lambda handler: handler.send(page)


def changed(change: Callable[[bytes], bytes]) -> Action:
    """Tell the truth with another body, and its length."""

    def act(handler: Handler) -> None:
        page = handler.truth()
        handler.send(Page(page.status, change(page.body), page.headers))

    return act


def truncated(count: int) -> Action:
    """Promise the truth, send `count` bytes of it, and reset the connection."""

    def act(handler: Handler) -> None:
        page = handler.truth()
        handler.send(Page(page.status, page.body[:count], page.headers | {"Content-Length": str(len(page.body))}))
        reset(handler)

    return act


def endless(start: bytes, more: bytes) -> Action:
    """Begin, and never stop."""

    def act(handler: Handler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(start)
            while True:
                handler.wfile.write(more)

    return act


def drips(page: Page, seconds: float) -> Action:
    """A byte at a time."""

    def act(handler: Handler) -> None:
        handler.send(Page(page.status, b"", page.headers | {"Content-Length": str(len(page.body))}))
        with suppress(OSError):
            for place in range(len(page.body)):
                handler.wfile.write(page.body[place : place + 1])
                time.sleep(seconds)
        handler.close_connection = True

    return act


def drips_head(seconds: float, first: bytes = b"") -> Action:
    """A head that comes a byte at a time and never ends; `first`: what of it comes at once."""

    def act(handler: Handler) -> None:
        handler.close_connection = True
        with suppress(OSError):
            handler.wfile.write(first or b"HTTP/1.1 200 OK\r\n")
            for sign in b"X: y\r\n" * 2_000:
                handler.wfile.write(bytes([sign]))
                time.sleep(seconds)

    return act


def hangs(seconds: float) -> Action:
    """Say nothing for a while, then go away."""

    def act(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return act


def reset(handler: Handler) -> None:
    """End the connection as a crash would."""
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    with suppress(OSError):
        handler.connection.close()


def swallows(count: int) -> Action:
    """Take `count` bytes of an upload's piece, keep them, and reset the connection."""

    def act(handler: Handler) -> None:
        name = urlsplit(handler.path).path.rpartition("/")[2]
        handler.server.fake.uploads[name] += handler.rfile.read(count)
        handler.server.fake.asked.append(Asked("BROKEN", handler.path, {}, b""))
        reset(handler)

    act.before_body = True  # type: ignore[attr-defined]
    return act
