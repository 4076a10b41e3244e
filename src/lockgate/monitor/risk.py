"""The share of rows that the model gets wrong, once labels come: an interval that may be looked at for ever.

Robbins' mixture ("Statistical methods related to the law of the iterated logarithm", 1970) with a Beta(1/2, 1/2): a
share is outside while the mixture makes what was seen 1 / alpha times as probable as it does. By Ville's inequality the
true share is ever outside with a probability of at most alpha, however often one looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_STEPS = 60


def interval(bad: int, rows: int, alpha: float) -> tuple[float, float]:
    """The shares that are not refuted by `bad` of `rows`. Raises ValueError for what cannot be counted."""
    if not 0 <= bad <= rows or not 0 < alpha < 1:
        raise ValueError("a share is of rows, and alpha lies between 0 and 1")
    if rows == 0:
        return 0.0, 1.0
    mixed = math.lgamma(bad + 0.5) + math.lgamma(rows - bad + 0.5) - math.lgamma(rows + 1) - math.log(math.pi)
    seen, enough = bad / rows, -math.log(alpha)

    def refuted(share: float) -> bool:
        return mixed - _likelihood(bad, rows, share) >= enough

    return _edge(0.0, seen, refuted), _edge(1.0, seen, refuted)


def _likelihood(bad: int, rows: int, share: float) -> float:
    if (bad and share <= 0) or (bad < rows and share >= 1):
        return -math.inf
    found = bad * math.log(share) if bad else 0.0
    return found + ((rows - bad) * math.log1p(-share) if bad < rows else 0.0)


def _edge(outside: float, inside: float, refuted: Callable[[float], bool]) -> float:
    """The last share on the way from inside to outside that is not refuted, rounded outward."""
    if not refuted(outside):
        return outside
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if refuted(middle) else (outside, middle)
    return outside
