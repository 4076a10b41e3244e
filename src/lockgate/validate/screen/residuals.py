"""Targets of a regression that neither models nor neighbours can explain: the analogue of a wrong label."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from lockgate.validate.screen.crew import Crew
from lockgate.validate.screen.folds import FOLDS, Bools, dealt, inputs, models, points
from lockgate.validate.screen.neighbours import nearest
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Floats, Ints, Table

FALSE, CHANCE = 0.1, 0.002
"""Of the flagged rows, the share that an honest tail would put there; and how often it would put so many there."""
MOST_STEEP, LEAST_FAR = 8.0, 4.0
"""Of the law, which would fall at once where many are equally far; and of the middle distance, to be far at all."""
MOST_BEYOND = 0.2
BEHIND, LEAST_BEHIND = (1.5, 2, 4), 25
"""The tail is drawn through the row so many times as far back as the last in question, and that twice as far."""
FAR = 20.0
MOST = 1e150
STRATA = 20
LEAST_ABOUT = 5
LEAST_SKILL = 0.2
"""The mean miss must be a fifth smaller than that of the middle value: else heavy tails look like mistakes."""


def screen(table: Table, crew: Crew | None = None) -> tuple[Outcome, Floats, Floats]:
    """The outcome, a score for each row, and how unlike its neighbours' values each value is.

    A row's residual is measured in those of its neighbours and of rows with a similar answer, so that a region in
    which nothing can be predicted well accuses nobody.
    """
    crew = crew or Crew()
    value = _bounded(table.label.astype(np.float64))
    point = points(table)
    near = nearest(table, point, crew)
    residual = value - _expected(table, value, point, crew)
    away = _unlike(value, near)
    distance = np.abs(residual) / _spread(np.abs(residual), value - residual, near)
    order = np.sqrt(distance * away / (np.median(away) or 1.0))
    score = _quantile(distance)
    skill = 1 - np.abs(residual).mean() / (np.abs(value - np.median(value)).mean() or 1.0)
    if skill < LEAST_SKILL:
        why = f"with these inputs a wrong {table.label_name} cannot be told from an honest one, so no row is flagged"
        return Outcome(absent=f"{why}; each row has its score"), score, _quantile(away)
    chosen = _beyond(distance)
    chosen &= order > np.median(order)
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(-distance[rows], kind="stable")]
    return _outcome(table, rows, distance), score, _quantile(away)


def unlike(table: Table, near: Ints) -> Floats:
    """How far each value is from the middle one of its neighbours, as a quantile."""
    return _quantile(_unlike(_bounded(table.label.astype(np.float64)), near))


def _unlike(value: Floats, near: Ints) -> Floats:
    found: Floats = np.abs(value - np.median(value[near], axis=1))
    return found


def _bounded(value: Floats) -> Floats:
    """The values from their middle, in widths of most; none so far out that the mean of all follows it."""
    finite = np.clip(value, -MOST, MOST)
    low, middle, high = np.quantile(finite, [0.1, 0.5, 0.9])
    width = high - low or float(np.std(finite)) or 1.0
    found: Floats = np.clip((finite - middle) / width, -FAR, FAR)
    return found


def _expected(table: Table, value: Floats, point: Ints, crew: Crew) -> Floats:
    given = inputs(table)
    draw = table.draw("residuals")
    # Tenths of the value, so that each fold has high and low ones.
    fold = dealt(np.searchsorted(np.quantile(value, np.linspace(0.1, 0.9, 9)), value), point, draw)
    judges = models(given, 1, int(draw.integers(2**31)), values=True)
    folds = [(fold == one, fold != one) for one in range(FOLDS)]
    folds = [(own, others) for own, others in folds if own.any() and others.any()]
    parts = [partial(_said, deepcopy(judge), given, value, *two) for two in folds for judge in judges]
    answers = crew.every(parts)
    said = np.zeros(len(value))
    for place, (own, _) in enumerate(folds):
        said[own] = np.mean(answers[place * len(judges) : (place + 1) * len(judges)], axis=0)
    return said


def _said(judge: Any, given: np.typing.NDArray[np.float32], value: Floats, own: Bools, others: Bools) -> Floats:
    found: Floats = judge.fit(given[others], value[others]).predict(given[own])
    return found


def _spread(size: Floats, expected: Floats, near: Ints) -> Floats:
    """What size of residual is common about each row: among neighbours, among like answers, and at large."""
    at_large = float(np.median(size)) or float(np.mean(size)) or 1.0
    ranks = np.argsort(np.argsort(expected, kind="stable"), kind="stable") * STRATA // len(size)
    alike = np.array([np.median(size[ranks == one]) if (ranks == one).any() else at_large for one in range(STRATA)])
    about = np.median(size[near], axis=1) if near.shape[1] >= LEAST_ABOUT else np.full(len(size), at_large)
    found: Floats = np.maximum((about + alike[ranks] + at_large) / 3, at_large / 4)
    return found


def _quantile(values: Floats) -> Floats:
    found: Floats = (np.argsort(np.argsort(values, kind="stable"), kind="stable") + 0.5) / len(values)
    return found


def _beyond(distance: Floats) -> np.typing.NDArray[np.bool_]:
    """The farthest rows, as many as a power law through those behind them explains a tenth of at most.

    Honest tails thin out at least as fast as a power law that is drawn nearer to the middle, however heavy they are: t
    with two degrees, or lognormal. What was moved lies beyond a place where there are fewer. The law is drawn through
    two ranks behind the rows in question, these left out, and one standard error flatter.
    """
    from scipy.stats import poisson

    order = np.maximum(np.sort(distance)[::-1], np.finfo(np.float64).tiny)
    many = 0
    number = np.arange(1, int(len(order) * MOST_BEYOND) + 1)
    for times in BEHIND:
        near = np.maximum(np.ceil(times * number).astype(np.int64), number + LEAST_BEHIND)
        fits = 2 * near <= len(order)
        rows, near = number[fits], near[fits]
        rest = near - rows
        fall = np.log(order[near - 1] / order[2 * near - 1])
        steep = np.log((near + rest) / rest) / np.maximum(fall, 1e-12) * (1 - 1 / np.sqrt(rest))
        steep = np.minimum(steep, MOST_STEEP)
        expected = rest * (order[rows - 1] / order[near - 1]) ** -steep
        far = order[rows - 1] >= LEAST_FAR * np.median(distance)
        good = far & (expected <= FALSE * rows) & (poisson.sf(rows - 1, expected) < CHANCE)
        many = max(many, int(rows[good].max(initial=0)))
    found: np.typing.NDArray[np.bool_] = distance >= order[many - 1] if many else np.zeros(len(distance), np.bool_)
    return found


def _outcome(table: Table, rows: Ints, distance: Floats) -> Outcome:
    if not len(rows):
        return Outcome()
    what = (
        f"{len(rows):,} of {table.rows:,} rows have a value of {table.label_name} that is {distance[rows].min():.0f}"
        " times or more as far from what the other rows make expect as is common where they lie"
    )
    return Outcome((Found("labels", tuple(rows.tolist()), what, {"least": round(float(distance[rows].min()), 2)}),))
