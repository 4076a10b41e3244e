"""One customer's key over some days, before the very detectors that the gateway runs.

A key keeps its state from day to day. Where a detector raises it, an operator clears it that night, and the days go on:
so each day of a key either was one on which it was falsely suspected, or was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.stats import beta

from bench.abuse import customers
from bench.abuse.datasets import Columns, Data, Places, load, split, take
from bench.abuse.models import Ask, fitted
from lockgate.monitor.abuse import population
from lockgate.monitor.abuse.key import Key, Model
from lockgate.monitor.abuse.said import Said
from lockgate.train.jail.attacks import Answers

BLOCKS = (16, 64, 64, 256)
"""Rows of a request, one of these for each key."""
MODELS = ("gbt", "mlp", "logistic", "gbt")


@dataclass(frozen=True)
class World:
    """A model, what its gateway holds, and the rows that its customers have."""

    data: Data
    ask: Ask
    model: Model
    places: Places
    seed: int


@dataclass(frozen=True)
class Suspected:
    """A day (from 0) on which a key was raised, by which detector, and what it counted."""

    day: int
    rule: str
    evidence: Mapping[str, int]


@dataclass(frozen=True)
class Life:
    """A key's days."""

    kind: str
    data: str
    seed: tuple[int, ...]
    days: int
    rows: int
    suspected: tuple[Suspected, ...]


def world(name: str, kind: str, seed: int) -> World:
    """A model of this kind on this data set, and its population. Raises ValueError where there is none to make."""
    data = load(name)
    parts = split(data, seed)
    rows = take(data.columns, parts.population)
    made = population.make(rows, data.kinds, moving=data.moving, timed=data.later > 0, seed=seed)
    if made is None:
        raise ValueError(f"{name} has no population to compare with")
    return World(data, fitted(kind, name, seed), Model(made, seed + 1), parts.traffic, seed)


def said_of(answers: Answers) -> Said:
    """Answers as the detectors take them."""
    if answers.scores is None:
        nothing = np.full(len(answers.labels), np.nan, np.float32)
        return Said(np.zeros(len(answers.labels), np.int32), nothing)
    ordered = np.sort(answers.scores, axis=1)
    return Said(answers.labels.astype(np.int32), (ordered[:, -1] - ordered[:, -2]).astype(np.float32))


def part(said: Said, rows: slice) -> Said:
    """Of these rows."""
    return Said(said.labels[rows], said.margins[rows])


def life(kind: str, where: World, number: int, days: int, *, declared: bool = False) -> Life:
    """A customer of this kind, `declared` as one who edits or not."""
    seed = (where.seed, 31, list(customers.KINDS).index(kind), number)
    draw = np.random.default_rng((*seed, 1))
    key = Key(where.model, np.random.default_rng((*seed, 2)), edits=declared)
    block, rows = int(draw.choice(BLOCKS)), 0
    found: list[Suspected] = []
    for day, columns in enumerate(islice(customers.days(kind, where.data, where.places, seed), days)):
        said, size = said_of(where.ask(columns)), _rows(columns)
        rows += size
        raised = False
        for first in range(0, size, block):
            asked = slice(first, min(first + block, size))
            for one in _take(key, where.model, columns, said, asked):
                found.append(Suspected(day, one[0], one[1]))
                raised = True
        if raised:
            key.forget()
    return Life(kind, where.data.name, seed, days, rows, tuple(found))


def _take(key: Key, model: Model, columns: Columns, said: Said, asked: slice) -> list[tuple[str, Mapping[str, int]]]:
    some = {name: column[asked] for name, column in columns.items()}
    coded, scores = model.seen(some, asked.stop - asked.start)
    _, raised = key.take(coded, scores, part(said, asked))
    return [(one.rule, dict(one.evidence)) for one in raised]


def bounds(events: int, trials: int) -> tuple[float, float]:
    """Clopper-Pearson: the lower and the upper 95 % bound, each of its own (one-sided)."""
    low = float(beta.ppf(0.05, events, trials - events + 1)) if events else 0.0
    high = float(beta.ppf(0.95, events + 1, trials - events)) if events < trials else 1.0
    return low, high


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values())))
