"""How probable it is that a row's label is wrong, given what several judges say that have not seen it.

The given label is modelled as

    P(y) = (1 - rate) q(y) + rate (1 - q(y)) / (classes - 1)        q ~ product over judges of P_judge ^ weight

that is: right, and drawn as the judges together say, or wrong and any other class. Weights and rate are those under
which the given labels are most probable. So a judge that only repeats another, or knows nothing, gets no weight; one
that is too timid gets more than 1; and where the label is uncertain by nature, q says so and the rate stays low: an
unlikely label is doubtful only as far as a mistake explains it better than chance does.

Where a tenth or a fifth of all labels are changed evenly, both explain the labels nearly as well: judges who are sure
and a high rate, or judges who are not and none. Then the first is taken (`SETTLED`): rows that go against a rule which
holds everywhere else are for a person to look at.
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
HEAVY_STARTS = (0.15, 0.3)
"""Rates to begin with, at the greatest weights: what heavy poison among settled labels looks like."""
NEARLY = 0.004
"""Nats a row by which it may explain the labels worse."""
SETTLED = 0.8
"""It must see so many of wrong labels at its own rate; and be wrong half as often at most as who always says the
commonest class: else what is rare would be called wrong wherever nothing can be learned."""
NOMINAL = 0.02
"""The rate that scores and `sight` suppose at least: so many labels may be wrong unseen."""
DOUBT = 0.5
"""Above it a label is more probably wrong than right."""


@dataclass(frozen=True)
class Noise:
    """What was fitted. `said`: shape (n, classes), the judges' common word; `rate`: of wrong labels, all told."""

    said: Floats
    rate: float


def fitted(judges: Sequence[Floats], label: Ints, rows: Ints, draw: np.random.Generator) -> Noise:
    """The common word on all rows, fitted on `rows` of them (10,000 drawn of more)."""
    some = rows if len(rows) <= MOST_FITTED else draw.choice(rows, MOST_FITTED, replace=False)
    logs, own = np.stack([np.log(one[some] + LEAST) for one in judges]), label[some]
    least, best = min((_fit(logs, own, weight / len(judges), 0.03) for weight in STARTS), key=lambda one: one[0])
    for rate in HEAVY_STARTS:
        loss, values = _fit(logs, own, MOST_WEIGHT, rate)
        noise = Noise(_shares(np.tensordot(values[:-1], logs, 1)), float(values[-1]))
        if loss <= least + NEARLY and settled(noise, own):
            best = values
            break
    total = sum(weight * np.log(one + LEAST) for weight, one in zip(best[:-1], judges, strict=True))
    return Noise(_shares(np.asarray(total)), float(best[-1]))


def _fit(logs: Floats, label: Ints, weight: float, rate: float) -> tuple[float, Floats]:
    """The least loss that is near these values, and where it is."""
    from scipy.optimize import minimize

    bounds = [(0.0, MOST_WEIGHT)] * len(logs) + [(1e-5, MOST_RATE)]
    start, options = [weight] * len(logs) + [rate], {"maxiter": STEPS}
    found = minimize(_loss, start, (logs, label), "L-BFGS-B", True, bounds=bounds, options=options)
    return float(found.fun), found.x


def settled(noise: Noise, label: Ints) -> bool:
    """Whether more labels are wrong than `NOMINAL`, by judges who are sure of nearly all others."""
    rarer = 1 - float(np.bincount(label).max()) / len(label)
    return NOMINAL < noise.rate <= rarer / 2 and sight(noise, DOUBT, noise.rate) >= SETTLED


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


def sight(noise: Noise, above: float, rate: float = NOMINAL) -> float:
    """Of labels that were wrong, the share that would get a doubt above `above`, were `rate` of all wrong.

    For each row the class that the judges think likeliest is taken for the right one, and each other class tried.
    """
    others = noise.said.shape[1] - 1
    odds = above / (1 - above) * (1 - rate) / rate * others
    seen = noise.said < 1 / (1 + odds)
    seen[np.arange(len(seen)), noise.said.argmax(axis=1)] = False
    return float(seen.sum() / (len(seen) * others))
