"""How often a loop runs, as far as that is written in the graph. Pure.

A loop whose own body decides when to end is not judged: what it takes depends on the request, and the worker's
deadline ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import onnx
from onnx import numpy_helper

from lockgate.register.formats import MAX_TRIPS
from lockgate.register.jail.findings import NotAllowed

_FRACTIONS: Final = frozenset({onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE})
_NUMBERS: Final = _FRACTIONS | {
    onnx.TensorProto.INT64,
    onnx.TensorProto.INT32,
    onnx.TensorProto.INT16,
    onnx.TensorProto.BOOL,
}
_PASSES_ON: Final = frozenset({"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape"})


def scalars_of(graph: onnx.GraphProto) -> dict[str, int]:
    """Every constant of one whole number or truth value, and every zero, by name; of two with one name the larger."""
    found: dict[str, int] = {}
    pending = [graph]
    while pending:
        one = pending.pop()
        for tensor in one.initializer:
            _add(found, tensor.name, tensor)
        for node in one.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and node.output:
                    if attribute.name == "value":
                        _add(found, node.output[0], attribute.t)
                    elif attribute.name == "value_int":
                        found[node.output[0]] = max(attribute.i, found.get(node.output[0], attribute.i))
                pending.extend(attribute.graphs)
                if attribute.HasField("g"):
                    pending.append(attribute.g)
    return found


def _add(found: dict[str, int], name: str, tensor: onnx.TensorProto) -> None:
    if tensor.data_type in _NUMBERS and len(tensor.dims) <= 1 and all(size == 1 for size in tensor.dims):
        number = numpy_helper.to_array(tensor).reshape(-1)[0]
        if tensor.data_type in _FRACTIONS and number != 0:
            return
        value = int(number)
        found[name] = max(value, found.get(name, value))


def trips_of(node: onnx.NodeProto, scalars: Mapping[str, int]) -> int:
    """How often a Loop runs by its constant count; 1 when only the request can tell. Raises NotAllowed LG422."""
    count = scalars.get(node.input[0]) if node.input and node.input[0] else None
    counted = bool(node.input and node.input[0])
    if count is not None and count <= MAX_TRIPS:
        return max(count, 1)
    if (count is not None or not counted) and not _ends_itself(node, scalars):
        raise NotAllowed(
            "LG422",
            "a loop runs without end, or more often than the limit, and nothing in it decides to stop",
            node=node.name[:200],
            limit=MAX_TRIPS,
        )
    return 1


def _ends_itself(node: onnx.NodeProto, scalars: Mapping[str, int]) -> bool:
    """Whether the condition that the body hands on is computed there, and is not just what it was given."""
    body = next((attribute.g for attribute in node.attribute if attribute.name == "body"), None)
    if body is None or not body.output:
        return False
    made = {output: one for one in body.node for output in one.output}
    name = body.output[0].name
    for _ in range(len(body.node) + 1):
        maker = made.get(name)
        if maker is None or name in scalars or maker.op_type == "Constant":
            return False
        if maker.op_type not in _PASSES_ON or not maker.input:
            return True
        name = maker.input[0]
    return False
