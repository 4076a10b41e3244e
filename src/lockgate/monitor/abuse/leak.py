"""What answers give away, as a price in bits, and caps on it. Pure.

Who asks rows like a customer's cannot be told from one; how much he is told can be bounded. A price is a unit of
account, no measured information: what a form of answer is worth to a copier differs by model, and less than the prices
do (ADR 68). So a cap is not read off the prices: `drill extraction` copies the very model, prices what it asked by this
file, and `cap_for` reads the cap off the curve. The unit cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

FORMS: Final = {"label": 1.0, "top": 2.0, "rounded": 2.0, "full": 8.0}
"""Bits of a row that is new and ordinary, by what the output policy leaves of its answer."""
MOST_NOVELTY: Final = 3.0
"""What the oddest rows cost as many times: those as odd as at most one of a thousand of the population."""

_KIND = np.array([1.0, 0.0, 1.0, 1.0])
"""New, repeat, edit, probe: only what was answered already costs nothing."""


def price(form: str, kinds: npt.NDArray[np.uint8], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Bits of each of n rows, (n,). `kinds` and `scores`: as `Near.take` and `Novelty.scores` give them.

    A regression's number is "full", or "rounded" in each other form. Raises KeyError of an unknown form.
    """
    odd = np.clip(-np.log10(np.clip(scores, 1e-9, 1.0)), 1.0, MOST_NOVELTY)
    found: npt.NDArray[np.float64] = FORMS[form] * _KIND.take(kinds) * odd
    return found


def cap_for(curve: Sequence[tuple[float, float]], fidelity: float, *, margin: float = 0.5) -> int | None:
    """The bits that one client may be given so that its copy stays below `fidelity`, by a measured curve.

    `curve`: pairs of bits and the fidelity of the best copy of answers for so many, in any order; fidelity is taken to
    rise with bits. Between two points it is read off on a logarithmic scale of bits. `margin`: the share of it that is
    given: better copiers than ours may come. At least 1. None: no measured point is so good, so no cap follows.
    Raises ValueError of a curve without points, or of a `margin` that is not above 0 and at most 1.
    """
    if not curve or not 0 < margin <= 1:
        raise ValueError("a cap is read off a curve, and leaves a share of it")
    before, best = None, -np.inf
    for bits, reached in sorted(curve):
        if reached >= fidelity:
            found = bits
            if before is not None and before[0] > 0 and reached > before[1]:
                part = (fidelity - before[1]) / (reached - before[1])
                found = before[0] * (bits / before[0]) ** max(part, 0.0)
            return max(int(found * margin), 1)
        best = max(best, reached)
        before = (bits, best)
    return None
