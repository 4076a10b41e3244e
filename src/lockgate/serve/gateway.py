"""The gateway process. Runs in the `edge` jail: registry and event log read-only, its spool writable, no key in sight.

It listens on a socket that it inherited, so it needs no way to call anybody. Everything it loads it has verified
itself (`serve.evidence`); what it is told by the supervisor is: the root's fingerprint, the environment, the edge's
secrets, the client registry, the last checkpoint seen, and workers' sockets.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from lockgate.audit.ledger import Ledger
from lockgate.audit.load import load_decision, refuse_revoked
from lockgate.audit.spool import Spool
from lockgate.audit.standing import refuse_withdrawn
from lockgate.contract.jail.outcome import place
from lockgate.core.checkpoint import MAX_NOTE_BYTES
from lockgate.core.digest import Digest
from lockgate.core.wire import WireError
from lockgate.errors import LockgateError
from lockgate.serve import control, evidence, front
from lockgate.serve.clients import parse_clients
from lockgate.serve.control import Told
from lockgate.serve.declined import unavailable
from lockgate.serve.edge import create_app
from lockgate.serve.engine import JailedEngine
from lockgate.serve.evidence import Loadable
from lockgate.serve.handover import hand_over
from lockgate.serve.link import WorkerLink
from lockgate.serve.recorder import SpoolRecorder
from lockgate.serve.seen import MemorySeen
from lockgate.serve.service import Service, WorkerLost
from lockgate.serve.settings import CONTROL_FD, HOME, LISTENER_FD, SPOOL, GatewaySettings
from lockgate.store.files import read_regular
from lockgate.store.layout import RegistryStore
from lockgate.trust._edgefile import parse_edge_secrets

LOOK_SECONDS = 1.0
HONOURED_SECONDS = 5.0
"""What the log says (a revocation, a move) and when a waiver ends is honoured within this time, or nothing is answered.

