"""Rows that are there more often than their values explain: a file read twice, a row planted a hundred times.

A table of few small categories has equal rows by nature, and telling them all would help nobody. So each group of equal
rows is held against its neighbours, the rows that differ in one column only: were that column independent of the rest,
the group would be as large as its value's share among them says. The column that explains most is taken. What even that
does not explain is told. In a wide table a row has too few neighbours for that, and pairs come by nature: groups of few
rows are told only where all of them hold more pairs than the pairs that differ in one column explain. Runs of rows that
come back in the same order are told as well (`screen.repeats`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.keys import Groups, Keys, column_keys, grouped, input_keys, label_keys, salts
from lockgate.validate.screen.repeats import repeated
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Floats, Ints, Table

LEAST_SHARE, LEAST_ROWS = 0.001, 10
"""Of all rows, and rows: fewer teach nothing too often, and nothing is told."""
LEAST_PART = 0.05
"""Of all rows that repeat another one: where nature explains all but fewer, these are its tail. Unless a single row is
there so often that it is `LEAST_SHARE` of all rows alone, and `LEAST_ALONE` times."""
LEAST_ALONE = 10
MOST_COLUMNS = 40
"""So many columns, those with the fewest values, are tried as an explanation."""
_FEW_KINDS, _TYPICAL = 100, 5
"""Where there are so few different rows, and most of them so often, being there often means nothing."""
_DEVIATIONS, _GENEROUS = 5.0, 1.25

Bools = npt.NDArray[np.bool_]


def screen(table: Table) -> Outcome:
    """At most two things: rows there too often, and runs of rows that come back. The first of each stays out."""
    if table.rows < 2:
        return Outcome(absent="one row has nothing to be equal to" if table.rows else "no rows")
    if not table.columns and table.embeddings is None:
        return Outcome(absent="there is no input to compare")
    total = input_keys(table, "duplicates") + label_keys(table, "duplicates")
    groups = grouped(total)
    if len(groups.size) == 1:
        return Outcome((_all_equal(table),))
    extra = groups.copies
    if not extra.any():
        return Outcome()
    runs = repeated(groups) & extra
    often = _unexplained(table, total, groups) & extra & ~runs
    alone = int(np.bincount(groups.group[often]).max(initial=0))
    few = often.sum() < max(LEAST_ROWS, LEAST_SHARE * table.rows, LEAST_PART * extra.sum())
    found = []
    if not few or alone >= max(LEAST_ALONE, LEAST_SHARE * table.rows):
        found.append(_often(groups, often, table.rows))
    if runs.any():
        found.append(_runs(runs, table.rows))
    return Outcome(tuple(found))


def _all_equal(table: Table) -> Found:
    what = f"all {table.rows} rows are equal in every column and the label"
    seen = {"copies": table.rows - 1, "of": 1, "most": table.rows}
    return Found("duplicates", tuple(range(1, table.rows)), what, seen)


def _largest_first(rows: Ints, groups: Groups) -> tuple[int, ...]:
    order = np.lexsort((rows, groups.group[rows], -groups.size[groups.group[rows]]))
    return tuple(rows[order].tolist())


def _often(groups: Groups, often: Bools, of: int) -> Found:
    rows = np.flatnonzero(often)
    kinds = np.unique(groups.group[rows])
    most = int(groups.size[kinds].max())
    what = (
        f"{len(rows)} of {of} rows repeat {len(kinds)} others in every column and the label, more than their values "
        f"explain; one is there {most} times"
    )
    seen = {"copies": len(rows), "of": len(kinds), "most": most}
    return Found("duplicates", _largest_first(rows, groups), what, seen)


def _runs(runs: Bools, of: int) -> Found:
    rows = np.flatnonzero(runs)
    breaks = np.flatnonzero(np.diff(rows) > 1)
    starts = rows[np.concatenate([[0], breaks + 1])]
    what = f"{len(rows)} of {of} rows repeat earlier ones in the same order, in {len(starts)} runs"
    return Found("duplicates", tuple(rows.tolist()), what, {"copies": len(rows), "runs": len(starts)})


def _unexplained(table: Table, total: Keys, groups: Groups) -> Bools:
    """Shape (n,): rows of groups that are larger than their neighbours explain, by five standard deviations and 2."""
    if len(groups.size) <= _FEW_KINDS and np.median(groups.size) >= _TYPICAL:
        return np.zeros(table.rows, np.bool_)
    many = np.flatnonzero(groups.size > 1)
    explained, pairs = np.zeros(len(many)), 0.0
    rows = groups.first[many]
    for keys in _few_valued(table):
        explained = np.maximum(explained, _expected(total - keys, keys, rows, groups.size[many]))
        pairs = max(pairs, _pairs_by_nature(total - keys, keys, groups))
    surplus = groups.size[many] - 1 > explained + _DEVIATIONS * np.sqrt(explained * (1 + explained / 4))
    small = groups.size[many] < LEAST_ALONE
    if _pairs(groups.size[many][small]) <= _GENEROUS * pairs + _DEVIATIONS * np.sqrt(pairs):
        surplus &= ~small
    large = np.zeros(len(groups.size), np.bool_)
    large[many] = surplus
    return large[groups.group]


def _pairs(sizes: Ints) -> float:
    return float((sizes * (sizes - 1.0)).sum()) / 2


def _pairs_by_nature(rest: Keys, own: Keys, groups: Groups) -> float:
    """How many pairs of equal rows there would be, were one column independent of all others.

    By the pairs that differ in it alone: copies add nothing to these, however many there are.
    """
    differ = _pairs(np.unique(rest, return_counts=True)[1]) - _pairs(groups.size)
    share = np.unique(own, return_counts=True)[1] / len(own)
    same = float((share**2).sum())
    return differ * same / (1 - same) if same < 1 else 0.0


def _few_valued(table: Table) -> list[Keys]:
    """The keys of the columns that can explain repeats: those with few values, the label first."""
    drawn = salts(table, "duplicates", len(table.columns) + 1)
    found = [label_keys(table, "duplicates")] if table.task != "regression" else []
    keys = [column_keys(column.values, salt) for column, salt in zip(table.columns, drawn, strict=False)]
    sample = slice(None, 20_000)
    few = sorted((len(np.unique(key[sample])), place) for place, key in enumerate(keys))
    return found + [keys[place] for count, place in few[:MOST_COLUMNS] if count <= len(keys[0][sample]) / 4]


def _expected(rest: Keys, own: Keys, rows: Ints, sizes: Ints) -> Floats:
    """How large each group would be, were its value of one column independent of all others."""
    asked = rest[rows]
    ordered = np.sort(asked)
    place = np.minimum(np.searchsorted(ordered, rest), len(ordered) - 1)
    hits = np.bincount(place[ordered[place] == rest], minlength=len(ordered))
    others = hits[np.searchsorted(ordered, asked)] - sizes
    _, inverse, counts = np.unique(own, return_inverse=True, return_counts=True)
    share = (counts[inverse[rows]] - sizes) / max(1, len(own))
    expected: Floats = others * share / np.maximum(1 - share, 1 / len(own))
    return expected
