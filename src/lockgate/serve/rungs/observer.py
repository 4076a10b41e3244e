"""Counts of one step of a ladder, written into the prediction log every second or so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from lockgate.audit.ladder.counts import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockgate.serve.spec import Step

BEGAN = "began"
"""The count of the first record of a step: what this gateway answered before it is not counted."""
SECONDS, LONGEST_SECONDS, URGENT_SECONDS = 1.0, 10.0, 0.2
ENOUGH_ROWS = 50
_ROWS = ("candidate.rows", "live.rows", "pairs.rows", "risk.rows", "candidate.labels")
_URGENT = ("candidate.errors", "pairs.disagree", "risk.rows")


class Records(Protocol):
    """Who writes records (`recording.recorder`)."""

    def observe(self, step: Step, counts: Mapping[str, int]) -> bool:
        """Write what was counted. False when nothing can be written now."""


class Observer(Tally):
    """A tally that writes itself. Counts that could not be written wait for the next time."""

    def __init__(self, records: Records, step: Step, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        super().__init__()
        self.step = step
        self._records = records
        self._clock = clock
        self._began = False
        self._written = clock()

    def flush(self, *, now: bool = False) -> None:
        """Write, when it is time. To be called a few times a second; `now`: whatever the time."""
        if not self._began:
            self._began = self._records.observe(self.step, {BEGAN: 1})
            self.counts = {}
        if not self.counts or not self._began or not (now or self._is_due(self._clock() - self._written)):
            return
        waiting, written = dict(self.counts), False
        try:
            written = self._records.observe(self.step, self.take())
        finally:
            if written:
                self._written = self._clock()
            else:
                self.counts = waiting

    def _is_due(self, waited: float) -> bool:
        counts = self.counts
        if waited >= LONGEST_SECONDS:
            return True
        if waited >= SECONDS:
            return sum(counts.get(name, 0) for name in _ROWS) >= ENOUGH_ROWS
        return waited >= URGENT_SECONDS and any(name in counts for name in _URGENT)
