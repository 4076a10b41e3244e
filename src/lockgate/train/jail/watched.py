"""monitor-outputs.json from what the model says of the held-out rows. Runs in the judge jail."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.monitor import judged, strata
from lockgate.monitor.abuse import population
from lockgate.monitor.asked import Asked
from lockgate.monitor.jail.reference import stretches, strides
from lockgate.monitor.making import Wanted
from lockgate.monitor.outputs import LOSS, from_outputs, losses
from lockgate.monitor.plan import Plan
from lockgate.runtime.jail.predict import Outputs
from lockgate.train.jail import frame

Array = npt.NDArray[Any]

_SEED = 0
"""Who can choose the rows cannot choose what a model answers to them: nothing is won by knowing the sample."""


def watched(
    task: str,
    rows: frame.Rows,
    outputs: Outputs,
    asked: Asked,
    given: Collection[str] = (),
    sensitive: Collection[str] | None = None,
) -> Plan:
    """The plan of what the model answers: without streams where the rows are too few.

    `given`: the fields that the model takes. Where it does not take all, their population is in the plan: that of
    monitor.json is of all. None of `sensitive` is in it; without these (None) there is none.
    """
    columns = from_outputs(task, outputs.labels, outputs.scores, outputs.values)
    said = outputs.labels if outputs.values is None else outputs.values
    columns[LOSS] = losses(task, [] if said is None else said.tolist(), rows.data[rows.label].tolist())
    needed = strata.needs(asked.strata, asked.time, asked.site)
    columns |= {name: _column(rows, name) for name in needed if name in rows.kinds}
    timed = rows.kinds.get(asked.order) in ("timestamp", "int", "float")
    order = np.argsort(_column(rows, asked.order), kind="stable") if timed else np.arange(len(rows.data))

    ordered = {name: column[order] for name, column in columns.items()}
    wanted = Wanted(asked.strata, asked.time, asked.site, stride=max(asked.stride, 1))
    plan = judged.make(ordered, task, ordered[LOSS], seed=_SEED, wanted=wanted)
    windows = [{name: column[part] for name, column in columns.items()} for part in stretches(order)]
    found = {} if asked.stride else strides(plan, windows, timed=timed)
    if found:
        plan = judged.make(ordered, task, ordered[LOSS], seed=_SEED, wanted=replace(wanted, strides=found))
    if sensitive is None or set(given) >= rows.kinds.keys():
        return plan
    kinds = {name: rows.kinds[name] for name in given if name not in sensitive}
    taken = {name: _column(rows, name)[order] for name, kind in kinds.items() if kind != "timestamp"}
    made = population.make(taken, kinds, moving=asked.exclude, timed=timed, seed=_SEED)
    return replace(plan, population=made)


def _column(rows: frame.Rows, name: str) -> Array:
    """A field as `monitor.values` describes columns."""
    kind = rows.kinds[name]
    if kind == "timestamp":
        return rows.data[name].to_numpy(np.int64)
    return rows.data[name].to_numpy(object if kind == "string" else np.float64)
