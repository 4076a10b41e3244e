"""A gateway's counts of what it was asked and what it answered: how many rows lay in which bin of the model's plan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from lockgate.core.digest import Digest
from lockgate.core.records import Record

MOST_CELLS = 240
"""The most entries of one record: with the largest numbers that a gateway counts they fit what a record may be."""
MOST_PLACE = 9999
"""The highest number of a stratum or a stream."""
MOST_BINS = 16
MOST_ROWS = 10**9
"""Rows of one window."""

Bins: TypeAlias = tuple[tuple[int, int, tuple[int, ...]], ...]

WINDOW_BINS = re.compile(rb"\[([0-9]{1,4}),([0-9]{1,4}),\[([0-9,]{1,175})\]\]")


@dataclass(frozen=True)
class WindowRecord(Record):
    """Rows of one window, or a part of them: what several say of the same streams adds up, in whatever order.

    `model`: the manifest that answered. `life`: the sequence of the statement in the event log from which on the test
    began anew, 0 for the model's own plan. `bins`: stratum, stream, rows in each bin; in this order, each once, and
    streams count through the plan of inputs and then that of outputs. `rows`: that were looked at, of which a stream
    whose neighbours depend on each other counts only some; `dropped`: those of windows in which every stream was left
    out for it; `seen`: that this gateway answered since its record before, all three 0 where this is a further part of
    a window. `stride`: the largest of a stream, which counts one of so many rows. `labelled`: rows whose label came.
    `since`: when the window began, milliseconds.
    """

    KIND = "window"

    model: Digest
    environment: str
    rung: str
    life: int
    bins: Bins
    rows: int
    dropped: int
    seen: int
    labelled: int
    stride: int
    since: int

    def good(self, name: str, value: object) -> bool:
        """The bins."""
        return _are_bins(value) if name == "bins" else super().good(name, value)

    def values(self) -> dict[str, object]:
        """The fields: as they are, for to copy a thousand counts takes longer than to write them."""
        return dict(vars(self))

    @classmethod
    def of(cls, values: dict[str, object]) -> WindowRecord:
        """Read `values`. Raises ValueError."""
        bins = values.get("bins")
        if not isinstance(bins, list) or not all(isinstance(one, list) and len(one) == 3 for one in bins):
            raise ValueError("bins are entries of stratum, stream and counts")
        if not all(isinstance(counts, list) for _, _, counts in bins):
            raise ValueError("the counts of an entry are a list")
        made = tuple((stratum, stream, tuple(counts)) for stratum, stream, counts in bins)
        return super().of({**values, "bins": made})


def _are_bins(value: object) -> bool:
    if not isinstance(value, tuple) or len(value) > MOST_CELLS:
        return False
    places: list[tuple[int, int]] = []
    for stratum, stream, counts in value:
        if any(type(place) is not int or not 0 <= place <= MOST_PLACE for place in (stratum, stream)):
            return False
        if not 0 < len(counts) <= MOST_BINS or any(type(one) is not int or not 0 <= one <= MOST_ROWS for one in counts):
            return False
        places.append((stratum, stream))
    return places == sorted(set(places))


def are_bins(inside: bytes) -> bool:
    """Whether the text between the outer brackets of `bins` is what `WindowRecord` writes."""
    if not inside:
        return True
    found = WINDOW_BINS.findall(inside)
    if b",".join(b"[%b,%b,[%b]]" % one for one in found) != inside or len(found) > MOST_CELLS:
        return False
    places = [(int(stratum), int(stream)) for stratum, stream, _ in found]
    spelled = all(str(int(one)).encode() == one for stratum, stream, _ in found for one in (stratum, stream))
    return spelled and places == sorted(set(places)) and all(_are_counts(counts) for _, _, counts in found)


def _are_counts(listed: bytes) -> bool:
    counts = listed.split(b",")
    return len(counts) <= MOST_BINS and all(
        one.isdigit() and str(int(one)).encode() == one and int(one) <= MOST_ROWS for one in counts
    )
