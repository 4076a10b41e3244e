"""Held-out rows that training sees as well, but for time, group and label. Runs in the parse jail, on our own code.

What comes back by itself is no leak: of a timetable without its calendar, three of five rows of June equal an earlier
one. So the training rows are looked at among themselves, cut in the same order: where their rows come back, nobody can
tell a copy from the same flight on another day, and nothing is said of it. Where one field has another value in nearly
every distinct row, no row comes back by chance, however often each was copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_IDENTIFIES = 0.9
_CUTS = (0.5, 0.65, 0.8)
_MOST_BY_CHANCE = 0.05
_FEW, _TIMES = 5, 3
"""So many rows, and so many times what comes back by itself, are no leak yet."""

Hashes = npt.NDArray[np.integer[Any]]


def shared(
    data: pd.DataFrame, features: Sequence[str], heldout: npt.NDArray[np.bool_], order: npt.NDArray[Any] | None
) -> dict[str, Any] | None:
    """{"rows", "of", "by_chance", "beyond"}: held-out rows equal to a training row, of how many, the share of rows that
    come back by themselves, and whether the rows are more than that. None: there is no feature to be equal in.

    `order`: by what the rows were split, what is held out at its end; None: by all features, so that equal rows lie on
    one side.
    """
    if order is None:
        return {"rows": 0, "of": int(heldout.sum()), "by_chance": 0.0, "beyond": False}
    if not features:
        return None
    named = data[list(features)]
    hashes: Hashes = pd.util.hash_pandas_object(named, index=False, categorize=True).to_numpy()
    place = np.flatnonzero(~heldout)[np.argsort(order[~heldout], kind="stable")]
    train: Hashes = hashes[place]
    held: Hashes = hashes[heldout]
    equal = int(np.isin(held, train).sum())
    by_chance = 0.0 if not equal or _identified(named.iloc[place], train) else _among(train)
    above = _FEW + _TIMES * by_chance * len(held)
    return {
        "rows": equal,
        "of": len(held),
        "by_chance": round(by_chance, 6),
        "beyond": by_chance <= _MOST_BY_CHANCE and equal > above,
    }


def _among(train: Hashes) -> float:
    """The largest share of later training rows that equal an earlier one, over a few cuts."""
    cuts = [int(len(train) * share) for share in _CUTS]
    return max((float(np.isin(train[cut:], train[:cut]).mean()) for cut in cuts if 0 < cut < len(train)), default=0.0)


def _identified(rows: pd.DataFrame, hashes: Hashes) -> bool:
    _, first = np.unique(hashes, return_index=True)
    distinct = rows.iloc[first]
    return any(int(distinct[name].nunique()) >= _IDENTIFIES * len(first) for name in distinct.columns)
