"""The monitor as it is used, over rows from memory: a plan from a reference, then window after window.

What `lockgate monitor --reference A --replay B` and a gateway with its watcher do, without files, jails and logs.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from bench.drift_data import NONE, Change, Maker, Rows, Seed, World
from lockgate.monitor.binning import Binner, counted
from lockgate.monitor.dependence import Thinner
from lockgate.monitor.detector import TestSettings, detector_of
from lockgate.monitor.jail.reference import strides
from lockgate.monitor.making import Wanted, make
from lockgate.monitor.plan import Plan

STRETCH = 4000
"""Rows in a row, eight times, in which validation looks for dependent neighbours."""
NORMAL = 0.05
"""How often an interval may be wrong."""


@dataclass(frozen=True)
class Setting:
    """How a world is watched.

    Attributes:
        reference: rows of the reference. `window`: rows of a window, as they come.
        hours: rows are compared with those of the same hour. `thin`: dependent neighbours are looked for, and thinned.
        truth: the frozen reference is taken for the truth, with as many balls as to leave it no error of its own: the
            mistake that a monitor must not make.
    """

    reference: int = 50_000
    window: int = 1000
    hours: bool = False
    thin: bool = True
    truth: bool = False
    test: TestSettings = field(default_factory=TestSettings)


class Monitor:
    """One monitor: rows in, an alarm or none out."""

    def __init__(self, plan: Plan, setting: Setting, seed: Seed) -> None:
        self.plan, self.setting = plan, setting
        self.windows = self.dropped = self.seen = 0
        self.cpu = 0.0
        self._binner = Binner(plan, np.random.default_rng((*seed, 1)))
        self._thinner = Thinner([one.stride for one in plan.streams], np.random.default_rng((*seed, 3)))
        self.detector = detector_of([sure(plan) if setting.truth else plan], setting.test)

    @property
    def stride(self) -> int:
        """The largest of all streams by now: one of so many rows is counted."""
        return self._thinner.stride

    def see(self, rows: Rows) -> bool:
        """A window; whether there is an alarm now. CPU is counted: of binning and of the test."""
        begin = time.process_time()
        number = len(next(iter(rows.values())))
        bins, strata = self._binner.bins(rows)
        if self.setting.thin:
            bins = self._thinner.window(bins)
            self.dropped += int(self._thinner.doubted.any())
        self.detector.add(counted(self.plan, bins, strata), int(np.count_nonzero(strata >= 0)))
        found = self.detector.alarms()
        self.windows += 1
        self.seen += number
        self.cpu += time.process_time() - begin
        return bool(found)


class Watch(Monitor):
    """A monitor, and the rows of a world that it watches: the reference comes first."""

    def __init__(self, world: World, setting: Setting, seed: Seed) -> None:
        self.maker = Maker(world, (*seed, 0))
        super().__init__(plan_of(world, self.maker.rows(setting.reference), setting, seed), setting, seed)

    def copy(self) -> Watch:
        """The same up to now; what comes is made of the same chance."""
        return copy.deepcopy(self)

    def look(self, change: Change = NONE) -> bool:
        """The next window; whether there is an alarm now."""
        return self.see(self.maker.rows(self.setting.window, change))

    def until(self, most: int, change: Change = NONE) -> tuple[int | None, int | None]:
        """How many more rows until there is an alarm, and until a notice; None when there is none within `most`."""
        begin, alarm, notice = self.seen, None, None
        while self.seen - begin < most and (alarm is None or notice is None):
            found = self.look(change)
            alarm = self.seen - begin if found and alarm is None else alarm
            notice = self.seen - begin if notice is None and self.detector.notices() else notice
        return alarm, notice


def sure(plan: Plan) -> Plan:
    """The same with a million times as many balls: a reference that knows the true masses."""
    streams = (
        replace(one, cuts=tuple(replace(cuts, balls=tuple(ball * 10**6 for ball in cuts.balls)) for cuts in one.cuts))
        for one in plan.streams
    )
    return replace(plan, streams=tuple(streams))


def plan_of(world: World, rows: Rows, setting: Setting, seed: Seed) -> Plan:
    """The plan that validation makes of such rows; a stream whose neighbours are alike counts one of so many."""
    kinds = {name: "string" if name.startswith("group") else "float" for name in world.names}
    wanted = Wanted(("hour",), "at") if setting.hours else Wanted()
    number = sum(place << 16 * power for power, place in enumerate(seed))
    plan = make(rows, kinds, seed=number, wanted=wanted)
    if not setting.thin:
        return plan
    begins = range(0, min(8 * STRETCH, setting.reference), STRETCH)
    stretches = [{name: column[at : at + STRETCH] for name, column in rows.items()} for at in begins]
    found = strides(plan, stretches, timed=True)
    return make(rows, kinds, seed=number, wanted=replace(wanted, strides=found)) if found else plan


def exact(successes: int, trials: int, wrong: float = NORMAL) -> tuple[float, float]:
    """Clopper and Pearson's interval (1934) of a share, exact: each end is wrong with chance `wrong` / 2 at most."""

    def below(most: int, share: float) -> float:
        """Chance of at most `most` successes."""
        if share in (0.0, 1.0):
            return 1.0 if share == 0.0 or most >= trials else 0.0
        ways = (
            math.lgamma(trials + 1) - math.lgamma(one + 1) - math.lgamma(trials - one + 1) for one in range(most + 1)
        )
        odds = (one * math.log(share) + (trials - one) * math.log1p(-share) for one in range(most + 1))
        return math.fsum(math.exp(way + odd) for way, odd in zip(ways, odds, strict=True))

    low = 0.0 if successes == 0 else _root(lambda share: 1 - below(successes - 1, share) >= wrong / 2)
    high = 1.0 if successes == trials else _root(lambda share: below(successes, share) < wrong / 2)
    return low, high


def _root(passed: Callable[[float], bool]) -> float:
    """Where a growing condition turns true, from 0 to 1."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if passed(middle) else (middle, high)
    return high
