"""One gateway of the house, and its workers: started, told, heard, restarted, apart from every other."""

from __future__ import annotations

import os
from collections.abc import Mapping

from lockgate.errors import VerificationFailed
from lockgate.serve.control import Told
from lockgate.serve.settings import LISTENER_FD, GatewaySettings
from lockgate.supervise import jails
from lockgate.supervise.crew import Crew
from lockgate.supervise.doors import Doors
from lockgate.supervise.household import finding_of, words_of
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.redis import Lender

GATEWAY = "gateway"
RELOAD_SECONDS = 1.0


class Member:
    """Keeps one gateway and its workers up. Nothing that they say is trusted beyond its form."""

    def __init__(self, doors: Doors, number: int) -> None:
        own = doors.own
        self._doors = doors
        self._number = number
        suffix = f"-{number}" if len(own.listeners) > 1 else ""
        self.gateway = GATEWAY + suffix
        self.id = ""
        self.opened = False
        self._handed: dict[str, bytes] = {}
        self._reload_due = 0.0
        self._process = Kept(self.gateway, self._start_gateway, lambda: own.listeners.renew(number))
        self._answers_from = own.manifest
        self.crew = Crew(doors, self.gateway, suffix)

    @property
    def kept(self) -> dict[str, Kept]:
        """The gateway, then its workers, by name."""
        return {self.gateway: self._process} | self.crew.kept

    def step(self, now: float) -> None:
        """End the workers that are over, hand over what has changed."""
        self.crew.step(now)
        self._reload(now)

    def hear(self, told: Told, now: float) -> None:
        """What the gateway said. Raises VerificationFailed: what it found wrong before its first answer."""
        if told.what == "need":
            self.crew.need(words_of(told, "manifest"), now)
        elif told.what == "done":
            self.crew.done(words_of(told, "manifest"), now)
        elif told.what == "lost":
            self.crew.lost(words_of(told, "kind"), words_of(told, "manifest"), words_of(told, "why"))
        elif told.what == "open":
            self.opened = True
            self._answers(told)
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

    def _answers(self, told: Told) -> None:
        """Remember what is live, so that the gateway after this one finds its workers started."""
        model, rung = told.header.get("model"), told.header.get("rung", "live")
        if isinstance(model, Mapping) and rung == "live":
            self._answers_from = str(model.get("digest", ""))

    def _start_gateway(self) -> Process:
        """A gateway anew, with an id that no other start had, and with workers of its own."""
        own, post = self._doors.own, self._doors.post
        self.id = os.urandom(8).hex()
        self._doors.begun(self.id, self.gateway)
        settings = GatewaySettings(
            *(own.root, own.environment, own.name, self.id, own.caps, self._number, len(own.listeners), own.traces),
            origin=own.predictions_origin,
            sealer=own.sealer_public.hex(),
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
        self.crew.renew(self._answers_from)
        return process

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
