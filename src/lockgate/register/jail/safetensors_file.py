"""Is this a safetensors file, wholly? Pure: a stream in, facts out; the tensors' bytes are never read.

    8 bytes      length N of the header, little-endian
    N bytes      one JSON object: name -> {"dtype", "shape", "data_offsets": [begin, end]}, and "__metadata__"
    the rest     the tensors' bytes

Trusted: nothing about the bytes. Promised on return: strict JSON, every byte of the rest belongs to exactly one
tensor, in order, without gap, and each has the size that its type and shape say. Memory: the header, at most 100 MB
as the format has it, and about ten times as much for what it says; the tensors' bytes are not read.

Source: the format's description in the safetensors repository (README, "Format"), and its validation in
`safetensors/src/tensor.rs`. The library (0.8) is laxer, and a test lists where: it takes one name twice (the last
counts), other keys in a tensor's entry, an entry as a list, `"__metadata__": null` and keys twice in it, any white
space around the header, more dimensions, shapes that overflow beside a size of zero, and names that cannot be printed.
It is stricter in one: it refuses `-0` for a size of zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Any, BinaryIO, Final

from lockgate.core.encoding import decode
from lockgate.register.import_formats import MAX_HEADER
from lockgate.register.jail.findings import NotAllowed

BITS: Final[Mapping[str, int]] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
_PREFIX = 8
_MOST_DIMENSIONS = 64
_METADATA = "__metadata__"
_MOST_BITS = 1 << 63
_ALONE = re.compile("[\ud800-\udfff]")


def check_safetensors(stream: BinaryIO, size: int) -> dict[str, Any]:
    """Facts: `tensors`, `elements`, `types`. Raises NotAllowed LG465."""
    header, length = _header(stream, size)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(_is_text(one) for pair in metadata.items() for one in pair):
        raise _malformed("its metadata are not texts", offset=_PREFIX)
    first = _PREFIX + length
    spans, elements = [], 0
    for name, tensor in header.items():
        begin, end, count = _span(name, tensor)
        spans.append((begin, end, name))
        elements += count
    at = 0
    for begin, end, name in sorted(spans):
        if begin != at:
            raise _malformed(
                f"the bytes of {name[:80]!r} begin at {begin}, where {at} is next",
                tensor=name[:200],
                offset=first + min(begin, at),
            )
        at = end
    if first + at != size:
        raise _malformed(f"{size - first - at} bytes belong to no tensor", offset=min(first + at, size))
    return {
        "tensors": len(spans),
        "elements": elements,
        "types": sorted({tensor["dtype"] for tensor in header.values()}),
    }


def _header(stream: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(stream.read(_PREFIX), "little")
    if size < _PREFIX or length > min(MAX_HEADER, size - _PREFIX):
        raise _malformed("its header is longer than the file or the limit", header=length, bytes=size, offset=0)
    # The format pads with spaces, and with nothing else.
    data = stream.read(length).rstrip(b" ")
    if not (data.startswith(b"{") and data.endswith(b"}")):
        raise _malformed("its header is not from { to }", offset=_PREFIX)
    try:
        header = decode(data)
    except ValueError as error:
        at = getattr(error, "pos", getattr(error, "start", 0))
        raise _malformed(f"its header is not strict JSON: {error}", offset=_PREFIX + at) from None
    if not isinstance(header, dict):
        raise _malformed("its header is not an object", offset=_PREFIX)
    return header, length


def _span(name: str, tensor: object) -> tuple[int, int, int]:
    """Begin, end and number of elements of one tensor."""
    if not name.isprintable():
        raise _malformed("the name of a tensor is not printable", tensor=ascii(name[:80]))
    if not isinstance(tensor, dict) or set(tensor) != {"dtype", "shape", "data_offsets"}:
        raise _malformed(f"the tensor {name[:80]!r} has other fields than dtype, shape and data_offsets")
    shape, offsets, dtype = tensor["shape"], tensor["data_offsets"], tensor["dtype"]
    bits = BITS.get(dtype) if isinstance(dtype, str) else None
    if bits is None:
        raise _malformed(f"the tensor {name[:80]!r} is of a type that nobody knows")
    if not (_whole(shape) and _whole(offsets) and len(offsets) == 2 and len(shape) <= _MOST_DIMENSIONS):
        raise _malformed(f"the tensor {name[:80]!r} has no shape and offsets of whole numbers")
    begin, end = offsets
    elements = prod(shape)
    # A size of zero makes all of it nothing; the others are still multiplied by whoever computes strides.
    if prod(max(one, 1) for one in shape) * bits >= _MOST_BITS:
        raise _malformed(f"the shape of the tensor {name[:80]!r} is larger than any file", tensor=name[:200])
    if begin > end or (end - begin) * 8 != elements * bits:
        raise _malformed(f"the tensor {name[:80]!r} has {end - begin} bytes, not those of its type and shape")
    return begin, end, elements


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not _ALONE.search(value)


def _whole(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 63 for one in value)


def _malformed(why: str, **seen: object) -> NotAllowed:
    # What a tensor's entry says wrongly is in the header, which begins there.
    return NotAllowed("LG465", f"it is no safetensors file: {why}", **{"offset": _PREFIX, **seen})
