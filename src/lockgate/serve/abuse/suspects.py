"""Who is suspected, of what, and what follows: the books of one gateway. No detector, no task; the disk in a thread.

Each step up or down is a record and an alarm. A client is named in alarms by its pseudonym: they may leave the house.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from lockgate.core.record_suspicion import CLEARED, LIMITED, OBSERVED, QUIET
from lockgate.serve.abuse import held, standing
from lockgate.serve.abuse.held import Held
from lockgate.serve.abuse.spent import account_of
from lockgate.serve.abuse.standing import NOBODY
from lockgate.serve.spec import Suspicion
from lockgate.trust.policy_abuse import AbusePolicy

if TYPE_CHECKING:
    from lockgate.serve.abuse.entities import Entity
    from lockgate.serve.abuse.responses import Responses
    from lockgate.serve.abuse.spent import Spent
    from lockgate.serve.spec import About, Client
    from lockgate.serve.tally import Tally

FINDINGS: Final[Mapping[str, str]] = {
    "near": "LG6101",
    "novel": "LG6102",
    "shared": "LG6103",
    "leak-day": "LG6104",
    "leak-life": "LG6104",
}
WORDS: Final[Mapping[str, str]] = {
    "near": "looks for inputs that deceive the model",
    "novel": "asks for rows that no population has",
    "shared": "probes the same rows together with others",
    "leak-day": "has been given as much of the model as the policy allows in a day",
    "leak-life": "has been given as much of the model as the policy allows",
}
FOLLOWS: Final[Mapping[int, str]] = {
    OBSERVED: "it is told, nothing else",
    QUIET: "its answers are coarse or slow from now on",
    LIMITED: "its requests are held back from now on (429)",
}
MOST_PENDING = 4096
AGAIN_MS = 3_600_000
"""So long after a record a further one says that it goes on; sooner once there are twice as many rows."""


class Records(Protocol):
    """Who writes records (`recording.recorder`)."""

    def suspect(self, told: Suspicion) -> bool:
        """Write a step, or False when nothing can be written now."""


@dataclass
class _Going:
    """Rows that speak for a suspicion since it began, or since this process did: all, those of the last record, and
    when that was, milliseconds.
    """

    told_at: int
    rows: int = 0
    told: int = 0

    def due(self, now: int) -> bool:
        """Whether it is time to tell that it goes on."""
        much = self.rows >= max(2 * self.told, standing.STEP_ROWS)
        return self.rows > self.told and (much or now - self.told_at >= AGAIN_MS)


class Suspects:
    """Of one gateway."""

    def __init__(
        self,
        records: Records,
        responses: Responses,
        spent: Spent,
        tally: Tally,
        *,
        alarm: Callable[[str, str], None],
        pseudonym: Callable[[str], str],
        wall: Callable[[], int],
        members: Callable[[str], Sequence[str]] = lambda _place: (),
        evidence: Callable[[Entity], Mapping[str, int]] = lambda _entity: {},
    ) -> None:
        """`wall`: milliseconds; `members`: of those who share an address; `evidence`: what is counted of somebody now.
        Raises VerificationFailed LG6107.
        """
        self._records, self._responses, self.spent, self._tally = records, responses, spent, tally
        self._alarm, self._pseudonym, self._wall = alarm, pseudonym, wall
        self._members, self._evidence = members, evidence
        self._going: dict[Entity, _Going] = {}
        self._followed: dict[Entity, set[str]] = {}
        """Of an address that is held back: who of it was told of."""
        self._policy = AbusePolicy()
        self._clients: dict[str, Client] = {}
        self._held: dict[Entity, Held] = held.parse(spent.held)
        self._enough: dict[str, tuple[str, int]] = {}
        """Accounts whose budget is used up: by which rule, and on which day that was told."""
        self._pending: deque[Suspicion] = deque(maxlen=MOST_PENDING)
        self.blind = False
        """Whether what is given away cannot be written just now."""
        self.model = ""
        """The name of the model whose budgets count."""
        self._answer()

    @property
    def suspected(self) -> Iterable[Entity]:
        """Who is."""
        return self._held.keys()

    def rule(self, policy: AbusePolicy) -> None:
        """The policy that is in force. What it does not ask for any more is not done."""
        if policy == self._policy:
            return
        self._policy = policy
        for entity, one in list(self._held.items()):
            after = standing.ruled(one.standing, self._levels(entity, one))
            if after != one.standing:
                self._set(entity, replace(one, standing=after))
                self._step(entity, one, after.level)
        self._charge_anew()
        self._answer()

    def known(self, clients: Sequence[Client]) -> list[Entity]:
        """The client registry as it stands: who was cleared in it since, to be forgotten. What falls is recorded."""
        before, self._clients = self._clients, {one.name: one for one in clients}
        found: list[Entity] = []
        for client in clients:
            old = before.get(client.name)
            if client.cleared is None or (old is not None and old.cleared == client.cleared):
                continue
            found += self._clear(client, _moment(client.cleared))
        self._answer()
        return found

    def raise_(self, entity: Entity, name: str, about: About, rule: str, evidence: Mapping[str, int]) -> None:
        """A detector is over its bar: `rule`, of whom, by a row of which client."""
        own = self._held.get(("client", name))
        if entity[0] == "address" and self._policy.shared == "observe" and own and rule in own.standing.rules:
            return  # that is known already, and nothing follows for who shares its address
        before = self._held.get(entity)
        one = before or Held(NOBODY, about, name, self._kind(name))
        after = standing.raised(one.standing, rule, self._wall())
        if after != one.standing:
            made = replace(one, standing=after, about=about, client=name)
            self._set(entity, made)
            self._tell(entity, made, after.level, rule, evidence)
            self._answer()

    def went_on(self, entity: Entity, counted: Mapping[str, int]) -> None:
        """More rows of somebody who is suspected: how many speak for it, by rule."""
        one = self._held.get(entity)
        rows = max(counted.get(rule, 0) for rule in one.standing.rules) if one is not None else 0
        if one is None or not rows:
            return
        self._since(entity).rows += rows
        after = standing.went_on(one.standing, rows, self._levels(entity, one))
        self._held[entity] = replace(one, standing=after)
        if after.level != one.standing.level:
            self._set(entity, replace(one, standing=after))
            self._step(entity, one, after.level)
            self._answer()

    def charge(self, client: Client, bits: float, about: About) -> None:
        """These were given away to a client."""
        if client.kind == "internal" or bits <= 0:
            return
        who, caps, now = account_of(client), self._policy.caps(client.kind), self._wall()
        rule = self.spent.charge(self.model, who, bits, caps, now)
        if rule and self._enough.get(who, ("", 0))[0] != rule:
            self._enough[who] = (rule, now // 86_400_000)
            scope = "organisation" if client.organisation else "client"
            level = LIMITED if self._policy.rule(client.kind).respond == "limit" else OBSERVED
            counts = self.spent.counts(self.model, who, rule, caps)
            self._say(Suspicion(about, client.name, rule, scope, level, counts, now))
            self._answer()

    def look(self) -> None:
        """Once a second: a new day, what could not be recorded before, and what stands for those who watch."""
        today = self._wall() // 86_400_000
        over = [who for who, (rule, day) in self._enough.items() if rule == "leak-day" and day < today]
        for who in over:
            del self._enough[who]
        while self._pending and self._records.suspect(self._pending[0]):
            self._pending.popleft()
        for entity in list(self._going):
            self._go_on(entity)
        self._follow()
        counts = Counter(one.standing.level for one in self._held.values())
        for level in (OBSERVED, QUIET, LIMITED):
            self._tally.suspected[level] = counts[level]
        self._answer()

    def render(self) -> bytes:
        """The file, as it is to be written."""
        self.spent.held = held.render(self._held)
        return self.spent.render((self._policy.leak_day, self._policy.leak_life))

    def _clear(self, client: Client, cleared: int) -> list[Entity]:
        now = self._wall()
        names: list[Entity] = [("client", client.name), ("cluster", client.name)]
        if client.organisation:
            names.append(("organisation", client.organisation))
        addresses = [entity for entity in self._held if entity[0] == "address"]
        names += [one for one in addresses if client.name in (self._held[one].client, *self._members(one[1]))]
        for entity in names:
            one = self._held.get(entity)
            # What began at a time to come was written by a clock that was wrong.
            if one is not None and (one.standing.since < cleared or one.standing.since > now):
                self._tell(entity, one, CLEARED, one.standing.rules[-1], {"before": one.standing.level})
                del self._held[entity]
                self._going.pop(entity, None)
                self._followed.pop(entity, None)
                self.spent.wanted = True
        who = account_of(client)
        self.spent.clear(who, cleared, now)
        self._enough.pop(who, None)
        return names

    def _charge_anew(self) -> None:
        """Other caps: who is over them?"""
        self._enough = {who: told for who, told in self._enough.items() if self._over(who)}
        for model, who in self.spent.known():
            if model == self.model and who not in self._enough and (rule := self._over(who)):
                self._enough[who] = (rule, self._wall() // 86_400_000)

    def _over(self, who: str) -> str:
        return self.spent.enough(self.model, who, self._policy.caps("external"), self._wall())

    def _levels(self, entity: Entity, one: Held) -> tuple[int, ...]:
        return standing.levels(entity[0], self._policy.rule(one.kind), self._policy)

    def _kind(self, name: str) -> str:
        client = self._clients.get(name)
        return client.kind if client is not None else "external"

    def _set(self, entity: Entity, one: Held) -> None:
        self._held[entity] = one
        self.spent.wanted = True

    def _step(self, entity: Entity, one: Held, level: int) -> None:
        """`one`: as it was before."""
        counts = {**self._evidence(entity), "before": one.standing.level}
        self._tell(entity, one, level, one.standing.rules[-1], counts)

    def _since(self, entity: Entity) -> _Going:
        found = self._going.get(entity)
        if found is None:
            found = self._going[entity] = _Going(self._wall())
        return found

    def _go_on(self, entity: Entity) -> None:
        """A further record, of the level that stands, now and then while it goes on. No step, and no alarm."""
        one, going = self._held.get(entity), self._going[entity]
        if one is None:
            del self._going[entity]
        elif going.due(self._wall()):
            counts = {**self._evidence(entity), "further": going.rows - going.told}
            self._tell(entity, one, one.standing.level, one.standing.rules[-1], counts)

    def _follow(self) -> None:
        """Of an address that is held back: a record for who came to it since."""
        for entity, one in self._held.items():
            if entity[0] == "address" and one.standing.level > OBSERVED:
                told = self._followed.setdefault(entity, set())
                for name in (name for name in self._members(entity[1]) if name not in told):
                    counts = {**self._evidence(entity), "before": OBSERVED}
                    told.add(name)
                    self._say(self._suspicion(entity, one, name, one.standing.level, one.standing.rules[-1], counts))

    def _tell(self, entity: Entity, one: Held, level: int, rule: str, counts: Mapping[str, int]) -> None:
        """One record; where what is found of an address is followed, one for each who shares it."""
        going = self._since(entity)
        going.told, going.told_at = going.rows, self._wall()
        names: Sequence[str] = (one.client,)
        if entity[0] == "address" and self._policy.shared == "respond":
            names = self._members(entity[1])
            if level > OBSERVED:
                self._followed.setdefault(entity, set()).update(names)
        for name in names:
            self._say(self._suspicion(entity, one, name, level, rule, counts))

    def _suspicion(
        self, entity: Entity, one: Held, name: str, level: int, rule: str, counts: Mapping[str, int]
    ) -> Suspicion:
        since = one.standing.since or self._wall()
        return Suspicion(one.about, name, rule, entity[0], level, counts, since)

    def _say(self, told: Suspicion) -> None:
        """Recorded, counted and told. What cannot be recorded now waits, as far as it is given."""
        counts = {name: count for name, count in told.counts.items() if count > 0}
        told = told._replace(counts=counts or {"rows": 1})
        if self._pending or not self._records.suspect(told):
            self._pending.append(told)
        if "further" in told.counts:
            return
        self._tally.suspicions[told.rule, told.level] += 1
        who = self._pseudonym(told.client)
        before = told.counts.get("before", 0)
        if told.level == CLEARED or told.level < before:
            whose = f"client {who}" if told.scope == "client" else f"{told.scope} of client {who}"
            done = f"less follows than before: {FOLLOWS[told.level]}" if told.level else "no longer suspected: cleared"
            self._alarm("LG6108", f"{whose}: {done}")
            return
        finding = FINDINGS[told.rule]
        more = "" if told.scope == "client" else f" (seen of its {told.scope})"
        self._alarm(
            finding, f"client {who} {WORDS[told.rule]}{more}: {FOLLOWS[told.level]}; lockgate clients why {who}"
        )

    def _answer(self) -> None:
        """What follows for the next request of each."""
        levels: Counter[str] = Counter()
        organisations: dict[str, int] = {}
        for (scope, who), one in self._held.items():
            level = one.standing.level
            if level <= OBSERVED:
                continue
            if scope == "organisation":
                organisations[who] = level
            else:
                for name in self._members(who) if scope == "address" else (who,):
                    levels[name] = max(levels[name], level)
        self._responses.become(self._policy, dict(levels), organisations, frozenset(self._enough), blind=self.blind)


def _moment(cleared: str) -> int:
    return int(datetime.fromisoformat(cleared).timestamp() * 1000)
