"""safetensors files with headers that lie. Source: the format's description in the safetensors repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.support.hostile import opcodes as op
from tests.support.hostile.case import Hostile
from tests.support.hostile.pickles import CALL, SYSTEM

EIGHT = bytes(8)


def packed(header: str | bytes | dict[str, Any], data: bytes = EIGHT, *, length: int | None = None) -> bytes:
    """Length, header, data."""
    told = json.dumps(header, separators=(",", ":")) if isinstance(header, dict) else header
    text = told.encode() if isinstance(told, str) else told
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def one(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    """A tensor's entry."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


def _headers() -> Iterator[tuple[str, bytes, str]]:
    text = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    yield "length of the file", packed(text, length=1 << 20), "longer than the file"
    yield "length 2^63", packed(text, length=1 << 63), "negative for some"
    yield "length 2^64", packed(text, length=(1 << 64) - 1), "overflows"
    yield "length short", packed(text, length=len(text) - 1), "cut within"
    yield "length 0", packed("", EIGHT), "no header"
    yield "seven bytes", b"\2\0\0\0\0\0\0", "not even a length"
    yield "nothing", b"", "nothing"
    yield "array", packed("[]", b""), "another kind of JSON"
    yield "number", packed("1", b""), "another kind of JSON"
    yield "null", packed("null", b""), "another kind of JSON"
    yield "no JSON", packed("{a:1}"), "JSON for nobody"
    yield "two values", packed("{}{}", b""), "two of them"
    yield "spaces before", packed("  " + text), "begins with another letter"
    yield "NULs after", packed(text + "\0\0"), "padded with what is no space"
    yield "newline after", packed(text + "\n"), "padded with what is no space"
    yield "BOM", packed("\ufeff" + text), "a byte order mark"
    yield "UTF-16", packed(text.encode("utf-16-le")), "another encoding"
    yield "not UTF-8", packed(text.encode().replace(b'"a"', b'"\xff"')), "no text"
    yield "NaN", packed(text.replace("[0,8]", "[NaN,8]")), "no JSON, read by many"
    yield "Infinity", packed(text.replace("[2]", "[Infinity]")), "no JSON, read by many"
    yield "comment", packed(text.replace("{", "{/**/", 1)), "no JSON, read by some"
    yield "trailing comma", packed(text[:-1] + ",}"), "no JSON, read by some"
    yield "single quotes", packed(text.replace('"', "'")), "no JSON, read by some"
    yield "same name twice", packed(text[:-1] + "," + text[1:]), "the first or the last counts"
    yield "same field twice", packed(text.replace('{"dtype"', '{"dtype":"F64","dtype"')), "the first or the last counts"
    yield (
        "same name, escaped",
        packed(text[:-1] + "," + text[1:].replace('"a"', '"\\u0061"')),
        "two spellings of a name",
    )
    yield "deep", packed("{" + '"a":{' * 50_000 + "}" * 50_001), "50,000 objects within each other"
    yield "deep lists", packed('{"a":' + "[" * 50_000 + "]" * 50_000 + "}"), "50,000 lists within each other"
    yield "lone surrogate", packed(text.replace('"a"', '"\\ud800"')), "a name that is no text"
    yield "huge number", packed(text.replace("[0,8]", f"[0,{'9' * 5000}]")), "a number of 5,000 digits"
    yield "million digits", packed(text.replace("[0,8]", f"[0,{'9' * 1_000_000}]")), "a number that takes long to read"
    yield "exponent", packed(text.replace("[0,8]", "[0,8e0]")), "a whole number, as a float"
    yield "control in name", packed(text.replace('"a"', '"\x01"')), "no JSON"
    yield "metadata of a number", packed({"__metadata__": {"n": 1}, "a": one()}), "not a text"
    yield "metadata of lists", packed({"__metadata__": {"n": ["x"]}, "a": one()}), "not a text"
    yield "metadata null", packed({"__metadata__": None, "a": one()}), "nothing"
    yield "metadata list", packed({"__metadata__": [], "a": one()}), "another kind"
    yield "many tensors", packed({str(n): one(shape=(0,), offsets=(0, 0)) for n in range(3)}, CALL), "and a payload"


