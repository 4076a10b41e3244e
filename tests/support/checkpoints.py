"""torch checkpoints written by hand, without torch: the zip archive of today and the stream of before 2020."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence

from lockgate.register.jail.torch_file import MAGIC
from tests.support.hostile import opcodes as op

STORAGES = {
    "f4": "FloatStorage",
    "i8": "LongStorage",
    "u1": "ByteStorage",
    "bf": "BFloat16Storage",
    "f2": "HalfStorage",
    "c8": "ComplexFloatStorage",
}


def storage(key: str, kind: str, count: int) -> bytes:
    """A reference to the storage `key`."""
    return (
        _tuple(op.binary("storage"), op.line_global("torch", kind), op.binary(key), op.binary("cpu"), op.binary(count))
        + b"Q"
    )


def old_storage(key: str, kind: str, count: int) -> bytes:
    """As files of before 2020 have it: of what it is a view, or None."""
    words = (
        op.binary("storage"),
        op.line_global("torch", kind),
        op.binary(key),
        op.binary("cpu"),
        op.binary(count),
        op.NONE,
    )
    return _tuple(*words) + b"Q"


def tensor(
    inside: bytes, offset: int, shape: Sequence[int], strides: Sequence[int], marks: Sequence[str] = ()
) -> bytes:
    """A view of a storage; `marks`: "conj", "neg", as torch writes them of a view that is only marked so."""
    hooks = op.line_global("collections", "OrderedDict") + op.EMPTY_TUPLE + op.REDUCE
    marked = [plain(dict.fromkeys(marks, b"\x88"))] if marks else []
    given = _tuple(inside, op.binary(offset), _numbers(shape), _numbers(strides), b"\x89", hooks, *marked)
    return op.line_global("torch._utils", "_rebuild_tensor_v2") + given + op.REDUCE


def row(key: str, count: int, kind: str = "f4") -> bytes:
    """A whole storage as a vector."""
    return tensor(storage(key, STORAGES[kind], count), 0, (count,), (1,))


def ordered(items: Mapping[str, bytes]) -> bytes:
    """An OrderedDict, with torch's `_metadata` hung on it."""
    pairs = b"".join(op.binary(name) + value for name, value in items.items())
    made = op.line_global("collections", "OrderedDict") + op.EMPTY_TUPLE + op.REDUCE + op.MARK + pairs + b"u"
    return made + op.EMPTY_DICT + op.binary("_metadata") + op.EMPTY_DICT + b"s" + op.BUILD


def plain(items: Mapping[str, bytes]) -> bytes:
    """A dict."""
    return op.EMPTY_DICT + op.MARK + b"".join(op.binary(name) + value for name, value in items.items()) + b"u"


def pickled(value: bytes) -> bytes:
    """The whole pickle of `value`."""
    return op.proto(2) + value + op.STOP


def archive(
    value: bytes,
    storages: Mapping[str, bytes],
    *,
    method: int = zipfile.ZIP_STORED,
    order: bytes = b"little",
    more: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """The zip archive of `value`, a pickle's opcodes."""
    held = io.BytesIO()
    members = [("m/data.pkl", pickled(value)), ("m/byteorder", order)]
    members += [(f"m/data/{key}", data) for key, data in storages.items()]
    with zipfile.ZipFile(held, "w", method) as written:
        for name, data in (*members, ("m/version", b"3\n"), *more):
            written.writestr(zipfile.ZipInfo(name), data, method)
    return held.getvalue()


def stream(value: bytes, storages: Mapping[str, tuple[int, bytes]]) -> bytes:
    """The stream of before 2020: `storages` are counts of elements and bytes."""
    heads = [MAGIC, 1001, {"little_endian": True}]
    begin = b"".join(pickle.dumps(one, 2) for one in heads) + pickled(value) + pickle.dumps(list(storages), 2)
    return begin + b"".join(struct.pack("<q", count) + data for count, data in storages.values())


def spelled(value: Sequence[int] | int) -> bytes:
    """A number, or a tuple of numbers."""
    return _number(value) if isinstance(value, int) else _numbers(value)


def _numbers(values: Sequence[int]) -> bytes:
    return _tuple(*(_number(value) for value in values))


def _number(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return op.binary(value)
    data = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes((len(data),)) + data


def _tuple(*items: bytes) -> bytes:
    return op.MARK + b"".join(items) + op.TUPLE
