"""What a gateway does while there is a candidate, and leaves when there is none: ladder, answers, labels, together."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.serve.rungs import answers
from lockgate.serve.rungs.answers import Answers
from lockgate.serve.rungs.comparing import Pair, Place
from lockgate.serve.rungs.following import Labels
from lockgate.serve.rungs.ladder import Ladder
from lockgate.serve.rungs.observer import Observer
from lockgate.serve.rungs.routing import Router
from lockgate.serve.spec import Step

if TYPE_CHECKING:
    from lockgate.serve.recording.recorder import SpoolRecorder
    from lockgate.serve.service import Live, Service
    from lockgate.serve.settings import GatewaySettings
    from lockgate.serve.shelf import Beside

SECONDS = 0.5
PATIENCE_SECONDS, PATIENCE_TIMES = 1.0, 5.0

_log = logging.getLogger(__name__)


class Comparison:
    """Puts a ladder into the service and takes it out. `key`: what routing is keyed by; `folder`: where labels lie."""

    def __init__(
        self, service: Service, recorder: SpoolRecorder, settings: GatewaySettings, *, key: bytes, folder: Path
    ) -> None:
        """To be made in the running loop."""
        self._service = service
        self._ladder: Ladder | None = None
        self._recorder = recorder
        self._settings = settings
        self._key = key
        self._folder = folder
        self._answers: Answers | None = None
        self._labels: Labels[Pair] | None = None
        self._thread = ThreadPoolExecutor(1, "ladder")
        self._task: asyncio.Task[None] | None = None
        self._now: tuple[object, ...] = ()
        self._left: tuple[object, list[tuple[Place, Pair]]] = (None, [])
        """What the ladder before had not handed over yet, and of which models it was."""

    def begin(self, beside: Beside, live: Live, candidate: Live) -> None:
        """Compare these from now on, unless that is what is done already."""
        now = (beside.step, live.engine, live.checker, candidate.engine, candidate.checker, live.served.manifest)
        if self._ladder is not None and now == self._now:
            return
        self.end()
        served, decision = candidate.served, beside.loaded.decision
        step = Step(served.environment, decision.rung, served.manifest, live.served.manifest, beside.step)
        self._ladder = self._service.ladder = Ladder(
            beside,
            live,
            candidate,
            router=Router(self._key, served.manifest, beside.ladder.sticky),
            observer=Observer(self._recorder, step, time.monotonic),
            same_contract=beside.same_contract,
        )
        if self._left[0] == self._ladder.served:  # the same two models, a rung further: labels of these rows may come
            self._ladder.kept.extend(self._left[1])
        self._left = (None, [])
        self._ladder.observer.flush()
        self._stand_in(self._ladder)
        self._now = now
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def _stand_in(self, ladder: Ladder) -> None:
        """A candidate gets a multiple of what the live model takes; then the live one is asked."""
        patience = max(PATIENCE_SECONDS, PATIENCE_TIMES * ladder.live.engine.line.seconds)
        self._service.stand_in(ladder.candidate.engine, patience)

    def end(self) -> None:
        """Compare no more. What was counted is written."""
        ladder, self._ladder, self._service.ladder = self._ladder, None, None
        if ladder is not None:
            self._left = (ladder.served, list(ladder.kept))
            try:
                ladder.close()
            except ValueError as error:  # whoever ends it has more to end
                _log.error("the last counts of a ladder cannot be written: %s", error)

    def forget(self) -> None:
        """There is no candidate any more: no label will be asked what it said."""
        self._left = (None, [])
        self._submit(self._clear)

    async def close(self) -> None:
        """Compare no more, and let go of the thread and its files."""
        self.end()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._answers is not None and self._left[1]:
            self._submit(self._answers.keep, self._left[1])
        await asyncio.to_thread(self._thread.shutdown)
        if self._answers is not None:
            self._answers.close()

    async def _run(self) -> None:
        """Write what was counted; hand answers and labels over; for as long as there is a ladder."""
        loop = asyncio.get_running_loop()
        turn = 0
        while (ladder := self._ladder) is not None:
            turn += 1
            try:
                ladder.observer.flush()
                if turn % 8 == 0:
                    self._stand_in(ladder)
                    ladder.second(time.monotonic())
                if turn % 4 == 0:
                    kept = [ladder.kept.popleft() for _ in range(len(ladder.kept))]
                    told = await loop.run_in_executor(self._thread, self._labelled, ladder, kept)
                    # On the next rung it is another ladder of the same two models: a label is not lost between them.
                    if self._ladder is not None and self._ladder.served == ladder.served:
                        self._judge(self._ladder, told)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with this turn, there is a next one
                _log.warning("the ladder is not followed: %s: %s", type(error).__name__, error)
            await asyncio.sleep(SECONDS / 4)

    def _labelled(self, ladder: Ladder, kept: list[tuple[Place, Pair]]) -> list[tuple[object, Pair]]:
        """In the thread."""
        model, base = ladder.candidate.served.manifest, ladder.live.served.manifest
        if self._answers is None or not self._answers.is_about(model, base):
            if self._answers is not None:
                self._answers.close()
            answers.clear(self._folder, model)
            self._answers = Answers(self._folder, self._settings.gateway, model, base)
            self._labels = None
        follows = not self._settings.number  # one gateway of the house follows the labels, for all
        if follows and self._labels is None:  # from before anything is kept on: a disk may take long to keep it
            self._labels = Labels(self._folder, model, partial(answers.found, self._folder, model, base))
        self._answers.keep(kept)
        return self._labels.read() if follows and self._labels is not None else []

    def _judge(self, ladder: Ladder, told: list[tuple[object, Pair]]) -> None:
        for label, pair in told:
            number = ladder.comparer.label(label)
            if number is not None:
                ladder.comparer.judge(ladder.observer, pair, number)

    def _clear(self) -> None:
        """In the thread."""
        if self._answers is not None:
            self._answers.close()
            self._answers = None
        self._labels = None
        with suppress(OSError):
            answers.clear(self._folder, None)

    def _submit(self, work: object, *given: object) -> None:
        with suppress(RuntimeError):
            self._thread.submit(work, *given)  # type: ignore[arg-type]
