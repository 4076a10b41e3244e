"""The messages and fields that an ONNX file may hold: the allowlist of the wire format. Pure.

A constant and not read from the `onnx` package's descriptor: a newer package would let in fields that nobody here has
read about. A test holds it against the descriptor. Left out, and so refused: what shards a model over devices,
segments of tensors, annotations of quantisation, opaque types, references to attributes of functions.

Source: `onnx/onnx.proto` of ONNX 1.23 (IR version 14).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lockgate.register.formats import MAX_DEPTH, MAX_MESSAGES, MAX_NODES, MAX_PROPERTIES, MAX_TENSORS
from lockgate.register.jail.wire_fields import Field, Kind, Limits, compiled

_NEWEST_ATTRIBUTE: Final = 14

_INT = Kind.INT64
_NAME = Kind.NAME
_TEXT = Kind.TEXT
_SUB = Kind.MESSAGE

_PAIRS: Final = Field(0, "metadata_props", _SUB, "StringStringEntryProto", many=True)

MESSAGES: Final[Mapping[str, tuple[Field, ...]]] = {
    "ModelProto": (
        Field(1, "ir_version", _INT),
        Field(8, "opset_import", _SUB, "OperatorSetIdProto", many=True),
        Field(2, "producer_name", _TEXT),
        Field(3, "producer_version", _TEXT),
        Field(4, "domain", _TEXT),
        Field(5, "model_version", _INT),
        Field(6, "doc_string", _TEXT),
        Field(7, "graph", _SUB, "GraphProto"),
        _PAIRS.at(14),
        Field(20, "training_info", _SUB, many=True, refused=("LG413", "it carries a training graph")),
        Field(25, "functions", _SUB, many=True, refused=("LG413", "it defines functions of its own")),
    ),
    "OperatorSetIdProto": (Field(1, "domain", _NAME), Field(2, "version", _INT)),
    "GraphProto": (
        Field(1, "node", _SUB, "NodeProto", many=True),
        Field(2, "name", _TEXT),
        Field(5, "initializer", _SUB, "TensorProto", many=True),
        Field(15, "sparse_initializer", _SUB, "SparseTensorProto", many=True),
        Field(10, "doc_string", _TEXT),
        Field(11, "input", _SUB, "ValueInfoProto", many=True),
        Field(12, "output", _SUB, "ValueInfoProto", many=True),
        Field(13, "value_info", _SUB, "ValueInfoProto", many=True),
        _PAIRS.at(16),
    ),
    "NodeProto": (
        Field(1, "input", _NAME, many=True),
        Field(2, "output", _NAME, many=True),
        Field(3, "name", _NAME),
        Field(4, "op_type", _NAME),
        Field(7, "domain", _NAME),
        Field(8, "overload", _NAME),
        Field(5, "attribute", _SUB, "AttributeProto", many=True),
        Field(6, "doc_string", _TEXT),
        _PAIRS.at(9),
    ),
    "AttributeProto": (
        Field(1, "name", _NAME),
        Field(13, "doc_string", _TEXT),
        Field(20, "type", Kind.ENUM, most=_NEWEST_ATTRIBUTE),
        Field(2, "f", Kind.FLOAT),
        Field(3, "i", _INT),
        Field(4, "s", Kind.BYTES),
        Field(5, "t", _SUB, "TensorProto"),
        Field(6, "g", _SUB, "GraphProto"),
        Field(22, "sparse_tensor", _SUB, "SparseTensorProto"),
        Field(14, "tp", _SUB, "TypeProto"),
        Field(7, "floats", Kind.FLOAT, many=True),
        Field(8, "ints", _INT, many=True),
        Field(9, "strings", Kind.BYTES, many=True),
        Field(10, "tensors", _SUB, "TensorProto", many=True),
        Field(11, "graphs", _SUB, "GraphProto", many=True),
        Field(23, "sparse_tensors", _SUB, "SparseTensorProto", many=True),
        Field(15, "type_protos", _SUB, "TypeProto", many=True),
    ),
    "TensorProto": (
        Field(1, "dims", _INT, many=True),
        Field(2, "data_type", Kind.INT32),
        Field(4, "float_data", Kind.FLOAT, many=True),
        Field(5, "int32_data", Kind.INT32, many=True),
        Field(6, "string_data", Kind.BYTES, many=True),
        Field(7, "int64_data", _INT, many=True),
        Field(8, "name", _NAME),
        Field(12, "doc_string", _TEXT),
        Field(9, "raw_data", Kind.BYTES),
        Field(13, "external_data", _SUB, "StringStringEntryProto", many=True),
        Field(14, "data_location", Kind.ENUM, most=1),
        Field(10, "double_data", Kind.DOUBLE, many=True),
        Field(11, "uint64_data", _INT, many=True),
        _PAIRS.at(16),
    ),
    "SparseTensorProto": (
        Field(1, "values", _SUB, "TensorProto"),
        Field(2, "indices", _SUB, "TensorProto"),
        Field(3, "dims", _INT, many=True),
    ),
    "StringStringEntryProto": (Field(1, "key", _NAME), Field(2, "value", _TEXT)),
    "ValueInfoProto": (
        Field(1, "name", _NAME),
        Field(2, "type", _SUB, "TypeProto"),
        Field(3, "doc_string", _TEXT),
        _PAIRS.at(4),
    ),
    "TypeProto": (
        Field(1, "tensor_type", _SUB, "TypeProto.Tensor", once="value"),
        Field(4, "sequence_type", _SUB, "TypeProto.Sequence", once="value"),
        Field(5, "map_type", _SUB, "TypeProto.Map", once="value"),
        Field(9, "optional_type", _SUB, "TypeProto.Optional", once="value"),
        Field(8, "sparse_tensor_type", _SUB, "TypeProto.SparseTensor", once="value"),
        Field(6, "denotation", _NAME),
    ),
    "TypeProto.Tensor": (Field(1, "elem_type", Kind.INT32), Field(2, "shape", _SUB, "TensorShapeProto")),
    "TypeProto.SparseTensor": (Field(1, "elem_type", Kind.INT32), Field(2, "shape", _SUB, "TensorShapeProto")),
    "TypeProto.Sequence": (Field(1, "elem_type", _SUB, "TypeProto"),),
    "TypeProto.Optional": (Field(1, "elem_type", _SUB, "TypeProto"),),
    "TypeProto.Map": (Field(1, "key_type", Kind.INT32), Field(2, "value_type", _SUB, "TypeProto")),
    "TensorShapeProto": (Field(1, "dim", _SUB, "TensorShapeProto.Dimension", many=True),),
    "TensorShapeProto.Dimension": (
        Field(1, "dim_value", _INT, once="value"),
        Field(2, "dim_param", _NAME, once="value"),
        Field(3, "denotation", _NAME),
    ),
}

ROOT: Final = compiled(MESSAGES, "ModelProto")
KEPT: Final = frozenset({"TensorProto", "SparseTensorProto"})
"""Messages whose fields the walk notes down."""

PACKED: Final = frozenset({"float_data", "int32_data", "int64_data", "double_data", "uint64_data"})
"""Repeated numbers that onnx.proto packs; all others have a tag each. Both spellings are read of both."""

# A graph lies in an attribute of a node of a graph: three messages for each level. A tensor's or type's own inside
# takes a few more. The protobuf library gives up at 100.
_LEVEL: Final = 3
LIMITS: Final = Limits(
    counts={
        "NodeProto": MAX_NODES,
        "TensorProto": MAX_TENSORS,
        "GraphProto": MAX_NODES // 10,
        "StringStringEntryProto": MAX_PROPERTIES,
    },
    messages=MAX_MESSAGES,
    deepest={"GraphProto": 1 + _LEVEL * MAX_DEPTH},
    frames=_LEVEL * MAX_DEPTH + 12,
)
