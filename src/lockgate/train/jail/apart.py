"""Do the same rows get the same features, asked for among all and asked for again? Pure: arrays in, a verdict out.

Texts, whole numbers, booleans and points in time must be equal; floats may differ by 1e-9 of their size, or of the
column's mean size where that is more: a library may add up in another order where there are more rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

RELATIVE = 1e-9
_SMALL = (2, 3, 5, 7, 16, 33, 64)
_ROUNDS = 5


@dataclass(frozen=True)
class Difference:
    """The first row of a column that differs: its place among all rows, and both values in words."""

    column: str
    row: int
    whole: str
    again: str


def sizes(rows: int) -> Iterator[int]:
    """Sizes of small batches, for a table of `rows`."""
    yield from (size for size in _SMALL * _ROUNDS if size <= rows)


def difference(
    again: Mapping[str, Array], whole: Mapping[str, Array], places: Array, floats: Collection[str]
) -> Difference | None:
    """Where `again`, made of the rows at `places` only, is not what `whole`, made of all, has there.

    `floats`: the columns of kind float. Null is the same as null.
    """
    for name, values in whole.items():
        typical = _typical(values) if name in floats else 0.0
        wrong = np.flatnonzero(~_same(again[name], values[places], RELATIVE if name in floats else 0.0, typical))
        if wrong.size:
            first = int(wrong[0])
            place = int(places[first])
            return Difference(name, place, _shown(values[place]), _shown(again[name][first]))
    return None


def _same(again: Array, expected: Array, relative: float, typical: float) -> npt.NDArray[np.bool_]:
    kinds = {again.dtype.kind, expected.dtype.kind}
    if "O" in kinds or "f" not in kinds:
        return np.asarray(again == expected, dtype=bool)
    found, wanted = again.astype(np.float64), expected.astype(np.float64)
    size = np.maximum(np.maximum(np.abs(found), np.abs(wanted)), typical)
    both = np.isnan(found) & np.isnan(wanted)
    return np.asarray(both | (np.abs(found - wanted) <= relative * size), dtype=bool)


def _typical(values: Array) -> float:
    known = np.abs(values.astype(np.float64))
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else 0.0


def _shown(value: Any) -> str:
    plain = value.item() if hasattr(value, "item") else value
    return str(plain)[:80] if isinstance(plain, str) else f"{plain!r}"
