"""The forwarder: sends what the gateways of this machine recorded to a sealer elsewhere. Runs in a jail of its own.

No key but that of its TLS, no network but the connection that the supervisor made; the spools are read-only. A record
stays in its spool until the log elsewhere has it, so that neither end's restart loses or doubles one: each connection
begins with how far the other side is. That the log has it nobody's word is taken for: it is proved (`proving`) by the
record that lies here, under a checkpoint of the key that the roles file names, or the spool stays.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lockgate.audit.prove import check_proof, parse_proof
from lockgate.audit.spool import frame
from lockgate.contract.jail import outcome
from lockgate.core.encoding import decode_exact
from lockgate.core.wire import Frame, WireError
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.serve import control, logs
from lockgate.serve.appending import spec
from lockgate.serve.appending.announced import SPOOL as SPOOLED
from lockgate.serve.appending.announced import Announced
from lockgate.serve.appending.edge import PIECE, frames
from lockgate.serve.appending.following import Place, waiting
from lockgate.serve.appending.office import gone
from lockgate.serve.appending.proving import Own
from lockgate.serve.control import Told
from lockgate.serve.settings import CONTROL_FD, SPOOL, ForwarderSettings
from lockgate.serve.tls import load_chain

LOOK_SECONDS, HURRIED_SECONDS = 0.2, 0.01
WINDOW = 8
"""Messages of one gateway that are on their way."""
CHUNK = 256 << 10
LAST_SECONDS = 5.0
HANDSHAKE_SECONDS = 10.0


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. After the supervisor closes the control socket: what is left, but not for long."""
    logs.setup("forwarder")
    try:
        settings = ForwarderSettings.parse(arguments)
        with socket.socket(fileno=CONTROL_FD) as link:
            context = context_of(control.expect(link, "tls")["tls"])
            asyncio.run(_live(link, settings, context))
    except LockgateError as error:
        sys.stderr.write(f"forwarder: {error.finding} {error.message}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"forwarder: the supervisor is gone: {error.strerror}\n")


def context_of(data: bytes) -> ssl.SSLContext | None:
    """TLS 1.3 with our certificate, for a server of the authority given; None for none.

    Raises VerificationFailed LG637.
    """
    if not data:
        return None
    try:
        given = decode_exact(data)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=given["authority"])
        load_chain(context, f"{given['certificate']}\n{given['key']}\n".encode())
        context.set_alpn_protocols(["lockgate-append/1"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise VerificationFailed(
            "LG637", f"the sealer's authority, the certificate or its key cannot be used: {why}", next="lockgate doctor"
        ) from None
    return context


async def _live(link: socket.socket, settings: ForwarderSettings, context: ssl.SSLContext | None) -> None:
    forwarder = Forwarder(outcome.place(SPOOL), partial(control.tell, link), context, settings)
    control.listen(link, asyncio.get_running_loop(), forwarder.told)
    await forwarder.run()


class Forwarder:
    """One connection after the other, until the supervisor is gone."""

    def __init__(
        self, folder: Path, tell: Callable[..., None], context: ssl.SSLContext | None, settings: ForwarderSettings
    ) -> None:
        """To be made in a running loop. Files of this user are read, and no others."""
        self._announced = Announced({SPOOLED: folder})
        self._folder = folder
        self._tell = tell
        self._context = context
        self._settings = settings
        self._owner = os.geteuid()
        self._peers: asyncio.Queue[socket.socket | None] = asyncio.Queue()
        self._ended = asyncio.Event()

    def told(self, told: Told | None) -> None:
        """What the supervisor says; None at its end."""
        if told is None:
            self._ended.set()
            self._peers.put_nowait(None)
        elif told.what == "peer" and told.descriptors:
            self._peers.put_nowait(socket.socket(fileno=told.descriptors[0]))
        elif told.what == "announce":
            self._announced.add(told.header["gateways"], SPOOLED)

    async def run(self) -> None:
        """Until the supervisor is gone, and what was in the spools then is kept elsewhere, or LAST_SECONDS over."""
        while (sock := await self._peers.get()) is not None:
            why = await self._talk(sock)
            if self._ended.is_set():
                return
            with suppress(OSError):
                self._tell("lost", why=why)

    async def _talk(self, sock: socket.socket) -> str:
        try:
            sock.setblocking(False)
            tls: dict[str, Any] = {}
            if self._context is not None:
                tls = {"ssl": self._context, "server_hostname": self._settings.name}
                tls["ssl_handshake_timeout"] = HANDSHAKE_SECONDS
            reader, writer = await asyncio.open_connection(sock=sock, limit=PIECE, **tls)
        except (OSError, TimeoutError, ValueError) as error:
            sock.close()
            return str(error) or type(error).__name__
        log = self._settings.origin, bytes.fromhex(self._settings.sealer)
        talk = Talk(self._folder, self._announced, self._tell, reader, writer, owner=self._owner, log=log)
        try:
            return await talk.run(self._ended)
        finally:
            writer.transport.abort()


@dataclass
class _Going:
    """One gateway on this connection: where its spool is read, and what is on its way. `have`: the other side has said
    how far it is; `over`: nothing more of it is taken there. `said`: what it said last of the log, and was not looked
    at yet: the number after the last record there, and the proof; `doubted`: that was not proved once; `agreed`: what
    it has of this gateway is no more than lies here.
    """

    own: Own
    place: Place = field(default_factory=Place)
    away: int = 0
    have: bool = False
    over: bool = False
    said: tuple[int, bytes] | None = None
    doubted: bool = False
    agreed: bool = False


class Talk:
    """One connection to the intake elsewhere."""

    def __init__(
        self,
        folder: Path,
        announced: Announced,
        tell: Callable[..., None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        owner: int,
        log: tuple[str, bytes],
    ) -> None:
        """`log`: its name, and its sealer's public key."""
        self._log = log
        self._folder = folder
        self._announced = announced
        self._tell = tell
        self._reader = reader
        self._writer = writer
        self._owner = owner
        self._going: dict[str, _Going] = {}
        self._wake = asyncio.Event()
        self._joined = False
        self._last = ""

    async def run(self, ended: asyncio.Event) -> str:
        """Until the connection ends; why. Once `ended` is set, until all is sent, or LAST_SECONDS."""
        hearing = asyncio.create_task(self._hear())
        sending = asyncio.create_task(self._send(ended))
        try:
            await asyncio.wait((hearing, sending), return_when=asyncio.FIRST_COMPLETED)
            for task in (sending, hearing):
                if task.done():
                    task.result()
        except (OSError, WireError, TimeoutError, LockgateError) as error:
            return self._last or str(error) or type(error).__name__
        finally:
            await gone([hearing, sending])
        if not self._joined:
            return self._last or "it ended the connection at once: is this machine's certificate enrolled there?"
        return self._last or "it ended the connection"

    async def _hear(self) -> None:
        async for one in frames(self._reader, spec.SILENT_SECONDS, spec.FRAME_SECONDS):
            self._heard(one)

    def _heard(self, one: Frame) -> None:
        what, header = spec.checked(one)
        if not self._joined and what != "refused":
            self._joined = True
            self._tell("joined")
        going = self._going.get(header.get("gateway", ""))
        if what == "have" and going is not None and not going.have:
            going.have = True
            going.place = Place(next=header["next"])
        elif what == "kept" and going is not None:
            going.away = max(0, going.away - 1)
        elif what == "sealed" and going is not None:
            going.said = header["next"], one.payload
        elif what == "refused":
            self._refused(going, header["finding"], header["message"])
        self._wake.set()

    def _refused(self, going: _Going | None, finding: str, message: str) -> None:
        self._tell("failed", finding=finding, message=f"the sealer elsewhere: {message}")
        if going is None:
            self._last = f"{finding} {message}"
        else:
            going.over = True

    async def _send(self, ended: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        pinged, until = loop.time(), 0.0
        self._write("ping")
        while True:
            last = ended.is_set()
            moved = await self._round()
            unknown = self._announced.to_ask(time.monotonic())
            if unknown and not last:
                self._tell("unknown", **unknown)
            await self._writer.drain()
            if last:
                until = until or loop.time() + LAST_SECONDS
                if (not moved and self._idle()) or loop.time() >= until:
                    return
            if loop.time() - pinged >= spec.PING_SECONDS:
                pinged = loop.time()
                self._write("ping")
            if not moved:
                await self._rest()

    async def _rest(self) -> None:
        self._wake.clear()
        hurried = any(self._folder.glob("*.hurry"))
        with suppress(TimeoutError):
            async with asyncio.timeout(HURRIED_SECONDS if hurried else LOOK_SECONDS):
                await self._wake.wait()

    def _idle(self) -> bool:
        return all(going.over or (going.have and not going.away) for going in self._going.values())

    async def _round(self) -> bool:
        """Say hello for whoever is new, send what is there; whether anything was sent."""
        sent = False
        for gateway, (folder, numbers) in self._announced.files().items():
            going = self._going.get(gateway)
            if going is None:
                self._going[gateway] = _Going(Own(folder, gateway, self._owner))
                self._write("hello", v=spec.VERSION, gateway=gateway, next=0)
                sent = True
                continue
            if going.said is not None:
                await self._settle(gateway, numbers, going, *going.said)
            if going.have and not going.over and going.away < WINDOW:
                sent = await self._more(folder, gateway, numbers, going) or sent
        return sent

    async def _settle(self, gateway: str, numbers: list[int], going: _Going, after: int, proof: bytes) -> None:
        """Say that the log has the records below `after`, if the last of them, as it lies here, is proved to be in it.

        What is not here any more was settled before, or is not ours to judge: nothing is said then.
        """
        going.said = None
        try:
            record = await asyncio.to_thread(going.own.find, numbers, after - 1)
            if record is None:
                return
            origin, public = self._log
            check_proof(proof, record, public, origin)
        except LockgateError as error:
            if not going.doubted:
                going.doubted = True
                told = f"record {after - 1} of {gateway} is not proved to be in the log elsewhere, and stays here"
                self._tell("failed", finding=error.finding, message=f"{told}: {error.message}")
            return
        note = parse_proof(proof).note
        self._tell("sealed", note)
        self._tell("carried", note, next={gateway: after})

    async def _more(self, folder: Path, gateway: str, numbers: list[int], going: _Going) -> bool:
        if not going.agreed:
            await self._compare(gateway, numbers, going)
            if going.over:
                return False
        first, before = going.place.next, going.place
        records, going.place = await asyncio.to_thread(
            waiting, folder, gateway, numbers, before, owner=self._owner, limit=CHUNK
        )
        if going.place.broken:
            going.over = True
            self._tell("failed", finding=going.place.finding, message=going.place.broken)
        if records:
            going.away += 1
            self._write("records", b"".join(map(frame, records)), gateway=gateway, first=first)
        return going.place != before

    async def _compare(self, gateway: str, numbers: list[int], going: _Going) -> None:
        """Whoever has more than was ever made here would be sent nothing of what is made from now on.

        A spool without a record says nothing yet: its parts that are sealed are gone.
        """
        own, there = going.own, going.place.next
        try:
            going.agreed = not there or await asyncio.to_thread(own.find, numbers, there - 1) is not None
        except LockgateError:
            going.agreed = True  # reading it to send it tells what is wrong
        if own.next >= there:
            going.agreed = True
        elif own.next and not going.agreed:
            going.over = True
            told = f"the sealer elsewhere has {there} records of {gateway}, and {own.next} were made here"
            self._tell("failed", finding="LG7024", message=f"{told}: no more of it is sent")

    def _write(self, what: str, payload: bytes = b"", **fields: object) -> None:
        self._writer.write(spec.said(what, payload, **fields))


if __name__ == "__main__":
    main(sys.argv[1:])
