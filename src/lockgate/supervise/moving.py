"""One move, or alarm, at a time, off the supervisor's path: signing and appending wait for disks, keys and others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lockgate.errors import LockgateError, Refused, Unavailable

PAUSE_SECONDS = 1.0
"""After a move that was refused: who asks again at once is told so, and nothing is read or signed."""
_END_SECONDS = 5.0

Asked = TypeVar("Asked")


@dataclass(frozen=True)
class Moved(Generic[Asked]):
    """What came of it: one line for a person, or why not."""

    proposal: Asked
    said: str = ""
    refused: LockgateError | None = None


class Mover(Generic[Asked]):
    """Lets `act` make a move and give its line for a person. `act` is called in one thread, one call at a time."""

    def __init__(self, act: Callable[[Asked], str], finding: str = "LG684") -> None:
        """`finding`: as which it is told when `act` fails in a way that nobody foresaw."""
        self._act = act
        self._finding = finding
        self._thread: threading.Thread | None = None
        self._came: list[Moved[Asked]] = []
        self._quiet = 0.0

    def want(self, proposal: Asked, now: float) -> None:
        """Begin. Raises Unavailable LG807 while another is under way, or shortly after one that was refused."""
        if self._thread is not None or now < self._quiet:
            raise Unavailable(
                "LG807", "a move is under way, or was refused just now", next="wait; the controller asks again"
            )
        self._thread = threading.Thread(target=self._run, args=(proposal,), name="moving", daemon=True)
        self._thread.start()

    def collect(self, now: float) -> Moved[Asked] | None:
        """What came of the one before, once."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        moved = self._came.pop()
        if moved.refused is not None:
            self._quiet = now + PAUSE_SECONDS
        return moved

    def close(self) -> None:
        """Wait for the one that is under way, not for ever: what it seals is whole or not there."""
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _run(self, proposal: Asked) -> None:
        try:
            moved = Moved(proposal, said=self._act(proposal))
        except LockgateError as error:
            moved = Moved(proposal, refused=error)
        except Exception as error:  # noqa: BLE001 - whatever a proposal makes us do, the house goes on
            moved = Moved(
                proposal, refused=Refused(self._finding, f"the move could not be made: {type(error).__name__}")
            )
        self._came.append(moved)
