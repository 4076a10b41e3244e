"""The Polya urn: how probable the bins of production rows are, whatever the true masses of the bins may be.

The true masses have the Dirichlet distribution of the balls (`plan`), so rows that were drawn as the reference was lie
in bins with the probability of drawing balls from an urn, each put back with one more of its bin. For one order of the
rows that is

    P(counts) = Gamma(A) / Gamma(A + N) * product over bins of Gamma(ball + count) / Gamma(ball)

with A balls and N rows in all. Nothing is estimated: the error of a finite reference is in it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_SHIFT = 9
"""From here on the series below is exact to the last digits of a double."""
_SERIES = (1 / 1188, -1 / 1680, 1 / 1260, -1 / 360)
_LEAST_LOG = -1e300
_HALF_LOG_TWO_PI = 0.9189385332046727


def log_gamma(x: FloatArray) -> FloatArray:
    """The logarithm of the gamma function, of positive numbers; to 1e-13 relative (absolute near its zeros, 1 and 2).

    Stirling's series; a small argument is raised first (DLMF 5.11.1 and 5.5.1).
    """
    low = x < _SHIFT
    any_low = bool(low.any())
    raised = np.where(low, x + _SHIFT, x) if any_low else x
    inverse = 1 / raised
    square = inverse * inverse
    found: FloatArray = square * _SERIES[0]
    for term in _SERIES[1:]:  # in place: new arrays of this size cost more than the sums
        found += term
        found *= square
    found += 1 / 12
    found *= inverse
    found -= raised
    found += _HALF_LOG_TWO_PI
    np.subtract(raised, 0.5, out=inverse)
    inverse *= np.log(raised)
    found += inverse
    if any_low:
        small = x[low]
        rising = small.copy()
        for step in range(1, _SHIFT):
            rising *= small + step
        found[low] -= np.log(rising)
    return found


class Urns:
    """Urns, one for each place, whose balls are along the last axis; 0 balls where there is no such bin."""

    def __init__(self, balls: FloatArray) -> None:
        self._balls = np.where(balls > 0, balls, 1.0)  # nothing is ever counted where there is no bin: it cancels
        self._all = np.maximum(balls.sum(-1), 1.0)
        self._first = log_gamma(self._balls).sum(-1) - log_gamma(self._all)

    def log(self, places: IntArray, counts: FloatArray) -> FloatArray:
        """Log P of counts (.. x places x bins), of rows in one order, at these places."""
        drawn = log_gamma(self._balls[places] + counts).sum(-1) - log_gamma(self._all[places] + counts.sum(-1))
        found: FloatArray = drawn - self._first[places]
        return found


def log_mean(logs: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """The logarithm of the weighted sum of what `logs` are the logarithms of, over the last axis; weights 1 if none."""
    most = logs.max(-1, keepdims=True)
    parts = logs - np.maximum(most, _LEAST_LOG)
    np.exp(parts, out=parts)
    with np.errstate(divide="ignore"):  # where all of them are nothing
        found: FloatArray = np.log(parts.sum(-1) if weights is None else parts @ weights) + most[..., 0]
    return found
