"""Random search within a ball around the row, for an aim that is to grow: what `square` and `change` share.

The squares of the attack on images are random subsets of the coordinates here, which take over a part of the move's
length with random signs. Beside them: each coordinate alone at first, the best of these together, and the direction
that a linear model of all answers so far points to.
"""

from __future__ import annotations

import numpy as np

from lockgate.train.jail.attacks.asking import NEAR, Asker
from lockgate.train.jail.attacks.trail import Points

_REMEMBERED = 400


class Ball:
    """The search at one radius.

    Attributes:
        radius: l2, in standard deviations.
        move: shape (free,), the best move so far; `aim`: what it reached.
    """

    def __init__(self, asker: Asker, radius: float) -> None:
        self._asker = asker
        self.radius = radius
        self.move: Points = np.zeros(asker.size)
        self.aim = -np.inf
        self._moves: list[Points] = []
        self._aims: list[Points] = []

    def alone(self) -> Points:
        """Each coordinate alone, up and down by the whole radius; shape (2 x free, free)."""
        steps = np.concatenate([np.eye(self._asker.size), -np.eye(self._asker.size)]) * self.radius
        return self._asker.start + steps

    def combined(self, asked: Points, aims: Points, before: float) -> Points:
        """The most useful of the moves in `asked` together, 2, 4, 8 and so on of them, at the radius."""
        gains = aims - before
        order = np.argsort(-gains)[: int((gains > 0).sum())]
        moves = asked - self._asker.start
        found = [
            moves[order[: 2**power]].T @ weights
            for power in range(1, len(order).bit_length())
            for weights in (np.ones(len(order[: 2**power])), gains[order[: 2**power]])
        ]
        return self._asker.start + self.long(np.array(found)) if found else np.empty((0, self._asker.size))

    def proposed(self, randomness: np.random.Generator, rows: int, share: float) -> Points:
        """Points around the best move: `share` of the coordinates, at random, take over a random part of its length."""
        size = self._asker.size
        ranks = np.argsort(randomness.random((rows, size)), axis=1)
        many = np.maximum(1, np.rint(share * size * randomness.uniform(0.3, 1.7, size=rows)))
        chosen = ranks < many[:, None]
        signs = np.where(randomness.random((rows, size)) < 0.5, -1.0, 1.0)
        mass = randomness.uniform(0.1, 1.0, size=(rows, 1))
        kept = np.where(chosen, 0.0, self.move)
        kept *= np.sqrt(1 - mass) * self.radius / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), NEAR)
        squares = np.where(chosen, signs * np.sqrt(mass / chosen.sum(axis=1, keepdims=True)) * self.radius, 0.0)
        found = self.long(kept + squares)
        slope = self._slope()
        if slope is not None:
            found[0] = slope
            found[-1] = self.long((self.move + slope)[None])[0]
        return self._asker.start + found

    def long(self, moves: Points) -> Points:
        """`moves` made as long as the radius."""
        found: Points = moves * (self.radius / np.maximum(np.linalg.norm(moves, axis=1, keepdims=True), NEAR))
        return found

    def learn(self, asked: Points, aims: Points) -> bool:
        """Take note of what points in the ball reached; whether one of them is a better move."""
        self._moves.append(asked - self._asker.start)
        self._aims.append(aims)
        at = int(np.argmax(aims))
        if aims[at] <= self.aim:
            return False
        self.move, self.aim = asked[at] - self._asker.start, float(aims[at])
        return True

    def _slope(self) -> Points | None:
        """The move that a linear model of the latest answers would make; None while there are too few."""
        moves, aims = np.concatenate(self._moves[-40:]), np.concatenate(self._aims[-40:])
        moves, aims = moves[-_REMEMBERED:], aims[-_REMEMBERED:]
        if len(moves) < self._asker.size or np.ptp(aims) <= 0:
            return None
        centred = moves - moves.mean(axis=0)
        gram = centred.T @ centred
        ridge = 1e-3 * np.trace(gram) / len(gram) + NEAR
        slope = np.linalg.solve(gram + ridge * np.eye(len(gram)), centred.T @ (aims - aims.mean()))
        found: Points = self.long(slope[None])[0]
        return found
