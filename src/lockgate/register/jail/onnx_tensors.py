"""The tensors of an ONNX file, as the walk noted them: each has its data once, and of just the size it says. Pure.

Nothing of the data is read. Source: `TensorProto` and `SparseTensorProto` in onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lockgate.register.formats import MAX_ELEMENTS, MAX_RANK, MAX_STORED_ELEMENTS
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.wire_walk import Record

STRING: Final = 8
_INT64: Final = 7
_BITS: Final[Mapping[int, int]] = {
    1: 32,  # float
    2: 8,
    3: 8,
    4: 16,
    5: 16,
    6: 32,
    7: 64,
    9: 8,  # bool
    10: 16,  # float16
    11: 64,  # double
    12: 32,
    13: 64,
    14: 64,  # complex64
    15: 128,
    16: 16,  # bfloat16
    17: 8,  # float8 of five kinds
    18: 8,
    19: 8,
    20: 8,
    21: 4,  # uint4, int4, float4
    22: 4,
    23: 4,
    24: 8,
    25: 2,  # uint2, int2
    26: 2,
}
"""Bits of one element, by TensorProto.DataType. Texts have none, and float6 no agreed layout yet."""

_TEXT_BITS: Final = 256

_TYPED: Final = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
_FIELD: Final[Mapping[int, str]] = {
    1: "float_data",
    14: "float_data",
    STRING: "string_data",
    7: "int64_data",
    11: "double_data",
    15: "double_data",
    12: "uint64_data",
    13: "uint64_data",
}
"""The typed field of a type; int32_data for all others."""
_PAIRS: Final = frozenset({14, 15})


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `stored`: bytes of its data in the file; `external`: its keys and values, when it lies elsewhere."""

    record: Record
    name: str
    type: int
    dims: tuple[int, ...]
    elements: int
    bytes: int
    stored: int
    external: Mapping[str, str] | None

    @property
    def of_main_graph(self) -> bool:
        """Whether it is an initializer of the outermost graph."""
        parent = self.record.frame.parent
        return self.record.stands_as == "initializer" and parent is not None and parent.depth == 1


def tensors_of(records: Sequence[Record]) -> list[Tensor]:
    """Every tensor of the file, checked.

    Raises:
        NotAllowed: LG414 data outside the file where none may be, LG415 data that do not fit, LG416 and LG422 too
            many elements.
    """
    found = [_tensor(record) for record in records if record.frame.kind.name == "TensorProto"]
    by_record = {id(one.record): one for one in found}
    for record in records:
        if record.frame.kind.name == "SparseTensorProto":
            _check_sparse(record, by_record)
    return found


def _tensor(record: Record) -> Tensor:
    name = _text(record, "name")
    kind = _number(record, "data_type")
    bits = _BITS.get(kind)
    if bits is None and kind != STRING:
        raise _malformed(record, name, "is of a type that nobody knows", type=kind)
    dims, elements = _sizes(record, name)
    external = _external(record, name)
    whole = (elements * (bits or 0) + 7) // 8
    tensor = Tensor(record, name, kind, dims, elements, whole, _stored(record), external)
    if external is not None:
        if not tensor.of_main_graph:
            raise NotAllowed("LG414", "a tensor within a node or a nested graph lies outside the file", tensor=name)
        if kind == STRING or any(record.counts.get(field) for field in (*_TYPED, "raw_data")):
            raise _malformed(record, name, "lies outside the file and inside it, or is of texts")
        return tensor
    _check_data(record, tensor)
    return tensor


def _sizes(record: Record, name: str) -> tuple[tuple[int, ...], int]:
    dims = record.values.get("dims", [])
    if record.counts.get("dims", 0) > MAX_RANK:
        raise NotAllowed("LG416", "a tensor has more dimensions than the limit", tensor=name, limit=MAX_RANK)
    elements = 1
    for size in dims:
        if size < 0:
            raise _malformed(record, name, f"has a negative size {size}", size=size)
        elements *= size
    # One size of zero makes all of it nothing; the others are still read by whoever computes strides.
    if elements > MAX_STORED_ELEMENTS or any(size > MAX_STORED_ELEMENTS for size in dims):
        raise NotAllowed("LG416", "a tensor is larger than the limit", tensor=name, limit=MAX_STORED_ELEMENTS)
    return tuple(dims), elements


