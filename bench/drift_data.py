"""Rows for the drift benchmarks, from a seed: what makes a monitor cry wolf, and what it should see.

numpy alone, so that each peer's environment can read and make them. Beneath each feature lies a standard normal
variable; any two of them are correlated. Feature by feature in turn it becomes itself, lognormal, Student's t with
five degrees of freedom, or one of seven ordered values (many ties). A shift is in standard deviations of the normal
variable beneath, whatever it becomes, or, where that is said, of the feature itself: for lognormal and t that is more.

Seeds that begin with 1 are for choosing thresholds and bets, those that begin with 8 for what is reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

TUNED, REPORTED = 1, 8
BLOCK = 64
T_FREEDOM = 5
GROUPS = ("rail", "road", "sea", "air", "pipe", "post")
GROUP_SHARES = (0.4, 0.25, 0.15, 0.1, 0.07, 0.03)
UNSEEN = "drone"
FEET_IN_METRES = 0.3048
DAY_MICROSECONDS = 86_400_000_000
OWN = (1.0, math.sqrt((math.e - 1) * math.e), math.sqrt(T_FREEDOM / (T_FREEDOM - 2)))
"""Standard deviations of what the normal variable becomes, in turn, but of ordered values."""

Array: TypeAlias = np.ndarray[Any, Any]
Rows: TypeAlias = dict[str, Array]
Seed: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class World:
    """What rows are like before anything changes.

    Attributes:
        features: numbers. `groups`: categories beside them, independent of all else.
        correlation: of any two of the normal variables beneath.
        memory: correlation of one row with the next, AR(1).
        season: how far the time of day moves every normal variable, in standard deviations at most, up and down.
        day: rows of one day, evenly spread. The column `at` is the time, in microseconds.
    """

    features: int = 30
    groups: int = 0
    correlation: float = 0.2
    memory: float = 0.0
    season: float = 0.0
    day: int = 12_000

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the columns that are numbers."""
        return tuple(f"x{place:02d}" for place in range(self.features))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns but the time."""
        return (*self.numbers, *(f"group {place}" for place in range(self.groups)))


@dataclass(frozen=True)
class Change:
    """What is different from some row on. `features` are places of numbers; categories change in the first group.

    Attributes:
        shift: of the normal variable beneath. `variance`: factor of its variance.
        own: the shift is of the feature itself, in its own standard deviations; of ordered values, beneath.
        correlation: of the features among each other; with all others it stays.
        unit: factor of the feature itself.
        mix: share of all rows that move from the commonest category to the third.
        unseen: share of all rows that have a category that was never there.
    """

    features: tuple[int, ...] = ()
    shift: float = 0.0
    own: bool = False
    variance: float = 1.0
    correlation: float | None = None
    unit: float = 1.0
    mix: float = 0.0
    unseen: float = 0.0


NONE = Change()


class Maker:
    """Rows of a world, one after another: memory and the time of day go on from call to call."""

    def __init__(self, world: World, seed: Seed) -> None:
        self._world = world
        self._random = np.random.default_rng(seed)
        self._last: Array | None = None
        self._made = 0

    def rows(self, count: int, change: Change = NONE) -> Rows:
        """The next rows, column by column."""
        world = self._world
        beneath = self._remembered(self._innovations(count, change))
        at = (self._made + np.arange(count)) * (DAY_MICROSECONDS // world.day)
        self._made += count
        chosen = list(change.features)
        shifted = [place for place in chosen if not change.own or place % 4 == len(OWN)]
        beneath[:, chosen] *= math.sqrt(change.variance)
        beneath[:, shifted] += change.shift
        if world.season:
            beneath += world.season * np.sin(2 * np.pi * (at % DAY_MICROSECONDS) / DAY_MICROSECONDS)[:, None]
        found: Rows = {name: self._become(place, beneath[:, place]) for place, name in enumerate(world.numbers)}
        for place in chosen:
            own = 0.0 if place in shifted else change.shift * OWN[place % 4]
            found[world.numbers[place]] = (found[world.numbers[place]] + own) * change.unit
        for place in range(world.groups):
            found[f"group {place}"] = self._group(count, change if place == 0 else NONE)
        return found | {"at": at}

    def _innovations(self, count: int, change: Change) -> Array:
        """Normal, equally correlated; among the chosen features perhaps more."""
        rho, random = self._world.correlation, self._random
        common = random.standard_normal((count, 1))
        own = random.standard_normal((count, self._world.features))
        found = math.sqrt(rho) * common + math.sqrt(1 - rho) * own
        if change.correlation is not None:
            chosen, more = list(change.features), change.correlation - rho
            shared = random.standard_normal((count, 1))
            rest = math.sqrt(1 - change.correlation) * own[:, chosen]
            found[:, chosen] = math.sqrt(rho) * common + math.sqrt(more) * shared + rest
        return found

    def _remembered(self, drawn: Array) -> Array:
        """AR(1) with the same variance, block by block: row k of a block is the sum of memory^(k-j) times row j."""
        memory = self._world.memory
        if not memory:
            return drawn
        if self._last is None:
            self._last = self._innovations(1, NONE)[0]
        apart = np.subtract.outer(np.arange(BLOCK), np.arange(BLOCK))
        weights = np.where(apart >= 0, memory ** np.maximum(apart, 0), 0.0) * math.sqrt(1 - memory**2)
        fading = memory ** np.arange(1, BLOCK + 1)[:, None]
        found = np.empty_like(drawn)
        for begin in range(0, len(drawn), BLOCK):
            block = drawn[begin : begin + BLOCK]
            size = len(block)
            found[begin : begin + size] = weights[:size, :size] @ block + fading[:size] * self._last
            self._last = found[begin + size - 1]
        return found

    def _become(self, place: int, beneath: Array) -> Array:
        kind = place % 4
        if kind == 1:
            return np.exp(beneath)
        if kind == 2:
            return beneath / np.sqrt(self._random.chisquare(T_FREEDOM, len(beneath)) / T_FREEDOM)
        return beneath.copy() if kind == 0 else np.clip(np.round(1.2 * beneath), -3, 3)

    def _group(self, count: int, change: Change) -> Array:
        shares = np.array(GROUP_SHARES)
        shares[0] -= change.mix
        shares[2] += change.mix
        found = np.array(GROUPS, dtype=object)[self._random.choice(len(GROUPS), count, p=shares)]
        found[self._random.random(count) < change.unseen] = UNSEEN
        return found


def some(world: World, seed: Seed, count: int = 3) -> tuple[int, ...]:
    """Places of so many features, by chance: which kinds of feature change is not ours to choose."""
    drawn = np.random.default_rng((*seed, 77)).choice(world.features, count, replace=False)
    return tuple(sorted(int(place) for place in drawn))


def table(world: World, rows: Mapping[str, Array]) -> Array:
    """The numbers as one matrix, for those who want no more."""
    return np.column_stack([rows[name] for name in world.numbers])
