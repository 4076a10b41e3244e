"""What all attacks share: the row in hand, the count of queries, and what a target may do wrong.

Promised: every point handed out is a legal row of the space; no more points are asked than the budget has; a target
that gives no answer, other numbers of answers, scores that are no numbers, or another answer to the same question makes
the attack "failed", which is "not tested", never "robust".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Concatenate, NoReturn, ParamSpec

import numpy as np

from lockgate.train.jail.attacks.space import Space
from lockgate.train.jail.attacks.trail import RAN, Answers, Asking, Attack, Points, Trail, failed

P = ParamSpec("P")

NEAR = 1e-9
"""What is nearer than this (in standard deviations) is no progress; a flip so near is one at the row itself."""
_OFTEN = 4
_KEPT = 2


class Spent(Exception):
    """The budget is spent, which is how every attack ends."""


class Failed(Exception):
    """The attack cannot be run on this row; told in its trail, never raised to a caller."""


class Asker:
    """One attacked row. Attacks work in its free coordinates only: those that are there and have room.

    Attributes:
        start: shape (free,), where the row is.
        low, high: shape (free,); a row outside its range may stay where it is.
        label: what the target says of the row itself.
        queries, budget: how many points were asked, and how many may be.
        best: shape (free,), the nearest flip; None before there is one.
        distance: its l2 distance; infinite before.
    """

    def __init__(self, space: Space, start: Points, label: int, budget: int) -> None:
        self._values = space.values
        low, high = np.minimum(space.low, start), np.maximum(space.high, start)
        room = high - low > NEAR
        self._whole_row = np.array(start, dtype=np.float64)
        self._free = np.flatnonzero(np.isfinite(start) & room)
        self.start: Points = self._whole_row[self._free]
        self.low: Points = low[self._free]
        self.high: Points = high[self._free]
        self._step = np.where(space.whole, 1 / space.scale, 0.0)[self._free]
        self.sample = np.where(np.isnan(space.sample), start, space.sample)[:, self._free]
        self.label = label
        self.budget = budget
        self.queries = 0
        self.best: Points | None = None
        self.distance = np.inf
        self.flips: list[tuple[int, float, float]] = []
        self.changes: list[tuple[int, float, float]] = []

    @property
    def size(self) -> int:
        """How many coordinates are free."""
        return len(self.start)

    @property
    def left(self) -> int:
        """How many queries are left; two are kept, to ask the row and its nearest flip once more."""
        return self.budget - self.queries - _KEPT

    def legal(self, points: Points, within: float = np.inf) -> Points:
        """The nearest legal points; whole numbers that leave `within` so are rounded towards the row instead."""
        found = np.clip(points, self.low, self.high)
        if not self._step.any():
            return found
        nearest = self._rounded(found, np.rint)
        outside = self.norm(nearest) > within + NEAR
        if outside.any():
            lower, upper = (self._rounded(found, to) for to in (_floor, _ceil))
            towards = np.where(found >= self.start, lower, upper)
            nearest = np.where(np.expand_dims(outside, -1), towards, nearest)
        return nearest

    def _rounded(self, points: Points, to: Callable[[Points], Points]) -> Points:
        """`points` with whole numbers made whole."""
        steps = np.where(self._step > 0, self._step, 1.0)
        whole = np.clip(to(points / steps) * steps, self.low, self.high)
        return np.where(self._step > 0, whole, points)

    def norm(self, points: Points) -> Points:
        """The l2 distance of each point from the row, shape (n,)."""
        found: Points = np.sqrt(np.square(points - self.start).sum(axis=-1))
        return found

    def full(self, points: Points) -> Points:
        """Points of the free coordinates as points of the space."""
        found = np.repeat(self._whole_row[None], len(points), axis=0)
        found[:, self._free] = points
        return found

    def ask(self, points: Points, within: float = np.inf) -> Asking:
        """Ask the legal points nearest to `points`; returns them with their Answers. Raises Spent, Failed.

        Points that lie `within` a distance of the row are asked within it.
        """
        wanted = self.legal(np.atleast_2d(points), within)
        asked = wanted[: max(0, self.left)]
        if not len(asked):
            raise Spent
        answers = yield from self._answers(asked)
        self._note(asked, answers)
        # At the row itself there is nothing nearer to look for.
        if len(asked) < len(wanted) or self.distance <= NEAR:
            raise Spent
        return asked, answers

    def flipped(self, points: Points) -> Asking:
        """Ask; returns the points that were asked, and which of them have another label. Raises Spent, Failed."""
        asked, answers = yield from self.ask(points)
        return asked, answers.labels != self.label

    def begin(self) -> Asking:
        """Ask the row itself; returns its Answers. Raises Failed where the target no longer says what it said."""
        if not self.size:
            raise Failed("no field of this row can be moved")
        if self.budget < 2:
            raise Failed("no budget")
        answers = yield from self._answers(self.start[None])
        if answers.labels[0] != self.label:
            self.fail_unstable()
        return answers

    def confirm(self) -> Asking:
        """Ask the row and its nearest flip once more. Raises Failed where either is not what it was.

        A flip at the row itself may be a split there, or a target that changes its answers: both are asked several
        times, by turns.
        """
        if self.best is None or not self.flips:
            return
        times = min(_OFTEN if self.distance <= NEAR else 1, (self.budget - self.queries) // 2)
        answers = yield from self._answers(np.tile(np.stack([self.start, self.best]), (times, 1)))
        flags = answers.labels != self.label
        if flags[::2].any() or not flags[1::2].all():
            self.fail_unstable()

    def fail_unstable(self) -> NoReturn:
        """Raises Failed: nothing that such a target said is a flip."""
        self.flips.clear()
        self.changes.clear()
        self.best = None
        raise Failed(UNSTABLE)

    def again(self, point: Points) -> Asking:
        """Ask one point with the query that was kept; returns its Answers. Raises Failed."""
        answers = yield from self._answers(point[None])
        return answers

    def _answers(self, points: Points) -> Asking:
        answers = yield self.full(points)
        self.queries += len(points)
        _check(answers, len(points))
        return answers

    def _note(self, asked: Points, answers: Answers) -> None:
        """Take down each flip that is nearer than all before, with the query that found it."""
        flags = answers.labels != self.label
        if not flags.any():
            return
        if any(self._is_row(point) for point in asked[flags & (self.norm(asked) <= NEAR)]):
            self.fail_unstable()
        distances = np.where(flags, self.norm(asked), np.inf)
        before = self.queries - len(asked)
        for at in np.flatnonzero(distances < self.distance):
            if distances[at] < self.distance - NEAR:
                self.best, self.distance = asked[at], float(distances[at])
                linf = float(np.abs(asked[at] - self.start).max())
                self.flips.append((before + int(at) + 1, self.distance, linf))

    def _is_row(self, point: Points) -> bool:
        """Whether the target was asked the very same values. A split may lie between a row and what is near it."""
        asked, row = self._values(self.full(point[None]))[0], self._values(self._whole_row)
        return np.array_equal(asked, row, equal_nan=True)


def _floor(points: Points) -> Points:
    """What is whole but for rounding stays what it is."""
    found: Points = np.floor(points + _ROUNDING)
    return found


def _ceil(points: Points) -> Points:
    found: Points = np.ceil(points - _ROUNDING)
    return found


_ROUNDING = 1e-9

UNSTABLE = "the target gives another answer to the same row"


def _check(answers: Answers, asked: int) -> None:
    """Raises Failed unless there is one usable answer to each point."""
    if answers.labels.shape != (asked,):
        raise Failed("the target gives another number of answers")
    if (answers.labels < 0).any():
        raise Failed("the target gives no answer")
    if answers.scores is not None and (answers.scores.ndim != 2 or len(answers.scores) != asked):
        raise Failed("the target gives another number of scores")
    for numbers in (answers.scores, answers.values):
        if numbers is not None and not np.isfinite(numbers).all():
            raise Failed("the target's answers are not finite")


def _status(steps: Asking) -> Asking:
    """What became of some steps."""
    try:
        with contextlib.suppress(Spent):
            yield from steps
    except Failed as error:
        return failed(str(error))
    return RAN


def attack(
    name: str,
) -> Callable[
    [Callable[Concatenate[Asker, np.random.Generator, P], Asking]],
    Callable[Concatenate[Space, Points, int, int, np.random.Generator, P], Attack],
]:
    """Make an attack of `name` from its steps: endless ones, which the budget ends."""

    def made(
        steps: Callable[Concatenate[Asker, np.random.Generator, P], Asking],
    ) -> Callable[Concatenate[Space, Points, int, int, np.random.Generator, P], Attack]:
        def run(
            space: Space,
            start: Points,
            label: int,
            budget: int,
            randomness: np.random.Generator,
            /,
            *args: P.args,
            **kwargs: P.kwargs,
        ) -> Attack:
            asker = Asker(space, start, label, budget)
            status = yield from _status(steps(asker, randomness, *args, **kwargs))
            # A flip counts whatever became of its attack: so it is confirmed.
            confirmed = yield from _status(asker.confirm())
            status = confirmed if status == RAN else status
            best = None if asker.best is None else asker.full(asker.best[None])[0]
            return Trail(name, asker.queries, status, tuple(asker.flips), best, tuple(asker.changes))

        run.__name__, run.__doc__ = steps.__name__, steps.__doc__
        return run

    return made
