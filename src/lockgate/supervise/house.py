"""Who runs, who talks to whom, and what happens when one of them ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from lockgate.audit.log import verify_checkpoint
from lockgate.errors import LockgateError, Unavailable
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import JailSettings
from lockgate.serve.control import Told
from lockgate.serve.settings import CONTROL_FD, SealerSettings
from lockgate.supervise import jails
from lockgate.supervise.doors import Doors
from lockgate.supervise.guarding import CONTROLLER, Guarding
from lockgate.supervise.household import Household, finding_of, words_of
from lockgate.supervise.member import Member
from lockgate.supervise.post import Post
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.redis import Lender
from lockgate.supervise.tidying import Tidying
from lockgate.supervise.watching import WATCHER, Watching

SEALER = "sealer"
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
        self._sealer = Kept(SEALER, self._start_sealer)
        self._lender = Lender(household.redis, say) if household.redis is not None else None
        self._tidying = Tidying(household.home / "state" / "spool")
        doors = Doors(household, self._post, say, self._start, self._lender)
        self.members = tuple(Member(doors, number) for number in range(len(household.listeners)))
        gateways = [member.gateway for member in self.members]
        book = household.book
        self._guarding = Guarding(doors, book, gateways) if book is not None else None
        self._watching: Watching | None = None
        if book is not None and household.alarmer is not None:
            self._watching = Watching(doors, book, gateways, household.alarmer, household.webhook)

    @property
    def kept(self) -> dict[str, Kept]:
        """Every process by its name: the sealer first, then each gateway and its workers; who reads logs at the end."""
        members = {name: kept for member in self.members for name, kept in member.kept.items()}
        readers = [one.kept for one in (self._guarding, self._watching) if one is not None]
        return {SEALER: self._sealer} | members | {name: kept for each in readers for name, kept in each.items()}

    def step(self, now: float) -> None:
        """Start what is due, notice what ended, hear what is said. `now`: seconds of a monotonic clock.

        Raises LockgateError when it cannot come up: LG625, or what a gateway found wrong before its first answer.
        """
        for kept in self.kept.values():
            self._tick(kept, now)
        for member in self.members:
            member.step(now)
        if self._guarding is not None:
            changed = self._guarding.step(now)
            if self._watching is not None:
                self._watching.step(now, changed=changed)
        self._lend(now)
        self._tidying.step(now, {member.id for member in self.members})
        for name, told in self._post.collect(TICK_SECONDS):
            self._heard(name, told, now)

    def stop(self, clock: Callable[[], float]) -> None:
        """End all: controller and watcher first, so that nothing more is moved; then the gateways, so that nothing more
        is answered; the sealer last, so that all is sealed.
        """
        for reader in (self._guarding, self._watching):
            if reader is not None:
                reader.stop()
        self._end([member.kept[member.gateway] for member in self.members], clock, GATEWAY_SECONDS)
        for member in self.members:
            member.crew.stop()
        self._end([self._sealer], clock, SEALER_SECONDS)
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
        return name == SEALER or any(name == one.gateway or one.crew.first(name) for one in self.members)

    def _told_again(self, kept: Kept) -> None:
        """Each restart is told; of a worker beside those of the start, only the first while it does not stay up."""
        if kept.name == CONTROLLER and self._guarding is not None:
            self._guarding.ended()
        elif kept.name == WATCHER and self._watching is not None:
            self._watching.ended()
        elif kept.falls <= 1 or self._must_come_up(kept.name):
            self._say(f"{kept.name} ended with code {kept.codes[-1]}; it was started again")

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
            if name == SEALER and told.what == "sealed":
                self._sealed(told.payload)
            elif name == SEALER and told.what == "carried":
                self._carried(told)

    def _start_sealer(self) -> Process:
        own = self._own
        settings = SealerSettings(own.predictions_origin, own.sealer_public.hex())
        process = self._start(SEALER, *jails.sealer(own.home, settings), {})
        self._post.tell(SEALER, "key", own.sealer_key())
        self._post.tell(SEALER, "seen", own.predictions_seen.load() or b"")
        return process

    def _start(
        self, name: str, jail: JailSettings, target: Target, descriptors: dict[int, int], *, spoken: bool = True
    ) -> Process:
        talk = self._post.talk(name)
        try:
            if not spoken:
                return self._launch(jail, target, {2: talk, **descriptors})
            with self._post.connect(name) as theirs:
                return self._launch(jail, target, {2: talk, CONTROL_FD: theirs.fileno(), **descriptors})
        finally:
            os.close(talk)

    def _lend(self, now: float) -> None:
        """Hand over connections to the server of the shared limits."""
        for name, sock in self._lender.step(now) if self._lender is not None else ():
            with sock:
                self._post.tell(name, "redis", files=(sock.fileno(),))

    def _heard(self, name: str, told: Told, now: float) -> None:
        told.drop()
        if name == SEALER:
            self._heard_sealer(told)
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

    def _heard_sealer(self, told: Told) -> None:
        if told.what == "sealed":
            self._sealed(told.payload)
        elif told.what == "carried":
            self._carried(told)
        elif told.what == "failed":
            self._say(f"sealer: {finding_of(told)} {words_of(told, 'message')}")

    def _answers(self, member: Member, *, before: bool) -> None:
        if self._open:
            self._say(f"{member.gateway}: answering")
        elif not before and all(one.opened for one in self.members):
            self._open = True
            self._opened()

    def _sealed(self, note: bytes) -> None:
        """Keep the checkpoint that the sealer signed as seen, if it is one."""
        try:
            verify_checkpoint(note, self._own.sealer_public, self._own.predictions_origin)
            self._own.predictions_seen.advance(note)
            for reader in (self._guarding, self._watching):
                if reader is not None:
                    reader.sealed()
        except LockgateError as error:
            self._say(f"sealer: {error.finding} {error.message}")

    def _carried(self, told: Told) -> None:
        """Each gateway learns how far the log holds its own records; a number that is none reaches nobody."""
        found = told.header.get("next")
        if not isinstance(found, Mapping):
            return
        self._tidying.carried(found)
        for member in self.members:
            number = found.get(member.id)
            if type(number) is int and number >= 0:
                self._post.tell(member.gateway, "sealed", next=number)
