"""What happens to records between the protocol that they came by and the answer; knows nothing of HTTP but replies.

1. The contract accepts every record: by the compiled plan, else in Pydantic's own words.   2. The model predicts.
3. The output policy says what this kind of client gets.   4. That is recorded, as durably as the policy demands.
5. Only then is it answered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from lockgate.contract.requests import RequestChecker
from lockgate.serve import body, output
from lockgate.serve.answers import Prediction
from lockgate.serve.declined import CannotRecord, Deadly, Declined, Full, NoAnswer, WorkerLost, unavailable
from lockgate.serve.engine import JailedEngine, Outcome
from lockgate.serve.recording.entry import Entry, Recorder
from lockgate.serve.spec import Answer, Asked, Client, Labelled, Served, ServePolicy
from lockgate.serve.tally import Tally

if TYPE_CHECKING:
    from lockgate.serve.calls.ask import Ask
    from lockgate.serve.http import Reply, Replying

_UNANSWERED = (NoAnswer, WorkerLost, Deadly, Full, TimeoutError)
UNRECORDED = ("Lockgate-Recorded", "no")
COARSE = " coarse"
"""After a kind of client: of those of them who get the label alone."""
SWEEP_SECONDS = 0.25

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """What answers now."""

    engine: JailedEngine
    checker: RequestChecker

    @property
    def policy(self) -> ServePolicy:
        """What the signed policy says of its answers."""
        return self.engine.policy

    @property
    def served(self) -> Served:
        """The model."""
        return self.engine.served


class Comparing(Protocol):
    """A candidate beside what is live (`serve.rungs`)."""

    candidate: Live

    def choose(self, ask: Ask) -> Live:
        """Who answers this request."""

    def batch(self, engine: JailedEngine, rows: int) -> None:
        """A batch of so many rows came back from a worker."""

    def recorded(self, engine: JailedEngine, batch: Sequence[Asked], receipts: Sequence[Sequence[str]]) -> None:
        """These answers have their records."""

    def given(self, engine: JailedEngine, batch: Sequence[Asked], answers: Sequence[Answer]) -> None:
        """These answers have left."""

    def failed(self, engine: JailedEngine, asked: Asked, error: Exception) -> None:
        """A caller's request failed."""


class Holding(Protocol):
    """What follows for clients who were found to try the model (`serve.abuse`)."""

    active: bool

    def check(self, client: Client) -> None:
        """Raises Declined 429 LG6100, 503 LG6107."""

    def coarse(self, client: Client) -> bool:
        """Whether this client gets the label alone."""

    def later(self, client: Client, send: Replying, reply: Reply) -> bool:
        """Whether its answer leaves later, by itself."""


