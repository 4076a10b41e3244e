"""The gateway process. Runs in the `edge` jail: registry and event log read-only, its spool writable, no key in sight.

It listens on a socket that it inherited, so it needs no way to call anybody. Everything it loads it has verified
itself (`serve.evidence`); what it is told by the supervisor is: the root's fingerprint, the environment, the edge's
secrets, who may ask, its certificate, the last checkpoint seen, and workers' sockets.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from lockgate.contract.jail.outcome import place
from lockgate.contract.plan import parse_plan
from lockgate.contract.requests import RequestChecker
from lockgate.core.digest import Digest
from lockgate.core.wire import WireError
from lockgate.errors import LockgateError
from lockgate.serve import control, logs
from lockgate.serve.control import Told
from lockgate.serve.declined import WorkerLost, unavailable
from lockgate.serve.engine import JailedEngine
from lockgate.serve.evidence import Loadable
from lockgate.serve.handover import hand_over
from lockgate.serve.link import WorkerLink
from lockgate.serve.parts import HANDED, Parts
from lockgate.serve.service import Live
from lockgate.serve.settings import (
    CONTROL_FD,
    HOME,
    LISTENER_FD,
    GatewaySettings,
)
from lockgate.serve.watching import Library

SWITCH_SECONDS = 0.0005
LOOK_SECONDS = 1.0
HONOURED_SECONDS = 5.0
"""What the log says (a revocation, a move) and when a waiver ends is honoured within this time, or nothing is answered.

While the bytes of a newly deployed model are read and hashed, at most LOAD_SECONDS, no second look is taken."""
LOAD_SECONDS = 60.0
_HOME = place(HOME)

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Ends when the supervisor closes the control socket, or on SIGTERM."""
    logs.setup("gateway")
    # The thread that syncs the spool wants the interpreter for microseconds: it should not wait 5 ms for them.
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        settings = GatewaySettings.parse(arguments)
        with socket.socket(fileno=CONTROL_FD) as link, socket.socket(fileno=LISTENER_FD) as listener:
            handed = control.expect(link, "secrets", "seen", *HANDED)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run(settings, link, listener, handed))
    except LockgateError as error:
        sys.stderr.write(f"gateway: {error.finding} {error.message}\n")
        sys.exit(error.exit_code)


async def run(
    settings: GatewaySettings,
    link: socket.socket,
    listener: socket.socket,
    handed: dict[str, bytes],
    home: Path = _HOME,
) -> None:
    """Answer until the control socket ends. Raises LockgateError when what was handed over is malformed."""
    gateway = Gateway(settings, link, Library(settings, home, handed["seen"]), handed)
    control.listen(link, asyncio.get_running_loop(), gateway.told)
    parts = gateway.parts
    watching = [asyncio.create_task(gateway.watch()), asyncio.create_task(parts.service.sweep())]
    try:
        if settings.gateways > 1:  # until this one can answer, the others have all connections
            await gateway.begun.wait()
        await parts.front.serve(listener)
    finally:
        for task in watching:
            task.cancel()
        await parts.close()


