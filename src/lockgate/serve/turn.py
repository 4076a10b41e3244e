"""Batches without a timer: one is away at a time, and whatever arrives meanwhile is the next.

The same turn serves the model worker (rows joined), the contract worker and the recorder (one fsync for all
that arrived together). It adds no wait where nobody else is waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")


class Full(Exception):
    """More is waiting than the queue's limit."""


@dataclass
class _Waiting(Generic[Question, Reply]):
    question: Question
    weight: int
    reply: asyncio.Future[Reply]


@dataclass
class Turn(Generic[Question, Reply]):
    """`send` gets what has gathered, and gives one reply per question in the same order.

    `batch` bounds the weight of one call to `send` (a heavier single question goes alone), `queue` the weight of
    all that waits. An exception of `send` reaches every question of that batch and no other.
    """

    send: Callable[[Sequence[Question]], Awaitable[Sequence[Reply]]]
    batch: int
    queue: int
    _line: deque[_Waiting[Question, Reply]] = field(default_factory=deque)
    _weight: int = 0
    _runner: asyncio.Task[None] | None = None

    async def ask(self, question: Question, weight: int = 1) -> Reply:
        """Wait for the turn and the reply. Raises Full at once when too much is waiting, else what `send` raises."""
        if self._weight + weight > self.queue:
            raise Full
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(question, weight, reply)
        self._line.append(waiting)
        self._weight += weight
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await reply

    async def _run(self) -> None:
        while self._line:
            gathered = self._gather()
            if not gathered:
                continue
            try:
                replies = await self.send([waiting.question for waiting in gathered])
                if len(replies) != len(gathered):
                    raise RuntimeError("a batch came back with another number of replies")
            except Exception as error:  # noqa: BLE001 - each asker gets it, and decides
                for waiting in gathered:
                    if not waiting.reply.done():
                        waiting.reply.set_exception(error)
            else:
                for waiting, reply in zip(gathered, replies, strict=True):
                    if not waiting.reply.done():
                        waiting.reply.set_result(reply)

    def _gather(self) -> list[_Waiting[Question, Reply]]:
        gathered: list[_Waiting[Question, Reply]] = []
        weight = 0
        while self._line and (not gathered or weight + self._line[0].weight <= self.batch):
            waiting = self._line.popleft()
            self._weight -= waiting.weight
            if not waiting.reply.done():
                gathered.append(waiting)
                weight += waiting.weight
        return gathered
