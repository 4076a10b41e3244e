"""JSON Schemas (2020-12, as OpenAPI 3.1 has them) of what is sent and answered, for one model and one client. Pure.

A record's schema says what is surely accepted. It never narrows the contract: Pydantic takes more spellings of a value
unless the contract is strict, and its word holds; a bound that a schema cannot say stands in the description.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lockgate.contract.plan import Choice, Day, FieldPlan, Moment, Node, Plan, Python, Real, Text, Truth, Whole
from lockgate.serve.answers import class_key
from lockgate.serve.calls.ask import LONGEST_ID, LONGEST_RECEIPT
from lockgate.serve.calls.inputs import DATATYPES
from lockgate.serve.calls.tensors import outputs
from lockgate.serve.spec import OutputRule, Served

Schema = dict[str, Any]

ID: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": "^[ -~]+$"}
RECEIPT: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_RECEIPT, "pattern": "^[ -~]+$"}
PROOF: Schema = {
    "type": "string",
    "description": "where the policy demands `sealed`: a C2SP tlog-proof for each record of the receipts, in order",
    "pattern": "^c2sp\\.org/tlog-proof@v1\n",
}
ERROR: Schema = {
    "type": "object",
    "description": "A refusal. `lockgate explain FINDING` says why it exists and what to do.",
    "required": ["error", "errors", "finding", "message"],
    "properties": {
        "error": {"type": "string", "description": "the message, where inference clients look for it"},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "the contract's own, by record"},
        "finding": {"type": "string", "pattern": "^LG[0-9]{3,4}$"},
        "message": {"type": "string"},
    },
}
_BOUNDS = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "multiple_of": "multipleOf",
    "min_length": "minLength", "max_length": "maxLength",
}  # fmt: skip
_KINDS: Mapping[str, Schema] = {
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "string": {"type": "string"},
    "timestamp": {"type": "string", "description": "a date or time, as ISO 8601"},
}


def closed(properties: Mapping[str, Schema], *, needs: Sequence[str] | None = None) -> Schema:
    """An object with these members alone, of which `needs` (all, where not said) are always there."""
    wanted = list(properties) if needs is None else list(needs)
    return {"type": "object", "required": wanted, "properties": dict(properties), "additionalProperties": False}


def listed(items: Schema, most: int | None = None) -> Schema:
    """A list, of at least one and at most `most` where that is said."""
    return {"type": "array", "items": items} | ({"minItems": 1, "maxItems": most} if most is not None else {})


def record(served: Served | None, plan: Plan | None) -> Schema:
    """One record: the contract without its label."""
    if served is None:
        return {"type": "object", "description": "a record; no model is live, so its fields are not known"}
    if plan is None:
        return {"type": "object", "properties": {field.name: _kind(field.kind) for field in served.fields}}
    fields = [field for field in plan.fields if field.name != served.label]
    found: Schema = {
        "type": "object",
        "properties": {column: _field(field) for field in fields for column in field.columns},
        "required": [field.columns[0] for field in fields if field.missing is None and len(field.columns) == 1],
    }
    return found | ({"additionalProperties": False} if plan.extra == "forbid" else {})


def prediction(served: Served | None, rule: OutputRule) -> Schema:
    """One prediction, as the output policy leaves it to this client."""
    if served is None:
        return {"type": "object"}
    if served.task == "regression":
        return closed({"value": {"type": "number"}})
    label: Schema = {"enum": list(served.classes)}
    names = [class_key(name) for name in served.classes]
    scores: Schema = {"type": "object", "properties": {name: {"type": "number"} for name in names}}
    scores |= {"additionalProperties": False} | ({"required": names} if rule.scores in ("full", "rounded") else {})
    answered = closed({"label": label} if rule.scores == "label" else {"label": label, "scores": scores})
    if rule.abstain_below > 0:
        return {"anyOf": [answered, closed({"label": {"type": "null"}, "abstained": {"const": True}})]}
    return answered


def label(served: Served | None) -> Schema:
    """What may come true."""
    if served is None:
        return {}
    return {"type": "number"} if served.task == "regression" else {"enum": list(served.classes)}


def tensor_request(served: Served | None, rule: OutputRule, most: int) -> Schema:
    """An inference request."""
    named: Schema = {"type": "string"} if served is None else {"enum": [field.name for field in served.fields]}
    offered: Schema = {"type": "string"} if served is None else {"enum": [one.name for one in outputs(served, rule)]}
    many: Schema = {"type": "integer", "minimum": 1, "maximum": most}
    sizes = closed({"binary_data_size": {"type": "integer", "minimum": 0}}, needs=())
    tensor = closed(
        {
            "name": named,
            "shape": {"type": "array", "prefixItems": [many, {"const": 1}], "items": False, "minItems": 1},
            "datatype": {"enum": list(DATATYPES)},
            "parameters": sizes,
            "data": {"type": "array", "minItems": 1, "maxItems": most},
        },
        needs=("name", "shape", "datatype"),
    )
    tensor["oneOf"] = [
        {"required": ["data"]},
        {"required": ["parameters"], "properties": {"parameters": {"required": ["binary_data_size"]}}},
    ]
    output = closed(
        {"name": offered, "parameters": closed({"binary_data": {"type": "boolean"}}, needs=())}, needs=("name",)
    )
    return closed(
        {
            "id": {**ID, "minLength": 0, "pattern": "^[ -~]*$"},
            "parameters": closed({"binary_data_output": {"type": "boolean"}}, needs=()),
            "inputs": {"type": "array", "minItems": 1, "items": tensor},
            "outputs": {"type": "array", "items": output},
        },
        needs=("inputs",),
    )


def tensor_response() -> Schema:
    """An inference response."""
    texts: Schema = {"type": "string"}
    tensor = closed(
        {
            "name": texts,
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"enum": list(DATATYPES)},
            "parameters": closed({"binary_data_size": {"type": "integer"}}),
            "data": {"type": "array"},
        },
        needs=("name", "shape", "datatype"),
    )
    return closed(
        {
            "id": texts,
            "model_name": texts,
            "model_version": texts,
            "outputs": listed(tensor),
            "parameters": closed({"proofs": texts | {"description": "a JSON array of proofs, as of `/predict`"}}),
        },
        needs=("model_name", "model_version", "outputs"),
    )


def _field(field: FieldPlan) -> Schema:
    found = _node(field.node, field.kind)
    if field.nullable:
        return {"anyOf": [found, {"type": "null"}]}
    return found


def _node(node: Node, kind: str) -> Schema:
    match node:
        case Whole():
            return {"type": "integer", **_bounds(node)}
        case Real():
            return {"type": "number", **_bounds(node)}
        case Text():
            said = {"type": "string", **({} if node.strip else _bounds(node))}
            return said | ({"description": f"matches {node.pattern} (Rust's syntax)"} if node.pattern else {})
        case Truth():
            return {"type": "boolean"}
        case Choice():
            return {"enum": list(node.values)}
        case Day():
            return {"type": "string", "format": "date"}
        case Moment():
            return {"type": "string", "format": "date-time"}
        case Python():
            return {**_kind(kind), "description": "checked by code of the contract"}


def _bounds(node: Whole | Real | Text) -> Schema:
    return {_BOUNDS[name]: value for name, value in asdict(node).items() if name in _BOUNDS and value is not None}


def _kind(kind: str) -> Schema:
    return dict(_KINDS.get(kind, {}))
