"""Rows as they come, window by window, against a plan: what a gateway and a watcher do together, in one process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lockgate.monitor.advice import advice
from lockgate.monitor.binning import Binner, counted
from lockgate.monitor.dependence import MOST, Thinner, lag_one
from lockgate.monitor.detector import StreamStanding, TestSettings, detector_of
from lockgate.monitor.jail._looks import Looks, related
from lockgate.monitor.making import Places
from lockgate.monitor.plan import Plan
from lockgate.monitor.replay import Alarm, Read, Standing, Wish, expected, together
from lockgate.monitor.values import Array, Floats
from lockgate.monitor.words import effect

MOST_POINTS = 240
"""Of the track of a stream."""
MOST_TRACKS = 12
"""Streams without an alarm that have a track."""
LEAST_WINDOW = 100
"""Rows at the end that are a window of their own: fewer cannot be asked whether they depend on each other."""

_DEPENDENT = 3
_LOOKED_AT = 20_000
_FLOOR = -1e9
"""Stands for the logarithm of nothing, which JSON cannot say."""


class Comparison:
    """A plan, and the rows that came so far."""

    def __init__(self, plan: Plan, reference: Mapping[str, Array], wish: Wish, seed: int) -> None:
        settings = TestSettings(false_alarms=wish.false_alarms, band=wish.band)
        self._plan, self._window = plan, wish.window
        self._detector = detector_of([plan], settings)
        randomness = np.random.default_rng(seed)
        self._binner = Binner(plan, randomness)
        strides = [wish.stride or stream.stride for stream in plan.streams]
        self._thinner = Thinner(strides, randomness, fixed=wish.stride > 0)
        self._taken = np.zeros(len(plan.streams), np.int64)
        self._there = np.zeros(len(plan.streams), bool)
        self._looks = Looks(reference)
        self._reference = reference
        self._known: tuple[set[str], Places] = (set(), np.zeros(0, np.intp))
        self.threshold = self._detector.threshold
        self.rows = self._counted = self._dropped = self._elsewhere = 0
        self.alarms: list[Alarm] = []
        self._alarmed: dict[int, int] = {}
        self._pending: list[dict[str, Array]] = []
        self._held = 0
        self._ended = 0
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._tracks: list[Floats] = []
        self._lags: list[Floats] = []

    def add(self, columns: Mapping[str, Array], rows: int) -> None:
        """Take the next rows."""
        at = 0
        while at < rows:
            number = min(rows - at, self._window - self._held)
            self._pending.append({name: one[at : at + number] for name, one in columns.items()})
            self._held += number
            at += number
            self.rows += number
            if self._held == self._window:
                self._look()

    def end(self) -> None:
        """No more rows come: the last window is as long as it is, if that is long enough to be judged."""
        if self._held >= min(self._window, LEAST_WINDOW) or (self._held and not self._ends):
            self._look()

    def read(self) -> Read:
        """What became of the rows."""
        return Read(
            self.rows,
            self._counted,
            len(self._ends),
            self._dropped,
            self._elsewhere,
            self._thinner.stride,
            int((self._there & (self._taken * MOST <= self._counted)).sum()),
            tuple(self._dependent()),
            tuple(self._looks.sorted),
        )

    def standings(self) -> Iterator[Standing]:
        """Each stream of the plan, in its order: as it stands, or stood when it alarmed."""
        found = self._detector.standings()
        ranked = sorted(found, key=lambda one: (-one.log_e, one.stream))
        drawn = {one.stream for one in ranked[:MOST_TRACKS]} | set(self._alarmed)
        alarms = {one.stream: one for one in self._detector.alarms()}
        for one in found:
            yield self._standing(alarms.get(one.stream, one), drawn=one.stream in drawn)

    def _look(self) -> None:
        """One window: binned, judged, counted, and asked whether it is one too many."""
        names = set.intersection(*(set(piece) for piece in self._pending))
        columns = {name: np.concatenate([piece[name] for piece in self._pending]) for name in names}
        rows, self._ended = self._held, self.rows - 1
        self._pending, self._held = [], 0
        if not columns:
            self._elsewhere += rows
            return
        ordered = self._looks.follow(columns)
        bins, placed = self._binner.bins(columns)
        here = int((placed >= 0).sum())
        self._elsewhere += rows - here
        self._lags.append(np.nan_to_num(np.abs(lag_one(bins))))
        self._there |= (bins >= 0).any(axis=0)
        bins = self._thinner.window(bins)
        bins[:, self._going_with(ordered)] = -1
        taken = (bins >= 0).sum(axis=0)
        if not taken.any():
            self._dropped += here
            return
        self._taken += taken
        self._detector.add(counted(self._plan, bins, placed), here)
        self._looks.add(columns, rows)
        self._counted += here
        self._begins.append(self.rows - rows)
        self._ends.append(self._ended)
        self._tracks.append(np.array([one.log_e for one in self._detector.standings()], np.float32))
        fresh = [one.stream for one in self._detector.alarms() if one.stream not in self._alarmed]
        if fresh:
            self._alarmed |= dict.fromkeys(fresh, self._ended)
            self.alarms.append(Alarm(self._ended, tuple(self._plan.streams[each].name for each in fresh)))

    def _going_with(self, ordered: set[str]) -> Places:
        """Streams that in the reference are not independent of these columns: rows in their order go on there too."""
        if ordered != self._known[0]:
            rows = {name: column[:_LOOKED_AT] for name, column in self._reference.items()}
            bins, _ = self._binner.bins(rows)
            of = [place for place, one in enumerate(self._plan.streams) if ordered & {*one.of}]
            going = [place for place in range(bins.shape[1]) if any(related(bins[:, place], bins[:, at]) for at in of)]
            self._known = set(ordered), np.array(sorted({*of, *going}), np.intp)
        return self._known[1]

    def _standing(self, one: StreamStanding, *, drawn: bool) -> Standing:
        stream = self._plan.streams[one.stream]
        current = self._detector.counts(one)
        since = min(one.since, len(self._begins) - 1)
        largest = max(range(len(current)), key=lambda stratum: sum(current[stratum]))
        alarm = self._alarmed.get(one.stream)
        return Standing(
            one.stream,
            max(one.log_e, _FLOOR),
            max(one.log_restart, _FLOOR),
            None if one.log_band is None else max(one.log_band, _FLOOR),
            effect(stream.cuts[largest].balls, current[largest]),
            self._begins[since] if one.log_e > 0 and since >= 0 else None,
            alarm,
            tuple(map(tuple, current)),
            self._track(one.stream) if drawn else (),
            () if alarm is None else self._advice(one.stream, current, alarm),
        )

    def _advice(self, place: int, current: list[list[int]], alarm: int) -> tuple[str, ...]:
        stream = self._plan.streams[place]
        name = stream.of[0]
        # The window that alarmed, and those before it, may hold rows from before the change too.
        settled = min(self._ends.index(alarm) + 1, len(self._ends) - 1)
        shares = expected(stream.cuts, current), together(current)
        return advice(
            stream, shares, self._looks.before.get(name), self._looks.since(name, settled), self._looks.new(name)
        )

    def _track(self, place: int) -> tuple[tuple[int, float], ...]:
        number = len(self._ends)
        chosen = np.unique(np.linspace(0, number - 1, min(number, MOST_POINTS)).astype(int)).tolist()
        return tuple((self._ends[at], max(float(self._tracks[at][place]), _FLOOR)) for at in chosen)

    def _dependent(self) -> Iterator[str]:
        """Those whose neighbours depend most, where rows were left out or taken apart for it."""
        if self._thinner.stride == 1 and not self._dropped:
            return
        worst = np.max(self._lags, axis=0)
        for place in np.argsort(-worst, kind="stable")[:_DEPENDENT].tolist():
            yield f"{self._plan.streams[place].name} ({worst[place]:.2f})"
