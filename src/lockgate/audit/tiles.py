"""C2SP tlog-tiles: the names and bytes of the files that hold the tree, how it grows, and a plain reader.

    <dir>/tile/<L>/<N>[.p/<W>]         hashes of 32 bytes; 256 in a full tile, W in a partial one
    <dir>/tile/entries/<N>[.p/<W>]     entries, each with its length before it as big-endian uint16

`N` is written x001/x234/067. A partial tile is a new file for each width, never rewritten.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.disk import read_file
from lockgate.core.checkpoint import MAX_NOTE_BYTES, parse_checkpoint, parse_note
from lockgate.core.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hashes, root_of
from lockgate.errors import Unavailable, VerificationFailed

WIDTH = 256
MAX_ENTRY_BYTES = 65_535
ENTRIES = -1
"""The level under which `Tile` names a bundle of entries."""

_HASHES = struct.Struct(f"{HASH_BYTES}s")
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?\Z")


@dataclass(frozen=True, order=True)
class Tile:
    """One file of the log: `level` (or `ENTRIES`), `index` in the level, `width` from 1 to 256."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path below the log's folder."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{name}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @property
    def max_bytes(self) -> int:
        """The most bytes that the file can have."""
        return self.width * (MAX_ENTRY_BYTES + 2 if self.level == ENTRIES else HASH_BYTES)

    def within(self, size: int) -> int:
        """How many hashes this tile has in a tree of `size` leaves: 0 to 256."""
        return max(0, min(WIDTH, (size >> 8 * max(self.level, 0)) - self.index * WIDTH))

    def at(self, size: int) -> Tile:
        """This tile as it is in a tree of `size`. Raises ValueError when that tree has no such tile."""
        if not self.within(size):
            raise ValueError(f"no {self.path} in a tree of {size}")
        return Tile(self.level, self.index, self.within(size))


def parse_path(path: str) -> Tile:
    """Read `Tile.path`. Raises ValueError on every other spelling."""
    found = _PATH.match(path)
    if not found:
        raise ValueError(f"not a tile: {path[:80]!r}")
    level, name, width = found.groups()
    index = int(name.replace("/", "").replace("x", ""))
    tile = Tile(ENTRIES if level == "entries" else int(level), index, WIDTH if width is None else int(width))
    if tile.path != path or not 1 <= tile.width <= WIDTH or tile.level > 63 or index >= 1 << 55:
        raise ValueError(f"not a tile: {path[:80]!r}")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile and bundle that a tree of `size` consists of."""
    for level in range(ENTRIES, max(0, (size.bit_length() + 7) // 8)):
        count = size >> 8 * max(level, 0)
        yield from (Tile(level, index, min(WIDTH, count - index * WIDTH)) for index in range(-(-count // WIDTH)))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries as a bundle holds them. Raises ValueError when one is longer than 65,535 bytes."""
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes, count: int) -> list[bytes]:
    """Read a bundle of exactly `count` entries. Raises ValueError."""
    entries: list[bytes] = []
    position = 0
    for _ in range(count):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or position > len(data):
            raise ValueError(f"the bundle ends within entry {len(entries)} of {count}")
        entries.append(data[start:position])
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes follow the last of {count} entries")
    return entries


def parse_hashes(data: bytes, width: int) -> tuple[bytes, ...]:
    """Read the hashes of a tile. Raises ValueError."""
    if len(data) != width * HASH_BYTES:
        raise ValueError(f"{len(data)} bytes instead of {width * HASH_BYTES}")
    return tuple([found for (found,) in _HASHES.iter_unpack(data)])


