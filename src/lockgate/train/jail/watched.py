"""monitor-outputs.json from what the model says of the held-out rows. Runs in the judge jail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.monitor import judged, strata
from lockgate.monitor.abuse import population
from lockgate.monitor.abuse.facts import Population
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
    known: Population | None = None,
) -> Plan:
    """The plan of what the model answers: without streams where the rows are too few. `known` goes with it."""
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
    return replace(plan, population=known)


def takes_all(rows: frame.Rows, given: Collection[str]) -> bool:
    """Whether the model takes each field of the contract in which rows are compared: then monitor.json's will do."""
    return all(name in given for name, kind in rows.kinds.items() if kind != "timestamp")


def population_of(
    parts: Sequence[frame.Rows], asked: Asked, given: Collection[str], sensitive: Collection[str] | None
) -> Population | None:
    """The population of the fields that the model takes, of all these rows: held-out ones alone may be of one season.

    None of `sensitive` is in it; where nobody said which these are (None) there is none.
    """
    if sensitive is None:
        return None
    rows = frame.joined(parts)
    timed = rows.kinds.get(asked.order) in ("timestamp", "int", "float")
    order = np.argsort(_column(rows, asked.order), kind="stable") if timed else np.arange(len(rows.data))
    kinds = {name: rows.kinds[name] for name in given if name not in sensitive}
    taken = {name: _column(rows, name)[order] for name, kind in kinds.items() if kind != "timestamp"}
    return population.make(taken, kinds, moving=asked.exclude, timed=timed, seed=_SEED)


def _column(rows: frame.Rows, name: str) -> Array:
    """A field as `monitor.values` describes columns."""
    kind = rows.kinds[name]
    if kind == "timestamp":
        return rows.data[name].to_numpy(np.int64)
    return rows.data[name].to_numpy(object if kind == "string" else np.float64)
