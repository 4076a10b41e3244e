"""What a zip archive lists, and the members of one that is wholly what it says. Nothing is unpacked to a disk.

    local header, member's bytes   one after the other, from byte 0, without a gap
    central directory              one entry for each, in any order
    [zip64 end record, locator]    only where a number of the end record is full
    end record                     the last 22 bytes: no comment

Trusted: nothing. `entries` reads the directory that the end of the file names, for any archive; `whole` promises that
this is the only reading: every byte is accounted for, both headers of each member agree, no name is there twice.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from lockgate.register.jail.findings import NotAllowed

MOST_ENTRIES: Final = 10_000
MOST_EXPANDED: Final = 4 << 30
MOST_RATIO: Final = 250
FREE_EXPANSION: Final = 64 << 20
"""Up to this size any ratio will do: an array of zeros is small, and honest."""

END: Final = b"PK\x05\x06"
_END64, _LOCATOR, _CENTRAL, _LOCAL = b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02", b"PK\x03\x04"
_END_SIZE, _LOCATOR_SIZE, _END64_SIZE, _LOCAL_SIZE, _CENTRAL_SIZE = 22, 20, 56, 30, 46
_FULL = 0xFFFFFFFF
_FULL_SHORT = 0xFFFF
_TAIL = _END_SIZE + _FULL_SHORT
_MOST_ENDS = 100
_STORED, _DEFLATED, _UTF8 = 0, 8, 0x800
_EFFORT = 0b110
"""How hard the packer tried; no reader needs to know."""

_PIECE = 1 << 16


@dataclass(frozen=True)
class Entry:
    """One member, as the central directory says. `spare`: bytes of comments and of fields that nobody here reads."""

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    at: int
    mode: int
    spare: int


@dataclass(frozen=True)
class Directory:
    """Where the central directory says it lies, where its end record begins, how many members that counts.

    `agree`: a zip64 record says the same as the short one, and lies where it is looked for.
    """

    at: int
    size: int
    end: int
    count: int
    zip64: bool
    agree: bool


def directory(stream: BinaryIO, size: int) -> Directory | None:
    """The directory that a lenient reader finds in the tail of the file; None where none does.

    Readers differ in which end record they take, when there seem to be several: any that names a directory counts.
    """
    begin = max(0, size - _TAIL)
    stream.seek(begin)
    tail = stream.read(_TAIL)
    at = tail.rfind(END)
    for _ in range(_MOST_ENDS):
        if at < 0:
            return None
        found = _directory(stream, tail[at : at + _END_SIZE], begin + at)
        if found:
            return found
        at = tail.rfind(END, 0, at)
    raise broken("more end records than anybody needs", begin + at)


def _directory(stream: BinaryIO, record: bytes, end: int) -> Directory | None:
    """None for four bytes that are no end record: one counts members, and there are some where it says."""
    if len(record) < _END_SIZE:
        return None
    short = count, length, begin = struct.unpack_from("<HII", record, 10)
    stream.seek(max(0, end - _LOCATOR_SIZE - _END64_SIZE))
    before = stream.read(_LOCATOR_SIZE + _END64_SIZE)
    last, agree, zip64 = end, True, before[_END64_SIZE:].startswith(_LOCATOR) and before.startswith(_END64)
    if zip64:
        last = end - _LOCATOR_SIZE - _END64_SIZE
        count, length, begin = struct.unpack_from("<QQQ", before, 32)
        right = struct.unpack_from("<Q", before, _END64_SIZE + 8)[0] == last
        agree = right and short == (min(count, _FULL_SHORT), min(length, _FULL), min(begin, _FULL))
    stream.seek(max(0, last - length))
    if not 0 < length <= last or stream.read(4) != _CENTRAL:
        return None
    return Directory(begin, length, end, count, zip64=zip64, agree=agree)


def entries(stream: BinaryIO, where: Directory, *, most: int = MOST_ENTRIES) -> list[Entry]:
    """The first `most` members that the directory lists. Raises ValueError where it is no directory."""
    # What lies before the archive moves everything by as much; readers allow for it.
    stream.seek(where.end - where.size - (_LOCATOR_SIZE + _END64_SIZE if where.zip64 else 0))
    found: list[Entry] = []
    left = where.size
    while left > 0 and len(found) < most:
        head = stream.read(_CENTRAL_SIZE)
        if len(head) < _CENTRAL_SIZE or not head.startswith(_CENTRAL):
            raise ValueError("its directory holds something else than entries")
        (flags, method) = struct.unpack_from("<HH", head, 8)
        crc, packed, size, named, extra, comment = struct.unpack_from("<IIIHHH", head, 16)
        (attributes, at) = struct.unpack_from("<II", head, 38)
        name = stream.read(named).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        fields = stream.read(extra)
        packed, size, at = _wide(fields, packed, size, at)
        stream.seek(comment, 1)
        left -= _CENTRAL_SIZE + named + extra + comment
        found.append(Entry(name, method, flags, crc, packed, size, at, attributes >> 16, comment + _spare(fields)))
    return found


def _wide(extra: bytes, packed: int, size: int, at: int) -> tuple[int, int, int]:
    """The numbers of a zip64 extra field, in the place of those that are full."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            field = extra[place + 4 : place + 4 + length]
            values = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            size = next(values, size) if size == _FULL else size
            packed = next(values, packed) if packed == _FULL else packed
            at = next(values, at) if at == _FULL else at
        place += 4 + length
    return packed, size, at


