"""An intake in this process, a supervisor that lets everybody begin what nobody else began, and peers of all kinds."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from lockgate.audit.spool import frame, read_spool
from lockgate.core.encoding import encode
from lockgate.core.wire import Assembler, Frame
from lockgate.serve.appending import forwarder, spec
from lockgate.serve.appending.intake import Intake
from lockgate.serve.appending.office import Office
from lockgate.serve.appending.spec import Limits
from lockgate.serve.control import Told
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.supervise.appenders import fingerprint_of
from lockgate.trust.tls_material import Material
from tests.support.certificates import SERVER, Held, authority, leaf
from tests.support.recording import GATEWAY, Bench, write
from tests.support.sealing import Fast

ROOT = authority("the machines' root")
NOW = datetime.now(UTC)
TIMES: dict[str, Any] = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=1)}
NAMES = (x509.DNSName("sealer.example"), x509.DNSName("localhost"))
HOST = leaf(ROOT, "sealer", purposes=(SERVER,), others=NAMES, **TIMES)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
MIRROR, STRANGER = (leaf(ROOT, name, purposes=CLIENT, **TIMES) for name in ("mirror", "stranger"))
OTHER = "fedcba9876543210"


def fingerprint(held: Held) -> str:
    """As it is enrolled."""
    return fingerprint_of(held.pem)


def records(place: Path, many: int, gateway: str = GATEWAY) -> list[bytes]:
    """Real records of a gateway, from number 0 on."""
    place.mkdir(exist_ok=True)
    bench = Bench(place)

    async def scene(recorder: SpoolRecorder) -> None:
        for row in range(many):
            write(recorder, row)

    bench.play(scene, gateway=gateway)
    return list(read_spool(bench.spools / f"{gateway}.spool").records)


@dataclass
class Peer:
    """A connection, and what was heard on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _assembler: Assembler = field(default_factory=lambda: Assembler(max_payload=spec.MOST_PAYLOAD))
    _heard: list[Frame] = field(default_factory=list)

    def say(self, what: str, payload: bytes = b"", **fields: Any) -> None:
        """A message in its form."""
        self.writer.write(spec.said(what, payload, **fields))

    def send(self, gateway: str, first: int, found: Sequence[bytes]) -> None:
        """Records, as a spool has them."""
        self.say("records", b"".join(map(frame, found)), gateway=gateway, first=first)

    async def hear(self) -> tuple[str, dict[str, Any]]:
        """The next message without its bytes; `("", {})` at the end."""
        return (await self.hear_all())[:2]

    async def hear_all(self) -> tuple[str, dict[str, Any], bytes]:
        """The next message."""
        while not self._heard:
            try:
                async with asyncio.timeout(5.0):
                    data = await self.reader.read(1 << 16)
            except TimeoutError:
                raise
            except OSError:
                data = b""
            if not data:
                return "", {}, b""
            self._heard += self._assembler.feed(data)
        one = self._heard.pop(0)
        what, header = spec.checked(one)
        return what, {name: value for name, value in header.items() if name != "say"}, one.payload

    async def hello(self, gateway: str = GATEWAY) -> tuple[str, dict[str, Any]]:
        """Begin a gateway; what is said to that."""
        self.say("hello", v=1, gateway=gateway, next=0)
        return await self.hear()


@dataclass
class Desk:
    """The intake, and what it said to the supervisor, which is played here."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    in_log: dict[str, int] = field(default_factory=dict)
    port: int = 0
    log: Path | None = None
    peers: list[Peer] = field(default_factory=list)

    def tell(self, what: str, _payload: bytes = b"", **fields: Any) -> None:
        """What the intake says: a claim is answered as the supervisor does."""
        self.said.append((what, fields))
        if what == "failed":
            self._failed.set()
        if what == "claim":
            gateway, appender = fields["gateway"], fields["appender"]
            if self.owners.setdefault(gateway, appender) == appender:
                self.loop.call_soon(self.intake.office.allowed, gateway, self.in_log.get(gateway, 0))
            else:
                self.loop.call_soon(self.intake.office.denied, gateway, "LG7024", "another's")

    def findings(self) -> list[str]:
        """What it complained of."""
        return [fields["finding"] for what, fields in self.said if what == "failed"]

    async def complained(self) -> list[str]:
        """`findings`, once there is one."""
        await self._failed.wait()
        return self.findings()

    def enrol(self, **held: Held) -> None:
        """From now on these."""
        names = {fingerprint(one): name for name, one in held.items()}
        self.intake.told(Told({"tell": "appenders"}, encode(names)))

    async def open(self) -> None:
        """It listens on loopback, with TLS; `mirror` is enrolled."""
        self.loop, self._failed = asyncio.get_running_loop(), asyncio.Event()
        self.intake = Intake(Office(self.folder, self.tell, self.limits, disk=Fast(), log=self.log), asyncio.Event())
        self.intake.told(Told({"tell": "tls"}, material().encode()))
        self.enrol(mirror=MIRROR)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.intake.listen(listener)
        self._listener = listener

    async def close(self) -> None:
        """Nobody is heard any more."""
        for peer in self.peers:
            peer.writer.transport.abort()
        await self.intake.close()
        await asyncio.sleep(0)
        self._listener.close()

    async def peer(self, held: Held | None = MIRROR, **changes: Any) -> Peer:
        """A machine that shows this certificate. Raises OSError."""
        context = client_context(held)
        for name, value in changes.items():
            setattr(context, name, value)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname="sealer.example"
        )
        return self._kept(reader, writer)

    async def plain(self) -> Peer:
        """Bytes without TLS."""
        return self._kept(*await asyncio.open_connection("127.0.0.1", self.port))

    async def local(self, appender: str = "user") -> Peer:
        """A connection that the supervisor accepted."""
        ours, theirs = socket.socketpair()
        self.intake.told(Told({"tell": "peer", "appender": appender}, b"", (theirs.detach(),)))
        return self._kept(*await asyncio.open_connection(sock=ours))

    def _kept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        self.peers.append(Peer(reader, writer))
        return self.peers[-1]


def material() -> Material:
    """What the sealing side serves TLS with."""
    chain = HOST.pem.decode()
    return Material(chain, _key(HOST), ROOT.pem.decode(), "required")


def client_context(held: Held | None) -> ssl.SSLContext:
    """The forwarder's own; without a certificate where there is none."""
    given = {"authority": ROOT.pem.decode(), "certificate": "", "key": ""}
    if held is not None:
        given |= {"certificate": held.pem.decode(), "key": _key(held)}
        found = forwarder.context_of(encode(given))
        assert found is not None
        return found
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=given["authority"])
    return context


def _key(held: Held) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return held.key.private_bytes(*form).decode()


def at_desk(folder: Path, scene: Callable[[Desk], Awaitable[None]], *, log: Path | None = None, **limits: Any) -> Desk:
    """Play a scene at an open desk. `log`: the folder of the log that is proved from."""
    desk = Desk(folder, Limits(**limits), log=log)

    async def play() -> None:
        await desk.open()
        try:
            async with asyncio.timeout(20):
                await scene(desk)
        finally:
            await desk.close()

    asyncio.run(play())
    return desk
