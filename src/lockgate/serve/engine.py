"""The live model as the gateway drives it: its model worker over a link; `checks` drives its contract worker.

Neither worker is trusted: answers are read by `answers`. One batch is away at a time, and whatever arrives meanwhile is
the next: no timer, no wait where nobody else waits. When a worker is lost, what it had is asked once more, each request
alone, of the next one; a request that was there both times is refused, and refused from then on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from lockgate.contract.given import Given
from lockgate.core.table import pack_table
from lockgate.core.wire import Frame, WireError
from lockgate.runtime.serving import ServingSpec
from lockgate.serve.answers import Prediction, Reader
from lockgate.serve.checks import LOSSES, Checks
from lockgate.serve.declined import Deadly, Full, NoAnswer, WorkerLost
from lockgate.serve.line import Line
from lockgate.serve.link import WorkerLink
from lockgate.serve.spec import Asked, Caps, Checked, Served, ServePolicy

KILLERS = 1024


@dataclass(frozen=True)
class Outcome:
    """Where the engine's results go: both are called in the event loop, once for each request."""

    answered: Callable[[JailedEngine, Sequence[Asked], Sequence[Prediction]], None]
    """A batch, and one prediction for each of its rows."""
    failed: Callable[[JailedEngine, Asked, Exception], None]
    """Full, TimeoutError, WorkerLost, NoAnswer, Deadly."""


