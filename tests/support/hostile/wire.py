"""ONNX models written field by field, so that each field can lie. Source: onnx.proto of the `onnx` package."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

FLOAT, INT64, STRING = 1, 7, 8


def varint(value: int, *, pad: int = 0) -> bytes:
    """A varint, with `pad` bytes that say nothing."""
    value &= (1 << 64) - 1
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    groups += [0] * pad
    return bytes([one | 128 for one in groups[:-1]] + groups[-1:])


def key(number: int, kind: int) -> bytes:
    """The tag of a field."""
    return varint(number << 3 | kind)


def number(field: int, value: int) -> bytes:
    """A field of a whole number."""
    return key(field, 0) + varint(value)


def held(field: int, value: bytes | str) -> bytes:
    """A field of bytes, a text or a message."""
    data = value.encode() if isinstance(value, str) else value
    return key(field, 2) + varint(len(data)) + data


def single(field: int, value: float) -> bytes:
    """A field of a 32-bit float."""
    return key(field, 5) + struct.pack("<f", value)


def packed_floats(field: int, values: Iterable[float]) -> bytes:
    """A packed field of floats."""
    return held(field, b"".join(struct.pack("<f", one) for one in values))


# --- messages ---


def tensor(
    name: str,
    dims: Sequence[int],
    data: bytes | None = None,
    *,
    kind: int = FLOAT,
    more: bytes = b"",
) -> bytes:
    """A TensorProto with raw data."""
    raw = b"" if data is None else held(9, data)
    return b"".join(number(1, one) for one in dims) + number(2, kind) + held(8, name) + raw + more


def integers(name: str, values: Sequence[int]) -> bytes:
    """A vector of 64-bit integers."""
    return tensor(name, [len(values)], struct.pack(f"<{len(values)}q", *values), kind=INT64)


def scalar(name: str, value: int) -> bytes:
    """One 64-bit integer."""
    return tensor(name, [], struct.pack("<q", value), kind=INT64)


def floats(name: str, values: Sequence[float]) -> bytes:
    """A vector of floats."""
    return tensor(name, [len(values)], struct.pack(f"<{len(values)}f", *values))


def value(name: str, dims: Sequence[int | str], kind: int = FLOAT) -> bytes:
    """A ValueInfoProto of a tensor."""
    sizes = b"".join(held(1, held(2, one) if isinstance(one, str) else number(1, one)) for one in dims)
    return held(1, name) + held(2, held(1, number(1, kind) + held(2, sizes)))


Given = float | str | bytes | list[int] | list[float] | list[str]


def attribute(name: str, given: Given) -> bytes:
    """An AttributeProto; bytes are a TensorProto."""
    body, kind = _listed(given) if isinstance(given, list) else _alone(given)
    return held(1, name) + body + number(20, kind)


def _alone(given: float | str | bytes) -> tuple[bytes, int]:
    if isinstance(given, bytes):
        return held(5, given), 4
    if isinstance(given, str):
        return held(4, given), 3
    return (number(3, given), 2) if isinstance(given, int) else (single(2, given), 1)


def _listed(given: Sequence[float | str]) -> tuple[bytes, int]:
    if given and isinstance(given[0], str):
        return b"".join(held(9, str(one)) for one in given), 8
    if given and isinstance(given[0], float):
        return b"".join(single(7, float(one)) for one in given), 6
    return b"".join(number(8, int(one)) for one in given), 7


def subgraph(name: str, graph_: bytes) -> bytes:
    """An AttributeProto that holds a graph."""
    return held(1, name) + held(6, graph_) + number(20, 5)


def node(
    operator: str,
    inputs: str,
    outputs: str,
    *attributes: bytes,
    domain: str = "",
    more: bytes = b"",
) -> bytes:
    """A NodeProto; inputs and outputs are words, `-` is one left out."""
    words = b"".join(held(1, "" if one == "-" else one) for one in inputs.split())
    words += b"".join(held(2, one) for one in outputs.split())
    space = held(7, domain) if domain else b""
    return words + held(4, operator) + b"".join(held(5, one) for one in attributes) + space + more


def graph(
    nodes: Sequence[bytes],
    initializers: Sequence[bytes] = (),
    *,
    inputs: Sequence[bytes] | None = None,
    outputs: Sequence[bytes] | None = None,
    more: bytes = b"",
) -> bytes:
    """A GraphProto from X [N, 2] to Y."""
    ins = (value("X", ["N", 2]),) if inputs is None else inputs
    outs = (value("Y", ["M", "K"]),) if outputs is None else outputs
    body = b"".join(held(1, one) for one in nodes) + held(2, "g") + b"".join(held(5, one) for one in initializers)
    return body + b"".join(held(11, one) for one in ins) + b"".join(held(12, one) for one in outs) + more


def opset(version: int, domain: str = "") -> bytes:
    """An OperatorSetIdProto."""
    return (held(1, domain) if domain else b"") + number(2, version)


def model(
    graph_: bytes,
    *,
    ir: int = 8,
    opsets: Sequence[bytes] = (opset(17),),
    before: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A ModelProto."""
    return before + number(1, ir) + held(7, graph_) + b"".join(held(8, one) for one in opsets) + more


def sized(
    nodes: Sequence[bytes], initializers: Sequence[bytes] = (), *, inputs: Sequence[bytes] | None = None
) -> bytes:
    """A GraphProto from X to the number of elements of Y, so that Y may be of any type and shape."""
    counted = [*nodes, node("Size", "Y", "count")]
    return graph(counted, initializers, inputs=inputs, outputs=[value("count", [], INT64)])


def of_nodes(*nodes: bytes, initializers: Sequence[bytes] = ()) -> bytes:
    """A whole model of these nodes, with both standard operator sets."""
    return model(sized(nodes, initializers), opsets=(opset(17), opset(3, "ai.onnx.ml")))


GOOD_GRAPH = graph([node("Add", "X W", "Y")], [floats("W", [1.0, 2.0])])
GOOD = model(GOOD_GRAPH)
