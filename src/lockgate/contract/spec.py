"""What a contract's fields are, as data: the field table. Pure.

The table is made in the jail that imports the user's code (`contract.jail.columns`) and is not trusted
further than its form: `parse_table` accepts nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from lockgate.core.wire import ColumnType

SOURCE = "__source__"
ROW = "__row__"
BOOKKEEPING = (SOURCE, ROW)
"""Columns that every snapshot and every table of accepted rows carries last: int32 index into the manifest's
files, int64 zero-based row within that file."""

KIND_KEY = b"lockgate.kind"
"""Schema metadata of a snapshot: `parquet` (typed columns), `csv` (strings) or `jsonl` (one column, `json`)."""

JSON_COLUMN = "json"
FIELDS_KEY = b"lockgate.fields"
"""Schema metadata of accepted rows: the field table as exact JSON."""

ACCEPTED = "accepted.parquet"
QUARANTINE = "quarantine.parquet"
PLAN = "plan.json"

SourceKind = Literal["parquet", "csv", "jsonl"]
SOURCE_KINDS: tuple[SourceKind, ...] = get_args(SourceKind)

Kind = Literal["float", "int", "bool", "string", "timestamp", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""`timestamp` is a date or a datetime, int64 microseconds since the epoch for the model; `other` is kept as JSON
text and cannot be a model input."""

WIRE: Mapping[str, ColumnType] = {
    "float": "float64",
    "int": "int64",
    "bool": "bool",
    "string": "string",
    "timestamp": "int64",
}
"""The wire column of each kind that a model can be given."""

_MAX_FIELDS = 10_000


@dataclass(frozen=True)
class ContractField:
    """One field. `label` is true of the label and of what is computed from it: not there at inference."""

    name: str
    kind: Kind
    optional: bool = False
    label: bool = False

    def as_json(self) -> dict[str, object]:
        """The field as reports and `io.json` carry it."""
        return {"name": self.name, "kind": self.kind, "optional": self.optional, "label": self.label}


@dataclass(frozen=True)
class FieldTable:
    """A contract's fields in the order of the model, then its computed fields."""

    model: str
    fields: tuple[ContractField, ...]
    computed: tuple[ContractField, ...] = ()

    @property
    def columns(self) -> tuple[ContractField, ...]:
        """Every column of the accepted rows but the bookkeeping."""
        return self.fields + self.computed

    @property
    def inputs(self) -> tuple[ContractField, ...]:
        """What a model can be given at inference."""
        return tuple(field for field in self.columns if not field.label and field.kind != "other")

    def as_json(self) -> dict[str, object]:
        """The table as reports carry it."""
        return {
            "model": self.model,
            "fields": [field.as_json() for field in self.fields],
            "computed": [field.as_json() for field in self.computed],
        }


def parse_table(value: object) -> FieldTable:
    """Read what `FieldTable.as_json` wrote. Raises ValueError on any other form."""
    if not isinstance(value, dict) or set(value) != {"model", "fields", "computed"}:
        raise ValueError("a field table has exactly model, fields and computed")
    if not isinstance(value["model"], str):
        raise ValueError("the model's name must be a string")
    table = FieldTable(value["model"], _fields(value["fields"]), _fields(value["computed"]))
    names = [field.name for field in table.columns]
    if len(set(names)) != len(names) or set(names) & set(BOOKKEEPING):
        raise ValueError("field names must be distinct and not reserved")
    return table


def _fields(value: object) -> tuple[ContractField, ...]:
    if not isinstance(value, list) or len(value) > _MAX_FIELDS:
        raise ValueError("fields must be a list within its limit")
    return tuple(_field(entry) for entry in value)


def _field(value: object) -> ContractField:
    if not isinstance(value, dict) or set(value) != {"name", "kind", "optional", "label"}:
        raise ValueError("a field has exactly name, kind, optional and label")
    entry = cast("Mapping[str, Any]", value)
    if not isinstance(entry["name"], str) or entry["kind"] not in KINDS:
        raise ValueError("a field's name or kind is not one of ours")
    if type(entry["optional"]) is not bool or type(entry["label"]) is not bool:
        raise ValueError("optional and label are true or false")
    return ContractField(entry["name"], entry["kind"], entry["optional"], entry["label"])
