"""The binary tensor data extension of the Open Inference Protocol: tensors as bytes after the JSON. Pure.

    +----------------------------------+-----------------------+-----------------------+----
    | JSON, of as many bytes as        | first binary tensor,  | second binary tensor  | ...
    | Inference-Header-Content-Length  | binary_data_size bytes|                       |
    +----------------------------------+-----------------------+-----------------------+----

Elements lie little-endian without gaps, in the order of the tensors; BOOL is one byte, 0 or 1; BYTES is a u32 length
and as many bytes of UTF-8 for each element. There is one accepted spelling: no byte may be left over anywhere.
Source: triton-inference-server `docs/protocol/extension_binary_data.md`.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from lockgate.serve.calls.media import HEADER_LENGTH
from lockgate.serve.declined import Declined
from lockgate.serve.http import Head

_CODE = {
    "BOOL": "B", "FP32": "f", "FP64": "d", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
}  # fmt: skip
_LENGTH = struct.Struct("<I")
_DIGITS = 10
_SHOWN = 64


def split(head: Head, body: bytes) -> tuple[bytes, memoryview]:
    """The JSON of a request, and the bytes behind it. Raises Declined 400 (LG655)."""
    said = head.headers.get(HEADER_LENGTH)
    if said is None:
        return body, memoryview(b"")
    if not (said.isascii() and said.isdecimal()) or len(said) > _DIGITS or not 0 < int(said) <= len(body):
        raise wrong("Inference-Header-Content-Length must be the length of the JSON, within the body")
    return body[: int(said)], memoryview(body)[int(said) :]


def read(name: str, datatype: str, rows: int, data: memoryview) -> Sequence[Any]:
    """The elements in `data`, all of it. Raises Declined 400 (LG655)."""
    if datatype == "BYTES":
        return _texts(name, rows, data)
    numbers: array[Any] = array(_CODE[datatype])
    if len(data) != rows * numbers.itemsize:
        raise wrong(f"tensor {shown(name)}: {len(data)} bytes are not {rows} elements of {datatype}")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    if datatype == "BOOL":
        if max(numbers) > 1:
            raise wrong(f"tensor {shown(name)}: a BOOL is 0 or 1")
        return list(map(bool, numbers))
    if datatype in ("FP32", "FP64") and not all(map(math.isfinite, numbers)):
        raise wrong(f"tensor {shown(name)}: NaN and Infinity are not taken")
    return numbers


def write(datatype: str, elements: Sequence[Any]) -> bytes:
    """The bytes of one output tensor."""
    if datatype == "BYTES":
        texts = [text.encode() for text in elements]
        return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))
    numbers: array[Any] = array(_CODE[datatype], elements)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def shown(name: str) -> str:
    """A name of the client's in a message: not more than is needed to find it."""
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "...")


def wrong(reason: str) -> Declined:
    """400: the bytes are not the tensors that the JSON announces."""
    return Declined(400, "LG655", f"the binary tensors are not what was announced: {reason}")


def _texts(name: str, rows: int, data: memoryview) -> list[str]:
    found, start = [], 0
    for _ in range(rows):
        if start + _LENGTH.size > len(data):
            raise wrong(f"tensor {shown(name)} is cut short")
        end = start + _LENGTH.size + _LENGTH.unpack_from(data, start)[0]
        try:
            found.append(str(data[start + _LENGTH.size : end], "utf-8"))
        except UnicodeDecodeError:
            raise wrong(f"tensor {shown(name)}: an element is not UTF-8") from None
        start = end
    if start != len(data):
        raise wrong(f"tensor {shown(name)}: its elements have {start} bytes, it has {len(data)}")
    return found
