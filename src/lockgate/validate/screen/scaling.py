"""Rows as points between which a distance means something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.column import Column

MOST_WORDS = 24
"""Of a text, the commonest values have a direction of their own; the others share one."""

_FAR = 4.0
_MOST = 1e100


def scaled(
    columns: Sequence[Column], rows: int, embeddings: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Shape (n, d): numbers in standard deviations, clipped at four; texts as directions; lists of numbers as they are.

    Two rows that differ in one text are as far apart as two that differ by one standard deviation in one number. What
    is missing lies in the middle, and in a direction of its own. Lists of numbers weigh as much as all else together.
    """
    parts = [part for column in columns for part in _directions(column)]
    plain = np.column_stack(parts) if parts else np.zeros((rows, 0), np.float32)
    if embeddings is None or not embeddings.size:
        return plain.astype(np.float32)
    weight = np.sqrt(max(1, len(columns)) / embeddings.shape[1])
    return np.hstack([plain, _embedded(embeddings) * weight]).astype(np.float32)


def _embedded(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Centred, and with a variance of one for each direction on average."""
    wide = np.clip(np.nan_to_num(embeddings.astype(np.float64)), -_MOST, _MOST)
    centred: npt.NDArray[np.float64] = wide - np.median(wide, axis=0)
    # One value beyond all others must not make the others equal.
    spread = float(np.sqrt(np.mean(np.quantile(np.abs(centred), 0.68, axis=0) ** 2))) or float(centred.std()) or 1.0
    return np.clip(centred / spread, -_FAR, _FAR)


def _directions(column: Column) -> list[npt.NDArray[np.float32]]:
    missing = np.isnan(column.values)
    parts = _words(column, missing) if column.is_text else [_number(column.values, missing)]
    if 0 < missing.sum() < len(missing):
        parts.append(missing.astype(np.float32))
    return parts


def _number(values: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    known = values[~missing]
    finite = known[np.isfinite(known)]
    if not len(finite):
        return np.zeros(len(values), np.float32)
    # The middle and spread of most values: one value of 1e300 must not make all others equal.
    low, middle, high = np.quantile(finite, [0.16, 0.5, 0.84])
    spread = (high - low) / 2 or float(np.std(np.clip(finite, *np.quantile(finite, [0.001, 0.999])))) or 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        place = np.clip((np.where(missing, middle, values) - middle) / spread, -_FAR, _FAR)
    found: npt.NDArray[np.float32] = np.nan_to_num(place).astype(np.float32)
    return found


def _words(column: Column, missing: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.float32]]:
    codes = np.where(missing, -1, column.values).astype(np.int64)
    number = min(MOST_WORDS, len(column.words))
    # Two rows with other words differ in two directions: each counts half.
    half = np.float32(np.sqrt(0.5))
    parts = [np.where(codes == code, half, np.float32(0)) for code in range(number)]
    if len(column.words) > number:
        parts.append(np.where(codes >= number, half, np.float32(0)))
    return parts
