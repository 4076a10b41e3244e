"""What kind of value each field of a contract holds, and columns of such values. Read from the core schema.

The core schema is what pydantic-core runs, so that `AwareDatetime`, constrained types and type aliases need no
rules of their own. A node that is not known here makes the field `other`: kept as JSON text, no model input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from lockgate.contract.declare import is_label_only
from lockgate.contract.spec import ContractField, FieldTable, Kind

ARROW: Mapping[Kind, pa.DataType] = {
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
    "other": pa.string(),
}
"""A timestamp is in UTC where the contract's value knows its zone."""

MISFITS = (pa.ArrowException, TypeError, OverflowError, ValueError, RecursionError)
"""What a value raises that a column cannot hold."""

_SIMPLE: Mapping[str, Kind] = {
    "float": "float",
    "int": "int",
    "bool": "bool",
    "str": "string",
    "date": "timestamp",
    "datetime": "timestamp",
}
_INNER = {
    "default": "schema",
    "function-after": "schema",
    "function-before": "schema",
    "function-wrap": "schema",
    "lax-or-strict": "lax_schema",
    "json-or-python": "python_schema",
    "definitions": "schema",
    "model": "schema",
    "model-field": "schema",
}
_PYTHON: Mapping[type, Kind] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    datetime: "timestamp",
    date: "timestamp",
}
_FITS: Mapping[Kind, tuple[type, ...]] = {
    "float": (float, int),
    "int": (int,),
    "bool": (bool,),
    "string": (str,),
    "timestamp": (datetime, date),
    "other": (object,),
}
_OWN: Mapping[Kind, frozenset[type]] = {
    "float": frozenset({float, int, type(None)}),
    "int": frozenset({int, type(None)}),
    "bool": frozenset({bool, type(None)}),
    "string": frozenset({str, type(None)}),
    "timestamp": frozenset({datetime, date, type(None)}),
    "other": frozenset(),
}
"""The types of values that a column of each kind holds as they are."""


def field_table(model: type[BaseModel], label: str | None) -> FieldTable:
    """The field table of `model`. Computed fields that are declared label-only count as the label."""
    fields = []
    definitions: dict[str, Any] = {}
    for name, schema in _model_fields(model.__pydantic_core_schema__, definitions).items():
        kind, optional = _kind(schema, definitions)
        annotation: Any = model.model_fields[name].annotation
        if kind == "other" and isinstance(annotation, type):
            kind = _PYTHON.get(annotation, kind)
        fields.append(ContractField(name, kind, optional, name == label))
    computed = []
    for name, entry in model.model_computed_fields.items():
        own: dict[str, Any] = {}
        kind, optional = _kind(TypeAdapter(entry.return_type).core_schema, own)
        computed.append(ContractField(name, kind, optional, is_label_only(entry.wrapped_property)))
    return FieldTable(model.__name__, tuple(fields), tuple(computed))


def column(field: ContractField, values: Sequence[Any]) -> pa.Array[Any]:
    """`values` as Arrow. Raises pa.ArrowException, TypeError, OverflowError or ValueError when one does not fit."""
    types = set(map(type, values))
    # Arrow makes 2 of 2.5 and 1.0 of True without a word: what is not of the field's own types is looked at one by one.
    if not types <= _OWN[field.kind] and any(wrong_kind(field, value) is not None for value in values):
        raise TypeError(f"not every value is {field.kind}")
    plain = [plain_value(field.kind, value) for value in values] if _needs_work(field.kind, types) else values
    return pa.array(plain, ARROW[field.kind], from_pandas=False)


def in_int64(value: int) -> bool:
    """Whether a whole number fits 64 bits. A range would walk through all of them for a subclass of int."""
    return -(2**63) <= int(value) < 2**63


def misfit(field: ContractField, value: Any) -> tuple[str, str] | None:
    """Why `value`, which Pydantic accepted, cannot stand in the column: rule and message, or None when it can."""
    found = wrong_kind(field, value)
    if found is None and value is not None:
        try:
            column(field, [value])
        except MISFITS as error:
            return "lockgate_type", f"the value cannot be kept as {field.kind}: {type(error).__name__}"
    return found


def wrong_kind(field: ContractField, value: Any) -> tuple[str, str] | None:
    """`misfit` as far as the Python type tells."""
    plain = value.value if isinstance(value, Enum) and field.kind != "other" else value
    if plain is None:
        return None
    truth = isinstance(plain, bool) and field.kind in ("int", "float")
    if truth or not isinstance(plain, _FITS[field.kind]):
        return "lockgate_type", f"the contract says {field.kind}, its validators gave {type(plain).__name__}"
    if field.kind == "int" and isinstance(plain, int) and not in_int64(plain):
        return "lockgate_int64", "Lockgate keeps whole numbers in 64 bits"
    return None


def plain_value(kind: Kind, value: Any) -> Any:
    """`value` as the column holds it: an enum's value, a date as midnight, `other` as JSON text."""
    if value is None:
        return None
    if kind == "other":
        return _json(value)
    if isinstance(value, Enum):
        value = value.value
    if kind == "timestamp" and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        return f'"{value}"'
    return to_json(value, inf_nan_mode="constants", serialize_unknown=True).decode()


def _needs_work(kind: Kind, types: set[type]) -> bool:
    if kind in ("other", "timestamp"):
        return kind == "other" or not types <= {datetime, type(None)}
    return not types <= _OWN[kind]


def _model_fields(schema: Mapping[str, Any], definitions: dict[str, Any]) -> Mapping[str, Any]:
    """The fields of the outermost model, through validators around it; collects definitions on the way."""
    while schema["type"] != "model-fields":
        if schema["type"] == "definitions":
            definitions.update({entry["ref"]: entry for entry in schema["definitions"]})
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        else:
            schema = schema[_INNER[schema["type"]]]
    fields: Mapping[str, Any] = schema["fields"]
    return fields


def _kind(schema: Mapping[str, Any], definitions: dict[str, Any], depth: int = 0) -> tuple[Kind, bool]:
    """Kind, and whether None is among the values."""
    name = schema["type"]
    if depth > 32 or name == "model":
        return "other", False
    if name in _SIMPLE:
        return _SIMPLE[name], False
    if name == "nullable":
        return _kind(schema["schema"], definitions, depth + 1)[0], True
    if name == "definition-ref":
        target = definitions.get(schema["schema_ref"])
        return _kind(target, definitions, depth + 1) if target else ("other", False)
    if name == "literal":
        return _of_values(schema["expected"])
    if name == "enum":
        return _of_values([member.value for member in schema["members"]])
    if name == "chain":
        return _kind(schema["steps"][-1], definitions, depth + 1)
    if name == "union":
        return _of_choices(schema["choices"], definitions, depth)
    if name in _INNER:
        if name == "definitions":
            definitions.update({entry["ref"]: entry for entry in schema["definitions"]})
        return _kind(schema[_INNER[name]], definitions, depth + 1)
    return "other", False


def _of_choices(choices: Sequence[Any], definitions: dict[str, Any], depth: int) -> tuple[Kind, bool]:
    found = [_kind(choice[0] if isinstance(choice, tuple) else choice, definitions, depth + 1) for choice in choices]
    kinds = {kind for kind, _ in found}
    return (kinds.pop() if len(kinds) == 1 else "other"), any(optional for _, optional in found)


def _of_values(values: Sequence[Any]) -> tuple[Kind, bool]:
    plain = [value.value if isinstance(value, Enum) else value for value in values]
    kinds = {_PYTHON.get(type(value), "other") for value in plain if value is not None}
    return (kinds.pop() if len(kinds) == 1 else "other"), None in plain
