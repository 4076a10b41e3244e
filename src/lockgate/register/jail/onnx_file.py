"""Is this an ONNX model that can only compute? Allowlist by content; the file's name is never asked.

    1  wire         `wire_walk`: every byte is a known field, counted and bounded; nothing is made of it yet
    2  tensors      `onnx_tensors`, `onnx_external`: data of just the right size, here or accounted for beside it
    3  skeleton     the file without its large weights, and only that goes to the protobuf library and the checker
    4  operators    `onnx_operators`, `onnx_arrays`, `onnx_trees`: on the list, and their attributes lead nowhere else
    5  expansion    `onnx_growth`, `onnx_expansion`: no value of one row is larger than the limit

Trusted: nothing about the bytes. Promised on return: every byte belongs to a known field; every operator comes from
the standard, or is one of the few named operators built into onnxruntime; nothing outside the folder is referred to;
the graph is well formed. Not promised: what a loop or a size that is computed from a request takes; there the limits
of the worker's jail hold.

Memory: a file that has a descriptor is mapped; the skeleton and what is made of it are bounded by MAX_PARSED_BYTES,
four times. Source: onnx.proto and the operator registry of the `onnx` package in the jail's environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import UnsupportedOperation
from mmap import ACCESS_READ, mmap
from typing import Any, BinaryIO, Final

import onnx
from google.protobuf.message import DecodeError

from lockgate.register.formats import MAX_FEEDS, MAX_MODEL_BYTES, MAX_PARSED_BYTES
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_expansion import check_expansion
from lockgate.register.jail.onnx_external import Beside, Span, check_external
from lockgate.register.jail.onnx_fields import KEPT, LIMITS, PACKED, ROOT
from lockgate.register.jail.onnx_growth import check_growth
from lockgate.register.jail.onnx_operators import check_operators, check_versions
from lockgate.register.jail.onnx_tensors import Tensor, largest, tensors_of, unique
from lockgate.register.jail.wire_cut import without
from lockgate.register.jail.wire_walk import Buffer, Walked, walk

_ALWAYS_KEPT: Final = 1024
"""Bytes of a tensor that may be a shape: shapes are what tells how far a graph expands."""
_KEPT_IN_ALL: Final = 64 << 20
_MESSAGE, _STRING, _NUMBER = 256, 64, 8


def check_onnx(source: BinaryIO | bytes, size: int | None = None, beside: Beside | None = None) -> dict[str, Any]:
    """Facts about the model: `ir_version`, `opsets`, `operators`, `nodes`, `inputs`, `outputs`, `external`.

    Args:
        source: the bytes, or a stream at its beginning; `size` says how many there are.
        beside: the files in the same folder; without it nothing may lie outside.

    Raises:
        NotAllowed: LG411 it is not wholly ONNX (`offset`), LG412 operator, LG413 function, LG414 a place outside the
            file, LG415 malformed graph, LG416 over a limit, LG417 unknown version, LG422 it expands, LG423 the file
            beside it, LG425 arrays of an operator.
    """
    data, size = _opened(source, size)
    # 1. Every byte is a field that we know.
    walked = walk(data, size, ROOT, KEPT, LIMITS, PACKED)
    if "graph" not in walked.names:
        raise NotAllowed("LG411", "it holds no ONNX graph", offset=0)
    # 2. Every tensor has its data, once, and nothing outside the folder is referred to.
    tensors = tensors_of(walked.records)
    external = check_external(tensors, beside)
    # 3. What is left of it without its weights is parsed.
    model = _skeleton(data, size, walked, tensors)
    if max(len(model.graph.input) - len(tensors), len(model.graph.output)) > MAX_FEEDS:
        raise NotAllowed("LG416", "it has more inputs or outputs than the limit", limit=MAX_FEEDS)
    if not model.graph.output:
        raise NotAllowed("LG415", "its graph has no outputs")
    unique((tensor.name for tensor in tensors if tensor.of_main_graph), "initializers")
    _without_weights(model, tensors, external, beside)
    # 4. Versions, operators, and the graph as a whole.
    opsets = check_versions(model)
    operators = check_operators(model.graph, opsets)
    spelled = model.SerializeToString()
    _check_graph(spelled)
    # 5. Few bytes do not become many.
    check_growth(model.graph)
    check_expansion(model, most_stored=largest(tensors))
    weights = {tensor.name for tensor in tensors if tensor.of_main_graph}
    return {
        "ir_version": model.ir_version,
        "opsets": opsets,
        "operators": sorted(operators),
        "nodes": sum(operators.values()),
        "inputs": [value.name for value in model.graph.input if value.name not in weights],
        "outputs": [value.name for value in model.graph.output],
        "external": {name: beside.size(name) for name in sorted(external)} if beside is not None else {},
    }


def _opened(source: BinaryIO | bytes, size: int | None) -> tuple[Buffer, int]:
    """The bytes, mapped where that is possible, and their number."""
    size = len(source) if isinstance(source, bytes) and size is None else size
    if size is None:
        raise ValueError("the size of a stream must be given")
    if size > MAX_MODEL_BYTES:
        raise NotAllowed("LG416", "it is larger than the limit", bytes=size, limit=MAX_MODEL_BYTES)
    if isinstance(source, bytes):
        data: Buffer = source
    else:
        try:
            data = mmap(source.fileno(), size, access=ACCESS_READ) if size else b""
        except (UnsupportedOperation, AttributeError, OSError, ValueError):
            data = source.read(size)
    if len(data) < size:
        raise NotAllowed("LG411", "it is shorter than it was when it was listed", offset=len(data), bytes=size)
    return data, size


def _skeleton(data: Buffer, size: int, walked: Walked, tensors: Sequence[Tensor]) -> onnx.ModelProto:
    """The model without weights that are large or lie elsewhere. What the library reads is what the walk has read."""
    skeleton = without(data, size, (tensor.record.frame for tensor in _weights(tensors)))
    parsed = len(skeleton) + _MESSAGE * walked.messages + _STRING * walked.strings + _NUMBER * walked.numbers
    if parsed > MAX_PARSED_BYTES:
        raise NotAllowed("LG416", "its graph is larger than the limit", bytes=parsed, limit=MAX_PARSED_BYTES)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(skeleton)
    except DecodeError:
        raise NotAllowed("LG411", "it does not parse as ONNX", offset=0) from None
    model.DiscardUnknownFields()
    if model.ByteSize() != len(skeleton) and not walked.other_form:
        raise NotAllowed(
            "LG411",
            "the protobuf library reads it in another way",
            offset=0,
            bytes=len(skeleton),
            known=model.ByteSize(),
        )
    return model


def _weights(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The initializers of the main graph that need not be parsed."""
    found, kept = [], 0
    for tensor in tensors:
        if not tensor.of_main_graph:
            continue
        small = tensor.stored <= _ALWAYS_KEPT or kept + tensor.stored <= _KEPT_IN_ALL
        if tensor.external is None and small:
            kept += tensor.stored
        else:
            found.append(tensor)
    return found


