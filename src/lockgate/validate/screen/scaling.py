"""Rows as points between which a distance means something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lockgate.validate.screen.table import Column, Table

MOST_WORDS = 24
"""Of a text, the commonest values have a direction of their own; the others share one."""

_FAR = 4.0


def scaled(table: Table) -> npt.NDArray[np.float32]:
    """Shape (n, d): numbers in standard deviations, clipped at four; texts as directions; lists of numbers as they are.

    Two rows that differ in one text are as far apart as two that differ by one standard deviation in one number. What
    is missing lies in the middle, and in a direction of its own. Lists of numbers weigh as much as all else together.
    """
    parts = [part for column in table.columns for part in _directions(column)]
    plain = np.column_stack(parts) if parts else np.zeros((table.rows, 0), np.float32)
    if table.embeddings is None:
        return plain.astype(np.float32)
    spread = np.sqrt(np.mean(np.var(table.embeddings, axis=0))) or 1.0
    weight = np.sqrt(max(1, len(table.columns)) / max(1, table.embeddings.shape[1]))
    centred = (table.embeddings - table.embeddings.mean(axis=0)) / spread * weight
    return np.hstack([plain, centred]).astype(np.float32)


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
