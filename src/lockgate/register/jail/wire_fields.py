"""What a strict reader of the protobuf wire format knows of a message: tags, kinds, how often. Pure.

tag      varint: field number << 3 | wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes)
value    as the wire type says
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Self


class Kind(Enum):
    """How a field's value is spelled, and what is asked of it."""

    MESSAGE = "message"
    NAME = "name"
    """Printable UTF-8 of one line."""
    TEXT = "text"
    """UTF-8 without control characters other than those of lines."""
    BYTES = "bytes"
    INT64 = "int64"
    INT32 = "int32"
    ENUM = "enumeration"
    FLOAT = "float"
    DOUBLE = "double"


WIRE: Mapping[Kind, int] = {
    Kind.MESSAGE: 2,
    Kind.NAME: 2,
    Kind.TEXT: 2,
    Kind.BYTES: 2,
    Kind.INT64: 0,
    Kind.INT32: 0,
    Kind.ENUM: 0,
    Kind.FLOAT: 5,
    Kind.DOUBLE: 1,
}
PACKABLE = frozenset({Kind.INT64, Kind.INT32, Kind.FLOAT, Kind.DOUBLE})
_LENGTH = 2


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message, as in its .proto file.

    `once`: of all fields of the message with this word one may be there (a `oneof`). `refused`: it is known, and not
    allowed, for a reason of its own.
    """

    number: int
    name: str
    kind: Kind
    message: str = ""
    many: bool = False
    once: str = ""
    most: int = 0
    refused: tuple[str, str] | None = None

    def at(self, number: int) -> Self:
        """The same field under another number."""
        return replace(self, number=number)


@dataclass(slots=True)
class Entry:
    """What one tag means within one message. `bit` is set in `Frame.seen`; 0 for what may be repeated."""

    field: Field
    bit: int
    packed: bool = False
    child: Message | None = None


@dataclass(slots=True)
class Message:
    """One kind of message: its name, and what each tag means."""

    name: str
    entries: dict[int, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most messages of a kind, of all kinds, the deepest place of a kind, and the deepest of all."""

    counts: Mapping[str, int]
    messages: int
    deepest: Mapping[str, int]
    frames: int


def compiled(messages: Mapping[str, tuple[Field, ...]], root: str) -> Message:
    """`messages` by tag, joined to each other; returns the one named `root`."""
    made = {name: Message(name) for name in messages}
    for name, fields in messages.items():
        bits: dict[str, int] = {}
        for one in fields:
            bit = 0 if one.many else bits.setdefault(one.once or one.name, 1 << len(bits))
            child = made.get(one.message)
            made[name].entries[one.number << 3 | WIRE[one.kind]] = Entry(one, bit, child=child)
            if one.many and one.kind in PACKABLE:
                made[name].entries[one.number << 3 | _LENGTH] = Entry(one, bit, packed=True)
    return made[root]
