"""Open Inference Protocol v2: tensors to records and back, purely."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lockgate.core.digest import Digest
from lockgate.serve import inference
from lockgate.serve.declined import Declined
from lockgate.serve.spec import Answer, Served, ServedField

SERVED = Served(
    "flights",
    3,
    Digest("sha256:" + "a" * 64),
    "dev",
    "live",
    "multiclass",
    "kind",
    ("a", "b", "c"),
    (ServedField("x", "float"), ServedField("n", "int"), ServedField("b", "bool"), ServedField("t", "timestamp")),
)


def tensor(**changes: Any) -> dict[str, Any]:
    """One good tensor, changed."""
    return {"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2.5]} | changes


def test_metadata_names_each_field_and_output() -> None:
    """One input per contract field with the datatype of its kind; outputs by task."""
    said = inference.metadata(SERVED)
    assert [(one["name"], one["datatype"], one["shape"]) for one in said["inputs"]] == [
        ("x", "FP64", [-1]),
        ("n", "INT64", [-1]),
        ("b", "BOOL", [-1]),
        ("t", "BYTES", [-1]),
    ]
    assert [(one["name"], one["datatype"], one["shape"]) for one in said["outputs"]] == [
        ("label", "BYTES", [-1]),
        ("scores", "FP64", [-1, 3]),
        ("receipt", "BYTES", [-1]),
    ]
    assert said["versions"] == ["3"]
    assert all(isinstance(value, str) for value in said["properties"].values())


def test_regression_has_a_value() -> None:
    """The third task."""
    served = dataclasses.replace(SERVED, task="regression", classes=())
    answer = Answer(({"value": 1.5},), ("r",), served)
    said = inference.response({}, answer, inference.wanted({}, served))
    assert said["outputs"] == [
        {"name": "value", "datatype": "FP64", "shape": [1], "data": [1.5]},
        {"name": "receipt", "datatype": "BYTES", "shape": [1], "data": ["r"]},
    ]


def test_rows_are_put_together_in_order() -> None:
    """Column tensors become records; a float tensor gives floats."""
    request = {"inputs": [tensor(), tensor(name="n", datatype="INT64", shape=[2, 1], data=[[7], [8]])]}
    assert inference.records_of(request, limit=2) == [{"x": 1.0, "n": 7}, {"x": 2.5, "n": 8}]


def test_only_the_outputs_asked_for_come_back() -> None:
    """`outputs` selects; an unknown one is refused."""
    answer = Answer(({"label": "a", "scores": {"a": 1.0, "b": 0.0, "c": 0.0}},), ("r",), SERVED)
    names = inference.wanted({"outputs": [{"name": "scores"}]}, SERVED)
    assert [one["name"] for one in inference.response({}, answer, names)["outputs"]] == ["scores"]
    with pytest.raises(Declined):
        inference.wanted({"outputs": [{"name": "logits"}]}, SERVED)


@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        ([tensor(shape=[3])], 400),
        ([tensor(shape=[2, 2])], 400),
        ([tensor(shape=[True])], 400),
        ([tensor(shape=[0], data=[])], 400),
        ([tensor(datatype="FP16")], 400),
        ([tensor(data=[1, "2"])], 400),
        ([tensor(data=[1, True])], 400),
        ([tensor(data=[1, None])], 400),
        ([tensor(data=[1, 10**400])], 400),
        ([tensor(datatype="INT8", data=[1, 128])], 400),
        ([tensor(datatype="UINT64", data=[1, -1])], 400),
        ([tensor(datatype="INT64", data=[1, 1.0])], 400),
        ([tensor(), tensor()], 400),
        ([tensor(), tensor(name="n", shape=[1], data=[1])], 400),
        ([tensor(more=1)], 400),
        ([{"name": "x", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}], 415),
        ([tensor(shape=[11], data=[1] * 11)], 413),
        ([tensor(shape=[10**12])], 413),
    ],
)
def test_wrong_tensors_are_named(inputs: list[dict[str, Any]], status: int) -> None:
    """Shape, datatype, range, count, duplicates, binary data, too many rows."""
    with pytest.raises(Declined) as caught:
        inference.records_of({"inputs": inputs}, limit=10)
    assert caught.value.status == status
