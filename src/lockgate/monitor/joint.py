"""Streams of several fields at once: what each field's own stream misses, such as a correlation that turns.

pair         for each field the one whose rank correlation with it is strongest in the pilot; the product of scores
projection   a sum of all scores with signs that were drawn
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lockgate.monitor.plan import Stream
from lockgate.monitor.values import HIGHEST, LOWEST, RANKS, Array, Scorer

MOST_PAIRS, PROJECTIONS, LEAST_FIELDS = 32, 8, 3
MOST_FIELDS = 512
"""Fields that are looked at together: their correlations are a square of this size."""


def ranks(pilot: Mapping[str, Array], fields: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Of each field the cuts by which it is scored, if at least two of them have more values than one."""
    found = {}
    for name in fields[:MOST_FIELDS]:
        values = np.sort(np.clip(pilot[name][~np.isnan(pilot[name])], LOWEST, HIGHEST)) + 0.0
        if len(values) and values[0] < values[-1]:
            at = np.arange(1, RANKS + 1) * len(values) // (RANKS + 1)
            found[name] = tuple(values[at].tolist())
    return found if len(found) > 1 else {}


def streams(
    pilot: Mapping[str, Array], ranked: Mapping[str, Sequence[float]], randomness: np.random.Generator
) -> list[Stream]:
    """Pairs and projections of the `ranked` fields, without cuts."""
    fields = list(ranked)
    if not fields:
        return []
    pairs = [
        Stream(f"{one} \N{MULTIPLICATION SIGN} {other}", "pair", (one, other), ())
        for one, other in _partners(pilot, ranked)
    ]
    if len(fields) < LEAST_FIELDS:
        return pairs
    signs = randomness.choice((-1.0, 1.0), (PROJECTIONS, len(fields))).tolist()
    sums = [
        Stream(f"projection {number}", "projection", tuple(fields), (), tuple(weights))
        for number, weights in enumerate(signs, 1)
    ]
    return [*pairs, *sums]


def _partners(pilot: Mapping[str, Array], ranked: Mapping[str, Sequence[float]]) -> list[tuple[str, str]]:
    fields = list(ranked)
    scored = Scorer(ranked)(pilot, len(pilot[fields[0]])).astype(np.float64)
    scored -= scored.mean(axis=1, keepdims=True)
    spread = np.sqrt((scored**2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        strength = np.nan_to_num(np.abs(scored @ scored.T / np.outer(spread, spread)))
    np.fill_diagonal(strength, -1)
    best = strength.argmax(axis=1).tolist()
    # Rounded: what the last bits of a sum decide is another pair on another machine.
    found = {
        (min(at, partner), max(at, partner)): round(float(strength[at, partner]), 6) for at, partner in enumerate(best)
    }
    strongest = sorted(found, key=lambda pair: (-found[pair], pair))[:MOST_PAIRS]
    return [(fields[one], fields[other]) for one, other in sorted(strongest)]
