"""For regression: the largest change of the value within a distance, by random search (`ball`), up and down."""

from __future__ import annotations

import numpy as np

from lockgate.train.jail.attacks.asking import Asker, Failed, Spent, attack
from lockgate.train.jail.attacks.ball import Ball
from lockgate.train.jail.attacks.trail import Answers, Asking, Points

_PROPOSED = 10
_SAME = 1e-6


@attack("change")
def change(asker: Asker, randomness: np.random.Generator, distance: float) -> Asking:
    """Larger and larger changes within `distance`, until the budget is spent."""
    before = float(_values((yield from asker.begin()))[0])
    up, down = Ball(asker, distance), Ball(asker, distance)
    farthest: list[Points] = []

    def asked(points: Points) -> Asking:
        so_far = asker.queries
        found, answers = yield from asker.ask(points, distance)
        moved = _values(answers) - before
        up.learn(found, moved)
        down.learn(found, -moved)
        sizes = np.abs(moved)
        at = int(np.argmax(sizes))
        if sizes[at] > (asker.changes[-1][2] if asker.changes else 0.0):
            asker.changes.append((so_far + at + 1, float(asker.norm(found[at])), float(sizes[at])))
            farthest[:] = [found[at]]
        return found, moved

    try:
        found, moved = yield from asked(up.alone())
        for ball, aims in ((up, moved), (down, -moved)):
            together = ball.combined(found, aims, 0.0)
            if len(together):
                yield from asked(together)
        while True:
            # The direction that is ahead gets two turns of three.
            ahead, behind = (up, down) if up.aim >= down.aim else (down, up)
            for ball in (ahead, ahead, behind):
                share = max(1 / asker.size, 0.8 * (1 - asker.queries / asker.budget) ** 3)
                yield from asked(ball.proposed(randomness, _PROPOSED, share))
    except Spent:
        if farthest and asker.queries < asker.budget:
            asker.best = farthest[0]
            yield from _confirmed(asker, before)


def _confirmed(asker: Asker, before: float) -> Asking:
    """Ask the farthest point once more. Raises Failed where it is another now."""
    assert asker.best is not None  # noqa: S101 - for the type checker: set by the caller
    answers = yield from asker.again(asker.best)
    size = asker.changes[-1][2]
    if abs(abs(float(_values(answers)[0]) - before) - size) > _SAME * max(size, abs(before)):
        asker.fail_unstable()


def _values(answers: Answers) -> Points:
    if answers.values is None:
        raise Failed("the target gives no values")
    return answers.values.reshape(-1)
