"""Whether the windows of a model compare enough of what it was asked that no alarm says something. Pure.

Rows that depend on each other at any distance are left out; so are rows of a model that is not given
what says their stratum. Then the test stands still, and looks as calm as it does where nothing changed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from lockgate.core.record_window import WindowRecord
from lockgate.monitor.plan import MOST_CHOSEN

BLIND: Final = "LG697"
MOST_WINDOWS: Final = 20
MOST_SEEN: Final = 20_000
"""Rows that were answered, of which some should be compared by now."""
_NEARLY: Final = 3 / 4
"""What is taken of so many rows varies a little."""


@dataclass
class _Window:
    rows: int
    dropped: int
    seen: int
    counted: dict[int, int] = field(default_factory=dict)


class Sight:
    """The last windows of a model. `streams`: the numbers of those that have a value in each row."""

    def __init__(self, streams: frozenset[int]) -> None:
        self._streams = streams
        self._ever: set[int] = set()
        self._windows: deque[_Window] = deque(maxlen=MOST_WINDOWS)

    def add(self, record: WindowRecord) -> None:
        """Take in the next record that counts, or a further part of one."""
        if record.rows or record.dropped or record.seen or not self._windows:
            self._windows.append(_Window(record.rows, record.dropped, record.seen))
        counted = self._windows[-1].counted
        for _, stream, bins in record.bins:
            if stream in self._streams:
                counted[stream] = counted.get(stream, 0) + sum(bins)
        self._ever |= counted.keys()

    def little(self) -> str:
        """Why no alarm says little now; "" where most is compared."""
        rows, dropped, seen = (sum(getattr(one, name) for one in self._windows) for name in ("rows", "dropped", "seen"))
        many = len(self._windows) == MOST_WINDOWS or seen > MOST_SEEN
        if many and not rows:
            unseen = "the model is not given what says their stratum, or they were not looked at"
            why = "neighbouring rows depend on each other" if dropped else unseen
            return f"none of the last {seen:,} answered rows was compared: {why}"
        if many and dropped > rows:
            return f"{dropped:,} of the last {rows + dropped:,} rows were not compared: neighbours depend on each other"
        if not many or rows < MOST_CHOSEN * MOST_WINDOWS:
            return ""
        sums = {stream: sum(one.counted.get(stream, 0) for one in self._windows) for stream in self._ever}
        blind = [stream for stream, count in sums.items() if count * MOST_CHOSEN * _NEARLY <= rows]
        if 2 * len(blind) > len(sums):
            few = f"{len(blind)} of {len(sums)} streams count 1 row in {MOST_CHOSEN} or none"
            return f"{few}: neighbours depend on each other"
        return ""
