r"""Is this a NumPy array of plain values, wholly? A stream in, facts out; it is read forwards only.

    6 bytes      \x93NUMPY
    2 bytes      version: 1.0, 2.0 or 3.0
    2 or 4       length N of the header, little-endian (2 in version 1.0)
    N bytes      {'descr': ..., 'fortran_order': ..., 'shape': ...}, spaces and a newline to a multiple of 16
    the rest     the elements, of just the size that type and shape say

Trusted: nothing about the bytes. NumPy evaluates the header as a Python literal; here it is read by a grammar of its
own in which only that dictionary can be said. Promised on return: no objects (NumPy would unpickle them), nothing
before, between or after the elements. Memory: the header, at most 64 KiB; the elements are not read. `size` is
believed: who calls knows how long the stream is.

Source: `numpy.lib.format` of NumPy 2.4.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, BinaryIO, Final, NoReturn

from lockgate.register.formats import MAX_RANK
from lockgate.register.jail.findings import NotAllowed

_MAGIC: Final = b"\x93NUMPY"
_LENGTH_BYTES: Final = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
_MOST_HEADER: Final = 64 << 10
_ALIGNED: Final = 16
_MOST_BYTES: Final = 1 << 42
_MOST_FIELDS: Final = 1000
_LONGEST_ITEM: Final = 1 << 30

_PLAIN: Final = re.compile(
    r"(?:\|[biu]1|[<>](?:i[248]|u[248]|f(?:2|4|8|12|16)|c(?:8|16|24|32))"
    r"|[<>][mM]8(?:\[[0-9]{0,9}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
    r"|\|S(?P<bytes>[1-9][0-9]{0,8})|\|V(?P<void>[1-9][0-9]{0,8})|[<>]U(?P<text>[1-9][0-9]{0,8}))"
)
"""Kinds without objects: numbers, truth values, moments, texts of fixed width, padding.