def _spare(extra: bytes) -> int:
    """Bytes of extra fields that are not one zip64 field alone."""
    alone = len(extra) in (12, 20, 28, 32) and struct.unpack_from("<HH", extra) == (1, len(extra) - 4)
    return 0 if alone else len(extra)


def whole(stream: BinaryIO, size: int) -> list[Entry]:
    """The members, in the order in which they lie there, of an archive that is nothing else.

    1. The end record is the last thing in the file, and lies right behind the directory.
    2. No more members than the limit, none twice, none that is a folder, a link, encrypted, or packed in other ways.
    3. Together they are not larger than the limit, nor out of proportion to the file.
    4. From byte 0 to the directory: each member's local header, which says the same, and its bytes; nothing between.

    Raises NotAllowed LG471.
    """
    # 1.
    where = directory(stream, size)
    if where is None:
        raise broken("it has no end record", size)
    tail = _END64_SIZE + _LOCATOR_SIZE if where.zip64 else 0
    if where.end != size - _END_SIZE or where.at + where.size + tail != where.end or not where.agree:
        raise broken("bytes lie before, behind or within it that are no part of it", where.end)
    # 2.
    if where.count > MOST_ENTRIES:
        raise broken(f"it lists {where.count} members, the limit is {MOST_ENTRIES}", where.at)
    try:
        found = sorted(entries(stream, where), key=lambda one: one.at)
    except (ValueError, struct.error) as error:
        raise broken(str(error), where.at) from None
    if len(found) != where.count:
        raise broken("it counts other members than it lists", where.at)
    _check_members(found)
    # 3.
    expanded = sum(one.size for one in found)
    if expanded > MOST_EXPANDED or (expanded > FREE_EXPANSION and expanded > MOST_RATIO * size):
        raise broken(f"its members are {expanded:,} bytes, the file is {size:,}", 0)
    # 4.
    at = 0
    for one in found:
        if one.at != at:
            raise broken(f"{one.name[:80]!r} begins at {one.at}, where {at} is next", at)
        at = _behind(stream, one)
    if at != where.at:
        raise broken("bytes lie between its members and its directory", at)
    return found


