"""Whether production rows still come as the reference's did. Counts in, wealth out; pure, and the same for everybody.

The null hypothesis of a stream: within each stratum its production rows and the reference's are exchangeable. Then

    wealth = sum over starts s of weight(s) * P(counts before s) * Q(counts since s) / P(all counts) + cash

is a martingale that begins with 1: `P` is the urn (`urn`), `Q` a fixed mixture of bets (`bets`). It ever reaches x with
a probability of at most 1/x (Ville, 1939), however often one looks. An alarm is a stream with a wealth of 1 / (alpha *
share), where the shares of all streams sum to 1: so the probability of ever a false one is at most alpha (the union
bound). Streams are not averaged: each is a martingale in what is known of that stream alone, and of two together
nothing is proved.

The *notice* is an e-detector (Shin, Ramdas, Rinaldo): the sum over starts, each weighed by the rows since the one
before it in thousands, reaches A / share. Without a change that has happened within n thousand rows with a probability
of at most about n / A, so on average not before about A / 2 thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lockgate.monitor import starts
from lockgate.monitor.band import Band
from lockgate.monitor.plan import BINS, Plan
from lockgate.monitor.urn import IntArray, log_mean
from lockgate.monitor.wealth import Start, Wealth

JOINT_SHARE = 0.1
"""What a pair or projection gets of the false alarms, where a field or an output gets 1."""
_ROUNDING = 1e-6
"""By so much a bound may be computed too low."""


@dataclass(frozen=True)
class TestSettings:
    """What is promised.

    Attributes:
        false_alarms: the probability of ever a false alarm, over all streams and all time.
        band: how far, in sd, a stream may move without harm; 0: any difference is an alarm.
        start_rows: bets begin with the first record after so many rows: with each one, where records are windows.
        run_length: A of the notice, in thousands of counted rows.
    """

    __test__ = False  # no class of pytest's

    false_alarms: float = 0.01
    band: float = 0.0
    start_rows: int = 100
    run_length: float = 2000.0

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms < 1 or not 0 <= self.band <= 1 or self.start_rows < 1 or self.run_length < 1:
            raise ValueError("no test has such settings")


@dataclass(frozen=True)
class StreamStanding:
    """How a stream stands: natural logarithms of its wealth, of the notice's sum, of the band's wealth (if asked for).

    Each is weighted: plus log(streams * share), so that one threshold is right for all of them.
    `since`: the number of the record, from 0, with which the start began that has won most.
    """

    stream: int
    log_e: float
    log_restart: float
    log_band: float | None
    since: int


@dataclass(frozen=True)
class Crossing:
    """When a stream first reached the threshold, for good: bets lose again what they won, once all is as before.

    Attributes:
        standing: as it stood then.
        current: the rows of each bin, for each stratum, since the start that had won most.
    """

    standing: StreamStanding
    current: list[list[int]]


class Detector:
    """The test on counts, as records come. What crosses is noted with each record, whoever looks, and when."""

    def __init__(
        self,
        balls: Sequence[Sequence[Sequence[int]]],
        settings: TestSettings,
        shares: Sequence[float] | None = None,
    ) -> None:
        """Balls of each stream and stratum. `shares`: of the false alarms, for each stream; all alike without them."""
        if not balls or not all(strata and all(strata) for strata in balls):
            raise ValueError("there is a stream at least, and each has a stratum and a bin")
        shares = [1.0] * len(balls) if shares is None else shares
        if len(shares) != len(balls) or min(shares) <= 0:
            raise ValueError("each stream has a positive share")
        self.settings = settings
        self._wealth = Wealth(balls)
        self.streams, self.strata = self._wealth.streams, self._wealth.strata
        self.threshold = math.log(self.streams / settings.false_alarms)
        self._enough = math.log(self.streams * settings.run_length)
        self._shares = np.array(shares) / math.fsum(shares)
        self._lean = np.log(self._shares * self.streams)
        self.rows = self.windows = 0
        self._fresh_rows = 0
        self._alarms: dict[int, Crossing] = {}
        self._restarts: dict[int, Crossing] = {}
        self._bands: dict[int, Band] = {}
        self._now: list[StreamStanding] | None = None
        self._wealth.open(0, starts.NOTICE_ROWS)

    def add(self, bins: Iterable[tuple[int, int, Sequence[int]]], rows: int) -> None:
        """Count a record: stratum, stream, rows in each bin. Raises ValueError for a bin that the plan has not."""
        places: list[int] = []
        added: list[Sequence[int]] = []
        for stratum, stream, counts in bins:
            if not 0 <= stratum < self.strata or not 0 <= stream < self.streams:
                raise ValueError(f"the plan has no stream {stream} in a stratum {stratum}")
            place = stream * self.strata + stratum
            known = len(self._wealth.lists[place])
            if not known or len(counts) != known:
                raise ValueError(f"stream {stream} has {known} bins in stratum {stratum}")
            if min(counts) < 0:
                raise ValueError("rows are not less than none")
            places.append(place)
            added.append([*counts, *[0] * (BINS - len(counts))])
        if rows and self._fresh_rows >= self.settings.start_rows:
            # Not where a further part of one window comes: its rows belong together.
            self._wealth.open(self.windows, self._fresh_rows)
            self._fresh_rows = 0
        self._now = None
        self.rows += rows
        self._fresh_rows += rows
        if places:
            self._note(self._wealth.count(np.array(places), np.array(added, dtype=np.int64)))
        self.windows += 1

    def _note(self, streams: IntArray) -> None:
        """Which of the streams that this record touched cross with it. Of all others nothing has changed."""
        wealth, notice = self._wealth.bounded(streams)
        lean = self._lean[streams] + _ROUNDING
        near = (wealth + lean >= self.threshold) & ~np.isin(streams, [*self._alarms])
        near |= (notice + lean >= self._enough) & ~np.isin(streams, [*self._restarts])
        for standing, start in self._stand(streams[near]) if near.any() else ():
            for past, crossed in ((self._past(standing), self._alarms), (self._suspect(standing), self._restarts)):
                if past and standing.stream not in crossed:
                    crossed[standing.stream] = Crossing(standing, self._current(standing.stream, start))

    def standings(self) -> list[StreamStanding]:
        """How each stream stands now; the band only of those past the threshold."""
        if self._now is None:
            self._now = [standing for standing, _ in self._stand(np.arange(self.streams))]
        return [*self._now]

    def _stand(self, streams: IntArray) -> list[tuple[StreamStanding, Start]]:
        """Each with the start that has won most."""
        wealth, notice, best = self._wealth.stands(streams)
        found = []
        for place, stream in enumerate(streams.tolist()):
            lean, start = float(self._lean[stream]), self._wealth.starts[int(best[place])]
            log_e = float(wealth[place]) + lean
            band = self._log_band(stream) if self.settings.band and log_e >= self.threshold else None
            found.append((StreamStanding(stream, log_e, float(notice[place]) + lean, band, start.since), start))
        return found

    def _log_band(self, stream: int) -> float:
        """Of the starts that are open: those that are not, and cash, could only add to it."""
        if stream not in self._bands:
            lists = [one or (1,) for one in self._wealth.lists[stream * self.strata : (stream + 1) * self.strata]]
            allowed = self.settings.false_alarms * float(self._shares[stream])
            self._bands[stream] = Band(lists, self.settings.band, allowed)
        weights = np.array([starts.weight(start.number) for start in self._wealth.starts])
        found = log_mean(self._bands[stream].log_e(self._wealth.since(stream)), weights)
        return float(found) + float(self._lean[stream])

    def _past(self, one: StreamStanding) -> bool:
        """Past the threshold, and past the band where there is one."""
        return one.log_e >= self.threshold and (one.log_band is None or one.log_band >= self.threshold)

    def _suspect(self, one: StreamStanding) -> bool:
        return one.log_restart >= self._enough

    def alarms(self) -> list[StreamStanding]:
        """The streams that ever were past the threshold, and the band, as they stood when they first were."""
        return [self._alarms[stream].standing for stream in sorted(self._alarms)]

    def restarts(self) -> list[StreamStanding]:
        """The streams whose sum over starts ever was past K * A, as they stood when it first was."""
        return [self._restarts[stream].standing for stream in sorted(self._restarts)]

    def notices(self) -> list[StreamStanding]:
        """The streams whose sum over starts is past K * A now."""
        return [one for one in self.standings() if self._suspect(one)]

    def current(self, stream: int) -> list[list[int]]:
        """The rows of each bin, for each stratum, since the start of the stream that has won most."""
        ((_, start),) = self._stand(np.array([stream]))
        return self._current(stream, start)

    def counts(self, one: StreamStanding) -> list[list[int]]:
        """`current` of its stream; of what `alarms` or `restarts` said, as it was then."""
        for crossed in (self._alarms, self._restarts):
            if one.stream in crossed and crossed[one.stream].standing == one:
                return crossed[one.stream].current
        return self.current(one.stream)

    def _current(self, stream: int, start: Start) -> list[list[int]]:
        lists = self._wealth.lists[stream * self.strata : (stream + 1) * self.strata]
        since = self._wealth.since(stream, start).tolist()
        return [counts[: len(bins)] for counts, bins in zip(since, lists, strict=True)]


def shares_of(plans: Sequence[Plan]) -> list[float]:
    """What each stream of the plans gets of the false alarms: what tells only of two fields together gets less."""
    kinds = [stream.kind for plan in plans for stream in plan.streams]
    return [JOINT_SHARE if kind in {"pair", "projection"} else 1.0 for kind in kinds]


def detector_of(plans: Sequence[Plan], settings: TestSettings) -> Detector:
    """The test of all streams of the plans, in their order."""
    balls = [[cuts.balls for cuts in stream.cuts] for plan in plans for stream in plan.streams]
    return Detector(balls, settings, shares_of(plans))
