"""How far numbers lie apart, whatever a few of them are. Pure.

A standard deviation is what one outlier makes of it: a tolerance taken from it lets everything pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_PARTS = ((0.25, 0.75), (0.05, 0.95), (0.005, 0.995))


def spread(values: npt.NDArray[Any]) -> float:
    """The distance between the quartiles; where these are one number, between points further out, but never the ends.

    0 where nearly all are the same. What is not finite does not count. Raises ValueError where no number is finite, or
    their distance is not.
    """
    exact = np.asarray(values, dtype=np.float64)
    known = np.sort(exact[np.isfinite(exact)], axis=None)
    if not known.size:
        raise ValueError("none of the answers is a finite number")
    for low, high in _PARTS:
        first, last = np.ceil(low * (known.size - 1)), np.floor(high * (known.size - 1))
        with np.errstate(over="ignore"):
            found = float(known[int(last)] - known[int(first)]) if first < last else 0.0
        if not np.isfinite(found):
            raise ValueError("the answers lie further apart than any number")
        if found:
            return found
    return 0.0
