"""What a gateway does to watch its models, and leaves when they leave. Never on the way of a request.

Rows that were answered are handed over as they are, by the batch. Everything else happens between requests, in steps
of about a millisecond, for at most a twentieth of the time; what imports numpy, and the disk, wait in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.serve.monitoring.awaited import Awaited
from lockgate.serve.monitoring.watch import Clocks, Records, Watch
from lockgate.serve.spec import Watched

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.serve.engine import JailedEngine
    from lockgate.serve.evidence import Loadable
    from lockgate.serve.monitoring.counting import Counting
    from lockgate.serve.monitoring.rows import Batch
    from lockgate.serve.service import Service
    from lockgate.serve.settings import GatewaySettings
    from lockgate.serve.spec import Answer, Asked, Served
    from lockgate.serve.tally import Tally

TURN_SECONDS = 0.05
RESTS = 19
"""For each second of work so many of rest."""
MOST_BATCHES = 1024
"""That wait for the next turn: more than are answered in one. Those before them would be let go unseen."""
LOOK_SECONDS = 1.0
AGAIN_SECONDS = 600.0
"""So long nothing more is told of rows that cannot be counted."""
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")

_log = logging.getLogger(__name__)


def _clocks() -> Clocks:
    return Clocks(time.monotonic, lambda: time.time_ns() // 1_000_000, time.thread_time)


class Monitoring:
    """To be made in the running loop. `alarm`: who is told, by finding and sentence; `folder`: where labels lie."""

    def __init__(
        self,
        service: Service,
        records: Records,
        settings: GatewaySettings,
        tally: Tally,
        *,
        alarm: Callable[[str, str], None],
        folder: Path,
        clocks: Clocks | None = None,
        make: Callable[[Mapping[str, bytes], Served, int], Counting] | None = None,
    ) -> None:
        """`clocks`, `make`: for tests."""
        self._service, self._records, self._settings, self._tally = service, records, settings, tally
        self._alarm = alarm
        self._clocks, self._counting = clocks or _clocks(), make or _counting
        self._watches: dict[Digest, Watch] = {}
        self._leaving: list[Watch] = []
        self._told: dict[str, float] = {}
        self._without: set[Digest] = set()
        self._given: deque[tuple[Digest, Batch]] = deque(maxlen=MOST_BATCHES)
        self._task: asyncio.Task[None] | None = None
        self._making: set[asyncio.Task[None]] = set()
        self._awaited = Awaited(folder, settings.gateway)
        self._reading: asyncio.Task[None] | None = None
        self._rests_until = self._due = 0.0
        self._turns = 0

    def settle(self, wanted: Sequence[Loadable]) -> None:
        """Watch these models, each for itself, and no others. Never raises."""
        try:
            self._settle(wanted)
        except Exception as error:  # noqa: BLE001 - what is not watched is answered all the same, and told
            self._say("", "monitoring is off", error)

    def given(self, engine: JailedEngine, batch: Sequence[Asked], answers: Sequence[Answer]) -> None:
        """These answers have left. All that happens for a request is here."""
        self._given.append((engine.served.manifest, (batch, answers)))

    async def close(self) -> None:
        """Watch no more. What was counted is written, as far as anything can be."""
        self._service.watch = None
        for task in (*self._making, self._task, self._reading):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        for watch in (*self._watches.values(), *self._leaving):
            with suppress(Exception):
                watch.end()
            self._keep(watch)
        await self._awaited.close()

    def _settle(self, wanted: Sequence[Loadable]) -> None:
        watches: dict[Digest, Watch] = {}
        for loaded in wanted:
            served = loaded.served
            self._tally.monitor[_name(served), "alarms"] = loaded.standing.alarms
            if loaded.standing.problem:
                problem = ValueError(loaded.standing.problem)
                self._say(f"{served.manifest}", f"the alarms of {_name(served)} cannot be read", problem)
            if not loaded.plans:
                self._say_none(served)
                continue
            if self._settings.number:
                continue  # Rows that the gateways of a house see side by side are neighbours, and only one sees which.
            about = Watched(served.manifest, served.environment, served.rung, loaded.standing.life)
            watch = self._watches.get(served.manifest)
            if watch is None:
                self._awaited.follow()
                watch = Watch(_name(served), about, self._settings.caps, self._records, self._tally, self._clocks)
                task = asyncio.get_running_loop().create_task(self._make(watch, loaded))
                self._making.add(task)
                task.add_done_callback(self._making.discard)
            watch.become(about)
            watches[served.manifest] = watch
        self._leaving += [watch for manifest, watch in self._watches.items() if manifest not in watches]
        self._forget({_name(loaded.served) for loaded in wanted})
        self._watches = watches
        self._service.watch = self.given if watches else None
        if watches and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _make(self, watch: Watch, loaded: Loadable) -> None:
        """Numpy takes a tenth of a second to load, and a plan of many strata as long to read."""
        try:
            stride = self._settings.caps.stride
            watch.counting = await asyncio.to_thread(self._counting, loaded.plans, loaded.served, stride)
        except Exception as error:  # noqa: BLE001 - whatever is in a plan, or missing here
            self._say(watch.name, f"monitoring of {watch.name} is off", error)

    async def _run(self) -> None:
        """Turn after turn, for as long as there is something to watch."""
        while self._watches or self._leaving:
            wait = TURN_SECONDS
            try:
                wait = self._turn(self._clocks.now())
            except Exception as error:  # noqa: BLE001 - there is a next turn, without what this one failed on
                self._given.clear()
                self._say("", "monitoring stands still", error)
            await asyncio.sleep(wait)

    def _turn(self, now: float) -> float:
        """Take in what was answered, count one chunk, do what is due; seconds until the next turn."""
        began = self._clocks.spent()
        self._take_in()
        if now >= self._rests_until:
            waiting = [watch for watch in self._watches.values() if watch.busy]
            if waiting:
                waiting[self._turns % len(waiting)].step()
            self._turns += 1
            if now >= self._due:
                self._due = now + LOOK_SECONDS
                self._look()
            self._rests_until = now + (self._clocks.spent() - began) * RESTS
        busy = any(watch.busy for watch in self._watches.values())
        return min(TURN_SECONDS, max(0.0, self._rests_until - now)) if busy else TURN_SECONDS

    def _take_in(self) -> None:
        batches: dict[Digest, list[Batch]] = defaultdict(list)
        while self._given:
            manifest, batch = self._given.popleft()
            batches[manifest].append(batch)
        for manifest, found in batches.items():
            if manifest in self._watches:
                self._watches[manifest].take(found)

    def _look(self) -> None:
        """Once a second: windows that last too long, what failed, and labels."""
        for watch in self._watches.values():
            watch.look()
            self._keep(watch)
            if watch.failing is not None:
                self._say(watch.name, f"monitoring of {watch.name} misses rows", watch.failing)
                watch.failing = None
        self._leaving = [watch for watch in self._leaving if not watch.end()]
        # A disk that stands still does not hold the turns up.
        wanted = any(watch.counting is not None and watch.counting.losses.wanted for watch in self._watches.values())
        if wanted and (self._reading is None or self._reading.done()):
            self._reading = asyncio.get_running_loop().create_task(self._follow(list(self._watches)))

    async def _follow(self, models: Sequence[Digest]) -> None:
        """Count labels that came."""
        try:
            for label, (manifest, said, stratum) in await self._awaited.came(models):
                if manifest in self._watches:
                    self._watches[manifest].label(said, label, stratum)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the files, there is a next time
            self._say("labels", "labels are not followed", error)

    def _keep(self, watch: Watch) -> None:
        rows, watch.kept = watch.kept, []
        if rows:
            self._awaited.keep(watch.about.model, rows, watch.sample.every)

    def _say_none(self, served: Served) -> None:
        if served.manifest not in self._without:
            self._without.add(served.manifest)
            self._alarm(
                "LG654", f"{_name(served)} was registered without a monitoring plan: drift of its inputs is not watched"
            )

    def _say(self, what: str, message: str, error: Exception) -> None:
        now = self._clocks.now()
        if now - self._told.get(what, now - AGAIN_SECONDS) >= AGAIN_SECONDS:
            self._told[what] = now
            _log.warning("LG653: %s", message, exc_info=error)
            self._alarm("LG653", f"{message}: {type(error).__name__}: {str(error)[:200]}")

    def _forget(self, names: set[str]) -> None:
        """What stands now stands of what is here."""
        for key in [key for key in self._tally.monitor if key[0] not in names]:
            del self._tally.monitor[key]


def _name(served: Served) -> str:
    return f"{served.name}@{served.version}"


def _counting(plans: Mapping[str, bytes], served: Served, stride: int) -> Counting:
    """In a thread. Nothing here is worth threads of its own for linear algebra, which each take memory."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    from lockgate.serve.monitoring.counting import Counting

    return Counting(plans, served, stride)
