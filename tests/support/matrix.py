"""The support matrix: what is trained with what on what, and what comes of it. Each cell is a test.

`tests/unit/train/test_export_matrix.py` fits, exports and compares each cell; `scripts/frameworks.py` writes the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

EXACT = "exact"

NUMBERS = ["age", "price", "rooms", "sunny"]
TEXTS = ["town", "colour"]


@dataclass(frozen=True)
class Cell:
    """One combination.

    Attributes:
        model: the estimator as a person writes it.
        task: of `matrix_rows.rows`: binary (a boolean), multiclass (texts), whole (integers), regression.
        data: what is special about the columns, in words.
        build: the training rows -> the fitted model.
        result: EXACT, or the id of the finding that refuses it.
        missing: rows with missing values; unknown: asked again with a category that the fit has not seen.
    """

    framework: str
    model: str
    task: str
    data: str
    build: Callable[[pd.DataFrame], Any]
    result: str = EXACT
    missing: bool = False
    unknown: bool = False

    @property
    def id(self) -> str:
        """Its name as a test."""
        return f"{self.model}, {self.task}, {self.data}"


def cells() -> list[Cell]:
    """All of them, in the order of the page."""
    from tests.support import matrix_boosters, matrix_estimators, matrix_steps

    return [*matrix_steps.CELLS, *matrix_estimators.CELLS, *matrix_boosters.CELLS]
