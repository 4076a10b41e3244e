"""The tensors of a checkpoint by name, each as contiguous bytes. Pure, but for the storages that are read.

Names are the path to the tensor, joined with dots: `model.layer.weight`, `optimizer.state.0.exp_avg`. What is no tensor
(an epoch, a learning rate) has no place in the result; its path is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lockgate.register.jail.torch_file import Checkpoint
from lockgate.register.jail.torch_pickle import TYPES, View, malformed

DEEPEST: Final = 32
MOST_VALUES: Final = 500_000
LONGEST_NAME: Final = 1000
ALONE: Final = "tensor"
"""The name of a tensor that was saved by itself."""
_NUMPY: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True)
class Found:
    """Tensors by name in the file's order, and the paths of what else was there."""

    tensors: Mapping[str, View]
    dropped: tuple[str, ...]


def found(value: Any) -> Found:
    """All tensors inside `value`. Raises Refused LG483: too deep, too much, or two of one name."""
    tensors: dict[str, View] = {}
    dropped: dict[str, None] = {}
    for path, one in _walk(value):
        if not isinstance(one, View):
            dropped[path] = None
        elif path in tensors or path == "__metadata__":
            raise malformed(f"two tensors in it have the name {path[:80]!r}")
        else:
            tensors[path or ALONE] = one
    return Found(tensors, tuple(dropped))


def size_of(view: View) -> int:
    """Its bytes when contiguous."""
    return prod(view.shape) * TYPES[view.kind][1]


def contiguous(view: View, storage: bytes) -> bytes:
    """The bytes of `view` in the order of its elements. Raises Refused LG483 when it reaches beyond its storage."""
    width = TYPES[view.kind][1]
    elements = np.frombuffer(storage[: len(storage) // width * width], dtype=_NUMPY[width])
    if 0 in view.shape:
        return b""
    # The stride of a single element leads nowhere, and may be any number.
    steps = [stride if size > 1 else 0 for size, stride in zip(view.shape, view.strides, strict=True)]
    last = view.offset + sum((size - 1) * step for size, step in zip(view.shape, steps, strict=True))
    if min((view.offset, *view.shape, *steps)) < 0 or last >= len(elements):
        raise malformed("a tensor reaches beyond its storage", last=last, elements=len(elements))
    strides = tuple(step * width for step in steps)
    # Numpy checks nothing here: every index from 0 to the largest, `last`, was found to be inside.
    inside = as_strided(elements[view.offset :], shape=view.shape, strides=strides, writeable=False)
    return (inside ^ elements.dtype.type(view.flipped)).tobytes() if view.flipped else inside.tobytes()


def shared(tensors: Mapping[str, View]) -> list[list[str]]:
    """Groups of names whose tensors are views of one storage: safetensors keeps each by itself."""
    groups: dict[str, list[str]] = {}
    for name, view in tensors.items():
        groups.setdefault(view.storage.key, []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def read_all(checkpoint: Checkpoint, tensors: Mapping[str, View]) -> Iterator[tuple[str, bytes]]:
    """Each tensor's bytes, storage by storage, so that each is read once and no two are held."""
    groups: dict[str, list[str]] = {}
    for name, view in tensors.items():
        groups.setdefault(view.storage.key, []).append(name)
    for names in groups.values():
        data = checkpoint.read(tensors[names[0]].storage)
        for name in names:
            yield name, contiguous(tensors[name], data)


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every leaf with its path, in the file's order; without recursion, which a deep file would exhaust."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    values = 0
    while waiting:
        path, one, depth = waiting.pop()
        values += 1
        if depth > DEEPEST or values > MOST_VALUES:
            raise malformed("its values are nested too deeply, or within each other", deepest=DEEPEST, most=MOST_VALUES)
        inner = list(one.items()) if isinstance(one, dict) else list(enumerate(one)) if _is_list(one) else None
        if inner is None:
            yield path, one
            continue
        if len(inner) + values > MOST_VALUES:
            raise malformed("it holds more values than the limit", most=MOST_VALUES)
        waiting += [(_joined(path, key), child, depth + 1) for key, child in reversed(inner)]


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _joined(path: str, key: object) -> str:
    if not isinstance(key, str | int):
        raise malformed("a name in it is neither text nor number")
    name = f"{path}.{key}" if path else str(key)
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise malformed("a name in it is too long, or has signs that no name has")
    return name
