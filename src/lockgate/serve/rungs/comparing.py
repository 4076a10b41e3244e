"""What two models say of one row, as counts, and how wrong each was once its label came. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.audit.ladder.counts import TWENTIETHS, Tally, class_name, steps_name
from lockgate.serve.spec import Served

UNKNOWN = -1.0
"""The number of a class that neither model declares."""


@dataclass(frozen=True)
class Pair:
    """What both said of a row, as numbers: of a class its place, else the value itself. None: it was not asked."""

    live: float | None
    candidate: float | None


@dataclass(frozen=True)
class Place:
    """Which row of which record of a gateway, and what its receipt is told by (`recording.labels.opener`)."""

    seq: int
    row: int
    opens: str = ""


class Comparer:
    """For two models of one task. `scale`: for regression, the unit in which differences count; 0: they do not."""

    def __init__(self, live: Served, candidate: Served, scale: float) -> None:
        self._regression = live.task == "regression"
        self._scale = scale
        self._places: dict[Any, float] = {}
        for name in (*live.classes, *candidate.classes):
            self._places.setdefault(name, float(len(self._places)))

    def number(self, prediction: Mapping[str, Any]) -> float:
        """What a model said of a row."""
        if self._regression:
            return float(prediction["value"])
        return self._places.get(prediction["label"], UNKNOWN)

    def label(self, label: Any) -> float | None:
        """What came true; None where it is no label of these models."""
        if not self._regression:
            return self._places.get(label)
        number = type(label) in (int, float) and math.isfinite(label)
        return float(label) if number else None

    def compare(self, tally: Tally, live: Sequence[float], candidate: Sequence[float]) -> None:
        """Count rows that both answered."""
        tally.add("pairs.rows", len(live))
        for one, other in zip(live, candidate, strict=True):
            if one != other:
                self._differ(tally, one, other)

    def _differ(self, tally: Tally, live: float, candidate: float) -> None:
        if not self._regression:
            tally.add("pairs.disagree")
            tally.add(class_name("more", int(candidate)))
            tally.add(class_name("fewer", int(live)))
        elif self._scale:
            difference = (candidate - live) / self._scale
            if not abs(difference) <= 1:
                tally.add("pairs.disagree")
            tally.add(steps_name("pairs.shift", rounded(difference)))

    def judge(self, tally: Tally, pair: Pair, label: float) -> None:
        """A label came for a row."""
        live, candidate = pair.live, pair.candidate
        if live is not None and candidate is not None:
            if self._regression and not self._scale:
                return
            tally.add("risk.rows")
            tally.add(steps_name("risk", rounded(self._loss(candidate, label) - self._loss(live, label))))
        elif not self._regression:
            arm, said = ("candidate", candidate) if live is None else ("live", live)
            tally.add(f"{arm}.labels")
            tally.add(f"{arm}.wrong", int(said != label))

    def _loss(self, said: float, label: float) -> float:
        return abs(said - label) / self._scale if self._regression else float(said != label)


def rounded(difference: float) -> float:
    """A difference in whole twentieths, up or down by chance: on average nothing is lost, and many small ones count.

    Clipped to +-1 first; one that is no number stays none.
    """
    if math.isnan(difference):
        return difference
    steps = max(-1.0, min(1.0, difference)) * TWENTIETHS
    return math.floor(steps + random.random()) / TWENTIETHS  # noqa: S311 - nothing is secret here
