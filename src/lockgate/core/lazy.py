"""Doors that load a room only when somebody enters it (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def door(package: str, rooms: Mapping[str, str]) -> Callable[[str], object]:
    """Return a module `__getattr__` which imports `name` from `rooms[name]` on first use.

    A stage's door must not import its shell: the jail imports `lockgate.train.jail.fit` in an
    environment without cryptography, and the gateway must not load the signer.
    """

    def __getattr__(name: str) -> object:
        if name in rooms:
            return getattr(import_module(rooms[name], package), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__
