"""One object by https: no redirect is followed, no cookie kept, the certificate is verified."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from lockgate.errors import Refused
from lockgate.ingest.jail._seen import PIECE, Seen

_SECONDS = 60.0


class Web:
    """A web server. `token` is sent as a bearer token; `ca` is a file of certificates, empty for the system's."""

    def __init__(self, token: str, ca: str) -> None:
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "lockgate", "Accept": "*/*"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._context = ssl.create_default_context(cafile=ca or None)

    def find(self, pattern: str) -> list[Seen]:
        """The one object, or none."""
        try:
            return [self.look(pattern)]
        except FileNotFoundError:
            return []

    def look(self, name: str) -> Seen:
        """What the server says of the object without sending it."""
        with self._asked("HEAD", name) as answer:
            return _seen(name, answer)

    @contextmanager
    def read(self, one: Seen) -> Iterator[Iterator[bytes]]:
        """Its bytes, all of those that the server announces. Raises ConnectionError when it sends fewer."""
        with self._asked("GET", one.name) as answer:
            yield _pieces(answer)

    @contextmanager
    def _asked(self, method: str, name: str) -> Iterator[http.client.HTTPResponse]:
        host, _, path = name.removeprefix("https://").partition("/")
        connection = http.client.HTTPSConnection(host, timeout=_SECONDS, context=self._context)
        try:
            connection.request(method, f"/{path}", headers=self._headers)
            answer = connection.getresponse()
            _check(name, answer)
            yield answer
        except http.client.HTTPException as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from None
        finally:
            connection.close()


def _seen(name: str, answer: http.client.HTTPResponse) -> Seen:
    tag = answer.getheader("ETag") or ""
    length = answer.getheader("Content-Length") or ""
    size = int(length) if length.isdecimal() and length.isascii() else None
    # A weak tag may stay while the bytes change: it betrays a change, and proves none.
    version = "" if not tag or tag.startswith("W/") else f"etag:{tag.strip(chr(34))}"
    return Seen(name, size, version, mark=f"{tag} {length} {answer.getheader('Last-Modified')}")


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    announced, count = answer.length, 0
    while piece := answer.read(PIECE):
        count += len(piece)
        yield piece
    if announced is not None and count != announced:
        raise ConnectionError(f"{count} of {announced} bytes came")


def _check(name: str, answer: http.client.HTTPResponse) -> None:
    status = answer.status
    if status in {404, 410}:
        raise FileNotFoundError(name)
    if status in {401, 403, 407}:
        raise PermissionError(f"the server answers {status}")
    if status >= 500:
        raise ConnectionError(f"the server answers {status}")
    encoding = answer.getheader("Content-Encoding") or "identity"
    if status != 200 or encoding != "identity":
        what = f"answers {status}" if status != 200 else f"sends it packed: {encoding}"
        raise Refused(
            "LG130",
            f"{name}: the server {what}",
            seen={"status": status, "leads_to": answer.getheader("Location") or ""},
            next="name the object itself, at an address that is allowed",
        )
