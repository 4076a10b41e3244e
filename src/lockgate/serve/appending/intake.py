"""The intake: takes records from appenders elsewhere, and keeps them where the sealer finds them. Runs in an own jail.

No key of the log, and no network but the listening socket that it inherits. A peer of the machine comes as a connection
that the supervisor accepted, with the name under which its user is enrolled; a peer of another machine shows in TLS 1.3
a certificate whose digest is enrolled. Nothing that a peer sends is read before that. What is taken over here can add
records under the ids that enrolled appenders said, and no others: the supervisor keeps whose each id is.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from lockgate.contract.jail import outcome
from lockgate.core.encoding import decode_exact
from lockgate.core.wire import WireError
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.serve import control, logs
from lockgate.serve.appending.edge import PIECE, Session
from lockgate.serve.appending.office import Office, gone
from lockgate.serve.appending.spec import Limits, said
from lockgate.serve.control import Told
from lockgate.serve.settings import CONTROL_FD, INTAKE, LISTENER_FD, PREDICTIONS
from lockgate.serve.tls import context_of
from lockgate.trust.tls_material import Material

MOST_HANDSHAKES = 256
BACKLOG = 128
STRANGER_SECONDS = 10.0
LOOK_SECONDS = 3600.0
"""How often it is looked whether a certificate is over, at most: the clock may be set meanwhile."""


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Ends when the supervisor closes the control socket. `listen`: it has a listener."""
    logs.setup("intake")
    try:
        with socket.socket(fileno=CONTROL_FD) as link:
            listener = socket.socket(fileno=LISTENER_FD) if "listen" in arguments else None
            asyncio.run(_live(link, listener))
    except LockgateError as error:
        sys.stderr.write(f"intake: {error.finding} {error.message}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"intake: the supervisor is gone: {error.strerror}\n")


async def _live(link: socket.socket, listener: socket.socket | None) -> None:
    ended = asyncio.Event()
    tell = partial(control.tell, link)
    intake = Intake(Office(outcome.place(INTAKE), tell, log=outcome.place(PREDICTIONS)), ended)
    control.listen(link, asyncio.get_running_loop(), intake.told)
    if listener is not None:
        intake.listen(listener)
    await ended.wait()
    await intake.close()


class Intake:
    """Accepts, finds out who it is, and serves each connection. `ended` is set when the supervisor is gone."""

    def __init__(self, office: Office, ended: asyncio.Event, limits: Limits | None = None) -> None:
        self.office = office
        self._ended = ended
        self._limits = limits or office.limits
        self._enrolled: dict[str, str] = {}
        """Appenders by the digest of their certificate, 64 hex digits; users of this machine under other keys."""
        self._context: ssl.SSLContext | None = None
        self._sessions: dict[asyncio.Task[None], tuple[Session, str]] = {}
        self._shaking: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._strangers: dict[str, float] = {}
        self._loop = asyncio.get_running_loop()

    def told(self, told: Told | None) -> None:
        """What the supervisor says; None at its end. It is believed."""
        if told is None:
            self._ended.set()
            return
        try:
            self._told(told)
        except (KeyError, ValueError, LockgateError, OSError) as error:
            self.office.tell("failed", finding="LG632", message=f"{type(error).__name__} in {told.what}")

    def _told(self, told: Told) -> None:
        header = told.header
        if told.what == "peer":
            self._begin(socket.socket(fileno=told.descriptors[0]), told.text("appender"))
        elif told.what == "tls":
            self._context = context(told.payload)
        elif told.what == "appenders":
            self._enrol(decode_exact(told.payload))
        elif told.what == "allowed":
            self.office.allowed(told.text("gateway"), header["next"])
        elif told.what == "denied":
            self.office.denied(told.text("gateway"), told.text("finding"), told.text("message"))
        elif told.what == "owners":
            self.office.owners(header["of"])
        elif told.what == "sealed":
            self.office.sealed(header["next"], header["at"], told.payload)

    def listen(self, listener: socket.socket) -> None:
        """Accept on a bound socket, from now on."""
        listener.listen(BACKLOG)
        listener.setblocking(False)
        self._soon(self._accept(listener))

    async def close(self) -> None:
        """Cut everybody off, close every file."""
        await gone([*self._tasks, *self._sessions])
        await self.office.close()

    def _enrol(self, enrolled: Mapping[str, str]) -> None:
        """From now on these, by digest. Who is enrolled no more, or under another name, is cut off."""
        self._enrolled = dict(enrolled)
        for task, (session, digest) in list(self._sessions.items()):
            by_user = not digest and session.appender in self._enrolled.values()
            if not by_user and self._enrolled.get(digest) != session.appender:
                session.dismiss("LG7023", "not enrolled any more")
                task.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, address = await self._loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            host = str(address[0])
            if self._shaking.total() >= MOST_HANDSHAKES or self._shaking[host] >= self._limits.handshakes:
                sock.close()
                continue
            self._shaking[host] += 1
            self._soon(self._shake(sock, host))

    async def _shake(self, sock: socket.socket, host: str) -> None:
        """TLS first, whole, within its time: no byte of a peer is read here before that."""
        try:
            if self._context is None:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader, writer = await self._streams(sock, self._context)
        except (OSError, TimeoutError) as error:
            sock.close()
            why = str(getattr(error, "reason", None) or type(error).__name__)
            if isinstance(error, ssl.SSLError):
                self._tell_stranger("tls", "LG7023", f"no TLS with {host}: {why}")
            else:
                self._tell_stranger("gone", "LG7025", f"{host} left before TLS was there, or was too slow: {why}")
            return
        finally:
            self._shaking[host] -= 1
            self._shaking += Counter()  # an address that is gone leaves nothing here
        shown = writer.get_extra_info("ssl_object")
        raw = shown.getpeercert(binary_form=True)
        digest = hashlib.sha256(raw or b"").hexdigest()
        name = self._enrolled.get(digest)
        if name is None:
            self._tell_stranger("certificate", "LG7023", f"a certificate that is not enrolled: {digest}")
            writer.write(_refusal("LG7023", "this certificate is not enrolled"))
            await _shut(writer)
            return
        until = ssl.cert_time_to_seconds(shown.getpeercert()["notAfter"])
        await self._serve(name, digest, reader, writer, until=until)

    def _tell_stranger(self, kind: str, finding: str, why: str) -> None:
        """Who knocks and is not let in is told, and not every time: strangers can knock as often as they like."""
        if self._loop.time() >= self._strangers.get(kind, 0.0):
            self._strangers[kind] = self._loop.time() + STRANGER_SECONDS
            self.office.tell("failed", finding=finding, message=why)

    async def _expire(self, task: asyncio.Task[None], session: Session, name: str, until: float) -> None:
        """Cut off whose certificate is over: TLS looks at it in the handshake only, and a connection may last."""
        while (left := until - time.time()) > 0:  # noqa: ASYNC110 - the clock says it, which may be set, and no event
            await asyncio.sleep(min(left, LOOK_SECONDS))
        self.office.tell("failed", finding="LG7023", message=f"appender {name}: its certificate is over")
        session.dismiss("LG7023", "this certificate is over")
        task.cancel()

    async def _streams(
        self, sock: socket.socket, tls: ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock.setblocking(False)
        reader = asyncio.StreamReader(limit=PIECE)
        protocol = asyncio.StreamReaderProtocol(reader)
        seconds = {"ssl_handshake_timeout": self._limits.handshake_seconds} if tls is not None else {}
        transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, sock, ssl=tls, **seconds)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)

    def _begin(self, sock: socket.socket, name: str) -> None:
        async def serve() -> None:
            reader, writer = await self._streams(sock, None)
            await self._serve(name, "", reader, writer)

        self._soon(serve())

    async def _serve(
        self,
        name: str,
        digest: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        until: float | None = None,
    ) -> None:
        """`until`: when its certificate is over, POSIX seconds."""
        if sum(one.appender == name for one, _ in self._sessions.values()) >= self._limits.connections:
            writer.write(_refusal("LG7025", f"there are {self._limits.connections} connections of this appender"))
            await _shut(writer)
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this runs in one
        session = Session(self.office, name, reader, writer)
        self._sessions[task] = session, digest
        expiring = None if until is None else self._loop.create_task(self._expire(task, session, name, until))
        try:
            why = await session.run()
        finally:
            del self._sessions[task]
            if expiring is not None:
                expiring.cancel()
        if why:
            self.office.tell("failed", finding=why.partition(" ")[0], message=f"appender {name}: {why}")

    def _soon(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def context(data: bytes) -> ssl.SSLContext | None:
    """TLS 1.3 for those who show a certificate of the authorities in `data` (`Material`); None for no material.

    Raises VerificationFailed LG637.
    """
    if not data:
        return None
    material = Material.parse(data)
    if material.client != "required":
        raise VerificationFailed("LG637", "appenders must show a certificate", next="lockgate log seal --help")
    made = context_of(material)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    # An enrolled certificate may be its own authority, also where it was issued by one that is not given here.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.set_alpn_protocols(["lockgate-append/1"])
    made.num_tickets = 0
    return made


def _refusal(finding: str, message: str) -> bytes:
    return said("refused", gateway="", finding=finding, message=message)


async def _shut(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, TimeoutError, WireError):
        async with asyncio.timeout(2.0):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    writer.transport.abort()


if __name__ == "__main__":
    main(sys.argv[1:])