def _without_weights(
    model: onnx.ModelProto, tensors: Sequence[Tensor], external: dict[str, list[Span]], beside: Beside | None
) -> None:
    """Each weight that was cut becomes an input of the same type and sizes: to the checker it is all the same.

    A small one that lies elsewhere is read: it may be a shape.
    """
    known = {value.name for value in model.graph.input}
    places = {id(span[2]): (name, span[0], span[1]) for name, spans in external.items() for span in spans}
    for tensor in _weights(tensors):
        if id(tensor) in places and beside is not None and tensor.bytes <= _ALWAYS_KEPT:
            data = beside.read(*places[id(tensor)])
            if len(data) != tensor.bytes:
                raise NotAllowed("LG423", "the file beside it is shorter than it was", tensor=tensor.name[:200])
            model.graph.initializer.add(name=tensor.name, data_type=tensor.type, dims=tensor.dims, raw_data=data)
        elif tensor.name not in known:
            model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.type, tensor.dims))


def _check_graph(spelled: bytes) -> None:
    try:
        onnx.checker.check_model(spelled)
    except Exception as error:  # noqa: BLE001  Whatever the library in C++ throws, under whatever name it comes here.
        first = str(error).strip().splitlines()
        raise NotAllowed("LG415", f"its graph is malformed: {first[0][:200] if first else 'no reason given'}") from None
