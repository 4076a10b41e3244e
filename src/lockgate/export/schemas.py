"""JSON Schema (2020-12) of lockgate.toml and policy.toml, for editors: made from the tables that read them. Pure.

Promises: what the reader takes, the schema takes. The reader alone knows the rest (a licence, a path that leaves the
project, what one key says of another): a file without a mark in the editor can still be refused, with its line. What a
person writes is described as they write it: sizes and times as texts with their unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lockgate.core.strict import REQUIRED, Item, Key, Many, Named, Table

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(table: Table, title: str, *, without: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The schema of a whole file.

    `without`: of a table whose keys need not all be said, the name of the other table that may say them instead.
    """
    found = _table(table)
    for name, other in (without or {}).items():
        needed = found["properties"][name].pop("required", [])
        found["required"] = [each for each in found.get("required", ()) if each != name]
        found["if"] = {"required": [other], "properties": {other: {"minProperties": 1}}}
        found["else"] = {"required": [name], "properties": {name: {"required": needed}}}
    return {"$schema": DIALECT, "title": title, **found}


def _item(item: Item) -> dict[str, Any]:
    match item:
        case Key():
            return _key(item)
        case Table():
            return _table(item)
        case Named(item=inner):
            return {"type": "object", "additionalProperties": _item(inner), **_about(item.help)}
        case Many(table=table):
            return {"type": "array", "items": _table(table), **_about(item.help)}


def _table(table: Table) -> dict[str, Any]:
    """No other keys than those of `table`; what must be said is required, in tables below too."""
    needed = [name for name, item in table.items.items() if _is_needed(item)]
    return {
        "type": "object",
        **_about(table.help),
        "properties": {name: _item(item) for name, item in table.items.items()},
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }


def _is_needed(item: Item) -> bool:
    match item:
        case Key():
            return item.default is REQUIRED
        case Table():
            return any(_is_needed(inner) for inner in item.items.values())
        case _:
            return False


def _key(key: Key) -> dict[str, Any]:
    said = f"{key.help} Expects {key.kind.expects}." if key.help else f"Expects {key.kind.expects}."
    return {**key.kind.shape, "description": said, **_default(key)}


def _default(key: Key) -> dict[str, Any]:
    """The default, where a person would write it as it is kept: seconds and bytes are written otherwise."""
    value = list(key.default) if isinstance(key.default, tuple) else key.default
    if value is REQUIRED or not isinstance(value, str | bool | int | float | list):
        return {}
    try:
        same = bool(key.kind.read(value) == key.default)
    except ValueError:
        return {}
    return {"default": value} if same else {}


def _about(text: str) -> dict[str, str]:
    return {"description": text} if text else {}