class Service:
    """One gateway's predictions: what is live, and the way of each request through it."""

    def __init__(self, *, recorder: Recorder, tally: Tally) -> None:
        self._recorder = recorder
        self._tally = tally
        self._live: Live | None = None
        self.served: Served | None = None
        """What is live, or None when nothing is answered."""
        self._closed = unavailable("LG614", "no model is ready here yet")
        self._engines: set[JailedEngine] = set()
        """Every engine that was opened and is not closed yet: what waits in it is given up in time."""
        self._shapers: dict[tuple[str, int, str], Callable[[Prediction], Prediction] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.ladder: Comparing | None = None
        """The candidate beside what is live, while there is one."""
        self.watch: Callable[[JailedEngine, Sequence[Asked], Sequence[Answer]], None] | None = None
        """Who is told of answers that have left, while somebody watches."""
        self.look: Callable[[JailedEngine, Sequence[Asked], Sequence[Answer]], None] | None = None
        """The same, of who looks for clients that try the model."""
        self.held: Holding | None = None
        """What follows for those who were found."""

    def open(self, live: Live) -> None:
        """Answer with this model from now on; requests in flight finish with the one they started with."""
        self._live = live
        self.served = live.served
        live.engine.patience = 0.0
        self._engines.add(live.engine)
        self._shapers = {}
        self._recorder.policy = live.policy

    def stand_in(self, engine: JailedEngine, patience: float) -> None:
        """What this model does not answer within `patience` seconds, the live one does."""
        if self._live is not None and engine is not self._live.engine:
            engine.patience = patience
            self._engines.add(engine)

    def close(self, reason: Declined) -> None:
        """Answer nothing from now on but `reason`."""
        self._live = self.served = None
        self._closed = reason

    def live(self) -> Live:
        """What answers. Raises Declined 503 with the reason when nothing does."""
        if self._live is None:
            raise Declined(
                self._closed.status, self._closed.finding, self._closed.message, headers=self._closed.headers
            )
        return self._live

    def routed(self, ask: Ask) -> Live:
        """Who answers this request for predictions. Raises as `live`."""
        live = self.live()
        return live if self.ladder is None else self.ladder.choose(ask)

    def room(self, client: Client) -> None:
        """Refuse a client whose rows fill the line already, before its body is read, or who is held back.

        Raises Declined 503 LG611, LG6107, 429 LG6100.
        """
        if self.held is not None and self.held.active:
            self.held.check(client)
        if self._live is not None and self._live.engine.line.crowded(client.name):
            raise unavailable("LG611", "too much is waiting already")

    def outcome(self) -> Outcome:
        """Where an engine's results go."""
        return Outcome(self._answered, self._failed)

    def predict(self, live: Live, asked: Asked) -> None:
        """Answer `asked`, now or later, by exactly one call of its `reply`. Never raises."""
        if asked.given.values is not None:
            self._tally.rows["plan"] += asked.given.rows
            self._submit(live, asked)
        else:
            self._tally.rows["pydantic"] += asked.given.rows
            self._spawn(self._ask_pydantic(live, asked))

    async def feedback(self, client: Client, labelled: Sequence[Labelled]) -> Sequence[str]:
        """Record labels for earlier predictions, all or none; a receipt for each. Raises Declined, CannotRecord."""
        return await self._recorder.feedback(client, [(one.receipt, one.label) for one in labelled])

    async def sweep(self) -> None:
        """Give up what waits too long, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._recorder.sweep()
            for engine in tuple(self._engines):
                engine.sweep()
                if engine.closed:
                    self._engines.discard(engine)
            if self._live is not None:
                self._tally.now["waiting_rows"] = self._live.engine.line.rows
                self._tally.now["contract_rows"] = self._live.engine.checks.line.rows

    def _submit(self, live: Live, asked: Asked) -> None:
        try:
            live.engine.submit(asked)
        except (Full, Deadly, WorkerLost) as error:
            self._failed(live.engine, asked, error)

    async def _ask_pydantic(self, live: Live, asked: Asked) -> None:
        given = asked.given
        try:
            checked = await live.engine.check(asked)
            if checked.errors:
                raise _refused(given.rows, checked.errors)
            given.values = live.checker.learn(given, checked.columns)
        except Exception as error:  # noqa: BLE001 - whatever it was, the request gets its one reply
            self._failed(live.engine, asked, error)
        else:
            self._submit(live, asked)

    def _answered(self, engine: JailedEngine, batch: Sequence[Asked], predictions: Sequence[Prediction]) -> None:
        """A batch came back. Its records are written at once, in this order; it may have to wait until they last.

        A model that was replaced meanwhile still answers what it was asked; nothing does once the service is closed.
        """
        ladder = self.ladder
        if ladder is not None:
            _aside(ladder.batch, engine, len(predictions))
        if any([asked.shadow for asked in batch]):  # noqa: C419 - a generator costs three times as much
            batch, predictions = _told_shadows(batch, predictions)
            if not batch:
                return
        if self._live is None:
            for asked in batch:
                self._failed(engine, asked, self._closed)
            return
        self._tally.batches.add(len(predictions))
        answers, start = [], 0
        for asked in batch:
            end = start + asked.given.rows
            answers.append(self._answer(engine, asked, predictions[start:end]))
            start = end
        entries = [
            Entry(engine.served, asked.client, asked.given.canonical, answer.encoded, asked.given.id)
            for asked, answer in zip(batch, answers, strict=True)
        ]
        try:
            receipts = self._recorder.write(entries)
        except CannotRecord as error:
            for asked in batch:
                self._failed(engine, asked, error)
            return
        self._tally.rows["predicted"] += len(predictions)
        for answer, tokens in zip(answers, receipts, strict=True):
            answer.receipts = tokens
        if ladder is not None:
            _aside(ladder.recorded, engine, batch, receipts)
        self._recorder.when_durable(partial(self._recorded, engine, batch, answers), len(batch))

    def _answer(self, engine: JailedEngine, asked: Asked, predictions: Sequence[Prediction]) -> Answer:
        kind, policy, raw, task = asked.client.kind, engine.policy, predictions, engine.served.task
        if self.held is not None and self.held.active and self.held.coarse(asked.client):
            kind += COARSE
        try:
            shape = self._shapers[kind, id(policy), task]
        except KeyError:
            rule = policy.output(kind.removesuffix(COARSE))
            shape = output.coarse(rule, task) if kind.endswith(COARSE) else output.shaper(rule, task)
            self._shapers[kind, id(policy), task] = shape
        if shape is not None:
            predictions = list(map(shape, predictions))
        spelled = list(map(engine.reader.encode, predictions))
        return Answer(engine.served, predictions, spelled, (), asked.given.id, raw)

    def _recorded(
        self,
        engine: JailedEngine,
        batch: Sequence[Asked],
        answers: Sequence[Answer],
        said: bool | CannotRecord,  # noqa: FBT001 - the one thing that a recorder says
    ) -> None:
        """The batch's records are what the policy demands; or they are not, and it says whether answers may go."""
        if isinstance(said, CannotRecord):
            for asked in batch:
                self._failed(engine, asked, said)
            return
        for answer in answers:
            if said:
                answer.proofs = self._recorder.proofs(answer.receipts)
            else:
                answer.receipts = ()
        self._give(engine, batch, answers)

    def _give(self, engine: JailedEngine, batch: Sequence[Asked], answers: Sequence[Answer]) -> None:
        for asked, answer in zip(batch, answers, strict=True):
            try:
                reply = asked.spell(answer)
            except Exception as error:  # noqa: BLE001 - the others of the batch get their answers
                self._failed(engine, asked, error)
                continue
            missing = () if answer.receipts else (UNRECORDED,)
            reply.headers = (*asked.headers, *missing, *reply.headers)
            if self.held is None or not self.held.active or not self.held.later(asked.client, asked.reply, reply):
                asked.reply(reply)
        if self.watch is not None:
            self.watch(engine, batch, answers)
        if self.look is not None:
            self.look(engine, batch, answers)
        if self.ladder is not None:
            asyncio.get_running_loop().call_soon(self.ladder.given, engine, batch, answers)

    def _failed(self, engine: JailedEngine, asked: Asked, error: Exception) -> None:
        if asked.shadow is not None:
            _aside(asked.shadow, error)
            return
        if self.ladder is not None:
            _aside(self.ladder.failed, engine, asked, error)
        if self._again(engine, asked, error):
            return
        said = _declined(error)
        if said.finding == "LG609":
            self._tally.rows["refused"] += asked.given.rows
        if isinstance(error, Deadly):
            self._recorder.refuse(engine.served, asked.client, b"\n".join(asked.given.canonical), said.finding)
        self._tally.refused[said.finding] += 1
        reply = said.reply()
        reply.headers = (*asked.headers, *reply.headers)
        asked.reply(reply)

    def _again(self, engine: JailedEngine, asked: Asked, error: Exception) -> bool:
        """Ask the live model what another one, a candidate or one that is leaving, has no answer for."""
        live = self._live
        refused = isinstance(error, Declined) and error.finding == "LG609"
        if live is None or live.engine is engine or not (refused or isinstance(error, _UNANSWERED)):
            return False
        if live.served.classes != engine.served.classes or not asked.wanted():
            return False
        given = body.reread(live.checker, asked.given)
        if given is not None:
            asked.given, asked.since, asked.again = given, time.monotonic(), True
            self.predict(live, asked)
        return given is not None

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _aside(comparing: Callable[..., None], *what: Any) -> None:
    """Whatever a comparison does, callers get their answers."""
    try:
        comparing(*what)
    except Exception:  # noqa: BLE001 - as said above
        _log.exception("LG616: a comparison ended in an internal error")


def _told_shadows(
    batch: Sequence[Asked], predictions: Sequence[Prediction]
) -> tuple[Sequence[Asked], Sequence[Prediction]]:
    """What was asked for comparison alone is told; what is left is for callers."""
    left: list[Asked] = []
    rest: list[Prediction] = []
    start = 0
    for asked in batch:
        said = predictions[start : start + asked.given.rows]
        start += asked.given.rows
        if asked.shadow is not None:
            _aside(asked.shadow, said)
        else:
            left.append(asked)
            rest += said
    return left, rest


def _declined(error: Exception) -> Declined:
    """What a client is told of what went wrong, never more."""
    match error:
        case Declined():
            return error
        case Full():
            return unavailable("LG611", "too much is waiting already")
        case TimeoutError():
            return unavailable("LG612", "no answer within the time limit")
        case WorkerLost():
            return unavailable("LG612", "the process that had this request ended; it is being restarted")
        case NoAnswer():
            return Declined(500, "LG617", "the model has no usable answer for these records")
        case CannotRecord():
            return unavailable("LG613", "the record of this prediction cannot be written, so it is not given")
        case Deadly():
            return Declined(
                422, "LG628", "these records end the process that they are given to; they were not answered"
            )
        case _:
            _log.error("LG616: a request ended in an internal error", exc_info=error)
            return Declined(500, "LG616", "the gateway failed on this request")


def _refused(rows: int, errors: Sequence[Any]) -> Declined:
    refused = len({error["loc"][0] for error in errors if error.get("loc")})
    return Declined(
        422,
        "LG609",
        f"the contract refuses {refused} of {rows} records; nothing was predicted",
        errors=[{**error, "loc": ["records", *error["loc"]]} for error in errors],
    )
