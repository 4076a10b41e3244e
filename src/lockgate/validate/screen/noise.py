"""How probable it is that a row's label is wrong, given what several judges say that have not seen it.

The given label is modelled as

    P(y) = (1 - rate) q(y) + rate (1 - q(y)) / (classes - 1)        q ~ product over judges of P_judge ^ weight

that is: right, and drawn as the judges together say, or wrong and any other class. Weights and rate are those under
which the given labels are most probable. So a judge that only repeats another, or knows nothing, gets no weight; one
that is too timid gets more than 1; and where the label is uncertain by nature, q says so and the rate stays low: an
unlikely label is doubtful only as far as a mistake explains it better than chance does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockgate.validate.screen.table import Floats, Ints

LEAST = 0.002
"""Added to each probability: no judge is ever certain."""
MOST_FITTED = 10_000
MOST_WEIGHT, MOST_RATE = 6.0, 0.4
STEPS = 60
STARTS = (1.0, 5.0)
"""Sums of weights to begin with: a timid judge among wrong labels has two places from where no small step is better."""
NOMINAL = 0.02
"""The rate that scores and `sight` suppose at least: so many labels may be wrong unseen."""


@dataclass(frozen=True)
class Noise:
    """What was fitted. `said`: shape (n, classes), the judges' common word; `rate`: of wrong labels, all told."""

    said: Floats
    rate: float


def fitted(judges: Sequence[Floats], label: Ints, rows: Ints, draw: np.random.Generator) -> Noise:
    """The common word on all rows, fitted on `rows` of them (10,000 drawn of more)."""
    from scipy.optimize import minimize

    some = rows if len(rows) <= MOST_FITTED else draw.choice(rows, MOST_FITTED, replace=False)
    logs = np.stack([np.log(one[some] + LEAST) for one in judges])
    bounds = [(0.0, MOST_WEIGHT)] * len(judges) + [(1e-5, MOST_RATE)]
    tries = []
    for weight in STARTS:
        start = [weight / len(judges)] * len(judges) + [0.03]
        options = {"maxiter": STEPS}
        tries.append(minimize(_loss, start, (logs, label[some]), "L-BFGS-B", True, bounds=bounds, options=options))
    best = min(tries, key=lambda one: float(one.fun)).x
    total = sum(weight * np.log(one + LEAST) for weight, one in zip(best[:-1], judges, strict=True))
    return Noise(_shares(np.asarray(total)), float(best[-1]))


def _shares(logs: Floats) -> Floats:
    found = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: Floats = found / found.sum(axis=1, keepdims=True)
    return shares


def _loss(values: Floats, logs: Floats, label: Ints) -> tuple[float, Floats]:
    """Mean of -log P(y) and its gradient by weights and rate."""
    rate, others = values[-1], logs.shape[2] - 1
    rows = np.arange(len(label))
    said = _shares(np.tensordot(values[:-1], logs, 1))
    own = said[rows, label]
    given = (1 - rate) * own + rate * (1 - own) / others
    pull = ((1 - rate) - rate / others) * own / given
    steps = [-np.mean(pull * (one[rows, label] - (said * one).sum(axis=1))) for one in logs]
    steps.append(-np.mean(((1 - own) / others - own) / given))
    return float(-np.log(given).mean()), np.array(steps)


def doubt(noise: Noise, label: Ints, rate: float) -> Floats:
    """Shape (n,): the probability that the given label is wrong, where so many are."""
    own = noise.said[np.arange(len(label)), label]
    wrong = rate * (1 - own) / (noise.said.shape[1] - 1)
    found: Floats = wrong / (wrong + (1 - rate) * own)
    return found


def sight(noise: Noise, above: float) -> float:
    """Of labels that were wrong, the share that would get a doubt above `above`: how far one can see at all.

    For each row the class that the judges think likeliest is taken for the right one, and each other class tried.
    """
    others = noise.said.shape[1] - 1
    odds = above / (1 - above) * (1 - NOMINAL) / NOMINAL * others
    seen = noise.said < 1 / (1 + odds)
    seen[np.arange(len(seen)), noise.said.argmax(axis=1)] = False
    return float(seen.sum() / (len(seen) * others))
