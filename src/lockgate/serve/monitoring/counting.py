"""The plans of one model, and how its rows fall into their bins. Imports numpy: made in a thread, when it is needed.

The plans are files of the registered closure. Made in a jail from somebody's rows, they are believed no further than
that they have their form: what is wrong in one ends in an exception here, and turns monitoring off, not the gateway.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lockgate.monitor import outputs
from lockgate.monitor.binning import Binner, columns_of, counted
from lockgate.monitor.dependence import Thinner
from lockgate.monitor.plan import INPUTS, OUTPUTS, Plan, parse_plan
from lockgate.serve.monitoring.losses import Losses

Counts = list[tuple[int, int, list[int]]]
"""Stratum, stream, rows in each bin."""

if TYPE_CHECKING:
    import numpy.typing as npt

    from lockgate.serve.monitoring.rows import Row
    from lockgate.serve.spec import Served


class Binned:
    """Rows as bins: of each plan one array rows x streams, and the stratum of each row."""

    def __init__(self, parts: Sequence[tuple[npt.NDArray[np.int8], npt.NDArray[np.int16]]]) -> None:
        self.parts = parts
        self.rows = int(np.logical_or.reduce([strata >= 0 for _, strata in parts]).sum())
        """How many have a stratum in one plan at least."""


class Counting:
    """Raises ValueError, KeyError, TypeError... for plans that are none, or of another model."""

    def __init__(self, files: Mapping[str, bytes], served: Served, stride: int = 0) -> None:
        """`files`: monitor.json and monitor-outputs.json, one at least. `stride`: of the settings, 0: by plan."""
        found = {name: parse_plan(files[name]) for name in (INPUTS, OUTPUTS) if name in files}
        self._served = served
        self._names = [field.name for field in served.fields]
        self._kinds = {field.name: field.kind for field in served.fields}
        self.inputs, self.outputs = found.get(INPUTS), found.get(OUTPUTS)
        self._plans: list[Plan] = list(found.values())
        self._binners = {
            name: Binner(plan, np.random.default_rng(secrets.randbits(128))) for name, plan in found.items()
        }
        self._first = [0, len(self._plans[0].streams)]
        strides = [stride or stream.stride for plan in self._plans for stream in plan.streams]
        self.thinner = Thinner(strides, np.random.default_rng(secrets.randbits(128)), fixed=bool(stride))
        before = len(self.inputs.streams) if self.inputs is not None else 0
        self.losses = Losses(self.outputs, served, before, stride)
        answered = self.outputs.streams if self.outputs is not None else ()
        kinds = [stream.kind for stream in answered]
        self._margin = before + kinds.index("margin") if "margin" in kinds else -1

    def bin(self, rows: Sequence[Row]) -> Binned:
        """The bins of these rows."""
        given = columns_of(self._kinds, self._names, [row.values for row in rows])
        parts = []
        for name, binner in self._binners.items():
            columns: dict[str, Any] = dict(given)
            if name == OUTPUTS:
                columns |= outputs.from_predictions(self._served.task, self._served.classes, [row.said for row in rows])
            parts.append(binner.bins(columns))
        return Binned(parts)

    def counts(self, chunks: Sequence[Binned]) -> Counts:
        """How many rows of a window, in their order, lie in which bin, by stratum and stream: those of both plans.

        A stream counts fewer rows where neighbours depend on each other, or none: nothing where no stream counts any.
        """
        bins = self.thinner.window(np.concatenate([np.hstack([bins for bins, _ in one.parts]) for one in chunks]))
        found: Counts = []
        for number, (plan, first) in enumerate(zip(self._plans, self._first, strict=False)):
            strata = np.concatenate([one.parts[number][1] for one in chunks])
            found += counted(plan, bins[:, first : first + len(plan.streams)], strata, first)
        return found

    def stratum(self, one: Binned, row: int) -> int:
        """Of a row, in the plan of outputs; -1 without."""
        return int(one.parts[-1][1][row]) if self.outputs is not None else -1

    def margins(self, counts: Counts) -> Counts:
        """Those of them that are of the margins."""
        return [one for one in counts if one[1] == self._margin]

    def estimate(self, windows: Iterable[Counts]) -> float | None:
        """The accuracy, as the margins of some windows let it be estimated; None where they do not."""
        totals: dict[int, list[int]] = {}
        for stratum, _, found in (one for window in windows for one in window):
            before = totals.get(stratum, [0] * len(found))
            totals[stratum] = [sum(both) for both in zip(before, found, strict=True)]
        return outputs.estimated_accuracy(self.outputs, totals) if self.outputs is not None else None
