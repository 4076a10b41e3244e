"""Files that are two things at once: wholly of an allowed form for one reader, something that runs for another."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.hostile import opcodes as op
from tests.support.hostile import wire
from tests.support.hostile.arrays import npy
from tests.support.hostile.case import Hostile
from tests.support.hostile.pickles import CALL, SYSTEM
from tests.support.hostile.wire import floats, graph, held, model, node, number, tensor
from tests.support.hostile.zips import plain

_ZIP = plain({"archive/data.pkl": op.fourth(*SYSTEM), "archive/version": b"3\n"})


def _tensors(data: bytes, *, length: int | None = None, head: str = "", tail: str = "") -> bytes:
    """A good safetensors file whose one tensor is `data`; spaces before the last bracket make the header that long."""
    entry = f'"a":{{"dtype":"U8","shape":[{len(data)}],"data_offsets":[0,{len(data)}]}}'
    begin, end = "{" + head + entry, tail + "}"
    wide = len(begin) + len(end) if length is None else length
    return wide.to_bytes(8, "little") + begin.encode() + b" " * (wide - len(begin) - len(end)) + end.encode() + data


def _of_pickles() -> Iterator[tuple[str, bytes, str]]:
    rest = b"0" + op.line_global("os", "system") + b"(Vtrue\ntR."
    for letter in "VP":
        number_ = ord(letter) + 256
        yield (
            "model.safetensors",
            _tensors(rest, length=number_, tail="\n"),
            f"its length is {letter!r}, a line in a pickle",
        )
    swallowed = _tensors(rest, length=0x470280, head='"xV":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},', tail="\n")
    yield "model.safetensors", swallowed, "its length is PROTO and BINFLOAT"
    for letter in "FI":
        length = ord(letter) | ord("0") << 8
        rest_of_it = _tensors(b"\n" + rest, length=length)
        yield "model.safetensors", rest_of_it, f"its length is {letter!r} and a digit, and a NUL ends a number in C"
    doc = b"\n" + CALL
    first = number(5, ord("V")) + held(6, doc)
    yield "model.onnx", first + wire.GOOD, "its version is a MARK and a line, its description a pickle"
    yield "model.onnx", number(5, ord("V")) + held(2, doc) + wire.GOOD, "the same, in the name of its producer"


def _of_archives() -> Iterator[tuple[str, bytes, str]]:
    padded = _ZIP + bytes(-len(_ZIP) % 4)
    yield "model.safetensors", _tensors(_ZIP), "its tensor is a torch archive"
    yield "array.npy", npy("|u1", (len(_ZIP),), _ZIP), "its elements are a torch archive"
    last = tensor("Z", (len(_ZIP),), _ZIP, kind=2)
    whole = graph([node("Add", "X W", "Y")], [floats("W", [1.0, 2.0])], more=held(5, last))
    at_end = held(8, wire.opset(17)) + number(1, 8) + held(7, whole)
    yield "model.onnx", at_end, "its last tensor is a torch archive"
    yield "model.onnx", model(wire.GOOD_GRAPH, before=held(6, b"")) + held(6, padded), "its description is an archive"
    hdf = b"\x89HDF\r\n\x1a\n" + bytes(88)
    yield "model.safetensors", _tensors(hdf, length=504), "HDF5 begins at 512"
    yield "model.safetensors", _tensors(bytes(512) + hdf, length=504), "HDF5 begins at 1,024"
    yield "array.npy", npy("|u1", (512 - 128 + len(hdf),), bytes(512 - 128) + hdf), "HDF5 begins at 512"
    yield "model.safetensors", _old_tar(), "tar's oldest form, whose sum is in a name"


def _old_tar() -> bytes:
    """The header of the member is the file's first 512 bytes; where they cannot be NUL, they are digits and spaces."""
    fields = {100: b"0000644 ", 108: b"0000000 ", 116: b"0000000 ", 124: b"00000000010 ", 136: b"00000000000 "}
    entry = b'{"a":{"dtype":"U8","shape":[1024],"data_offsets":[0,1024]},"__metadata__":{"'
    header = bytearray((504).to_bytes(8, "little") + entry)
    header += b" " * (510 - len(header) - 5) + b'":""}}'
    header += b" " * (512 - len(header))
    for place, text in fields.items():
        header[place : place + len(text)] = text
    header[156:157] = b"0"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}  ".encode()
    return bytes(header) + b"evil".ljust(1024, b"\0")


def _of_texts() -> Iterator[tuple[str, bytes, str]]:
    yield "README.md", b"V# A card\n0" + CALL + b"\n# A card\n", "a card that is a pickle with a title"
    yield "table.csv", b"I1\n0I2\n0" + CALL, "a table that is a pickle"
    yield "vocab.txt", b"(lp0\nVthe\naVof\na0" + CALL, "a vocabulary that is a list, then a call"
    yield "MLmodel", b"Vartifact_path: model\n0" + CALL, "a record that is a pickle"
    yield "config.json", b'{"a": 1}\n' + CALL, "JSON, then a pickle"
    yield "notes.txt", b"\n\n" + b"#!/bin/sh\n" + b"\0", "lines before a script"
    yield "LICENSE", b"BZh91AY&SY" + bytes(20), "letters that begin a bzip2 stream"
    yield "page.md", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "a document that runs"


def all_of_them() -> Iterator[Hostile]:
    """Everything that is two things."""
    for name, data, why in (*_of_pickles(), *_of_archives(), *_of_texts()):
        yield Hostile("two forms at once", name, data, why)
