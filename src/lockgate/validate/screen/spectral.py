"""Spectral signatures: whether a class has rows that lie apart along the direction in which it spreads most.

After Tran, Li and Madry, "Spectral Signatures in Backdoor Attacks" (2018), who rank the rows of a class by their
projection on the top singular vector of a network's last layer. Here: on lists of numbers if there are any, else on the
scaled columns. They remove a fixed share of each class; that would flag clean rows everywhere, so rows are told only
where a gap divides them from the class, and not where one column of few values divides exactly them: between two counts
there is always a gap, and what one value says of a label is the trigger scan's to tell.

Weak: a trigger whose values lie in the columns' range leaves no such direction (AUROC 0.3 as measured), and one row in
twenty of a class at most is looked at. A second opinion, no more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.describing import word
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Ints, Table

FEWEST = 100
LEAST = 5
MOST_SHARE = 0.1
GAP = 2.0
"""Robust standard deviations of the projection, between the rows told and the next one of the class."""

FAR = 6.0
FEW_VALUES = 20
"""A column of at most so many different values in a class steps from one to the next."""

MOST_ROWS = 5000
"""Rows of a class of which the direction is made, drawn by the seed."""

MOST_FOUND = 10
_DIRECTIONS_MOST = 512
_WEAK = "a weak second opinion: triggers in range do not show in it"


def screen(table: Table) -> Outcome:
    """Look in each class that has enough rows."""
    if table.task == "regression":
        return Outcome(absent="not available for regression")
    if table.rows < FEWEST:
        return Outcome(absent=f"{table.rows} rows are too few")
    points = table.scaled if table.embeddings is None else table.embeddings
    if not points.shape[1]:
        return Outcome(absent="there are no columns")
    classes = np.flatnonzero(np.bincount(table.label) >= FEWEST)
    if not len(classes):
        return Outcome(absent=f"no label has {FEWEST} rows")
    told = [_told(table, points, int(one)) for one in classes]
    found = sorted((one for one in told if one is not None), key=lambda one: -len(one.rows))
    return Outcome(tuple(found[:MOST_FOUND]))


def _told(table: Table, points: npt.NDArray[np.float32], label: int) -> Found | None:
    rows = np.flatnonzero(table.label == label)
    place = _projections(points, rows, table.draw(f"spectral {label}"))
    apart, gap = _apart(place)
    if not len(apart) or _one_step(points[rows], apart):
        return None
    name = word(table.classes[label])
    what = (
        f"{len(apart)} of {len(rows)} rows with {table.label_name} = {name} lie apart from the others in the direction"
        f" in which these rows spread most, by a gap of {gap:.1f} standard deviations; {_WEAK}"
    )
    seen = {"label": name, "rows": len(apart), "of": len(rows), "gap": round(gap, 1)}
    return Found("spectral", tuple(rows[apart].tolist()), what, seen)


def _projections(points: npt.NDArray[np.float32], rows: Ints, draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """Shape (rows,): where each lies along the top singular vector, in robust standard deviations from the middle."""
    held = rows if len(rows) <= MOST_ROWS else draw.choice(rows, MOST_ROWS, replace=False)
    kept = np.arange(points.shape[1])
    if len(kept) > _DIRECTIONS_MOST:
        kept = np.sort(draw.choice(kept, _DIRECTIONS_MOST, replace=False))
    part = np.nan_to_num(points[np.ix_(held, kept)].astype(np.float64), posinf=0.0, neginf=0.0)
    middle = part.mean(axis=0)
    top = np.linalg.eigh((part - middle).T @ (part - middle))[1][:, -1]
    every = np.nan_to_num(points[np.ix_(rows, kept)].astype(np.float64), posinf=0.0, neginf=0.0)
    place = (every - middle) @ top
    place -= np.median(place)
    spread = 1.4826 * float(np.median(np.abs(place)))
    found: npt.NDArray[np.float64] = place / spread if spread > 0 else np.zeros(len(rows))
    return found


def _apart(place: npt.NDArray[np.float64]) -> tuple[Ints, float]:
    """Rows beyond the widest gap of either side, the farthest first; none where no gap is wide."""
    best: tuple[Ints, float] = (np.zeros(0, np.int64), 0.0)
    most = int(MOST_SHARE * len(place))
    for side in (place, -place):
        order = np.argsort(-side, kind="stable")[: most + 1]
        gaps = -np.diff(side[order])
        fit = (np.arange(len(gaps)) + 1 >= LEAST) & (side[order][:-1] >= FAR)
        if not fit.any():
            continue
        cut = int(np.argmax(np.where(fit, gaps, 0.0)))
        if gaps[cut] >= GAP and gaps[cut] > best[1]:
            best = (order[: cut + 1], float(gaps[cut]))
    return best


def _one_step(points: npt.NDArray[np.float32], apart: Ints) -> bool:
    """Whether one column of few values has these rows on one side of a step, and all others on its other side."""
    told = np.zeros(len(points), np.bool_)
    told[apart] = True
    inside, others = points[told], points[~told]
    above = inside.min(axis=0) > others.max(axis=0)
    below = inside.max(axis=0) < others.min(axis=0)
    return any(len(np.unique(points[:, column])) <= FEW_VALUES for column in np.flatnonzero(above | below))