class JailedEngine:
    """One verified model, and what the policy says of its answers.

    `replace` gives it a worker's link, at the start and after a loss. Once closed, it answers nobody, and leaves nobody
    without an answer.
    """

    def __init__(
        self, served: Served, spec: ServingSpec, caps: Caps, outcome: Outcome, clock: Callable[[], float]
    ) -> None:
        """`clock`: monotonic seconds."""
        self.served = served
        self.policy = ServePolicy()
        self.reader = Reader(spec)
        self.line = Line(caps.batch_rows, caps.waiting_rows)
        self.checks = Checks(spec, caps, lambda asked: self._remember(asked.given))
        self.closed = False
        self.patience = 0.0
        """Seconds, where another model stands in for this one: then it is given up. 0: what an answer may take, and
        what a worker was lost with is asked once more."""
        self.seconds = 0.0
        """How long the worker had the batch that was answered last."""
        self.batches = 0
        """How many batches the worker that answers now has answered."""
        self._types = spec.field_types
        self._caps = caps
        self._outcome = outcome
        self._clock = clock
        self._model: WorkerLink | None = None
        self._number = 0
        self._away: list[Asked] | None = None
        self._sent = 0.0
        self._poked = False
        self._alone: deque[tuple[Asked, int]] = deque()
        self._losses = 0
        self._killers: OrderedDict[bytes, None] = OrderedDict()

    def replace(self, kind: str, link: WorkerLink) -> None:
        """Take a worker into service: `contract` or `model`."""
        if kind == "contract":
            self.checks.replace(link)
        else:
            if self._model is not None and self._model is not link:
                self._model.close()
            self._model = link
            self.batches = 0
            self._poke()

    @property
    def up(self) -> bool:
        """Whether there is a worker to answer."""
        return not self.closed and self._model is not None and not self._model.lost

    @property
    def stalled(self) -> bool:
        """Whether its worker has had a batch for longer than it is given."""
        return bool(self.patience) and self._away is not None and self._clock() - self._sent > self.patience

    def submit(self, asked: Asked) -> None:
        """Let the model predict `asked.given.values`; the outcome is told later. Raises Full, Deadly, WorkerLost."""
        self._refuse(asked)
        if self.patience:
            asked.since = self._clock()
        displaced = self.line.push(asked)
        if displaced is not None:
            self._outcome.failed(self, displaced, Full())
        self._poke()

    async def check(self, asked: Asked) -> Checked:
        """Pydantic's word. Raises Full, TimeoutError, WorkerLost, Deadly."""
        self._refuse(asked)
        return await self.checks.ask(asked)

    def sweep(self) -> None:
        """Give up what has waited longer than an answer may take. To be called a few times a second."""
        before = self._clock() - (self.patience or self._caps.answer)
        for asked in self.checks.line.late(before):
            self.checks.fail(asked, TimeoutError())
        late = self.line.late(before)
        late += [entry[0] for entry in self._alone if entry[0].since < before]
        self._alone = deque(entry for entry in self._alone if entry[0].since >= before)
        if self.stalled and self._away is not None:
            # The worker may still answer: for nobody.
            late += self._away
            self._away = [Asked(one.client, one.given, one.spell, one.reply, shadow=_ignore) for one in self._away]
        for asked in late:
            self._outcome.failed(self, asked, TimeoutError())

    def leave(self) -> None:
        """Take nothing more, and keep nobody waiting: what the worker has now is answered, the rest is told at once."""
        self.closed = True
        self.checks.close()
        waiting = [entry[0] for entry in self._alone]
        self._alone.clear()
        while taken := self.line.take():
            waiting += taken
        for asked in waiting:
            self._outcome.failed(self, asked, WorkerLost("this model answers no more"))

    def close(self) -> None:
        """Let both workers go; whoever waits is told."""
        if self._model is not None:
            self._model.close()
        self.leave()

    def _refuse(self, asked: Asked) -> None:
        if self.closed:
            raise WorkerLost("this model answers no more")
        if self._killers and _fingerprint(asked.given) in self._killers:
            raise Deadly

    def _poke(self) -> None:
        """Send at the end of this turn of the loop, so that all requests that arrived in it go together."""
        if not self._poked and self._away is None:
            self._poked = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._poked = False
        if self._away is not None or self._model is None or self._model.lost:
            return
        self._losses = 0
        if self._alone:
            asked, self._losses = self._alone.popleft()
            batch = [asked]
        else:
            batch = self.line.take()
            self.line.unwanted.clear()
        if batch:
            self._send(self._model, batch)

    def _send(self, model: WorkerLink, batch: list[Asked]) -> None:
        self._number += 1
        try:
            rows = [row for asked in batch for row in asked.given.values or ()]
            header, payload = pack_table(self._types, list(zip(*rows, strict=True)), len(rows))
            model.ask({"op": "predict", "id": self._number, **header}, payload, self._answered)
        except (WireError, ValueError, MemoryError) as error:
            # More than a frame holds, or a value that its field cannot have: then the checker would have to be wrong.
            self._apart(batch, NoAnswer(str(error)))
            return
        self._away, self._sent, self.line.away = batch, self._clock(), len(rows)

    def _answered(self, frame: Frame | None) -> None:
        """The worker gets its next batch before this one's answers are looked at: it never waits for the gateway."""
        batch, self._away, self.line.away = self._away or [], None, 0
        number, losses, model = self._number, self._losses, self._model
        if frame is None:
            self._lost(batch, losses + 1)
            return
        seconds = self._clock() - self._sent
        self.line.took(seconds)
        self._next()
        try:
            predictions = self.reader.read(frame, number, sum(asked.given.rows for asked in batch))
        except WireError as error:
            self._lost(batch, losses + 1)
            if model is not None:
                model.lose(str(error))
        except NoAnswer as error:
            self._apart(batch, error)
        else:
            self.seconds, self.batches = seconds, self.batches + 1
            self._outcome.answered(self, batch, predictions)

    def _apart(self, batch: list[Asked], error: NoAnswer) -> None:
        """There is no answer for these together: each is asked alone, so that only the culprit has none."""
        if len(batch) == 1:
            self._outcome.failed(self, batch[0], error)
        else:
            self._again((asked, 0) for asked in batch)
        self._poke()

    def _lost(self, batch: list[Asked], losses: int) -> None:
        """The worker was lost with these."""
        if self.patience:
            for asked in batch:
                self._outcome.failed(self, asked, WorkerLost("the worker was lost with this"))
        elif len(batch) == 1 and losses >= LOSSES and not self.closed:
            self._remember(batch[0].given)
            self._outcome.failed(self, batch[0], Deadly())
        else:
            self._again((asked, losses) for asked in batch)
        self._poke()

    def _again(self, batch: Iterable[tuple[Asked, int]]) -> None:
        for asked, losses in batch:
            if self.closed:
                self._outcome.failed(self, asked, WorkerLost("this model answers no more"))
            else:
                self._alone.append((asked, losses))

    def _remember(self, given: Given) -> None:
        self._killers[_fingerprint(given)] = None
        if len(self._killers) > KILLERS:
            self._killers.popitem(last=False)


def _ignore(_: object) -> None:
    return


def _fingerprint(given: Given) -> bytes:
    return sha256(b"\n".join(given.canonical)).digest()
