"""The supervisor's part in a ladder: the controller kept and heard, its moves made, the gateways told of them.

A controller runs while a model is on the ladder, and only then. What it says is a proposal: `guard` looks at the
evidence again before it signs, and signs nothing but a withdrawal, or the step up that a deployer has authorised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.serve.control import Told
from lockgate.supervise import jails
from lockgate.supervise.alarms import Lines, Unheeded
from lockgate.supervise.attending import Attendant
from lockgate.supervise.book import Book
from lockgate.supervise.doors import Doors
from lockgate.supervise.household import finding_of, words_of
from lockgate.supervise.moving import Moved, Mover
from lockgate.supervise.process import Kept
from lockgate.supervise.proposal import Proposal, proposal_of

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
        self._controller = Attendant(doors, CONTROLLER, jails.controller, lambda: book.climbing, book.blobs)
        self._alarm = Unheeded()
        self._line = Lines(doors.say)
        self._controller.follow()

    @property
    def kept(self) -> dict[str, Kept]:
        """The controller, while there is one."""
        kept = self._controller.kept
        return {} if kept is None else {CONTROLLER: kept}

    def step(self, now: float) -> bool:
        """Look at the log, tell the gateways that it was seen; bring what a move came to. True: it has changed."""
        changed, size = self._book.look(now)
        if size is not None:
            self._each("fresh", size=size)
        if changed:
            self._controller.follow()
            self._controller.hand()
        self._controller.check(now)
        moved = self._mover.collect(now) if self._mover is not None else None
        if moved is not None:
            self._came(moved, now)
        self._warn(now)
        return changed

    def sealed(self) -> None:
        """The log of predictions has grown."""
        self._controller.sealed()

    def hear(self, told: Told, now: float) -> None:
        """What the controller said."""
        if told.what == "judged":
            self._line(f"{CONTROLLER}: {finding_of(told)} {words_of(told, 'message')}", now)
        elif told.what == "looked":
            self._controller.looked()
        elif told.what == "move":
            try:
                proposal = proposal_of(told)
                if self._mover is None:
                    raise Refused("LG685", "nothing is moved by itself here: the guard's key is not at hand")
                if proposal.move == "down":
                    self._alarm.reported(proposal.sequence, now)
                self._mover.want(proposal, now)
            except LockgateError as error:
                self._controller.refuse(told.header.get("sequence"), error)

    def ended(self) -> None:
        """It ended, and is started again: told at first, and when it does not stay up."""
        kept = self._controller.kept
        if kept is None or (kept.falls > 1 and kept.falls != MOST_FALLS + 1):
            return
        often = "it does not stay up" if kept.falls > 1 else "it was started again"
        self._doors.say(
            f"{CONTROLLER}: {ENDED} ended with code {kept.codes[-1]}; {often}; while it is away no alarm is seen, and"
            " no model climbs"
        )

    def stop(self) -> None:
        """End it, and wait for the move that is under way."""
        self._controller.stop()
        if self._mover is not None:
            self._mover.close()

    def _came(self, moved: Moved[Proposal], now: float) -> None:
        if moved.refused is not None:
            if isinstance(moved.refused, Unavailable):
                self._alarm.waits(f"{moved.refused.finding} {moved.refused.message}")
            else:
                self._alarm.over()
            self._controller.refuse(moved.proposal.sequence, moved.refused)
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

    def _each(self, what: str, **fields: Any) -> None:
        for gateway in self._gateways:
            self._doors.post.tell(gateway, what, **fields)
