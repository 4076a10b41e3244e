"""A strict walk over the protobuf wire format, before any library makes objects of it. No recursion.

Trusted: nothing about the bytes. Promised on return: the bytes are wholly fields of the given messages, in the one
shortest spelling, nested and counted within the limits; a field that stands once in the .proto file stands at most
once (protobuf would merge two messages, or take the last of two numbers); texts are UTF-8.

Memory: the frames that are open, one record for each message that is `kept`, and 64 KiB of the file at a time.
Time: a field costs about a microsecond; runs of repeated numbers and byte strings are not walked one by one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any, Final, NoReturn

from lockgate.register.formats import MAX_NAME_BYTES, MAX_PROPERTY_BYTES
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.wire_fields import PACKABLE, Entry, Kind, Limits, Message

Buffer = bytes | mmap

_VARINT = rb"(?:[\x00-\x7f]|[\x80-\xff]{1,8}+[\x01-\x7f]|[\x80-\xff]{9}\x01)"
_ONE: Final = re.compile(_VARINT, re.DOTALL)
_MANY: Final = re.compile(rb"%b{1,16384}+" % _VARINT, re.DOTALL)
_CONTINUED: Final = bytes(range(128, 256))
_FIXED: Final = {Kind.FLOAT: 4, Kind.DOUBLE: 8}
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_INT32: Final = 1 << 31
_INT64: Final = 1 << 63
_WORD: Final = 1 << 64
_SMALL: Final = 128
_GROUPS: Final = (3, 4)
_FEW: Final = 1024
"""The most numbers of one field that a record keeps: the sizes of a tensor."""


@dataclass(slots=True)
class Frame:
    """One message: where its tag, its length and its bytes begin, and where they end."""

    parent: Frame | None
    kind: Message
    depth: int
    tag: int
    prefix: int
    begin: int
    end: int
    seen: int = 0
    record: Record | None = None


@dataclass(slots=True)
class Record:
    """What was in one message that is kept: spans of byte strings, texts, numbers, and how many of each."""

    frame: Frame
    owner: Record | None
    stands_as: str
    values: dict[str, list[Any]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    children: list[Record] = field(default_factory=list)


@dataclass(slots=True)
class Walked:
    """What the walk found: `records` in their order, `fields` of the outermost message, and how much there is of what.

    `other_form`: somewhere repeated numbers are packed where the .proto file does not say so, or the other way:
    another spelling that every protobuf library reads.
    """

    records: list[Record] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    messages: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    strings: int = 0
    numbers: int = 0
    other_form: bool = False


def walk(
    data: Buffer, size: int, root: Message, kept: Collection[str], limits: Limits, packed: frozenset[str]
) -> Walked:
    """Walk all `size` bytes. `packed`: names of repeated fields whose usual form is the packed one.

    Raises:
        NotAllowed: LG411 with `offset`, the first byte that no rule accounts for; LG416 over a limit; or the reason
            that a field brings along.
    """
    return _Walk(data, kept, limits, packed).run(size, root)


class _Walk:
    __slots__ = ("_at_end", "_data", "_found", "_frame", "_kept", "_limits", "_packed", "_readers")

    def __init__(self, data: Buffer, kept: Collection[str], limits: Limits, packed: frozenset[str]) -> None:
        self._data, self._kept, self._limits, self._packed = data, kept, limits, packed
        self._found = Walked()
        self._readers = {
            Kind.MESSAGE: self._message,
            Kind.NAME: self._name,
            Kind.TEXT: self._text,
            Kind.BYTES: self._bytes,
            Kind.INT64: self._number,
            Kind.INT32: self._number,
            Kind.ENUM: self._number,
            Kind.FLOAT: self._fixed,
            Kind.DOUBLE: self._fixed,
        }

    def run(self, size: int, root: Message) -> Walked:
        data, readers = self._data, self._readers
        self._frame = Frame(None, root, 0, 0, 0, 0, size)
        at = 0
        while True:
            frame = self._frame
            if at == frame.end:
                if frame.parent is None:
                    return self._found
                self._frame = frame.parent
                continue
            begin, tag = at, data[at]
            at += 1
            if tag >= _SMALL:
                tag, at = self._varint(begin)
            entry = frame.kind.entries.get(tag)
            if entry is None:
                self._unknown(begin, tag)
            if entry.bit:
                if frame.seen & entry.bit:
                    self._no(begin, f"the field {entry.field.name} of {frame.kind.name} stands there twice")
                frame.seen |= entry.bit
            elif entry.field.kind in PACKABLE:
                at = self._run(entry, begin, at)
                continue
            at = readers[entry.field.kind](entry, begin, at)

    def _unknown(self, begin: int, tag: int) -> NoReturn:
        frame = self._frame
        if tag & 7 in _GROUPS:
            self._no(begin, f"a group begins or ends within {frame.kind.name}")
        known = next((one.field.name for key, one in frame.kind.entries.items() if key >> 3 == tag >> 3), None)
        if known:
            self._no(begin, f"the field {known} of {frame.kind.name} is spelled in another wire type")
        self._no(begin, f"{frame.kind.name} has no field {tag >> 3} that is allowed")

    def _no(self, offset: int, why: str) -> NoReturn:
        raise NotAllowed("LG411", f"it is not wholly ONNX: at byte {offset} {why}", offset=offset)

    def _varint(self, at: int) -> tuple[int, int]:
        """The number at `at` as unsigned 64 bits, and where it ends."""
        found = _ONE.match(self._data, at, self._frame.end)
        if found is None:
            self._no(at, "a number is cut short, too long, or not in its shortest spelling")
        value = 0
        for shift, byte in enumerate(found[0]):
            value |= (byte & 127) << 7 * shift
        return value, found.end()

    def _length(self, at: int) -> tuple[int, int]:
        """Begin and end of what has its length at `at`."""
        frame = self._frame
        length = self._data[at] if at < frame.end else _SMALL
        begin = at + 1
        if length >= _SMALL:
            length, begin = self._varint(at)
        if length > frame.end - begin:
            self._no(at, f"a length of {length} reaches beyond {frame.kind.name}")
        return begin, begin + length

    def _note(self, entry: Entry, value: Any) -> None:
        record = self._frame.record
        if record is not None:
            record.values.setdefault(entry.field.name, []).append(value)
            record.counts[entry.field.name] = record.counts.get(entry.field.name, 0) + 1

    def _message(self, entry: Entry, tag: int, at: int) -> int:
        begin, end = self._length(at)
        parent, found, limits = self._frame, self._found, self._limits
        if entry.field.refused:
            finding, why = entry.field.refused
            raise NotAllowed(finding, why, offset=tag)
        kind = entry.child
        assert kind is not None  # noqa: S101  A message that is not refused has its table.
        depth = parent.depth + 1
        if depth > limits.deepest.get(kind.name, limits.frames):
            raise NotAllowed("LG416", f"its {kind.name} are nested too deeply", offset=tag, limit=depth - 1)
        found.messages += 1
        count = found.counts[kind.name] = found.counts.get(kind.name, 0) + 1
        most = limits.counts.get(kind.name, limits.messages)
        if count > most or found.messages > limits.messages:
            raise NotAllowed("LG416", f"it has more of {kind.name} than the limit", offset=tag, limit=most)
        frame = Frame(parent, kind, depth, tag, at, begin, end)
        if kind.name in self._kept or parent.record is not None:
            frame.record = record = Record(frame, parent.record, entry.field.name)
            found.records.append(record)
            if parent.record is not None:
                parent.record.children.append(record)
        if parent.parent is None:
            found.names.add(entry.field.name)
        self._frame = frame
        return begin

    def _decoded(self, tag: int, at: int, most: int) -> tuple[str, int, int]:
        begin, end = self._length(at)
        if end - begin > most:
            raise NotAllowed("LG416", "one of its texts is longer than the limit", offset=tag, limit=most)
        self._found.strings += 1
        try:
            return self._data[begin:end].decode(), begin, end
        except UnicodeDecodeError as error:
            self._no(begin + error.start, "a text is not UTF-8")

    def _name(self, entry: Entry, tag: int, at: int) -> int:
        text, begin, end = self._decoded(tag, at, MAX_NAME_BYTES)
        if not text.isprintable():
            self._no(begin, f"the {entry.field.name} of {self._frame.kind.name} is not printable")
        self._note(entry, text)
        return end

    def _text(self, entry: Entry, tag: int, at: int) -> int:
        text, begin, end = self._decoded(tag, at, MAX_PROPERTY_BYTES)
        if _CONTROLS.search(text):
            self._no(begin, f"the {entry.field.name} of {self._frame.kind.name} holds control characters")
        self._note(entry, text)
        return end

    def _bytes(self, entry: Entry, _: int, at: int) -> int:
        begin, end = self._length(at)
        self._found.strings += 1
        self._note(entry, (begin, end))
        return end

    def _number(self, entry: Entry, _: int, at: int) -> int:
        value, end = self._varint(at)
        value = signed(value)
        if entry.field.kind is Kind.INT32 and not -_INT32 <= value < _INT32:
            self._no(at, f"the {entry.field.name} of {self._frame.kind.name} is no number of 32 bits")
        if entry.field.kind is Kind.ENUM and not 0 <= value <= entry.field.most:
            self._no(at, f"the {entry.field.name} of {self._frame.kind.name} is none of those that are known")
        self._found.numbers += 1
        self._note(entry, value)
        return end

    def _fixed(self, entry: Entry, tag: int, at: int) -> int:
        end = at + _FIXED[entry.field.kind]
        if end > self._frame.end:
            self._no(tag, f"the {entry.field.name} of {self._frame.kind.name} is cut short")
        self._found.numbers += 1
        self._note(entry, None)
        return end

    def _run(self, entry: Entry, tag: int, at: int) -> int:
        """Many numbers of one field, packed or each with its tag. Returns where they end."""
        if entry.packed != (entry.field.name in self._packed):
            self._found.other_form = True
        if entry.packed:
            begin, end = self._length(at)
            count = self._many(entry, begin, end)
        elif entry.field.kind in _FIXED:
            pattern = _tagged(self._data[tag], _FIXED[entry.field.kind])
            end, count = self._tagged(pattern, entry, tag)
        else:
            end, count = self._tagged(_tagged(self._data[tag], 0), entry, tag)
        self._found.numbers += count
        record = self._frame.record
        if record is not None:
            record.counts[entry.field.name] = record.counts.get(entry.field.name, 0) + count
        return end

    def _many(self, entry: Entry, begin: int, end: int) -> int:
        """How many numbers are packed between `begin` and `end`."""
        width = _FIXED.get(entry.field.kind)
        if width:
            if (end - begin) % width:
                self._no(begin, f"the {entry.field.name} of {self._frame.kind.name} are cut short")
            return (end - begin) // width
        count = 0
        while begin < end:
            found = _MANY.match(self._data, begin, end)
            if found is None:
                self._no(begin, "a number is cut short, too long, or not in its shortest spelling")
            count += self._keep(entry, found[0])
            begin = found.end()
        return count

    def _tagged(self, pattern: re.Pattern[bytes], entry: Entry, at: int) -> tuple[int, int]:
        found = pattern.match(self._data, at, self._frame.end)
        if found is None:
            self._no(at, f"the {entry.field.name} of {self._frame.kind.name} are cut short or oddly spelled")
        width = _FIXED.get(entry.field.kind)
        if width:
            return found.end(), (found.end() - at) // (width + 1)
        return found.end(), self._keep(entry, found[0], step=2)

    def _keep(self, entry: Entry, spelled: bytes, step: int = 1) -> int:
        """Counts the numbers in `spelled`; a record keeps the first of them. `step` 2: each has its tag before it."""
        count = len(spelled.translate(None, _CONTINUED)) // step
        record = self._frame.record
        if record is not None:
            values = record.values.setdefault(entry.field.name, [])
            if len(values) < _FEW:
                values += numbers(spelled)[step - 1 :: step][:_FEW]
        return count


_PATTERNS: Final[dict[tuple[int, int], re.Pattern[bytes]]] = {}


def _tagged(tag: int, width: int) -> re.Pattern[bytes]:
    """A run of values that each have `tag` before them: of `width` bytes, or varints for 0."""
    found = _PATTERNS.get((tag, width))
    if found is None:
        value = b".{%d}" % width if width else _VARINT
        found = _PATTERNS[tag, width] = re.compile(rb"(?:\x%02x%b){1,16384}+" % (tag, value), re.DOTALL)
    return found


def signed(value: int) -> int:
    """An unsigned 64-bit number as protobuf's int64."""
    return value - _WORD if value >= _INT64 else value


def numbers(spelled: bytes) -> list[int]:
    """The varints in `spelled`, signed."""
    found, value, shift = [], 0, 0
    for byte in spelled:
        value |= (byte & 127) << shift
        shift += 7
        if byte < _SMALL:
            found.append(signed(value))
            value = shift = 0
    return found
