"""Class probabilities of each row by models that have not seen it, nor a copy of it."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.crew import Crew
from lockgate.validate.screen.table import Floats, Ints, Table

Bools = npt.NDArray[np.bool_]
Folds = npt.NDArray[np.int8]

FOLDS = 5
MOST_BOOSTED = 45_000_000
"""Cells (rows x columns x classes) times rounds of boosting: bounds what boosting costs."""
MOST_ROUNDS, LEAST_ROUNDS = 30, 8
FAR = 1e30
WIDE = 100
"""With more columns each tree of boosting looks at too many bins; random trees look at the square root."""
ROWS_A_CLASS = 1_000
"""With fewer rows for each class random trees are better, and boosting is left out."""
MOST_FOREST = 20_000
"""With more rows, boosting alone, where it can be paid."""
MOST_IN_A_TREE = 16_000
MOST_IN_TREES = 500_000
"""Rows times trees: bounds what random trees cost."""
MOST_TREES, LEAST_TREES = 100, 12


def points(table: Table) -> Ints:
    """Shape (n,): rows with the same inputs, whatever their label, have the same number, 0 to p - 1."""
    parts = [table.ordinal] if table.embeddings is None else [table.ordinal, table.embeddings]
    mixed = np.zeros(table.rows, np.uint64)
    draw = table.draw("points")
    for part in parts:
        for column in part.T:
            # One spelling of zero, and of what is missing.
            clean = np.where(np.isnan(column), np.float32(np.nan), column + np.float32(0)).astype(np.float32)
            mixed = (mixed ^ clean.view(np.uint32).astype(np.uint64)) * (draw.integers(2**63, dtype=np.uint64) * 2 + 1)
            mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed, return_inverse=True)[1].astype(np.int64)


def dealt(label: Ints, point: Ints, draw: np.random.Generator) -> Folds:
    """Shape (n,): the fold of each row. Copies share one, so that none speaks for another; classes are spread evenly.

    Points are dealt out label by label (that of a point's first row), in an order that is drawn.
    """
    first = np.unique(point, return_index=True)[1]
    order = draw.permutation(len(first))
    order = order[np.argsort(label[first][order], kind="stable")]
    fold = np.empty(len(first), np.int8)
    fold[order] = np.arange(len(first)) % FOLDS
    return fold[point]


def inputs(table: Table) -> npt.NDArray[np.float32]:
    """Shape (n, d): for trees that draw their thresholds between least and greatest: no value may lie far out."""
    parts = [table.ordinal] if table.embeddings is None else [table.ordinal, table.embeddings]
    found = np.hstack(parts)
    for column in found.T:
        finite = column[np.isfinite(column)]
        if not len(finite):
            column[:] = 0
            continue
        low, high = np.quantile(finite, 0.001, method="higher"), np.quantile(finite, 0.999, method="lower")
        room = float(high) - float(low) or float(FAR)
        np.clip(column, max(float(low) - room, -FAR), min(float(high) + room, FAR), out=column)
    return found


def models(given: npt.NDArray[np.float32], classes: int, seed: int, *, values: bool = False) -> list[Any]:
    """What can be paid for: boosting, random trees, or both; of values, or of classes (a regression counts as one)."""
    from sklearn import ensemble

    rows, columns = len(given), given.shape[1]
    found: list[Any] = []
    many = classes if classes > 2 else 1
    rounds = min(MOST_ROUNDS, MOST_BOOSTED // max(1, rows * columns * many))
    if rounds >= LEAST_ROUNDS and columns <= WIDE and rows >= ROWS_A_CLASS * classes:
        kind = ensemble.HistGradientBoostingRegressor if values else ensemble.HistGradientBoostingClassifier
        rate = 0.1 * MOST_ROUNDS / rounds
        found.append(kind(max_iter=rounds, learning_rate=rate, early_stopping=False, random_state=seed))
    if rows <= MOST_FOREST or not found:
        kind = ensemble.ExtraTreesRegressor if values else ensemble.ExtraTreesClassifier
        number = int(np.clip(MOST_IN_TREES // rows, LEAST_TREES, MOST_TREES))
        some = {"bootstrap": True, "max_samples": MOST_IN_A_TREE} if rows * 0.8 > MOST_IN_A_TREE else {}
        found.append(kind(number, min_samples_leaf=2, max_features="sqrt", random_state=seed, **some))
    return found


def outside(
    model: Any,
    given: npt.NDArray[np.float32],
    label: Ints,
    fold: Folds,
    kept: Bools,
    classes: int,
    crew: Crew | None = None,
) -> Floats:
    """Shape (n, classes): for each row, what `model` says, fitted on the kept rows of the other folds.

    Each fold has a copy of the unfitted `model`, whose seed is a number: the folds do not know of each other.
    """
    parts: list[tuple[Bools, partial[tuple[Ints, Floats]]]] = []
    said = np.zeros((len(label), classes))
    for one in range(FOLDS):
        own, others = fold == one, (fold != one) & kept
        heard = np.unique(label[others])
        if len(heard) == 1:
            said[own, heard[0]] = 1.0
        elif own.any() and len(heard):
            parts.append((own, partial(_fitted, deepcopy(model), given, label, own, others)))
    for (own, _), (named, shares) in zip(parts, (crew or Crew()).every(part for _, part in parts), strict=True):
        said[np.ix_(own, named)] = shares
    return said


def _fitted(model: Any, given: npt.NDArray[np.float32], label: Ints, own: Bools, others: Bools) -> tuple[Ints, Floats]:
    model.fit(given[others], label[others])
    return model.classes_, model.predict_proba(given[own])
