"""What is bet on: how rows might lie otherwise than the reference did. Fixed before a production row is seen.

A bet is a distribution of rows over bins. Its wealth is how much more probable it makes what came than the urn does; a
weighted mean of bets is a bet. The weights are a matter of power alone: whatever they are, the test is valid.

    location   the normal scores of the stream move by so many sd: a shift of any continuous variable, roughly
    scale      the normal scores are stretched or shrunk
    rare       the bins that had next to nothing (missing, unseen, beyond all) get so large a share together
    wide       the masses have a Dirichlet distribution around the reference's: any other change

The first three are *tilts*: their log probability is linear in the counts, so they are kept as running sums. One of
the wide ones stays near the reference. That is no bet where the reference is small: its urn learns as fast. So another
one knows next to nothing of it, and wins on whatever is wholly otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np

from lockgate.monitor.plan import BINS
from lockgate.monitor.urn import FloatArray

LOCATIONS = {0.04: 0.035, 0.065: 0.04, 0.105: 0.13, 0.175: 0.26, 0.5: 0.002}
"""In sd, each both up and down: the weight of one direction."""
SCALES = {0.06: 0.007, 0.2: 0.006}
"""Logarithms of the factor, each both up and down."""
RARE = {0.003: 0.004, 0.03: 0.003}
"""The share that rare bins get together."""
WIDES = {1500.0: 0.027, 15.0: 0.006}
"""About how many rows the reference's masses are worth as a guess of production's, and the weight of each."""
WIDE = sum(WIDES.values())
"""The weight of the wide bets; all weights sum to 1."""

_MOST_RARE = 0.002
"""A bin with less than this of the reference is rare."""
_LEAST = 1e-6
"""The part of each tilt that bets on the reference: so none is ever ruined by one row."""
_ANYWHERE = 0.05
"""Balls that a wide bet adds to each bin."""

_NORMAL = NormalDist()


def tilt_weights() -> FloatArray:
    """The weights of the tilts, in the order of `log_tilts`."""
    twice = [weight for group in (LOCATIONS, SCALES) for weight in group.values() for _ in range(2)]
    return np.array([*twice, *RARE.values()])


@lru_cache(maxsize=4096)
def log_tilts(balls: tuple[int, ...]) -> FloatArray:
    """The logarithms of the masses under each tilt: tilts by bins, of `BINS` columns; 0 where there is no bin."""
    masses = np.array(balls) / sum(balls)
    places = [_NORMAL.inv_cdf(share) for share in np.cumsum(masses)[:-1].tolist()]
    moved = [[place - sign * by for place in places] for by in LOCATIONS for sign in (1, -1)]
    moved += [[place / np.exp(sign * by) for place in places] for by in SCALES for sign in (1, -1)]
    tilted = [_between(each) for each in moved] + [_rare(masses, share) for share in RARE]
    tilts = (1 - _LEAST) * np.array(tilted) + _LEAST * masses
    found = np.zeros((len(tilts), BINS))
    found[:, : len(balls)] = np.log(tilts / tilts.sum(1, keepdims=True))
    found.setflags(write=False)
    return found


def _between(places: list[float]) -> list[float]:
    shares = [0.0, *(_NORMAL.cdf(place) for place in places), 1.0]
    return [max(high - low, 0.0) for low, high in pairwise(shares)]


def _rare(masses: FloatArray, share: float) -> list[float]:
    rare = masses < _MOST_RARE
    if not rare.any() or rare.all():
        return [float(mass) for mass in masses]
    common = masses * ~rare
    return [float(mass) for mass in rare * (share / rare.sum()) + common * ((1 - share) / common.sum())]


def wide_balls(balls: FloatArray, concentration: float) -> FloatArray:
    """The balls of a wide bet's own urn: bins are the last axis, 0 where there is no bin."""
    total = np.maximum(balls.sum(-1, keepdims=True), 1)
    found: FloatArray = np.where(balls > 0, concentration * balls / total + _ANYWHERE, 0.0)
    return found
