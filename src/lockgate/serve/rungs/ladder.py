"""A candidate beside what is live, as one gateway lives it: who gets it, and what the two say of the same rows.

Off the caller's path: an answer has left before the other model is asked. A candidate costs nobody an answer: what it
fails on is asked of the live model, and counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from lockgate.audit.ladder.counts import slow_name
from lockgate.contract.given import Given
from lockgate.core.records import parse_receipt
from lockgate.serve.body import reread
from lockgate.serve.declined import Deadly, Declined, Full, NoAnswer, WorkerLost
from lockgate.serve.http import Reply
from lockgate.serve.recording.labels import opener
from lockgate.serve.rungs.comparing import Comparer, Pair, Place
from lockgate.serve.rungs.sizes import Sizes
from lockgate.serve.spec import Answer, Asked, Client

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.serve.answers import Prediction
    from lockgate.serve.calls.ask import Ask
    from lockgate.serve.engine import JailedEngine
    from lockgate.serve.rungs.observer import Observer
    from lockgate.serve.rungs.routing import Router
    from lockgate.serve.service import Live
    from lockgate.serve.shelf import Beside

WARM_BATCHES = 20
"""So many batches of a fresh worker say nothing of how fast it is."""
MOST_KEPT = 100_000
"""Rows whose answers wait to be written, in case a label comes."""
_FAULTS = (NoAnswer, WorkerLost, Deadly, TimeoutError)
BURST_SECONDS, DOWN_SECONDS = 1.0, 5.0
_NOBODY = Client("comparison", "", "internal", "", 0.0, 0)


class Ladder:
    """One step: live model, candidate, rung. In the event loop."""

    def __init__(
        self, beside: Beside, live: Live, candidate: Live, *, router: Router, observer: Observer, same_contract: bool
    ) -> None:
        """`same_contract`: both read records alike, so that what one was given the other is given too."""
        self.live, self.candidate = live, candidate
        self.observer = observer
        self.comparer = Comparer(live.served, candidate.served, beside.ladder.scale or 0.0)
        self.kept: deque[tuple[Place, Pair]] = deque(maxlen=MOST_KEPT)
        self._labels = "risk" in beside.ladder.checks
        self._share, self._pairs = beside.share, beside.rung.pairs
        self._router = router
        self._same_contract = same_contract
        self._tasks: set[asyncio.Task[None]] = set()
        self._sizes = Sizes()
        self._stood: dict[str, float] = {}
        """When requests of an arm last failed together."""
        self._down: dict[str, float] = {}
        """Since when an arm has no worker."""

    @property
    def served(self) -> tuple[Digest, Digest]:
        """The two models: candidate, and what is live."""
        return self.candidate.served.manifest, self.live.served.manifest

    def choose(self, ask: Ask) -> Live:
        """Who answers this request. Whoever names a version gets the one that is live."""
        if not self._share or "version" in ask.path or self._router.point(ask) >= self._share:
            return self.live
        engine = self.candidate.engine
        return self.candidate if engine.up and not engine.stalled else self.live

    def batch(self, engine: JailedEngine, rows: int) -> None:
        """A batch of so many rows came back from a worker. On a rung with traffic the arms have other batches."""
        arm = "" if self._share else self._arm(engine)
        if arm and engine.batches > WARM_BATCHES and self._sizes.compares(arm, rows):
            self.observer.add(slow_name(arm, engine.seconds))

    def recorded(self, engine: JailedEngine, batch: Sequence[Asked], receipts: Sequence[Sequence[str]]) -> None:
        """These answers have their records. What is counted here is what the records say, row for row."""
        arm = self._arm(engine)
        if arm:
            self.observer.add(f"{arm}.requests", len(batch) - sum([asked.again for asked in batch]))
            self.observer.add(f"{arm}.rows", sum(map(len, receipts)))
            for _ in range(sum([asked.fell for asked in batch])):
                self._fared("pairs.failed")

    def given(self, engine: JailedEngine, batch: Sequence[Asked], answers: Sequence[Answer]) -> None:
        """These answers have left: now the other model may be asked. Of the candidate's answers always."""
        arm = self._arm(engine)
        if not arm:
            return
        number = self.comparer.number
        for asked, answer in zip(batch, answers, strict=True):
            said = list(map(number, answer.raw))
            places = self._places(answer.receipts)
            self._keep(places, said, arm)
            if asked.again or (arm == "live" and not self._sampled(asked.given)):
                continue
            if self._crowded():
                self.observer.add("pairs.skipped", asked.given.rows)
            else:
                other = "candidate" if arm == "live" else "live"
                self._ask(other, asked.given, partial(self._told, other, said, places))

    def failed(self, engine: JailedEngine, asked: Asked, error: Exception) -> None:
        """A caller's request failed. What the candidate fails on, live is asked; what live fails on, the candidate."""
        arm = self._arm(engine)
        if arm == "candidate" and isinstance(error, Declined):
            asked.fell = True  # by its contract; whether live takes it is seen soon
            return
        if arm == "live" and asked.again:
            if asked.fell and isinstance(error, _FAULTS):
                self._fared()
            return
        if not arm or not self._counts(arm, error) or self._crowded():
            return
        if arm == "candidate":
            asked.fell = True
        elif isinstance(error, (NoAnswer, Deadly)) and asked.given.values is not None and self._sampled(asked.given):
            self._ask("candidate", asked.given, self._saved)

    def second(self, now: float) -> None:
        """Once a second, in monotonic seconds: a model without a worker for long is one that fails.

        One that is back soon is not: who ends a worker from outside says nothing about the model.
        """
        self._sizes.second()
        down: set[str] = set()
        for arm, engine in (("live", self.live.engine), ("candidate", self.candidate.engine)):
            since = self._down.setdefault(arm, now)
            if engine.up:
                del self._down[arm]
            elif now - since > DOWN_SECONDS:
                self._fault(arm)
                down.add(arm)
        if len(down) == 1:
            self._fared("pairs.failed" if "candidate" in down else "pairs.saved")

    def close(self) -> None:
        """Write what is left. What is under way counts no more."""
        self.observer.flush(now=True)
        for task in self._tasks:
            task.cancel()

    def _arm(self, engine: JailedEngine) -> str:
        # By manifest: an engine that is being closed answers what it was asked, and its records count.
        manifest = engine.served.manifest
        if manifest == self.live.served.manifest:
            return "live"
        return "candidate" if manifest == self.candidate.served.manifest else ""

    def _sampled(self, given: Given) -> bool:
        return bool(self._pairs) and self._router.sampled(given.canonical[0]) < self._pairs

    def _crowded(self) -> bool:
        """Comparisons give way: while more than a batch waits before either model, nothing is compared."""
        lines = (self.live.engine.line, self.candidate.engine.line)
        return any(line.rows > line.batch for line in lines)

    def _counts(self, arm: str, error: Exception) -> bool:
        """What fails by itself is one failure. What one standstill took together is one, too: a burst of one cause."""
        if isinstance(error, (TimeoutError, WorkerLost)):
            now = time.monotonic()
            if now - self._stood.get(arm, -BURST_SECONDS) < BURST_SECONDS:
                return False
            self._stood[arm] = now
        elif not isinstance(error, (NoAnswer, Deadly)):
            return False
        self._fault(arm)
        return True

    def _fault(self, arm: str) -> None:
        self.observer.add(f"{arm}.requests")
        self.observer.add(f"{arm}.errors")

    def _fared(self, only: str = "") -> None:
        """It is known how both fared with one request. `only`: `pairs.failed` or `pairs.saved`, where one did not."""
        self.observer.add("pairs.requests")
        self.observer.add(only)

    def _ask(self, arm: str, given: Given, told: Callable[[Sequence[Prediction] | Exception], None]) -> None:
        """Ask the model `arm` about rows that the other one was asked about, for nobody."""
        other = self.candidate if arm == "candidate" else self.live
        if not other.engine.up or other.engine.stalled:
            self.observer.add("pairs.skipped", given.rows)
            return
        read = given if self._same_contract else reread(other.checker, given)
        if read is None:
            self._refused(given.rows)
            return
        shadow = Asked(_NOBODY, Given(read.rows, read.canonical, read.values), _nothing, _nobody, time.monotonic())
        shadow.shadow = told
        if read.values is None:
            task = asyncio.get_running_loop().create_task(self._ask_pydantic(other, shadow, told))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            _submit(other, shadow, told)

    async def _ask_pydantic(
        self, other: Live, shadow: Asked, told: Callable[[Sequence[Prediction] | Exception], None]
    ) -> None:
        try:
            checked = await other.engine.check(shadow)
            if checked.errors:
                self._refused(shadow.given.rows)
                return
            shadow.given.values = other.checker.learn(shadow.given, checked.columns)
        except Exception as error:  # noqa: BLE001 - nobody waits for it: it is counted
            told(error)
        else:
            _submit(other, shadow, told)

    def _told(
        self,
        arm: str,
        said: Sequence[float],
        places: Sequence[Place],
        answer: Sequence[Mapping[str, Any]] | Exception,
    ) -> None:
        """The model `arm` was asked about rows of which the other one has said `said`."""
        if isinstance(answer, Exception):
            self.observer.add("pairs.skipped", len(said))
            if self._counts(arm, answer):
                self._fared("pairs.failed" if arm == "candidate" else "pairs.saved")
            return
        self.observer.add(f"{arm}.requests")
        self._fared()
        its = list(map(self.comparer.number, answer))
        self._keep(places, its, arm)
        live, candidate = (its, said) if arm == "live" else (said, its)
        self.comparer.compare(self.observer, live, candidate)

    def _saved(self, answer: Sequence[Mapping[str, Any]] | Exception) -> None:
        """The candidate was asked about rows that the live model has no answer for."""
        if not isinstance(answer, Exception):
            self.observer.add("candidate.requests")
            self._fared("pairs.saved")
        elif self._counts("candidate", answer):
            self._fared()

    def _refused(self, rows: int) -> None:
        """The other contract refuses what this one takes: no answer is another answer."""
        self.observer.add("pairs.rows", rows)
        self.observer.add("pairs.disagree", rows)

    def _keep(self, places: Sequence[Place], said: Sequence[float], arm: str) -> None:
        if self._labels:
            pairs = (Pair(one, None) if arm == "live" else Pair(None, one) for one in said)
            self.kept.extend(zip(places, pairs, strict=False))

    def _places(self, receipts: Sequence[str]) -> list[Place]:
        if not self._labels:
            return []
        found = map(parse_receipt, receipts)
        return [Place(receipt.seq, receipt.row or 0, opener(receipt)) for receipt in found]


def _submit(other: Live, shadow: Asked, told: Callable[[Sequence[Prediction] | Exception], None]) -> None:
    try:
        other.engine.submit(shadow)
    except (Full, Deadly, WorkerLost) as error:
        told(error)


def _nobody(_: Reply) -> None:
    return


def _nothing(_: Answer) -> Reply:
    return Reply(204)
