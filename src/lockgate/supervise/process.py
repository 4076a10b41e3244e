"""One jailed process that is started again whenever it ends: at once, and ever more slowly if it does not stay up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0


class Process(Protocol):
    """What is kept: a running jail, or a fake in tests."""

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it, and wait until it is gone."""


@dataclass
class Kept:
    """A process and its restarts. Times come as arguments, in seconds of a monotonic clock.

    `start` starts it anew, and `ended` is called when it ended by itself; their errors are the caller's. `falls` counts
    ends that came soon after a start. One that is not `lasting` is started once: after its end somebody must want it.
    """

    name: str
    start: Callable[[], Process]
    ended: Callable[[], None] = lambda: None
    process: Process | None = None
    falls: int = 0
    codes: list[int] = field(default_factory=list)
    lasting: bool = True
    _since: float = 0.0
    _due: float | None = 0.0

    def tick(self, now: float) -> bool:
        """Notice an end, start when due. True when it was started just now."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return False
            self._ended(code, now)
        if self._due is None or now < self._due:
            return False
        self._due = None
        self._since = now
        self.process = self.start()
        return True

    def want(self, now: float) -> None:
        """From now on it is started again whenever it ends; also when it has ended already."""
        self.lasting = True
        if self.process is None and self._due is None:
            self._due = now

    def stop(self) -> None:
        """End it for good."""
        process, self.process, self._due = self.process, None, None
        if process is not None:
            process.kill()

    @property
    def running(self) -> bool:
        """Whether it is up, as far as the last tick saw."""
        return self.process is not None

    def _ended(self, code: int, now: float) -> None:
        self.process = None
        self.codes = [*self.codes[-9:], code]
        steady = now - self._since >= STEADY_SECONDS
        self.falls = 0 if steady else self.falls + 1
        pause = 0.0 if self.falls <= 1 else min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.falls - 2))
        self._due = now + pause if self.lasting else None
        self.ended()
