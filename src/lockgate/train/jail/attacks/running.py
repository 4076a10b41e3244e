"""Run attacks: many rows in step, or one whose every point is a query of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lockgate.train.jail.attacks.trail import Answers, Attack, Points, Trail

MOST_TOGETHER = 65_536
"""Points that are asked in one call at most."""


def together(attacks: Sequence[Attack], ask: Callable[[Sequence[int], Points], Answers]) -> list[Trail]:
    """All attacks in step: one call of `ask` for what all of them want to know next.

    `ask` gets for each point the place of its attack, and the points, shape (n, mutable) with one `mutable` for all.
    What it raises is not caught.
    """
    trails: dict[int, Trail] = {}
    waiting: dict[int, Points] = {}
    for place, each in enumerate(attacks):
        _moved(place, each, None, waiting, trails)
    while waiting:
        places, blocks = list(waiting), list(waiting.values())
        sizes = [len(block) for block in blocks]
        answers = _asked(np.repeat(places, sizes), np.concatenate(blocks), ask)
        waiting = {}
        ends = np.cumsum(sizes)
        for place, end, size in zip(places, ends.tolist(), sizes, strict=True):
            _moved(place, attacks[place], answers.part(end - size, end), waiting, trails)
    return [trails[place] for place in range(len(attacks))]


def one_by_one(attack: Attack, ask: Callable[[Points], Answers]) -> Trail:
    """One attack, each point a query of its own: `ask` gets points of shape (1, mutable).

    What it raises is not caught.
    """
    try:
        points = next(attack)
        while True:
            points = attack.send(_joined([ask(point[None]) for point in points]))
    except StopIteration as end:
        trail: Trail = end.value
        return trail


def _moved(
    place: int, attack: Attack, answers: Answers | None, waiting: dict[int, Points], trails: dict[int, Trail]
) -> None:
    """One step of one attack."""
    try:
        waiting[place] = next(attack) if answers is None else attack.send(answers)
    except StopIteration as end:
        trails[place] = end.value


def _asked(places: Points, points: Points, ask: Callable[[Sequence[int], Points], Answers]) -> Answers:
    starts = range(0, len(points), MOST_TOGETHER)
    parts = [ask(places[at : at + MOST_TOGETHER].tolist(), points[at : at + MOST_TOGETHER]) for at in starts]
    return _joined(parts)


def _joined(parts: Sequence[Answers]) -> Answers:
    if len(parts) == 1:
        return parts[0]
    scores = [part.scores for part in parts if part.scores is not None]
    values = [part.values for part in parts if part.values is not None]
    return Answers(
        np.concatenate([part.labels for part in parts]),
        np.concatenate(scores) if len(scores) == len(parts) else None,
        np.concatenate(values) if len(values) == len(parts) else None,
    )
