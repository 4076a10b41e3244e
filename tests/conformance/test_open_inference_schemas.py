"""The protocol's own OpenAPI file: every call that it has is here, and every answer fits its schema."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError  # type: ignore[import-untyped]
from openapi_schema_validator import OAS30Validator

from lockgate.serve.spec import OutputRule
from tests.support.calls import FAR, GOOD, SERVED, Desk, desk, said

FILE = Path(__file__).resolve().parents[1] / "vectors" / "open-inference" / "open_inference_rest.yaml"
OFFICIAL: dict[str, Any] = yaml.safe_load(FILE.read_text())
TASKS = {"binary": (False, True), "multiclass": ("a", "b", "c"), "regression": ()}


def fits(value: Any, name: str) -> None:
    """Raises when `value` is not what the schema `name` of the file says."""
    root = {"$ref": f"#/components/schemas/{name}", "components": OFFICIAL["components"]}
    OAS30Validator(root).validate(value)


def house(task: Any = "binary", rule: OutputRule | None = None) -> Desk:
    """A desk for a task."""
    return desk(served=dataclasses.replace(SERVED, task=task, classes=TASKS[task]), rule=rule)


def question() -> dict[str, Any]:
    """Two rows."""
    kinds = {"distance": "FP64", "carrier": "BYTES", "stops": "INT64"}
    return {
        "id": "42",
        "inputs": [
            {"name": name, "shape": [2], "datatype": kind, "data": [GOOD[name], FAR[name]]}
            for name, kind in kinds.items()
        ],
    }


@pytest.mark.parametrize("path", list(OFFICIAL["paths"]))
def test_every_call_of_the_protocol_is_answered(path: str) -> None:
    """Under the paths of the file, with the statuses and bodies that it gives them."""
    item = {method: said for method, said in OFFICIAL["paths"][path].items() if method != "parameters"}
    ours = path.replace("${MODEL_NAME}", "flights").replace("${MODEL_VERSION}", "3")
    assert len(item) == 1
    for method, operation in item.items():
        found = house().send(method.upper(), ours, question() if method == "post" else None)
        assert found.status == 200
        content = operation["responses"]["200"].get("content")
        if content is not None:
            fits(said(found), content["application/json"]["schema"]["$ref"].rpartition("/")[2])


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("rule", [OutputRule(), OutputRule("label"), OutputRule("top"), OutputRule(abstain_below=2.0)])
def test_answers_fit_for_every_task_and_output_rule(task: str, rule: OutputRule) -> None:
    """Abstained rows too: there is no null in a tensor."""
    fits(question(), "inference_request")
    desk = house(task, rule)
    fits(said(desk.send("POST", "/v2/models/flights/infer", question())), "inference_response")
    fits(said(desk.send("GET", "/v2/models/flights")), "metadata_model_response")


def test_refusals_are_the_protocols_errors() -> None:
    """A client reads `error`; it is there whatever was wrong."""
    for path, body in (("/v2/models/flights/infer", {}), ("/v2/models/other/infer", question()), ("/v2/none", {})):
        found = house().send("POST", path, body)
        assert found.status >= 400
        fits(said(found), "inference_error_response")
        assert said(found)["error"]


def test_the_schemas_do_refuse() -> None:
    """The control of all the above: an answer that is not one does not fit."""
    good = said(house().send("POST", "/v2/models/flights/infer", question()))
    refused: list[Any] = [{}, good | {"model_name": 1}, good | {"outputs": [{"name": "label"}]}]
    for wrong in refused:
        with pytest.raises(ValidationError):
            fits(wrong, "inference_response")
    good["outputs"][0]["data"] = [None]
    with pytest.raises(ValidationError):
        fits(good, "inference_response")
