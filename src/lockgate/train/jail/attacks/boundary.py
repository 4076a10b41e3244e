"""Boundary attack (Brendel, Rauber, Bethge 2018, arXiv 1712.04248) for the rows of a table. Needs labels only.

A walk along the boundary: random steps at the same distance, then a little nearer; both sizes are learned from how
often they stay flips. Added for tables: half of the steps move few coordinates, what is not needed is taken back, and
a walk that no longer comes nearer begins anew.
"""

from __future__ import annotations

import numpy as np

from lockgate.train.jail.attacks.asking import NEAR, Asker, attack
from lockgate.train.jail.attacks.moves import beginning, directions, nearer, taken_back
from lockgate.train.jail.attacks.trail import Asking, Points

_PROPOSED = 12
_PATIENCE = 12
_SMALLEST = 1e-3


@attack("boundary")
def boundary(asker: Asker, randomness: np.random.Generator) -> Asking:
    """Nearer and nearer flips, until the budget is spent."""
    yield from asker.begin()
    while True:
        point = yield from beginning(asker, randomness)
        point = yield from nearer(asker, point)
        point = yield from taken_back(asker, point)
        yield from _walk(asker, randomness, point)


def _walk(asker: Asker, randomness: np.random.Generator, point: Points) -> Asking:
    around, toward, stalled, turn = 0.3, 0.1, 0, 0
    while stalled < _PATIENCE and around > _SMALLEST:
        turn += 1
        before = float(asker.norm(point))
        asked, flags = yield from asker.flipped(_proposed(asker, randomness, point, around, toward))
        distances = np.where(flags, asker.norm(asked), np.inf)
        if distances.min() < before - NEAR:
            point = asked[int(np.argmin(distances))]
        share = float(flags.mean())
        if share < 0.2:
            around, toward = around * 0.8, toward * 0.7
        elif share > 0.5:
            around, toward = min(1.0, around * 1.1), min(0.5, toward * 1.4)
        if turn % 8 == 0:
            point = yield from taken_back(asker, point, part=(0.0, 0.7)[turn // 8 % 2])
        stalled = 0 if asker.norm(point) < 0.995 * before else stalled + 1


def _proposed(asker: Asker, randomness: np.random.Generator, point: Points, around: float, toward: float) -> Points:
    """Points on the sphere around the row through `point`, then moved nearer by the share `toward`."""
    move = point - asker.start
    distance = float(np.linalg.norm(move))
    steps = directions(randomness, _PROPOSED, asker.size)
    few = randomness.random(steps.shape) < min(1.0, 3 / asker.size)
    steps[::2] = np.where(few[::2], steps[::2], 0.0)
    steps -= (steps @ move)[:, None] * move / max(distance**2, NEAR)
    steps *= around * distance / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), NEAR)
    moved = move + steps
    moved *= distance / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), NEAR)
    return asker.start + (1 - toward * randomness.uniform(0.2, 1.8, size=(_PROPOSED, 1))) * moved
