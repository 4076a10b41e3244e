"""Tables that say only how they differ from another: `[model.NAME.data]` over `[data]`. Pure.

Promises: a key that the nearer table does not say has the value of the farther one, else its default; one without a
default that neither says is told. A table of names of your own (`[train.params]`) is joined by name, and what stands
under a name is taken whole; so is a list of tables, unless it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from lockgate.core.strict import REQUIRED, Item, Key, Named, Table
from lockgate.core.toml_lines import Path

UNSAID = None
"""The value of a key that a file need not say, and does not. No kind of value reads as this."""


def lenient(table: Table) -> Table:
    """`table`, in which what must be said may be left out, for a nearer table to say it."""
    return _each(table, lambda key: replace(key, default=UNSAID) if key.default is REQUIRED else key)


def differing(table: Table) -> Table:
    """`table`, in which every key may be left out and has no default."""
    return _each(table, lambda key: replace(key, default=UNSAID))


def joined(table: Table, far: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `near` (read as `differing` says) over those of `far`."""
    return {name: _joined(item, far[name], near[name]) for name, item in table.items.items()}


def missing(table: Table, values: Mapping[str, Any]) -> Iterator[tuple[str, Key]]:
    """The keys that must be said, and that neither table said."""
    for name, item in table.items.items():
        if isinstance(item, Key) and item.default is REQUIRED and values[name] is UNSAID:
            yield name, item


def nearer_lines(lines: Mapping[Path, int], path: Path) -> dict[Path, int]:
    """Where each key stands when the tables below `path` are laid over those at the top."""
    near = {found[len(path) :]: line for found, line in lines.items() if found[: len(path)] == path != found}
    return {**lines, **near}


def _each(table: Table, change: Callable[[Key], Key]) -> Table:
    return replace(
        table, items={name: change(item) if isinstance(item, Key) else item for name, item in table.items.items()}
    )


def _joined(item: Item, far: Any, near: Any) -> Any:
    match item:
        case Key():
            return far if near is UNSAID else near
        case Named():
            return {**far, **near}
        case Table():
            return joined(item, far, near)
        case _:
            return near or far
