"""Counts that wait to be written, and the parts of the record that they make. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lockgate.core.record_window import MOST_CELLS, MOST_ROWS
from lockgate.serve.spec import WindowPart


@dataclass
class Counted:
    """What was counted since the last record: windows that could not be written yet add up, so that none is lost."""

    bins: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    rows: int = 0
    dropped: int = 0
    seen: int = 0
    labelled: int = 0
    since: int = 0
    """Milliseconds; 0: nothing was counted."""

    def add(self, counts: Iterable[tuple[int, int, Iterable[int]]]) -> None:
        """Count into the bins of (stratum, stream)."""
        for stratum, stream, found in counts:
            before = self.bins.setdefault((stratum, stream), [])
            given = list(found)
            before += [0] * (len(given) - len(before))
            for at, count in enumerate(given):
                before[at] = min(MOST_ROWS, before[at] + count)

    def parts(self, stride: int) -> Iterator[WindowPart]:
        """At least one: what is said of all rows is said in the first."""
        cells = sorted((stratum, stream, tuple(counts)) for (stratum, stream), counts in self.bins.items())
        told = (self.rows, self.dropped, self.seen, self.labelled)
        for first in range(0, max(1, len(cells)), MOST_CELLS):
            yield WindowPart(tuple(cells[first : first + MOST_CELLS]), *told, stride, self.since)
            told = (0, 0, 0, 0)
