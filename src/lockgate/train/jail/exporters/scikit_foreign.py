"""What skl2onnx converts exactly (measured, docs/adr/0059), put into our graph. In 32 bits. Runs in the jail."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from lockgate.errors import Refused
from lockgate.train.jail.exporters.graph import DOUBLE, FLOAT, Table
from lockgate.train.jail.exporters.steps import PLACES, PROBABILITIES, VALUES, Steps, writes


@writes(PROBABILITIES, "SVC", "NuSVC")
def _support(steps: Steps, step: Any, table: Table) -> str:
    return _embedded(steps, step, table)[1]


@writes(PLACES, "SVC", "NuSVC")
def _support_places(steps: Steps, step: Any, table: Table) -> str:
    """The label is the vote of the machines, which can be another than the likeliest class."""
    graph = steps.graph
    label = _embedded(steps, step, table)[0]
    known = np.asarray(step.classes_)
    texts = known.dtype.kind in "OUS"
    same = graph.op(
        "Equal", graph.op("Unsqueeze", label, [1]), known.astype(object if texts else np.int64).reshape(1, -1)
    )
    return graph.op("ArgMax", graph.cast(same, FLOAT), axis=1, keepdims=0)


@writes(VALUES, "SVR", "NuSVR")
def _support_value(steps: Steps, step: Any, table: Table) -> str:
    return _embedded(steps, step, table)[0]


def _embedded(steps: Steps, step: Any, table: Table) -> list[str]:
    """The outputs of skl2onnx's graph for one estimator, numbers widened again."""
    graph, matrix = steps.graph, steps.numbers(step, table)
    key = (id(step), matrix)
    if key in steps.held:
        return steps.held[key]
    inside = _converted(step, table.width)
    names = {inside.graph.input[0].name: graph.cast(matrix, FLOAT)}
    for tensor in inside.graph.initializer:
        names[tensor.name] = name = graph.name("foreign")
        graph.constants[name] = onnx.TensorProto()
        graph.constants[name].CopyFrom(tensor)
        graph.constants[name].name = name
    for node in inside.graph.node:
        for output in node.output:
            names[output] = graph.name("foreign")
        made = onnx.NodeProto()
        made.CopyFrom(node)
        made.name = ""
        made.input[:] = [names.get(each, each) for each in node.input]
        made.output[:] = [names[each] for each in node.output]
        graph.nodes.append(made)
    found = []
    for output in inside.graph.output:
        name = names[output.name]
        found.append(graph.cast(name, DOUBLE) if output.type.tensor_type.elem_type == FLOAT else name)
    steps.held[key] = found
    return found


def _converted(step: Any, width: int) -> onnx.ModelProto:
    try:
        import skl2onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError:
        raise Refused(
            "LG337",
            f"{type(step).__name__} is converted by skl2onnx, which is not in the lock",
            seen={"package": "skl2onnx"},
            next="lockgate lock",
        ) from None
    options = {"zipmap": False} if hasattr(step, "classes_") else None
    model: onnx.ModelProto = skl2onnx.convert_sklearn(
        step,
        initial_types=[("X", FloatTensorType([None, width]))],
        options=options,
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    return model
