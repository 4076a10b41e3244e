"""`GET /openapi.json`: made from what is here, for whom it is asked, and of nobody else's parts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from lockgate.contract.plan import Choice, Day, FieldPlan, Moment, Plan, Python, Real, Text, Truth, Whole
from lockgate.serve.calls import schemas
from lockgate.serve.calls.openapi import document
from lockgate.serve.calls.table import Route
from lockgate.serve.spec import Caps, OutputRule
from tests.support.calls import FAR, GOOD, SERVED, Desk, FakeService, client, desk, said


def _document(house: Desk | None = None, **who: Any) -> dict[str, Any]:
    found = (house or desk()).send("GET", "/openapi.json", who=client(**who))
    assert found.status == 200
    return dict(said(found))


def test_every_route_is_described_with_its_refusals() -> None:
    """One operation per route of the table; none of them can be added without a word about it."""
    house = desk()
    made = _document(house)
    assert {(method.upper(), path) for path, item in made["paths"].items() for method in item} == {
        (route.method, route.pattern) for route in house.table.routes
    }
    for item in made["paths"].values():
        for operation in item.values():
            assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])
    assert len({operation["operationId"] for item in made["paths"].values() for operation in item.values()}) == 12 + 1
    with pytest.raises(KeyError):
        document([Route("GET", "/new", house.table.routes[0].call)], None, "external", Caps())


def test_it_names_no_other_place() -> None:
    """No remote schema, no server, no link: references are its own, and each of them resolves."""
    made = json.dumps(_document())
    assert "http:" not in made
    assert "https:" not in made
    assert "servers" not in made
    names = {piece.split('"')[0] for piece in made.split('"#/components/schemas/')[1:]}
    assert names <= set(json.loads(made)["components"]["schemas"])


def test_records_have_the_contracts_bounds() -> None:
    """What a client generator needs: names, types, bounds, choices, and that nothing else may be sent."""
    record = _document()["components"]["schemas"]["Record"]
    assert record == {
        "type": "object",
        "properties": {
            "distance": {"type": "number", "minimum": 0, "maximum": 20_000},
            "carrier": {"enum": ["AA", "UA"]},
            "stops": {"type": "integer", "minimum": 0, "maximum": 3},
        },
        "required": ["distance", "carrier", "stops"],
        "additionalProperties": False,
    }


def test_every_kind_of_field_has_a_schema() -> None:
    """Bounds where a schema can say them; where it cannot, words; the label is left out; aliases each stand."""
    plan = Plan(
        "M",
        "2",
        (
            FieldPlan("a", "int", ("a",), Whole(gt=0, lt=9, multiple_of=2), nullable=True),
            FieldPlan("b", "float", ("b",), Real(gt=0.5), missing={"value": 1.0}),
            FieldPlan("c", "string", ("c", "see"), Text(min_length=1, max_length=3, pattern="^x")),
            FieldPlan("d", "string", ("d",), Text(min_length=2, strip=True)),
            FieldPlan("e", "bool", ("e",), Truth()),
            FieldPlan("f", "timestamp", ("f",), Day()),
            FieldPlan("g", "timestamp", ("g",), Moment()),
            FieldPlan("h", "float", ("h",), Python("a validator")),
            FieldPlan("late", "bool", ("late",), Truth()),
            FieldPlan("i", "int", ("i",), Choice((1, 2))),
        ),
    )
    made = schemas.record(SERVED, plan)
    text = {"type": "string", "minLength": 1, "maxLength": 3, "description": "matches ^x (Rust's syntax)"}
    assert made["properties"] == {
        "a": {
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9, "multipleOf": 2},
                {"type": "null"},
            ]
        },
        "b": {"type": "number", "exclusiveMinimum": 0.5},
        "c": text,
        "see": text,
        "d": {"type": "string"},
        "e": {"type": "boolean"},
        "f": {"type": "string", "format": "date"},
        "g": {"type": "string", "format": "date-time"},
        "h": {"type": "number", "description": "checked by code of the contract"},
        "i": {"enum": [1, 2]},
    }
    assert made["required"] == ["a", "d", "e", "f", "g", "h", "i"]
    assert "additionalProperties" not in made
    assert schemas.record(SERVED, None)["properties"]["stops"] == {"type": "integer"}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("scores", ["full", "rounded", "top", "label"])
@pytest.mark.parametrize("abstain", [0.0, 1.0])
def test_answers_are_what_the_document_says(task: Any, scores: Any, abstain: float) -> None:
    """For every task and output rule the real answer fits the schema, which allows nothing beside it."""
    classes = {"binary": (False, True), "multiclass": ("a", "b", "c"), "regression": ()}[task]
    served, rule = dataclasses.replace(SERVED, task=task, classes=classes), OutputRule(scores, abstain_below=abstain)
    house = desk(served=served, rule=rule)
    made = _document(house)
    validator = Draft202012Validator({**made["components"]["schemas"]["Predicted"], "components": made["components"]})
    answer = said(house.send("POST", "/predict", {"records": [GOOD, FAR], "id": "7"}))
    validator.validate(answer)
    answer["predictions"][0]["more"] = 1
    assert not validator.is_valid(answer)
    tensors = Draft202012Validator(made["components"]["schemas"]["Inferred"])
    inputs = [
        {"name": name, "shape": [1], "datatype": kind, "data": [GOOD[name]]}
        for name, kind in (("distance", "FP64"), ("carrier", "BYTES"), ("stops", "INT64"))
    ]
    tensors.validate(said(house.send("POST", "/v2/models/flights/infer", {"inputs": inputs})))


def test_another_kind_of_client_reads_another_document() -> None:
    """Each is told what it gets; the document is kept per kind and per model, not for ever."""
    house = desk(rule=OutputRule("label"))
    assert "scores" not in json.dumps(_document(house)["components"]["schemas"]["Prediction"])
    assert "scores" in json.dumps(_document(house, kind="internal")["components"]["schemas"]["Prediction"])
    assert house.service.now is not None
    house.service.now = dataclasses.replace(house.service.now, policy=desk().service.live().policy)
    assert "scores" in json.dumps(_document(house)["components"]["schemas"]["Prediction"])


def test_who_may_not_use_the_model_does_not_see_it() -> None:
    """No field, class or name of it; nor when nothing is live."""
    house = desk()
    assert "distance" in json.dumps(_document(house))
    for made in (_document(house, models=("phishing",)), _document(Desk(FakeService(now=None)))):
        assert "distance" not in json.dumps(made)
        assert "flights" not in json.dumps(made)
    assert "distance" in json.dumps(_document(house))
