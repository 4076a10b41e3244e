"""A thread that waits for the disk, so that the event loop does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any

Done = Callable[[Any, Exception | None], None]
_Asked = tuple[Callable[[], Any], Done | None]


class Syncer:
    """Does what it is asked, in order, and says in the loop how it went. An executor costs several times as much."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str = "spool") -> None:
        self._loop = loop
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[], Any], done: Done | None = None) -> None:
        """Do `work`; `done` gets its result or its error, in the loop."""
        self._asked.put((work, done))

    def join(self) -> None:
        """Wait until all that was asked is done, and end. A second time does nothing."""
        if self._thread.is_alive():
            self._asked.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            work, done = asked
            result, failed = None, None
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whoever asked decides
                failed = error
            if done is not None:
                with suppress(RuntimeError):  # the loop has ended
                    self._loop.call_soon_threadsafe(done, result, failed)
