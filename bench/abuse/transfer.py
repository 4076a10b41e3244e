"""An attacker who copies the model with natural rows first, attacks the copy, and tries what deceives it.

What it asks are rows of the population, which look like a customer's, and at last a few rows about the one that it
attacks. The copy is made once for all rows that are attacked; its rows are asked by each run's key all the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from bench.abuse.datasets import Columns, Floats, split, take
from bench.abuse.models import Encoder
from lockgate.train.jail.attacks import Answers, hop_skip_jump, one_by_one

if TYPE_CHECKING:
    from bench.abuse.adaptive import Run
    from bench.abuse.simulate import World

ROWS = 1_900
OFFLINE = 1_500
"""Queries of the copy, which cost nothing."""
NEAR = 0.499
FURTHER = (1.05, 1.2, 1.5, 2.0, 3.0)
"""A flip of the copy is tried so many times as far from the row, within NEAR."""
NETWORKS = 3
FIRST = 4_000
"""Of the held rows those that are attacked come before."""

Ask: TypeAlias = Callable[[Columns], Answers]

_COPIES: dict[int, tuple[Columns, Ask]] = {}


def transfer(run: Run, budget: int) -> None:
    """At most six queries about the row, whatever the budget."""
    if id(run.where) not in _COPIES:
        _COPIES[id(run.where)] = _copied(run.where)
    natural, copy = _COPIES[id(run.where)]
    run.natural(natural, ROWS)
    trail = one_by_one(
        hop_skip_jump(run.space, run.base, _label(run, copy), OFFLINE, run.draw),
        lambda points: copy(run.space.columns(run.place, points)),
    )
    if trail.best is None:
        return
    direction = trail.best - run.base
    far = max(float(np.sqrt(np.nansum(np.square(direction)))), 1e-9)
    tried = sorted({min(times, NEAR / far) for times in (*FURTHER, NEAR / far)})
    for times in tried[:budget]:
        if (run.ask((run.base + times * direction)[None]).labels != run.label).any():
            return


def _label(run: Run, copy: Ask) -> int:
    return int(copy(run.space.columns(run.place, run.base[None])).labels[0])


def _copied(where: World) -> tuple[Columns, Ask]:
    """Rows of the population that neither the model nor the detectors were made from, and a copy of what is said."""
    draw = np.random.default_rng((where.seed, 53))
    others = split(where.data, where.seed).held[FIRST:]
    natural = take(where.data.columns, draw.choice(others, ROWS, replace=False))
    encode = Encoder(natural, dict(where.data.kinds), plain=False)
    scores = where.ask(natural).scores
    if scores is None:
        raise ValueError("this attacker learns from scores")
    certain = np.clip(scores[:, 1], 1e-4, 1 - 1e-4)
    wanted = np.log(certain / (1 - certain))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        networks = [
            MLPRegressor(
                hidden_layer_sizes=(64, 32), alpha=1e-3, max_iter=150, early_stopping=True, random_state=one
            ).fit(encode.numbers(natural), wanted)
            for one in range(NETWORKS)
        ]

    def ask(columns: Columns) -> Answers:
        numbers = encode.numbers(columns)
        found: Floats = np.mean([one.predict(numbers) for one in networks], axis=0)
        return Answers((found > 0).astype(np.int64), None, None)

    return natural, ask
