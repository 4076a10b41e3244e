"""Every damage of a log's folder, not only the first: what `audit.verify` found something wrong with is looked through.

Slow and patient. Believes one signed checkpoint; each file is held against what hangs above it, and where it does not
fit, it is made again: from the level below, from the entries, from older files, from another copy of the log. What is
made again is right because it hashes to the signed root, wherever it comes from. Changes nothing: see `audit.mending`.
"""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from lockgate.audit.damage_checkpoint import FROM, MEND, Damage, Trusted, chosen_checkpoint, key_damages
from lockgate.audit.disk import locked, read_file
from lockgate.audit.folder import AGAIN_CHECKPOINT, CHECKPOINT, NEXT_CHECKPOINT, NEXT_VKEY
from lockgate.audit.log import VKEY
from lockgate.audit.tiles import ENTRIES, WIDTH, RightEdge, Tile, TileReader, encode_bundle, parse_path, tiles_of
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.merkle import leaf_hashes, root_of
from lockgate.errors import LockgateError

MOST = 1000
"""The most damages that are told; a log with more of them is restored as a whole."""
_TOPS = (CHECKPOINT, NEXT_CHECKPOINT, AGAIN_CHECKPOINT, VKEY, NEXT_VKEY)
_MOST_TRIES = 4096
_HELD = 1024
Hashes = tuple[bytes, ...]
FindEntry = Callable[[bytes], "bytes | None"]
"""Gives the entry with a leaf hash, from wherever records lie before they are sealed."""


def survey(log_dir: Path, trusted: Trusted, *, copy: Path | None = None, entry: FindEntry = lambda _: None) -> Survey:
    """Look through a whole log, a writer waits meanwhile. `copy`: the same log elsewhere, believed for nothing.

    Raises Unavailable LG712, LG713; OSError.
    """
    # A folder that is gone is not made by looking at it.
    with locked(log_dir, shared=True) if log_dir.is_dir() else nullcontext():
        found = Survey(log_dir, trusted, copy, entry)
        found.look()
        return found


