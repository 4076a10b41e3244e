"""The whole graph of a Booster, and its io.json. Runs in the jail."""

from __future__ import annotations

from typing import Any

from lockgate.runtime.serving import ClassValue, Input, Kind, Task
from lockgate.train.jail.exporters import boosters_lightgbm, boosters_xgboost
from lockgate.train.jail.exporters.base import Exported
from lockgate.train.jail.exporters.graph import Graph
from lockgate.train.jail.exporters.scikit_model import answered, converting, finished, given, input_type
from lockgate.train.jail.exporters.steps import Steps
from lockgate.train.jail.frame import Rows


def exported(
    booster: Any, name: str, task: Task, classes: tuple[ClassValue, ...] | None, kinds: dict[str, Kind], rows: Rows
) -> Exported:
    """The graph and its serving spec. Raises Refused LG312, LG316, LG338."""
    graph = Graph()
    inputs = tuple(Input(field, (field,), input_type(kind)) for field, kind in kinds.items())
    if {each.type for each in inputs} == {"float64"}:
        inputs = (Input("X", tuple(kinds), "float64"),)
    steps, table = Steps(graph), given(graph, inputs)
    with converting(name):
        if type(booster).__module__.startswith("lightgbm"):
            light = boosters_lightgbm.read(booster, steps)
            found = boosters_lightgbm.linked(steps, light, boosters_lightgbm.raw(steps, light, table))
        else:
            extreme = boosters_xgboost.read(booster, steps)
            found = boosters_xgboost.linked(steps, extreme, boosters_xgboost.raw(steps, extreme, table))
    if task == "regression":
        outputs = answered(graph, value=found)
    else:
        places = graph.op("ArgMax", found, axis=1, keepdims=0)
        outputs = answered(graph, scores=found, places=places, classes=classes or ())
    return finished(graph, inputs, outputs, name, task, classes, kinds, rows)
