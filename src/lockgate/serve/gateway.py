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
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from lockgate.contract.jail.outcome import place
from lockgate.core.digest import Digest
from lockgate.core.wire import WireError
from lockgate.errors import LockgateError
from lockgate.serve import control, logs
from lockgate.serve.control import Told
from lockgate.serve.declined import unavailable
from lockgate.serve.parts import HANDED, Parts
from lockgate.serve.recording.waking import inherited
from lockgate.serve.settings import (
    BELL_FD,
    CONTROL_FD,
    HOME,
    LISTENER_FD,
    GatewaySettings,
)
from lockgate.serve.shelf import Shelf
from lockgate.serve.staleness import Staleness
from lockgate.serve.versions import LOAD_SECONDS, Version
from lockgate.serve.watching import Library

SWITCH_SECONDS = 0.0005
LOOK_SECONDS = 0.4
AGAIN_SECONDS = 5.0
"""So long after workers were asked for they are asked for again."""
HONOURED_SECONDS = 5.0
"""What the log says (a revocation, a move) and when a waiver ends is honoured within this time, or nothing is answered.

While the bytes of a newly deployed model are read and hashed, at most LOAD_SECONDS, no second look is taken."""
_HOME = place(HOME)

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Ends when the supervisor closes the control socket, or on SIGTERM."""
    logs.setup("gateway")
    # The thread that syncs the spool wants the interpreter for microseconds: it should not wait 5 ms for them.
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        bell = inherited(BELL_FD)
        settings = GatewaySettings.parse(arguments)
        with socket.socket(fileno=CONTROL_FD) as link, socket.socket(fileno=LISTENER_FD) as listener:
            handed = control.expect(link, "secrets", "seen", *HANDED)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run(settings, link, listener, handed, bell=bell))
    except LockgateError as error:
        sys.stderr.write(f"gateway: {error.finding} {error.message}\n")
        sys.exit(error.exit_code)


async def run(
    settings: GatewaySettings,
    link: socket.socket,
    listener: socket.socket,
    handed: dict[str, bytes],
    home: Path = _HOME,
    *,
    bell: int | None = None,
) -> None:
    """Answer until the control socket ends. Raises LockgateError when what was handed over is malformed."""
    gateway = Gateway(settings, link, Library(settings, home, handed["seen"]), handed, bell=bell)
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
    """Brings together what is to be here, the workers that the supervisor offers, and the service that answers."""

    def __init__(
        self,
        settings: GatewaySettings,
        link: socket.socket,
        library: Library,
        handed: dict[str, bytes],
        *,
        bell: int | None = None,
    ) -> None:
        """Raises LockgateError when what was handed over is malformed."""
        self.begun = asyncio.Event()
        """Whether there is something to answer: a model's answers, or why there are none; or that it is to end."""
        self._settings = settings
        self._link = link
        self._library = library
        self.parts = Parts(settings, handed, self._tell, bell=bell)
        self.service = self.parts.service
        self._shelf: Shelf | None = None
        self._versions: dict[Digest, Version] = {}
        self._answering: Version | None = None
        self._offered: list[Told] = []
        self._closed = self._problem = self._unwitnessed = ""
        self._look_now = asyncio.Event()
        self._staleness = Staleness(time.monotonic)
        self._stale = False
        self._beside = True
        """Whether there was a candidate, as far as is known: an earlier gateway may have left what it kept of one."""
        self._tasks: set[asyncio.Task[None]] = set()

    def told(self, told: Told | None) -> None:
        """A message of the supervisor; None when it is gone, and then so are we."""
        if told is None:
            self.parts.front.stop()
            self.begun.set()
        elif told.what == "worker" and len(told.descriptors) == 1:
            self._offer(told)
        elif told.what == "refused":
            self._no_workers(str(told.header.get("manifest")), told.text("finding"), told.text("message"))
        elif told.what == "look":
            self._look_now.set()
        elif told.what == "fresh":
            self._staleness.told(told.header.get("size"), self._library.size)
        elif told.what == "witnessed":
            self.parts.tally.now["witness_alarm"] = float(told.header.get("alarm") is True)
        elif not self.parts.told(told):
            told.drop()

    async def watch(self) -> None:
        """Look at the evidence again and again. Fail closed: no answer while it does not hold, or cannot be seen."""
        while True:
            self._look_now.clear()
            try:
                found = await self._look()
                if found is not None:
                    self._settle(found)
                self._drop_fallen()
                self._judge_staleness()
                self._tell_unwitnessed()
                self._ask_again()
            except LockgateError as error:
                self._close(error.finding, error.message)
            except OSError as error:
                self._close("LG623", f"the evidence cannot be read: {error.strerror}")
            except Exception as error:  # noqa: BLE001 - nothing is answered that was not looked at
                _log.error("LG616: a look at the evidence ended in an internal error", exc_info=error)
                self._library.forget()
                self._close("LG616", f"the evidence could not be followed: {type(error).__name__}")
            self.parts.note()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), LOOK_SECONDS)

    async def _look(self) -> Shelf | None:
        """One look. When it takes too long, nothing is answered until it has ended: a disk, or somebody, holds it."""
        before, late = self._shelf, False
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

    def _judge_staleness(self) -> None:
        """A log that is not seen any more may say by now that nothing here may be answered from."""
        shelf, before = self._shelf, self._stale
        if shelf is None:
            return
        age, policy = self._staleness.age(self._library.size), shelf.live.policy
        self._stale = age > policy.max_staleness
        message = f"for {policy.max_staleness:g} s nobody has vouched that the event log as read here is the newest"
        if before and not self._stale:
            self._switch()
        elif self._stale and policy.stale == "stop":
            self._close("LG649", message)
            self._shelf = shelf
        elif self._stale and not before:
            self._tell("alarm", finding="LG650", message=message)

    def _tell_unwitnessed(self) -> None:
        """That a newer log waits for its witnesses, and that it does no more: once each."""
        before, self._unwitnessed = self._unwitnessed, self._library.unwitnessed()
        if self._unwitnessed != before:
            message = self._unwitnessed or "enough witnesses have cosigned the event log: it is acted upon again"
            self._tell("alarm", finding="LG7010", message=message)

    def _settle(self, found: Shelf) -> None:
        """Take over what is to be here now. The model that answers answers on while another loads, unless it fell."""
        self._shelf = found
        wanted = found.loaded()
        # Before others are asked for: the supervisor keeps workers of three models.
        self._retire_others(found)
        for manifest, loaded in wanted.items():
            version = self._versions.get(manifest)
            if version is not None:
                version.take(loaded)
                continue
            caps, outcome = self._settings.caps, self.service.outcome()
            version = Version(loaded, caps, outcome, lost=self._lost, refused=self._broken)
            self._versions[manifest] = version
            self._need(version)
            asyncio.get_running_loop().call_later(version.seconds, self._overdue, version)
        if found.problem and found.problem != self._problem:
            self._tell("alarm", finding="LG651", message=f"the model on the ladder is not asked: {found.problem}")
        self._problem = found.problem
        self._take_offers()
        self._switch()

    def _switch(self) -> None:
        """Answer from what is live, and beside it from the candidate, once their workers are there."""
        shelf = self._shelf
        if shelf is None or (self._stale and shelf.live.policy.stale == "stop"):
            return
        live = self._versions[shelf.live.decision.manifest]
        if live.ready and (self._answering is not live or self.service.served is not live.engine.served):
            self._open(live)
        if self._answering is live:
            self._compare(shelf, live)
            beside = self._versions.get(shelf.candidate.loaded.decision.manifest) if shelf.candidate else None
            self.parts.watch([one.loaded for one in (live, beside) if one is not None and one.ready])
        self._retire_others(shelf)

    def _open(self, version: Version) -> None:
        news = self.service.served is None or self._answering is not version
        self._answering = version
        self.parts.open(version.live())
        self.begun.set()
        if news:
            # What was loaded stays: the collector need not walk it again and again while requests wait.
            gc.collect()
            gc.freeze()
            self._closed = ""
            self._tell("open", model=version.engine.served.card())

    def _compare(self, shelf: Shelf, live: Version) -> None:
        beside = shelf.candidate
        if beside is None:
            over, self._beside = self._beside, False
            self.parts.alone(over=over)
            return
        self._beside = True
        candidate = self._versions[beside.loaded.decision.manifest]
        if candidate.ready:
            self.parts.compare(beside, live.live(), candidate.live())
        else:
            self.parts.alone()

    def _drop_fallen(self) -> None:
        """The model that answers while another loads may have been revoked since, or its waiver may have ended."""
        shelf, answering = self._shelf, self._answering
        if shelf is None or answering is None or answering.manifest == shelf.live.decision.manifest:
            return
        if self.service.served is not None and self._library.fallen(answering.loaded):
            decision = answering.loaded.decision
            self._close("LG514", f"{decision.name}@{decision.version} must not be used any more")
            self._shelf = shelf

    def _overdue(self, version: Version) -> None:
        if version.ready or self._versions.get(version.manifest) is not version:
            return
        self._no_workers(version.manifest, "LG635", "its workers did not come up in time")

    def _no_workers(self, manifest: str, finding: str, message: str) -> None:
        """There are none for this model. Of what is live: the model before it is not live any more, so nothing is."""
        shelf = self._shelf
        if shelf is None or manifest not in self._versions:
            return
        if manifest == shelf.live.decision.manifest:
            self._close(finding, message)
            self._shelf = shelf
        else:
            said = self._versions[Digest(manifest)].loaded.decision
            self._tell("alarm", finding=finding, message=f"{said.name}@{said.version} has no workers: {message}")

    def _offer(self, told: Told) -> None:
        """Keep the newest worker of each kind and model: the ones before it have ended."""
        same = [one for one in self._offered if one.header == told.header]
        for one in same:
            self._offered.remove(one)
            one.drop()
        self._offered.append(told)
        self._take_offers()

    def _take_offers(self) -> None:
        """Load into each worker that was offered for a model that is here; the others are sent home."""
        if self._shelf is None:
            return
        offers, self._offered = self._offered, []
        for told in offers:
            kind, version = told.header.get("kind"), self._versions.get(Digest(str(told.header.get("manifest"))))
            if version is not None and kind in control.WORKERS:
                task = asyncio.create_task(self._load(version, str(kind), told.descriptors[0]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                told.drop()

    async def _load(self, version: Version, kind: str, descriptor: int) -> None:
        if await version.load(kind, descriptor):
            self._switch()

    def _lost(self, version: Version, kind: str, why: str) -> None:
        self.parts.tally.lost[kind] += 1
        self._tell("lost", kind=kind, manifest=version.manifest, why=why)

    def _broken(self, version: Version, finding: str, message: str) -> None:
        self._no_workers(version.manifest, finding, message)

    def _need(self, version: Version) -> None:
        version.asked_at = time.monotonic()
        self._tell("need", manifest=version.manifest)

    def _ask_again(self) -> None:
        """A refusal may be passing, and a message is told once: what is not there yet is asked for again."""
        for version in self._versions.values():
            if not version.ready and time.monotonic() - version.asked_at > AGAIN_SECONDS:
                self._need(version)

    def _retire_others(self, shelf: Shelf) -> None:
        """What is neither to be here nor answers."""
        wanted = shelf.loaded()
        for version in list(self._versions.values()):
            if version is not self._answering and version.manifest not in wanted:
                self._retire(version)

    def _retire(self, version: Version) -> None:
        """This model is of no use any more. What its worker has it answers still; the rest is asked of what is live."""
        del self._versions[version.manifest]
        version.leave()
        if self._library.fallen(version.loaded):  # what its worker has just now is asked of what is live, too
            version.close()
        self._tell("done", manifest=version.manifest)
        asyncio.get_running_loop().call_later(self._settings.caps.answer, version.close)

    def _close(self, finding: str, message: str) -> None:
        """Answer nothing more. The client learns the finding; what was seen is the operator's."""
        self._shelf = None
        self.begun.set()
        self.parts.alone()
        self.service.close(unavailable(finding, "what is served here is no longer shown to be right", retry=30))
        if self._closed != finding + message:
            self._closed = finding + message
            self._tell("closed", finding=finding, message=message)

    def _tell(self, what: str, **fields: Any) -> None:
        with suppress(OSError, WireError):
            control.tell(self._link, what, **fields)
