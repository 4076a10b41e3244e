"""One gateway of the house, and its workers: started, told, heard, restarted, apart from every other."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lockgate.errors import LockgateError, VerificationFailed
from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import JailSettings
from lockgate.serve.control import WORKERS, Told
from lockgate.serve.settings import LISTENER_FD, GatewaySettings
from lockgate.supervise import jails
from lockgate.supervise.household import Household, finding_of, words_of
from lockgate.supervise.post import Post
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.redis import Lender

GATEWAY = "gateway"
RELOAD_SECONDS = 1.0
RETIRE_SECONDS = 15.0


class Start(Protocol):
    """Starts a jail under a name, with descriptors; `spoken`: with a control socket too."""

    def __call__(
        self, name: str, jail: JailSettings, target: Target, descriptors: dict[int, int], *, spoken: bool = True
    ) -> Process:
        """Raises Unfit."""


@dataclass
class Doors:
    """What a member leans on."""

    own: Household
    post: Post
    say: Callable[[str], None]
    start: Start
    lender: Lender | None


class Member:
    """Keeps one gateway and its two workers up. Nothing that they say is trusted beyond its form."""

    def __init__(self, doors: Doors, number: int) -> None:
        own = doors.own
        self._doors = doors
        self._number = number
        self._suffix = f"-{number}" if len(own.listeners) > 1 else ""
        self.gateway = GATEWAY + self._suffix
        self.id = ""
        self.opened = False
        self._manifest = own.manifest
        self._python = own.python_for(own.manifest)
        self._handed: dict[str, bytes] = {}
        self._reload_due = 0.0
        self._retiring: list[tuple[float, Kept]] = []
        self.kept = {self.gateway: Kept(self.gateway, self._start_gateway, lambda: own.listeners.renew(number))}
        self._renew_workers()

    def step(self, now: float) -> None:
        """End the workers that are over, hand over what has changed."""
        for due, kept in list(self._retiring):
            if now >= due:
                kept.stop()
                self._retiring.remove((due, kept))
        self._reload(now)

    def stop_workers(self) -> None:
        """End them all."""
        for kept in (*(self.kept[self._worker(kind)] for kind in WORKERS), *(kept for _, kept in self._retiring)):
            kept.stop()

    def hear(self, told: Told, now: float) -> None:
        """What the gateway said. Raises VerificationFailed: what it found wrong before its first answer."""
        if told.what == "need":
            self._need(words_of(told, "manifest"), now)
        elif told.what == "lost":
            self._lost(words_of(told, "kind"), words_of(told, "manifest"), words_of(told, "why"))
        elif told.what == "open":
            self.opened = True
        elif told.what == "closed":
            finding, message = finding_of(told), words_of(told, "message")
            if not self.opened:
                raise VerificationFailed(finding, message, next="lockgate verify --all")
            self._doors.say(f"{self.gateway}: no more answers: {finding} {message}")
        elif told.what == "alarm":
            self._doors.say(f"{self.gateway}: {finding_of(told)} {words_of(told, 'message')}")
        elif told.what == "redis" and self._doors.lender is not None:
            self._redis(self._doors.lender, words_of(told, "state"), words_of(told, "why"), now)

    def _redis(self, lender: Lender, state: str, why: str, now: float) -> None:
        if state == "lost":
            lender.tell(f"{self.gateway} lost redis: {why}")
            lender.want(self.gateway, now)
        elif state == "up":
            lender.tell("")

    def _worker(self, kind: str) -> str:
        return kind + self._suffix

    def _start_gateway(self) -> Process:
        """A gateway anew, with an id that no other start had, and with workers of its own."""
        own, post = self._doors.own, self._doors.post
        self.id = os.urandom(8).hex()
        settings = GatewaySettings(
            own.root, own.environment, own.name, self.id, own.caps, self._number, len(own.listeners), own.traces
        )
        listener = own.listeners.fileno(self._number)
        process = self._doors.start(self.gateway, *jails.gateway(own.home, settings), {LISTENER_FD: listener})
        self._handed = {name: read() for name, read in own.reloaded.items()}
        post.tell(self.gateway, "secrets", own.edge_secrets())
        post.tell(self.gateway, "seen", own.events_seen.load() or b"")
        for name, data in self._handed.items():
            post.tell(self.gateway, name, data)
        if self._doors.lender is not None:
            self._doors.lender.want(self.gateway, 0.0)
        self._renew_workers()
        return process

    def _start_worker(self, kind: str) -> Process:
        """Start one; the gateway gets the other end of its socket."""
        ours, theirs = socket.socketpair()
        try:
            jail, target = jails.worker(kind, self._python)
            process = self._doors.start(
                self._worker(kind), jail, target, {jails.WORKER_FD: theirs.fileno()}, spoken=False
            )
            self._doors.post.tell(self.gateway, "worker", files=(ours.fileno(),), kind=kind, manifest=self._manifest)
        finally:
            ours.close()
            theirs.close()
        return process

    def _renew_workers(self) -> None:
        """From the next step on, two fresh workers; those there were are ended at once."""
        for kind in WORKERS:
            name = self._worker(kind)
            if name in self.kept:
                self.kept[name].stop()
            self.kept[name] = Kept(name, lambda kind=kind: self._start_worker(kind))  # type: ignore[misc]

    def _need(self, manifest: str, now: float) -> None:
        """Workers for another model. Those of the one before finish what they have, and are ended later."""
        if manifest == self._manifest:
            return
        own, post = self._doors.own, self._doors.post
        try:
            self._python = own.python_for(manifest)
        except LockgateError as error:
            self._doors.say(f"no workers for {manifest}: {error.finding} {error.message}")
            post.tell(self.gateway, "refused", manifest=manifest, finding=error.finding, message=error.message)
            return
        self._manifest = manifest
        for kind in WORKERS:
            due = now + own.caps.answer + RETIRE_SECONDS
            self._retiring.append((due, self.kept.pop(self._worker(kind))))
        self._renew_workers()

    def _lost(self, kind: str, manifest: str, why: str) -> None:
        """The gateway broke off with a worker: end it, and the next step starts another."""
        known = kind in WORKERS and manifest == self._manifest
        process = self.kept[self._worker(kind)].process if known else None
        if process is not None:
            self._doors.say(f"{self._worker(kind)} worker broken off: {why}")
            process.kill()

    def _reload(self, now: float) -> None:
        """Hand to the gateway what has changed of what it was handed at its start."""
        if now < self._reload_due:
            return
        self._reload_due = now + RELOAD_SECONDS
        for name, read in self._doors.own.reloaded.items():
            data = read()
            if data != self._handed.get(name):
                self._handed[name] = data
                self._doors.post.tell(self.gateway, name, data)