def _external(record: Record, name: str) -> dict[str, str] | None:
    """Where the tensor lies outside the file, as it says; None when it does not."""
    entries = [child for child in record.children if child.stands_as == "external_data"]
    if not entries and not _number(record, "data_location"):
        return None
    found: dict[str, str] = {}
    for entry in entries:
        key = _text(entry, "key")
        if key in found:
            raise NotAllowed("LG414", f"a tensor says its {key[:40]} twice", tensor=name, offset=entry.frame.tag)
        found[key] = _text(entry, "value")
    if not _number(record, "data_location"):
        raise NotAllowed("LG414", "a tensor names data outside the file and does not say that they count", tensor=name)
    return found


def _stored(record: Record) -> int:
    raw: int = sum(end - begin for begin, end in record.values.get("raw_data", []))
    return raw + 8 * sum(record.counts.get(field, 0) for field in _TYPED)


def _check_data(record: Record, tensor: Tensor) -> None:
    used = [field for field in _TYPED if record.counts.get(field)]
    raw = record.values.get("raw_data")
    if len(used) + (raw is not None) > 1:
        raise _malformed(record, tensor.name, "has its data twice")
    if raw is not None:
        begin, end = raw[0]
        if tensor.type == STRING or end - begin != tensor.bytes:
            raise _malformed(
                record,
                tensor.name,
                f"has {end - begin} bytes where its type and sizes need {tensor.bytes}",
                offset=begin,
            )
        return
    field = _FIELD.get(tensor.type, "int32_data")
    if used and used != [field]:
        raise _malformed(record, tensor.name, f"keeps its data in {used[0]}, where its type needs {field}")
    count, needed = record.counts.get(field, 0), _typed_count(tensor)
    if count != needed:
        raise _malformed(record, tensor.name, f"has {count} numbers where its type and sizes need {needed}")


def _typed_count(tensor: Tensor) -> int:
    bits = _BITS.get(tensor.type, 8)
    if tensor.type in _PAIRS:
        return 2 * tensor.elements
    # Types of less than a byte are packed into bytes, and each byte is one number.
    return tensor.bytes if bits < 8 else tensor.elements


def _check_sparse(record: Record, tensors: Mapping[int, Tensor]) -> None:
    parts = {child.stands_as: tensors[id(child)] for child in record.children if id(child) in tensors}
    values, indices = parts.get("values"), parts.get("indices")
    if values is None or indices is None:
        raise _malformed(record, "", "is sparse and has no values or no indices")
    dims, elements = _sizes(record, values.name)
    if elements > MAX_ELEMENTS:
        raise NotAllowed(
            "LG422",
            "a sparse tensor expands beyond the limit",
            tensor=values.name,
            elements=elements,
            limit=MAX_ELEMENTS,
        )
    count = values.elements
    fits = indices.type == _INT64 and indices.dims in ((count,), (count, len(dims))) and len(values.dims) == 1
    if not fits or not dims or count > elements:
        raise _malformed(record, values.name, "is sparse, and its indices do not fit its values and sizes")


def _number(record: Record, field: str) -> int:
    values = record.values.get(field)
    return int(values[-1]) if values else 0


def _text(record: Record, field: str) -> str:
    values = record.values.get(field)
    return str(values[-1]) if values else ""


def _malformed(record: Record, name: str, why: str, **seen: object) -> NotAllowed:
    return NotAllowed("LG415", f"a tensor {why}", **{"tensor": name[:200], "offset": record.frame.tag, **seen})


def bytes_of(kind: int, elements: int) -> int:
    """What so many elements take in memory; a text is counted as its pointer and length."""
    return elements * (_TEXT_BITS if kind == STRING else _BITS.get(kind, 8)) // 8


def largest(tensors: Sequence[Tensor]) -> int:
    """Bytes of the largest tensor that is stored."""
    return max((one.bytes for one in tensors), default=0)


def unique(names: Iterator[str], what: str) -> set[str]:
    """`names` as a set. Raises NotAllowed LG415 when one stands there twice."""
    found: set[str] = set()
    for name in names:
        if name in found:
            raise NotAllowed("LG415", f"two of its {what} have one name", name=name[:200])
        found.add(name)
    return found
