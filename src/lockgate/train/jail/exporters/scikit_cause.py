"""Which step of a pipeline is converted wrongly: each one's own output beside its graph's. Runs in the jail.

Asked only when graph and estimator disagree already, to say where.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
from sklearn.pipeline import Pipeline

from lockgate.runtime.serving import Input, Kind
from lockgate.train.jail.exporters.graph import DOUBLE, STRING, Graph, Table, model_of
from lockgate.train.jail.exporters.scikit_model import given, input_type
from lockgate.train.jail.exporters.steps import Steps

_ROWS = 200
_NEAR = 1e-6


def cause_of(estimator: Any, data: pd.DataFrame, kinds: Mapping[str, Kind]) -> str:
    """`step 2 of 3, scale: StandardScaler`; "" where the estimator has no steps. `data`: rows that differ.

    Where every step before the last agrees, it is the last.
    """
    if type(estimator) is not Pipeline:
        return ""
    few = data.iloc[:_ROWS][list(kinds)]
    inputs = tuple(Input(name, (name,), input_type(kind)) for name, kind in kinds.items())
    steps = Steps(Graph())
    table = given(steps.graph, inputs)
    for number, (_, step) in enumerate(estimator.steps[:-1]):
        if step is None or step == "passthrough":
            continue
        table = steps.transform(step, table)
        if not _same(estimator[: number + 1].transform(few), _said(steps.graph, inputs, table, few)):
            return _named(estimator, number)
    return _named(estimator, len(estimator.steps) - 1)


def _named(estimator: Pipeline, number: int) -> str:
    name, step = estimator.steps[number]
    return f"step {number + 1} of {len(estimator.steps)}, {name}: {type(step).__name__}"


def _said(graph: Graph, inputs: tuple[Input, ...], table: Table, data: pd.DataFrame) -> Any:
    outputs = {block.tensor: (STRING if block.text else DOUBLE, [None, block.width]) for block in table.blocks}
    model = model_of(graph, {each.input: (each.type, 1) for each in inputs}, outputs)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    kept = {node.name for node in session.get_inputs()}
    feeds = {}
    for each in inputs:
        if each.input in kept:
            column = data[each.input].to_numpy(object if each.type == "string" else each.type)
            feeds[each.input] = column.reshape(-1, 1)
    return np.concatenate([np.asarray(one, dtype=object) for one in session.run(list(outputs), feeds)], axis=1)


def _same(own: Any, said: Any) -> bool:
    wanted = np.asarray(own.toarray() if hasattr(own, "toarray") else own, dtype=object)
    if wanted.shape != said.shape:
        return False
    try:
        one, other = wanted.astype(np.float64), said.astype(np.float64)
    except ValueError:
        return bool((wanted.astype(str) == said.astype(str)).all())
    return bool(np.allclose(one, other, rtol=_NEAR, atol=_NEAR, equal_nan=True))
