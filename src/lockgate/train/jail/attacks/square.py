"""An own Square attack for tables, after Andriushchenko, Croce, Flammarion, Hein 2020 (arXiv 1912.00049), l2.

Random search within a ball for the move that lowers the row's own score most (`ball`). After a flip the ball shrinks
below it, so one run serves all distances up to the one it begins with. It needs scores: from a target that
gives none, or scores that say no more than the label, it is "failed", whatever it found.
"""

from __future__ import annotations

import numpy as np

from lockgate.train.jail.attacks.asking import Asker, Failed, attack
from lockgate.train.jail.attacks.ball import Ball
from lockgate.train.jail.attacks.moves import nearer, taken_back
from lockgate.train.jail.attacks.trail import Answers, Asking, Points

LABEL_ONLY = "the scores say no more than the label"
_PROPOSED = 10
_AGAIN = 0.7


@attack("square")
def square(asker: Asker, randomness: np.random.Generator, distance: float) -> Asking:
    """Flips within `distance`, and from there nearer and nearer, until the budget is spent."""
    scores = Scores(asker.label)
    before = float(scores.aims((yield from asker.begin()))[0])
    try:
        radius, move = distance, None
        while True:
            flip = yield from _within(asker, randomness, scores, radius, before, move)
            point = yield from nearer(asker, flip, part=0.03)
            point = yield from taken_back(asker, point)
            radius = 0.97 * min(asker.distance, radius)
            move = (point - asker.start) * (radius / float(asker.norm(point)))
    finally:
        scores.check()


def _within(
    asker: Asker,
    randomness: np.random.Generator,
    scores: Scores,
    radius: float,
    before: float,
    move: Points | None,
) -> Asking:
    """Ask until there is a flip nearer than `radius`; returns it."""
    ball = Ball(asker, radius)
    if move is None or radius < _AGAIN * scores.designed:
        scores.designed = radius
        asked, aims = yield from _asked(asker, scores, ball, ball.alone())
        if asker.distance <= radius:
            return asker.best
        together = ball.combined(asked, aims, before)
        if len(together):
            yield from _asked(asker, scores, ball, together)
    if move is not None:
        yield from _asked(asker, scores, ball, asker.start + move[None])
    while asker.distance > radius:
        share = max(1 / asker.size, 0.8 * (1 - asker.queries / asker.budget) ** 3)
        yield from _asked(asker, scores, ball, ball.proposed(randomness, _PROPOSED, share))
    return asker.best


def _asked(asker: Asker, scores: Scores, ball: Ball, points: Points) -> Asking:
    asked, answers = yield from asker.ask(points, ball.radius)
    aims = scores.aims(answers)
    ball.learn(asked, aims)
    return asked, aims


class Scores:
    """What is to grow, out of a target's scores; and whether they are worth anything.

    Attributes:
        designed: the radius at which each coordinate was last asked alone.
    """

    def __init__(self, label: int) -> None:
        self._label = label
        self._seen: dict[int, tuple[float, float]] = {}
        self._saturated = True
        self.designed = np.inf

    def aims(self, answers: Answers) -> Points:
        """How far the best other class is ahead of the row's own: of logarithms, where the scores are probabilities.

        A probability near 1 hides in its last digit what the other classes' small ones still show. Raises Failed.
        """
        scores = answers.scores
        if scores is None or scores.shape[1] < 2 or self._label >= scores.shape[1]:
            raise Failed("the target gives no scores")
        if (scores >= 0).all() and (scores <= 1).all():
            self._saturated &= bool(((scores == 0) | (scores == 1)).all())
            scores = np.log(np.maximum(scores, 1e-30))
        else:
            self._saturated = False
        own = scores[:, self._label]
        others = np.delete(scores, self._label, axis=1).max(axis=1)
        found: Points = others - own
        for label in set(answers.labels.tolist()):
            part = found[answers.labels == label]
            low, high = self._seen.get(label, (np.inf, -np.inf))
            self._seen[label] = min(low, float(part.min())), max(high, float(part.max()))
        return found

    def check(self) -> None:
        """Raises Failed where all that was scored says no more than the label."""
        constant = len(self._seen) > 1 and all(high <= low for low, high in self._seen.values())
        if self._saturated or constant:
            raise Failed(LABEL_ONLY)
