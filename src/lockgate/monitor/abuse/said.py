"""What a model said of rows, before any output policy, as the detectors take it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Said:
    """Of n rows.

    Attributes:
        labels: (n,) the place of the label among the classes, -1 of one that is none of them; 0 for regression.
        margins: (n,) the best score minus the second best, in the scores' own unit; NaN for regression.
    """

    labels: npt.NDArray[np.int32]
    margins: npt.NDArray[np.float32]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.labels)


def said_of(predictions: Sequence[Mapping[str, Any]], classes: Sequence[Any]) -> Said:
    """Of a gateway's answers: {"label", "scores"} with the scores in the order of `classes`, or {"value"}."""
    rows = len(predictions)
    if not rows or "label" not in predictions[0]:
        return Said(np.zeros(rows, np.int32), np.full(rows, np.nan, np.float32))
    places = {label: place for place, label in enumerate(classes)}
    labels = np.fromiter((places.get(each["label"], -1) for each in predictions), np.int32, rows)
    if len(classes) < 2:
        return Said(labels, np.full(rows, np.nan, np.float32))
    scores = np.array([tuple(each["scores"].values()) for each in predictions], np.float32)
    if scores.shape[1] == 2:
        return Said(labels, np.abs(scores[:, 1] - scores[:, 0]))
    best = np.partition(scores, -2, axis=1)
    return Said(labels, best[:, -1] - best[:, -2])
