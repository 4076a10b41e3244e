"""Which rows were found: each row of each source exactly once, accepted or quarantined. In memory that does not grow.

Rows have one order, by source and by row within it. Both streams come in that order, so that what stands between is
known by its gaps alone. Positions count the rows of all sources from zero:

    found by one or both streams up to `reach`      not reached yet
    aaaaaaaaqaaaa..aaaaaa.aaaaaaaaaaaaaaaaaaaaaaaa|
                 ^^      ^ gaps: owed by the stream that lags

A stream that passes a gap owed by it leaves a row out for good; one that names a row outside the gaps names it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from lockgate.errors import Refused

pc: Any = pyarrow.compute  # its stubs do not know that a function of an array gives an array

MOST_GAPS = 1 << 20
"""Gaps that the leading stream may leave before the lagging one fills them: 16 MiB, far above any batch."""

Places = npt.NDArray[np.int64]


@dataclass
class _Stream:
    """`last` is the last position given. A row that comes again at once is refused as `twice`, if not `repeats`."""

    twice: str = ""
    repeats: bool = False
    last: int = -1


@dataclass
class _Runs:
    """Stretches of neighbouring positions, from `starts` up to but without `stops`."""

    starts: Places
    stops: Places


class Partition:
    """Proves that accepted and quarantined rows are together all rows of all sources, each once.

    Trusts nothing of what it is given: nulls, unknown sources, rows beyond a source, rows out of order, twice or left
    out are Refused LG213, which names the first wrong row of the batch in which it shows.
    """

    def __init__(self, counts_per_source: Sequence[int], names: Sequence[str] | None = None) -> None:
        """`names` of the sources by index: for a column that gives them by name, and for what is said of them."""
        self._counts = np.array(counts_per_source, dtype=np.int64)
        self._names = list(names) if names is not None else None
        self._ends = np.cumsum(self._counts, dtype=np.int64)
        self._begins = self._ends - self._counts
        self._total = int(self._ends[-1]) if len(self._ends) else 0
        self._accepted = _Stream("a row is among the accepted ones twice")
        self._quarantined = _Stream(repeats=True)
        self._reach = 0
        nowhere = np.empty(0, dtype=np.int64)
        self._gaps = _Runs(nowhere, nowhere)
        self._quarantined_of = np.zeros(len(self._counts), dtype=np.int64)

    def accept(self, source: pa.Array[Any], row: pa.Array[Any]) -> None:
        """Note accepted rows, which were not seen before."""
        self._take(self._accepted, self._positions(source, row))

    def quarantine(self, source: pa.Array[Any], row: pa.Array[Any]) -> None:
        """Note reasons of quarantined rows, which were not accepted. A row comes once for each of its reasons."""
        fresh = self._take(self._quarantined, self._positions(source, row))
        inside = np.searchsorted(fresh, self._ends)  # how many of them lie before the end of each source
        self._quarantined_of += np.diff(inside, prepend=0)

    def settle(self) -> tuple[int, int]:
        """Accepted and quarantined rows, which are together all rows. Raises Refused LG213."""
        if len(self._gaps.starts):
            raise self._missing(int(self._gaps.starts[0]))
        if self._reach < self._total:
            raise self._missing(self._reach)
        quarantined = int(self._quarantined_of.sum())
        return self._total - quarantined, quarantined

    def by_source(self) -> list[dict[str, object]]:
        """Rows and quarantined rows per source, by its name where there are names."""
        return [
            {"source": self._named(number), "rows": int(rows), "quarantined": int(quarantined)}
            for number, (rows, quarantined) in enumerate(zip(self._counts, self._quarantined_of, strict=True))
        ]

    def _positions(self, source: pa.Array[Any], row: pa.Array[Any]) -> Places:
        if len(source) != len(row):
            raise _unequal("a row comes from no source", source=None, row=None)
        sources, rows = self._numbered(source), _filled(row)
        if not len(rows):
            return rows
        least, most = int(sources.min()), int(sources.max())
        if least < 0 or most >= len(self._counts):
            at = int(((sources < 0) | (sources >= len(self._counts))).argmax())
            raise _unequal("a row comes from no source", source=source[at].as_py(), row=row[at].as_py())
        owner = least if least == most else sources  # one number costs a third of what a gather does
        limits = self._counts[owner]
        if rows.min() < 0 or (rows >= limits).any():
            at = int(((rows < 0) | (rows >= limits)).argmax())
            raise _unequal("a row is beyond its source", source=self._named(int(sources[at])), row=row[at].as_py())
        return self._begins[owner] + rows

    def _numbered(self, source: pa.Array[Any]) -> Places:
        if pa.types.is_integer(source.type):
            return _filled(source)
        if self._names is None:
            raise _unequal("a row comes from no source", source=str(source.type))
        return _filled(pc.index_in(source, value_set=pa.array(self._names, source.type), skip_nulls=True))

    def _take(self, stream: _Stream, places: Places) -> Places:
        """The positions that are new in this stream, after they were found to be right."""
        fresh = self._in_order(stream, places)
        if not len(fresh):
            return fresh
        runs = _runs(fresh)
        if stream.last < self._reach - 1:
            runs = self._fill(runs)
        stream.last = int(fresh[-1])
        if len(runs.starts):
            self._lead(runs)
        return fresh

    def _in_order(self, stream: _Stream, places: Places) -> Places:
        if not len(places):
            return places
        steps = np.diff(places)
        start = int(places[0]) - stream.last
        least = 0 if stream.repeats else 1
        if start < least or (steps < least).any():
            at = 0 if start < least else int((steps < least).argmax()) + 1
            again = int(places[at]) == (stream.last if at == 0 else int(places[at - 1]))
            raise self._wrong(stream.twice if again else "the rows are out of order", int(places[at]))
        if not stream.repeats:
            return places
        fresh = places[1:][steps > 0]
        return fresh if start == 0 else np.concatenate((places[:1], fresh))

    def _fill(self, runs: _Runs) -> _Runs:
        """Take from the gaps what the lagging stream gives; what lies beyond the reach is handed back.

        The stream must give the gaps from the first on, whole; only where it ends may it leave a gap half filled.
        """
        inside, beyond = _split(runs, self._reach)
        gaps, number = self._gaps, len(inside.starts)
        common = min(number, len(gaps.starts))
        half = self._compared(inside, common, ends_here=not len(beyond.starts))
        if number > common:
            raise self._both(int(inside.starts[common]))
        if len(beyond.starts) and len(gaps.starts) > number:
            raise self._missing(int(gaps.starts[number]))
        kept = number - 1 if half else number
        self._gaps = _Runs(gaps.starts[kept:].copy(), gaps.stops[kept:].copy())
        if half:
            self._gaps.starts[0] = inside.stops[-1]
        return beyond

    def _compared(self, inside: _Runs, common: int, *, ends_here: bool) -> bool:
        """Whether the last run fills its gap only in part. Raises Refused LG213 where runs and gaps differ."""
        gaps, last = self._gaps, len(inside.starts) - 1
        differs = (inside.starts[:common] != gaps.starts[:common]) | (inside.stops[:common] != gaps.stops[:common])
        if not differs.any():
            return False
        at = int(differs.argmax())
        start, stop, gap, end = (int(side[at]) for side in (inside.starts, inside.stops, gaps.starts, gaps.stops))
        if start != gap:
            raise self._both(start) if start < gap else self._missing(gap)
        if stop > end:
            raise self._both(end)
        if at < last or not ends_here:
            raise self._missing(stop)
        return True

    def _lead(self, runs: _Runs) -> None:
        """Go beyond the reach; what lies between is owed by the other stream."""
        starts = np.concatenate(([self._reach], runs.stops[:-1]))
        owed = starts < runs.starts
        self._gaps = _Runs(
            np.concatenate((self._gaps.starts, starts[owed])), np.concatenate((self._gaps.stops, runs.starts[owed]))
        )
        self._reach = int(runs.stops[-1])
        if len(self._gaps.starts) > MOST_GAPS:
            raise self._missing(int(self._gaps.starts[0]))

    def _missing(self, place: int) -> Refused:
        return self._wrong("a row is neither accepted nor quarantined", place)

    def _both(self, place: int) -> Refused:
        return self._wrong("a row is both accepted and quarantined", place)

    def _wrong(self, what: str, place: int) -> Refused:
        number = int(np.searchsorted(self._ends, place, side="right"))
        return _unequal(what, source=self._named(number), row=place - int(self._begins[number]))

    def _named(self, number: int) -> object:
        return number if self._names is None else self._names[number]


def _runs(places: Places) -> _Runs:
    """Strictly increasing positions as stretches."""
    if places[-1] - places[0] + 1 == len(places):
        return _Runs(places[:1].copy(), places[-1:] + 1)
    breaks = np.flatnonzero(np.diff(places) != 1)
    return _Runs(places[np.concatenate(([0], breaks + 1))], places[np.concatenate((breaks, [len(places) - 1]))] + 1)


def _split(runs: _Runs, reach: int) -> tuple[_Runs, _Runs]:
    """What lies below `reach`, and what lies at or above it."""
    below, above = runs.starts < reach, runs.stops > reach
    return (
        _Runs(runs.starts[below], np.minimum(runs.stops[below], reach)),
        _Runs(np.maximum(runs.starts[above], reach), runs.stops[above]),
    )


def _filled(numbers: pa.Array[Any]) -> Places:
    whole = numbers if not numbers.null_count else numbers.fill_null(-1)
    found: Places = whole.to_numpy(zero_copy_only=False)
    return found


def _unequal(what: str, **seen: object) -> Refused:
    return Refused(
        "LG213",
        f"the contract's jail gave an account that does not add up: {what}",
        seen=seen,
        next="lockgate explain LG213",
    )
