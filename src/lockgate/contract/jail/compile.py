"""The core schema -> the plan. Runs in the jail with the user's code, because importing the model is running it.

The core schema is what pydantic-core runs. A node, a setting or a configuration that is not on the list here is a
fallback, never a guess: the field goes to Python, or, where one field's verdict may depend on another's, the record.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pydantic
from pydantic import BaseModel

from lockgate.contract.declare import is_impure
from lockgate.contract.findings import clean
from lockgate.contract.jail.inference import is_own
from lockgate.contract.jail.nodes import NotCompiled, named, node_of
from lockgate.contract.jail.values import as_default
from lockgate.contract.plan import Extra, FieldPlan, Node, Plan, Python
from lockgate.contract.spec import ContractField, FieldTable

_DEPTH = 16
_EXTRA: Mapping[Any, Extra] = {None: "ignore", "ignore": "ignore", "allow": "allow", "forbid": "forbid"}
_CONFIG = frozenset(
    {
        *("title", "strict", "extra_fields_behavior", "loc_by_alias", "validate_default", "str_max_length"),
        *("str_min_length", "str_strip_whitespace", "str_to_lower", "str_to_upper", "allow_inf_nan"),
        *("hide_input_in_errors", "validation_error_cause", "coerce_numbers_to_str", "regex_engine", "cache_strings"),
        *("validate_by_alias", "validate_by_name", "serialize_by_alias", "revalidate_instances", "from_attributes"),
        *("ser_json_timedelta", "ser_json_temporal", "ser_json_bytes", "ser_json_inf_nan", "val_json_bytes"),
        *("polymorphic_serialization", "url_preserve_empty_path", "typed_dict_total"),
    }
)
"""What a configuration may hold: each is read by `nodes`, is handed to the field's own validator, or changes no
verdict on a record of a file."""

_MODEL = frozenset(
    {
        *("type", "cls", "generic_origin", "schema", "custom_init", "root_model", "post_init", "config", "ref"),
        *("metadata", "serialization", "frozen", "revalidate_instances", "extra_behavior"),
    }
)
_FIELDS = frozenset(
    {"type", "fields", "model_name", "computed_fields", "ref", "metadata", "serialization", "extra_behavior"}
)
_FIELD = frozenset(
    {
        *("type", "schema", "validation_alias", "serialization_alias", "serialization_exclude"),
        *("serialization_exclude_if", "frozen", "metadata"),
    }
)


def compile_plan(model: type[BaseModel], table: FieldTable) -> Plan:
    """The plan of `model`, whose field table is `table`. It imports nothing and calls none of the user's code."""
    return _compiled(Outline(model), table)


def compile_requests(model: type[BaseModel], table: FieldTable) -> Plan:
    """The plan of an inference contract (`inference_model`) for records of JSON.

    The label is not in it: nobody can send one. Computed fields and what Lockgate itself put around the model say
    nothing of which records are accepted, but that no other field may be read under the label's name.
    """
    outline = Outline(model, requests=True)
    labels = {field.name for field in table.fields if field.label}
    outline.fields = {name: entry for name, entry in outline.fields.items() if name not in labels}
    found = _compiled(outline, table)
    taken = labels & {column for field in found.fields for column in field.columns}
    if taken and not found.rows:
        return replace(found, rows="a field is read under the label's name")
    return found


def _compiled(outline: Outline, table: FieldTable) -> Plan:
    kinds = {field.name: field for field in table.fields}
    why, fields = outline.why, []
    for name, entry in outline.fields.items():
        try:
            fields.append(_field(kinds[name], entry, outline))
        except _WholeRecord as reason:
            why = why or f"{name}: {reason}"
            fields.append(
                FieldPlan(name, kinds[name].kind, _columns_or_name(name, entry, outline), Python(clean(str(reason))))
            )
    return Plan(clean(outline.name), pydantic.VERSION, tuple(fields), outline.extra, clean(why))


def bound_columns(plan: Plan) -> set[str] | None:
    """Columns that may decide a verdict; None when any may."""
    return None if plan.rows else {column for field in plan.fields for column in field.columns}


class _WholeRecord(Exception):
    """A field's verdict may depend on more than its own value."""


class Outline:
    """A model's fields, configuration and definitions; `why` says why its records must go to Pydantic as they are."""

    def __init__(self, model: type[BaseModel], *, requests: bool = False) -> None:
        """Walk from the outermost schema to the fields."""
        self.name = model.__name__
        self.requests = requests
        self.fields: Mapping[str, Any] = {}
        self.config: Mapping[str, Any] = {}
        self.definitions: dict[str, Any] = {}
        self.extra: Extra = "ignore"
        self.why = ""
        schema: Mapping[str, Any] | None = model.__pydantic_core_schema__
        for _ in range(_DEPTH):
            if schema is None:
                return
            schema = self._step(schema, model)
        self._because("the model is nested too deeply")

    def _because(self, why: str) -> None:
        self.why = self.why or why

    def _step(self, schema: Mapping[str, Any], model: type[BaseModel]) -> Mapping[str, Any] | None:
        """Read one layer; the layer below it, or None at the fields."""
        match schema["type"]:
            case "definitions":
                self.definitions |= {entry["ref"]: entry for entry in schema["definitions"]}
            case "definition-ref" if schema["schema_ref"] in self.definitions:
                return self.definitions[schema["schema_ref"]]  # type: ignore[no-any-return]
            case "model" if schema["cls"] is model:
                self._model(schema)
            case "model-fields":
                self._read_fields(schema)
                return None
            case "function-before" | "function-after" | "function-wrap" if self.requests and is_own(_function(schema)):
                pass
            case "function-before" | "function-after" | "function-wrap" | "function-plain":
                self._because(f"a model validator sees the whole record: {named(schema)}")
            case other:
                self._because(f"the model is made by a node that is not known here: {other}")
        return schema.get("schema")

    def _model(self, schema: Mapping[str, Any]) -> None:
        self.config = schema.get("config", {})
        unknown = sorted((set(schema) - _MODEL) | (set(self.config) - _CONFIG))
        if unknown:
            self._because(f"a setting of the model is not known here: {unknown[0]}")
        if schema.get("custom_init"):
            self._because("the model has an __init__ of its own")
        if schema.get("post_init"):
            self._because(f"the model has a {schema['post_init']}")
        if schema.get("root_model"):
            self._because("the model is a root model")
        self.extra = _EXTRA[schema.get("extra_behavior", self.config.get("extra_fields_behavior"))]

    def _read_fields(self, schema: Mapping[str, Any]) -> None:
        unknown = sorted(set(schema) - _FIELDS)
        if unknown:
            self._because(f"a setting of the fields is not known here: {unknown[0]}")
        computed = [entry["property_name"] for entry in schema.get("computed_fields", ())]
        if computed and not self.requests:
            self._because(f"a computed field needs the whole record: {computed[0]}")
        self.extra = _EXTRA[schema["extra_behavior"]] if "extra_behavior" in schema else self.extra
        self.fields = schema["fields"]


