"""What may lie in a log folder, and what lies beyond the checkpoint because a write was interrupted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lockgate.audit.log import VKEY
from lockgate.audit.tiles import WIDTH, Tile, broken, parse_path

CHECKPOINT = "checkpoint"
NEXT_CHECKPOINT = "checkpoint.next"
AGAIN_CHECKPOINT = "checkpoint.again"
"""What `checkpoint.next` is written anew as before it is carried through."""
NEXT_VKEY = f"{VKEY}.next"
TILES = "tile"


def listing(log_dir: Path) -> tuple[list[str], list[Tile]]:
    """Every file of the folder: the names at its top, and the tiles. Raises VerificationFailed LG709.

    Anything that is not a regular file or folder under a name that the log itself would give is refused.
    """
    tops: list[str] = []
    tiles: list[Tile] = []
    for path in _files(log_dir, ""):
        if path in (CHECKPOINT, NEXT_CHECKPOINT, AGAIN_CHECKPOINT, VKEY, NEXT_VKEY):
            tops.append(path)
            continue
        try:
            tiles.append(parse_path(path))
        except ValueError:
            raise broken("LG709", "an unknown file lies in the log's folder", file=path) from None
    return tops, sorted(tiles)


def beyond(log_dir: Path, size: int) -> Iterator[Tile]:
    """The files that belong to no tree of `size`, found by listing only the folders on the right edge and after it.

    Raises VerificationFailed LG709 for a link to a folder, as `outlived` and `superseded` do.
    """
    for name in _names(log_dir, TILES):
        try:
            level = parse_path(f"{TILES}/{name}/000").level
        except ValueError:
            continue
        edge = Tile(level, (size >> 8 * max(level, 0)) // WIDTH)
        for path in _from(log_dir, f"{TILES}/{name}", edge.path.split("/")[2:]):
            try:
                tile = parse_path(path)
            except ValueError:
                continue
            if tile.width > tile.within(size):
                yield tile


def outlived(log_dir: Path, size: int) -> Iterator[Tile]:
    """Full tiles of a tree of `size` beside which partial ones still lie. Lists the whole folder, reads no file."""
    for name in _names(log_dir, TILES):
        for path in _doubled(log_dir, f"{TILES}/{name}"):
            try:
                tile = parse_path(path)
            except ValueError:
                continue
            if tile.within(size) == WIDTH:
                yield tile


def _doubled(log_dir: Path, folder: str) -> Iterator[str]:
    names = _names(log_dir, folder)
    there = set(names)
    for name in names:
        if name.startswith("x") and "." not in name:
            yield from _doubled(log_dir, f"{folder}/{name}")
        elif name.endswith(".p") and name[:-2] in there:
            yield f"{folder}/{name[:-2]}"


def superseded(log_dir: Path, full: Tile) -> list[Tile]:
    """The partial tiles that lie beside a full one."""
    partials = (Tile(full.level, full.index, width) for width in range(1, WIDTH))
    names = set(_names(log_dir, f"{full.path}.p"))
    return [tile for tile in partials if str(tile.width) in names]


def _from(log_dir: Path, folder: str, edge: list[str]) -> Iterator[str]:
    """The files below `folder`, without those in sub-folders that lie before the tile with the path parts `edge`."""
    for name in _names(log_dir, folder):
        path = f"{folder}/{name}"
        if name.startswith("x"):
            if len(edge) > 1 and name < edge[0]:
                continue
            yield from _from(log_dir, path, edge[1:] if len(edge) > 1 and name == edge[0] else [])
        elif name.endswith(".p"):
            yield from (f"{path}/{width}" for width in _names(log_dir, path))
        else:
            yield path


def is_own(log_dir: Path, path: str) -> bool:
    """Whether every folder above a path of the log is one, and no link: what is written there stays in the log."""
    folders = Path(path).parents
    return all(stat.S_ISDIR(mode) for one in folders if (mode := _mode(log_dir / one)) and one != Path())


def check_folder(log_dir: Path, folder: str) -> None:
    """Raise VerificationFailed LG709 for a link where a folder of the log should be: behind it is another's."""
    if stat.S_ISLNK(_mode(log_dir / folder)):
        raise broken("LG709", "a link lies where the log has a folder", file=folder)


def _mode(path: Path) -> int:
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _names(log_dir: Path, folder: str) -> list[str]:
    """What lies in a folder of the log; nothing where there is none. Raises VerificationFailed LG709 for a link."""
    check_folder(log_dir, folder)
    try:
        return sorted(os.listdir(log_dir / folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(folder: Path, below: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{below}{entry.name}"
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from _files(folder / entry.name, f"{path}/")
        elif stat.S_ISREG(mode):
            yield path
        else:
            raise broken("LG709", "the log's folder holds something that is no regular file", file=path)
