"""What an attack is told, and what it leaves behind.

An attack is a generator: it yields the points that it wants to ask, and is sent what the target said of them. So one
implementation serves hundreds of rows in step with one call of the model each (`running.together`), one query after
the other through a gateway (`running.one_by_one`), and a test without any model.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RAN = "ran"


def failed(why: str) -> str:
    """The status of an attack that could not be run."""
    return f"failed: {why}"


@dataclass(frozen=True)
class Answers:
    """What the target said of `n` points.

    Attributes:
        labels: shape (n,), the place of the label among the classes; below 0: no answer. Zeros for regression.
        scores: shape (n, classes), as the target gives them; None where it gives labels alone.
        values: shape (n,), for regression; else None.
    """

    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64] | None = None
    values: npt.NDArray[np.float64] | None = None

    def part(self, low: int, high: int) -> Answers:
        """Those of the points from `low` up to `high`."""
        return Answers(
            self.labels[low:high],
            None if self.scores is None else self.scores[low:high],
            None if self.values is None else self.values[low:high],
        )


@dataclass(frozen=True)
class Trail:
    """Of one attacked row.

    Attributes:
        attack: the attack's name.
        queries: how many points were asked, all included; never more than the budget.
        status: "ran", or "failed: why". A row whose attack failed was not tested.
        flips: (queries so far, l2, linf) whenever a flip nearer in l2 was found; distances in standard deviations.
        best: the nearest flip, or for `change` the point of the largest change; shape (mutable,), None without one.
        changes: for `change`: (queries so far, l2, absolute change of the value) whenever a larger one was found.
    """

    attack: str
    queries: int
    status: str
    flips: tuple[tuple[int, float, float], ...] = ()
    best: Points | None = None
    changes: tuple[tuple[int, float, float], ...] = ()

    @property
    def ran(self) -> bool:
        """Whether the row was tested by this attack."""
        return self.status == RAN

    def queries_within(self, distance: float) -> int | None:
        """How many queries the first flip within `distance` (l2) took; None if there is none."""
        return next((queries for queries, l2, _ in self.flips if l2 <= distance), None)

    def change(self) -> float:
        """The largest absolute change of the value that was found; 0 without one."""
        return self.changes[-1][2] if self.changes else 0.0


Attack = Generator[Points, Answers, Trail]
"""Yields points, shape (n, mutable) in standard deviations; is sent Answers of n; returns its Trail."""

Asking = Generator[Points, Answers, Any]
"""A part of an attack: asks, and returns something of its own."""
