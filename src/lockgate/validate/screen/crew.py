"""Work of the screen on several cores: the parts that do not wait for each other, with the results of one core.

Each part is a function of its arguments alone and draws its random numbers from a seed of its own, so that neither the
order nor the number of workers changes what comes out. Parts are large calls of compiled code, which let go of the
interpreter: threads do.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class Crew:
    """So many workers; with one, everything is done by whoever asks, at once. To be used as a context.

    A part must not wait for another one: all workers may be busy. What nobody has begun at the end is not begun.
    """

    def __init__(self, workers: int = 1) -> None:
        self._pool = ThreadPoolExecutor(workers) if workers > 1 else None
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._lock, self._number = Lock(), count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def every(self, parts: Iterable[Callable[[], T]]) -> list[T]:
        """The results, in order, of parts that somebody waits for: they come first. Raises what one of them raises."""
        begun = [self._start(part, 0) for part in parts]
        return [one.result() for one in begun]

    def aside(self, part: Callable[[], T]) -> Callable[[], T]:
        """Begin what is asked for later; call what is returned for the result. Raises there what the part raises.

        With one worker it is done when it is asked for.
        """
        return part if self._pool is None else self._start(part, 1).result

    def _start(self, part: Callable[[], T], rank: int) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(part())
            except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
                future.set_exception(error)

        if self._pool is None:
            work()
            return future
        with self._lock:
            heapq.heappush(self._waiting, (rank, next(self._number), work))
        self._pool.submit(self._next)
        return future

    def _next(self) -> None:
        with self._lock:
            _, _, work = heapq.heappop(self._waiting)
        work()
