"""Batches without a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lockgate.serve.turn import Full, Turn


class Slow:
    """A sender that waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def __call__(self, questions: Sequence[int]) -> Sequence[int]:
        """Ten times each; thirteen fails its batch."""
        self.batches.append(list(questions))
        await self.gate.wait()
        if 13 in questions:
            raise OSError("thirteen")
        return [question * 10 for question in questions]


def test_what_arrives_meanwhile_is_the_next_batch() -> None:
    """The first goes alone and at once; the others wait for it, and then go together, within the batch limit."""

    async def scene() -> None:
        slow = Slow()
        turn: Turn[int, int] = Turn(slow, batch=3, queue=100)
        asked = [asyncio.create_task(turn.ask(number)) for number in range(6)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        slow.gate.set()
        assert list(await asyncio.gather(*asked)) == [0, 10, 20, 30, 40, 50]
        assert [number for batch in slow.batches for number in batch] == list(range(6))
        assert max(len(batch) for batch in slow.batches) == 3

    asyncio.run(scene())


def test_a_failed_batch_fails_only_its_own() -> None:
    """The exception reaches each asker of that batch; the next batch is answered."""

    async def scene() -> None:
        slow = Slow()
        slow.gate.set()
        turn: Turn[int, int] = Turn(slow, batch=1, queue=100)
        bad, good = asyncio.create_task(turn.ask(13)), asyncio.create_task(turn.ask(2))
        with pytest.raises(OSError, match="thirteen"):
            await bad
        assert await good == 20

    asyncio.run(scene())


def test_a_full_queue_refuses_at_once_and_recovers() -> None:
    """Weight above the limit is refused without waiting; once the queue drains, the same question passes."""

    async def scene() -> None:
        slow = Slow()
        turn: Turn[int, int] = Turn(slow, batch=10, queue=10)
        first = asyncio.create_task(turn.ask(1, 10))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(turn.ask(2, 10))
        await asyncio.sleep(0.01)
        with pytest.raises(Full):
            await turn.ask(3, 1)
        slow.gate.set()
        assert list(await asyncio.gather(first, second)) == [10, 20]
        assert await turn.ask(3, 1) == 30

    asyncio.run(scene())


def test_who_gave_up_waiting_is_not_sent() -> None:
    """A question whose asker timed out while it waited costs the worker nothing."""

    async def scene() -> None:
        slow = Slow()
        turn: Turn[int, int] = Turn(slow, batch=1, queue=10)
        first = asyncio.create_task(turn.ask(1))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(turn.ask(2))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.sleep(0)
        slow.gate.set()
        assert await first == 10
        assert await turn.ask(3) == 30
        assert slow.batches == [[1], [3]]

    asyncio.run(scene())
