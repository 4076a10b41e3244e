"""What pairs say: requests and rows that both models were asked, and labelled ones among them. Tests of a mean. Pure.

Both are asked the same, so it does not matter who asks, what, and when: clients that fail often, or ask what is hard,
are the same for both, however few they are and however they stick to one model.

A row's value is at most 1 and at least -1, and the null says that, whatever came before, it is on average at most so
much. Counts are enough: no order among the rows of a record is asked for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lockgate.audit.ladder.counts import MOST_CLASSES, TWENTIETHS
from lockgate.core.sequential import log_average, mean_above

if TYPE_CHECKING:
    from lockgate.trust.policy_ladder import LadderPolicy


class Pairs:
    """Disagreement, outputs and risk, for one task: `binary`, `multiclass` or `regression`."""

    def __init__(self, policy: LadderPolicy, task: str) -> None:
        self._policy = policy
        self._task = task
        self.counts: Counter[str] = Counter()

    def add(self, counts: Mapping[str, int]) -> None:
        """What one record counted; `counts` are not strange."""
        for name, count in counts.items():
            if name.startswith(("pairs.", "risk.")):
                self.counts[name] += count

    @property
    def rows(self) -> int:
        """That both answered."""
        return self.counts["pairs.rows"]

    def errors(self) -> float:
        """Against "of requests that both were asked, the candidate fails on at most `errors_margin` more than live"."""
        failed, saved = self.counts["pairs.failed"], self.counts["pairs.saved"]
        return mean_above(
            {1.0: failed, -1.0: saved, 0.0: self.counts["pairs.requests"] - failed - saved}, self._policy.errors_margin
        )

    def disagreement(self) -> float:
        """Against "at most `most_disagreement` of the pairs disagree"."""
        apart = self.counts["pairs.disagree"]
        return mean_above({1.0: apart, 0.0: self.rows - apart}, self._policy.most_disagreement, least=0.0)

    def outputs(self) -> float:
        """Against "no class's share (regression: not the mean) moved by more than `outputs_margin`", up or down.

        The stake is split over both directions of each class, more on the first ones; of two classes one says all.
        """
        logs, weights = [], []
        for weight, values in self._shifts():
            for way in (1, -1):
                turned = {way * value: count for value, count in values.items()}
                logs.append(mean_above(turned, self._policy.outputs_margin))
                weights.append(weight / 2)
        return log_average(logs, weights)

    def risk(self) -> float:
        """Against "on labelled pairs the candidate's loss is on average at most `risk_margin` above live's"."""
        return mean_above(self._steps("risk", self.counts["risk.rows"]), self._policy.risk_margin)

    def moved(self) -> float:
        """The largest move of a class's share (regression: the move of the mean), with its sign."""
        means = [self._mean(values) for _, values in self._shifts()]
        return max(means, key=abs)

    def loss(self) -> float:
        """The mean difference of the losses on pairs."""
        return self._mean(self._steps("risk", self.counts["risk.rows"]))

    def _shifts(self) -> list[tuple[float, Mapping[float, int]]]:
        """What is bet on beside each other, with its weight."""
        if self._task == "regression":
            return [(1.0, self._steps("pairs.shift", self.rows))]
        if self._task == "binary":
            return [(1.0, self._of_class(1))]
        whole = math.fsum(1 / (index + 2) for index in range(MOST_CLASSES))
        return [(1 / (index + 2) / whole, self._of_class(index)) for index in range(MOST_CLASSES)]

    def _of_class(self, index: int) -> Mapping[float, int]:
        more, fewer = (self.counts[f"pairs.{way}.{index}"] for way in ("more", "fewer"))
        return {1.0: more, -1.0: fewer, 0.0: self.rows - more - fewer}

    def _steps(self, what: str, rows: int) -> Mapping[float, int]:
        found: dict[float, int] = {}
        for steps in range(1, TWENTIETHS + 1):
            found[steps / TWENTIETHS] = self.counts[f"{what}.p{steps}"]
            found[-steps / TWENTIETHS] = self.counts[f"{what}.m{steps}"]
        return found | {0.0: rows - sum(found.values())}

    @staticmethod
    def _mean(values: Mapping[float, int]) -> float:
        rows = sum(values.values())
        return math.fsum(value * count for value, count in values.items()) / rows if rows else 0.0
