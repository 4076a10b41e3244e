"""One model's rows, on their way from answers to records of counts. In the event loop, a millisecond at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lockgate.serve.monitoring.counted import Counted
from lockgate.serve.monitoring.kept import MOST_ROWS, Said
from lockgate.serve.monitoring.rows import CHUNK_ROWS, Answered, Batch, Waiting
from lockgate.serve.monitoring.sampling import Allowance, Apart, Sessions, Thinning

if TYPE_CHECKING:
    from lockgate.serve.monitoring.counting import Binned, Counting, Counts
    from lockgate.serve.rungs.comparing import Place
    from lockgate.serve.spec import Caps, Watched, WindowPart
    from lockgate.serve.tally import Tally

WINDOW_SECONDS, LEAST_WINDOW = 300.0, 100
"""A window lasts no longer, but for rows enough to see whether neighbours depend on each other."""
LABELS_A_SECOND, MOST_KEPT = 50, 10_000
ESTIMATED_WINDOWS = 10
"""Over so many windows the accuracy is estimated."""
NOWHERE = 4
"""So many times as many rows as a window has are held, where most of them count nowhere."""
SLOW_SECONDS, FAST_SECONDS, LEAST_CHUNK = 0.002, 0.001, 32
"""What a chunk may take, in CPU time. Half of what one of 256 rows takes is for the plan's streams, not for the rows:
smaller ones than the least cost more and save nobody time."""


class Records(Protocol):
    """Who writes records (`recording.recorder`)."""

    def window(self, watched: Watched, parts: Sequence[WindowPart]) -> bool:
        """Write what was counted: all parts, one after the other, or False when nothing can be written now."""


@dataclass(frozen=True)
class Clocks:
    """`now`: monotonic seconds; `wall`: milliseconds since the epoch; `spent`: CPU seconds of this thread."""

    now: Callable[[], float]
    wall: Callable[[], int]
    spent: Callable[[], float]


class Watch:
    """`name`: of the model, as metrics have it. Until `counting` is there its rows are seen, and not looked at."""

    def __init__(self, name: str, about: Watched, caps: Caps, records: Records, tally: Tally, clocks: Clocks) -> None:
        self.name = name
        self.about = about
        self.counting: Counting | None = None
        self.kept: list[Said] = []
        """Rows of which labels are waited for, to be handed on."""
        self.sample = Thinning(MOST_ROWS)
        self.failing: Exception | None = None
        """Why rows could not be counted just now."""
        self._window, self._sessions = caps.window_rows, Sessions() if caps.sessions else None
        self._allowance, self._labels = Allowance(caps.watched_rows), Allowance(LABELS_A_SECOND)
        self._apart = Apart()
        self._records, self._tally, self._clocks = records, tally, clocks
        self._waiting = Waiting()
        self._most = CHUNK_ROWS
        self._chunks: list[Binned] = []
        self._rows = self._binned = 0
        self._ended = False
        self._counted = Counted(since=clocks.wall())
        self._late: list[tuple[Watched, Counted]] = []
        """What was counted of another rung or life, and could not be written."""
        self._began = clocks.now()
        self._stride = 1
        self._margins: deque[Counts] = deque(maxlen=ESTIMATED_WINDOWS)

    @property
    def busy(self) -> bool:
        """Whether a window has ended, or rows wait that it is worth to count now."""
        return self._ended or self._waiting.due(self._clocks.now())

    def become(self, about: Watched) -> None:
        """The same model on another rung, or in another life: what was counted before was of the one before."""
        if about != self.about:
            if not self.end():
                self._late.append((self.about, self._counted))
                self._counted = Counted(since=self._clocks.wall())
            self.about = about

    def take(self, batches: Sequence[Batch]) -> None:
        """These were answered."""
        answered, now = Answered(batches), self._clocks.now()
        if not answered.total:
            return
        self._counted.seen += answered.total
        counting = self.counting
        if counting is None:
            self._count("skipped", answered.total)
            return
        if self._sessions is not None:
            counts: Sequence[int] = answered.begins(self._sessions, now)
        else:
            counts = range(answered.total)
        picked = self._allowance.pick(counts, now)
        labelled: frozenset[int] = frozenset()
        if counting.losses.wanted:
            labelled = frozenset(self._labels.pick(self._apart.pick(picked, counting.losses.stride), now))
        taken = 0
        for row in answered.rows(picked, labelled):
            if self._waiting.full:
                break
            self._waiting.add(row, now)
            taken += 1
        self._count("dependent", answered.total - len(counts))
        self._count("skipped", len(counts) - taken)

    def step(self) -> None:
        """Count the next rows, few enough that nobody waits for it, or end a window.

        What cannot be counted is passed over, and told.
        """
        counting = self.counting
        if counting is None or not self.busy:
            return
        if self._ended:
            self.end()
            return
        rows = self._waiting.chunk(min(self._most, max(1, self._window - self._rows)))
        began = self._clocks.spent()
        try:
            chunk = counting.bin(rows)
            for number, row in enumerate(rows):
                if row.place is not None:
                    self._keep(row.place, counting.losses.said(row.said), counting.stratum(chunk, number))
        except Exception as error:  # noqa: BLE001 - rows are anybody's: the next ones are looked at
            self.failing = error
            self._count("skipped", len(rows))
            return
        self._pace(self._clocks.spent() - began)
        self._chunks.append(chunk)
        self._rows += chunk.rows
        self._binned += len(rows)
        self._ended = self._rows >= self._window or self._binned >= NOWHERE * self._window

    def label(self, said: float, label: object, stratum: int) -> None:
        """A label came for a row of this model."""
        found = self.counting.losses.count(said, label, stratum) if self.counting is not None else None
        if found is not None:
            self._counted.add([found])
            self._counted.labelled += 1

    def look(self) -> None:
        """Write what is due: a window that lasts too long, or what could not be written before."""
        late = self._clocks.now() - self._began >= WINDOW_SECONDS
        if late and (not self._chunks or self._rows >= LEAST_WINDOW):
            self.end()
        elif self._counted.rows or self._counted.dropped or self._late or (late and self._counted.labelled):
            self._write()

    def end(self) -> bool:
        """Write all that was counted, whatever the time; whether nothing is left. Too few rows are let go."""
        self._close()
        return self._write()

    def _close(self) -> None:
        """A window ends: its rows count, or in no stream, for they depend on their neighbours in each."""
        chunks, rows, self._chunks, self._ended = self._chunks, self._rows, [], False
        self._rows = self._binned = 0
        if not chunks or self.counting is None:
            return
        if rows < LEAST_WINDOW:
            self._count("skipped", rows)
            return
        self._stride = self.counting.thinner.stride
        try:
            counts = self.counting.counts(chunks)
        except Exception as error:  # noqa: BLE001 - as above
            self.failing = error
            self._count("skipped", rows)
            return
        if not counts:
            self._counted.dropped += rows
            self._count("dependent", rows)
            return
        self._counted.add(counts)
        self._counted.rows += rows
        self._count("counted", rows)
        self._margins.append(self.counting.margins(counts))
        estimate = self.counting.estimate(self._margins)
        if estimate is not None:
            self._tally.monitor[self.name, "estimated_accuracy"] = estimate

    def _write(self) -> bool:
        """Counts that could not be written wait for the next time, and others are added to them."""
        while self._late:
            about, before = self._late[0]
            if not self._records.window(about, list(before.parts(self._stride))):
                return False
            self._late.pop(0)
        counted = self._counted
        if not (counted.seen or counted.labelled or counted.rows or counted.dropped):
            self._began, counted.since = self._clocks.now(), self._clocks.wall()
            return True
        if not self._records.window(self.about, list(counted.parts(self._stride))):
            return False
        self._counted, self._began = Counted(since=self._clocks.wall()), self._clocks.now()
        self._tally.monitor[self.name, "stride"] = self._stride
        return True

    def _keep(self, place: Place, said: float, stratum: int) -> None:
        number = self.sample.take() if stratum >= 0 else None
        if number is not None and len(self.kept) < MOST_KEPT:
            self.kept.append(Said(number, place, said, stratum))

    def _pace(self, spent: float) -> None:
        if spent > SLOW_SECONDS:
            self._most = max(LEAST_CHUNK, self._most // 2)
        elif spent < FAST_SECONDS:
            self._most = min(CHUNK_ROWS, self._most * 2)

    def _count(self, what: str, rows: int) -> None:
        self._tally.watched[self.name, what] += rows
