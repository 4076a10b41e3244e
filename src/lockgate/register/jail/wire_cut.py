"""A protobuf message without some of the messages in it: the lengths of all that lies around them are mended. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from lockgate.register.jail.wire_walk import Buffer, Frame

_SMALL = 128


def without(data: Buffer, size: int, frames: Iterable[Frame]) -> bytes:
    """`data` without `frames`, none of which lies in another; as large as what is left, whatever `size` is."""
    pieces, at = [], 0
    for begin, end, with_ in sorted(_changes(frames)):
        pieces += [data[at:begin], with_]
        at = end
    pieces.append(data[at:size])
    return b"".join(pieces)


def _changes(frames: Iterable[Frame]) -> list[tuple[int, int, bytes]]:
    """What to put where: nothing in place of each frame, and a new length for each message around it."""
    changes: list[tuple[int, int, bytes]] = []
    shrunk: dict[int, tuple[Frame, int]] = {}
    for frame in frames:
        changes.append((frame.tag, frame.end, b""))
        _shrink(shrunk, frame.parent, frame.end - frame.tag)
    while shrunk:
        # The innermost first: what becomes of its length counts for those around it.
        frame, by = shrunk.pop(max(shrunk, key=lambda one: shrunk[one][0].depth))
        if frame.parent is not None:
            length = varint(frame.end - frame.begin - by)
            changes.append((frame.prefix, frame.begin, length))
            _shrink(shrunk, frame.parent, by + (frame.begin - frame.prefix) - len(length))
    return changes


def _shrink(shrunk: dict[int, tuple[Frame, int]], frame: Frame | None, by: int) -> None:
    if frame is not None:
        shrunk[id(frame)] = (frame, shrunk.get(id(frame), (frame, 0))[1] + by)


def varint(value: int) -> bytes:
    """The shortest spelling of a length."""
    found = bytearray()
    while value >= _SMALL:
        found.append(value & 127 | _SMALL)
        value >>= 7
    found.append(value)
    return bytes(found)
