"""The supervisor's part in watching: the watcher kept and heard, its alarms counted again, signed, and sent on.

A watcher runs while the live model has a plan, and only then. Nothing of this ever stops an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from lockgate.errors import LockgateError, Unavailable
from lockgate.serve.control import Told
from lockgate.supervise import jails
from lockgate.supervise.alarming import Alarmer, Itself, raise_of
from lockgate.supervise.alarms import Lines
from lockgate.supervise.attending import Attendant
from lockgate.supervise.book import Book
from lockgate.supervise.doors import Doors
from lockgate.supervise.household import finding_of, words_of
from lockgate.supervise.lookout import NO_KEY, Raise
from lockgate.supervise.moving import Moved, Mover
from lockgate.supervise.process import Kept
from lockgate.supervise.webhook import Webhook

WATCHER = "watcher"
ENDED = "LG693"
SILENT = "LG698"
MOST_FALLS = 4
PATIENCE_SECONDS, OWED_SECONDS = 600.0, 60.0
COUNT_SECONDS, DAY_SECONDS = 3600.0, 86_400.0
"""How often it is counted without a proposal; where nothing can be signed, it is told so often."""


class Watching:
    """Has alarms raised by `alarmer`, tells the gateways to look, and sends them by `webhook`."""

    def __init__(
        self, doors: Doors, book: Book, gateways: Sequence[str], alarmer: Alarmer, webhook: Webhook | None
    ) -> None:
        self._doors = doors
        self._book = book
        self._gateways = gateways
        self._alarmer = alarmer
        self._webhook = webhook
        self._mover: Mover[Raise | Itself] = Mover(alarmer, "LG847")
        self._watcher = Attendant(doors, WATCHER, jails.watcher, lambda: book.planned, book.watched, PATIENCE_SECONDS)
        self._line = Lines(doors.say, WATCHER, "LG847")
        self._due: float | None = None
        self._counts: float | None = None
        self._warned = book.planned
        self._watcher.follow()

    @property
    def kept(self) -> dict[str, Kept]:
        """The watcher, while there is one."""
        kept = self._watcher.kept
        return {} if kept is None else {WATCHER: kept}

    def step(self, now: float, *, changed: bool) -> None:
        """Feed it what is new; bring what an alarm came to. `changed`: the event log has."""
        if changed:
            self._warn()
            self._watcher.follow()
            self._watcher.hand()
        if self._watcher.check(now):
            self._doors.say(f"{WATCHER}: {SILENT} it was silent for ten minutes and is started anew")
        self._look(now)
        for line in self._webhook.lines() if self._webhook is not None else ():
            self._doors.say(line)
        moved = self._mover.collect(now)
        if moved is not None:
            self._came(moved, now)

    def sealed(self) -> None:
        """The log of predictions has grown."""
        self._watcher.sealed()

    def hear(self, told: Told, now: float) -> None:
        """What the watcher said."""
        if told.what == "judged":
            self._line(f"{WATCHER}: {finding_of(told)} {words_of(told, 'message')}", now)
        elif told.what == "looked":
            self._watcher.looked()
        elif told.what == "alarm":
            try:
                self._mover.want(raise_of(told), now)
            except LockgateError as error:
                self._watcher.refuse(told.header.get("life"), error)

    def ended(self) -> None:
        """It ended, and is started again: told at first, and when it does not stay up."""
        kept = self._watcher.kept
        if kept is None or (kept.falls > 1 and kept.falls != MOST_FALLS + 1):
            return
        often = "it does not stay up" if kept.falls > 1 else "it was started again"
        self._doors.say(f"{WATCHER}: {ENDED} ended with code {kept.codes[-1]}; {often}; meanwhile no alarm is seen")

    def stop(self) -> None:
        """End it, and wait for the alarm that is under way; what was not sent by now is not."""
        self._watcher.stop()
        self._mover.close()
        if self._webhook is not None:
            self._webhook.close()

    def _warn(self) -> None:
        """What is live has a plan since serving started: for that no key was asked then."""
        if not self._warned and self._book.planned:
            self._warned = True
            if self._alarmer.keyless:
                why = self._alarmer.keyless
                self._doors.say(f"{WATCHER}: {NO_KEY} {why}; meanwhile an alarm is told, and nothing follows it")

    def _look(self, now: float) -> None:
        """Without the watcher: what is owed soon, and a count now and then; neither while an alarm is under way."""
        if not self._book.planned:
            return
        if self._due is None or self._counts is None:
            self._due, self._counts = now + OWED_SECONDS, now + COUNT_SECONDS
        if now < self._due:
            return
        self._due = now + OWED_SECONDS
        counts = now >= self._counts
        with suppress(Unavailable):
            self._mover.want(Itself(counts), now)
            if counts:
                self._counts = now + (DAY_SECONDS if self._alarmer.keyless else COUNT_SECONDS)

    def _came(self, moved: Moved[Raise | Itself], now: float) -> None:
        signed = self._alarmer.take()
        for one in signed:
            if self._webhook is not None:
                self._webhook.send(one)
        if signed:
            self._book.hurry()
            for gateway in self._gateways:
                self._doors.post.tell(gateway, "look")
        if moved.refused is not None:
            if isinstance(moved.proposal, Raise):
                self._watcher.refuse(moved.proposal.life, moved.refused)
            self._line(f"{WATCHER}: {moved.refused.finding} {moved.refused.message}", now)
        elif moved.said:
            self._doors.say(moved.said)
