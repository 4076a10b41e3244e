"""Rows that are another row but for a little noise: copies that somebody has disguised.

Numbers that take many values may differ a little, all else must be equal (a column of few values counts as a text). A
cell of a grid holds what is that near; a group is told when a cell eight times as wide holds hardly anybody else. How
often that comes by nature is counted on the same table with noise as wide as the large cell put on the free numbers:
what was near by chance is as often near by chance again, and what was a copy is none any more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.keys import Groups, Keys, column_keys, grouped, mixed, row_keys, salts
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Column, Floats, Table

SCALES = (0.001, 0.01)
"""Width of a cell, in standard deviations of a column: noise up to about half of it is seen through."""
WIDER = 8
SHIFTS = 4
"""Grids tried: two near rows may lie on two sides of one's wall."""
AXES = 5
"""Directions in which rows are laid on the grid; more numbers than that are projected, and compared afterwards."""
LEAST_ROWS, LEAST_SHARE, BY_CHANCE = 10, 0.001, 0.25
"""To be told: so many rows, such a share of all, and at most that part of them by chance, two deviations added."""
OTHERS = 4
"""The large cell may hold so many times fewer others than the group: near two rows nobody, near 400 up to 100."""
_FREE = 0.1
"""Numbers of a column vary freely where so many of them, relative to the rows, are different."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Free:
    """Numbers that vary freely, and the key of all else.

    Attributes:
        points: shape (n, d), in standard deviations.
        rest: shape (n,), equal where all other columns are.
    """

    points: Floats
    rest: Keys


def screen(table: Table) -> Outcome:
    """One finding at most: rows near an earlier one, without that one. Exact copies are not meant."""
    if table.rows < 2:
        return Outcome(absent="one row has nothing to be near to" if table.rows else "no rows")
    free = _free(table)
    if free is None:
        return Outcome(absent="no column holds numbers that vary freely")
    near = np.full(table.rows, -1, np.int64)
    for scale in SCALES:
        found = _alone(table, free, scale, "as it is")
        rows = int((found >= 0).sum())
        if rows < max(LEAST_ROWS, LEAST_SHARE * table.rows):
            continue
        noise = table.draw(f"near noise {scale}").uniform(-WIDER, WIDER, free.points.shape) * scale
        chance = int((_alone(table, _Free(free.points + noise, free.rest), scale, "with noise") >= 0).sum())
        if chance + 2 * np.sqrt(chance) + 1 <= BY_CHANCE * rows:
            near = np.where(near >= 0, near, found)
    return Outcome((_told(table, near),)) if (near >= 0).any() else Outcome()


def _told(table: Table, near: npt.NDArray[np.int64]) -> Found:
    rows = np.flatnonzero(near >= 0)
    other = int((table.label[rows] != table.label[near[rows]]).sum())
    kinds, counts = np.unique(near[rows], return_counts=True)
    most = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    order = sorted(rows.tolist(), key=lambda row: (-most[int(near[row])], int(near[row]), row))
    what = (
        f"{len(rows)} of {table.rows} rows are near copies of {len(kinds)} others: numbers differ by less than "
        f"{SCALES[-1]:.0%} of their spread, all else is equal; {other} of them have another label"
    )
    seen = {"copies": len(rows), "of": len(kinds), "most": int(counts.max()) + 1, "other_label": other}
    return Found("near_duplicates", tuple(order), what, seen)


def _free(table: Table) -> _Free | None:
    free, keys = [], []
    for column, salt in zip(table.columns, salts(table, "near", len(table.columns)), strict=True):
        numbers = None if column.is_text else _numbers(column)
        if numbers is None:
            keys.append(column_keys(column.values, salt))
        else:
            keys.append(column_keys(np.where(np.isnan(column.values), np.nan, 0.0), salt))
            free.append(numbers)
    rest = row_keys(keys, table.rows)
    points = np.column_stack(free) if free else np.zeros((table.rows, 0))
    if table.embeddings is not None:
        spread = float(np.std(table.embeddings)) or 1.0
        points = np.hstack([points, np.nan_to_num(table.embeddings.astype(np.float64) / spread)])
    return _Free(points, rest) if points.shape[1] else None


def _numbers(column: Column) -> Floats | None:
    """In standard deviations of most values; None where few different ones are there."""
    known = column.values[np.isfinite(column.values)]
    if len(known) < 2 or len(np.unique(known)) < max(10, _FREE * len(column.values)):
        return None
    low, middle, high = np.quantile(known, [0.16, 0.5, 0.84])
    spread = (high - low) / 2
    if not np.isfinite(spread) or spread <= 0:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        place = (np.clip(column.values, -1e300, 1e300) - middle) / spread
    # Far out the cells stay as wide: what lies there is near to little.
    found: Floats = np.nan_to_num(np.clip(place, -1e6, 1e6))
    return found


def _alone(table: Table, free: _Free, scale: float, purpose: str) -> npt.NDArray[np.int64]:
    """Shape (n,): for each row that is near an earlier, unequal one, that one; else -1."""
    draw = table.draw(f"near {purpose} {scale}")
    points = free.points / scale
    axes = points
    if points.shape[1] > AXES:
        directions = np.linalg.qr(draw.normal(size=(points.shape[1], AXES)))[0]
        axes = points @ directions
    near = np.full(len(points), -1, np.int64)
    for _ in range(SHIFTS):
        tight = grouped(_cells(axes, free.rest, draw.random(axes.shape[1:])))
        if (tight.size == 1).all():
            continue
        wide = grouped(_cells(axes / WIDER, free.rest, draw.random(axes.shape[1:])))
        near = np.where(near >= 0, near, _copies(points, tight, wide))
    return near


def _cells(axes: Floats, rest: Keys, shift: Floats) -> Keys:
    total = rest.copy()
    for place in range(axes.shape[1]):
        cell = np.floor(axes[:, place] + shift[place]).astype(np.int64).astype(np.uint64)
        total = mixed(total + cell * np.uint64(2 * place + 3))
    return total


def _copies(points: Floats, tight: Groups, wide: Groups) -> npt.NDArray[np.int64]:
    size = tight.size[tight.group]
    alone = (size > 1) & (wide.size[wide.group] - size <= size // OTHERS)
    # A wall of the large grid may run through the small cell: then the two rows are in different large ones.
    together = wide.group == wide.group[tight.first[tight.group]]
    rows = np.flatnonzero(alone & tight.copies & together)
    first = tight.first[tight.group[rows]]
    apart = np.abs(points[rows] - points[first]).max(axis=1, initial=0)
    found = np.full(len(points), -1, np.int64)
    kept = (apart <= 1) & (apart > 0)
    found[rows[kept]] = first[kept]
    return found