class Survey:
    """What was found. `checkpoint` None: no signed one is here, and nothing below is proved."""

    def __init__(self, log_dir: Path, trusted: Trusted, copy: Path | None, entry: FindEntry) -> None:
        self.damages: list[Damage] = []
        self.left_out = 0
        self.checkpoint: Checkpoint | None = None
        self._log_dir = log_dir
        self._trusted = trusted
        self._reader = TileReader(log_dir)
        self._copy = TileReader(copy) if copy is not None else None
        self._entry = entry
        self._size = self._beyond = 0
        self._edge: list[Hashes] = []
        self._known: dict[tuple[int, int], Hashes | None] = {}
        self._last: dict[tuple[int, int], Hashes | None] = {}
        self._mended: set[Tile] = set()
        self._bundles: dict[int, list[bytes]] = {}
        """Entries that were put together again, by the index of their bundle."""

    def look(self) -> None:
        """1. Names.  2. Key and checkpoint.  3. The right edge.  4. Tiles, from above.  5. Entries.  6. Older files."""
        # 1.
        tiles = self._names()
        # 2.
        beyond = max((one.index * WIDTH + one.width for one in tiles if one.level == ENTRIES), default=0)
        chosen = chosen_checkpoint(self._reader, self._trusted, self._copy, beyond)
        self.checkpoint = chosen.checkpoint
        self._beyond = beyond
        self._take(*key_damages(self._reader, self._trusted), *chosen.damages)
        if self.checkpoint is None:
            return
        self._size = self.checkpoint.size
        # 3.
        if not self._right_edge(self.checkpoint.root):
            self._withhold()
            return
        # 4. 5. Highest first: what is lost above is told before what hangs below it. A bundle beside its tile.
        for tile in sorted(tiles_of(self._size), key=lambda one: (-max(one.level, 0), one.index, -one.level)):
            if tile.level == ENTRIES:
                self._bundle(tile)
            elif tile.width == WIDTH:
                self.hashes(tile.level, tile.index)
        # 6.
        for tile in tiles:
            if tile.width < tile.within(self._size):
                self._older(tile)
        self._withhold()

    def _withhold(self) -> None:
        """A log that was rolled back is whole as it is: it is moved on only to a tree that is all there afterwards.

        So is one of which no entry lies here: a checkpoint alone proves nothing.
        """
        missing = self.left_out or any(one.content is None for one in self.damages if one.finding in {"LG705", "LG706"})
        for at, one in enumerate(self.damages):
            moved_on = one.file == CHECKPOINT and one.content is not None
            if missing and moved_on and (one.finding == "LG707" or not self._beyond):
                message = f"{one.message}, and the entries that are missing are not all to be had here"
                self.damages[at] = replace(one, content=None, repair=FROM, message=message)

    def hashes(self, level: int, index: int) -> Hashes | None:
        """The hashes of a tile, proved; None where what hangs above it is lost, or no way leads to it."""
        tile = Tile(level, index).at(self._size)
        if tile.width < WIDTH:
            return self._edge[level]
        if (level, index) in self._known:
            return self._known[level, index]
        if (level, index) in self._last:
            return self._last[level, index]
        above = self.hashes(level + 1, index // WIDTH)
        found = None if above is None else self._prove(tile, above[index % WIDTH])
        # What is damaged is told once. Of the lowest level, where most of a log is, the sound ones are not all held.
        if level or found is None or tile in self._mended:
            self._known[level, index] = found
        elif len(self._last) >= _HELD:
            self._last.clear()
        self._last[level, index] = found
        return found

    def _prove(self, tile: Tile, above: bytes) -> Hashes | None:
        for source, hashes in self._candidates(tile):
            if root_of(hashes) == above:
                if source != "file":
                    self._mended.add(tile)
                    self._tile_damage(tile, b"".join(hashes), source)
                return hashes
        self._tile_damage(tile, None, "")
        return None

    def _candidates(self, tile: Tile) -> Iterator[tuple[str, Hashes]]:
        """What the tile's hashes may be, and from where; each at most once."""
        ways: list[tuple[str, Callable[[], Hashes]]] = [("file", lambda: self._reader.hashes(tile))]
        if tile.level:
            ways.append(("the tiles below it", lambda: self._from_below(tile, self._file_or_below)))
        else:
            ways.append(("the entries below it", lambda: self._leaves(tile)))
        if tile.level == 1:
            ways.append(("the entries below it", lambda: self._from_below(tile, self._leaves)))
        if self._copy is not None:
            copy = self._copy
            wider = (tile, *_wider(copy.log_dir, tile))
            ways += [("the other copy", partial(lambda one: copy.hashes(one)[: tile.width], one)) for one in wider]
        for source, way in ways:
            with suppress(LockgateError):
                yield source, way()

    def _from_below(self, tile: Tile, of: Callable[[Tile], Hashes]) -> Hashes:
        first = tile.index * WIDTH
        return tuple(root_of(of(Tile(tile.level - 1, first + at))) for at in range(tile.width))

    def _file_or_below(self, tile: Tile) -> Hashes:
        try:
            return self._reader.hashes(tile)
        except LockgateError:
            return self._from_below(tile, self._file_or_below) if tile.level else self._leaves(tile)

    def _leaves(self, tile: Tile) -> Hashes:
        return tuple(leaf_hashes(self._reader.bundle(Tile(ENTRIES, tile.index, tile.width))))

    def _right_edge(self, root: bytes) -> bool:
        """Which of the candidates, one on each level, hash to the signed root together."""
        levels = range((self._size.bit_length() + 7) // 8)
        edge = [Tile(level, self._size >> 8 * (level + 1), self._size >> 8 * level & 255) for level in levels]
        choices = [list(self._candidates(tile)) if tile.width else [("file", ())] for tile in edge]
        for chosen in itertools.islice(itertools.product(*choices), _MOST_TRIES):
            if RightEdge(self._size, tuple(hashes for _, hashes in chosen)).root != root:
                continue
            self._edge = [hashes for _, hashes in chosen]
            for tile, (source, hashes) in zip(edge, chosen, strict=True):
                if source != "file":
                    self._tile_damage(tile, b"".join(hashes), source)
            return True
        for tile, found in zip(edge, choices, strict=True):
            if not found:
                self._tile_damage(tile, None, "")
        if all(choices):
            message = "the tiles on the right edge do not hash to the signed root, and not one by one"
            self._tell(
                "LG705", edge[-1].path, message, "no entry of the log is proved", FROM, seen={"size": self._size}
            )
        return False

    def _bundle(self, tile: Tile) -> None:
        proved, first = self.hashes(0, tile.index), tile.index * WIDTH
        if proved is None:
            return
        entries = self._read_bundle(self._reader, tile)
        hashes = leaf_hashes(entries)
        if tuple(hashes) == proved:
            return
        others = [self._read_bundle(self._reader, one) for one in _beside(self._log_dir, tile) if one != tile]
        if self._copy is not None:
            others += [self._read_bundle(self._copy, one) for one in (tile, *_wider(self._copy.log_dir, tile))]
        known = {one: entry for each in (*others, entries) for one, entry in zip(leaf_hashes(each), each, strict=True)}
        wrong = [at for at, one in enumerate(proved) if at >= len(hashes) or hashes[at] != one]
        mended = [known[one] if one in known else self._entry(one) for one in proved]
        lost = [first + at for at, one in enumerate(mended) if one is None]
        whole = [one for one in mended if one is not None]
        content = None if lost else encode_bundle(whole)
        if not lost:
            self._bundles[tile.index] = whole
        if not entries:
            message = f"entries {first} to {first + len(proved) - 1} are missing, or the file with them cannot be read"
        else:
            message = f"{len(wrong)} entries from {first + wrong[0]} on are not the ones that were sealed"
        byte = sum(2 + len(one) for one in entries[: wrong[0]])
        seen: dict[str, object] = {"entry": first + wrong[0], "byte": byte, "expected": proved[wrong[0]].hex()}
        if lost and len(lost) < len(wrong):
            seen["lost"] = len(lost)
        means = "what these entries said is not proved any more; all others are"
        self._tell("LG706", tile.path, message, means, MEND if content is not None else FROM, content, seen)

    @staticmethod
    def _read_bundle(reader: TileReader, tile: Tile) -> list[bytes]:
        with suppress(LockgateError):
            return reader.bundle(tile)
        return []

    def _older(self, tile: Tile) -> None:
        """An older partial file is the beginning of what followed it."""
        if tile.level != ENTRIES:
            hashes = self.hashes(tile.level, tile.index)
            expected = None if hashes is None else b"".join(hashes[: tile.width])
        else:
            expected = self._older_bundle(tile)
        if expected is None or self._bytes(tile.path, tile.max_bytes) == expected:
            return
        finding = "LG706" if tile.level == ENTRIES else "LG705"
        message = "an older partial file of the log differs from what followed it"
        self._tell(finding, tile.path, message, "who reads an older checkpoint is misled", MEND, expected)

    def _older_bundle(self, tile: Tile) -> bytes | None:
        proved = self.hashes(0, tile.index)
        if proved is None:
            return None
        current = self._bundles.get(tile.index)
        if current is None:
            current = self._read_bundle(self._reader, Tile(ENTRIES, tile.index).at(self._size))
        entries = current[: tile.width]
        right = tuple(leaf_hashes(entries)) == proved[: tile.width]
        return encode_bundle(entries) if right else None

    def _names(self) -> list[Tile]:
        """The tiles that lie there. What the log did not write, and what is no plain file, is told."""
        tiles: list[Tile] = []
        for path, is_file in _files(self._log_dir, "") if self._log_dir.is_dir() else ():
            try:
                known = path in _TOPS or parse_path(path)
            except ValueError:
                means = "it may hide data, or lead a reader astray"
                self._tell("LG709", path, "an unknown file lies in the log's folder", means, self._away(path))
                continue
            if not is_file:
                means = "what is read through it may change"
                self._tell("LG709", path, "this is no regular file", means, self._away(path))
            elif isinstance(known, Tile):
                tiles.append(known)
        return sorted(tiles)

    def _away(self, path: str) -> str:
        return f"mv {shlex.quote(str(self._log_dir / path))} ~   # after looking at it"

    def _tile_damage(self, tile: Tile, content: bytes | None, source: str) -> None:
        there = os.path.lexists(self._log_dir / tile.path)
        what = "does not hash to what hangs above it, or cannot be read" if there else "is missing"
        message = f"a tile of the log {what}" + (f"; {source} give it again" if source else "")
        span = WIDTH ** (tile.level + 1)
        first, last = tile.index * span, min(self._size, (tile.index + 1) * span) - 1
        means = (
            f"entries {first} to {last} are proved all the same"
            if content
            else f"entries {first} to {last} are unproved"
        )
        repair = MEND if content is not None else FROM
        self._tell("LG705", tile.path, message, means, repair, content, {"level": tile.level, "bytes": tile.width * 32})

    def _bytes(self, path: str, limit: int) -> bytes | None:
        with suppress(OSError, ValueError):
            return read_file(self._log_dir / path, limit)
        return None

    def _tell(
        self,
        finding: str,
        file: str,
        message: str,
        means: str,
        repair: str,
        content: bytes | None = None,
        seen: Mapping[str, object] | None = None,
    ) -> None:
        self._take(Damage(finding, file, message, means, repair, seen or {}, content))

    def _take(self, *damages: Damage) -> None:
        for one in damages:
            if len(self.damages) < MOST:
                self.damages.append(one)
            else:
                self.left_out += 1


def _beside(folder: Path, tile: Tile) -> list[Tile]:
    """The partial files of a tile, of whatever width, the widest first."""
    with suppress(OSError):
        names = os.listdir((folder / Tile(tile.level, tile.index, 1).path).parent)
        widths = [int(name) for name in names if name.isdecimal() and 0 < int(name) < WIDTH]
        return [Tile(tile.level, tile.index, width) for width in sorted(widths, reverse=True)]
    return []


def _wider(folder: Path, tile: Tile) -> list[Tile]:
    """Those of them that hold more than the tile does: a copy of the log may be longer."""
    return [one for one in _beside(folder, tile) if one.width > tile.width]


def _files(folder: Path, below: str) -> Iterator[tuple[str, bool]]:
    """Every path below a folder that is no folder itself, and whether it is a regular file. Raises OSError."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{below}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _files(folder / entry.name, f"{path}/")
        else:
            yield path, entry.is_file(follow_symlinks=False)
