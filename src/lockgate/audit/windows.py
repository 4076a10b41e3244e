"""A model's windows, as gateways counted them: read from the log of predictions, and whether they can be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.core.record_kinds import parse_any
from lockgate.core.record_scan import IS_WINDOW
from lockgate.core.record_window import WindowRecord
from lockgate.core.verdict import Level, Reason

if TYPE_CHECKING:
    from lockgate.monitor.plan import Plan

Counts = list[list[list[int]]]
"""Of each stream, in each stratum, the rows in each bin."""


@dataclass
class _Open:
    """The window that a gateway wrote last, as far as it has come: parts that follow it add to it."""

    seq: int
    life: int
    rows: int
    labelled: int
    sums: dict[int, int] = field(default_factory=dict)


class Windows:
    """The window records of one model, as they come: what they say by the plans, or why they cannot be."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.streams = tuple(stream for plan in plans for stream in plan.streams)
        self._open: dict[str, _Open] = {}

    def nothing(self) -> Counts:
        """No row in any bin."""
        return [[[0] * len(cuts.balls) for cuts in stream.cuts] for stream in self.streams]

    def flaw(self, record: WindowRecord) -> str:
        """Why `record` cannot be, after those before it of its gateway; "" when it can.

        1. Its streams, strata and bins are those of the plans.
        2. It is a window, or a further part of the one that its gateway wrote just before.
        3. No stream has more rows than the window (of the stream of errors: than labels).
        """
        # 1.
        for stratum, stream, counts in record.bins:
            cuts = self.streams[stream].cuts if stream < len(self.streams) else ()
            if stratum >= len(cuts) or len(counts) != len(cuts[stratum].balls):
                return "it counts in bins that the model's plan does not have"
        # 2.
        begun = self._open.get(record.gateway)
        further = not (record.rows or record.dropped or record.seen or record.labelled)
        if not further:
            begun = _Open(record.seq, record.life, record.rows, record.labelled)
        elif begun is None or record.seq != begun.seq + 1 or record.life != begun.life:
            return "it is a part of a window that does not stand before it"
        self._open[record.gateway] = begun
        begun.seq = record.seq
        # 3.
        for _, stream, counts in record.bins:
            begun.sums[stream] = begun.sums.get(stream, 0) + sum(counts)
            if begun.sums[stream] > self._most(begun, stream):
                return "a stream has more rows than the window"
        return ""

    def _most(self, window: _Open, stream: int) -> int:
        return window.labelled if self.streams[stream].kind == "loss" else window.rows


def window_in(entry: bytes) -> WindowRecord | None:
    """The record of a window that an entry of the log is; None of another kind, and of what is none (LG720)."""
    if not entry.startswith(IS_WINDOW):
        return None
    try:
        record = parse_any(entry)
    except ValueError:
        return None
    return record if isinstance(record, WindowRecord) else None


def impossible(index: int, record: WindowRecord, why: str) -> Reason:
    """LG774 of one record."""
    seen = {"log_entry": index, "gateway": record.gateway, "record": record.seq, "model": record.model}
    return Reason(
        "LG774",
        Level.WARN,
        f"a window that a gateway counted cannot be, and counts for nothing: {why}",
        seen,
        "lockgate explain LG774",
    )


def windows_in(entries: Iterable[bytes]) -> Iterator[WindowRecord]:
    """The windows among them."""
    return (record for record in map(window_in, entries) if record is not None)
