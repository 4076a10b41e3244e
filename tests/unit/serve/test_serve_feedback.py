"""`POST /feedback`: labels that fit, from those who may give them, all or none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lockgate.serve.declined import CannotRecord, Declined
from lockgate.serve.spec import Caps, Labelled
from tests.support.calls import SERVED, FakeAdmission, client, desk, said

ONE = {"receipt": "lgr1.a.0.x", "label": True}
THREE = dataclasses.replace(SERVED, task="multiclass", classes=("a", "b", "c"))
COUNTED = dataclasses.replace(SERVED, task="multiclass", classes=(0, 1, 2))
NUMBER = dataclasses.replace(SERVED, task="regression", classes=())


def test_one_label_and_many_are_accepted() -> None:
    """202, with a receipt of its own for each; a label costs what a row costs."""
    house = desk()
    found = house.send("POST", "/feedback", ONE)
    assert (found.status, said(found)) == (202, {"accepted": 1, "receipts": ["lgl1.0"]})
    assert ("RateLimit", "1") in found.headers
    many = house.send("POST", "/feedback", {"feedback": [ONE | {"receipt": "b", "label": False}]})
    assert many.status == 202
    assert house.service.labels == [Labelled("lgr1.a.0.x", True), Labelled("b", False)]
    assert house.admission.charged == [("ada", "flights", 1, 1)] * 2


def test_feedback_needs_the_action_label() -> None:
    """Who may ask may not, for that, say what came true; nor who may say it of another model."""
    house = desk()
    assert house.send("POST", "/feedback", ONE, who=client(actions=("predict", "describe"))).status == 403
    assert house.send("POST", "/feedback", ONE, who=client(models=("phishing",))).status == 403
    assert house.service.labels == []


@pytest.mark.parametrize(
    ("served", "label", "fits"),
    [
        (SERVED, False, True),
        (SERVED, 0, False),
        (SERVED, "false", False),
        (SERVED, None, False),
        (THREE, "c", True),
        (THREE, "d", False),
        (THREE, ["a"], False),
        (COUNTED, 2, True),
        (COUNTED, True, False),
        (COUNTED, 1.0, False),
        (NUMBER, 12, True),
        (NUMBER, -1.5, True),
        (NUMBER, True, False),
        (NUMBER, "12", False),
        (NUMBER, 10**400, False),
        (NUMBER, {}, False),
    ],
)
def test_a_label_is_one_that_can_have_come_true(served: Any, label: Any, fits: bool) -> None:
    """One of the classes and of its type, or a number: 422 otherwise, which says where, and nothing is recorded."""
    house = desk(served=served)
    found = house.send("POST", "/feedback", {"feedback": [{"receipt": "x", "label": label}]})
    assert found.status == (202 if fits else 422)
    if not fits:
        assert said(found)["finding"] == "LG652"
        assert said(found)["errors"][0]["loc"] == ["feedback", 0, "label"]
        assert (house.service.labels, house.admission.charged) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"feedback": []},
        {"feedback": {}},
        {"feedback": [1]},
        {"feedback": [ONE | {"more": 1}]},
        {"feedback": [ONE], "more": 1},
        {"receipt": "x"},
        {"label": True},
        ONE | {"more": 1},
        ONE | {"receipt": 7},
        ONE | {"receipt": ""},
        ONE | {"receipt": "x" * 257},
        ONE | {"receipt": "a\nb"},
        b'{"receipt": "x", "label": NaN}',
        b'{"receipt": "x", "label": true, "label": false}',
    ],
)
def test_another_form_is_400(body: Any) -> None:
    """Exactly a receipt and a label, or a list of those."""
    found = desk().send("POST", "/feedback", body)
    assert (found.status, said(found)["finding"]) == (400, "LG608")


def test_a_receipt_twice_is_409() -> None:
    """At most one label per prediction, also within a request."""
    found = desk().send("POST", "/feedback", {"feedback": [ONE, ONE | {"label": False}]})
    assert (found.status, said(found)["finding"]) == (409, "LG663")


def test_more_labels_than_rows_of_a_request_are_413() -> None:
    """The same limit."""
    many = {"feedback": [{"receipt": f"r{number}", "label": True} for number in range(4)]}
    assert desk(caps=Caps(max_rows=3)).send("POST", "/feedback", many).status == 413
    assert desk(caps=Caps(max_rows=4)).send("POST", "/feedback", many).status == 202


@pytest.mark.parametrize(
    ("fault", "status", "finding"),
    [
        (Declined(409, "LG663", "has a label already"), 409, "LG663"),
        (CannotRecord(), 503, "LG613"),
        (TimeoutError(), 503, "LG613"),
        (RuntimeError("secret"), 500, "LG616"),
    ],
)
def test_what_cannot_be_recorded_is_refused(fault: Exception, status: int, finding: str) -> None:
    """Every fault ends in one reply, and none tells of internals."""
    house = desk()
    house.service.fails = fault
    found = house.send("POST", "/feedback", ONE)
    assert (found.status, said(found)["finding"]) == (status, finding)
    assert b"secret" not in found.body


def test_feedback_is_limited_like_everything_else() -> None:
    """Above the rate nothing is recorded."""
    house = desk()
    house.admission = FakeAdmission(fails=Declined(429, "LG610", "too fast"))
    assert house.send("POST", "/feedback", ONE).status == 429
    assert house.service.labels == []
