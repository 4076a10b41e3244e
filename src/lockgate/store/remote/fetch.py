"""A blob on its way here: hashed while it comes, taken up again after a broken connection, cut off when it is too long.

Trusts nobody: it is kept under its name when, and only when, every byte was hashed and the digest is the name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from lockgate.core.digest import Digest, from_hex
from lockgate.store.blobs import BlobStore
from lockgate.store.files import fsync_folder, publish, staged, write_all, writing
from lockgate.store.remote.edge import MOST_ANSWER, check_served, read_refusal
from lockgate.store.remote.session import Session
from lockgate.store.remote.wire import Broken, Reply

_PROGRESS: Final = 1 << 20  # bytes after which a broken connection counts as the first one again


def fetch(session: Session, digest: Digest, size: int, into: BlobStore) -> None:
    """Bring a blob into a store, durably. One that is there already is verified and not asked for.

    Raises VerificationFailed: LG884 the registry sends other bytes, LG802 the store's own copy was changed.
    """
    if into.has(digest):
        _check_kept(session, digest, size, into)
        return
    with writing(into.folder), staged(into.staging, 0o444) as (fd, temporary):
        Incoming(session, digest, size, lambda piece: write_all(fd, piece)).receive()
        os.fsync(fd)
        if not into.folder.is_dir():
            into.folder.mkdir(parents=True)
            fsync_folder(into.folder.parent)
        with suppress(FileExistsError):
            publish(temporary, into.path(digest))
            return
    _check_kept(session, digest, size, into)


def check(session: Session, digest: Digest, size: int) -> None:
    """Read a blob and verify it, keeping nothing."""
    Incoming(session, digest, size, lambda _: None).receive()


def _check_kept(session: Session, digest: Digest, size: int, into: BlobStore) -> None:
    kept = into.check(digest)
    if kept != size:
        raise session.refusals.other_bytes(digest, f"it is {kept} bytes long, and {size} were promised")


class Incoming:
    """One blob, over as many connections as it takes. What was received stays hashed and written."""

    def __init__(self, session: Session, digest: Digest, size: int, sink: Callable[[bytes], Any]) -> None:
        self._session = session
        self._digest = digest
        self._size = size
        self._sink = sink
        self._state = hashlib.sha256()
        self._count = 0
        self._whole = False

    def receive(self) -> None:
        """All of it, or an error."""
        turn = 0
        while not self._whole:
            begun = self._count
            try:
                self._connection()
            except Broken as broken:
                if self._count == self._size:
                    break
                turn = 0 if self._count - begun >= _PROGRESS else turn + 1
                if turn >= self._session.limits.tries:
                    raise self._session.refusals.unreachable(
                        f"{broken}; {self._count} of {self._size} bytes came"
                    ) from None
                self._session.pause(turn)
        seen = from_hex(self._state.hexdigest())
        if seen != self._digest:
            raise self._session.refusals.other_bytes(self._digest, f"their digest is {seen}", {"seen": seen})

    def _connection(self) -> None:
        limits = self._session.limits
        headers = {"Range": f"bytes={self._count}-{self._size - 1}"} if self._count else {}
        seconds = limits.answer + (self._size - self._count) / limits.slowest
        with self._session.stream(f"{self._session.base}/blobs/{self._digest}", headers) as reply:
            skip = self._check_head(reply, seconds)
            for piece in reply.pieces(seconds):
                fresh = piece[skip:]
                skip -= len(piece) - len(fresh)
                if self._count + len(fresh) > self._size:
                    raise self._wrong_size(self._size + 1)
                self._state.update(fresh)
                self._sink(fresh)
                self._count += len(fresh)
        if self._count < self._size:
            raise Broken("it ends too early")
        self._whole = True

    def _check_head(self, reply: Reply, seconds: float) -> int:
        """How many bytes at the front are here already: none, or all so far where the registry ignores ranges."""
        asked = self._count > 0
        if reply.status == 206 and asked:
            try:
                check_served(reply.headers.get("content-range", ""), self._count, self._size)
            except ValueError as error:
                raise self._session.refusals.outside_protocol(str(error), 206) from None
            return 0
        if reply.status == 416 and asked:
            raise self._wrong_size(self._count)
        if reply.status != 200:
            words = read_refusal(reply.read(MOST_ANSWER, seconds)[:MOST_ANSWER])
            raise self._session.failure(reply.status, words, f"blob {self._digest}")
        if reply.length is not None and reply.length != self._size:
            raise self._wrong_size(reply.length)
        return self._count

    def _wrong_size(self, seen: int) -> Exception:
        return self._session.refusals.short_or_long(self._digest, self._size, seen)
