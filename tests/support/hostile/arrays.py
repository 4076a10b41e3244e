"""npy files with objects, lies in the header, and headers that are expressions. Source: `numpy.lib.format`."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.hostile import opcodes as op
from tests.support.hostile.case import Hostile
from tests.support.hostile.pickles import CALL, SYSTEM

PICKLE = op.fourth(*SYSTEM)


def headed(text: str | bytes, data: bytes, *, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """Magic, version, length of the header, the header as it is given, the data."""
    header = text if isinstance(text, bytes) else text.encode()
    wide = 2 if version[0] == 1 else 4
    told = len(header) if length is None else length
    return b"\x93NUMPY" + bytes(version) + told.to_bytes(wide, "little") + header + data


def npy(descr: str, shape: tuple[int, ...], data: bytes) -> bytes:
    """As numpy writes it."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    return headed(text.ljust(117) + "\n", data)


def _header(descr: str = "'<f8'", order: str = "False", shape: str = "(2,)", more: str = "") -> bytes:
    return headed(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}{more}, }}\n", bytes(16))


_OBJECTS = "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"


def _arrays() -> Iterator[tuple[str, bytes, str]]:
    yield "objects", npy("|O", (1,), PICKLE), "the data are a pickle"
    yield "objects, text", npy("|O", (1,), CALL), "the data are a pickle of protocol 0"
    yield "objects, 8", npy("|O8", (1,), PICKLE), "objects, spelled as numpy 1.6 did"
    yield "objects, O", npy("O", (2,), PICKLE), "objects, without a byte order"
    yield "objects, little", npy("<O", (2,), PICKLE), "objects, with a byte order"
    yield "object field", _header("[('a', '<f8'), ('b', '|O')]"), "one field holds objects"
    yield "nested object field", _header("[('a', [('b', [('c', 'O')])])]"), "a field of a field of a field"
    yield "object subarray", _header("('|O', (1,))"), "a type with a shape"
    yield (
        "objects, version 2",
        headed(_OBJECTS, PICKLE, version=(2, 0)),
        "v2",
    )
    yield (
        "objects, version 3",
        headed(_OBJECTS, PICKLE, version=(3, 0)),
        "v3",
    )
    yield "escaped type", _header("'\\x4f'"), "objects, escaped"
    yield "joined type", _header("'|' 'O'"), "two literals are one"
    yield "metadata type", _header("'V8', {'x': 1}"), "a type with metadata"
    yield "call", _header("__import__('os').getcwd()"), "an expression that calls"
    yield "call in shape", _header(shape="(len('ab'),)"), "an expression that calls"
    yield "lambda", _header("(lambda: '<f8')()"), "an expression that calls"
    yield "power", _header(shape="(9**9**9,)"), "an expression that never ends"
    yield "product", _header(shape="('a' * 10**10,)"), "an expression that fills memory"
    yield "deep", headed("{'descr': " + "(" * 50_000 + ")" * 50_000 + "}", b"", version=(2, 0)), "50,000 brackets"
    yield "deep minus", headed("{'shape': (" + "-" * 30_000 + "1,)}", b"", version=(2, 0)), "30,000 signs"
    yield "negative", npy("<f8", (-1,), b""), "a negative size"
    yield "true as size", _header(shape="(True, 2)"), "a truth as a size"
    yield "float size", _header(shape="(2.0,)"), "half a row"
    yield "list shape", _header(shape="[2]"), "another kind of shape"
    yield "overflow", npy("<f8", (1 << 62, 8), b""), "the product overflows"
    yield "huge", npy("<f8", (1 << 40,), bytes(16)), "8 TiB are promised"
    yield "huge without bytes", npy("|V0", (1 << 62,), b""), "elements of no size"
    yield "empty texts", npy("<U0", (1 << 40,), b""), "texts of no length"
    yield "many dimensions", npy("<f8", (1,) * 1000, bytes(8)), "1,000 dimensions"
    yield "huge zero", npy("<f8", (0, 1 << 62, 1 << 62), b""), "nothing, of impossible sizes"
    yield "short", npy("<f8", (4,), bytes(16)), "half of the data"
    yield "long", npy("<f8", (1,), bytes(8) + PICKLE), "a pickle follows"
    yield "long by one", npy("<f8", (1,), bytes(9)), "a byte follows"
    yield "two arrays", npy("<f8", (1,), bytes(8)) * 2, "a second array follows"
    yield "unknown version", headed("{}", b"", version=(9, 9)), "a version of the future"
    yield "length lies", headed("{}", b"", length=60_000), "a header beyond the file"
    yield "length lies, 4 GiB", headed("{}", b"", version=(2, 0), length=2**32 - 1), "a header of 4 GiB"
    yield "long header", headed(b"{" + b" " * 2_000_000 + b"}", b"", version=(2, 0)), "2 MB of header"
    yield "no header", b"\x93NUMPY", "only the magic"
    yield "no shape", headed("{'descr': '<f8', 'fortran_order': False}\n", bytes(16)), "a key is missing"
    yield "more keys", _header(more=", 'evil': 1"), "a key that nobody knows"
    yield "same key twice", _header(more=", 'descr': '|O'"), "the last one wins"
    yield "unknown type", npy("<q99", (2,), bytes(16)), "a type that nobody knows"
    yield "type of a record", _header("[('f', '<f8')] * 9999999"), "a type by multiplication"
    yield "text header", headed("import os\n", b""), "no dictionary"
    yield (
        "header not latin",
        headed(b"{'descr': '\xff\xfe', 'fortran_order': False, 'shape': (2,)}\n", bytes(16)),
        "bytes",
    )
    yield "NUL in header", headed(b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}\0\n", bytes(16)), "NUL"
    yield (
        "comment in header",
        headed("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)} # x\n", bytes(16)),
        "a comment",
    )
    yield "walrus", headed("(d := {'descr': '<f8', 'fortran_order': False, 'shape': (2,)})\n", bytes(16)), "assigns"
    yield "dates of objects", _header("'<M8[ns'"), "a type that is not closed"
    yield "wrong magic", b"\x93NUMPZ\1\0" + npy("<f8", (2,), bytes(16))[8:], "nearly an array"


def all_of_them() -> Iterator[Hostile]:
    """Every array."""
    for number, (what, data, why) in enumerate(_arrays()):
        name = ("array.npy", "array.npy", "weights.bin", "array.npz", "model.onnx")[number % 5]
        yield Hostile("npy", name, data, f"{what}: {why}")
