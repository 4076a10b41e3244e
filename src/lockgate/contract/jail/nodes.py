"""One field's core schema -> its node of the plan, by an allow-list. What is not on it raises NotCompiled.

What each kind of value means to Pydantic was probed (docs/adr/0014); the tests repeat every probe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from lockgate.contract.jail.columns import in_int64
from lockgate.contract.jail.values import microseconds
from lockgate.contract.plan import Choice, Day, Moment, Node, Real, Text, Truth, Whole, Zone
from lockgate.contract.spec import Kind

_ALWAYS = frozenset({"type", "ref", "metadata", "serialization"})
_FIRST = date(1970, 1, 1)
_KIND: Mapping[type[Node], Kind] = {
    Whole: "int",
    Real: "float",
    Text: "string",
    Truth: "bool",
    Day: "timestamp",
    Moment: "timestamp",
}

Config = Mapping[str, Any]


class NotCompiled(Exception):
    """Why a field stays with Python."""


def node_of(
    schema: Mapping[str, Any], config: Config, definitions: Mapping[str, Any], kind: Kind, *, json: bool = False
) -> tuple[Node, bool]:
    """The node, and whether None is accepted. `kind` is what the field's column holds.

    `json`: of what Pydantic takes from JSON, where that is another thing than what it takes from Python.
    """
    nullable = False
    for _ in range(32):
        match schema["type"]:
            case "default":
                _only(schema, "schema", "default", "validate_default", "copy_default")
                if schema.get("on_error", "raise") != "raise":
                    raise NotCompiled("an error is replaced by the default")
                schema = schema["schema"]
            case "nullable":
                _only(schema, "schema")
                nullable, schema = True, schema["schema"]
            case "definition-ref" if schema["schema_ref"] in definitions:
                _only(schema, "schema_ref")
                schema = definitions[schema["schema_ref"]]
            case "lax-or-strict":
                _only(schema, "lax_schema", "strict_schema", "strict")
                schema = schema["strict_schema" if _strict(schema, config) else "lax_schema"]
            case "json-or-python":
                _only(schema, "json_schema", "python_schema")
                schema = schema["json_schema" if json else "python_schema"]
            case name if name in _LEAVES:
                node = _LEAVES[name](schema, config)
                if _holds(node) != kind:
                    raise NotCompiled(f"its column holds {kind}")
                return node, nullable
            case "function-after" | "function-before" | "function-wrap" | "function-plain" as name:
                raise NotCompiled(f"a validator of its own ({name.removeprefix('function-')}): {named(schema)}")
            case other:
                raise NotCompiled(f"no compiled form of {other!r}")
    raise NotCompiled("its schema is nested too deeply")


def _int(schema: Mapping[str, Any], config: Config) -> Whole:
    bounds = _bounds(schema, int, "ge", "gt", "le", "lt", "multiple_of")
    if bounds.get("multiple_of", 1) <= 0:
        raise NotCompiled("multiple_of is not positive")
    _only(schema, "strict", *bounds)
    return Whole(strict=_strict(schema, config), **bounds)


def _float(schema: Mapping[str, Any], config: Config) -> Real:
    if schema.get("multiple_of") is not None:
        raise NotCompiled("multiple_of of a float has a tolerance")
    bounds = {name: _float_of(value) for name, value in _bounds(schema, (int, float), "ge", "gt", "le", "lt").items()}
    _only(schema, "strict", "allow_inf_nan", "multiple_of", *bounds)
    free = schema.get("allow_inf_nan", config.get("allow_inf_nan", True))
    return Real(strict=_strict(schema, config), finite=not free, **bounds)


def _str(schema: Mapping[str, Any], config: Config) -> Text:
    _only(
        schema,
        *("strict", "pattern", "min_length", "max_length", "strip_whitespace", "to_lower", "to_upper"),
        *("regex_engine", "coerce_numbers_to_str"),
    )
    pattern = schema.get("pattern")
    if pattern is not None:
        if not isinstance(pattern, str):
            raise NotCompiled("its pattern is one of Python's")
        if schema.get("regex_engine", config.get("regex_engine", "rust-regex")) != "rust-regex":
            raise NotCompiled("its pattern is matched by Python")
    lengths = {name: schema.get(name, config.get(f"str_{name}")) for name in ("min_length", "max_length")}
    if any(value is not None and not in_int64(value) for value in lengths.values()):
        raise NotCompiled("its length has no bound of 64 bits")
    changed = {
        short: bool(schema.get(name, config.get(f"str_{name}", False)))
        for short, name in (("strip", "strip_whitespace"), ("lower", "to_lower"), ("upper", "to_upper"))
    }
    if changed["lower"] and changed["upper"]:
        raise NotCompiled("its case is changed twice")
    if pattern is not None and (changed["lower"] or changed["upper"]):
        raise NotCompiled("its case is changed and then matched")
    return Text(pattern=pattern, **lengths, **changed)


def _bool(schema: Mapping[str, Any], config: Config) -> Truth:
    _only(schema, "strict")
    return Truth(_strict(schema, config))


def _date(schema: Mapping[str, Any], config: Config) -> Day:
    bounds = _times(schema, date)
    _only(schema, "strict", *bounds)
    return Day(_strict(schema, config), **{name: (bound - _FIRST).days for name, bound in bounds.items()})


def _datetime(schema: Mapping[str, Any], config: Config) -> Moment:
    bounds = _times(schema, datetime)
    _only(schema, "strict", "tz_constraint", "microseconds_precision", *bounds)
    zone = schema.get("tz_constraint", "any")
    if zone not in ("any", "aware", "naive"):
        raise NotCompiled("its offset is fixed")
    compared: set[Zone] = {"naive" if bound.utcoffset() is None else "aware" for bound in bounds.values()}
    if len(compared) > 1:
        raise NotCompiled("one bound has an offset, another has none")
    numbers = {name: microseconds(bound) for name, bound in bounds.items()}
    return Moment(_strict(schema, config), zone, compared.pop() if compared else "any", **numbers)


def _times(schema: Mapping[str, Any], kind: type[date]) -> dict[str, Any]:
    found = {name: schema[name] for name in ("ge", "gt", "le", "lt") if schema.get(name) is not None}
    if any(type(bound) is not kind for bound in found.values()):
        raise NotCompiled("a bound is of another type")
    return found


def _literal(schema: Mapping[str, Any], config: Config) -> Choice:
    del config
    _only(schema, "expected")
    return _choice(schema["expected"])


def _enum(schema: Mapping[str, Any], config: Config) -> Choice:
    _only(schema, "cls", "members", "sub_type", "missing", "strict")
    if _strict(schema, config):
        raise NotCompiled("a strict enum takes members only")
    return _choice([member.value for member in schema["members"]])


def _choice(values: list[Any]) -> Choice:
    kinds = {type(value) for value in values}
    if kinds == {str} or (kinds == {int} and all(map(in_int64, values))):
        return Choice(tuple(dict.fromkeys(values)))
    raise NotCompiled("its choices are not all texts, or all whole numbers")


_LEAVES: Mapping[str, Callable[[Mapping[str, Any], Config], Node]] = {
    "int": _int,
    "float": _float,
    "str": _str,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "literal": _literal,
    "enum": _enum,
}


def _holds(node: Node) -> Kind:
    if isinstance(node, Choice):
        return "string" if isinstance(node.values[0], str) else "int"
    return _KIND[type(node)]


def _only(schema: Mapping[str, Any], *known: str) -> None:
    more = sorted(set(schema) - _ALWAYS - set(known))
    if more:
        raise NotCompiled(f"no compiled form of {more[0]}")


def _bounds(schema: Mapping[str, Any], kind: type | tuple[type, ...], *names: str) -> dict[str, Any]:
    found = {name: schema[name] for name in names if schema.get(name) is not None}
    for name, value in found.items():
        if type(value) not in (int, float) or not isinstance(value, kind):
            raise NotCompiled(f"{name} is not a plain number")
        if isinstance(value, int) and not in_int64(value):
            raise NotCompiled(f"{name} is beyond 64 bits")
    return found


def _float_of(value: Any) -> float:
    made = float(value)
    if not math.isfinite(made) or made != value:
        raise NotCompiled("a bound is not a finite float")
    return made


def _strict(schema: Mapping[str, Any], config: Config) -> bool:
    return bool(schema.get("strict", config.get("strict", False)))


def named(schema: Mapping[str, Any]) -> str:
    """The name of the function in the node of a validator."""
    function = schema.get("function")
    inner = function.get("function") if isinstance(function, Mapping) else function
    return str(getattr(inner, "__name__", type(inner).__name__))
