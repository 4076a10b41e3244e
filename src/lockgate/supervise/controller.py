"""The controller process: reads the two logs and proposes moves. Runs in the `controller` jail.

No key, no network, no registry, no spool: the event log and the log of predictions are read-only, and what else it
needs comes through its control socket, and is verified like all else. What it says is a proposal. Taken over, it can
have the model on the ladder withdrawn, and keep silent about an alarm; it can move nothing up that a deployer has not
authorised and the log's own records do not bear out.
"""

from __future__ import annotations

import dataclasses
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import Ledger
from lockgate.audit.log import Log
from lockgate.contract.jail import outcome
from lockgate.core.digest import parse_digest
from lockgate.core.wire import WireError
from lockgate.deploy.watch import Controller, Judged
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.runtime import channel, serving
from lockgate.serve import control, logs
from lockgate.serve.control import Told
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import CONTROL_FD, HOME, PREDICTIONS, ControllerSettings
from lockgate.supervise.handed import IO, MOST_BYTES, Handed

LOOK_SECONDS, PAUSE_SECONDS = 1.0, 0.05
NICENESS = 5
"""It gives way to what answers requests, and not as far as the sealer: an alarm is for those who are answered."""


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. It ends when the supervisor closes the control socket."""
    sit("controller", Desk, arguments)


def sit(name: str, desk: type[Desk], arguments: Sequence[str]) -> None:
    """Be the process `name`, at a desk of this kind."""
    logs.setup(name)
    with suppress(OSError):
        os.nice(NICENESS)
    try:
        settings = ControllerSettings.parse(arguments)
        with socket.socket(fileno=CONTROL_FD) as link:
            handed = control.expect(link, "events", "predictions")
            desk(settings, link, handed, outcome.place(HOME), outcome.place(PREDICTIONS)).run()
    except LockgateError as error:
        sys.stderr.write(f"{name}: {error.finding} {error.message}\n")
        sys.exit(error.exit_code)
    except (OSError, WireError) as error:
        sys.stderr.write(f"{name}: the supervisor is gone: {error}\n")


class Judge(Protocol):
    """Who decides what there is to say."""

    def look(self, now: datetime) -> Sequence[Any]:
        """What is to be said now: dataclasses, whose `TOLD` is the word for it. Raises LockgateError."""

    def refused(self, sequence: int, finding: str, now: datetime) -> None:
        """What was proposed of `sequence` was not done."""


class Desk:
    """Hears the supervisor, looks, and says what there is to say. Who decides that is made by `judge`."""

    def __init__(
        self,
        settings: ControllerSettings,
        link: socket.socket,
        handed: dict[str, bytes],
        home: Path,
        predictions: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._link = link
        self._home = home
        self._folder = predictions
        self._now = now
        self._events = MemorySeen(handed["events"])
        self._sealed = MemorySeen(handed["predictions"])
        self._handed = Handed()
        self._ledger: Ledger | None = None
        self._fresh = self._grown = False
        self._told = ""
        self._judge = self.judge(settings)

    def judge(self, settings: ControllerSettings) -> Judge:
        """Of the model on the ladder."""
        return Controller(settings.environment, settings.name, self._statements, self._predictions, self._task_of)

    def run(self) -> None:
        """Until the supervisor closes its end. Raises OSError, WireError when it is gone."""
        while self._hear():
            self._look()
            if self._grown:
                self._grown = False
                control.tell(self._link, "looked")
            # Records are sealed many times a second; judged they are often enough to be in time.
            time.sleep(PAUSE_SECONDS)

    def _hear(self) -> bool:
        """All that was said, or a second passed. False: the supervisor is gone."""
        wait = LOOK_SECONDS
        while select.select([self._link], [], [], wait)[0]:
            wait = 0.0
            told = control.hear(self._link, descriptors=1)
            if told is None:
                return False
            self._take(told)
        return True

    def _take(self, told: Told) -> None:
        try:
            if told.what == "statements" and len(told.descriptors) == 1:
                digest = parse_digest(told.text("digest"))
                self._handed.take(channel.read_sealed(told.descriptors[0], digest, max_bytes=MOST_BYTES))
                self._fresh = False
            elif told.what == "sealed":
                self._grown = True
            elif told.what == "refused":
                sequence = told.header.get("sequence")
                number = sequence if isinstance(sequence, int) else 0
                self._judge.refused(number, told.text("finding"), self._now())
        finally:
            told.drop()

    def _look(self) -> None:
        """What does not hold is told once; nothing is proposed on it."""
        if not (self._folder / "checkpoint").exists():
            return
        try:
            found = self._judge.look(self._now())
        except LockgateError as error:
            words = f"nothing is judged: {error.message}"
            found = (Judged(error.finding, words),) if words != self._told else ()
            self._told = words
        else:
            self._told = ""
        for one in found:
            control.tell(self._link, one.TOLD, **dataclasses.asdict(one))

    def _statements(self) -> Sequence[Evidence]:
        """The event log, verified from the pinned root; read again when more of it was handed over."""
        if self._ledger is None:
            self._ledger = Ledger(self._home, self._settings.root, seen=self._events, registry=self._handed)
        elif not self._fresh:
            self._ledger.refresh()
        self._fresh = True
        return self._ledger.statements()

    def _predictions(self) -> Log:
        """The log of predictions, verified with the sealer's key."""
        settings = self._settings
        return Log.open(
            self._folder,
            public_key=bytes.fromhex(settings.public_key),
            origin=settings.origin,
            seen=self._sealed,
            former=tuple(bytes.fromhex(key) for key in settings.former),
        )

    def _task_of(self, registration: Registration) -> str:
        """From the io.json of its closure. Raises VerificationFailed LG624, LG805."""
        try:
            return serving.parse(self._handed.blobs.read(registration.file(IO).digest)).task
        except ValueError as error:
            raise VerificationFailed("LG624", f"{registration.ref} has no serving specification: {error}") from None
