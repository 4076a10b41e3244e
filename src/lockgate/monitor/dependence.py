"""Whether neighbouring rows depend on each other, stream by stream, and one of so many rows where they do.

The test takes it that the order of rows says nothing. Where it does (one machine's readings, one user's clicks), ten
rows say as much as three that are independent, and undrifted rows would alarm. So neighbours are compared in each
window, and where they are alike in a stream, it counts one of `stride` rows only, from then on. Each stream is a
process of its own, with a stride of its own: a sorted column blinds no other. Neighbours that are less alike than by
chance do no harm: their counts vary less.

Which rows are counted is drawn, a stride apart and a quarter of it more or less: rows that come in a fixed order (ten
machines in each request) would otherwise be those of some machines only.

**Why choosing does no harm.** A stride chosen by earlier windows picks rows by the past alone: of independent rows such
a choice is again independent rows. Only leaving out a stream's window by its own rows could. Let it be left out with
probability e if its rows are independent: then that step of the wealth is at most 1 + e on average, where it was 1. It
is left out only for a correlation that is past all chance: over all streams and windows the e's sum to `BY_CHANCE`, so
the probability of ever a false alarm is at most exp(BY_CHANCE) times what was stated: a hundredth of it more. (That sum
is by the normal distribution, which a rank correlation of hundreds of rows is close to: no proof, unlike the rest.)

A stream whose rows were found to depend counts none until enough rows at its new stride were looked at, and did not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from lockgate.monitor.plan import BINS, MOST_CHOSEN
from lockgate.monitor.urn import FloatArray

Places: TypeAlias = npt.NDArray[np.intp]
Whole = TypeVar("Whole", bound=np.integer)

BY_CHANCE = 0.01
"""The probability that independent rows are ever taken for dependent ones."""
HARMLESS = 0.005
"""A correlation of neighbours that may stay."""
MOST = MOST_CHOSEN
FEW = 30
"""Of fewer neighbours, in each third of the rows that are looked at, nothing is said: they wait for more."""
LEAST = 3 * (FEW + 1)
"""Rows that are looked at together."""
LOPSIDED = 0.75
"""A stream with more of a part's rows in one bin is not asked: two rare rows side by side are chance."""
_OF_MIDDLE = 0.449
"""The variance of the middle one of three, where that of one is 1."""

_NORMAL = NormalDist()


