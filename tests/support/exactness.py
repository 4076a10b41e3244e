"""A comparison with plain Pydantic that leaves nothing out: verdicts, reasons, order, and values bit by bit.

What the evaluator may say beyond Pydantic are its three documented rules (docs/adr/0007), worked out here anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from lockgate.contract.findings import clean
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.rows import Verdicts
from lockgate.contract.spec import ROW, SOURCE, Kind
from tests.support.contract_values import Table

Reason = tuple[str, str, str]
_OWN = {"lockgate_int64", "lockgate_type"}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments of a column have no zone
_KEPT: Mapping[Kind, Callable[[Any], bool]] = {
    "float": lambda value: isinstance(value, float | int) and not isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "timestamp": lambda value: isinstance(value, date),
    "other": lambda value: True,
}


def check_exact(model: type[BaseModel], table: Table, found: Verdicts) -> int:
    """Every row of `table` has plain Pydantic's verdict, reasons and values in `found`. Returns how many passed."""
    kinds = {entry.name: entry.kind for entry in field_table(model, None).columns}
    reasons = _reasons(found)
    rows: list[Any] = found.accepted.column(ROW).to_pylist()
    columns = {name: _cells(found.accepted.column(name), kind) for name, kind in kinds.items()}
    assert [*kinds, SOURCE, ROW] == found.accepted.schema.names
    assert sorted(set(rows)) == rows, "accepted rows are in order, each once"
    assert not set(rows) & reasons.keys()
    accepted = {row: {name: cells[place] for name, cells in columns.items()} for place, row in enumerate(rows)}
    records = table.records
    assert list(range(len(records))) == sorted([*accepted, *reasons]), "each row exactly once"
    for number, record in enumerate(records):
        expected = _expected(model, kinds, table.kind, record)
        got = accepted[number] if number in accepted else reasons[number]
        assert _comparable(got) == expected, (number, record)
    return len(accepted)


def _reasons(found: Verdicts) -> dict[int, list[Reason]]:
    """Reasons by row. Raises AssertionError when the quarantine is not in the order of the rows."""
    reasons: dict[int, list[Reason]] = {}
    entries: list[dict[str, Any]] = found.quarantine.to_pylist()
    assert sorted(entry["row"] for entry in entries) == [entry["row"] for entry in entries], "quarantine in order"
    for entry in entries:
        assert entry["source"] == "rows"
        reasons.setdefault(entry["row"], []).append((entry["field"], entry["rule"], entry["message"]))
    return reasons


def _comparable(got: Any) -> Any:
    """Reasons under a rule of Lockgate's own are compared without their wording."""
    if isinstance(got, list):
        return [(field, rule, "" if rule in _OWN else message) for field, rule, message in got]
    return got


def _expected(model: type[BaseModel], kinds: Mapping[str, Kind], source: str, record: Any) -> Any:
    """Values as `_cells` spells them, or reasons."""
    try:
        made = model.model_validate_json(record) if source == "jsonl" else model.model_validate(record)
        if not isinstance(made, model):
            raise TypeError(f"a validator made a {type(made).__name__} of the record")
        values = {name: getattr(made, name) for name in kinds}
    except ValidationError as error:
        return [(clean(".".join(map(str, e["loc"]))), e["type"], clean(e["msg"])) for e in error.errors()]
    except Exception as error:  # noqa: BLE001 - what Pydantic does not turn into a verdict
        return [("", "lockgate_raised", clean(f"the contract's code raised {type(error).__name__}: {error}"))]
    misfits = [(name, rule, "") for name, kind in kinds.items() if (rule := _misfit(kind, values[name]))]
    return misfits or {name: _spelled(kind, values[name]) for name, kind in kinds.items()}


def _misfit(kind: Kind, value: Any) -> str | None:
    """The rule of ours that refuses a value which Pydantic accepted."""
    plain = value.value if isinstance(value, Enum) and kind != "other" else value
    if plain is None:
        return None
    if not _KEPT[kind](plain):
        return "lockgate_type"
    if kind == "int" and not -(2**63) <= plain < 2**63:
        return "lockgate_int64"
    try:
        _spelled(kind, value)
    except (ValueError, OverflowError, TypeError, RecursionError):
        return "lockgate_type"
    return None


def _spelled(kind: Kind, value: Any) -> str | None:
    """One text per value, such that different bits give different texts."""
    if kind == "other":
        return None if value is None else _json(value)
    plain = value.value if isinstance(value, Enum) else value
    if plain is None:
        return None
    if kind == "float":
        if isinstance(plain, int) and abs(plain) > 2**53:
            raise OverflowError("a whole number that float64 may not hold")
        return repr(float(plain))
    if kind == "timestamp":
        return str(_microseconds(plain))
    if kind == "string":
        return repr(str.__str__(plain).encode().decode())
    return repr(int(plain) if kind == "int" else bool(plain))


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        return f'"{value}"'
    return to_json(value, inf_nan_mode="constants", serialize_unknown=True).decode()


def _microseconds(value: date) -> int:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a date has no zone
    offset = value.utcoffset() or timedelta()
    return (value.replace(tzinfo=None) - _EPOCH - offset) // timedelta(microseconds=1)


def _cells(column: pa.Array[Any], kind: Kind) -> Sequence[str | None]:
    """The values of an accepted column, spelled as `_spelled` does."""
    wanted: Mapping[Kind, pa.DataType] = {
        "float": pa.float64(),
        "int": pa.int64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "timestamp": pa.timestamp("us"),
        "other": pa.string(),
    }
    assert wanted[kind] == column.type
    if kind == "timestamp":
        column = column.cast(pa.int64())
    cells: list[Any] = column.to_pylist()
    return [cell if cell is None or kind == "other" else repr(cell) for cell in cells]
