"""Input tensors to records: the same strictness whether the elements come as JSON or as bytes. Pure.

A datatype says how an element is spelled, no more: the contract, not the tensor, decides what a value may be. What no
JSON could say (NaN, Infinity) no tensor can either, so one contract means one thing on every protocol.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NoReturn

from lockgate.serve.body import within
from lockgate.serve.calls import binary
from lockgate.serve.calls.binary import shown
from lockgate.serve.calls.bounds import LONGEST_NAME
from lockgate.serve.declined import Declined

_KEYS = {"name", "shape", "datatype", "parameters", "data"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What is said of one input tensor. `size`: its bytes after the JSON, or None where `data` holds its elements."""

    name: str
    rows: int
    datatype: str
    flat: bool
    data: Sequence[Any]
    size: int | None


def columns(
    inputs: object, rest: memoryview, *, limit: int, own: AbstractSet[str] = frozenset()
) -> dict[str, Sequence[Any]]:
    """The elements of each tensor by name, every byte of `rest` accounted for. `own`: names that the contract knows.

    Raises Declined 400 (LG608 a tensor, LG655 its bytes, LG657 a parameter), 413 (LG606).
    """
    if not isinstance(inputs, list) or not inputs:
        raise wrong("inputs must be a list of at least one tensor")
    found: dict[str, Sequence[Any]] = {}
    start, rows = 0, 0
    for described in inputs:
        tensor = _tensor(described, limit, own)
        if tensor.name in found:
            raise wrong(f"tensor {shown(tensor.name)} twice")
        if found and tensor.rows != rows:
            raise wrong(f"tensor {shown(tensor.name)} has {tensor.rows} elements, the first one has {rows}")
        rows = tensor.rows
        if tensor.size is None:
            found[tensor.name] = _listed(tensor)
        else:
            part = rest[start : start + tensor.size]
            found[tensor.name] = binary.read(tensor.name, tensor.datatype, tensor.rows, part)
            start += tensor.size
    if start != len(rest):
        raise binary.wrong(f"the tensors have {start} bytes, after the JSON there are {len(rest)}")
    return found


def records(found: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Columns as records."""
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def parameters(holder: Mapping[str, Any], known: Mapping[str, type]) -> Mapping[str, Any]:
    """`parameters` of a request or tensor: what is not acted upon is refused, for its sender counts on it.

    Raises Declined 400 (LG657).
    """
    found = holder.get("parameters", {})
    if not isinstance(found, dict):
        raise wrong("parameters must be an object")
    for name, value in found.items():
        if name not in known:
            raise Declined(400, "LG657", f"the parameter {shown(name)} is not one that is followed here")
        if type(value) is not known[name]:
            raise Declined(400, "LG657", f"the parameter {shown(name)} must be {known[name].__name__}")
    return found


def wrong(reason: str) -> Declined:
    """400: the body is no inference request."""
    return Declined(400, "LG608", f"the body is not an inference request: {reason}")


def _tensor(tensor: Any, limit: int, own: AbstractSet[str]) -> Tensor:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str) or set(tensor) - _KEYS:
        raise wrong("a tensor has name, shape, datatype, data and perhaps parameters")
    name, datatype = tensor["name"], tensor.get("datatype")
    if len(name) > LONGEST_NAME and name not in own:
        raise wrong(f"tensor {shown(name)}: a name has at most {LONGEST_NAME} characters")
    if not isinstance(datatype, str) or datatype not in _READ:
        raise wrong(f"tensor {shown(name)}: datatype must be one of {', '.join(_READ)}")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) not in (1, 2) or shape[1:] not in ([], [1]) or not _counts(shape):
        raise wrong(f"tensor {shown(name)}: shape must be [n] or [n, 1]")
    within(shape[0], limit)
    size = parameters(tensor, {"binary_data_size": int}).get("binary_data_size")
    if (size is None) is not ("data" in tensor):
        raise wrong(f"tensor {shown(name)} has either data or the parameter binary_data_size")
    if size is not None and size < 0:
        raise binary.wrong(f"tensor {shown(name)}: binary_data_size is below 0")
    return Tensor(name, shape[0], datatype, len(shape) == 1, _list(name, tensor.get("data", [])), size)


def _counts(shape: list[Any]) -> bool:
    return all(type(one) is int for one in shape) and shape[0] >= 1


def _list(name: str, data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise wrong(f"tensor {shown(name)}: data must be a list")
    return data


def _listed(tensor: Tensor) -> list[Any]:
    data = tensor.data
    if not tensor.flat:
        data = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    if len(data) != tensor.rows:
        raise wrong(f"tensor {shown(tensor.name)}: its shape says {tensor.rows} elements, there are {len(data)}")
    try:
        return list(map(_READ[tensor.datatype], data))
    except (TypeError, OverflowError, ValueError):
        raise wrong(f"tensor {shown(tensor.name)}: an element is not {tensor.datatype}") from None


def _fail() -> NoReturn:
    raise TypeError


def _float(value: Any) -> float:
    if type(value) is float:
        return value if math.isfinite(value) else _fail()
    return float(value) if type(value) is int else _fail()


def _integer(low: int, high: int) -> Callable[[Any], int]:
    return lambda value: value if type(value) is int and low <= value <= high else _fail()


def _exactly(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) is kind else _fail()


_READ: Mapping[str, Callable[[Any], Any]] = {
    "BOOL": _exactly(bool),
    "BYTES": _exactly(str),
    "FP32": _float,
    "FP64": _float,
    **{f"INT{bits}": _integer(-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": _integer(0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
}
DATATYPES = tuple(_READ)
"""What a tensor may be spelled in."""