class Steps:
    """Which rows of an endless series are taken: `stride` apart on average, drawn anew for each."""

    def __init__(self, stride: int, randomness: np.random.Generator) -> None:
        self._stride, self._randomness = stride, randomness
        self._skip = int(randomness.integers(stride))

    def take(self, number: int) -> Places:
        """The places of those among the next `number` rows."""
        if self._stride == 1:
            return np.arange(number)
        spread = max(self._stride // 4, 1)
        enough = max(number // max(self._stride - spread, 1), 0) + 1
        gaps = self._randomness.integers(self._stride - spread, self._stride + spread + 1, enough)
        found = self._skip + np.concatenate([[0], np.cumsum(gaps)])
        later = int(np.searchsorted(found, number))
        self._skip = int(found[later]) - number
        return found[:later]


class Thinner:
    """Which rows of one gateway and model are counted, for each of its streams.

    Attributes:
        strides: of each stream.
        doubted: of each stream, whether its rows were found to depend, and none is counted until they do not.
    """

    def __init__(self, strides: Sequence[int], randomness: np.random.Generator, *, fixed: bool = False) -> None:
        """`strides`: as the reference had them. `fixed`: somebody said them, and they stay."""
        if min(strides, default=1) < 1:
            raise ValueError("a stride is at least 1")
        self.strides: npt.NDArray[np.int64] = np.array(strides, np.int64)
        self.doubted = np.zeros(len(strides), bool)
        self._randomness, self._fixed = randomness, fixed
        self._steps: dict[int, Steps] = {}
        self._waiting: dict[int, npt.NDArray[np.integer]] = {}
        self._windows = 0
        self._pairs, self._sums = np.zeros(len(strides)), np.zeros(len(strides))

    @property
    def stride(self) -> int:
        """The largest one."""
        return int(self.strides.max(initial=1))

    def window(self, bins: npt.NDArray[Whole]) -> npt.NDArray[Whole]:
        """A window (rows x streams, in order, -1: not there), with -1 where a stream does not count the row too.

        Weak dependence shows only over many windows: then those so far were counted, and the next ones are thinned.
        """
        found = np.full_like(bins, -1)
        self._windows += 1
        groups = [(stride, np.flatnonzero(self.strides == stride)) for stride in np.unique(self.strides).tolist()]
        for stride, streams in groups:
            taken = self._taken(stride, len(bins))
            rows = bins if stride == 1 else bins[taken]
            self._look(stride, streams, rows)
            kept = streams[~self.doubted[streams]]
            if len(kept) == bins.shape[1] and stride == 1:
                found[:] = bins  # as it mostly is, and ten times faster
            elif len(taken) and len(kept):
                found[taken[:, None], kept] = rows[:, kept]
        self._steps = {stride: steps for stride, steps in self._steps.items() if stride in self.strides}
        self._waiting = {stride: rows for stride, rows in self._waiting.items() if stride in self.strides}
        return found

    def _taken(self, stride: int, rows: int) -> Places:
        if stride not in self._steps:
            self._steps[stride] = Steps(stride, self._randomness)
        return self._steps[stride].take(rows)

    def _look(self, stride: int, streams: Places, rows: npt.NDArray[np.integer]) -> None:
        """Judge the streams of one stride, once enough rows came."""
        if rows.size and int(rows.min()) < 0:
            rows = rows[(rows >= 0).any(axis=1)]
        before = self._waiting.pop(stride, None)
        if before is not None:
            rows = np.concatenate([before, rows])
        if len(rows) < LEAST:
            self._waiting[stride] = rows
        else:
            self._judge(streams, rows if len(streams) == rows.shape[1] else rows[:, streams])

    def _judge(self, streams: Places, bins: npt.NDArray[np.integer]) -> None:
        found, pairs = _typical(bins)
        known = np.isfinite(found) & (pairs > 0)
        found = np.where(known, found, 0.0)
        self._pairs[streams] += np.where(known, pairs, 0)
        self._sums[streams] += found * pairs
        all_pairs, sums = self._pairs[streams], self._sums[streams]
        enough = self._enough(len(self.strides))
        now = known & (pairs >= FEW) & (found * np.sqrt(pairs) > enough[0])
        pooled = sums > enough[1] * np.sqrt(_OF_MIDDLE * np.maximum(all_pairs, 1))
        told = (bins >= 0).sum(axis=0) >= LEAST
        self.doubted[streams] = now | (self.doubted[streams] & ~told)
        raised = now | pooled
        if raised.any():
            correlations = np.where(now, found, sums / np.maximum(all_pairs, 1))
            self._raise(streams[raised], (correlations - 2 / np.sqrt(np.where(now, pairs, all_pairs) + 1e-9))[raised])

    def _enough(self, streams: int) -> tuple[float, float]:
        """In standard deviations: what all streams are by chance too seldom, in a window and up to it.

        1 / (n (n + 1)) of what is allowed for the n-th window: they sum to 1. That two of three parts are past x has
        a probability of at most 3 p^2, where one is past it with p.
        """
        chance = BY_CHANCE / (2 * max(streams, 1) * self._windows * (self._windows + 1))
        return -_NORMAL.inv_cdf(math.sqrt(chance / 3)), -_NORMAL.inv_cdf(chance)

    def _raise(self, streams: Places, correlations: FloatArray) -> None:
        """To powers of two, so that there are few strides: by the correlations, less the chance in them."""
        if not self._fixed:
            steps = np.log(HARMLESS) / np.log(np.clip(correlations, HARMLESS, 0.999))
            wanted = np.exp2(np.ceil(np.log2(self.strides[streams] * np.maximum(steps, 2)))).astype(np.int64)
            self.strides[streams] = np.minimum(wanted, np.maximum(MOST, self.strides[streams]))
        self._pairs[streams] = self._sums[streams] = 0


def lag_one(bins: npt.NDArray[np.integer]) -> FloatArray:
    """For each stream (rows x streams, -1: not there) the rank correlation of neighbours; NaN where it says nothing."""
    return _correlations(bins)[0]


def _typical(bins: npt.NDArray[np.integer]) -> tuple[FloatArray, FloatArray]:
    """The middle one of three parts' correlations, and the neighbours of a part.

    A change inside the window makes neighbours alike too, but in one part only.
    """
    rows, streams = len(bins) // 3, bins.shape[1]
    beside = bins[: 3 * rows].reshape(3, rows, streams).transpose(1, 0, 2).reshape(rows, 3 * streams)
    found, pairs = (one.reshape(3, streams) for one in _correlations(beside))
    found = np.sort(np.where(np.isnan(found), -np.inf, found), axis=0)[1]  # of two that say something the lower
    found = np.where(np.isinf(found), np.nan, found)
    return found, pairs.min(axis=0)


def _correlations(bins: npt.NDArray[np.integer]) -> tuple[FloatArray, FloatArray]:
    """The rank correlation of neighbours that are both there, bins as ties, and how many such neighbours there are."""
    streams, wide = bins.shape[1], BINS + 1
    places = bins.T.astype(np.intp, order="C")  # one more bin, the first of each stream, for what is not there
    places += 1 + wide * np.arange(streams)[:, None]
    counts = np.bincount(places.ravel(), minlength=wide * streams).reshape(streams, wide)[:, 1:].astype(np.float64)
    rows = counts.sum(1, keepdims=True)
    table = np.zeros((streams, wide))
    table[:, 1:] = counts.cumsum(1) - counts / 2 - rows / 2  # around their mean, for each row
    spread = (counts * table[:, 1:] ** 2).sum(1)
    scores = table.ravel().take(places)
    if (rows < len(bins)).any():
        there = (bins >= 0).T
        pairs = (there[:, 1:] & there[:, :-1]).sum(1).astype(np.float64)
    else:
        pairs = np.full(streams, float(max(len(bins) - 1, 0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.einsum("sr,sr->s", scores[:, 1:], scores[:, :-1]) / pairs / (spread / rows[:, 0])
        found += 1 / (rows[:, 0] - 1)  # around their own mean, rows in any order have less than 0 on average
    said = (pairs > 0) & (counts.max(1) <= LOPSIDED * rows[:, 0])
    return np.where(said, found, np.nan), pairs
