"""Is this an ONNX model that can only compute? Allowlist by content; the file's name is never asked.

Trusted: nothing about the bytes. Limits are checked before anything is expanded. Promised on return: every
byte belongs to a known field; every operator comes from the standard, or is one of the few named operators
built into onnxruntime; nothing outside the file is referred to; the graph is well formed.

Source: onnx.proto and the operator registry of the `onnx` package in the jail's environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message

from lockgate.register.formats import (
    BUILT_IN,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_MODEL_BYTES,
    MAX_NODES,
    OLDEST_IR,
    STANDARD_DOMAINS,
)
from lockgate.register.jail.findings import NotAllowed


def check_onnx(data: bytes) -> dict[str, Any]:
    """Facts about the model: `ir_version`, `opsets`, `operators`, `nodes`, `inputs`, `outputs`.

    Raises:
        NotAllowed: LG411 it is not wholly ONNX, LG412 operator, LG413 function, LG414 external data,
            LG415 malformed graph, LG416 over a limit, LG417 unknown version.
    """
    # 1. Every byte is parsed, and is a field that we know.
    model = _parse(data)
    # 2. Versions are ones that this environment's ONNX knows.
    opsets = _check_versions(model)
    # 3. No code of the model's own, nothing to be trained further.
    if len(model.functions):
        raise NotAllowed("LG413", "it defines functions of its own", function=model.functions[0].name)
    if len(model.training_info):
        raise NotAllowed("LG413", "it carries a training graph")
    # 4. Nothing outside the file, no tensor beyond the limit.
    for tensor in _tensors(model):
        _check_tensor(tensor)
    # 5. Every operator is on the list.
    operators = _check_operators(model.graph, opsets)
    # 6. The graph is well formed.
    _check_graph(model)
    initialised = {tensor.name for tensor in model.graph.initializer}
    return {
        "ir_version": model.ir_version,
        "opsets": opsets,
        "operators": sorted(operators),
        "nodes": sum(operators.values()),
        "inputs": [value.name for value in model.graph.input if value.name not in initialised],
        "outputs": [value.name for value in model.graph.output],
    }


def _parse(data: bytes) -> onnx.ModelProto:
    if len(data) > MAX_MODEL_BYTES:
        raise NotAllowed("LG416", "it is larger than the limit", bytes=len(data), limit=MAX_MODEL_BYTES)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise NotAllowed("LG411", "it does not parse as ONNX") from None
    if not model.HasField("graph"):
        raise NotAllowed("LG411", "it holds no ONNX graph")
    model.DiscardUnknownFields()
    if model.ByteSize() != len(data):
        raise NotAllowed(
            "LG411", "it holds bytes that are no part of an ONNX model", bytes=len(data), known=model.ByteSize()
        )
    return model


def _check_versions(model: onnx.ModelProto) -> dict[str, int]:
    if not OLDEST_IR <= model.ir_version <= onnx.IR_VERSION:
        raise NotAllowed(
            "LG417", "its format version is unknown here", ir_version=model.ir_version, newest=onnx.IR_VERSION
        )
    opsets: dict[str, int] = {}
    allowed = STANDARD_DOMAINS | {domain for domain, _ in BUILT_IN}
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if domain not in allowed:
            raise NotAllowed("LG412", f"it uses the operator set {domain!r}", domain=domain)
        if domain in opsets:
            raise NotAllowed("LG417", f"it names the operator set {domain!r} twice", domain=domain)
        opsets[domain] = entry.version
    newest = {"": onnx.defs.onnx_opset_version(), "ai.onnx.ml": onnx.defs.onnx_ml_opset_version()}
    for domain, version in opsets.items():
        if not 1 <= version <= newest.get(domain, 1):
            raise NotAllowed(
                "LG417", f"version {version} of {domain or 'ai.onnx'} is unknown here", newest=newest.get(domain, 1)
            )
    return opsets


def _tensors(message: Message) -> Iterator[Any]:
    """Every TensorProto, wherever it hides: found by walking the message, not by knowing the places."""
    pending: list[tuple[Message, int]] = [(message, 0)]
    while pending:
        one, depth = pending.pop()
        if isinstance(one, onnx.TensorProto):
            yield one
        for field, value in one.ListFields():
            if field.message_type is None:
                continue
            inner = depth + 1 if isinstance(one, onnx.GraphProto) else depth
            if inner > MAX_DEPTH:
                raise NotAllowed("LG416", "its graphs are nested too deeply", limit=MAX_DEPTH)
            children = [value] if isinstance(value, Message) else list(value)
            pending.extend((child, inner) for child in children)


def _check_tensor(tensor: onnx.TensorProto) -> None:
    if len(tensor.external_data) or tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise NotAllowed("LG414", "a tensor lies outside the file", tensor=tensor.name)
    elements = 1
    for size in tensor.dims:
        if size < 0:
            raise NotAllowed("LG415", "a tensor has a negative size", tensor=tensor.name, size=size)
        elements *= size
        if elements > MAX_ELEMENTS:
            raise NotAllowed("LG416", "a tensor is larger than the limit", tensor=tensor.name, limit=MAX_ELEMENTS)


def _check_operators(graph: onnx.GraphProto, opsets: dict[str, int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    nodes = 0
    pending = [graph]
    while pending:
        for node in pending.pop().node:
            nodes += 1
            if nodes > MAX_NODES:
                raise NotAllowed("LG416", "it has more nodes than the limit", limit=MAX_NODES)
            name = _check_operator(node, opsets)
            counts[name] = counts.get(name, 0) + 1
            for attribute in node.attribute:
                pending.extend(attribute.graphs)
                if attribute.HasField("g"):
                    pending.append(attribute.g)
    return counts


def _check_operator(node: onnx.NodeProto, opsets: dict[str, int]) -> str:
    domain = "" if node.domain == "ai.onnx" else node.domain
    name = f"{domain or 'ai.onnx'}.{node.op_type}"
    if domain in STANDARD_DOMAINS:
        known = domain in opsets and onnx.defs.has(node.op_type, opsets[domain], domain)
    else:
        known = (domain, node.op_type) in BUILT_IN
    if not known:
        raise NotAllowed(
            "LG412", f"it uses the operator {name}, which is not on the list", operator=name, node=node.name
        )
    return name


def _check_graph(model: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        first = str(error).strip().splitlines()
        raise NotAllowed("LG415", f"its graph is malformed: {first[0][:200] if first else 'no reason given'}") from None
