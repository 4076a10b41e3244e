"""The calls themselves: which there are, what they take, and how an answer to records is spelled."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from lockgate.serve.calls import media
from lockgate.serve.calls.ask import MEDIA_BINARY, MEDIA_JSON, Ask, Doors
from lockgate.serve.calls.predict import Predict
from lockgate.serve.calls.table import Table
from lockgate.serve.declined import Declined
from lockgate.serve.http import Head, Peer, Reply
from lockgate.serve.rules import CONTRACT_PRICE
from lockgate.serve.spec import Caps, OutputRule
from tests.support.calls import FAR, GOOD, SERVED, Desk, FakeAdmission, FakeService, client, desk, said


def _paths(table: Table) -> list[tuple[str, str]]:
    return [
        (route.method, route.pattern.replace("{model}", "flights").replace("{version}", "3")) for route in table.routes
    ]


def test_records_get_predictions_model_and_receipts() -> None:
    """The shape that other programs rely on; the predictions are the very bytes that were recorded."""
    found = desk().send("POST", "/predict", {"records": [GOOD, FAR]})
    assert found.status == 200
    assert said(found) == {
        "predictions": [
            {"label": False, "scores": {"false": 0.99, "true": 0.01}},
            {"label": True, "scores": {"false": 0.9, "true": 0.1}},
        ],
        "model": {
            "name": "flights",
            "version": 3,
            "digest": "sha256:" + "a" * 64,
            "environment": "dev",
            "rung": "live",
        },
        "receipts": ["lgr1.0", "lgr1.1"],
    }
    assert b'"predictions":[{"label":false,"scores":{"false":0.99,"true":0.01}},{' in found.body
    assert ("Lockgate-Model", "flights@3") in found.headers
    assert ("RateLimit", "1") in found.headers
    assert "Lockgate-Receipt" not in dict(found.headers)


def test_one_record_has_its_receipt_in_a_header_and_an_id_comes_back() -> None:
    """What a proxy or a log can pick up without parsing; an id is escaped, not trusted."""
    found = desk().send("POST", "/predict", {"records": [GOOD], "id": 'a"b\\c'})
    assert ("Lockgate-Receipt", "lgr1.0") in found.headers
    assert said(found)["id"] == 'a"b\\c'
    assert said(found)["receipts"] == ["lgr1.0"]


@pytest.mark.parametrize("name", ["x" * 65, "grüße", "a\nb", 7, ["a"]])
def test_an_id_is_short_and_printable(name: Any) -> None:
    """It goes into records and logs: nothing that breaks a line, and nothing long."""
    found = desk().send("POST", "/predict", {"records": [GOOD], "id": name})
    assert (found.status, found.body[:9]) == (400, b'{"error":')
    assert desk().send("POST", "/predict", {"records": [GOOD], "id": "x" * 64}).status == 200


def test_an_answer_that_the_policy_let_go_unrecorded_has_no_receipt() -> None:
    """Nothing is invented."""
    house = desk()
    house.service.recorded = False
    found = house.send("POST", "/predict", {"records": [GOOD]})
    assert said(found)["receipts"] == []
    assert "Lockgate-Receipt" not in dict(found.headers)


def test_an_abstention_is_spelled_as_recorded() -> None:
    """No label, and said so."""
    found = desk(rule=OutputRule(abstain_below=1.0)).send("POST", "/predict", {"records": [GOOD]})
    assert said(found)["predictions"] == [{"label": None, "abstained": True}]


def test_another_model_that_goes_live_is_named() -> None:
    """The card is kept per model, not for ever."""
    house = desk()
    call = Predict(Doors(house.service, house.admission, Caps()))
    spelled: list[Reply] = []
    for version in (3, 4, 3):
        from lockgate.serve.spec import Answer

        answer = Answer(dataclasses.replace(SERVED, version=version), [{}], [b"{}"], ["r"])
        spelled.append(call.spell(answer))
    assert [json.loads(one.body)["model"]["version"] for one in spelled] == [3, 4, 3]
    assert [dict(one.headers)["Lockgate-Model"] for one in spelled] == ["flights@3", "flights@4", "flights@3"]


def test_rows_are_charged_before_anything_is_predicted() -> None:
    """What the plan accepts costs a row each, what Pydantic must decide more; a refusal predicts nothing."""
    house = desk()
    house.send("POST", "/predict", {"records": [GOOD, GOOD]})
    house.send("POST", "/predict", {"records": [{**GOOD, "distance": 1e30}]})
    assert house.admission.charged == [("ada", "flights", 2, 1), ("ada", "flights", 1, CONTRACT_PRICE)]
    house = Desk(admission=FakeAdmission(fails=Declined(429, "LG610", "too fast", headers={"Retry-After": "2"})))
    refused = house.send("POST", "/predict", {"records": [GOOD]})
    assert (refused.status, dict(refused.headers)["Retry-After"]) == (429, "2")
    assert house.service.asked == []


@pytest.mark.parametrize("path", ["/predict", "/v2/models/flights/infer", "/feedback"])
def test_shared_counters_may_be_asked_first(path: str) -> None:
    """Where a charge must ask others, the request waits for it, is charged once and answered once, or refused."""
    tensors = [{"name": "distance", "shape": [1], "datatype": "FP64", "data": [1.0]}]
    body: dict[str, Any] = {"/predict": {"records": [GOOD]}, "/feedback": {"receipt": "lgr1.0", "label": True}}
    waiting = Desk(admission=FakeAdmission(later=2))
    found = waiting.send("POST", path, body.get(path, {"inputs": tensors}))
    assert found.status == (422 if "infer" in path else 202 if "feedback" in path else 200)
    assert len(waiting.admission.charged) == 1
    refused = Desk(admission=FakeAdmission(later=1, fails=Declined(429, "LG610", "too fast")))
    assert refused.send("POST", path, body.get(path, {"inputs": tensors})).status == 429


@pytest.mark.parametrize("path", ["/predict", "/v2/models/flights/infer", "/feedback"])
def test_a_request_that_waited_gets_its_one_reply(path: str) -> None:
    """Whatever goes wrong while it is charged later, it is answered: its slot and its connection hang on that."""
    body: dict[str, Any] = {"/predict": {"records": [GOOD]}, "/feedback": {"receipt": "lgr1.0", "label": True}}
    tensors = [{"name": "distance", "shape": [1], "datatype": "FP64", "data": [1.0]}]
    house = Desk(admission=FakeAdmission(later=2, fails=RuntimeError("of the counters")))
    found = house.send("POST", path, body.get(path, {"inputs": tensors}))
    assert (found.status, said(found)["finding"]) == (500, "LG616")
    assert b"counters" not in found.body
    assert house.admission.waiting == []


_ROW = {"name": "distance", "shape": [4], "datatype": "FP64", "data": [1.0] * 4}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/predict", b"", 400),
        ("/predict", b"{" + b" " * 10_000, 400),
        ("/predict", {"records": [GOOD], "id": "x" * 65}, 400),
        ("/predict", {"records": [GOOD] * 4}, 413),
        ("/v2/models/flights/infer", b"[" * 5_000, 400),
        ("/v2/models/flights/infer", {"inputs": [_ROW], "more": "x" * 5_000}, 400),
        ("/v2/models/flights/infer", {"inputs": [_ROW]}, 413),
        ("/feedback", {"receipt": "lgr1.0"}, 400),
        ("/feedback", {"receipt": "lgr1.0", "label": "x" * 9_000}, 422),
        ("/feedback", {"feedback": [{"receipt": "lgr1.0", "label": True}] * 4}, 413),
    ],
)
def test_a_body_that_is_refused_is_not_free(path: str, body: Any, status: int) -> None:
    """Before anything could be charged, it was read: a row for each started 4 KiB of it. Nothing else is fined."""
    house = Desk(admission=FakeAdmission(burst=3))
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert house.send("POST", path, data).status == status
    assert house.admission.fined == [("ada", max(1, math.ceil(len(data) / 4096)))]
    assert house.admission.charged == []


def test_what_was_charged_is_not_fined() -> None:
    """Neither what is answered, nor what the contract refuses, nor what admission refuses, which counts that itself."""
    house = Desk(admission=FakeAdmission(burst=3))
    assert house.send("POST", "/predict", {"records": [GOOD] * 3}).status == 200
    assert house.send("POST", "/predict", {"records": [{**GOOD, "distance": 1e30}]}).status == 422
    assert house.send("POST", "/feedback", {"receipt": "lgr1.0", "label": True}).status == 202
    house.admission.fails = Declined(429, "LG610", "too fast")
    for path, body in (
        ("/predict", {"records": [GOOD]}),
        ("/v2/models/flights/infer", {"inputs": [{**_ROW, "shape": [2], "data": [1.0, 2.0]}]}),
        ("/feedback", {"receipt": "lgr1.0", "label": True}),
    ):
        assert house.send("POST", path, body).status == 429
    assert house.admission.fined == []


def test_too_many_rows_are_413() -> None:
    """20,000 where 10,000 are taken; the most that is taken passes."""
    small = desk(caps=Caps(max_rows=3))
    assert desk().send("POST", "/predict", {"records": [GOOD] * 20_000}).status == 413
    assert small.send("POST", "/predict", {"records": [GOOD] * 4}).status == 413
    assert small.send("POST", "/predict", {"records": [GOOD] * 3}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", "/docs", 404, None),
        ("GET", "/predict/", 404, None),
        ("GET", "//v2", 404, None),
        ("GET", "/v2/models//ready", 404, None),
        ("POST", "/v2/repository/models/flights/unload", 404, None),
        ("POST", "/v2/repository/index", 404, None),
        ("GET", "/v2/models/other", 404, None),
        ("GET", "/v2/models/flights/versions/2", 404, None),
        ("POST", "/v2/models/flights/versions/03/infer", 404, None),
        ("POST", "/v2/models/flights/versions/3%20/infer", 404, None),
        ("GET", "/v2/models/%ff", 404, None),
        ("GET", "/predict", 405, "POST"),
        ("HEAD", "/v2", 405, "GET"),
        ("OPTIONS", "/feedback", 405, "POST"),
        ("DELETE", "/v2/models/flights", 405, "GET"),
        ("GET", "/v2/models/flights/infer", 405, "POST"),
    ],
)
def test_what_is_not_in_the_table_is_refused(method: str, path: str, status: int, allow: str | None) -> None:
    """404 and 405 in the same form as everything else; 405 says which method it takes."""
    body: Any = {"inputs": []} if method == "POST" else None
    found = desk().send(method, path, body)
    assert (found.status, dict(found.headers).get("Allow")) == (status, allow)
    assert said(found)["finding"] == {404: "LG603", 405: "LG604"}[status]
    assert allow is None or said(found)["message"] == f"this call takes {allow}"


def test_an_empty_part_of_a_path_names_nothing() -> None:
    """It is no model of that name, and no client has to be asked about it."""
    for path in ("/v2/models/", "/v2/models//ready", "/v2/models/flights/versions/"):
        with pytest.raises(Declined) as caught:
            desk().table.match("GET", path)
        assert caught.value.status == 404


def test_every_other_method_is_405() -> None:
    """On each path of the table: there is nothing to put, patch, delete, trace or connect to."""
    house = desk()
    there = set(_paths(house.table))
    for path in sorted({path for _, path in there}):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "get"):
            if (method, path) not in there:
                found = house.send(method, path)
                assert (found.status, dict(found.headers)["Allow"]) == (
                    405,
                    "GET" if ("GET", path) in there else "POST",
                )


def test_every_route_is_found_and_asks_for_an_action() -> None:
    """The walk that the admission tests make, with its positive control: every route answers who may use it."""
    house = desk()
    for method, path in _paths(house.table):
        body = {"records": [GOOD]} if path == "/predict" else {} if method == "POST" else None
        expected = 200 if method == "GET" or path == "/predict" else 400
        assert house.send(method, path, body).status == expected, path
        assert house.send(method, path, body, who=client(actions=())).status == 403, path


def test_a_percent_sign_spells_the_same_model() -> None:
    """Clients quote names."""
    assert desk().send("GET", "/v2/models/%66lights/versions/%33").status == 200


def test_nobody_learns_of_a_model_that_they_may_not_use() -> None:
    """Live or not, the answer is the same; a model of one's own that is not live is 404."""
    elsewhere = client(models=("phishing",))
    replies = {
        desk().send("GET", path, who=elsewhere).body
        for path in ("/v2/models/flights", "/v2/models/nothing-of-the-kind")
    }
    assert [json.loads(body)["finding"] for body in replies] == ["LG602"]
    assert desk().send("GET", "/v2/models/phishing", who=elsewhere).status == 404
    assert desk().send("POST", "/predict", {"records": [GOOD]}, who=elsewhere).status == 403