def _field(field: ContractField, entry: Mapping[str, Any], outline: Outline) -> FieldPlan:
    unknown = sorted(set(entry) - _FIELD)
    if unknown:
        raise _WholeRecord(f"a setting is not known here: {unknown[0]}")
    columns = _columns(field.name, entry, outline.config)
    schema = entry["schema"]
    nodes = list(_nodes(schema, outline.definitions, set()))
    _refuse_other_fields(nodes)
    missing: Mapping[str, Any] | None = None
    if schema["type"] == "default":
        missing = _default(field, schema, outline.config)
    try:
        node, nullable = node_of(schema, outline.config, outline.definitions, field.kind, json=outline.requests)
    except NotCompiled as reason:
        node, nullable = Python(clean(str(reason)), impure=_impure(nodes)), False
    return FieldPlan(field.name, field.kind, columns, _encodable(node), nullable, missing)


def _function(schema: Mapping[str, Any]) -> Any:
    function = schema.get("function")
    return function.get("function") if isinstance(function, Mapping) else None


def _columns_or_name(name: str, entry: Mapping[str, Any], outline: Outline) -> tuple[str, ...]:
    try:
        return _columns(name, entry, outline.config)
    except _WholeRecord:
        return (name,)


def _columns(name: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of a record under which pydantic-core looks for the field."""
    alias = entry.get("validation_alias")
    if alias is None:
        return (name,)
    if not isinstance(alias, str):
        paths = [
            path if isinstance(path, list) else [path] for path in (alias if isinstance(alias[0], list) else [alias])
        ]
        if any(len(path) != 1 or not isinstance(path[0], str) for path in paths):
            raise _WholeRecord("its alias is a path into the record")
        aliases = tuple(path[0] for path in paths)
    else:
        aliases = (alias,)
    by_alias, by_name = config.get("validate_by_alias", True), config.get("validate_by_name", False)
    return tuple(dict.fromkeys([*(aliases if by_alias else ()), *((name,) if by_name or not by_alias else ())]))


def _default(field: ContractField, schema: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any]:
    if "default" not in schema:
        raise _WholeRecord("its default is made by a function")
    if schema.get("validate_default", config.get("validate_default")):
        raise _WholeRecord("its default is validated")
    try:
        return {"value": as_default(field, schema["default"])}
    except ValueError as error:
        raise _WholeRecord(str(error)) from None


def _refuse_other_fields(nodes: Iterable[Mapping[str, Any]]) -> None:
    for entry in nodes:
        function = entry.get("function")
        if isinstance(function, Mapping) and function.get("type") == "with-info":
            raise _WholeRecord(f"a validator may see other fields: {named(entry)}")
        if entry.get("default_factory_takes_data"):
            raise _WholeRecord("its default is made from other fields")
        if entry.get("type") == "generator":
            raise _WholeRecord("a generator is validated when it is read")


def _impure(nodes: Iterable[Mapping[str, Any]]) -> bool:
    """Whether equal values may get different answers: a validator says so, or a part is made anew each time."""
    for entry in nodes:
        function = entry.get("function")
        if isinstance(function, Mapping) and is_impure(function.get("function")):
            return True
        if entry.get("default_factory") or entry.get("post_init") or entry.get("custom_init"):
            return True
    return False


def _nodes(schema: Any, definitions: Mapping[str, Any], seen: set[str], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every mapping inside `schema` and in the definitions that it names, each of them once.

    What hangs on metadata and serialization is no part of validation.
    """
    if depth > 64:
        raise _WholeRecord("its schema is nested too deeply")
    if isinstance(schema, Mapping):
        yield schema
        name = schema.get("schema_ref")
        if isinstance(name, str) and name not in seen:
            seen.add(name)
            yield from _nodes(definitions.get(name), definitions, seen, depth + 1)
        for key, value in schema.items():
            if key not in ("metadata", "serialization", "default", "expected"):
                yield from _nodes(value, definitions, seen, depth + 1)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _nodes(value, definitions, seen, depth + 1)


def _encodable(node: Node) -> Node:
    """A pattern or a choice that no UTF-8 can spell stays with Python."""
    texts = (getattr(node, "pattern", None), *getattr(node, "values", ()))
    for text in texts:
        if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
            return Python("a text in its rule is no UTF-8")
        if isinstance(text, float) and not math.isfinite(text):
            return Python("a bound is not finite")
    return node
