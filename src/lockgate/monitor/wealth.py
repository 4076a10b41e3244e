"""What the bets have won: for each stream, from each start on. Counts in, logarithms out; pure.

A *place* is a stream in a stratum. All arrays have one entry for each place or stream.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockgate.monitor import bets, starts
from lockgate.monitor.plan import BINS
from lockgate.monitor.urn import FloatArray, IntArray, Urns, log_mean


@dataclass(frozen=True)
class Start:
    """What was counted when it began.

    Attributes:
        number: from 0. `since`: the number of the record with which it began.
        rows: that it stands for in the notice: those since the start before it.
        counts: of each place. `tilts`: running sums, and `log_urn`: log P, of each stream.
        wide: log Q of each wide bet and place since then, kept up to date; only at every so manieth start.
    """

    number: int
    since: int
    rows: float
    counts: IntArray
    tilts: FloatArray
    log_urn: FloatArray
    wide: FloatArray | None


class Wealth:
    """Of the streams whose balls are given: of each stream and stratum."""

    def __init__(self, balls: Sequence[Sequence[Sequence[int]]]) -> None:
        """Raises ValueError for what is no reference."""
        self.streams, self.strata = len(balls), max(map(len, balls))
        self.lists = [tuple(strata[one]) if one < len(strata) else () for strata in balls for one in range(self.strata)]
        all_balls = np.zeros((len(self.lists), BINS))
        for place, one in enumerate(self.lists):
            if len(one) > BINS or any(ball < 1 for ball in one):
                raise ValueError("a stream has a positive number of balls for each bin")
            all_balls[place, : len(one)] = one
        self.counts = np.zeros(all_balls.shape, dtype=np.int64)
        self.starts: list[Start] = []
        self.opened = 0
        self._urns = Urns(all_balls)
        self._wides = [Urns(bets.wide_balls(all_balls, concentration)) for concentration in bets.WIDES]
        self._place_urn = np.zeros((self.streams, self.strata))
        self._log_urn = np.zeros(self.streams)
        self._tilts = np.zeros((self.streams, len(bets.tilt_weights())))
        self._tilt_masses: dict[int, FloatArray] = {}
        self._closed = np.full(self.streams, -np.inf)

    def count(self, places: IntArray, added: IntArray) -> IntArray:
        """More rows at these places. The streams that are touched by it."""
        np.add.at(self.counts, places, added)
        streams = places // self.strata
        tilts = np.stack([self._log_tilts(place) for place in places.tolist()])
        np.add.at(self._tilts, streams, np.einsum("pbk,pk->pb", tilts, added.astype(np.float64)))
        self._place_urn.reshape(-1)[places] = self._urns.log(places, self.counts[places].astype(np.float64))
        touched = np.unique(streams)
        self._log_urn[touched] = self._place_urn[touched].sum(-1)
        coarse = [(start.counts, start.wide) for start in self.starts if start.wide is not None]
        if coarse:
            since = (self.counts[places] - np.stack([counts[places] for counts, _ in coarse])).astype(np.float64)
            for number, urns in enumerate(self._wides):
                for (_, wide), logs in zip(coarse, urns.log(places, since), strict=True):
                    wide[number, places] = logs
        return touched

    def open(self, since: int, rows: float) -> None:
        """A start begins with the record `since`; some older ones end, and what they have is cash."""
        number = self.opened
        ending = [start for start in self.starts if not starts.goes_on(start.number, number)]
        if ending:
            won, _ = self._won(ending, np.arange(self.streams))
            self._closed = log_mean(np.vstack([self._closed, won]).T)
            self.starts = [start for start in self.starts if starts.goes_on(start.number, number)]
        self.opened += 1
        wide = None if number % starts.COARSE else np.zeros((len(self._wides), len(self.lists)))
        copies = self.counts.copy(), self._tilts.copy(), self._log_urn.copy()
        self.starts.append(Start(number, since, rows, *copies, wide))

    def stands(self, streams: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
        """Log wealth and log of the notice's sum of these streams; of which open start (its place) most has come."""
        won, notice = self._won(self.starts, streams)
        return self._together(won, streams), log_mean(notice.T), won.argmax(axis=0)

    def bounded(self, streams: IntArray) -> tuple[FloatArray, FloatArray]:
        """What the first two of `stands` are at most, sooner said."""
        won, notice = self._won(self.starts, streams, bound=True)
        return self._together(won, streams), log_mean(notice.T)

    def since(self, stream: int, start: Start | None = None) -> IntArray:
        """Rows of each stratum and bin since that start; since each open one (starts first) without."""
        places = slice(stream * self.strata, (stream + 1) * self.strata)
        before = np.stack([one.counts[places] for one in self.starts]) if start is None else start.counts[places]
        found: IntArray = self.counts[places] - before
        return found

    def _log_tilts(self, place: int) -> FloatArray:
        if place not in self._tilt_masses:
            self._tilt_masses[place] = bets.log_tilts(self.lists[place])
        return self._tilt_masses[place]

    def _together(self, won: FloatArray, streams: IntArray) -> FloatArray:
        cash = np.full(len(streams), self._cash())
        return log_mean(np.vstack([won, self._closed[streams], cash]).T)

    def _won(self, of: Sequence[Start], streams: IntArray, *, bound: bool = False) -> tuple[FloatArray, FloatArray]:
        """For each of these starts and streams: log of its weighted wealth, and of its share of the notice's sum."""
        against = np.stack([start.log_urn[streams] for start in of]) - self._log_urn[streams]
        since = self._tilts[streams] - np.stack([start.tilts[streams] for start in of])
        # A mixture is at most its largest part.
        tilts = since.max(-1) + math.log(1 - bets.WIDE) if bound else log_mean(since, bets.tilt_weights())
        notice = tilts + against
        won = notice + np.log([[starts.weight(start.number)] for start in of])
        coarse = [index for index, start in enumerate(of) if start.wide is not None]
        if coarse:
            wide = self._wide([of[index] for index in coarse], streams) + against[coarse]
            together = np.log([[starts.weight(of[index].number, starts.COARSE)] for index in coarse])
            won[coarse] = np.logaddexp(won[coarse], wide + together)
            notice[coarse] = np.logaddexp(notice[coarse], wide)
        return won, notice + np.log([[start.rows / starts.NOTICE_ROWS] for start in of])

    def _wide(self, coarse: Sequence[Start], streams: IntArray) -> FloatArray:
        """Log of what all wide bets together say of what came since each of these starts."""
        logs = np.stack([start.wide for start in coarse if start.wide is not None])
        summed = logs.reshape(*logs.shape[:2], self.streams, self.strata)[:, :, streams].sum(-1)
        return log_mean(np.moveaxis(summed, 1, -1), np.array([*bets.WIDES.values()]))

    def _cash(self) -> float:
        """What no start has yet: of tilts from the next one on, of wide bets from the next coarse one."""
        coarse = -(-self.opened // starts.COARSE) * starts.COARSE
        return math.log((1 - bets.WIDE) * starts.tail(self.opened) + bets.WIDE * starts.tail(coarse))
