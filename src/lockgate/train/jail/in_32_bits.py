"""Rows as 32 bits hold them: what a graph is given where the estimator saw 64 bits. Runs in the jail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_MIXED = 5
_STEPS = 2  # a scaler before a tree rounds twice more


def in_32_bits(data: pd.DataFrame, names: Sequence[str]) -> Iterator[pd.DataFrame]:
    """The rows with the columns `names` in 32 bits: all to the nearest, all one or two below or above, and mixed.

    A number that 32 bits hold exactly stays as it is; where all are exact, there is nothing to give.
    """
    held = {name: near for name in names if (near := _neighbours(data[name].to_numpy())) is not None}
    if not held:
        return
    draw, rows = np.random.default_rng(0), np.arange(len(data))
    for number in range(1 + 2 * _STEPS + _MIXED):
        changed = {}
        for name, near in held.items():
            which = np.full(len(data), number) if number < len(near) else draw.integers(0, len(near), len(data))
            changed[name] = near[which, rows].astype(data[name].to_numpy().dtype)
        yield data.assign(**changed)


def _neighbours(values: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Numbers of 32 bits: the nearest, two below, two above; shape (5, n). None where all are exact, or no numbers."""
    if values.dtype.kind not in "fiu":
        return None
    exact = values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        nearest = exact.astype(np.float32)
        inexact = np.isfinite(nearest) & (nearest.astype(np.float64) != exact)
    if not inexact.any():
        return None
    near = [nearest]
    for way in (np.float32(-np.inf), np.float32(np.inf)):
        step = nearest
        for _ in range(_STEPS):
            step = np.nextafter(step, way)
            near.append(step)
    return np.where(inexact, np.stack(near).astype(np.float64), values)
