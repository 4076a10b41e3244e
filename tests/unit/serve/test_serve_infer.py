"""Open Inference Protocol v2 with JSON tensors: tensors to records and back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lockgate.serve.calls import inputs, tensors
from lockgate.serve.declined import Declined
from lockgate.serve.spec import OutputRule, ServedField
from tests.support.calls import SERVED, client, desk, said

THREE = dataclasses.replace(SERVED, task="multiclass", label="kind", classes=("a", "b", "c"))
NUMBER = dataclasses.replace(SERVED, task="regression", classes=())
NONE = memoryview(b"")
PATH = "/v2/models/flights/infer"


def tensor(**changes: Any) -> dict[str, Any]:
    """One good tensor, changed."""
    return {"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2.5]} | changes


def request(**changes: Any) -> dict[str, Any]:
    """Two good rows."""
    given = {
        "inputs": [
            {"name": "distance", "shape": [2], "datatype": "FP64", "data": [200, 2000.0]},
            {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": [["UA"], ["AA"]]},
            {"name": "stops", "shape": [2, 1], "datatype": "INT64", "data": [0, 1]},
        ]
    }
    return given | changes


def test_tensors_meet_the_same_contract_and_come_back_as_tensors() -> None:
    """Records are charged and answered as those of /predict; outputs by task, with a receipt per row."""
    found = desk().send("POST", PATH, request(id="42"))
    assert found.status == 200
    assert said(found) == {
        "id": "42",
        "model_name": "flights",
        "model_version": "3",
        "outputs": [
            {"name": "label", "datatype": "BOOL", "shape": [2], "data": [False, True]},
            {"name": "scores", "datatype": "FP64", "shape": [2, 2], "data": [0.99, 0.01, 0.9, 0.1]},
            {"name": "receipt", "datatype": "BYTES", "shape": [2], "data": ["lgr1.0", "lgr1.1"]},
        ],
    }
    assert ("Lockgate-Model", "flights@3") in found.headers
    refused = request()
    refused["inputs"][0]["data"] = [1e30, 1]
    assert desk().send("POST", "/v2/models/flights/versions/3/infer", refused).status == 422


def test_metadata_names_each_field_and_output() -> None:
    """One input per contract field with the datatype of its kind; outputs by task."""
    fields = (
        ServedField("x", "float"),
        ServedField("n", "int"),
        ServedField("b", "bool"),
        ServedField("t", "timestamp"),
    )
    found = tensors.metadata(dataclasses.replace(THREE, fields=fields), OutputRule())
    assert [(one["name"], one["datatype"], one["shape"]) for one in found["inputs"]] == [
        ("x", "FP64", [-1]),
        ("n", "INT64", [-1]),
        ("b", "BOOL", [-1]),
        ("t", "BYTES", [-1]),
    ]
    assert [(one["name"], one["datatype"], one["shape"]) for one in found["outputs"]] == [
        ("label", "BYTES", [-1]),
        ("scores", "FP64", [-1, 3]),
        ("receipt", "BYTES", [-1]),
    ]
    assert found["versions"] == ["3"]
    assert all(isinstance(value, str) for value in found["properties"].values())


def test_scores_stand_in_the_order_of_the_classes() -> None:
    """Not in the order in which the answer happens to have them."""
    found = said(desk(served=THREE).send("POST", PATH, request()))
    assert found["outputs"][0]["data"] == ["b", "b"]
    assert found["outputs"][1]["data"] == [0.25, 0.625, 0.125, 0.25, 0.625, 0.125]


def test_regression_has_a_value() -> None:
    """The third task."""
    found = said(desk(served=NUMBER).send("POST", PATH, request()))
    assert found["outputs"][0] == {"name": "value", "datatype": "FP64", "shape": [2], "data": [25.0, 250.0]}
    assert [one["name"] for one in found["outputs"]] == ["value", "receipt"]


def test_an_abstention_cannot_be_taken_for_a_label() -> None:
    """Where the gateway may abstain, labels are texts, "" where there is none; metadata says so beforehand."""
    house = desk(rule=OutputRule(abstain_below=0.95))
    found = said(house.send("POST", PATH, request()))
    assert found["outputs"][:3] == [
        {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["false", ""]},
        {"name": "scores", "datatype": "FP64", "shape": [2, 2], "data": [0.99, 0.01, 0.0, 0.0]},
        {"name": "abstained", "datatype": "BOOL", "shape": [2], "data": [False, True]},
    ]
    told = said(house.send("GET", "/v2/models/flights"))["outputs"]
    assert [(one["name"], one["datatype"]) for one in told] == [
        (one["name"], one["datatype"]) for one in found["outputs"]
    ]


@pytest.mark.parametrize("scores", ["top", "label"])
def test_scores_that_the_policy_keeps_back_are_no_tensor(scores: Any) -> None:
    """Neither by default nor when asked for; another kind of client gets them."""
    house = desk(rule=OutputRule(scores=scores))
    assert [one["name"] for one in said(house.send("POST", PATH, request()))["outputs"]] == ["label", "receipt"]
    refused = house.send("POST", PATH, request(outputs=[{"name": "scores"}]))
    assert (refused.status, said(refused)["finding"]) == (400, "LG656")
    assert house.send("POST", PATH, request(outputs=[{"name": "scores"}]), who=client(kind="internal")).status == 200


def test_only_the_outputs_asked_for_come_back() -> None:
    """`outputs` selects; an unknown one, or one twice, is refused."""
    found = said(desk().send("POST", PATH, request(outputs=[{"name": "receipt"}, {"name": "label"}])))
    assert [one["name"] for one in found["outputs"]] == ["label", "receipt"]
    refused: list[Any] = [[{"name": "logits"}], [{"name": "label"}] * 2, [{}], [1], {"name": "label"}, [{"name": [1]}]]
    for wrong in refused:
        assert desk().send("POST", PATH, request(outputs=wrong)).status == 400


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"parameters": {"classification": 2}}, "LG657"),
        ({"parameters": {"shared_memory_region": "x"}}, "LG657"),
        ({"parameters": {"binary_data_output": 1}}, "LG657"),
        ({"outputs": [{"name": "label", "parameters": {"classification": 1}}]}, "LG657"),
        ({"inputs": [tensor(parameters={"shared_memory_region": "x"})]}, "LG657"),
        ({"parameters": []}, "LG608"),
        ({"more": 1}, "LG608"),
        ({"id": 7}, "LG658"),
        ({"id": "x" * 65}, "LG658"),
        ({"inputs": []}, "LG608"),
        ({"inputs": {}}, "LG608"),
    ],
)
def test_what_is_not_followed_is_refused(changes: dict[str, Any], finding: str) -> None:
    """A parameter that would be ignored is one that its sender counts on."""
    found = desk().send("POST", PATH, request(**changes))
    assert (found.status, said(found)["finding"]) == (400, finding)


def test_no_message_repeats_a_long_name() -> None:
    """A refusal is short, whatever was sent: it cannot be used to make us send more than we got."""
    long = "\0" * 100_000
    for body in (
        {long: 1},
        request(inputs=[tensor(name=long, data=[])]),
        request(inputs=[tensor(name=long), tensor(name=long)]),
        request(inputs=[tensor(parameters={long: 1})]),
        request(outputs=[{"name": long}]),
        request(parameters={long: 1}),
    ):
        found = desk().send("POST", PATH, body)
        assert found.status == 400
        assert len(found.body) < 2_000


def test_rows_are_put_together_in_order() -> None:
    """Column tensors become records; a float tensor gives floats."""
    columns = inputs.columns(
        [tensor(), tensor(name="n", datatype="INT64", shape=[2, 1], data=[[7], [8]])], NONE, limit=2
    )
    assert inputs.records(columns) == [{"x": 1.0, "n": 7}, {"x": 2.5, "n": 8}]
    assert [type(one) for one in columns["x"]] == [float, float]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([tensor(shape=[3])], 400),
        ([tensor(shape=[2, 2])], 400),
        ([tensor(shape=[2, True])], 400),
        ([tensor(shape=[True])], 400),
        ([tensor(shape=[-2])], 400),
        ([tensor(shape=[2, 1, 1])], 400),
        ([tensor(shape=[0], data=[])], 400),
        ([tensor(datatype="FP16")], 400),
        ([tensor(datatype=["FP64"])], 400),
        ([tensor(data=[1, "2"])], 400),
        ([tensor(data=[1, True])], 400),
        ([tensor(data=[1, None])], 400),
        ([tensor(data=[[1], [2]])], 400),
        ([tensor(data=[1, 10**400])], 400),
        ([tensor(data=[1, float("nan")])], 400),
        ([tensor(data="12")], 400),
        ([tensor(datatype="INT8", data=[1, 128])], 400),
        ([tensor(datatype="UINT64", data=[1, -1])], 400),
        ([tensor(datatype="INT64", data=[1, 1.0])], 400),
        ([tensor(datatype="BOOL", data=[1, 0])], 400),
        ([tensor(name=1)], 400),
        ([tensor(), tensor()], 400),
        ([tensor(), tensor(name="n", shape=[1], data=[1])], 400),
        ([tensor(more=1)], 400),
        ([{"name": "x", "shape": [2], "datatype": "FP64"}], 400),
        ([{"name": "x", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}], 400),
        ([tensor(parameters={"binary_data_size": 16})], 400),
        ([tensor(shape=[11], data=[1] * 11)], 413),
        ([tensor(shape=[10**12])], 413),
    ],
)
def test_wrong_tensors_are_named(given: list[dict[str, Any]], status: int) -> None:
    """Shape, datatype, range, count, duplicates, missing data, too many rows."""
    with pytest.raises(Declined) as caught:
        inputs.columns(given, NONE, limit=10)
    assert caught.value.status == status


def test_garbage_is_always_a_client_error() -> None:
    """Odd bodies on every protocol: always 4xx with a finding, never a fault."""
    odd: list[Any] = [None, [], {}, 1, "x", {"records": None}, {"records": [None]}, {"records": [[]]}, {"inputs": 1}]
    wrong: list[Any] = [None, 1, [], {}, {"name": {}}, tensor(parameters=None), tensor(shape={})]
    odd += [{"inputs": [one]} for one in wrong]
    for value in odd:
        for path in ("/predict", PATH, "/feedback"):
            found = desk().send("POST", path, value if value is not None else b"null")
            assert 400 <= found.status < 500, (path, value)
            assert said(found)["finding"].startswith("LG6")
