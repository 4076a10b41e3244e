"""Rows as keys of 64 bits: equal rows have equal keys, and a column can be taken out of a key again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.table import Ints, Table

Keys = npt.NDArray[np.uint64]

_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def mixed(bits: Keys) -> Keys:
    """Each number as one that looks random: the last steps of splitmix64. A bijection."""
    for shift, factor in _STEPS:
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))


def column_keys(values: npt.NDArray[np.float64], salt: int) -> Keys:
    """Shape (n,). Equal values have equal keys: no value equals no value, and 0.0 equals -0.0."""
    plain = np.where(np.isnan(values), np.nan, values) + 0.0
    return mixed(plain.view(np.uint64) + np.uint64(salt))


def row_keys(parts: Iterable[Keys], rows: int) -> Keys:
    """The sum of the columns' keys, modulo 2 to the 64: less one column's is the key of the row without it."""
    total = np.zeros(rows, np.uint64)
    for part in parts:
        total += part
    return total


def salts(table: Table, purpose: str, number: int) -> list[int]:
    """One for each column."""
    return [int(salt) for salt in table.draw(purpose).integers(1, 2**63, number)]


def input_keys(table: Table, purpose: str) -> Keys:
    """Shape (n,): of all that the model can be given, lists of numbers as well; without the label."""
    drawn = salts(table, purpose, len(table.columns) + 1)
    total = row_keys(
        (column_keys(column.values, salt) for column, salt in zip(table.columns, drawn, strict=False)), table.rows
    )
    if table.embeddings is not None:
        for place in range(table.embeddings.shape[1]):
            total += column_keys(table.embeddings[:, place].astype(np.float64), (drawn[-1] + place) % 2**63)
    return total


def label_keys(table: Table, purpose: str) -> Keys:
    """Shape (n,)."""
    return column_keys(table.label.astype(np.float64), salts(table, f"{purpose} label", 1)[0])


@dataclass(frozen=True)
class Groups:
    """Rows with equal keys.

    Attributes:
        group: shape (n,), the number of each row's group, 0 to k - 1.
        size: shape (k,), rows of each.
        first: shape (k,), the first row of each, in the order of the table.
        last: shape (k,), the last.
    """

    group: Ints
    size: Ints
    first: Ints
    last: Ints

    @property
    def copies(self) -> npt.NDArray[np.bool_]:
        """Shape (n,): rows that are not the first of their group."""
        found: npt.NDArray[np.bool_] = self.first[self.group] != np.arange(len(self.group))
        return found


def grouped(keys: Keys) -> Groups:
    """O(n log n)."""
    _, first, group, size = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    last = np.zeros(len(size), np.int64)
    last[group] = np.arange(len(keys))  # numpy keeps the last value that is written to a place
    return Groups(group.astype(np.int64), size.astype(np.int64), first.astype(np.int64), last)