def _tensors() -> Iterator[tuple[str, bytes, str]]:
    yield "tail", packed({"a": one()}, EIGHT + CALL), "a payload after the tensors"
    yield "tail of one", packed({"a": one()}, EIGHT + b"\0"), "one byte too many"
    yield "tail, binary", packed({}, op.fourth(*SYSTEM)), "no tensors, and a pickle"
    yield "head", packed({"a": one(offsets=(24, 32))}, CALL.ljust(24) + EIGHT), "a payload before the tensors"
    yield "gap", packed({"a": one(), "b": one(offsets=(16, 24))}, bytes(24)), "8 bytes between"
    yield "overlap", packed({"a": one(), "b": one(offsets=(4, 12))}, bytes(12)), "two share bytes"
    yield "same bytes", packed({"a": one(), "b": one()}), "two are the same bytes"
    yield (
        "contained",
        packed({"a": one(shape=(4,), offsets=(0, 16)), "b": one(offsets=(4, 12))}, bytes(16)),
        "one in another",
    )
    yield "beyond", packed({"a": one(shape=(4,), offsets=(0, 16))}), "past the end"
    yield "far beyond", packed({"a": one(shape=(1 << 40,), offsets=(0, 1 << 42))}), "4 TiB past the end"
    yield "backwards", packed({"a": one(offsets=(8, 0))}), "from end to start"
    yield "negative", packed({"a": one(offsets=(-8, 0))}), "before the start"
    yield "negative size", packed({"a": one(shape=(-2,), offsets=(0, 8))}), "below nothing"
    yield "two negatives", packed({"a": one(shape=(-1, -2))}), "their product is right"
    yield "overflow", packed({"a": one(shape=(1 << 32, 1 << 32), offsets=(0, 0))}, b""), "the product is 0 in 64 bits"
    yield "overflow to 8", packed({"a": one(dtype="U8", shape=((1 << 61) + 1, 8))}), "the product is 8 in 64 bits"
    yield "2^64", packed({"a": one(dtype="U8", shape=(1 << 64,), offsets=(0, 0))}, b""), "too big to count"
    yield "bigger than told", packed({"a": one(shape=(3,))}), "12 bytes in 8"
    yield "smaller than told", packed({"a": one(shape=(1,))}), "4 bytes in 8"
    yield "half bytes", packed({"a": one(dtype="F4", shape=(3,), offsets=(0, 1))}, b"\0"), "a byte and a half"
    yield "type unknown", packed({"a": one(dtype="OBJ")}), "a type that nobody knows"
    yield "type null", packed({"a": one(dtype=None)}), "no type"
    yield "type list", packed({"a": one(dtype=["F32"])}), "a type of another kind"
    yield "type in small", packed({"a": one(dtype="f32")}), "another spelling"
    yield "shape text", packed({"a": one(shape="2")}), "a shape of another kind"
    yield "shape number", packed({"a": one(shape=2)}), "a shape of another kind"
    yield "shape true", packed({"a": one(dtype="F64", shape=(True,))}), "a truth for a number"
    yield "shape float", packed({"a": one(shape=(2.0,))}), "half a row"
    yield "1,000 dimensions", packed({"a": one(dtype="F64", shape=(1,) * 1000)}), "more than any library has"
    yield "three offsets", packed({"a": one(offsets=(0, 8, 8))}), "one too many"
    yield "one offset", packed({"a": one(offsets=(0,))}), "one too few"
    yield "offset texts", packed({"a": one(offsets=("0", "8"))}), "texts for numbers"
    yield "more fields", packed({"a": one(loader="os.system")}), "a field that nobody knows"
    yield "fewer fields", packed({"a": {"dtype": "F32", "shape": [2]}}), "a field is missing"
    yield "entry null", packed({"a": None}), "no entry"
    yield (
        "zero and huge",
        packed({"a": one(shape=(0, 1 << 62, 1 << 62), offsets=(0, 0))}, b""),
        "nothing, of impossible sizes",
    )


def all_of_them() -> Iterator[Hostile]:
    """Every header."""
    for what, data, why in (*_headers(), *_tensors()):
        yield Hostile("safetensors", "model.safetensors", data, f"{what}: {why}")
    for name in ("weights.bin", "model.pkl", "weights.json", "model.onnx", "model.pt"):
        yield Hostile("safetensors", name, packed({"a": one()}), "good tensors under a name that promises another form")