NumPy writes no text of no width."""

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\\n]|\\[\\'])*'|\"(?:[^\"'\\\n]|')*\")|(?P<number>[0-9]{1,19}L?)|(?P<word>True|False)"
    r"|(?P<mark>[][{}(),:]))"
)


def check_npy(stream: BinaryIO, size: int) -> dict[str, Any]:
    """Facts: `dtype` and `shape`. Raises NotAllowed LG424, with `offset`."""
    # 1. The header, whose length is bounded before it is read.
    begin = stream.read(len(_MAGIC) + 2)
    if begin[:-2] != _MAGIC or begin[-2:] not in _LENGTH_BYTES:
        _no(0, "it does not begin as one of version 1, 2 or 3")
    width = _LENGTH_BYTES[begin[-2:]]
    spelled = stream.read(width)
    length = int.from_bytes(spelled, "little")
    at = len(begin) + width
    if len(spelled) < width or length > min(_MOST_HEADER, size - at):
        _no(len(begin), "its header is longer than the file or the limit", header=length, bytes=size)
    header = stream.read(length)
    if len(header) < length or (at + length) % _ALIGNED or not header.endswith(b"\n"):
        _no(at + length, "its header does not end with a newline where the elements may begin")
    # 2. What it says, in the only way in which it can be said.
    text = _decoded(header, at, "utf-8" if begin.endswith(b"\x03\x00") else "latin-1")
    dtype, item, shape = _described(text, at)
    elements = prod(shape)
    data = size - at - length
    # A size or a type of zero makes all of it nothing; the others are still multiplied by whoever reads it.
    widest = prod(max(one, 1) for one in shape) * max(item, 1)
    if widest > _MOST_BYTES:
        _no(at, "its shape is larger than the limit", limit=_MOST_BYTES)
    if elements * item != data:
        _no(
            at + length + min(elements * item, data),
            f"it has {data} bytes of elements, where its type and shape need {elements * item}",
        )
    return {"dtype": dtype, "shape": list(shape)}


def _no(offset: int, why: str, **seen: object) -> NoReturn:
    raise NotAllowed("LG424", f"it is no NumPy array of plain values: {why}", offset=offset, **seen)


def _decoded(header: bytes, offset: int, encoding: str) -> str:
    try:
        text = header.decode(encoding)
    except UnicodeDecodeError as error:
        _no(offset + error.start, "its header is not text")
    if not text[:-1].isprintable():
        _no(offset, "its header is not printable")
    return text


def _described(text: str, offset: int) -> tuple[str, int, tuple[int, ...]]:
    """Type as text, bytes of one element, shape."""
    reader = _Reader(text, offset)
    found = reader.dictionary()
    if found.keys() != {"descr", "fortran_order", "shape"}:
        _no(offset, "its header does not say descr, fortran_order and shape, each once")
    reader.end()
    shape = found["shape"]
    if not isinstance(shape, tuple) or len(shape) > MAX_RANK or not all(type(one) is int for one in shape):
        _no(offset, "its shape is not a few whole numbers")
    if not isinstance(found["fortran_order"], bool):
        _no(offset, "its fortran_order is neither True nor False")
    name, item = _dtype(found["descr"], offset)
    return name, item, shape


def _dtype(described: object, offset: int) -> tuple[str, int]:
    """Its name and bytes: one plain kind, or a list of (name, plain kind) or (name, plain kind, shape)."""
    if isinstance(described, str):
        return described, _plain(described, offset)
    if not isinstance(described, list) or not 0 < len(described) <= _MOST_FIELDS:
        _no(offset, "its type is neither a plain one nor a list of fields")
    item, names, kinds = 0, [], []
    for each in described:
        if not (isinstance(each, tuple) and len(each) in (2, 3) and all(isinstance(one, str) for one in each[:2])):
            _no(offset, "a field of its type is not a name and a plain type")
        times = each[2] if len(each) == 3 else ()
        if not isinstance(times, tuple) or not all(type(one) is int for one in times) or len(times) > MAX_RANK:
            _no(offset, "a field of its type has a shape that is none")
        item += _plain(each[1], offset) * prod(times)
        # Padding has no name, and there may be more of it.
        names += [each[0]] if each[0] else []
        kinds.append(each[1])
    if item > _LONGEST_ITEM or len(set(names)) != len(names):
        _no(offset, "two fields of its type have one name, or they are longer than the limit")
    return f"[{', '.join(kinds[:20])}]", item


def _plain(kind: str, offset: int) -> int:
    found = _PLAIN.fullmatch(kind)
    if found is None:
        _no(offset, f"its type {kind[:40]!r} is not a plain one", dtype=kind[:40])
    for group, times in (("bytes", 1), ("void", 1), ("text", 4)):
        if found[group] is not None:
            return int(found[group]) * times
    digits = re.match(r"[0-9]+", kind[2:])
    return int(digits[0]) if digits else 0


class _Reader:
    """The header's grammar: one dictionary of texts, numbers, truth values, and tuples and lists two deep."""

    def __init__(self, text: str, offset: int) -> None:
        self._text, self._offset, self._at = text, offset, 0
        self._next = self._token()

    def _token(self) -> tuple[str, str]:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            return "end", ""
        self._at = found.end()
        kind = str(found.lastgroup)
        return kind, found[kind]

    def _take(self) -> tuple[str, str]:
        taken = self._next
        self._next = self._token()
        return taken

    def _mark(self, mark: str) -> None:
        if self._take() != ("mark", mark):
            _no(self._offset + min(self._at, len(self._text)), f"its header is not spelled as NumPy does: no {mark}")

    def _is(self, mark: str) -> bool:
        return self._next == ("mark", mark)

    def end(self) -> None:
        """Nothing but spaces and the newline is left."""
        if self._next[0] != "end" or self._text[self._at :].strip(" \n"):
            _no(self._offset + self._at, "its header holds more than the dictionary")

    def dictionary(self) -> dict[str, object]:
        """`{'name': value, ...}`"""
        found: dict[str, object] = {}
        self._mark("{")
        while not self._is("}"):
            kind, key = self._take()
            if kind != "text" or key[1:-1] in found:
                _no(self._offset + self._at, "its header has a key twice, or one that is no text")
            self._mark(":")
            found[key[1:-1]] = self._value(depth=3)
            if not self._is("}"):
                self._mark(",")
        self._mark("}")
        return found

    def _value(self, depth: int) -> object:
        kind, text = self._take()
        if kind == "text":
            return text[1:-1]
        if kind == "number":
            return int(text.rstrip("L"))
        if kind == "word":
            return text == "True"
        if text not in ("[", "(") or not depth:
            _no(self._offset + self._at, "its header is nested too deeply, or not spelled as NumPy does")
        closing = "]" if text == "[" else ")"
        items, commas = [], 0
        while not self._is(closing):
            items.append(self._value(depth - 1))
            if not self._is(closing):
                self._mark(",")
                commas += 1
        self._mark(closing)
        if text == "[":
            return items
        if len(items) == 1 and not commas:
            _no(self._offset + self._at, "its header holds a number in parentheses")
        return tuple(items)
