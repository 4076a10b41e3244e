"""How large do the values of a graph become for one row, as far as that can be told without running it?

The sizes come from ONNX's own shape inference, from nothing but the sizes of inputs and the operators: what a graph
declares of its values and outputs is struck out first, since a false declaration stops the inference. Sizes that a
request decides count as 1. Where sizes follow from constants alone and still cannot be told, the graph is refused.

Left dynamic, and bounded by the memory limit of the worker's jail alone: sizes that are computed from a request's
values, and sizes that follow from `Shape` by a way that inference does not take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Final

import onnx

from lockgate.register.formats import MAX_ELEMENTS, MAX_RANK
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_operators import graphs_in
from lockgate.register.jail.onnx_tensors import bytes_of

_WIDEST: Final = 4 * MAX_ELEMENTS
_MOST_SIZES: Final = 4096
"""Of one value that inference carries along, number by number."""
_UNSEEN: Final = "\0unseen"
"""No name of a model ends so: they are printable."""

_SIZES_FROM: Final[Mapping[str, int]] = {
    "BlackmanWindow": 0,
    "CenterCropPad": 1,
    "ConstantOfShape": 0,
    "Expand": 1,
    "HammingWindow": 0,
    "HannWindow": 0,
    "MaxUnpool": 2,
    "MelWeightMatrix": 0,
    "OneHot": 1,
    "Pad": 1,
    "Range": 0,
    "Resize": 1,
    "Tile": 1,
    "Upsample": 1,
}
"""Operators whose output is as large as some input says: the first such input."""

_CRASHES: Final[Mapping[str, str]] = {
    "DictVectorizer": "",
    "EyeLike": "Identity",
    "LabelEncoder": "Identity",
    "RegexFullMatch": "Not",
    "TreeEnsemble": "",
}
"""Operators whose inference in ONNX 1.23 ends the process when the type of an input is not known, and one with the same
sizes in its place, or none: what they write is bounded by `onnx_arrays`."""

_MOST_HANDED_DOWN: Final = 100_000

Shape = tuple[int | None, ...]
_Value = tuple[int, Shape | None]


def check_expansion(model: onnx.ModelProto, *, most_stored: int) -> None:
    """No value is larger than MAX_ELEMENTS of four bytes, or `most_stored` bytes.

    Raises:
        NotAllowed: LG422 with the value's name.
    """
    limit = max(_WIDEST, most_stored)
    bare = _bare(model)
    # 1. Without what is computed of sizes: cheap whatever the graph is.
    known = _inferred(bare, carry=False)
    _check_sizes(known, limit)
    # 2. With it, for what makes values of a computed size; nothing sees those values, or others that are long.
    made = {name[: -len(_UNSEEN)]: value for name, value in _inferred(_blinded(bare, known), carry=True).items()
            if name.endswith(_UNSEEN)}  # fmt: skip
    _check_sizes(made, limit)
    # 3. What follows from their sizes.
    if any(not _told(known, name) and _told(made, name) for name in made):
        _declare(bare, made)
        known = _inferred(bare, carry=False)
        _check_sizes(known, limit)
    # 4. What constants decide, and inference could not tell.
    _check_untold(model.graph, known)


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that declares nothing but its inputs, where each size that is left open is 1."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for value in bare.graph.input:
        for dim in value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else ():
            if not dim.HasField("dim_value"):
                dim.dim_value = 1
    handed_down = 0
    pending: list[tuple[onnx.GraphProto, Mapping[str, onnx.TensorProto]]] = [(bare.graph, {})]
    while pending:
        graph, outer = pending.pop()
        del graph.value_info[:]
        for value in graph.output:
            if value.type.HasField("tensor_type"):
                value.ClearField("type")
        nested = [inner for node in graph.node for inner in graphs_in(node)]
        if nested:
            known = {**outer, **_small(graph)}
            pending += [(inner, known) for inner in nested]
        if outer and handed_down < _MOST_HANDED_DOWN:
            handed_down += _hand_down(graph, outer)
        _without_crashes(graph)
    return bare


def _small(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The constants of `graph` that may be sizes."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and len(node.attribute) == 1 and node.attribute[0].HasField("t"):
            found.update((output, node.attribute[0].t) for output in node.output)
    return {name: tensor for name, tensor in found.items() if len(tensor.dims) <= 1 and prod(tensor.dims) <= MAX_RANK}


def _hand_down(graph: onnx.GraphProto, outer: Mapping[str, onnx.TensorProto]) -> int:
    """Inference does not see the constants of outer graphs: those that this one uses become its own."""
    own = {value.name for value in graph.input} | {output for node in graph.node for output in node.output}
    own |= {tensor.name for tensor in graph.initializer}
    used = {name for node in graph.node for name in node.input if name in outer} - own
    for name in used:
        tensor = graph.initializer.add()
        tensor.CopyFrom(outer[name])
        tensor.name = name
    return len(used)


def _without_crashes(graph: onnx.GraphProto) -> None:
    gone = []
    for index, node in enumerate(graph.node):
        other = _CRASHES.get(node.op_type)
        if other is None:
            continue
        if not other:
            gone.append(index)
            continue
        node.op_type, node.domain = other, ""
        del node.attribute[:]
    for index in reversed(gone):
        del graph.node[index]


def _inferred(model: onnx.ModelProto, *, carry: bool) -> dict[str, _Value]:
    """Type and sizes of each value, by name."""
    try:
        told = onnx.shape_inference.infer_shapes(model, data_prop=carry)
    except Exception as error:  # noqa: BLE001  Whatever the library in C++ throws, under whatever name it comes here.
        first = str(error).strip().splitlines()
        raise NotAllowed(
            "LG415", f"the sizes of its values cannot be inferred: {first[0][:200] if first else 'no reason given'}"
        ) from None
    found: dict[str, _Value] = {}
    for graph in _graphs(told.graph):
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.type.HasField("tensor_type"):
                found[value.name] = _value(value.type.tensor_type)
        for tensor in graph.initializer:
            found[tensor.name] = (tensor.data_type, tuple(tensor.dims))
    return found


def _value(declared: onnx.TypeProto.Tensor) -> _Value:
    if not declared.HasField("shape"):
        return declared.elem_type, None
    return declared.elem_type, tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in declared.shape.dim)


def _check_sizes(known: Mapping[str, _Value], limit: int) -> None:
    for name, (kind, shape) in known.items():
        if shape is None:
            continue
        if any(size is not None and size < 0 for size in shape):
            raise NotAllowed("LG415", "a value has a negative size", value=name[:200])
        # A size of zero makes the whole nothing, and may be a request's doing.
        wide = bytes_of(kind, prod(max(size, 1) for size in shape if size is not None))
        if wide > limit:
            raise NotAllowed(
                "LG422",
                f"the value {name[:80]!r} takes {wide} bytes for one row: the graph expands beyond the limit",
                value=name[:200],
                bytes=wide,
                limit=limit,
            )


def _blinded(bare: onnx.ModelProto, known: Mapping[str, _Value]) -> onnx.ModelProto:
    """A copy in which nobody reads what is long: inference would carry every number of it along, one by one."""
    blinded = onnx.ModelProto()
    blinded.CopyFrom(bare)
    for graph in _graphs(blinded.graph):
        kept = [tensor for tensor in graph.initializer if not _is_long(known, tensor.name)]
        if len(kept) < len(graph.initializer):
            kept = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
            del graph.initializer[:]
            graph.initializer.extend(kept)
        for value in graph.input:
            if _is_long(known, value.name):
                value.name += _UNSEEN
        for node in graph.node:
            for index, name in enumerate(node.output):
                if node.op_type in _SIZES_FROM or _is_long(known, name):
                    node.output[index] = name + _UNSEEN
    return blinded


def _declare(bare: onnx.ModelProto, made: Mapping[str, _Value]) -> None:
    for graph in _graphs(bare.graph):
        for node in graph.node:
            for name in node.output if node.op_type in _SIZES_FROM else ():
                kind, shape = made.get(name, (0, None))
                if shape is not None and kind:
                    graph.value_info.append(onnx.helper.make_tensor_value_info(name, kind, shape))


def _is_long(known: Mapping[str, _Value], name: str) -> bool:
    shape = known.get(name, (0, None))[1]
    return shape is not None and len(shape) == 1 and (shape[0] or 0) > _MOST_SIZES


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and those within it, outer ones first."""
    pending = [graph]
    while pending:
        one = pending.pop()
        yield one
        pending += [inner for node in one.node for inner in graphs_in(node)]


def _check_untold(graph: onnx.GraphProto, known: Mapping[str, _Value]) -> None:
    constant = {tensor.name for one in _graphs(graph) for tensor in one.initializer}
    for node in (node for one in _graphs(graph) for node in one.node):
        inputs = [name for name in node.input if name]
        first = _SIZES_FROM.get(node.op_type)
        sizes = None if first is None else [name for name in node.input[first:] if name]
        decided = sizes and node.output and constant.issuperset(sizes)
        if decided and all(_told(known, name) for name in node.input[:first]) and not _told(known, node.output[0]):
            raise NotAllowed(
                "LG422",
                f"constants decide how large {node.output[0][:80]!r} is, in a way that cannot be followed",
                node=node.name[:200],
                operator=node.op_type,
            )
        if constant.issuperset(inputs) and not any(True for _ in graphs_in(node)):
            constant.update(node.output)


def _told(known: Mapping[str, _Value], name: str) -> bool:
    shape = known.get(name, (0, None))[1]
    return shape is not None and None not in shape
