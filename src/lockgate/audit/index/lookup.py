"""A receipt's record without reading the whole log: the index says where it is, the log whether it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from lockgate.audit.index.ask import first_place, highest
from lockgate.audit.predictions import Found
from lockgate.audit.tiles import WIDTH
from lockgate.core.record_kinds import AnyRecord, parse_any
from lockgate.core.record_scan import place_of
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.index.store import Index
    from lockgate.audit.log import Log
    from lockgate.core.records import Receipt


class Lookup:
    """What `PredictionIndex` finds, by the segments, and by reading what lies behind them.

    That a record is where it is said to be is read back from the verified log. That there is none is what this user's
    own reading of the log found when it made the segments.
    """

    def __init__(self, index: Index) -> None:
        """`index`: of the log as it is now."""
        self.index = index
        self.size = index.log.size

    def find(self, receipt: Receipt) -> Found | None:
        """The record that the receipt names; None when it is not sealed yet, or was never made here.

        Raises VerificationFailed LG7050 when another record lies where the index says, and as reading the log does.
        """
        place = self.place(receipt.gateway, receipt.seq)
        if place is None:
            return None
        entry = self.index.log.entry(place)
        try:
            found = parse_any(entry)
        except ValueError:
            found = None
        if found is None or (found.gateway, found.seq) != (receipt.gateway, receipt.seq):
            raise lying(place)
        return Found(place, found)

    def at(self, gateway: str, seq: int) -> AnyRecord | None:
        """The record with this number of a gateway. Raises as `find`."""
        place = self.place(gateway, seq)
        return None if place is None else parse_any(self.index.log.entry(place))

    def place(self, gateway: str, seq: int) -> int | None:
        """Where the first record with this number of a gateway is, by the index. Raises VerificationFailed."""
        found = first_place(self.index, gateway, seq)
        return self._tail.get((gateway, seq)) if found is None else found

    def next_seq(self, gateway: str) -> int:
        """The number after the highest that this gateway has in the log. Raises VerificationFailed."""
        behind = max((seq for name, seq in self._tail if name == gateway), default=-1)
        return max(behind, highest(self.index, gateway)) + 1

    @cached_property
    def _tail(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for place, entry in self.index.tail():
            try:
                gateway, seq = place_of(entry)
            except ValueError:
                continue
            found.setdefault((gateway.decode(), seq), place)
        return found


def entries_at(log: Log, places: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """The verified entries at these places, which are in order, a bundle at a time. Raises as `Log.entries`."""
    for _, group in groupby(places, key=lambda place: place // WIDTH):
        near = list(group)
        entries = list(log.entries(near[0], near[-1] + 1))
        yield from ((place, entries[place - near[0]]) for place in near)


def lying(place: int) -> VerificationFailed:
    """The error for an index that says of a place in the log what is not so."""
    return VerificationFailed(
        "LG7050",
        f"the index says of log entry {place} what the log does not have there",
        seen={"log_index": place},
        next="lockgate log reindex",
    )
