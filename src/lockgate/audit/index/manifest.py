"""Which segments this user made from the verified log, and what is in them. Kept outside `.lockgate`.

    {"origin","segments":[{"bytes","first","gateways":{id:[lowest,highest]}|null,"last","sha256","tree"}...],"v","width"}

The segment at place i holds the entries from i * width to (i + 1) * width. `tree`: the hash of that range of the log.
Exact encoding (core.encoding). A manifest that is missing, damaged or of another log says nothing, and costs time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from lockgate.core.encoding import decode_exact, encode

VERSION: Final = 1
"""Of the manifest, and of the columns in the segments."""
MOST_BYTES: Final = 256 << 20
MOST_GATEWAYS: Final = 64
"""So many gateways are told for a segment; with more of them none is, and the segment is asked for each."""

_HEX = re.compile(r"[0-9a-f]{64}")
_GATEWAY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Segment:
    """One segment.

    Attributes:
        tree: hash of the range in the log, hex. `sha256`: of the file, hex; `bytes`: its length.
        first, last: the earliest and the latest time in it, milliseconds.
        gateways: of each its lowest and its highest number; None where there are too many.
    """

    tree: str
    sha256: str
    bytes: int
    first: int
    last: int
    gateways: Mapping[str, tuple[int, int]] | None

    def may_have(self, gateway: str, seq: int) -> bool:
        """Whether the record with this number can be in it."""
        if self.gateways is None:
            return True
        low, high = self.gateways.get(gateway, (1, 0))
        return low <= seq <= high


@dataclass(frozen=True)
class Manifest:
    """The segments of one log, without a gap from its beginning."""

    origin: str
    width: int
    segments: tuple[Segment, ...] = ()

    def encode(self) -> bytes:
        """The file's bytes."""
        return encode({"v": VERSION, **asdict(self)})

    @staticmethod
    def parse(data: bytes) -> Manifest:
        """Read `encode`. Raises ValueError on everything else."""
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"v", "origin", "width", "segments"}:
            raise ValueError("not a manifest of an index")
        origin, width, listed = value["origin"], value["width"], value["segments"]
        if value["v"] != VERSION or not isinstance(origin, str) or not isinstance(listed, list) or not _count(width):
            raise ValueError("not a manifest of this version")
        return Manifest(origin, width, tuple(map(_segment, listed)))


def _segment(value: Any) -> Segment:
    if not isinstance(value, dict) or set(value) != {"tree", "sha256", "bytes", "first", "last", "gateways"}:
        raise ValueError("not a segment of an index")
    texts, counts = (value["tree"], value["sha256"]), (value["bytes"], value["first"], value["last"])
    if not all(isinstance(one, str) and _HEX.fullmatch(one) for one in texts) or not all(map(_count, counts)):
        raise ValueError("a field of a segment has another form")
    return Segment(*texts, *counts, _gateways(value["gateways"]))


def _gateways(value: Any) -> dict[str, tuple[int, int]] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(map(_GATEWAY.fullmatch, value)):
        raise ValueError("not the gateways of a segment")
    if not all(isinstance(one, list) and len(one) == 2 and all(map(_count, one)) for one in value.values()):
        raise ValueError("not the numbers of a gateway")
    return {gateway: (low, high) for gateway, (low, high) in value.items()}


def _count(value: object) -> bool:
    return type(value) is int and value >= 0
