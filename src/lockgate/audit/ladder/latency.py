"""Latency as tests of two samples: at several thresholds, which live's own batches set before each block. Pure.

Batches are not independent: for a second or two one process is scheduled worse than the other, and each of its batches
is slow. So a block is a second or more of both arms, and what it can say is bounded (`core.sequential.Spells`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.audit.ladder.blocks import Cut
from lockgate.audit.ladder.counts import BUCKETS, RATIO
from lockgate.core.sequential import Block, Spells, log_average

FORESEEN = 40
"""Live's batches before the first block: no threshold stands without them, and nothing is bet on them."""
MIDDLES = (0.5, 0.75)
"""Quantiles that are bet on beside the policy's: who is slower throughout is seen there with fewer batches."""
WEIGHTS = (0.5, 0.25, 0.25)
SPELL_SECONDS = 1.0
"""A block is at least so long, by the times that the records bear. About a dozen are the least that an alarm takes."""


def buckets_of(margin: float) -> int:
    """Buckets by which the candidate may be slower, for a share of slower: 10 % are two.

    One that answers a twentieth of the traffic has colder caches: without any, equal models are stopped.
    """
    return round(math.log1p(margin) / math.log(RATIO))


class Histogram:
    """Batches by bucket."""

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.total = 0

    def add(self, batches: Mapping[int, int]) -> None:
        """So many more in each bucket."""
        for bucket, count in batches.items():
            self.counts[bucket] += count
            self.total += count

    def bucket(self, quantile: float) -> int:
        """The bucket that the quantile is in."""
        below, wanted = 0, quantile * self.total
        for bucket, count in enumerate(self.counts):
            below += count
            if below >= wanted and below:
                return bucket
        return BUCKETS - 1

    def above(self, bucket: int) -> int:
        """How many are in a later one."""
        return sum(self.counts[bucket + 1 :])


@dataclass
class _Pending:
    thresholds: tuple[int, ...]
    margin: int
    candidate: Histogram = field(default_factory=Histogram)
    live: Histogram = field(default_factory=Histogram)

    def blocks(self) -> list[Block]:
        return [
            Block(
                self.candidate.total,
                self.candidate.above(bucket + self.margin),
                self.live.total,
                self.live.above(bucket),
            )
            for bucket in self.thresholds
        ]


class Latency:
    """Against "of the candidate's batches no larger share is in a bucket above that of live's quantile than of live's".

    The candidate's bucket is further by the policy's `margin`: two processes of one model may differ by 10 %. Half of
    the stake is on the policy's quantile, a quarter each on live's median and third quartile. The thresholds of a block
    are fixed by the batches of live that came before its first record.
    """

    def __init__(self, quantile: float, margin: float) -> None:
        self._quantiles = (quantile, *MIDDLES)
        self._margin = buckets_of(margin)
        self._tests = tuple(Spells() for _ in self._quantiles)
        self._cut = Cut()
        self._closed = 0
        self._pending: dict[int, _Pending] = {}
        self.candidate = Histogram()
        self.live = Histogram()

    def add(self, step: int, time: int, candidate: Mapping[int, int], live: Mapping[int, int]) -> None:
        """The batches of one record. `time`: its own, milliseconds."""
        if self.live.total >= FORESEEN:
            self._bet(step, time, candidate, live)
        else:
            self._closed = time
        self.candidate.add(candidate)
        self.live.add(live)

    def _bet(self, step: int, time: int, candidate: Mapping[int, int], live: Mapping[int, int]) -> None:
        block = self._pending.pop(step, None) or _Pending(
            tuple(self.live.bucket(one) for one in self._quantiles), self._margin
        )
        block.candidate.add(candidate)
        block.live.add(live)
        # In either direction: one gateway whose clock is wrong cannot hold up all blocks.
        ripe = abs(time - self._closed) >= SPELL_SECONDS * 1000
        if self._cut.after(step, sum(candidate.values()), sum(live.values()), ripe=ripe):
            self._closed = time
            for test, found in zip(self._tests, block.blocks(), strict=True):
                test.add(found)
        else:
            self._pending[step] = block

    def log_e(self) -> float:
        """Of all blocks that are closed."""
        return log_average([test.log_e() for test in self._tests], WEIGHTS)
