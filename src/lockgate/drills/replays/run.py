"""Play drills against one twin: each in a copy of its own, several at a time, told in order."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from lockgate.core.shown import shown
from lockgate.drills.replays.spec import Drill, NotApplicable, Outcome, Tried, judged
from lockgate.errors import LockgateError

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_POLL = 0.5


def play(
    drills: Iterable[Drill],
    base: Scene,
    *,
    at_once: int = 1,
    begins: Callable[[Drill], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Play each in a copy of `base`; outcomes in the order of the drills, whoever ends first.

    `at_once`: how many play at a time; of those that ask a gateway never two, for what it answers may depend on what
    else it is asked. `begins` is told of each, from the thread in which it plays. Gateways that they share are stopped
    at the end.
    """
    queue = _Queue(drills, apart=at_once > 1)

    def work() -> None:
        while (drill := queue.take()) is not None:
            begins(drill)
            queue.done(drill, play_one(drill, base))

    pool = ThreadPoolExecutor(max(1, at_once), thread_name_prefix="drill")
    try:
        workers = [pool.submit(work) for _ in range(max(1, at_once))]
        for worker in workers:
            worker.add_done_callback(queue.ended)
        yield from queue.outcomes()
    except BaseException:
        # Whoever leaves early, by Ctrl-C too: what plays is ended, so that no thread is waited for in vain.
        queue.close()
        base.program.children.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        base.houses.close()


class _Queue:
    """Which drill plays next, and what came of each. `apart`: those that ask a gateway play one after the other."""

    def __init__(self, drills: Iterable[Drill], *, apart: bool) -> None:
        self._drills = list(drills)
        self._left = list(self._drills)
        self._found: dict[str, Outcome] = {}
        self._apart, self._asking = apart, False
        self._broken: BaseException | None = None
        self._changed = threading.Condition()

    def take(self) -> Drill | None:
        """The next one that may play now; one that asks a gateway first, for they are a queue of their own."""
        with self._changed:
            while True:
                ready = [one for one in self._left if not (self._apart and one.served and self._asking)]
                if not self._left:
                    return None
                if ready:
                    chosen = next((one for one in ready if self._apart and one.served), ready[0])
                    self._left.remove(chosen)
                    self._asking = self._asking or chosen.served
                    return chosen
                self._changed.wait()

    def done(self, drill: Drill, outcome: Outcome) -> None:
        """It has been played."""
        with self._changed:
            self._found[drill.id] = outcome
            self._asking = self._asking and not drill.served
            self._changed.notify_all()

    def ended(self, worker: Future[None]) -> None:
        """A worker has ended; where something ended it, whoever waits gets to know."""
        with self._changed:
            self._broken = self._broken or worker.exception()
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more is taken."""
        with self._changed:
            self._left.clear()
            self._changed.notify_all()

    def outcomes(self) -> Iterator[Outcome]:
        """In the order of the drills. Raises what ended a worker."""
        for drill in self._drills:
            with self._changed:
                while drill.id not in self._found:
                    if self._broken is not None:
                        raise self._broken
                    self._changed.wait(_POLL)
                found = self._found[drill.id]
            yield found


def play_one(drill: Drill, base: Scene) -> Outcome:
    """Play one in a copy of `base`, which is gone afterwards. One that cannot be played to its end was not stopped."""
    begun = monotonic()
    with tempfile.TemporaryDirectory(
        prefix=f"lockgate-{drill.id}-", dir=base.place, ignore_cleanup_errors=True
    ) as folder:
        try:
            tried = drill.act(base.copy(Path(folder)))
        except NotApplicable as error:
            return _nothing(drill, begun, inapplicable=error.reason)
        except Exception as error:  # noqa: BLE001 - whatever ended it, nothing was shown, and the others go on
            return _nothing(drill, begun, why=_why(error))
    return judged(drill, tried, monotonic() - begun)


def _nothing(drill: Drill, begun: float, *, why: str = "", inapplicable: str = "") -> Outcome:
    nothing = Tried("", "")
    return Outcome(drill, nothing, False, None, monotonic() - begun, why, inapplicable=inapplicable)


def _why(error: Exception) -> str:
    """What ended it, no longer than a line of words."""
    return shown(f"{error.finding}: {error.message}" if isinstance(error, LockgateError) else repr(error))
