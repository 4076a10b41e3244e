"""The supervisor's part in a ladder: the controller kept and heard, its moves made, the gateways told of them.

A controller runs while a model is on the ladder, and only then. What it says is a proposal: `guard` looks at the
evidence again before it signs, and signs nothing but a withdrawal, or the step up that a deployer has authorised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.runtime import channel
from lockgate.serve.control import Told
from lockgate.serve.settings import ControllerSettings
from lockgate.supervise import jails
from lockgate.supervise.alarms import Lines, Unheeded
from lockgate.supervise.book import Book
from lockgate.supervise.doors import Doors
from lockgate.supervise.handed import packed
from lockgate.supervise.household import finding_of, words_of
from lockgate.supervise.moving import Moved, Mover
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.proposal import proposal_of

CONTROLLER = "controller"
ENDED = "LG683"
MOST_FALLS = 4


class Guarding:
    """Tells the gateways that the log was seen, and what was moved. `gateways`: those that there are."""

    def __init__(self, doors: Doors, book: Book, gateways: Sequence[str]) -> None:
        own = doors.own
        self._doors = doors
        self._book = book
        self._gateways = gateways
        self._mover = Mover(own.guard) if own.guard is not None else None
        self._kept: Kept | None = None
        self._handed: set[Digest] = set()
        self._alarm = Unheeded()
        self._line = Lines(doors.say)
        self._looking = self._grown = False
        self._follow()

    @property
    def kept(self) -> dict[str, Kept]:
        """The controller, while there is one."""
        return {} if self._kept is None else {CONTROLLER: self._kept}

    def step(self, now: float) -> None:
        """Look at the log, tell the gateways that it was seen; bring what a move came to."""
        changed, size = self._book.look(now)
        if size is not None:
            self._each("fresh", size=size)
        if changed:
            self._follow()
            self._hand()
        if self._kept is not None and self._kept.process is not None and not self._doors.post.hears(CONTROLLER):
            # It spoke out of form, or listens no more: the next one is started in its place.
            self._kept.process.kill()
        moved = self._mover.collect(now) if self._mover is not None else None
        if moved is not None:
            self._came(moved, now)
        self._warn(now)

    def sealed(self) -> None:
        """The log of predictions has grown. It is told once until it has looked, so that nothing piles up."""
        if self._looking:
            self._grown = True
        elif self._kept is not None:
            self._looking, self._grown = True, False
            self._doors.post.tell(CONTROLLER, "sealed")

    def hear(self, told: Told, now: float) -> None:
        """What the controller said."""
        if told.what == "judged":
            self._line(f"{CONTROLLER}: {finding_of(told)} {words_of(told, 'message')}", now)
        elif told.what == "looked":
            self._looking = False
            if self._grown:
                self.sealed()
        elif told.what == "move":
            try:
                proposal = proposal_of(told)
                if self._mover is None:
                    raise Refused("LG685", "nothing is moved by itself here: the guard's key is not at hand")
                if proposal.move == "down":
                    self._alarm.reported(proposal.sequence, now)
                self._mover.want(proposal, now)
            except LockgateError as error:
                self._refuse(told.header.get("sequence"), error)

    def ended(self) -> None:
        """It ended, and is started again: told at first, and when it does not stay up."""
        kept = self._kept
        if kept is None or (kept.falls > 1 and kept.falls != MOST_FALLS + 1):
            return
        often = "it does not stay up" if kept.falls > 1 else "it was started again"
        self._doors.say(
            f"{CONTROLLER}: {ENDED} ended with code {kept.codes[-1]}; {often}; while it is away no alarm is seen, and"
            " no model climbs"
        )

    def stop(self) -> None:
        """End it, and wait for the move that is under way."""
        if self._kept is not None:
            self._kept.stop()
        if self._mover is not None:
            self._mover.close()

    def _follow(self) -> None:
        """A controller for as long as a model is on the ladder."""
        if self._book.climbing and self._kept is None:
            self._kept = Kept(CONTROLLER, self._start)
        elif not self._book.climbing and self._kept is not None:
            self._kept.stop()
            self._kept = None
            self._doors.post.drop(CONTROLLER)

    def _start(self) -> Process:
        own, post = self._doors.own, self._doors.post
        settings = ControllerSettings(
            own.root,
            own.environment,
            own.name,
            own.predictions_origin,
            own.sealer_public.hex(),
            tuple(key.hex() for key in own.former_sealers),
        )
        process = self._doors.start(CONTROLLER, *jails.controller(own.home, settings), {})
        post.tell(CONTROLLER, "events", own.events_seen.load() or b"")
        post.tell(CONTROLLER, "predictions", own.predictions_seen.load() or b"")
        self._handed, self._looking = set(), False
        self._hand()
        return process

    def _hand(self) -> None:
        """Hand over what the controller has not yet of the event log."""
        blobs = self._book.blobs(self._handed) if self._kept is not None else []
        if not blobs:
            return
        sealed = channel.seal(packed(blobs), "statements")
        try:
            self._doors.post.tell(CONTROLLER, "statements", files=(sealed.fd,), digest=sealed.digest)
        finally:
            sealed.close()

    def _came(self, moved: Moved, now: float) -> None:
        if moved.refused is not None:
            if isinstance(moved.refused, Unavailable):
                self._alarm.waits(f"{moved.refused.finding} {moved.refused.message}")
            else:
                self._alarm.over()
            self._refuse(moved.proposal.sequence, moved.refused)
            self._line(f"guard: {moved.refused.finding} nothing was moved: {moved.refused.message}", now)
            return
        self._alarm.over()
        self._each("look")
        self._book.hurry()
        self._doors.say(moved.said)

    def _warn(self, now: float) -> None:
        """An alarm on which nothing was moved is a person's: whoever decides just now may wait for a person himself."""
        standing = self._book.standing
        candidate = standing.candidate if standing is not None else None
        late = self._alarm.late(candidate.sequence if candidate is not None else None, now)
        if late and candidate is not None:
            model, place = f"{candidate.name}@{candidate.version}", candidate.environment
            self._doors.say(
                f"guard: LG553 {model} on {candidate.rung} in {place} alarms, and {late}."
                f" Next: end the lockgate command that waits, or lockgate rollback {place}"
            )

    def _refuse(self, sequence: object, error: LockgateError) -> None:
        self._doors.post.tell(
            CONTROLLER,
            "refused",
            sequence=sequence if type(sequence) is int else 0,
            finding=error.finding,
            message=error.message,
        )

    def _each(self, what: str, **fields: Any) -> None:
        for gateway in self._gateways:
            self._doors.post.tell(gateway, what, **fields)
