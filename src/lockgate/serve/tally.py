"""What a gateway counts, as plain numbers: adding is all that happens on the request path. Read by `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


@dataclass
class Spread:
    """Counts per bucket of upper bounds, the last one without a bound, and the sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass
class Tally:
    """One gateway's counters since its start."""

    replies: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By name of the call and status."""
    refused: Counter[str] = field(default_factory=Counter)
    """By finding."""
    seconds: dict[str, Spread] = field(default_factory=dict)
    """From the whole request to the reply, by name of the call."""
    batches: Spread = field(default_factory=lambda: Spread(ROWS))
    """Rows of each call of the model."""
    rows: Counter[str] = field(default_factory=Counter)
    """Records by how they went: `plan`, `pydantic`, `refused`, `predicted`, `recorded`, `unrecorded`."""
    now: dict[str, float] = field(default_factory=dict)
    """What stands now: `waiting_rows`, `connections`, `buffered_records`... (`calls.metrics.GAUGES` has all)."""
    lost: Counter[str] = field(default_factory=Counter)
    """Workers that were broken off, by kind."""
    ladder: Counter[str] = field(default_factory=Counter)
    """What was observed of candidates, by the names of `audit.ladder.counts`."""
    watched: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Answered rows by model (`name@version`) and what became of them for monitoring: `counted`, `dependent` on their
    neighbours or their session, `skipped` for the time that looking takes."""
    monitor: dict[tuple[str, str], float] = field(default_factory=dict)
    """By model, what stands now: `stride`, `alarms`, `estimated_accuracy` (`calls.metrics.MONITOR` has all)."""
    abuse: Counter[str] = field(default_factory=Counter)
    """Answered rows that were `looked` at for who tries the model, or `skipped`."""
    suspicions: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Steps by rule and level, as `core.record_suspicion` has them."""
    suspected: dict[int, int] = field(default_factory=dict)
    """How many are suspected now, by level."""
    spans: Counter[str] = field(default_factory=Counter)
    """Spans of traces that were `written` or `dropped`."""
    ends: dict[str, float] = field(default_factory=dict)
    """When something stops being valid, in seconds since the epoch: `tls`."""
    keys: Sequence[float] = ()
    """When each API key that may be used ends, in seconds since the epoch; infinity where it does not."""

    def sealing(self, written: int, sealed: int, when: float) -> None:
        """How many records were written, and how many of them are in the log, at `when` (seconds since the epoch).

        To be told about once a second. `last_sealed` is when the log last grew by ours, or none of ours waited.
        """
        before = self.now.get("sealed_records")
        if sealed == written or before is None or sealed > before:
            self.now["last_sealed"] = when
        self.now |= {"sealed_records": sealed, "unsealed_records": written - sealed}

    def replied(self, call: str, status: int, seconds: float) -> None:
        """Count one reply."""
        self.replies[call, status] += 1
        spread = self.seconds.get(call)
        if spread is None:
            spread = self.seconds[call] = Spread(SECONDS)
        spread.add(seconds)
