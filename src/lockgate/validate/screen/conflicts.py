"""Rows with the same inputs and another label.

Where few inputs say little about the label, such rows are honest: two flights of one minute, one of them late. So how
often labels differ among equal rows is held against how often they differ between rows and their nearest unlike ones:
equal rows should agree at least as well. When they agree far worse, somebody put them there, and they are told.
Where the inputs settle the label, what is told are the few rows that say otherwise than most of their equals.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.keys import Groups, Keys, grouped, input_keys, label_keys
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Ints, Table

SAMPLE, AMONG = 1000, 4000
"""Rows whose nearest is looked for, and rows among which."""
CHANCE = 0.001
"""Of so many conflicts, did equal rows differ as often as near ones."""
CLEAR_ROWS, CLEAR_SHARE = 5, 0.2
"""A group of so many equal rows, of which at most this share says otherwise, is clear."""
SETTLED = 0.25
"""Inputs settle the label where minorities are this part of what they would be by chance, or less."""
_FAR_VALUES = 0.9
_EQUAL = 1e-4
"""Squared; below lie rounding errors of float32."""

Bools = npt.NDArray[np.bool_]


def screen(table: Table) -> Outcome:
    """At most one thing of each kind. Of a regression, labels differ that are further apart than 90 % of near ones."""
    if table.rows < 2:
        return Outcome(absent="one row has nothing to be compared with" if table.rows else "no rows")
    if not table.columns and table.embeddings is None:
        return Outcome(absent="there is no input: all rows would be equal")
    groups = grouped(input_keys(table, "conflicts"))
    if len(groups.size) == 1:
        return Outcome(absent="all rows are equal in every column")
    labels = grouped(label_keys(table, "conflicts")).group
    if not (labels != labels[groups.first[groups.group]]).any():
        return Outcome()
    found = [*_too_many(table, groups, labels)]
    if table.task != "regression" and not found:
        found += _minorities(groups, labels)
    return Outcome(tuple(found))


def _too_many(table: Table, groups: Groups, labels: Ints) -> list[Found]:
    """Equal rows that agree so much worse than near ones that at least half of what is told is not by nature.

    One pair of each group counts, drawn, for the first and last row of a file may be half a year apart.
    """
    many = np.flatnonzero(groups.size > 1)
    order = np.lexsort((table.draw("conflicts pairs").random(table.rows), groups.group))
    start = np.concatenate([[0], np.cumsum(groups.size)[:-1]])
    one, other = order[start[many]], order[start[many] + 1]
    usual, apart = _near(table, one, labels)
    differ = _differ(table, labels, one, other, apart)
    conflicts, pairs = int(differ.sum()), len(many)
    # Of those who differ, nature's part is at most usual / share: of sets that somebody made, all differ.
    if conflicts / pairs < 2 * usual / (1 + usual) or _tail(conflicts, pairs, usual) > CHANCE:
        return []
    mixed = np.zeros(len(groups.size), np.bool_)
    mixed[many[differ]] = True
    rows = np.flatnonzero(mixed[groups.group])
    what = (
        f"{len(rows)} rows have the same inputs as another one and another label: {conflicts} of {pairs} sets of equal "
        f"rows differ, of near rows {usual:.1%} at most"
    )
    seen = {"rows": len(rows), "sets": pairs, "conflicts": conflicts, "usual": round(usual, 4)}
    return [Found("conflicts", tuple(rows[np.lexsort((rows, groups.group[rows]))].tolist()), what, seen)]


def _differ(table: Table, labels: Ints, one: Ints, other: Ints, apart: float) -> Bools:
    if table.task != "regression":
        different: Bools = labels[one] != labels[other]
        return different
    far: Bools = np.abs(table.label[one].astype(np.float64) - table.label[other].astype(np.float64)) > apart
    return far


def _near(table: Table, rows: Ints, labels: Ints) -> tuple[float, float]:
    """How often such a row's label differs from that of the nearest unequal one; of a regression, also by how much.

    Where there are few such rows, others are asked as well.
    An upper bound: in all of the table a nearer row may be found, which agrees better; and by three standard errors.
    """
    draw = table.draw("conflicts near")
    asked = np.concatenate([draw.permutation(rows), draw.permutation(table.rows)[:SAMPLE]])[:SAMPLE]
    among = draw.permutation(table.rows)[:AMONG]
    points = np.nan_to_num(table.scaled[among], posinf=0, neginf=0)
    mine = np.nan_to_num(table.scaled[asked], posinf=0, neginf=0)
    away = (points**2).sum(axis=1)[None, :] - 2 * mine @ points.T + (mine**2).sum(axis=1)[:, None]
    away[away < _EQUAL] = np.inf
    nearest = among[np.argmin(away, axis=1)]
    if table.task == "regression":
        between = np.abs(table.label[asked].astype(np.float64) - table.label[nearest].astype(np.float64))
        return 1 - _FAR_VALUES, float(np.quantile(between, _FAR_VALUES))
    # One more of each: never is not what a small sample says.
    share = (float((labels[asked] != labels[nearest]).sum()) + 1) / (len(asked) + 2)
    return min(1.0, share + 3 * math.sqrt(share * (1 - share) / (len(asked) + 2))), 0.0


def _tail(hits: int, of: int, chance: float) -> float:
    """An upper bound of the chance of so many hits or more (Chernoff)."""
    share = hits / of
    if share <= chance:
        return 1.0
    rest = (1 - share) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    return math.exp(-of * (share * math.log(share / chance) + rest))


def _minorities(groups: Groups, labels: Ints) -> list[Found]:
    """Rows of clear groups that say otherwise than most, where the inputs settle the label."""
    cells = grouped(_pairs(groups.group, labels))
    most = np.zeros(len(groups.size), np.int64)
    np.maximum.at(most, groups.group[cells.first], cells.size)
    large = groups.size >= CLEAR_ROWS
    minority = groups.size - most
    inside = large[groups.group]
    if not minority[large].any():
        return []
    share = float(minority[large].sum() / groups.size[large].sum())
    chance = 1 - float(np.bincount(labels[inside]).max() / inside.sum())
    if share > SETTLED * chance:
        return []
    clear = large & (minority <= CLEAR_SHARE * groups.size)
    own = cells.size[cells.group]
    told = clear[groups.group] & (own < most[groups.group])
    rows = np.flatnonzero(told)
    if not len(rows):
        return []
    order = np.argsort(own[rows] / groups.size[groups.group[rows]], kind="stable")
    kinds = len(np.unique(groups.group[rows]))
    what = (
        f"{len(rows)} rows have another label than at least {1 - CLEAR_SHARE:.0%} of the rows with the same inputs, in "
        f"{kinds} of {int(large.sum())} sets of {CLEAR_ROWS} or more equal rows"
    )
    seen = {"rows": len(rows), "sets": kinds, "of": int(large.sum()), "share": round(share, 4)}
    return [Found("conflicts", tuple(rows[order].tolist()), what, seen)]


def _pairs(group: Ints, labels: Ints) -> Keys:
    found: Keys = group.astype(np.uint64) * np.uint64(int(labels.max()) + 1) + labels.astype(np.uint64)
    return found
