"""All hostile files, in an order that never changes, and the same as a folder on disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.support.hostile import (
    archives,
    arrays,
    onnx_bombs,
    onnx_bytes,
    onnx_external,
    onnx_graphs,
    onnx_trees,
    pickles,
    polyglots,
    programs,
    settings,
    templates,
    tensors,
    wrapped,
)
from tests.support.hostile.case import Hostile

_MAKERS = (
    pickles,
    polyglots,
    wrapped,
    archives,
    arrays,
    tensors,
    onnx_bytes,
    onnx_external,
    onnx_graphs,
    onnx_bombs,
    onnx_trees,
    settings,
    templates,
    programs,
)


@cache
def hostile() -> tuple[Hostile, ...]:
    """Each file once: two with the same name, bytes and neighbours count as one."""
    found: dict[tuple[object, ...], Hostile] = {}
    for maker in _MAKERS:
        for one in maker.all_of_them():
            found.setdefault((one.name, one.data, tuple(sorted(one.beside.items()))), one)
    return tuple(found.values())


def families() -> Mapping[str, int]:
    """How many there are of each."""
    return Counter(one.family for one in hostile())


def write(folder: Path) -> dict[str, Hostile]:
    """Each file in a folder of its own; by its path beneath `folder`. What cannot be a file's name is left out."""
    placed: dict[str, Hostile] = {}
    for number, one in enumerate(hostile()):
        home = folder / f"{number:04}"
        for name, data in {**one.beside, one.name: one.data}.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        placed[f"{number:04}/{one.name}"] = one
    return placed


def write_odd(folder: Path) -> tuple[str, ...]:
    """What is no regular file: links, a pipe, a folder that links to itself. Their names beneath `folder`."""
    folder.mkdir()
    (folder / "target.txt").write_bytes(b"A harmless text.\n")
    os.mkfifo(folder / "pipe.txt")
    (folder / "link.txt").symlink_to("target.txt")
    (folder / "out.txt").symlink_to("/etc/hostname")
    (folder / "nowhere.txt").symlink_to("/nonexistent/lockgate")
    (folder / "loop").symlink_to(".", target_is_directory=True)
    return ("pipe.txt", "link.txt", "out.txt", "nowhere.txt", "loop")
