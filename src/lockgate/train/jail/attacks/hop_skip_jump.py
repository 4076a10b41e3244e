"""HopSkipJump (Chen, Jordan, Wainwright 2020, arXiv 1904.02144), l2, for the rows of a table. Needs labels only.

From a point with another label: to the boundary along the line, the direction of the boundary from random probes
around it, a step along that direction, and again. Added for tables: coordinates that the flip does not need are taken
back, and when it no longer comes nearer it begins anew from another point.
"""

from __future__ import annotations

from itertools import count

import numpy as np

from lockgate.train.jail.attacks.asking import Asker, attack
from lockgate.train.jail.attacks.moves import beginning, directions, nearer, taken_back
from lockgate.train.jail.attacks.trail import Asking, Points

_PATIENCE = 3
_HALVINGS = 8


@attack("hop-skip-jump")
def hop_skip_jump(asker: Asker, randomness: np.random.Generator) -> Asking:
    """Nearer and nearer flips, until the budget is spent."""
    yield from asker.begin()
    while True:
        point = yield from beginning(asker, randomness)
        yield from _descend(asker, randomness, point)


def _descend(asker: Asker, randomness: np.random.Generator, point: Points) -> Asking:
    stalled, distance = 0, np.inf
    for turn in count(1):
        point = yield from nearer(asker, point)
        point = yield from taken_back(asker, point)
        if turn > 1:
            point = yield from taken_back(asker, point, part=0.6)
        now = float(asker.norm(point))
        stalled = stalled + 1 if now > 0.98 * distance else 0
        distance = min(now, distance)
        if stalled >= _PATIENCE:
            return
        # Around a tree's steps a probe must reach beyond the next one; near a smooth boundary a short one is better.
        radius = now * (0.3, 0.1, 0.03)[turn % 3]
        direction = yield from _gradient(asker, randomness, point, radius, round(probes(asker.size) * turn**0.5))
        point = yield from _stepped(asker, point, direction * now / turn**0.5)


def probes(size: int) -> int:
    """How many probes tell a direction among `size` coordinates."""
    return int(np.clip(2 * size, 12, 100))


def _gradient(asker: Asker, randomness: np.random.Generator, point: Points, radius: float, probed: int) -> Asking:
    """The direction in which the other label lies, length 1."""
    asked, flags = yield from asker.flipped(point + radius * directions(randomness, probed, asker.size))
    signs = np.where(flags, 1.0, -1.0)
    moves = (asked - point) / radius
    if abs(signs.mean()) < 1:
        signs -= signs.mean()
    found = signs @ moves
    return found / max(float(np.linalg.norm(found)), 1e-12)


def _stepped(asker: Asker, point: Points, step: Points) -> Asking:
    """The farthest of ever shorter steps that is still a flip; `point` itself if none is."""
    for halving in range(_HALVINGS):
        asked, flags = yield from asker.flipped(point + step / 2**halving)
        if flags[0]:
            return asked[0]
    return point
