"""What the reading jail says of its reading, and the only form in which it is believed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.contract.spec import SOURCE_KINDS, SourceKind
from lockgate.core.encoding import decode_exact


@dataclass(frozen=True)
class Account:
    """What the jail says of its reading. `rows` per file, in the order of the capture; `columns` name and type."""

    kind: SourceKind
    columns: tuple[dict[str, str], ...]
    rows: tuple[int, ...]


def parse_account(data: bytes, names: Sequence[str]) -> Account:
    """read.json, checked against the captured `names`. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"kind", "columns", "files", "rows"}:
        raise ValueError("read.json has exactly kind, columns, files and rows")
    if value["kind"] not in SOURCE_KINDS:
        raise ValueError("an unknown kind of source")
    entries = value["files"]
    if not isinstance(entries, list) or len(entries) != len(names):
        raise ValueError("not one entry per file")
    rows = tuple(_rows(entry, name, value["kind"]) for entry, name in zip(entries, names, strict=True))
    if value["rows"] != sum(rows) or not sum(rows):
        raise ValueError("the rows do not add up")
    return Account(value["kind"], tuple(_columns(value["columns"])), rows)


def _rows(entry: Any, name: str, kind: str) -> int:
    if not isinstance(entry, dict) or set(entry) != {"name", "format", "rows"} or entry["name"] != name:
        raise ValueError(f"the entry of {name} is not in form")
    rows = entry["rows"]
    if type(rows) is not int or rows < 0 or entry["format"] != kind:
        raise ValueError(f"rows or format of {name} are not in form")
    return rows


def _columns(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise ValueError("columns must be a list")
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != {"name", "type"}:
            raise ValueError("a column has exactly name and type")
        if not all(isinstance(text, str) for text in entry.values()):
            raise ValueError("a column's name and type are texts")
    return value