While the bytes of a newly deployed model are read and hashed, at most LOAD_SECONDS, no second look is taken."""
LOAD_SECONDS = 60.0
_TRIES = 3
_HOME = place(HOME)

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Ends when the supervisor closes the control socket, or on SIGTERM."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="gateway: %(message)s")
    try:
        settings = GatewaySettings.parse(arguments)
        with socket.socket(fileno=CONTROL_FD) as link, socket.socket(fileno=LISTENER_FD) as listener:
            handed = control.expect(link, "secrets", "seen", "clients")
            with Spool(place(SPOOL) / f"{settings.gateway}.spool") as spool:
                asyncio.run(run(settings, link, listener, spool, handed))
    except LockgateError as error:
        sys.stderr.write(f"gateway: {error.finding} {error.message}\n")
        sys.exit(error.exit_code)


async def run(
    settings: GatewaySettings,
    link: socket.socket,
    listener: socket.socket,
    spool: Spool,
    handed: dict[str, bytes],
    home: Path = _HOME,
) -> None:
    """Answer until the control socket ends. Raises LockgateError when what was handed over is malformed."""
    secrets = parse_edge_secrets(handed["secrets"])
    service = Service(
        caps=settings.caps,
        pepper=secrets.pepper,
        recorder=SpoolRecorder(
            spool,
            settings.gateway,
            pseudonym_key=secrets.pseudonym,
            now=lambda: time.time_ns() // 1_000_000,
            randomness=os.urandom,
            waiting_rows=settings.caps.waiting_rows,
        ),
        clock=time.monotonic,
        clients=parse_clients(handed["clients"]) if handed["clients"] else (),
    )
    server = front.server(create_app(service), settings.caps)
    gateway = Gateway(settings, service, link, Library(settings, home, handed["seen"]), server)
    control.listen(link, asyncio.get_running_loop(), gateway.told)
    watcher = asyncio.create_task(gateway.watch())
    try:
        await server.serve(sockets=[listener])
    finally:
        watcher.cancel()


class Library:
    """The evidence as it stands on disk, looked at again and again. Blocking: the gateway calls it in a thread."""

    def __init__(
        self,
        settings: GatewaySettings,
        home: Path,
        seen: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._home = home
        self._now = now
        self.reading = False
        """Whether the bytes of a model are being read just now."""
        self._seen = MemorySeen(seen)
        self._registry = RegistryStore(home / "registry")
        self._ledger: Ledger | None = None
        self._read: bytes | None = None

    def look(self, loaded: Loadable | None) -> Loadable | None:
        """What is live now; None when the log has not changed since the last look that went well, and no waiver ended.

        For the manifest of `loaded` no file is read again: its verified bytes are in memory. A look that meets a
        writer at work is repeated. Raises LockgateError, OSError: then nothing may be answered.
        """
        for _ in range(_TRIES - 1):
            with suppress(LockgateError):
                return self._look(loaded)
            time.sleep(0.1)
        return self._look(loaded)

    def _look(self, loaded: Loadable | None) -> Loadable | None:
        last, self._read = self._read, None
        note = read_regular(self._home / "log" / "events" / "checkpoint", MAX_NOTE_BYTES)
        until = loaded.decision.until if loaded is not None else None
        if note == last and (until is None or self._now() < until):
            self._read = last
            return None
        if self._ledger is None:
            self._ledger = evidence.open_ledger(self._home, self._settings.root, self._seen)
        else:
            self._ledger.refresh()
        found = self._decide(self._ledger, loaded)
        self._read = note
        return found

    def fallen(self, loaded: Loadable) -> bool:
        """Whether a model that was loaded before may not be answered from while the next one loads.

        The log, as last read, revokes it or a word on which it was live; or the waiver that it rests on has ended.
        """
        if self._ledger is None:
            return True
        statements, decision = self._ledger.statements(), loaded.decision
        try:
            refuse_revoked(decision.registration, statements)
            refuse_withdrawn(decision.deployment, statements)
        except LockgateError:
            return True
        return decision.until is not None and self._now() >= decision.until

    def _decide(self, ledger: Ledger, loaded: Loadable | None) -> Loadable:
        environment, name, now = self._settings.environment, self._settings.name, self._now()
        if loaded is not None:
            decision = load_decision(ledger.statements(), environment, now, name=name)
            if decision.manifest == loaded.decision.manifest:
                return evidence.redeployed(loaded, decision)
        self.reading = True
        try:
            return evidence.load(ledger, self._registry, environment, name, now)
        finally:
            self.reading = False


class Gateway:
    """Brings together what is live, the workers that the supervisor offers, and the service that answers."""

    def __init__(
        self, settings: GatewaySettings, service: Service, link: socket.socket, library: Library, server: uvicorn.Server
    ) -> None:
        self._settings = settings
        self._service = service
        self._link = link
        self._library = library
        self._server = server
        self._loaded: Loadable | None = None
        self._engine: JailedEngine | None = None
        self._answering: Loadable | None = None
        self._links: dict[tuple[Digest, str], WorkerLink] = {}
        self._offered: list[Told] = []
        self._closed = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def told(self, told: Told | None) -> None:
        """A message of the supervisor; None when it is gone, and then so are we."""
        if told is None:
            self._server.should_exit = True
        elif told.what == "clients":
            self._admit(told.payload)
        elif told.what == "worker" and len(told.descriptors) == 1:
            self._offered.append(told)
            self._take_offers()
        elif told.what == "refused":
            self._refused(told)
        else:
            told.drop()

    async def watch(self) -> None:
        """Look at the evidence once a second. Fail closed: no answer while it does not hold, or cannot be looked at."""
        while True:
            try:
                found = await self._look()
                if found is not None:
                    self._settle(found)
                self._drop_fallen()
            except LockgateError as error:
                self._close(error.finding, error.message)
            except OSError as error:
                self._close("LG623", f"the evidence cannot be read: {error.strerror}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> Loadable | None:
        """One look. When it takes too long, nothing is answered until it has ended: a disk, or somebody, holds it."""
        before, late = self._loaded, False
        look = asyncio.ensure_future(asyncio.to_thread(self._library.look, before))
        while True:
            reading = self._library.reading
            limit = LOAD_SECONDS if reading else HONOURED_SECONDS - LOOK_SECONDS
            if (await asyncio.wait([look], timeout=limit))[0]:
                break
            if reading or not self._library.reading:
                late = True
                self._close("LG623", "the evidence could not be looked at in time")
        found = await look
        return before if late and found is None else found

    def _admit(self, data: bytes) -> None:
        try:
            self._service.admit(parse_clients(data) if data else ())
        except LockgateError as error:
            _log.warning("%s %s; the clients stay as they were", error.finding, error.message)

    def _refused(self, told: Told) -> None:
        """There will be no workers for what is live: the model before it is not live any more, so nothing is."""
        if self._loaded is not None and told.header.get("manifest") == self._loaded.decision.manifest:
            self._close(told.text("finding"), told.text("message"))

    def _settle(self, found: Loadable) -> None:
        """Take over what is live now. The model before it answers on while the new one loads, unless it has fallen."""
        self._loaded = found
        if self._engine is not None and self._engine.served.manifest == found.decision.manifest:
            self._engine.served, self._answering = found.served, found
            self._open(self._engine)
            return
        self._tell("need", manifest=found.decision.manifest)
        self._take_offers()
        asyncio.get_running_loop().call_later(LOAD_SECONDS, self._overdue, found)

    def _drop_fallen(self) -> None:
        """The model that answers while another loads may have been revoked since, or its waiver may have ended."""
        answering, loaded = self._answering, self._loaded
        if answering is None or loaded is None or answering.decision.manifest == loaded.decision.manifest:
            return
        if self._library.fallen(answering):
            self._close("LG514", f"{answering.decision.name}@{answering.decision.version} must not be used any more")
            self._answering, self._loaded = None, loaded

    def _overdue(self, awaited: Loadable) -> None:
        engine, loaded = self._engine, self._loaded
        manifest = awaited.decision.manifest
        waiting = engine is None or engine.served.manifest != manifest
        if loaded is not None and loaded.decision.manifest == manifest and waiting:
            self._close("LG635", "the workers of what is live did not come up in time")
            self._loaded = loaded

    def _take_offers(self) -> None:
        """Load into each worker that was offered for what is live; the others are sent home."""
        if self._loaded is None:
            return
        offers, self._offered = self._offered, []
        for told in offers:
            kind, manifest = told.header.get("kind"), told.header.get("manifest")
            if manifest == self._loaded.decision.manifest and kind in control.WORKERS:
                task = asyncio.create_task(self._load(str(kind), told.descriptors[0], self._loaded))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                told.drop()

    async def _load(self, kind: str, descriptor: int, loaded: Loadable) -> None:
        sock = socket.socket(fileno=descriptor)
        manifest = loaded.decision.manifest
        try:
            await asyncio.to_thread(hand_over, kind, sock, loaded, seconds=LOAD_SECONDS)
        except WorkerLost as error:
            sock.close()
            self._tell("lost", kind=kind, manifest=manifest, why=str(error))
        except LockgateError as error:
            sock.close()
            self._close(error.finding, error.message)
        else:
            self._links[manifest, kind] = WorkerLink(
                sock,
                deadline=self._settings.caps.answer,
                on_lost=lambda why: self._tell("lost", kind=kind, manifest=manifest, why=why),
            )
            self._connect()

    def _connect(self) -> None:
        """Answer with the workers of what is live, once both are there. The model before goes when it is done."""
        loaded, before = self._loaded, self._engine
        links = [self._links.get((loaded.decision.manifest, kind)) for kind in control.WORKERS] if loaded else []
        contract, model = (*links, None, None)[:2]
        if loaded is None or contract is None or model is None:
            return
        if before is not None and before.served.manifest == loaded.decision.manifest:
            before.contract, before.model = contract, model
            self._open(before)
            return
        self._answering = loaded
        self._engine = JailedEngine(loaded.served, loaded.spec, self._settings.caps, contract=contract, model=model)
        self._open(self._engine)
        if before is not None:
            asyncio.get_running_loop().call_later(self._settings.caps.answer, before.close)
            self._links = {key: link for key, link in self._links.items() if key[0] == loaded.decision.manifest}

    def _open(self, engine: JailedEngine) -> None:
        if self._service.served is None or self._service.live() is not engine:
            self._service.open(engine)
            self._closed = ""
            self._tell("open", model=engine.served.card())

    def _close(self, finding: str, message: str) -> None:
        """Answer nothing more. The client learns the finding; what was seen is the operator's."""
        self._loaded = None
        self._service.close(unavailable(finding, "what is served here is no longer shown to be right", retry=30))
        if self._closed != finding + message:
            self._closed = finding + message
            self._tell("closed", finding=finding, message=message)

    def _tell(self, what: str, **fields: Any) -> None:
        with suppress(OSError, WireError):
            control.tell(self._link, what, **fields)
