"""Look at each column of a snapshot and write /out/profile.json: kind, nulls, bounds, categories. Runs in the jail.

Trusts nothing: the snapshot is a stranger's data. Gives counts and a few values, never rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FEW = 20
BOOKKEEPING = ("__source__", "__row__")
_SPELLINGS = (
    ("int", re.compile(r"-?[0-9]{1,17}\Z")),
    ("float", re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\Z")),
    ("bool", re.compile(r"(true|false|True|False|TRUE|FALSE)\Z")),
    ("date", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")),
    ("datetime", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?Z?\Z")),
)


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - the harness hands every target its arguments
    """Read /in/snapshot.parquet, write /out/profile.json."""
    table = _unpacked(pq.read_table("/in/snapshot.parquet"))
    columns = [_column(name, table[name]) for name in table.column_names if name not in BOOKKEEPING]
    with open("/out/profile.json", "w", encoding="utf-8") as out:
        json.dump({"rows": table.num_rows, "columns": columns}, out, ensure_ascii=False, default=str)


def _unpacked(table: pa.Table) -> pa.Table:
    """JSON Lines arrive as one column of verbatim lines: read them as Python values."""
    kind = (table.schema.metadata or {}).get(b"lockgate.kind", b"parquet").decode()
    if kind != "jsonl":
        return table
    return pa.Table.from_pylist([json.loads(line) for line in table["json"].to_pylist()])


def _column(name: str, values: pa.ChunkedArray) -> dict[str, Any]:
    present = values.drop_null()
    kind = _kind(present)
    distinct = pc.count_distinct(present).as_py() if _is_flat(values.type) else len(present)
    found: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "nulls": values.null_count,
        "rows": len(values),
        "distinct": distinct,
    }
    if kind in ("int", "float"):
        numbers = pc.cast(pc.utf8_trim_whitespace(present), pa.float64()) if _is_text(values.type) else present
        bounds = pc.min_max(numbers)
        found |= {"least": bounds["min"].as_py(), "most": bounds["max"].as_py()}
    if kind in ("string", "int") and distinct <= FEW:
        found["values"] = sorted(pc.unique(present).to_pylist(), key=str)
    return found


def _kind(present: pa.ChunkedArray) -> str:
    kind = present.type
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float"
    if pa.types.is_timestamp(kind):
        return "datetime"
    if pa.types.is_date(kind):
        return "date"
    return _spelled(present) if _is_text(kind) else "other"


def _spelled(present: pa.ChunkedArray) -> str:
    texts = pc.unique(present).to_pylist()
    if not texts:
        return "string"
    for kind, form in _SPELLINGS:
        if all(form.match(text) for text in texts) and _really(kind, texts):
            # A number with leading zeros is a code (a postcode, an account), not a quantity.
            if kind == "int" and any(len(t.lstrip("-")) > 1 and t.lstrip("-").startswith("0") for t in texts):
                return "string"
            return kind
    return "string"


def _really(kind: str, texts: Sequence[str]) -> bool:
    """A date's spelling is not yet a date: 2024-02-31 has one too."""
    try:
        for text in texts:
            if kind == "date":
                date.fromisoformat(text)
            elif kind == "datetime":
                datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_flat(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind)
