"""The accepted rows as the rules of the screen see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.contract.spec import Kind
from lockgate.validate.screen.spec import Task

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One input of the model.

    Attributes:
        name, kind: as in the contract; never `other`.
        values: shape (n,). Numbers, booleans (0, 1) and moments (microseconds) as float64, NaN where there is none;
            texts as float64 codes 0, 1, ..., by falling frequency, NaN where there is none.
        words: the texts by their code; empty for what is no text.
        sensitive: its values are never told to anybody, its name is.
    """

    name: str
    kind: Kind
    values: Floats
    words: Sequence[str] = ()
    sensitive: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the values are codes: their order means nothing."""
        return self.kind == "string"


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
    _made: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

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
        return np.column_stack([column.values for column in self.columns]).astype(np.float32)

    @cached_property
    def scaled(self) -> npt.NDArray[np.float32]:
        """For distances: shape (n, d). See `screen.scaling`."""
        from lockgate.validate.screen.scaling import scaled

        return scaled(self)
