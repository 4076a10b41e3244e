"""What a fetching jail says of its fetching, and the only form in which it is believed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockgate.core.encoding import decode_exact

_MAX_OBJECTS = 10_000
_MAX_VERSION = 256


@dataclass(frozen=True)
class Listed:
    """One object. `size` is -1 where it is not known; `version` is empty where the store has none."""

    name: str
    size: int
    version: str


def parse_seen(data: bytes, patterns: int) -> list[list[Listed]]:
    """seen.json of `jail.fetch`: the objects of each pattern, of which none is empty. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"patterns"}:
        raise ValueError("it has exactly patterns")
    groups = value["patterns"]
    if not isinstance(groups, list) or len(groups) != patterns:
        raise ValueError("not one entry per pattern")
    found = [_group(group) for group in groups]
    if sum(len(group) for group in found) > _MAX_OBJECTS:
        raise ValueError("too many objects")
    return found


def parse_rows(data: bytes) -> int:
    """seen.json of `jail.query`: the number of rows. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"rows"} or type(value["rows"]) is not int or value["rows"] < 0:
        raise ValueError("it has exactly rows")
    return int(value["rows"])


def _group(value: Any) -> list[Listed]:
    if not isinstance(value, list) or not value:
        raise ValueError("a pattern has at least one object")
    return [_listed(entry) for entry in value]


def _listed(entry: Any) -> Listed:
    if not isinstance(entry, dict) or set(entry) != {"name", "size", "version"}:
        raise ValueError("an object has exactly name, size and version")
    name, size, version = entry["name"], entry["size"], entry["version"]
    if not isinstance(name, str) or type(size) is not int or size < -1:
        raise ValueError("an object's name or size is not in form")
    if not isinstance(version, str) or len(version) > _MAX_VERSION or not version.isprintable():
        raise ValueError("an object's version is not in form")
    return Listed(name, size, version)
