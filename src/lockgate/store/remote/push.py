"""A blob on its way to a registry: in one request when it is small, else in pieces, taken up again where it broke off.

    POST blobs/uploads/                          202, Location
    PATCH <location>   Content-Range: 0-16777215 202, Location, Range: 0-16777215      for each piece
    GET <location>                               204, Location, Range: 0-<last>        after a broken connection
    PUT <location>?digest=sha256:...             201

A piece is read while it is sent: memory holds one small request, or a part of a piece.
Trusts the descriptor's holder not to write to it meanwhile, and makes sure: what is sent is hashed on its way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from lockgate.core.digest import Digest, from_hex
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.store.files import CHUNK
from lockgate.store.remote.edge import MOST_ANSWER, read_refusal, uploaded
from lockgate.store.remote.session import Session
from lockgate.store.remote.wire import Answer, Body

_OCTETS: Final = {"Content-Type": "application/octet-stream"}
_MOST_CHUNK: Final = 256 << 20


def has(session: Session, digest: Digest, size: int | None = None) -> bool:
    """What the registry says. With `size`, a blob of another size under this name is LG884."""
    answer = session.ask("HEAD", f"{session.base}/blobs/{digest}")
    if answer.status == 404:
        return False
    if answer.status != 200:
        session.fail(answer, f"blob {digest}")
    length = answer.headers.get("content-length", "")
    if size is not None and length.isdecimal() and length != str(size):
        raise session.refusals.other_bytes(digest, f"it is {length} bytes long there, and {size} here")
    return True


def push(session: Session, digest: Digest, size: int, source: int) -> None:
    """Store a blob unless the registry says that it has it. `source`'s position is neither used nor moved.

    Raises VerificationFailed (LG802) when `source` does not have this digest: then the registry was not told that
    it has. Raises Refused: LG882, LG889. Unavailable: LG880.
    """
    if not has(session, digest, size):
        _Outgoing(session, digest, size, source).send()


class _Outgoing:
    def __init__(self, session: Session, digest: Digest, size: int, source: int) -> None:
        self._session = session
        self._digest = digest
        self._size = size
        self._source = source
        self._state = hashlib.sha256()
        self._hashed = 0
        self._chunk = session.limits.chunk
        self._last: Unavailable | None = None

    def send(self) -> None:
        """From the beginning, a few times: an upload that the registry has forgotten is begun anew."""
        for turn in range(self._session.limits.tries):
            location = self._begin()
            done = self._at_once(location) if self._size <= self._chunk else self._in_pieces(location)
            if done or has(self._session, self._digest, self._size):
                return
            self._session.pause(turn)
        raise self._last or self._session.refusals.unreachable("an upload broke off each time")

    def _begin(self) -> str:
        url = f"{self._session.base}/blobs/uploads/"
        answer = self._session.ask("POST", url, headers={"Content-Length": "0"}, write=True)
        if answer.status != 202:
            self._session.fail(answer, f"an upload of blob {self._digest}", write=True)
        least = answer.headers.get("oci-chunk-min-length", "")
        if least.isdecimal() and len(least) < 12:
            self._chunk = max(self._chunk, min(int(least), _MOST_CHUNK))
        return self._next(answer)

    def _at_once(self, location: str) -> bool:
        data = b"".join(self._pieces(0, self._size))
        self._check_source()
        return self._put(location, data)

    def _in_pieces(self, location: str) -> bool:
        """Every piece, then the name. False when the registry no longer knows the upload."""
        offset, stuck = 0, 0
        while offset < self._size:
            count = min(self._chunk, self._size - offset)
            answer = self._patch(location, offset, count)
            if answer is None or answer.status == 416:
                answer = self._session.ask("GET", location, write=True)
                arrived = uploaded(answer.headers.get("range", "")) if answer.status in {202, 204} else None
                stuck = stuck + 1 if arrived is None or arrived <= offset else 0
                if arrived is None or arrived > self._size or stuck >= self._session.limits.tries:
                    return False
                self._session.pause(stuck)
            elif answer.status == 202:
                arrived, stuck = offset + count, 0
            elif answer.status in {400, 404}:  # what registries say of an upload that they have forgotten
                return False
            else:
                self._session.fail(answer, f"a piece of blob {self._digest}", write=True)
            offset, location = arrived, self._next(answer, location)
        self._check_source()
        return self._put(location, b"")

    def _patch(self, location: str, offset: int, count: int) -> Answer | None:
        """None when nobody knows how much of it arrived."""
        headers = {**_OCTETS, "Content-Range": f"{offset}-{offset + count - 1}", "Content-Length": str(count)}
        return self._once("PATCH", location, headers, lambda: self._pieces(offset, count))

    def _put(self, location: str, data: bytes) -> bool:
        """Give the upload its name. False when nobody knows whether that was done."""
        url = f"{location}{'&' if '?' in location else '?'}digest={quote(self._digest)}"
        answer = self._once("PUT", url, _OCTETS, data)
        if answer is None or answer.status == 404:
            return False
        if answer.status != 201:
            self._session.fail(answer, f"blob {self._digest}", write=True)
        return True

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> Answer | None:
        """A request that may not be repeated as it is. None when nobody knows what became of it."""
        try:
            answer = self._session.ask(method, url, headers=headers, body=body, write=True, again=False)
            if answer.status >= 500:
                self._session.fail(answer, f"blob {self._digest}", write=True)
        except Unavailable as error:
            if error.finding != "LG880":
                raise
            self._last = error
            return None
        return answer

    def _pieces(self, offset: int, count: int) -> Iterator[bytes]:
        """Bytes of the source, hashed once, in their order, however often they are sent."""
        end = offset + count
        while offset < end:
            data = os.pread(self._source, min(CHUNK, end - offset), offset)
            if not data:
                raise self._changed("it is shorter than it was")
            self._state.update(memoryview(data)[max(0, self._hashed - offset) :])
            offset += len(data)
            self._hashed = max(self._hashed, offset)
            yield data

    def _check_source(self) -> None:
        seen = from_hex(self._state.hexdigest())
        if self._hashed != self._size or seen != self._digest:
            raise self._changed(f"its digest is {seen}")

    def _changed(self, why: str) -> VerificationFailed:
        return VerificationFailed(
            "LG802",
            f"blob {self._digest} was changed while it was sent: {why}; the registry was not told its name",
            seen={"expected": self._digest},
            next="restore the file from a backup or a registry; lockgate verify --all names everything that is damaged",
        )

    def _next(self, answer: Answer, before: str = "") -> str:
        location = answer.headers.get("location", "")
        if not location and before:
            return before
        if not location:
            raise self._session.refusals.outside_protocol(
                "an upload without an address", answer.status, read_refusal(answer.body[:MOST_ANSWER])
            )
        return self._session.own_url(location, answer.url)
