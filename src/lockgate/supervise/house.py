"""Who runs, who talks to whom, and what happens when one of them ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from lockgate.errors import Unavailable
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import JailSettings
from lockgate.serve.control import Told
from lockgate.serve.settings import CONTROL_FD
from lockgate.supervise.bell import Bell
from lockgate.supervise.doors import Doors
from lockgate.supervise.forwarding import Forwarding
from lockgate.supervise.guarding import CONTROLLER, Guarding
from lockgate.supervise.household import Household
from lockgate.supervise.member import Member
from lockgate.supervise.post import Post
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.redis import Lender
from lockgate.supervise.sealing_side import SealingSide, Side
from lockgate.supervise.tidying import Tidying
from lockgate.supervise.watching import WATCHER, Watching

TICK_SECONDS = 0.1
GATEWAY_SECONDS, SEALER_SECONDS = 7.0, 10.0
MOST_FALLS = 4

Launch = Callable[[JailSettings, Target, dict[int, int]], Process]


def launch(settings: JailSettings, target: Target, descriptors: dict[int, int]) -> Process:
    """Start one jail. Raises Unfit."""
    return Jail(settings).start(target, descriptors=descriptors)


class House:
    """Keeps gateways, workers and sealer up. `say` gets one line for a person; `opened` is called once, when every
    gateway answers.

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
        self._open = False
        self._bell = Bell()
        self._side = self._sealing_side()
        self._lender = Lender(household.redis, say) if household.redis is not None else None
        self._tidying = Tidying(household.home / "state" / "spool")
        doors = Doors(household, self._post, say, self._start, self._lender, self._side.begun)
        self.members = tuple(Member(doors, number) for number in range(len(household.listeners)))
        gateways = [member.gateway for member in self.members]
        book = household.book
        self._guarding = Guarding(doors, book, gateways) if book is not None else None
        self._watching: Watching | None = None
        if book is not None and household.alarmer is not None:
            self._watching = Watching(doors, book, gateways, household.alarmer, household.webhook)

    @property
    def kept(self) -> dict[str, Kept]:
        """Every process by its name: who seals first, then each gateway and its workers; who reads logs at the end."""
        members = {name: kept for member in self.members for name, kept in member.kept.items()}
        readers = [one.kept for one in (self._guarding, self._watching) if one is not None]
        return self._side.kept | members | {name: kept for each in readers for name, kept in each.items()}

    def step(self, now: float) -> None:
        """Start what is due, notice what ended, hear what is said. `now`: seconds of a monotonic clock.

        Raises LockgateError when it cannot come up: LG625, or what a gateway found wrong before its first answer.
        """
        for kept in self.kept.values():
            self._tick(kept, now)
        self._side.step(now)
        for member in self.members:
            member.step(now)
        if self._guarding is not None:
            changed = self._guarding.step(now)
            if self._watching is not None:
                self._watching.step(now, changed=changed)
        self._lend(now)
        self._carry_checkpoints(now)
        self._tidying.step(now, {member.id for member in self.members})
        for name, told in self._post.collect(TICK_SECONDS):
            self._heard(name, told, now)

    def stop(self, clock: Callable[[], float]) -> None:
        """End all: controller and watcher first, so that nothing more is moved; then the gateways, so that nothing more
        is answered; then whoever takes records from elsewhere; the sealer last, so that all is sealed.
        """
        for reader in (self._guarding, self._watching):
            if reader is not None:
                reader.stop()
        self._end([member.kept[member.gateway] for member in self.members], clock, GATEWAY_SECONDS)
        for member in self.members:
            member.crew.stop()
        for kept in reversed(self._side.kept.values()):
            self._end([kept], clock, SEALER_SECONDS)
        self._side.close()
        self._bell.close()
        if self._lender is not None:
            self._lender.close()
        self._tidying.close()
        self._post.close()

    def _tick(self, kept: Kept, now: float) -> None:
        if kept.tick(now) and kept.codes:
            self._told_again(kept)
        if not self._open and kept.falls > MOST_FALLS and self._must_come_up(kept.name):
            raise Unavailable(
                "LG625",
                f"the {kept.name} process does not stay up",
                seen={"process": kept.name, "exit_codes": kept.codes},
                next="lockgate doctor",
            )

    def _must_come_up(self, name: str) -> bool:
        """Whether nobody is answered without it: neither who reads logs nor a candidate's worker is worth a service."""
        return name == self._side.name or any(name == one.gateway or one.crew.first(name) for one in self.members)

    def _told_again(self, kept: Kept) -> None:
        """Each restart is told; of a worker beside those of the start, only the first while it does not stay up."""
        if kept.name == CONTROLLER and self._guarding is not None:
            self._guarding.ended()
        elif kept.name == WATCHER and self._watching is not None:
            self._watching.ended()
        elif kept.falls <= 1 or self._must_come_up(kept.name):
            self._say(f"{kept.name} ended with code {kept.codes[-1]}; it was started again (LG625)")

    def _end(self, ending: list[Kept], clock: Callable[[], float], seconds: float) -> None:
        deadline = clock() + seconds
        for kept in ending:
            self._post.hang_up(kept.name)
        while clock() < deadline and any(kept.process and kept.process.poll() is None for kept in ending):
            self._last_words()
        for kept in ending:
            kept.stop()
        self._last_words()

    def _last_words(self) -> None:
        for name, told in self._post.collect(TICK_SECONDS):
            told.drop()
            if told.what in {"sealed", "carried", "kept"}:
                self._side.hear(name, told, 0.0)

    def _sealing_side(self) -> Side:
        """Whoever takes the records: the sealer of this house, or the one that they are sent to."""
        own, hands = self._own, (self._post, self._say, self._start)
        if own.sending is not None:
            return Forwarding(own, *hands, sealed=self._sealed, carried=self._carried, sending=own.sending)
        return SealingSide(own, *hands, sealed=self._sealed, carried=self._carried, taking=own.taking)

    def _start(
        self, name: str, jail: JailSettings, target: Target, descriptors: dict[int, int], *, spoken: bool = True
    ) -> Process:
        talk = self._post.talk(name)
        descriptors = descriptors | self._bell.end(name)
        try:
            if not spoken:
                return self._launch(jail, target, {2: talk, **descriptors})
            with self._post.connect(name) as theirs:
                return self._launch(jail, target, {2: talk, CONTROL_FD: theirs.fileno(), **descriptors})
        finally:
            os.close(talk)

    def _carry_checkpoints(self, now: float) -> None:
        """To the witnesses, and what they said of the predictions to the sealer, who verifies it again."""
        courier, book = self._own.courier, self._own.book
        if courier is not None and book is not None:
            for one in courier.step(now, book.size):
                self._post.tell(self._side.name, "cosigned", one.lines, witnesses=list(one.vkeys))
            if courier.to_tell(now):
                for member in self.members:
                    self._post.tell(member.gateway, "witnessed", alarm=courier.alarming)

    def _lend(self, now: float) -> None:
        """Hand over connections to the server of the shared limits."""
        for name, sock in self._lender.step(now) if self._lender is not None else ():
            with sock:
                self._post.tell(name, "redis", files=(sock.fileno(),))

    def _heard(self, name: str, told: Told, now: float) -> None:
        told.drop()
        if self._side.hear(name, told, now):
            return
        if name == CONTROLLER and self._guarding is not None:
            self._guarding.hear(told, now)
            return
        if name == WATCHER and self._watching is not None:
            self._watching.hear(told, now)
            return
        for member in self.members:
            if member.gateway == name:
                before = member.opened
                member.hear(told, now)
                if told.what == "open":
                    self._answers(member, before=before)

    def _answers(self, member: Member, *, before: bool) -> None:
        if self._open:
            self._say(f"{member.gateway}: answering")
        elif not before and all(one.opened for one in self.members):
            self._open = True
            self._opened()

    def _sealed(self, _note: bytes) -> None:
        """The log of predictions has grown: a checkpoint of it that verified."""
        for reader in (self._guarding, self._watching):
            if reader is not None:
                reader.sealed()

    def _carried(self, told: Told) -> None:
        """Each gateway learns how far the log holds its own records; a number that is none reaches nobody."""
        found = told.header.get("next")
        if not isinstance(found, Mapping):
            return
        self._tidying.carried(found)
        for member in self.members:
            number = found.get(member.id)
            if type(number) is int and number >= 0:
                self._post.tell(member.gateway, "sealed", told.payload, next=number)
