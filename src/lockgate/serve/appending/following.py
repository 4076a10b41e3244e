"""Follows a gateway's spool: each record once, in its order, whatever happened to the files meanwhile.

Trusts nothing in the files: whoever wrote them may have been taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lockgate.audit.spool import CutBack, SpoolPart, read_spool
from lockgate.core.record_scan import place_of
from lockgate.errors import VerificationFailed
from lockgate.serve.recording.parts import part_path

PART_BYTES = 4 << 20


@dataclass
class Place:
    """How far a gateway's spool is followed: the part, bytes read of it, the next number, why it is followed no more.

    `finding`: of that reason. `told`: somebody has heard of it.
    """

    part: int = 0
    offset: int = 0
    next: int = 0
    broken: str = ""
    finding: str = ""
    told: bool = False


def waiting(
    folder: Path,
    gateway: str,
    numbers: Sequence[int],
    place: Place,
    *,
    owner: int | None = None,
    limit: int | None = None,
) -> tuple[list[bytes], Place]:
    """Records of one gateway's spool from number `place.next` on, about `limit` bytes of them (PART_BYTES), and the
    place after.

    `numbers`: its parts, as they lay there before any is read: one that another follows is not written any more, and
    what is torn at its end was never acknowledged, or stands in the next. `owner`: whose files alone are read.
    """
    ahead = [number for number in numbers if number >= place.part]
    if place.broken or not ahead:
        return [], place
    limit = PART_BYTES if limit is None else limit
    offset = place.offset if ahead[0] == place.part else 0
    try:
        part = _read(part_path(folder, gateway, ahead[0]), offset, owner, limit)
        while not part.records and len(ahead) > 1:
            ahead = ahead[1:]
            part = _read(part_path(folder, gateway, ahead[0]), 0, owner, limit)
    except VerificationFailed as error:
        return [], _broken(place, gateway, error, "LG7022" if error.finding == "LG7022" else "LG633")
    found: list[bytes] = []
    after = Place(ahead[0], part.offset, place.next)
    try:
        after.next = _taken(part.records, gateway.encode(), place.next, found)
    except ValueError as error:
        return found, _broken(replace(place, next=place.next + len(found)), gateway, error, "LG633")
    return found, after


def _read(path: Path, offset: int, owner: int | None, limit: int) -> SpoolPart:
    """What a part has from `offset` on; all of it where it was cut back, for what was taken of it counts once anyway.

    Raises LockgateError.
    """
    try:
        return read_spool(path, offset, limit=limit, owner=owner)
    except CutBack:
        return read_spool(path, 0, limit=limit, owner=owner)


def _taken(records: Sequence[bytes], gateway: bytes, due: int, found: list[bytes]) -> int:
    """Put into `found` the records that are due, from number `due` on; the number after them.

    1. Each is a record.   2. It is of the gateway that the file is named by.   3. It is the next one, or one that was
    taken already, as after a restart or a fault of the disk. Raises ValueError at the first that is none of that.
    """
    for data in records:
        name, number = place_of(data)
        if name != gateway or number > due:
            raise ValueError(f"record {number} of {name.decode()} where {due} was due")
        if number == due:
            found.append(data)
            due += 1
    return due


def _broken(place: Place, gateway: str, error: Exception, finding: str) -> Place:
    return replace(place, broken=f"spool {gateway} is not followed any further: {error}", finding=finding)
