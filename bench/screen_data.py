"""Data sets for the benchmarks of the screen, as the screen sees them, and labels changed in them.

Four sets: `digits` and `breast_cancer` of scikit-learn, flights of the example, and one that is like covertype: seven
classes of very unequal size, ten numbers and two groups, classes by a deep tree with noise. And one for a regression.

Seeds that begin with 1 are for choosing thresholds, those that begin with 8 for what is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from sklearn import datasets

from lockgate.contract.spec import Kind
from lockgate.validate.screen.spec import Task
from lockgate.validate.screen.table import Column, Floats, Table

TUNED, REPORTED = 1, 8
FLIGHTS = Path(__file__).resolve().parent.parent / "examples" / "flights" / "data"
FLIGHT_WORDS = ("carrier", "origin", "dest")
FLIGHT_NUMBERS = ("scheduled", "month", "day", "weekday", "hour", "minute", "distance")
COVER_SHARES = (0.49, 0.36, 0.065, 0.035, 0.03, 0.015, 0.005)
COVER_NOISE = 0.35
MOST = 20_000

Array: TypeAlias = np.ndarray[Any, Any]
Seed: TypeAlias = tuple[int, ...]
Bools: TypeAlias = np.typing.NDArray[np.bool_]


def number(name: str, values: Array, kind: Kind = "float") -> Column:
    """A column of numbers."""
    return Column(name, kind, np.asarray(values, np.float64))


def text(name: str, values: Array) -> Column:
    """A column of texts, their codes by falling frequency."""
    words, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(words), np.float64)
    place[order] = np.arange(len(words))
    return Column(name, "string", place[codes], [str(words[one]) for one in order])


def classified(columns: tuple[Column, ...], label: Array, seed: Seed, name: str = "label") -> Table:
    """A table whose label is a class."""
    words, codes = np.unique(label, return_inverse=True)
    zeros = np.zeros(len(label), np.int64)
    task: Task = "binary" if len(words) <= 2 else "multiclass"
    own = int(np.random.default_rng((*seed, 77)).integers(2**31))
    return Table(columns, codes.astype(np.int64), tuple(map(str, words)), task, zeros, ("all",), own, name)


def digits(seed: Seed) -> Table:
    """1,797 pictures of ten digits, 64 numbers each; the seed changes nothing but what the screen draws."""
    rows, label = datasets.load_digits(return_X_y=True)
    columns = tuple(number(f"p{place:02d}", rows[:, place]) for place in range(rows.shape[1]))
    return classified(columns, label, seed, "digit")


def breast_cancer(seed: Seed) -> Table:
    """569 tumours, 30 numbers, two classes."""
    rows, label = datasets.load_breast_cancer(return_X_y=True)
    columns = tuple(number(f"m{place:02d}", rows[:, place]) for place in range(rows.shape[1]))
    return classified(columns, label, seed, "benign")


def flights(seed: Seed, rows: int = MOST) -> Table:
    """Flights of the example with their label (a fifth are late), drawn by the seed; 327,346 at most."""
    frame = pl.read_parquet(FLIGHTS / "*.parquet").drop_nulls().with_columns(pl.col("scheduled").cast(pl.Int64))
    if rows < frame.height:
        frame = frame[np.sort(np.random.default_rng(seed).choice(frame.height, rows, replace=False))]
    numbers = [
        number(name, frame[name].to_numpy(), "timestamp" if name == "scheduled" else "int") for name in FLIGHT_NUMBERS
    ]
    words = [text(name, frame[name].to_numpy().astype(str)) for name in FLIGHT_WORDS]
    return classified((*numbers, *words), frame["late"].to_numpy(), seed, "late")


def covertype_like(seed: Seed, rows: int = MOST) -> Table:
    """Ten numbers, of which some follow others, two groups made of them, seven classes cut from two rough surfaces."""
    draw = np.random.default_rng(seed)
    numbers = _followed(draw.normal(size=(rows, 10)))
    area = np.digitize(numbers[:, 0] + 0.5 * draw.normal(size=rows), [-1.0, 0.0, 1.2])
    soil = np.clip(np.round(8 * (numbers[:, 0] + numbers[:, 3]) + 3 * draw.normal(size=rows)) + 20, 0, 39)
    rough = np.random.default_rng((*seed[:1], 5))  # the same world for all seeds of one kind
    height = _surface(rough, numbers, area) + COVER_NOISE * draw.normal(size=rows)
    cuts = np.quantile(height, np.cumsum(COVER_SHARES)[:-1])
    label = rough.permutation(len(COVER_SHARES))[np.digitize(height, cuts)]
    columns = [number(f"n{place}", numbers[:, place]) for place in range(10)]
    columns += [text("area", area.astype(str)), text("soil", soil.astype(int).astype(str))]
    return classified(tuple(columns), label, seed, "cover")


def _followed(numbers: Array) -> Array:
    numbers[:, 1] = 0.6 * numbers[:, 0] + 0.8 * numbers[:, 1]
    numbers[:, 5] = np.exp(0.7 * numbers[:, 5])
    numbers[:, 6] = np.exp(0.5 * (numbers[:, 6] + numbers[:, 5]))
    numbers[:, 8] = np.round(40 * numbers[:, 8])
    return numbers


def _surface(rough: np.random.Generator, numbers: Array, area: Array) -> Array:
    """A sum of steps, each where one or two columns pass a threshold: trees follow it, distances only roughly."""
    height: Array = 1.2 * numbers[:, 0] + 0.5 * (area == 2)
    for _ in range(24):
        first, second = rough.choice(10, 2, replace=False)
        here = numbers[:, first] > np.quantile(numbers[:, first], rough.uniform(0.1, 0.9))
        there = numbers[:, second] > np.quantile(numbers[:, second], rough.uniform(0.1, 0.9))
        height = height + rough.normal(scale=0.6) * (here ^ there if rough.random() < 0.3 else here & there)
    return height


def valued(seed: Seed, rows: int = 4000) -> Table:
    """A regression: a rough surface whose noise grows along one column, as prices do."""
    draw = np.random.default_rng(seed)
    numbers = _followed(draw.normal(size=(rows, 10)))
    height = _surface(np.random.default_rng((*seed[:1], 6)), numbers, np.zeros(rows))
    value = height + 0.3 * np.exp(0.5 * numbers[:, 4]) * draw.normal(size=rows)
    columns = tuple(number(f"n{place}", numbers[:, place]) for place in range(10))
    own = int(np.random.default_rng((*seed, 77)).integers(2**31))
    zeros = np.zeros(rows, np.int64)
    return Table(columns, value.astype(np.float64), (), "regression", zeros, ("all",), own, "value")


SETS: Mapping[str, Callable[[Seed], Table]] = {
    "digits": digits,
    "breast_cancer": breast_cancer,
    "flights": flights,
    "covertype-like": covertype_like,
}


def flipped(table: Table, share: float, seed: Seed) -> tuple[Table, Bools]:
    """The same table with a share of the labels of each class changed to another class; and which rows these are."""
    draw = np.random.default_rng((*seed, 55))
    label, planted = table.label.copy(), np.zeros(table.rows, np.bool_)
    for one in range(len(table.classes)):
        rows = np.flatnonzero(table.label == one)
        chosen = draw.choice(rows, round(share * len(rows)), replace=False)
        label[chosen] = (one + draw.integers(1, len(table.classes), len(chosen))) % len(table.classes)
        planted[chosen] = True
    return replace(table, label=label), planted


def moved(table: Table, share: float, seed: Seed, by: float = 3.0) -> tuple[Table, Bools]:
    """A regression with a share of its targets moved by so many standard deviations of the target, up or down."""
    draw = np.random.default_rng((*seed, 56))
    planted = np.zeros(table.rows, np.bool_)
    planted[draw.choice(table.rows, round(share * table.rows), replace=False)] = True
    value: Floats = table.label.astype(np.float64)
    step = by * np.std(value) * draw.choice([-1.0, 1.0], table.rows)
    return replace(table, label=np.where(planted, value + step, value)), planted
