"""How wrong an answer was, once its label came: a bin of `loss`, if the plan of outputs has it. Imports numpy."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lockgate.monitor import outputs
from lockgate.serve.rungs.comparing import Comparer

if TYPE_CHECKING:
    from lockgate.monitor.plan import Plan
    from lockgate.serve.spec import Served

STREAM = "loss"


class Losses:
    """`plan`: of what the model answers, None without one. `first`: how many streams the plan before it has. `stride`:
    of how many rows one waits for its label; 0: as in the reference.
    """

    def __init__(self, plan: Plan | None, served: Served, first: int, stride: int = 0) -> None:
        self._task = served.task
        self._numbers = Comparer(served, served, 0.0)
        streams = plan.streams if plan is not None else ()
        self._found = next(((first + at, one) for at, one in enumerate(streams) if one.kind == STREAM), None)
        self.stride = stride or (self._found[1].stride if self._found is not None else 1)

    @property
    def wanted(self) -> bool:
        """Whether labels are of use."""
        return self._found is not None

    def said(self, prediction: Mapping[str, Any]) -> float:
        """What the model said, as a number: of a class its place."""
        return self._numbers.number(prediction)

    def count(self, said: float, label: object, stratum: int) -> tuple[int, int, list[int]] | None:
        """One row in its bin; None where it is no label of this model, or the row is counted nowhere."""
        came = self._numbers.label(label)
        if self._found is None or came is None or not 0 <= stratum < len(self._found[1].cuts):
            return None
        number, stream = self._found
        loss = float(outputs.losses(self._task, [said], [came])[0])
        if stream.categories is not None:
            known = [float(one) for one in stream.categories]
            loss = float(known.index(loss) if loss in known else len(known))
        cuts = stream.cuts[stratum]
        # Of equal values it is chance that decides, as it was in the reference: nothing is secret here.
        place = bisect_left(list(zip(cuts.values, cuts.shares, strict=True)), (loss, random.random()))  # noqa: S311
        return stratum, number, [int(at == place) for at in range(len(cuts.balls))]