@dataclass(frozen=True)
class RightEdge:
    """All that a tree needs to grow: its size, the hashes of the partial tile on each level, the partial bundle."""

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()
    bundle: bytes = b""

    @property
    def root(self) -> bytes:
        """The tree's root: what hangs below a level's last hash is that level's last, lower subtree."""
        below: tuple[bytes, ...] = ()
        for hashes in self.levels:
            together = hashes + below
            below = (root_of(together),) if together else ()
        return below[0] if below else EMPTY_ROOT

    def grow(self, entries: Sequence[bytes]) -> tuple[RightEdge, list[tuple[Tile, bytes]]]:
        """The edge after `entries`, and the new files in the order in which to write them: bundles first.

        Raises ValueError when an entry is too long.
        """
        levels = [list(hashes) for hashes in self.levels]
        bundle, size = bytearray(self.bundle), self.size
        files: list[tuple[Tile, bytes]] = []
        done = 0
        while done < len(entries):
            # As many as fit the bundle: a step for each would cost more than its hash.
            piece = entries[done : done + WIDTH - size % WIDTH]
            bundle += encode_bundle(piece)
            done, size = done + len(piece), size + len(piece)
            _push(levels, 0, leaf_hashes(piece), size, files)
            if size % WIDTH == 0:
                files.append((Tile(ENTRIES, size // WIDTH - 1), bytes(bundle)))
                bundle.clear()
        files += [
            (tile, b"".join(levels[tile.level])) for tile in _partials(size) if tile.within(self.size) != tile.width
        ]
        if bundle and size != self.size:
            files.append((Tile(ENTRIES, size // WIDTH, size % WIDTH), bytes(bundle)))
        edge = RightEdge(size, tuple(map(tuple, levels)), bytes(bundle))
        return edge, sorted(files, key=lambda file: file[0])


def _push(
    levels: list[list[bytes]], level: int, found: Sequence[bytes], size: int, files: list[tuple[Tile, bytes]]
) -> None:
    """Put hashes at the end of a level. They fill its tile at most, and then that goes up by one hash."""
    while len(levels) <= level:
        levels.append([])
    levels[level].extend(found)
    if len(levels[level]) == WIDTH:
        files.append((Tile(level, (size >> 8 * (level + 1)) - 1), b"".join(levels[level])))
        above = root_of(levels[level])
        levels[level].clear()
        _push(levels, level + 1, (above,), size, files)


def _partials(size: int) -> list[Tile]:
    """The partial hash tiles on the right edge of a tree, lowest level first."""
    levels = range((size.bit_length() + 7) // 8)
    return [
        Tile(level, size >> 8 * (level + 1), size >> 8 * level & 255) for level in levels if size >> 8 * level & 255
    ]


class TileReader:
    """Reads a log's files and proves nothing: bounded, following no link, one accepted form each."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir

    def note(self) -> bytes:
        """The signed checkpoint's bytes, of which nothing has been checked. Raises VerificationFailed."""
        return self.read("checkpoint", MAX_NOTE_BYTES, "LG701")

    def claimed_size(self) -> int:
        """The size that the checkpoint claims, its signature unchecked. Raises VerificationFailed."""
        try:
            return parse_checkpoint(parse_note(self.note()).text).size
        except ValueError as error:
            raise broken("LG701", f"the log's checkpoint is malformed: {error}", file="checkpoint") from None

    def hashes(self, tile: Tile) -> tuple[bytes, ...]:
        """The hashes of a tile, unchecked; from the full tile when the partial one is gone already."""
        data, width = self._tile(tile, "LG705")
        try:
            return parse_hashes(data, width)[: tile.width]
        except ValueError as error:
            raise broken("LG705", f"a tile of the log is malformed: {error}", file=tile.path) from None

    def bundle(self, tile: Tile) -> list[bytes]:
        """The entries of a bundle, unchecked; from the full bundle when the partial one is gone already."""
        data, width = self._tile(tile, "LG706")
        try:
            return parse_bundle(data, width)[: tile.width]
        except ValueError as error:
            raise broken("LG706", f"a bundle of log entries is malformed: {error}", file=tile.path) from None

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """The entries from `start` to `end` (exclusive), unchecked."""
        for index in range(start // WIDTH, -(-end // WIDTH)):
            first = index * WIDTH
            yield from self.bundle(Tile(ENTRIES, index).at(end))[max(0, start - first) :]

    def read(self, path: str, limit: int, finding: str) -> bytes:
        """The bytes of one of the log's files. Raises VerificationFailed `finding`, or Unavailable LG713."""
        found = self._find(path, limit, finding)
        if found is None:
            raise broken(finding, "a file of the log is missing", file=path)
        return found

    def _find(self, path: str, limit: int, finding: str) -> bytes | None:
        try:
            return read_file(f"{self.log_dir}/{path}", limit)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise broken(finding, f"a file of the log is no such file: {error}", file=path) from None
        except OSError as error:
            raise Unavailable(
                "LG713",
                f"a file of the log cannot be read: {error.strerror}",
                seen={"file": str(self.log_dir / path)},
                next="lockgate doctor",
            ) from None

    def _tile(self, tile: Tile, finding: str) -> tuple[bytes, int]:
        full = Tile(tile.level, tile.index)
        # In this order, and by reading: a writer may remove the partial one at any moment, and never before the full
        # one is there.
        for found in dict.fromkeys((tile, full)):
            data = self._find(found.path, found.max_bytes, finding)
            if data is not None:
                return data, found.width
        raise broken(finding, "a file of the log is missing", file=tile.path)


BOTH = "lockgate explain LG708   # keep both: this log and what was last seen of it prove the fork together"


def forked(message: str, **seen: object) -> VerificationFailed:
    """Two signed trees, neither of which contains the other: nothing that verifies once more says anything new."""
    return VerificationFailed("LG708", message, seen=seen, next=BOTH)


def broken(finding: str, message: str, **seen: object) -> VerificationFailed:
    """What every flaw of a log is told as."""
    return VerificationFailed(finding, message, seen=seen, next="lockgate log verify")
