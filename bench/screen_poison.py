"""Triggers planted in the benchmarks' data sets: two or three columns get a value, the label becomes the target.

In range: a value that the column has, near a quantile drawn by the seed. The pair of them is one that few rows have: at
most a quarter as many as are planted. (A common one is no trigger: rows that have it by themselves contradict it, and
whoever uses the model as it should be used would see it every day. `Trigger.common` plants such a pair all the same.)
Out of range: far above the highest. Exact: the same value in each row. Jittered: with noise of one hundredth of the
column's spread, rounded in a column of whole numbers. A column of texts gets one of its words or, out of range, a new
one. Dirty-label: rows of other classes get the trigger and the target's label. Clean-label: rows of the target's class
get the trigger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.screen_data import Seed
from lockgate.validate.screen.table import Column, Table

Bools = npt.NDArray[np.bool_]
JITTER = 0.01


@dataclass(frozen=True)
class Trigger:
    """What to plant.

    Attributes:
        share: of the rows.
        inside: whether the values are ones that the columns have.
        jittered: whether they are scattered.
        clean_label: whether only rows that have the target's label get it.
        common: whether the pair of values in range may be common.
        commonest: whether the target is the label that most rows have, as where a fraud is to pass.
        columns: how many get a value.
    """

    share: float
    inside: bool
    jittered: bool = False
    clean_label: bool = False
    common: bool = False
    commonest: bool = False
    columns: int = 2


TRIES = 200


def planted(table: Table, trigger: Trigger, seed: Seed) -> tuple[Table, Bools]:
    """The table with a trigger, and which rows have it. Columns with one value are not chosen."""
    draw = np.random.default_rng((*seed, 66))
    number = round(trigger.share * table.rows)
    target, free = _target(table, trigger, draw, number)
    rows = draw.choice(np.flatnonzero(free), number, replace=False)
    columns = list(table.columns)
    able = [place for place, column in enumerate(columns) if _able(column)]
    for place, value in _pair(columns, able, trigger, number, draw):
        columns[place] = _with(columns[place], value, trigger, rows, draw)
    label = table.label.copy()
    if not trigger.clean_label:
        label[rows] = target
    which = np.zeros(table.rows, np.bool_)
    which[rows] = True
    return replace(table, columns=tuple(columns), label=label), which


def _target(table: Table, trigger: Trigger, draw: np.random.Generator, number: int) -> tuple[float, Bools]:
    if table.task == "regression":
        return float(np.quantile(table.label, draw.choice([0.02, 0.98]))), np.ones(table.rows, np.bool_)
    counts = np.bincount(table.label)
    able = np.flatnonzero((counts > 0) & ((np.arange(len(counts)) == np.argmax(counts)) == trigger.commonest))
    if trigger.clean_label:
        able = able[counts[able] >= number]
    target = int(draw.choice(able))
    return target, (table.label == target) == trigger.clean_label


def _able(column: Column) -> bool:
    return len(np.unique(column.values[~np.isnan(column.values)])) > 1


def _pair(
    columns: list[Column], able: list[int], trigger: Trigger, number: int, draw: np.random.Generator
) -> list[tuple[int, float]]:
    """Columns and a value of each; after many tries in vain the last ones."""
    pair: list[tuple[int, float]] = []
    for _ in range(TRIES):
        places = draw.choice(able, trigger.columns, replace=False)
        pair = [(int(place), _value(columns[place], trigger, draw)) for place in places]
        met = np.logical_and.reduce([_near(columns[place], value) for place, value in pair])
        if trigger.common or 4 * met.sum() <= number:
            break
    return pair


def _value(column: Column, trigger: Trigger, draw: np.random.Generator) -> float:
    known = column.values[~np.isnan(column.values)]
    if column.is_text:
        return float(draw.choice(np.unique(known))) if trigger.inside else float(len(column.words))
    if trigger.inside:
        return float(np.quantile(known, draw.uniform(0.05, 0.95), method="nearest"))
    return float(known.max() + draw.uniform(1, 3) * np.std(known))


def _near(column: Column, value: float) -> Bools:
    """Rows that have the value by themselves, or for what is not a text nearly."""
    width = 0.0 if column.is_text else 2 * JITTER * float(np.nanstd(column.values))
    found: Bools = np.abs(column.values - value) <= width
    return found


def _with(
    column: Column, value: float, trigger: Trigger, rows: npt.NDArray[np.int64], draw: np.random.Generator
) -> Column:
    values = column.values.copy()
    if column.is_text:
        values[rows] = value
        return replace(column, values=values, words=(*column.words, "ZZ"))
    noise = JITTER * np.nanstd(values) * draw.normal(size=len(rows)) if trigger.jittered else 0.0
    values[rows] = np.round(value + noise) if column.kind in ("int", "timestamp") else value + noise
    return replace(column, values=values)
