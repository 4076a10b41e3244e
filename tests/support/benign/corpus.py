"""All benign files, in an order that never changes, and the same as a folder on disk."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.support.benign import arrays, boosters, documents, onnx_models
from tests.support.benign.case import Benign

_MAKERS = (arrays, boosters, documents, onnx_models)


@cache
def benign() -> tuple[Benign, ...]:
    """Each file once."""
    found: dict[tuple[str, bytes], Benign] = {}
    for maker in _MAKERS:
        for one in maker.all_of_them():
            found.setdefault((one.name, one.data), one)
    return tuple(found.values())


def write(folder: Path) -> dict[str, Benign]:
    """Each file in a folder of its own; by its path beneath `folder`."""
    placed: dict[str, Benign] = {}
    for number, one in enumerate(benign()):
        home = folder / f"{number:04}"
        home.mkdir(parents=True)
        for name, data in {**one.beside, one.name: one.data}.items():
            (home / name).write_bytes(data)
        placed[f"{number:04}/{one.name}"] = one
    return placed
