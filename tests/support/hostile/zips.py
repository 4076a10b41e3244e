"""Zip archives written record by record, so that each record can lie. Source: PKWARE's APPNOTE.TXT.

local header    PK 03 04, the name, the bytes     one for each member
central record  PK 01 02, the name, the offset    one for each member
end             PK 05 06, counts, size and offset of the central records, a comment
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

STORED, DEFLATED = 0, 8


@dataclass(frozen=True)
class Member:
    """One member, and in what its two records shall lie; what is None is told as it is."""

    name: str | bytes
    data: bytes
    method: int = STORED
    flags: int = 0
    crc: int | None = None
    packed: int | None = None
    unpacked: int | None = None
    local_name: str | bytes | None = None
    local_data: bytes | None = None
    offset: int | None = None
    extra: bytes = b""
    attributes: int = 0
    descriptor: bool = False
    comment: bytes = b""


@functools.cache
def squeezed(data: bytes) -> bytes:
    """Deflated, without a header."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _bytes(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


def _stored(one: Member) -> bytes:
    if one.local_data is not None:
        return one.local_data
    return squeezed(one.data) if one.method == DEFLATED else one.data


def _numbers(one: Member) -> tuple[int, int, int]:
    packed = len(_stored(one)) if one.packed is None else one.packed
    unpacked = len(one.data) if one.unpacked is None else one.unpacked
    return zlib.crc32(one.data) if one.crc is None else one.crc, packed, unpacked


def _local(one: Member) -> bytes:
    name = _bytes(one.name if one.local_name is None else one.local_name)
    numbers = (0, 0, 0) if one.descriptor else _numbers(one)
    flags = one.flags | (8 if one.descriptor else 0)
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, one.method, 0, 33, *numbers, len(name), len(one.extra))
    tail = struct.pack("<4s3I", b"PK\7\10", *_numbers(one)) if one.descriptor else b""
    return head + name + one.extra + _stored(one) + tail


def _central(one: Member, offset: int) -> bytes:
    name = _bytes(one.name)
    flags = one.flags | (8 if one.descriptor else 0)
    head = struct.pack("<4s6H3I", b"PK\1\2", 0x314, 20, flags, one.method, 0, 33, *_numbers(one))
    sizes = (len(name), len(one.extra), len(one.comment), 0, 0, one.attributes)
    place = offset if one.offset is None else one.offset
    return head + struct.pack("<5HII", *sizes, place) + name + one.extra + one.comment


def end(count: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    """The last record."""
    return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, offset, len(comment)) + comment


def packed(members: Sequence[Member], *, prefix: bytes = b"", comment: bytes = b"", shifted: bool = True) -> bytes:
    """The whole archive. With a prefix, offsets count from the file's start (`shifted`) or from the archive's."""
    body, central = prefix, b""
    base = 0 if shifted else len(prefix)
    for one in members:
        central += _central(one, len(body) - base)
        body += _local(one)
    return body + central + end(len(members), len(central), len(body) - base, comment)


def plain(members: dict[str, bytes], *, method: int = STORED) -> bytes:
    """An archive that tells the truth."""
    return packed([Member(name, data, method) for name, data in members.items()])


def lying(members: Sequence[Member], index: int, **lies: object) -> bytes:
    """The archive in which the member at `index` lies so."""
    changed = list(members)
    changed[index] = replace(changed[index], **lies)  # type: ignore[arg-type]  # each lie has its field's type
    return packed(changed)
