"""A small request that would become a large one: a tensor says its name once, records say it in every row."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from lockgate.contract.plan import FieldPlan, Plan, Real, Text
from lockgate.contract.requests import RequestChecker
from lockgate.contract.spec import Kind
from lockgate.serve.calls import bounds
from lockgate.serve.http import Reply
from lockgate.serve.spec import Caps, ServedField
from tests.support.calls import SERVED, Desk, FakeLive, FakeService, said

PATH = "/v2/models/flights/infer"
ROWS = 1000
CAPS = Caps(max_body=1 << 20, max_rows=ROWS)
"""Those of a house that sets none."""


def wide(names: Sequence[str] = ("x",), *, extra: Literal["forbid", "ignore"] = "ignore", planned: bool = True) -> Desk:
    """The calls with a contract of floats and one text. `planned` False: Pydantic decides all."""
    fields: list[tuple[str, Kind]] = [*((name, "float") for name in names), ("text", "string")]
    plan = Plan("Wide", "2.14", tuple(_field(*each) for each in fields), extra)
    checker = RequestChecker(plan if planned else None, fields)
    served = dataclasses.replace(SERVED, fields=tuple(ServedField(*each) for each in fields))
    return Desk(FakeService(FakeLive(served, checker)), caps=CAPS)


def _field(name: str, kind: Kind) -> FieldPlan:
    if kind == "string":
        return FieldPlan(name, kind, (name,), Text(), missing={"value": ""})
    return FieldPlan(name, kind, (name,), Real(), missing={"value": 0.0})


def binary(house: Desk, columns: Sequence[tuple[str, str, bytes]], rows: int) -> Reply:
    """A request whose tensors are bytes: (name, datatype, elements)."""
    described = [
        {"name": name, "shape": [rows], "datatype": datatype, "parameters": {"binary_data_size": len(data)}}
        for name, datatype, data in columns
    ]
    head = json.dumps({"inputs": described}).encode()
    data = head + b"".join(data for _, _, data in columns)
    assert len(data) <= CAPS.max_body
    length: dict[str, Any] = {"inference_header_content_length": str(len(head))}
    return house.send("POST", PATH, data, content_type="application/octet-stream", **length)


def refused(house: Desk, columns: Sequence[tuple[str, str, bytes]], status: int) -> None:
    """It is refused by its size, before it was charged or asked of anybody, in memory of the order of its body."""
    house.send("GET", "/v2")
    tracemalloc.start()
    try:
        found = binary(house, columns, ROWS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.status, said(found)["finding"]) == (status, {400: "LG608", 413: "LG605"}[status])
    assert len(found.body) < 1000
    assert peak < 16 * CAPS.max_body
    assert house.service.asked == []
    assert house.admission.charged == []
    assert house.admission.fined


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("extra", ["forbid", "ignore"])
def test_a_long_name_is_refused(extra: Any, planned: bool) -> None:
    """0.9 MiB of name in a thousand rows were 900 MiB, out of one request of default size."""
    refused(wide(extra=extra, planned=planned), [("k" * 900_000, "BOOL", bytes(ROWS))], 400)


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("extra", ["forbid", "ignore"])
def test_many_names_that_no_contract_knows_are_refused(extra: Any, planned: bool) -> None:
    """Each of them short enough: together they may be no more than a body of records could have had."""
    columns = [(f"{number:0250}", "BOOL", bytes(ROWS)) for number in range(100)]
    refused(wide(extra=extra, planned=planned), columns, 413)


def test_escapes_count_as_they_are_spelled() -> None:
    """A control character is one in a name, and six bytes in each record."""
    house = wide()
    columns = [("\1" * 180, "BOOL", bytes(ROWS))]
    refused(house, columns, 413)
    assert binary(house, [("k" * 180, "BOOL", bytes(ROWS))], ROWS).status == 200


def test_names_of_the_contract_have_an_end_too() -> None:
    """What one request becomes is less than any worker takes, however wide the contract is."""
    names = [f"{number:0200}" for number in range(200)]
    refused(wide(names), [(name, "INT8", bytes(ROWS)) for name in names], 413)


def test_values_count_as_they_are_spelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte of a binary text may be six in a record: what is handed on is measured as it is."""
    monkeypatch.setattr(bounds, "LARGEST", 100_000)
    text = b"\x64\0\0\0" + b"\1" * 100
    refused(wide(), [("text", "BYTES", text * ROWS)], 413)
    assert binary(wide(), [("text", "BYTES", b"\x0a\0\0\0" + b"k" * 10)], 1).status == 200


def test_rows_above_the_burst_become_no_records() -> None:
    """What could never pass is not made: the refusal comes at the first tensor, before an element is read."""
    house = wide()
    house.admission.burst = ROWS - 1
    elements: list[Any] = [None] * ROWS
    tensor = {"name": "x", "shape": [ROWS], "datatype": "FP64", "data": elements}
    found = house.send("POST", PATH, {"inputs": [tensor]})
    assert (found.status, said(found)["finding"]) == (413, "LG606")
    house.admission.burst = ROWS
    assert house.send("POST", PATH, {"inputs": [tensor]}).status == 400


def test_a_wide_honest_request_is_answered() -> None:
    """200 fields with names of their owner's choosing, a thousand rows as FP32: 4 MiB of names out of 0.8 MiB."""
    names = [f"mean_of_measurement_{number:03}" for number in range(200)]
    assert binary(wide(names, extra="forbid"), [(name, "FP32", bytes(4 * ROWS)) for name in names], ROWS).status == 200


def test_a_name_that_is_ignored_is_in_the_record_as_sent() -> None:
    """With `extra="ignore"` it changes nothing, but what was sent is what is recorded; the longest that is taken."""
    house, name = wide(), "k" * bounds.LONGEST_NAME
    assert binary(house, [("x", "FP64", bytes(16)), (name, "BOOL", b"\0\1")], 2).status == 200
    assert [json.loads(each) for each in house.service.asked[0].given.canonical] == [
        {"x": 0.0, name: False},
        {"x": 0.0, name: True},
    ]
    assert binary(house, [(name + "k", "BOOL", b"\0\1")], 2).status == 400


@pytest.mark.parametrize("planned", [True, False])
def test_a_long_name_of_the_contract_is_its_own(planned: bool) -> None:
    """The bound is for what nobody here chose; a model that goes live meanwhile brings its own names."""
    name = "k" * 300
    house, sent = wide(), [(name, "FP64", bytes(16))]
    assert binary(house, sent, 2).status == 400
    house.service.now = wide([name], planned=planned).service.now
    assert binary(house, sent, 2).status == (200 if planned else 422)
