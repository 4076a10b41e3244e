"""One input of the model, as the rules of the screen see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgate.contract.spec import Kind

Floats = npt.NDArray[np.float64]


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
