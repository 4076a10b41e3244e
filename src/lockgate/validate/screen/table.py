"""The accepted rows as the rules of the screen see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.column import Column, Floats
from lockgate.validate.screen.scaling import scaled
from lockgate.validate.screen.spec import Task

__all__ = ["Column", "Floats", "Ints", "Table"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """All accepted rows, in the order of the file.

    Attributes:
        columns: what the model can be given.
        label: shape (n,). Classes as whole numbers 0 to classes - 1; of a regression the value itself.
        classes: the label's words, by their number; empty for a regression.
        task: by the label: at most 2 classes, more, or numbers.
        origin: shape (n,), which source each row is of: an index into `origins`.
        origins: the names of the sources: files, or the values of the origin column.
        seed: what everything random is drawn from; of the rows' own digest, so that nobody chooses it.
        embeddings: shape (n, d), float32: what lists of numbers among the fields hold, side by side; None without one.
    """

    columns: tuple[Column, ...]
    label: npt.NDArray[Any]
    classes: tuple[str, ...]
    task: Task
    origin: Ints
    origins: tuple[str, ...]
    seed: int
    label_name: str = "label"
    embeddings: npt.NDArray[np.float32] | None = None

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.label)

    @property
    def names(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    def draw(self, what: str) -> np.random.Generator:
        """Random numbers for one purpose, the same each time."""
        return np.random.default_rng([self.seed, *what.encode()])

    @cached_property
    def ordinal(self) -> npt.NDArray[np.float32]:
        """For trees: shape (n, columns), codes and numbers as they are, NaN where there is none."""
        if not self.columns:
            return np.zeros((self.rows, 0), np.float32)
        stacked = np.column_stack([column.values for column in self.columns])
        most = np.finfo(np.float32).max
        return np.clip(stacked, -most, most, out=stacked).astype(np.float32)

    @cached_property
    def scaled(self) -> npt.NDArray[np.float32]:
        """For distances: shape (n, d). See `scaling.scaled`."""
        return scaled(self.columns, self.rows, self.embeddings)