@pytest.mark.parametrize(("model", "version", "finding"), [("flights", "3", "LG602"), ("other", "1", "LG602")])
def test_calls_ask_again_for_permission(model: str, version: str, finding: str) -> None:
    """Also without the gate before them: what is live, or permitted, may have changed since the head was read."""
    house = desk()
    doors = Doors(house.service, house.admission, Caps())
    ask = Ask(Head("GET", "/", {}, Peer()), client(models=("phishing",)), {"model": model, "version": version})
    with pytest.raises(Declined) as caught:
        doors.live(ask, "describe")
    assert caught.value.finding == finding
    assert doors.live(dataclasses.replace(ask, client=client(), path={}), "describe").served is SERVED


def test_nothing_is_answered_while_nothing_is_live() -> None:
    """Live is still live; everything about a model is 503, and says when to come again."""
    house = Desk(FakeService(now=None))
    for method, path in _paths(house.table):
        found = house.send(method, path, {} if method == "POST" else None)
        plain = path in ("/v2", "/v2/", "/v2/health/live", "/openapi.json")
        assert found.status == (200 if plain else 503), path
        assert plain or dict(found.headers)["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"content_type": "application/json"}, 200),
        ({"content_type": "Application/JSON; charset=UTF-8"}, 200),
        ({"content_type": 'application/json;charset="utf-8"'}, 200),
        ({"content_type": "application/json", "content_encoding": "identity"}, 200),
        ({"content_type": "application/json; charset=latin-1"}, 415),
        ({"content_type": "application/json; charset=utf-8; x=y"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/jsonx"}, 415),
        ({"content_type": "application/octet-stream"}, 415),
        ({"content_type": ""}, 200),
        ({"content_type": "application/json", "content_encoding": "gzip"}, 415),
        ({"content_encoding": "gzip"}, 415),
        ({"inference_header_content_length": "2"}, 415),
        ({"content_type": "application/json", "inference_header_content_length": "2"}, 415),
    ],
)
def test_only_declared_types_are_taken(headers: dict[str, Any], status: int) -> None:
    """Everything else is not parsed at all."""
    assert desk().send("POST", "/predict", {"records": [GOOD]}, **headers).status == status


@pytest.mark.parametrize(
    ("kind", "mixed", "passes"),
    [
        (None, True, True),
        (MEDIA_BINARY, True, True),
        (MEDIA_JSON, False, True),
        (None, False, True),
        (MEDIA_JSON, True, False),
        (MEDIA_BINARY, False, False),
        (MEDIA_BINARY + "; charset=utf-8", True, False),
    ],
)
def test_binary_tensors_are_declared_twice(kind: str | None, mixed: bool, passes: bool) -> None:
    """Type and header belong together: neither is guessed from the other when both are there to say."""
    headers = {} if kind is None else {"content-type": kind}
    headers |= {"inference-header-content-length": "2"} if mixed else {}
    call, _ = desk().table.match("POST", "/v2/models/flights/infer")
    if passes:
        media.check(call, Head("POST", "/", headers, Peer()))
    else:
        with pytest.raises(Declined, match=r"binary|charset") as caught:
            media.check(call, Head("POST", "/", headers, Peer()))
        assert caught.value.status == 415
