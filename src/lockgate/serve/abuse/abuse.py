"""What a gateway does to see who tries its models, and leaves when they leave. Never on the way of a request.

Requests that were answered are handed over as they are, by the batch. Everything else happens between requests, in
steps of about a millisecond, for at most a twentieth of the time; what imports numpy, and the disk, wait in a thread.
Every gateway of a house looks at its own rows, for itself: of a client that comes to four, each sees a quarter.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import LockgateError
from lockgate.serve.abuse.entities import Groups, Kept
from lockgate.serve.abuse.making import file_of, make_looking, name_of, signature_of
from lockgate.serve.abuse.responses import Responses
from lockgate.serve.abuse.spent import BITS, Spent
from lockgate.serve.abuse.suspects import Records, Suspects
from lockgate.serve.abuse.waiting import CHUNK_ROWS, Waiting
from lockgate.serve.monitoring.watch import FAST_SECONDS, LEAST_CHUNK, SLOW_SECONDS, Clocks
from lockgate.serve.spec import About

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.serve.abuse.entities import Entity
    from lockgate.serve.abuse.looking import Looked, Looking, Remembered
    from lockgate.serve.abuse.making import Signature
    from lockgate.serve.engine import JailedEngine
    from lockgate.serve.evidence import Loadable
    from lockgate.serve.monitoring.rows import Batch
    from lockgate.serve.service import Service
    from lockgate.serve.settings import GatewaySettings
    from lockgate.serve.spec import Answer, Asked, Client, Served, ServePolicy
    from lockgate.serve.tally import Tally

TURN_SECONDS = 0.05
RESTS = 19
"""For each second of work so many of rest."""
MOST_BATCHES = 4096
"""That wait for the next turn. Those before them are let go unseen."""
LOOK_SECONDS = 1.0
AGAIN_SECONDS = 600.0
"""So long nothing more is told of rows that are not looked at."""
MANY_SKIPPED = 1000
MOST_HOUSES = 64

SILENT = {"near": "who probes around a row is not seen", "novel": "made-up rows are not seen"}

_log = logging.getLogger(__name__)


@dataclass
class Watched:
    """One model version, its policy, and its rows that wait. `looking`: None until it is made, where it can be."""

    served: Served
    policy: ServePolicy
    about: About
    waiting: Waiting = field(default_factory=Waiting)
    looking: Looking | None = None
    most: int = CHUNK_ROWS


class Abuse:
    """To be made in the running loop. Raises VerificationFailed LG6107."""

    def __init__(
        self,
        service: Service,
        records: Records,
        settings: GatewaySettings,
        tally: Tally,
        *,
        alarm: Callable[[str, str], None],
        pseudonym: Callable[[str], str],
        spool: Path,
        clocks: Clocks | None = None,
        make: Callable[[Mapping[str, bytes], Kept[Remembered], Groups, Sequence[str]], Looking] | None = None,
    ) -> None:
        """`alarm`: who is told, by finding and sentence; `spool`: where what was given away lies. `clocks`, `make`: for
        tests.
        """
        self._service, self._tally, self._alarm, self._pseudonym = service, tally, alarm, pseudonym
        self._clocks = clocks or Clocks(time.monotonic, lambda: time.time_ns() // 1_000_000, time.thread_time)
        self._make_looking = make or make_looking
        self._kept: Kept[Remembered] = Kept()
        self._groups = Groups(os.urandom(32))
        self.responses = Responses()
        others = [file_of(spool, settings.environment, number) for number in range(settings.gateways, MOST_HOUSES)]
        spent = Spent(
            file_of(spool, settings.environment, settings.number),
            settings.gateways,
            () if settings.number else others,
        )
        self._suspects = Suspects(
            records,
            self.responses,
            spent,
            tally,
            alarm=alarm,
            pseudonym=pseudonym,
            wall=self._clocks.wall,
            members=self._groups.members,
            evidence=self._evidence,
        )
        self._models: dict[Digest, Watched] = {}
        self._lookings: dict[Signature, Looking] = {}
        self._given: deque[tuple[Digest, Batch]] = deque()
        self._making: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._without: set[Digest] = set()
        self._told_none: set[Digest] = set()
        self._told: dict[str, float] = {}
        self._rests_until = self._due = 0.0
        self._turns = self._skipped = self._unmade = 0
        self._skipped_of: Counter[str] = Counter()
        service.held = self.responses

    def settle(self, wanted: Sequence[Loadable]) -> None:
        """Look at what these are asked, and at no others. Never raises."""
        try:
            self._settle(wanted)
        except Exception as error:  # noqa: BLE001 - what is not looked at is answered all the same, and told
            self._say("", "looking at clients is off", error)

    def clients(self, listed: Sequence[Client]) -> None:
        """The client registry has changed: who was cleared is forgotten. Never raises."""
        try:
            self._forget(self._suspects.known(listed))
        except Exception as error:  # noqa: BLE001 - as above
            self._say("clients", "who was cleared is not followed", error)

    def given(self, engine: JailedEngine, batch: Sequence[Asked], answers: Sequence[Answer]) -> None:
        """These answers have left. All that happens for a request is here."""
        self._given.append((engine.served.manifest, (batch, answers)))
        if len(self._given) > MOST_BATCHES:
            manifest, old = self._given.popleft()
            for asked, answer in zip(*old, strict=True):
                self._pass_over(self._models.get(manifest), asked.client, len(answer.raw))

    async def close(self) -> None:
        """Look no more. What was given away is in the file."""
        self._service.look = None
        for task in (*self._making, self._task, self._writing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        with suppress(Exception):
            self._take_in(self._clocks.now())
            for one in self._models.values():
                while one.looking is not None and len(one.waiting):
                    self._step(one, math.inf)
        self._suspects.look()
        await self._write()

    def _settle(self, wanted: Sequence[Loadable]) -> None:
        models: dict[Digest, Watched] = {}
        for loaded in wanted:
            served = loaded.served
            self._suspects.model = served.name
            about = About(served.manifest, served.environment, served.rung)
            one = self._models.get(served.manifest)
            if one is None:
                one = Watched(served, loaded.policy, about)
                self._begin(one, loaded)
            one.served, one.policy, one.about = served, loaded.policy, about
            models[served.manifest] = one
        if wanted:
            self._suspects.rule(wanted[0].abuse)
        for manifest, gone in self._models.items():
            if manifest not in models:
                self._count("skipped", len(gone.waiting))
        self._models = models
        used = {signature_of(one.served) for one in models.values()}
        for name in [name for name in self._lookings if name not in used]:
            self._lookings.pop(name).close()
        self._service.look = self.given if models else None
        if models and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    def _begin(self, one: Watched, loaded: Loadable) -> None:
        self._unmade += 1
        task = asyncio.get_running_loop().create_task(self._make(one, loaded))
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _make(self, one: Watched, loaded: Loadable) -> None:
        """Numpy takes a tenth of a second to load, and a population as long to read."""
        signature = signature_of(one.served)
        try:
            made = await asyncio.to_thread(
                self._make_looking, loaded.plans, self._kept, self._groups, [name for name, _ in signature[1]]
            )
        except LookupError:
            self._without.add(one.served.manifest)
        except Exception as error:  # noqa: BLE001 - whatever is in a plan, or missing here
            self._say(name_of(one.served), f"looking at the clients of {name_of(one.served)} is off", error)
        else:
            # A version with the fields of another one is looked at with it: who attacks both is seen as one.
            if signature not in self._lookings:
                self._lookings[signature] = made
                for rule in made.silent:
                    self._alarm("LG6106", f"the population of {name_of(one.served)} says too little: {SILENT[rule]}")
        self._share(signature)

    def _share(self, signature: Signature) -> None:
        """A version without a population of its own is looked at by that of another with the same fields."""
        for one in self._models.values():
            if one.looking is None and signature_of(one.served) == signature:
                one.looking = self._lookings.get(signature)
        self._unmade -= 1
        if self._unmade:
            return  # another one may bring it
        for one in self._models.values():
            if one.looking is None and one.served.manifest in self._without:
                self._say_none(one.served)

    async def _run(self) -> None:
        """Turn after turn, for as long as there is something to look at."""
        while self._models:
            wait = TURN_SECONDS
            try:
                wait = self._turn(self._clocks.now())
            except Exception as error:  # noqa: BLE001 - there is a next turn, without what this one failed on
                self._given.clear()
                self._say("", "looking at clients stands still", error)
            await asyncio.sleep(wait)

    def _turn(self, now: float) -> float:
        """Take in what was answered, look at one chunk, do what is due; seconds until the next turn."""
        began = self._clocks.spent()
        self._take_in(now)
        if now >= self._rests_until:
            due = [one for one in self._models.values() if one.looking is not None and one.waiting.due(now)]
            if due:
                self._step(due[self._turns % len(due)], now)
            self._turns += 1
            if now >= self._due:
                self._due = now + LOOK_SECONDS
                self._look()
            self._rests_until = now + (self._clocks.spent() - began) * RESTS
        busy = any(one.waiting.due(now) for one in self._models.values() if one.looking is not None)
        return min(TURN_SECONDS, max(0.0, self._rests_until - now)) if busy else TURN_SECONDS

    def _take_in(self, now: float) -> None:
        passed: dict[tuple[Digest, str], tuple[Client, int]] = {}
        while self._given:
            manifest, (batch, answers) = self._given.popleft()
            one = self._models.get(manifest)
            for asked, answer in zip(batch, answers, strict=True):
                taken = one.waiting.take(asked, answer, now) if one is not None and one.looking is not None else 0
                if taken < len(answer.raw):
                    key = manifest, asked.client.name
                    rows = len(answer.raw) - taken + (passed[key][1] if key in passed else 0)
                    passed[key] = (asked.client, rows)
        for (manifest, _), (client, rows) in passed.items():
            self._pass_over(self._models.get(manifest), client, rows)

    def _pass_over(self, one: Watched | None, client: Client, rows: int) -> None:
        """Rows that nobody looks at: counted, and charged in full."""
        self._count("skipped", rows)
        if one is None:
            return
        if one.looking is not None:
            self._skipped += rows
            self._skipped_of[client.name] += rows
        self._suspects.charge(client, BITS[self._form(one, client)] * rows, one.about)

    def _step(self, one: Watched, now: float) -> None:
        if one.looking is None:
            return
        rows = one.waiting.chunk(one.most, now)
        if not rows:
            return
        began = self._clocks.spent()
        found = one.looking.look(rows, one.served, lambda client: self._form(one, client))
        self._pace(one, self._clocks.spent() - began)
        self._take_up(one, found, {row.client.name: row.client for row in rows})

    def _take_up(self, one: Watched, found: Looked, clients: Mapping[str, Client]) -> None:
        """What a chunk says, into the books."""
        for name, count, error in found.failed:
            self._count("skipped", count)
            self._suspects.charge(clients[name], BITS[self._form(one, clients[name])] * count, one.about)
            self._say("rows", "rows of a client make the detectors fail", error)
        if found.broken is not None:
            self._say("together", "who probes together is not seen", found.broken)
        suspects = self._suspects
        for entity in list(suspects.suspected):
            source: Entity = ("client", entity[1]) if entity[0] == "cluster" else entity
            if source in found.counted:
                suspects.went_on(entity, found.counted[source])
        for entity, name, raised in found.raised:
            skipped = {"skipped": self._skipped} if self._skipped else {}
            suspects.raise_(entity, name, one.about, raised.rule, {**raised.evidence, **skipped})
        for name, bits in found.bits.items():
            suspects.charge(clients[name], bits, one.about)
        self._count("looked", found.rows)

    def _evidence(self, entity: Entity) -> Mapping[str, int]:
        """What is counted of somebody now, of the model of which it is most."""
        found = (looking.evidence(entity) for looking in self._lookings.values())
        return max(found, key=lambda one: one.get("rows", 0), default={})

    def _form(self, one: Watched, client: Client) -> str:
        if self.responses.active and self.responses.coarse(client):
            return "label"
        scores = one.policy.output(client.kind).scores
        return "rounded" if one.served.task == "regression" and scores != "full" else scores

    def _look(self) -> None:
        """Once a second."""
        self._suspects.look()
        now = self._tally.now
        now["abuse_keys"], now["abuse_evicted"] = len(self._kept), self._kept.evicted
        now["abuse_slowed"] = self.responses.slowed
        if self._kept.refused:
            self._kept.refused = 0
            self._say("full", "no key more is remembered", RuntimeError("those who are remembered are suspected"))
        if self._skipped > MANY_SKIPPED and self._again("skipped"):
            ((name, rows),) = self._skipped_of.most_common(1)
            most = f"most are of client {self._pseudonym(name)} ({rows})"
            self._alarm("LG6109", f"{self._skipped} rows were not looked at: more come than there is time for; {most}")
        if self._suspects.spent.wanted and (self._writing is None or self._writing.done()):
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        data = self._suspects.render()
        try:
            await asyncio.to_thread(self._suspects.spent.write, data)
        except (LockgateError, OSError) as error:
            self._suspects.spent.wanted = self._suspects.blind = True
            if self._again("write"):
                self._alarm("LG6107", f"what was given away cannot be written: {error}")
        else:
            self._suspects.blind = False

    def _forget(self, entities: Sequence[Entity]) -> None:
        for entity in entities:
            for looking in self._lookings.values():
                looking.forget(entity)

    def _pace(self, one: Watched, spent: float) -> None:
        if spent > SLOW_SECONDS:
            one.most = max(LEAST_CHUNK, one.most // 2)
        elif spent < FAST_SECONDS:
            one.most = min(CHUNK_ROWS, one.most * 2)

    def _say_none(self, served: Served) -> None:
        if served.manifest not in self._told_none:
            self._told_none.add(served.manifest)
            self._alarm("LG6106", f"{name_of(served)} was registered without a population: who probes it is not seen")

    def _say(self, what: str, message: str, error: Exception) -> None:
        if self._again(what):
            _log.warning("LG6105: %s", message, exc_info=error)
            self._alarm("LG6105", f"{message}: {type(error).__name__}: {str(error)[:200]}")

    def _again(self, what: str) -> bool:
        now = self._clocks.now()
        if now - self._told.get(what, now - AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        self._told[what] = now
        return True

    def _count(self, what: str, rows: int) -> None:
        self._tally.abuse[what] += rows