def _check_members(found: Sequence[Entry]) -> None:
    taken: set[str] = set()
    for one in found:
        parts = one.name.split("/")
        safe = one.name.isprintable() and "\\" not in one.name and not {"", ".", ".."} & set(parts)
        if not safe or ":" in parts[0]:
            raise broken("a member's name is a path to somewhere else", one.at, member=one.name[:200])
        if one.name.casefold() in taken:
            raise broken("two members have one name", one.at, member=one.name[:200])
        taken.add(one.name.casefold())
        if one.method not in (_STORED, _DEFLATED) or one.flags & ~(_UTF8 | _EFFORT):
            raise broken(
                "a member is encrypted, or packed in a way that is not read here", one.at, member=one.name[:200]
            )
        if one.spare:
            raise broken("a member has a comment, or fields that nobody reads", one.at, member=one.name[:200])
        if one.mode and one.mode >> 12 not in (0, 0o10):
            raise broken("a member is a link or a folder", one.at, member=one.name[:200])


def _behind(stream: BinaryIO, one: Entry) -> int:
    """Where the member's bytes end, once its local header says what the directory says."""
    stream.seek(one.at)
    head = stream.read(_LOCAL_SIZE)
    if len(head) < _LOCAL_SIZE or not head.startswith(_LOCAL):
        raise broken("a member has no header of its own", one.at, member=one.name[:200])
    flags, method = struct.unpack_from("<HH", head, 6)
    crc, packed, size, named, extra = struct.unpack_from("<IIIHH", head, 14)
    name = stream.read(named).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    fields = stream.read(extra)
    packed, size, _ = _wide(fields, packed, size, 0)
    said = (one.name, one.flags, one.method, one.crc, one.packed, one.size, 0)
    if (name, flags, method, crc, packed, size, _spare(fields)) != said:
        raise broken("a member's own header says something else than the directory", one.at, member=one.name[:200])
    return one.at + _LOCAL_SIZE + int(named) + int(extra) + one.packed


def broken(why: str, offset: int, **seen: object) -> NotAllowed:
    """LG471."""
    return NotAllowed("LG471", f"it is a zip archive that is not wholly what it says: {why}", offset=offset, **seen)


class Member:
    """One member's bytes, read forward once. `finish` reads the rest, and refuses what is not as long or as summed."""

    def __init__(self, stream: BinaryIO, one: Entry, *, most: int | None = None) -> None:
        stream.seek(one.at)
        named, extra = struct.unpack_from("<HH", stream.read(_LOCAL_SIZE).ljust(_LOCAL_SIZE, b"\0"), 26)
        self._stream, self._one = stream, one
        self._at = one.at + _LOCAL_SIZE + named + extra
        self._packed_left = one.packed
        self._left = one.size if most is None else min(one.size, most)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if one.method == _DEFLATED else None
        self._sum = 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; b"" at the end. Raises NotAllowed LG471 for bytes that do not unpack."""
        wanted = self._left if size < 0 else min(size, self._left)
        pieces = []
        while wanted > 0:
            piece = self._piece(wanted)
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
            self._left -= len(piece)
            self._sum = zlib.crc32(piece, self._sum)
        return b"".join(pieces)

    def finish(self) -> None:
        """Raises NotAllowed LG471."""
        while self.read(_PIECE):
            pass
        done = self._inflate is None or (not self._piece(1) and self._inflate.eof and not self._inflate.unused_data)
        if self._left or self._packed_left or not done or self._sum != self._one.crc:
            raise broken("a member's bytes are not those of its header", self._one.at, member=self._one.name[:200])

    def _piece(self, wanted: int) -> bytes:
        wanted = min(wanted, _PIECE)
        if self._inflate is None:
            return self._packed(wanted)
        try:
            while not self._inflate.eof:
                given = self._inflate.unconsumed_tail or self._packed(_PIECE)
                found = self._inflate.decompress(given, wanted)
                if found or not given:
                    return found
        except zlib.error:
            raise broken("a member does not unpack", self._one.at, member=self._one.name[:200]) from None
        return b""

    def _packed(self, most: int) -> bytes:
        self._stream.seek(self._at)
        found = self._stream.read(min(most, self._packed_left))
        self._at += len(found)
        self._packed_left -= len(found)
        return found
