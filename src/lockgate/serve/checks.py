"""Records that the compiled plan does not accept, on their way to the contract worker: one request at a time, fair.

The worker runs the user's code and is not trusted: its columns must be those of io.json for exactly the rows asked.
When it is lost, the request that it had is asked once more, of the next one; one that was there both times is deadly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lockgate.contract.call import check_frame, read_checked
from lockgate.core.wire import WireError
from lockgate.runtime.serving import ServingSpec
from lockgate.serve.declined import Deadly, Full, NoAnswer, WorkerLost
from lockgate.serve.line import Line
from lockgate.serve.link import WorkerLink
from lockgate.serve.spec import Asked, Caps, Checked

LOSSES = 2


class Checks:
    """The contract worker of one model, and who waits for it."""

    def __init__(self, spec: ServingSpec, caps: Caps, deadly: Callable[[Asked], None]) -> None:
        """`deadly` is told of each request that a worker was lost with twice."""
        self.line = Line(1, caps.contract_rows)
        self._types = list(spec.field_types)
        self._caps = caps
        self._deadly = deadly
        self._link: WorkerLink | None = None
        self._up = asyncio.Event()
        self._number = 0
        self._replies: dict[int, asyncio.Future[Checked]] = {}
        self._runner: asyncio.Task[None] | None = None
        self._closed = False

    def replace(self, link: WorkerLink) -> None:
        """Take a worker into service."""
        if self._link is not None and self._link is not link:
            self._link.close()
        self._link = link
        self._up.set()

    async def ask(self, asked: Asked) -> Checked:
        """Pydantic's word. Raises Full, TimeoutError, WorkerLost, Deadly."""
        if self._closed:
            raise WorkerLost("this model answers no more")
        reply: asyncio.Future[Checked] = asyncio.get_running_loop().create_future()
        displaced = self.line.push(asked)
        if displaced is not None:
            self.fail(displaced, Full())
        self._replies[id(asked)] = reply
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(self._run())
        try:
            async with asyncio.timeout(self._caps.answer):
                return await reply
        finally:
            self._replies.pop(id(asked), None)

    def fail(self, asked: Asked, error: Exception) -> None:
        """Whoever waits for this gets `error`."""
        reply = self._replies.get(id(asked))
        if reply is not None and not reply.done():
            reply.set_exception(error)

    def close(self) -> None:
        """Let the worker go; whoever waits is told."""
        self._closed = True
        if self._link is not None:
            self._link.close()
        self._up.set()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(WorkerLost("this model answers no more"))

    async def _run(self) -> None:
        while True:
            taken = self.line.take()
            for left in self.line.unwanted:
                self.fail(left, WorkerLost("nobody waits for this"))
            self.line.unwanted.clear()
            if not taken:
                return
            asked = taken[0]
            reply = self._replies.get(id(asked))
            if reply is None or reply.done():  # it has waited too long
                continue
            try:
                checked = await self._check(asked)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, and the next one its turn
                self.fail(asked, error)
            else:
                if not reply.done():
                    reply.set_result(checked)

    async def _check(self, asked: Asked) -> Checked:
        given = asked.given
        for _ in range(LOSSES):
            link = await self._worker()
            self._number += 1
            header, payload = check_frame(self._number, given.canonical)
            try:
                frame = await link.answer(header, payload, seconds=self._caps.contract_seconds)
            except WorkerLost:
                continue
            except WireError as error:  # more than a frame holds: nothing was sent
                raise NoAnswer(str(error)) from None
            try:
                columns, errors = read_checked(frame, self._number, given.rows)
                if not errors and [(column.name, column.type) for column in columns] != self._types:
                    raise WireError("the contract worker's columns are not the fields of io.json")
            except WireError as error:
                link.lose(str(error))
                continue
            return Checked(tuple(columns), tuple(errors))
        self._deadly(asked)
        raise Deadly

    async def _worker(self) -> WorkerLink:
        """The worker, or the next one when it was lost. Raises WorkerLost when none comes."""
        try:
            async with asyncio.timeout(self._caps.answer):
                while self._link is None or (self._link.lost and not self._closed):
                    self._up.clear()
                    await self._up.wait()
        except TimeoutError:
            raise WorkerLost("no contract worker came up in time") from None
        if self._closed:
            raise WorkerLost("this model answers no more")
        return self._link
