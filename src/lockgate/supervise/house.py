"""Who runs, who talks to whom, and what happens when one of them ends."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.log import verify_checkpoint
from lockgate.audit.seen import SeenStore
from lockgate.errors import LockgateError, Unavailable, VerificationFailed
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import JailSettings, PythonEnv
from lockgate.serve.control import WORKERS, Told
from lockgate.serve.settings import CONTROL_FD, LISTENER_FD, GatewaySettings, SealerSettings
from lockgate.serve.spec import Caps
from lockgate.supervise import jails
from lockgate.supervise.post import Post
from lockgate.supervise.process import Kept, Process

GATEWAY, SEALER = "gateway", "sealer"
TICK_SECONDS = 0.1
RELOAD_SECONDS = 1.0
RETIRE_SECONDS = 15.0
GATEWAY_SECONDS, SEALER_SECONDS = 7.0, 10.0
MOST_FALLS = 4

Launch = Callable[[JailSettings, Target, dict[int, int]], Process]
_FINDING = re.compile(r"LG[0-9]{3}\Z")


@dataclass(frozen=True)
class Household:
    """What the processes are started with. Secrets are read anew for each start, and kept nowhere.

    `reloaded`: what the gateway is handed at its start, by name and in this order, and again whenever it changes.

    `python_for` gives the verified environment of a manifest's workers, or raises LockgateError.
    """

    home: Path
    root: str
    environment: str
    name: str
    manifest: str
    caps: Caps
    sealer_public: bytes
    predictions_origin: str
    listener: socket.socket
    events_seen: SeenStore
    predictions_seen: SeenStore
    sealer_key: Callable[[], bytes]
    edge_secrets: Callable[[], bytes]
    reloaded: Mapping[str, Callable[[], bytes]]
    python_for: Callable[[str], PythonEnv]


def launch(settings: JailSettings, target: Target, descriptors: dict[int, int]) -> Process:
    """Start one jail. Raises Unfit."""
    return Jail(settings).start(target, descriptors=descriptors)


class House:
    """Keeps the four processes up. `say` gets one line for a person; `opened` is called at the first answer.

    No child is trusted: what it says only chooses among things that the supervisor would do anyway.
    """

    def __init__(
        self,
        household: Household,
        *,
        say: Callable[[str], None],
        opened: Callable[[], None],
        launch: Launch = launch,
    ) -> None:
        self._own = household
        self._say = say
        self._opened = opened
        self._launch = launch
        self._post = Post(say)
        self._manifest = household.manifest
        self._python = household.python_for(household.manifest)
        self._handed: dict[str, bytes] = {}
        self._reload_due = 0.0
        self._open = False
        self._retiring: list[tuple[float, Kept]] = []
        self.kept = {SEALER: Kept(SEALER, self._start_sealer), GATEWAY: Kept(GATEWAY, self._start_gateway)}
        self._renew_workers()

    def step(self, now: float) -> None:
        """Start what is due, notice what ended, hear what is said. `now`: seconds of a monotonic clock.

        Raises LockgateError when it cannot come up: LG625, or what the gateway found wrong before its first answer.
        """
        for kept in list(self.kept.values()):
            if kept.tick(now) and kept.codes:
                self._say(f"{kept.name} ended with code {kept.codes[-1]}; it was started again")
            if not self._open and kept.falls > MOST_FALLS:
                raise Unavailable(
                    "LG625",
                    f"the {kept.name} process does not stay up",
                    seen={"process": kept.name, "exit_codes": kept.codes},
                    next="lockgate doctor",
                )
        self._retire(now)
        self._reload(now)
        for name, told in self._post.collect(TICK_SECONDS):
            self._heard(name, told, now)

    def stop(self, clock: Callable[[], float]) -> None:
        """End all: the gateway first, so that nothing more is answered; the sealer last, so that all is sealed."""
        self._end(GATEWAY, clock, GATEWAY_SECONDS)
        for kept in (*(self.kept[kind] for kind in WORKERS), *(kept for _, kept in self._retiring)):
            kept.stop()
        self._end(SEALER, clock, SEALER_SECONDS)
        self._post.close()

    def _end(self, name: str, clock: Callable[[], float], seconds: float) -> None:
        process, deadline = self.kept[name].process, clock() + seconds
        self._post.hang_up(name)
        while process is not None and process.poll() is None and clock() < deadline:
            self._last_words()
        self.kept[name].stop()
        self._last_words()

    def _last_words(self) -> None:
        for name, told in self._post.collect(TICK_SECONDS):
            told.drop()
            if name == SEALER and told.what == "sealed":
                self._sealed(told.payload)

    def _start_gateway(self) -> Process:
        """A gateway anew, with an id that no other start had, and with workers of its own."""
        own = self._own
        settings = GatewaySettings(own.root, own.environment, own.name, os.urandom(8).hex(), own.caps)
        process = self._start(GATEWAY, *jails.gateway(own.home, settings), {LISTENER_FD: own.listener.fileno()})
        self._handed = {name: read() for name, read in own.reloaded.items()}
        self._post.tell(GATEWAY, "secrets", own.edge_secrets())
        self._post.tell(GATEWAY, "seen", own.events_seen.load() or b"")
        for name, data in self._handed.items():
            self._post.tell(GATEWAY, name, data)
        self._renew_workers()
        return process

    def _start_sealer(self) -> Process:
        own = self._own
        settings = SealerSettings(own.predictions_origin, own.sealer_public.hex())
        process = self._start(SEALER, *jails.sealer(own.home, settings), {})
        self._post.tell(SEALER, "key", own.sealer_key())
        self._post.tell(SEALER, "seen", own.predictions_seen.load() or b"")
        return process

    def _start(self, name: str, jail: JailSettings, target: Target, descriptors: dict[int, int]) -> Process:
        talk = self._post.talk(name)
        try:
            with self._post.connect(name) as theirs:
                return self._launch(jail, target, {2: talk, CONTROL_FD: theirs.fileno(), **descriptors})
        finally:
            os.close(talk)

    def _start_worker(self, kind: str) -> Process:
        """Start one; the gateway gets the other end of its socket."""
        ours, theirs = socket.socketpair()
        talk = self._post.talk(kind)
        try:
            jail, target = jails.worker(kind, self._python)
            process = self._launch(jail, target, {2: talk, jails.WORKER_FD: theirs.fileno()})
            self._post.tell(GATEWAY, "worker", files=(ours.fileno(),), kind=kind, manifest=self._manifest)
        finally:
            os.close(talk)
            ours.close()
            theirs.close()
        return process

    def _renew_workers(self) -> None:
        """From the next step on, two fresh workers; those there were are ended at once."""
        for kind in WORKERS:
            if kind in self.kept:
                self.kept[kind].stop()
            self.kept[kind] = Kept(kind, lambda kind=kind: self._start_worker(kind))  # type: ignore[misc]

    def _heard(self, name: str, told: Told, now: float) -> None:
        told.drop()
        if name == SEALER and told.what == "sealed":
            self._sealed(told.payload)
        elif name == SEALER and told.what == "failed":
            self._say(f"sealer: {_finding(told)} {_words(told, 'message')}")
        elif name == GATEWAY and told.what == "need":
            self._need(_words(told, "manifest"), now)
        elif name == GATEWAY and told.what == "lost":
            self._lost(_words(told, "kind"), _words(told, "manifest"), _words(told, "why"))
        elif name == GATEWAY and told.what == "open":
            self._answers()
        elif name == GATEWAY and told.what == "closed":
            self._closed(_finding(told), _words(told, "message"))

    def _need(self, manifest: str, now: float) -> None:
        """Workers for another model. Those of the one before finish what they have, and are ended later."""
        if manifest == self._manifest:
            return
        try:
            self._python = self._own.python_for(manifest)
        except LockgateError as error:
            self._say(f"no workers for {manifest}: {error.finding} {error.message}")
            self._post.tell(GATEWAY, "refused", manifest=manifest, finding=error.finding, message=error.message)
            return
        self._manifest = manifest
        for kind in WORKERS:
            self._retiring.append((now + self._own.caps.answer + RETIRE_SECONDS, self.kept.pop(kind)))
        self._renew_workers()

    def _lost(self, kind: str, manifest: str, why: str) -> None:
        """The gateway broke off with a worker: end it, and the next step starts another."""
        process = self.kept[kind].process if kind in WORKERS and manifest == self._manifest else None
        if process is not None:
            self._say(f"{kind} worker broken off: {why}")
            process.kill()

    def _answers(self) -> None:
        if not self._open:
            self._open = True
            self._opened()
        else:
            self._say("gateway: answering")

    def _closed(self, finding: str, message: str) -> None:
        if not self._open:
            raise VerificationFailed(finding, message, next="lockgate verify --all")
        self._say(f"gateway: no more answers: {finding} {message}")

    def _sealed(self, note: bytes) -> None:
        """Keep the checkpoint that the sealer signed as seen, if it is one."""
        try:
            verify_checkpoint(note, self._own.sealer_public, self._own.predictions_origin)
            self._own.predictions_seen.advance(note)
        except LockgateError as error:
            self._say(f"sealer: {error.finding} {error.message}")

    def _reload(self, now: float) -> None:
        """Hand to the gateway what has changed of what it was handed at its start."""
        if now < self._reload_due:
            return
        self._reload_due = now + RELOAD_SECONDS
        for name, read in self._own.reloaded.items():
            data = read()
            if data != self._handed.get(name):
                self._handed[name] = data
                self._post.tell(GATEWAY, name, data)

    def _retire(self, now: float) -> None:
        for due, kept in list(self._retiring):
            if now >= due:
                kept.stop()
                self._retiring.remove((due, kept))


def _finding(told: Told) -> str:
    finding = _words(told, "finding")
    return finding if _FINDING.match(finding) else "LG632"


def _words(told: Told, key: str) -> str:
    """A string of a child's message, printable and short."""
    return "".join(sign for sign in str(told.header.get(key, ""))[:500] if sign.isprintable())
