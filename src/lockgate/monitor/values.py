"""The value of each stream in each row: the same function for the reference and for what comes later.

columns   float64 of numbers and booleans (0 and 1), NaN where missing; int64 of moments; objects of text or None
number    itself; missing LOWEST
category  its place among the known ones; missing MISSING, unseen how many are known
joint     of the fields' scores: whole numbers, so that sums and products are exact in whatever order they are made
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor.plan import MISSING, Category, Plan, Stream

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float64]
Scores: TypeAlias = npt.NDArray[np.float32]

LOWEST, HIGHEST = -sys.float_info.max, sys.float_info.max
RANKS = 15
"""Cuts of the pilot by which a field is scored."""

_SCORES = np.array(
    [round(1000 * NormalDist().inv_cdf((twice / 2 + 0.5) / (RANKS + 1))) for twice in range(2 * RANKS + 1)], np.float32
)


class Valuer:
    """The streams of a plan, made ready."""

    def __init__(self, streams: Sequence[Stream], ranks: Mapping[str, Sequence[float]]) -> None:
        self._streams = streams
        self._scorer = Scorer(ranks)
        self._singles = [(place, column_of(one), Codes.of(one)) for place, one in enumerate(streams) if not joint(one)]
        fields = {name: place for place, name in enumerate(self._scorer.fields)}
        pairs = [place for place, one in enumerate(streams) if one.kind == "pair"]
        sums = [place for place, one in enumerate(streams) if one.kind == "projection"]
        self._pairs = np.array(pairs, np.intp)
        self._left = np.array([fields[streams[place].of[0]] for place in pairs], np.intp)
        self._right = np.array([fields[streams[place].of[1]] for place in pairs], np.intp)
        self._sums = np.array(sums, np.intp)
        self._weights = np.zeros((len(sums), len(fields)), np.float32)
        for row, place in enumerate(sums):
            for name, weight in zip(streams[place].of, streams[place].weights, strict=True):
                self._weights[row, fields[name]] = weight

    @classmethod
    def of(cls, plan: Plan) -> Valuer:
        """Of all streams of `plan`."""
        return cls(plan.streams, plan.ranks)

    def values(self, columns: Mapping[str, Array], rows: int) -> tuple[Floats, list[int]]:
        """Shape (streams, rows), finite; and the streams whose columns are not there: their values mean nothing."""
        found = np.empty((len(self._streams), rows))
        absent: list[int] = []
        for place, name, codes in self._singles:
            if name not in columns:
                absent.append(place)
                found[place] = 0
            else:
                found[place] = columns[name] if codes is None else codes(columns[name])
        if len(self._pairs) or len(self._sums):
            there = np.array([name in columns for name in self._scorer.fields])
            self._join(found, self._scorer(columns, rows))
            absent += self._pairs[~(there[self._left] & there[self._right])].tolist()
            absent += [] if there.all() else self._sums.tolist()
        np.fmax(found, LOWEST, out=found)  # It passes over NaN.
        np.fmin(found, HIGHEST, out=found)
        return found, absent

    def _join(self, found: Floats, scored: Scores) -> None:
        found[self._pairs] = scored[self._left] * scored[self._right]
        found[self._sums] = self._weights @ scored


class Codes:
    """Categories to places."""

    def __init__(self, categories: Sequence[Category]) -> None:
        self._unseen = float(len(categories))
        # A boolean column holds 0 and 1, and its place is its value; True == 1 must not make an int of it.
        self._plain = tuple(categories) == (False, True) and isinstance(categories[0], bool)
        self._places: dict[Any, float] = {None: MISSING, **{one: float(at) for at, one in enumerate(categories)}}

    @classmethod
    def of(cls, stream: Stream) -> Codes | None:
        """None where the stream's value is a number."""
        return None if stream.categories is None else cls(stream.categories)

    def __call__(self, column: Array) -> Floats:
        """Shape (n,)."""
        if column.dtype == object:
            places, unseen = self._places, self._unseen
            return np.fromiter((places.get(value, unseen) for value in column.tolist()), np.float64, len(column))
        if self._plain:
            return np.where(np.isnan(column), MISSING, column)
        return self(column.astype(object))


def joint(stream: Stream) -> bool:
    """Whether its value is made of several fields' scores."""
    return stream.kind in ("pair", "projection")


def column_of(stream: Stream) -> str:
    """The column whose value it is."""
    return stream.of[0] if stream.of else stream.name


class Scorer:
    """Of fields: a thousand times the normal score of where a value lies among its ranks, 0 of a missing one."""

    def __init__(self, ranks: Mapping[str, Sequence[float]]) -> None:
        self.fields = tuple(ranks)
        self._cuts = np.array([ranks[name] for name in self.fields]).reshape(len(self.fields), RANKS)
        ends = np.concatenate([self._cuts, np.full((len(self.fields), 1), np.inf)], axis=1)
        # A value that equals cuts lies in the middle of the ranks that it has: the second of each two scores.
        equal = (ends[:, :, None] == ends[:, None, :]).sum(axis=2) * (ends < np.inf)
        twice = np.stack(np.broadcast_arrays(2 * np.arange(RANKS + 1), 2 * np.arange(RANKS + 1) + equal), axis=2)
        self._scores = _SCORES.take(np.minimum(twice, 2 * RANKS)).ravel()
        self._ends = ends.ravel()
        self._starts = np.arange(0, ends.size, RANKS + 1)[:, None]

    def __call__(self, columns: Mapping[str, Array], rows: int) -> Scores:
        """Shape (fields, rows)."""
        values = np.empty((len(self.fields), rows))
        for place, name in enumerate(self.fields):
            values[place] = columns.get(name, np.nan)
        below = np.zeros(values.shape, np.int8)
        beyond = np.empty(values.shape, bool)
        for place in range(RANKS):
            np.greater(values, self._cuts[:, place, None], out=beyond)
            below += beyond.view(np.int8)
        at = below + self._starts
        tied = np.equal(self._ends.take(at), values, out=beyond)
        found: Scores = self._scores.take(2 * at + tied)
        if np.isnan(values, out=beyond).any():
            found[beyond] = 0
        return found
