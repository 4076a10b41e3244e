"""How long ago somebody vouched that the event log as it is read here is the newest that there is."""

from __future__ import annotations

from collections.abc import Callable


class Staleness:
    """The supervisor says every second how many statements the log has. A folder that stands still shows fewer.

    A mirror's supervisor says it only while its registry answers.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds. A gateway that has just begun is fresh."""
        self._clock = clock
        self._vouched, self._behind = clock(), 0

    def told(self, size: object, read: int) -> None:
        """The log has `size` statements; `read` of them are known here. What is no number vouches for nothing."""
        if type(size) is not int or size < 0:
            return
        if size <= read:
            self._vouched, self._behind = self._clock(), 0
        elif not self._behind:  # a log that grows all the time is fresh here once what there was is read
            self._behind = size

    def age(self, read: int) -> float:
        """Seconds. `read`: how many statements are known here by now."""
        if 0 < self._behind <= read:
            self._vouched, self._behind = self._clock(), 0
        return self._clock() - self._vouched
