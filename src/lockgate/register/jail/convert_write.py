"""A safetensors file, written tensor by tensor. The same tensors give the same bytes, those of the library itself.

The library takes pointers to all tensors at once, by an interface that changed from release to release; what it writes
is drawn in `safetensors_file`. A test holds these bytes against its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from lockgate.errors import Refused
from lockgate.register.jail.safetensors_file import BITS

METADATA: Final = {"format": "pt"}
"""What readers of torch's weights look for; there is nothing else in it."""

# The library sorts by its own list of types, widest last to first, then by name.
_ORDER: Final = (
    *("U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16"),
    *("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"),
)


def write(path: Path, shapes: Mapping[str, tuple[str, tuple[int, ...]]], tensors: Iterable[tuple[str, bytes]]) -> None:
    """Write `tensors`, which come in any order, to the new file `path`; `shapes`: name -> type and shape."""
    header: dict[str, object] = {"__metadata__": METADATA}
    begins: dict[str, tuple[int, int]] = {}
    at = 0
    for name in sorted(shapes, key=lambda one: (_ORDER.index(shapes[one][0]), one.encode())):
        kind, shape = shapes[name]
        size = BITS[kind] // 8
        for length in shape:
            size *= length
        begins[name] = (at, at + size)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("xb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name, data in tensors:
            begin, end = begins[name]
            if len(data) != end - begin:
                raise Refused("LG483", f"the tensor {name[:80]!r} has another size than its type and shape say")
            stream.seek(8 + len(text) + begin)
            stream.write(data)
        stream.truncate(8 + len(text) + at)