class Gateway:
    """Brings together what is live, the workers that the supervisor offers, and the service that answers."""

    def __init__(
        self, settings: GatewaySettings, link: socket.socket, library: Library, handed: dict[str, bytes]
    ) -> None:
        """Raises LockgateError when what was handed over is malformed."""
        self.begun = asyncio.Event()
        """Whether there is something to answer: a model's answers, or why there are none; or that it is to end."""
        self._settings = settings
        self._link = link
        self._library = library
        self.parts = Parts(settings, handed, self._tell)
        self.service = self.parts.service
        self._loaded: Loadable | None = None
        self._engine: JailedEngine | None = None
        self._answering: Loadable | None = None
        self._links: dict[tuple[Digest, str], WorkerLink] = {}
        self._checkers: dict[Digest, RequestChecker] = {}
        self._offered: list[Told] = []
        self._closed = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def told(self, told: Told | None) -> None:
        """A message of the supervisor; None when it is gone, and then so are we."""
        if told is None:
            self.parts.front.stop()
            self.begun.set()
        elif told.what == "worker" and len(told.descriptors) == 1:
            self._offer(told)
        elif told.what == "refused":
            self._refused(told)
        elif not self.parts.told(told):
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
            self.parts.note()
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

    def _refused(self, told: Told) -> None:
        """There will be no workers for what is live: the model before it is not live any more, so nothing is."""
        if self._loaded is not None and told.header.get("manifest") == self._loaded.decision.manifest:
            self._close(told.text("finding"), told.text("message"))

    def _settle(self, found: Loadable) -> None:
        """Take over what is live now. The model before it answers on while the new one loads, unless it has fallen."""
        self._loaded = found
        if self._engine is not None and self._engine.served.manifest == found.decision.manifest:
            self._engine.served, self._answering = found.served, found
        else:
            self._tell("need", manifest=found.decision.manifest)
            asyncio.get_running_loop().call_later(LOAD_SECONDS, self._overdue, found)
        # While nothing was live, workers may have been offered, or have loaded.
        self._take_offers()
        self._connect()

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

    def _offer(self, told: Told) -> None:
        """Keep the newest worker of each kind and model: the ones before it have ended."""
        same = [one for one in self._offered if one.header == told.header]
        for one in same:
            self._offered.remove(one)
            one.drop()
        self._offered.append(told)
        self._take_offers()

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
        lost = self._losing(kind, manifest)
        try:
            found = await asyncio.to_thread(hand_over, kind, sock, loaded, seconds=LOAD_SECONDS)
            if kind == "contract":
                self._checkers[manifest] = await asyncio.to_thread(_checker, found, loaded)
        except LockgateError as error:
            sock.close()
            self._close(error.finding, error.message)
        except Exception as error:  # noqa: BLE001 - whatever a worker makes us do, the next one gets its turn
            sock.close()
            lost(str(error) if isinstance(error, WorkerLost) else f"it could not be taken: {type(error).__name__}")
        else:
            deadline = self._settings.caps.answer
            self._links[manifest, kind] = await WorkerLink.open(sock, deadline=deadline, on_lost=lost)
            self._connect()

    def _losing(self, kind: str, manifest: Digest) -> Callable[[str], None]:
        def lost(why: str) -> None:
            self.parts.tally.lost[kind] += 1
            self._tell("lost", kind=kind, manifest=manifest, why=why)

        return lost

    def _connect(self) -> None:
        """Answer with the workers of what is live, once both are there. The model before goes when it is done."""
        loaded, before = self._loaded, self._engine
        if loaded is None:
            return
        manifest = loaded.decision.manifest
        links = {each: self._links.get((manifest, each)) for each in control.WORKERS}
        if before is not None and before.served.manifest == manifest:
            for each, link in links.items():
                if link is not None and not link.lost:
                    before.replace(each, link)
            self._open(before, loaded)
            return
        if any(link is None or link.lost for link in links.values()):
            return
        caps = self._settings.caps
        engine = JailedEngine(loaded.served, loaded.spec, caps, self.service.outcome(), time.monotonic)
        for each in control.WORKERS:
            engine.replace(each, self._links[manifest, each])
        self._answering, self._engine = loaded, engine
        self._open(engine, loaded)
        if before is not None:
            asyncio.get_running_loop().call_later(caps.answer, before.close)
            for key in [key for key in self._links if key[0] not in (manifest, before.served.manifest)]:
                self._links[key].close()
            self._links = {key: link for key, link in self._links.items() if key[0] == manifest}
            self._checkers = {manifest: self._checkers[manifest]}

    def _open(self, engine: JailedEngine, loaded: Loadable) -> None:
        news = self.service.served is None or self.service.live().engine is not engine
        engine.policy = loaded.policy
        self.parts.open(Live(engine, self._checkers[loaded.decision.manifest]))
        self.begun.set()
        if news:
            # What was loaded stays: the collector need not walk it again and again while requests wait.
            gc.collect()
            gc.freeze()
            self._closed = ""
            self._tell("open", model=engine.served.card())

    def _close(self, finding: str, message: str) -> None:
        """Answer nothing more. The client learns the finding; what was seen is the operator's."""
        self._loaded = None
        self.begun.set()
        self.service.close(unavailable(finding, "what is served here is no longer shown to be right", retry=30))
        if self._closed != finding + message:
            self._closed = finding + message
            self._tell("closed", finding=finding, message=message)

    def _tell(self, what: str, **fields: Any) -> None:
        with suppress(OSError, WireError):
            control.tell(self._link, what, **fields)


def _checker(plan: bytes, loaded: Loadable) -> RequestChecker:
    """What accepts requests at once. A plan that is none means a worker that broke the protocol. Raises WorkerLost."""
    try:
        parsed = parse_plan(plan)
    except (ValueError, TypeError) as error:
        raise WorkerLost(f"the contract worker's plan: {error}") from None
    return RequestChecker(parsed, [(field.name, field.kind) for field in loaded.spec.fields])
