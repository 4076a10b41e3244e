"""One worker's socket as the gateway sees it: one question away at a time, a deadline on each.

The worker is not trusted: a frame out of form, a late answer or an end of stream makes the link lost for good,
because question and answer could no longer be paired. The supervisor brings a new one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any

from lockgate.core import wire
from lockgate.core.wire import Assembler, Frame, WireError
from lockgate.serve.service import WorkerLost

_CHUNK = 1 << 18


class WorkerLink:
    """Ask a worker over a stream socket whose handover is done. `on_lost` is called once, when the link is lost."""

    def __init__(self, sock: socket.socket, *, deadline: float, on_lost: Callable[[str], None]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._deadline = deadline
        self._on_lost = on_lost
        self._assembler = Assembler()
        self._lock = asyncio.Lock()
        self._lost = False

    async def ask(self, header: Mapping[str, Any], payload: bytes = b"") -> Frame:
        """The worker's answer to one frame. Raises WorkerLost."""
        async with self._lock:
            if self._lost:
                raise WorkerLost("the worker is gone")
            try:
                async with asyncio.timeout(self._deadline):
                    return await self._exchange(wire.pack(header, payload))
            except TimeoutError:
                self.lose("no answer within its deadline")
            except (OSError, WireError) as error:
                self.lose(str(error))
            except asyncio.CancelledError:
                self.lose("a question was given up half-way")
                raise
            raise WorkerLost("the worker is gone")

    def lose(self, why: str) -> None:
        """Break off: the worker said something that it must not, or nothing at all."""
        if not self._lost:
            self.close()
            self._on_lost(why)

    def close(self) -> None:
        """End the link in peace: the worker sees the end of its stream and leaves."""
        self._lost = True
        self._sock.close()

    async def _exchange(self, question: bytes) -> Frame:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._sock, question)
        while True:
            data = await loop.sock_recv(self._sock, _CHUNK)
            if not data:
                raise WireError("the worker ended")
            for frame in self._assembler.feed(data):
                if not self._assembler.idle:
                    raise WireError("the worker answered more than it was asked")
                return frame
