"""Look at each column of a snapshot and write /out/profile.json: kind, nulls, bounds, categories. Runs in the jail.

Trusts nothing: the snapshot is a stranger's data. Gives counts, a few values, and three records as a sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode

FEW = 20
SAMPLE = 3
BOOKKEEPING = ("__source__", "__row__")
_SPELLINGS = (
    ("int", re.compile(r"-?[0-9]{1,17}\Z")),
    ("float", re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\Z")),
    ("bool", re.compile(r"(true|false|True|False|TRUE|FALSE)\Z")),
    ("date", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")),
    ("datetime", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?Z?\Z")),
)
_VALUES = (("bool", bool), ("int", int), ("float", float), ("datetime", datetime), ("date", date), ("string", str))


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments."""
    del arguments
    read_task()
    guarded(_profile, out_dir(), unexpected="LG957")


def _profile() -> None:
    table = pq.read_table(data_dir() / "snapshot.parquet")
    columns = _columns(table)
    rows = table.num_rows
    described = [_column(name, values) for name, values in columns.items() if name not in BOOKKEEPING]
    sample = [
        {c["name"]: _plain(columns[c["name"]][row], c["kind"]) for c in described} for row in range(min(SAMPLE, rows))
    ]
    (out_dir() / "profile.json").write_bytes(encode({"rows": rows, "columns": described, "sample": sample}))


def _columns(table: pa.Table) -> dict[str, list[Any]]:
    """Columns as Python values; JSON Lines arrive as one column of verbatim lines."""
    if (table.schema.metadata or {}).get(b"lockgate.kind") != b"jsonl":
        return {name: table[name].to_pylist() for name in table.column_names}
    records = [json.loads(str(line)) for line in table["json"].to_pylist()]
    names = dict.fromkeys(key for record in records if isinstance(record, dict) for key in record)
    return {name: [record.get(name) if isinstance(record, dict) else None for record in records] for name in names}


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    kind = _kind(present)
    distinct = len(set(present)) if kind != "other" else len(present)
    found: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "nulls": len(values) - len(present),
        "rows": len(values),
        "distinct": distinct,
    }
    if kind in ("int", "float") and present:
        numbers = [number for number in map(float, present) if number == number]  # noqa: PLR0124 - NaN
        if numbers and all(abs(number) != float("inf") for number in (min(numbers), max(numbers))):
            found |= {"least": min(numbers), "most": max(numbers)}
    if kind in ("string", "int") and distinct <= FEW:
        found["values"] = sorted(set(present), key=str)
    return found


def _kind(present: Sequence[Any]) -> str:
    if not present:
        return "string"
    if all(isinstance(value, str) for value in present):
        return _spelled(set(present))
    for kind, python in _VALUES:
        if all(isinstance(value, python) and (kind == "bool" or not isinstance(value, bool)) for value in present):
            return kind
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return "float"
    return "other"


def _spelled(texts: Iterable[str]) -> str:
    """What a column of texts, such as a CSV's, spells throughout."""
    for kind, form in _SPELLINGS:
        if all(form.match(text) for text in texts) and _really(kind, texts):
            # A number with leading zeros is a code (a postcode, an account), not a quantity.
            coded = kind == "int" and any(re.match(r"-?0[0-9]", text) for text in texts)
            return "string" if coded else kind
    return "string"


def _really(kind: str, texts: Iterable[str]) -> bool:
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


def _plain(value: Any, kind: str) -> Any:
    """A value as a client would write it in JSON."""
    if value is None or kind == "other":
        return None
    if isinstance(value, str):
        readers: Mapping[str, Any] = {"int": int, "float": float, "bool": lambda text: text.lower() == "true"}
        return readers[kind](value) if kind in readers else value
    return value.isoformat() if isinstance(value, date) else value
