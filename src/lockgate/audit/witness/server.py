"""A tlog-witness on a socket: one thread, one request after the other, the record on the disk before the answer leaves.

Nothing is awaited between looking up what was cosigned last and keeping what is cosigned now: that makes it atomic.
Each client has a time in which its whole request must be there; what it drips does not wind the clock.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lockgate.audit.witness import edge
from lockgate.audit.witness.key import WitnessKey
from lockgate.audit.witness.protocol import MOST_BODY, PATH, TEXT_TYPE, Refusal, decide, origin_of
from lockgate.audit.witness.record import Record
from lockgate.core.checkpoint import Note, VerifierKey
from lockgate.errors import LockgateError

MOST_CLIENTS = 256
SHARE = 16
"""One address has the sixteenth part of the places, so that no one machine's silence keeps everybody out."""
PROXIES = frozenset({"127.0.0.1", "::1"})
REQUEST_SECONDS = 10.0
IDLE_SECONDS = 60.0
DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Told:
    """One answer, for the operator: status, the log's name where it is known, a sentence; `forked`: call somebody."""

    status: int
    origin: str
    size: int | None
    why: str
    forked: bool = False


class Witness:
    """Decides and signs. `keys`: of the logs that it knows, by origin; `tell` gets each answer about one of them."""

    def __init__(
        self,
        key: WitnessKey,
        keys: Mapping[str, Sequence[VerifierKey]],
        record: Record,
        *,
        tell: Callable[[Told], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._keys = keys
        self._record = record
        self._tell = tell
        self._now = now

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes, str]:
        """Status, body and content type of the answer to one request. Blocks for an fsync.

        1. The request is read, and judged by `protocol.decide`.   2. It is signed, no earlier than the one before.
        3. It is kept, and only then answered.
        """
        # 1.
        found = origin_of(body)
        if isinstance(found, Refusal):
            return self._refused(found)
        request, note, checkpoint = found
        try:
            last = self._record.last(checkpoint.origin) if checkpoint.origin in self._keys else None
            verdict = decide(request, note, checkpoint, self._keys, last[0] if last is not None else None)
            if isinstance(verdict, Refusal):
                if verdict.forked:
                    self._record.keep_fork(checkpoint, request.note)
                return self._refused(verdict)
            # 2.
            now = int(self._now())
            if last is not None and now < self._key.time_of(last[1]):
                why = "the clock of this witness is behind what it cosigned before"
                return self._refused(Refusal(503, why, origin=checkpoint.origin))
            line = self._key.cosign(verdict.note, now)
            # 3.
            self._record.keep(verdict.checkpoint, Note(note.text, (*verdict.note.signatures, line)))
        except LockgateError as error:
            self._tell(Told(500, checkpoint.origin, checkpoint.size, f"{error.finding} {error.message}"))
            return 500, b"this witness cannot keep its record\n", TEXT_TYPE
        self._tell(Told(200, checkpoint.origin, checkpoint.size, "cosigned"))
        return 200, f"{line.line()}\n".encode(), TEXT_TYPE

    def _refused(self, refusal: Refusal) -> tuple[int, bytes, str]:
        if refusal.status not in {400, 404}:
            self._tell(Told(refusal.status, refusal.origin, refusal.size, refusal.why, refusal.forked))
        return refusal.status, refusal.body, refusal.content_type


class Server:
    """The witness behind a listening socket."""

    def __init__(self, witness: Witness, *, most_clients: int = MOST_CLIENTS, seconds: float = REQUEST_SECONDS) -> None:
        self._witness = witness
        self._most = most_clients
        self._seconds = seconds
        self._clients: dict[asyncio.Task[None], str] = {}
        """Each with its address."""

    async def run(
        self,
        host: str,
        port: int,
        stop: asyncio.Event,
        *,
        tls: ssl.SSLContext | None = None,
        ready: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Answer until `stop` is set; then who is being answered is, and the rest is hung up on. Raises OSError."""
        extra = {"ssl_handshake_timeout": self._seconds} if tls is not None else {}
        listening = await asyncio.start_server(self._client, host, port, limit=edge.MOST_HEAD, ssl=tls, **extra)
        async with listening:
            ready(listening.sockets[0].getsockname()[1])
            await stop.wait()
            listening.close()
            for task in self._clients:
                task.cancel()
            if self._clients:
                await asyncio.wait(self._clients, timeout=DRAIN_SECONDS)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, host = asyncio.current_task(), str(writer.get_extra_info("peername", [""])[0])
        if task is None or len(self._clients) >= self._most or self._too_many(host):
            writer.close()
            return
        self._clients[task] = host
        try:
            with suppress(OSError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._clients.pop(task, None)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    def _too_many(self, host: str) -> bool:
        """Whether this address has its share; a proxy on this machine brings everybody's."""
        return host not in PROXIES and list(self._clients.values()).count(host) >= self._most // SHARE

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow on this connection."""
        first = await self._begun(reader)
        if not first:
            return False
        keep = False
        try:
            async with asyncio.timeout(self._seconds):
                found = await edge.read_request(reader, MOST_BODY, first)
        except TimeoutError:
            reply = (408, b"too slow\n", TEXT_TYPE)
        except edge.BadRequest as bad:
            reply = (bad.status, f"{bad.why}\n".encode(), TEXT_TYPE)
        else:
            head, body = found
            keep, reply = head.keep, self._reply(head, body)
        writer.write(edge.answer(*reply, keep=keep))
        try:
            async with asyncio.timeout(self._seconds):
                await writer.drain()
        except TimeoutError:
            writer.transport.abort()
            return False
        return keep

    async def _begun(self, reader: asyncio.StreamReader) -> bytes:
        """The first byte of the next request; none when the client is done, or says nothing for too long."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return await reader.read(1)
        except TimeoutError:
            return b""

    def _reply(self, head: edge.Head, body: bytes) -> tuple[int, bytes, str]:
        if head.path != PATH:
            return 404, b"there is nothing here but add-checkpoint\n", TEXT_TYPE
        if head.method != "POST":
            return 405, b"a checkpoint is POSTed\n", TEXT_TYPE
        return self._witness.add_checkpoint(body)
