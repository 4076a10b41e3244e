"""Open Inference Protocol v2, REST with JSON tensors: requests to records, answers to tensors. Pure.

Source: kserve/open-inference-protocol `specification/protocol/inference_rest.md`. A model has one input tensor per
contract field, named like it, of shape [n] or [n, 1]: one element per record. Tensors become records and meet the
same contract as those of `POST /predict`; a datatype only says how the JSON spells a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lockgate.serve.body import Record, within
from lockgate.serve.declined import Declined
from lockgate.serve.spec import Answer, Served

_REQUEST = {"id", "parameters", "inputs", "outputs"}
_INPUT = {"name", "shape", "datatype", "parameters", "data"}
_DATATYPE = {"float": "FP64", "int": "INT64", "bool": "BOOL"}


def metadata(served: Served) -> dict[str, Any]:
    """The model metadata response."""
    return {
        "name": served.name,
        "versions": [str(served.version)],
        "platform": "onnx_onnxruntime",
        "inputs": [
            {"name": one.name, "datatype": _DATATYPE.get(one.kind, "BYTES"), "shape": [-1]} for one in served.fields
        ],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": [-1, *width]} for name, datatype, width in _outputs(served)
        ],
        "properties": {
            "task": served.task,
            "classes": json.dumps(list(served.classes)),
            "digest": served.manifest,
            "environment": served.environment,
        },
    }


def records_of(request: Mapping[str, Any], *, limit: int) -> list[Record]:
    """The records in an inference request. Raises Declined 400 (LG608), 413 (LG606), 415 (LG607)."""
    unknown = sorted(set(request) - _REQUEST)
    if unknown:
        raise _wrong(f"unknown key {unknown[0]!r}")
    if not isinstance(request.get("id", ""), str):
        raise _wrong("id must be a string")
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise _wrong("inputs must be a list of at least one tensor")
    columns: dict[str, list[Any]] = {}
    for tensor in inputs:
        name, values = _tensor(tensor, limit)
        if name in columns:
            raise _wrong(f"tensor {name!r} twice")
        columns[name] = values
    rows = len(next(iter(columns.values())))
    for name, values in columns.items():
        if len(values) != rows:
            raise _wrong(f"tensor {name!r} has {len(values)} elements, the first one has {rows}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def wanted(request: Mapping[str, Any], served: Served) -> tuple[str, ...]:
    """The output tensors asked for: all where the request names none. Raises Declined 400 on an unknown one."""
    offered = [name for name, _, _ in _outputs(served)]
    asked = request.get("outputs")
    if asked is None or asked == []:
        return tuple(offered)
    if not isinstance(asked, list) or not all(isinstance(one, dict) and one.get("name") in offered for one in asked):
        raise _wrong(f"outputs must be among {', '.join(offered)}")
    return tuple(one["name"] for one in asked)


def response(request: Mapping[str, Any], answer: Answer, names: Sequence[str]) -> dict[str, Any]:
    """The inference response, with the output tensors in `names`."""
    served = answer.served
    found: dict[str, Any] = {
        "model_name": served.name,
        "model_version": str(served.version),
        "outputs": [
            {
                "name": name,
                "datatype": datatype,
                "shape": [len(answer.predictions), *width],
                "data": _data(name, answer),
            }
            for name, datatype, width in _outputs(served)
            if name in names
        ],
    }
    if "id" in request:
        found["id"] = request["id"]
    return found


def _outputs(served: Served) -> list[tuple[str, str, list[int]]]:
    if served.task == "regression":
        return [("value", "FP64", []), ("receipt", "BYTES", [])]
    kinds = {type(name) for name in served.classes}
    label = {frozenset({bool}): "BOOL", frozenset({int}): "INT64"}.get(frozenset(kinds), "BYTES")
    return [("label", label, []), ("scores", "FP64", [len(served.classes)]), ("receipt", "BYTES", [])]


def _data(name: str, answer: Answer) -> list[Any]:
    if name == "receipt":
        return list(answer.receipts)
    if name == "scores":
        return [score for prediction in answer.predictions for score in prediction["scores"].values()]
    return [prediction[name] for prediction in answer.predictions]


def _tensor(tensor: Any, limit: int) -> tuple[str, list[Any]]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str) or set(tensor) - _INPUT:
        raise _wrong("a tensor has name, shape, datatype, data and perhaps parameters")
    name, shape, data = tensor["name"], tensor.get("shape"), tensor.get("data")
    if "data" not in tensor:
        raise Declined(415, "LG607", f"tensor {name!r} has no JSON data; binary tensors are not taken here")
    read = _READ.get(str(tensor.get("datatype")))
    if read is None:
        raise _wrong(f"tensor {name!r}: datatype must be one of {', '.join(_READ)}")
    if (
        not isinstance(shape, list)
        or len(shape) not in (1, 2)
        or shape[1:] not in ([], [1])
        or type(shape[0]) is not int
    ):
        raise _wrong(f"tensor {name!r}: shape must be [n] or [n, 1]")
    if not isinstance(data, list):
        raise _wrong(f"tensor {name!r}: data must be a list")
    within(max(shape[0], len(data)), limit)
    flat = [one[0] if isinstance(one, list) and len(one) == 1 and len(shape) == 2 else one for one in data]
    if shape[0] < 1 or len(flat) != shape[0]:
        raise _wrong(f"tensor {name!r}: shape {shape} does not hold {len(flat)} elements")
    try:
        return name, [read(value) for value in flat]
    except (TypeError, OverflowError, ValueError):
        raise _wrong(f"tensor {name!r}: an element is not {tensor['datatype']}") from None


def _float(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise TypeError
        return value

    return read


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


_READ: Mapping[str, Callable[[Any], Any]] = {
    "BOOL": _exactly(bool),
    "BYTES": _exactly(str),
    "FP32": _float,
    "FP64": _float,
    **{f"INT{bits}": _integer(-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": _integer(0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
}


def _wrong(reason: str) -> Declined:
    return Declined(400, "LG608", f"the body is not an inference request: {reason}")
