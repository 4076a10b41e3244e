"""One input of the model, as the rules of the screen see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from lockgate.contract.spec import Kind

Floats = npt.NDArray[np.float64]


RARE = "a rare text"


@dataclass(frozen=True)
class Words(Sequence[str]):
    """The texts of so many codes, of which the first ones alone are `kept`: the others are called RARE."""

    kept: tuple[str, ...]
    number: int

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...

    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        places = range(self.number)[at]
        if isinstance(places, range):
            return [self[place] for place in places]
        return self.kept[places] if places < len(self.kept) else RARE


@dataclass(frozen=True)
class Column:
    """One input of the model.

    Attributes:
        name, kind: as in the contract; never `other`.
        values: shape (n,). Numbers, booleans (0, 1) and moments (microseconds) as float64, NaN where there is none;
            texts as float64 codes 0, 1, ..., by falling frequency, NaN where there is none.
        words: the texts by their code, a rare one under a name for all; empty for what is no text.
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
