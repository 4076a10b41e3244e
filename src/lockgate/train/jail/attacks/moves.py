"""Moves that several attacks make: find a starting point, come nearer along a line, take back what is not needed.

The last is what images do not need and tables do: a tree asks about one feature at a time, so that most of a random
flip's coordinates can go back to where they were.
"""

from __future__ import annotations

from itertools import count

import numpy as np

from lockgate.train.jail.attacks.asking import NEAR, Asker
from lockgate.train.jail.attacks.trail import Asking, Points

_FIRST_ASKED = 24
_MOST_ASKED = 128


def beginning(asker: Asker, randomness: np.random.Generator) -> Asking:
    """A point with another label: the nearest of the first batch that has one. Raises Spent, Failed.

    Asked are values of real rows, some of them near ones, values anywhere in the ranges, and small moves; where there
    is no other label the whole budget goes into looking for one.
    """
    order = np.argsort(asker.norm(asker.sample))
    for turn in count():
        size = min(_FIRST_ASKED * 2**turn, _MOST_ASKED) // 4
        near = order[turn * size : (turn + 1) * size]
        chosen = randomness.integers(len(asker.sample), size=3 * size - len(near))
        anywhere = randomness.uniform(asker.low, asker.high, size=(size // 2, asker.size))
        small = asker.start + directions(randomness, size - size // 2, asker.size) * randomness.uniform(
            0.1, 2.0, size=(size - size // 2, 1)
        )
        points = np.concatenate([asker.sample[near], asker.sample[chosen], anywhere, small])
        asked, flags = yield from asker.flipped(points)
        if flags.any():
            return asked[int(np.argmin(np.where(flags, asker.norm(asked), np.inf)))]
    raise AssertionError  # pragma: no cover


def directions(randomness: np.random.Generator, rows: int, size: int) -> Points:
    """Random directions of length 1, shape (rows, size)."""
    found: Points = randomness.standard_normal((rows, size))
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), NEAR)
    return found


def nearer(asker: Asker, point: Points, *, part: float = 0.01) -> Asking:
    """The last flip on the line from `point`, a flip, to the row, to `part` of its length. Raises Spent, Failed."""
    low, high = 0.0, 1.0
    found = point
    while high - low > part:
        middle = (low + high) / 2
        wanted = asker.legal(asker.start + middle * (point - asker.start))
        # Whole numbers have no points between two of them.
        if asker.norm(wanted) <= NEAR or np.abs(wanted - found).max() <= NEAR:
            break
        asked, flags = yield from asker.flipped(wanted)
        if flags[0]:
            high, found = middle, asked[0]
        else:
            low = middle
    return found


def taken_back(asker: Asker, point: Points, *, part: float = 0.0) -> Asking:
    """`point`, a flip, with as many coordinates as can be moved back to `part` of their way. Raises Spent, Failed.

    First each coordinate alone, then the largest together with as many others as stays a flip.
    """
    move = point - asker.start
    moved = np.flatnonzero(np.abs(move) > NEAR)
    if not len(moved):
        return point
    each = np.repeat(point[None], len(moved), axis=0)
    each[np.arange(len(moved)), moved] = asker.start[moved] + part * move[moved]
    asked, flags = yield from asker.flipped(each)
    useful = flags & (asker.norm(asked) < asker.norm(point) - NEAR)
    if not useful.any():
        return point
    able = moved[useful][np.argsort(-np.abs(move[moved[useful]]))]
    best = asked[int(np.argmin(np.where(useful, asker.norm(asked), np.inf)))]
    sizes = sorted({max(2, round(len(able) / 2**at)) for at in range(len(able).bit_length())} if len(able) > 1 else ())
    if sizes:
        several = np.repeat(point[None], len(sizes), axis=0)
        for at, size in enumerate(sizes):
            several[at, able[:size]] = asker.start[able[:size]] + part * move[able[:size]]
        asked, flags = yield from asker.flipped(several)
        distances = np.where(flags, asker.norm(asked), np.inf)
        if distances.min() < asker.norm(best):
            best = asked[int(np.argmin(distances))]
    return best
