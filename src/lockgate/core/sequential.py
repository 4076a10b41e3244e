"""Tests that may be looked at after every row, for as long as one likes: e-processes. Pure.

An e-process starts at 1 and, while its null hypothesis holds, is on average at most 1 whenever one stops. So it ever
reaches 1/alpha with a probability of at most alpha (Ville 1939): a test that stops there may be watched without a
horizon. Both here are products of what is bet on what comes next, averaged over a fixed grid of bets; nothing is
random, so that whoever has the counts gets the same number. All are natural logarithms.

- A bounded mean (`mean_above`): Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting"
  (JRSS B 2024), here with constant bets and their average, so that the counts alone decide and not their order. Of
  pairs, whose value is 1 or -1 where only one of both is bad, it is a sequential form of McNemar's test.
- Two samples (`Spells`): Shekhar and Ramdas, "Nonparametric two-sample testing by betting" (IEEE Trans. Inf. Theory
  2023), here on blocks whose rows may depend on each other: what is bet on is the rank of a block's outcome among all
  that its margins allow, so that a block says a bounded amount.

Numbers may come from a liar: whatever whole numbers a block has, it takes a few thousand multiplications at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FRACTIONS = (0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.32, 0.48, 0.68, 0.9)
"""Of the most that can be bet on a mean without risking to lose all."""
STAKES = (0.06, 0.15, 0.35, 0.65, 0.98)
"""Of what is left, on a block of `Spells`."""
MOST_EXACT = 1 << 16
"""Rows of a block that is computed exactly; a larger one is bounded."""
PROOF = 1e6
"""The log e-value of what the null says cannot be: infinite, but for what JSON can say."""
_NOTHING = 1e-17


@dataclass(frozen=True)
class Block:
    """Rows of two arms that are exchangeable under the null, and how many of them are bad. ValueError if impossible."""

    candidate: int
    candidate_bad: int
    live: int
    live_bad: int

    def __post_init__(self) -> None:
        if not 0 <= self.candidate_bad <= self.candidate or not 0 <= self.live_bad <= self.live:
            raise ValueError("more of an arm are bad than it has")


class Spells:
    """Against "of the candidate's rows no larger share is bad than of live's", where either arm may be hit, both alike.

    A block's bet is 1 + stake times `surplus`, which is on average 0 when the arms of the block could change places,
    however its rows depend on each other; so it at most doubles what there is. Of independent rows in many small
    blocks that loses a twentieth of the evidence (as ranks do for the normal distribution), of few large ones most.
    """

    def __init__(self) -> None:
        self._logs = [0.0] * len(STAKES)

    def add(self, block: Block) -> None:
        """Bet on a block."""
        found = surplus(block)
        self._logs = [one + math.log1p(stake * found) for one, stake in zip(self._logs, STAKES, strict=True)]

    def log_e(self) -> float:
        """What all bets have become, on average."""
        return log_average(self._logs)


def mean_above(counts: Mapping[float, int], most: float, *, least: float = -1.0) -> float:
    """Log e-value against "whatever came before, the next value is on average at most `most`".

    `counts`: how often each value was there, each at least `least` and at most 1, where least <= most and least < 1.
    Each of the bets makes 1 + bet (value - most) of what it has, which is never negative. No bet where `most` is
    `least`: then `least` is the null's only value, and every value above it is proof.
    """
    if most <= least:
        return PROOF if any(count and value > most for value, count in counts.items()) else 0.0
    top = 1 / (most - least)
    pairs = [(value - most, count) for value, count in counts.items() if count]
    return log_average([sum(count * math.log1p(part * top * over) for over, count in pairs) for part in FRACTIONS])


def log_average(logs: Iterable[float], weights: Iterable[float] | None = None) -> float:
    """The logarithm of the average of numbers that are given by theirs; weights have the sum 1."""
    found = list(logs)
    shares = [1 / len(found)] * len(found) if weights is None else list(weights)
    top = max(found)
    return top + math.log(sum(share * math.exp(one - top) for share, one in zip(shares, found, strict=True)))


def surplus(block: Block) -> float:
    """P(X < x) - P(X > x) for the x bad rows of the candidate: from -1 to 1, on average 0 while the null holds.

    Above MOST_EXACT rows the difference of the two shares, which is that too, and says less.
    """
    candidate, live, bad = block.candidate, block.live, block.candidate_bad + block.live_bad
    if not candidate or not live or bad in {0, candidate + live}:
        return 0.0
    if candidate + live > MOST_EXACT:
        return block.candidate_bad / candidate - block.live_bad / live
    mode, above, below = _terms(candidate, live, bad)
    whole = 1 + sum(above) + sum(below)
    # `above` begins one above the mode and goes up, `below` one below it and goes down.
    away = block.candidate_bad - mode
    if away > 0:
        return 1 - (2 * sum(above[away:]) + sum(above[away - 1 : away])) / whole
    if away < 0:
        return (2 * sum(below[-away:]) + sum(below[-away - 1 : -away])) / whole - 1
    return (sum(below) - sum(above)) / whole


def _terms(candidate: int, live: int, bad: int) -> tuple[int, list[float], list[float]]:
    """The most likely X, and how likely those above and below it are, by its likelihood; X is hypergeometric.

    Outwards, until what is left adds nothing.
    """
    least, most = max(0, bad - live), min(bad, candidate)
    mode = (candidate + 1) * (bad + 1) // (candidate + live + 2)
    mode = min(max(mode, least), most)
    above: list[float] = []
    term = 1.0
    for x in range(mode + 1, most + 1):
        term *= (candidate - x + 1) * (bad - x + 1) / (x * (live - bad + x))
        above.append(term)
        if term < _NOTHING:
            break
    below: list[float] = []
    term = 1.0
    for x in range(mode, least, -1):
        term *= x * (live - bad + x) / ((candidate - x + 1) * (bad - x + 1))
        below.append(term)
        if term < _NOTHING:
            break
    return mode, above, below
