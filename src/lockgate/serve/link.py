"""The gateway's end of a worker's socket: one question at a time, each with a deadline. The worker is not trusted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, Self, cast

from lockgate.core.wire import Assembler, Frame, WireError, pack
from lockgate.serve.declined import WorkerLost


class WorkerLink(asyncio.Protocol):
    """A socket pair to one worker. The first thing that is out of order ends the link, and `on_lost` is told why.

    A late answer can never be taken for the answer to a later question: whoever missed its deadline is cut off.
    """

    def __init__(self, *, deadline: float, on_lost: Callable[[str], None]) -> None:
        """`deadline` in seconds."""
        self._deadline = deadline
        self._on_lost = on_lost
        self._assembler = Assembler()
        self._transport: asyncio.Transport | None = None
        self._answered: Callable[[Frame | None], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.lost = False

    @classmethod
    async def open(cls, sock: socket.socket, *, deadline: float, on_lost: Callable[[str], None]) -> Self:
        """A link over `sock`, which belongs to it from now on."""
        sock.setblocking(False)
        _, made = await asyncio.get_running_loop().create_connection(
            lambda: cls(deadline=deadline, on_lost=on_lost), sock=sock
        )
        return made

    def ask(
        self,
        header: Mapping[str, Any],
        payload: bytes,
        answered: Callable[[Frame | None], None],
        *,
        seconds: float = 0.0,
    ) -> None:
        """Send one question; `answered` gets its frame, or None when the worker is lost, once, after this call.

        `seconds`: a deadline other than the link's. Raises WireError, and sends nothing, for more than a frame holds.
        """
        loop = asyncio.get_running_loop()
        if self.lost or self._answered is not None:
            loop.call_soon(answered, None)
            return
        data = pack(header, payload)
        self._answered = answered
        self._timer = loop.call_later(seconds or self._deadline, self.lose, "no answer within its deadline")
        cast("asyncio.Transport", self._transport).write(data)

    async def answer(self, header: Mapping[str, Any], payload: bytes, *, seconds: float = 0.0) -> Frame:
        """`ask`, and wait. Raises WorkerLost."""
        future: asyncio.Future[Frame | None] = asyncio.get_running_loop().create_future()

        def answered(frame: Frame | None) -> None:
            if not future.done():
                future.set_result(frame)

        self.ask(header, payload, answered, seconds=seconds)
        frame = await future
        if frame is None:
            raise WorkerLost("the worker is gone")
        return frame

    def lose(self, why: str) -> None:
        """Break off: the worker said something that it must not, or nothing at all."""
        if not self.lost:
            self.close()
            self._on_lost(why)

    def close(self) -> None:
        """End the link in peace: the worker sees the end of its stream and leaves."""
        self.lost = True
        if self._transport is not None:
            self._transport.close()
        self._settle(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is ours."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1 << 30)

    def data_received(self, data: bytes) -> None:
        """asyncio: the worker said something."""
        if self.lost:
            return
        try:
            frames = list(self._assembler.feed(data))
            if frames and (len(frames) > 1 or not self._assembler.idle or self._answered is None):
                raise WireError("the worker answered more than it was asked")
        except WireError as error:
            self.lose(str(error))
            return
        if frames:
            self._settle(frames[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the worker ended."""
        del exc
        self.lose("the worker ended")

    def _settle(self, frame: Frame | None) -> None:
        answered, self._answered = self._answered, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if answered is None:
            return
        if frame is None:
            asyncio.get_running_loop().call_soon(answered, None)
        else:
            answered(frame)
