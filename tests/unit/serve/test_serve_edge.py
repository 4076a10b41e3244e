"""The HTTP edge over the real service: what is answered, what is not, and how."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.types import Message

from lockgate.serve import rules
from lockgate.serve.edge import create_app, routes
from lockgate.serve.service import CannotRecord, NoAnswer, WorkerLost
from lockgate.serve.spec import Caps
from lockgate.serve.turn import Full

GOOD = {"records": [{"distance": 200, "carrier": "UA", "stops": 0}, {"distance": 2000, "carrier": "AA", "stops": 1}]}
FAR = {"records": [{"distance": 1}, {"distance": 1e30}]}


def test_a_good_request_gets_prediction_model_and_receipt(house: Any) -> None:
    """The shape that other programs rely on, recorded before it is answered."""
    answer = house.send("POST", "/predict", json=GOOD)
    assert answer.status_code == 200
    assert answer.json() == {
        "predictions": [
            {"label": False, "scores": {"false": 0.25, "true": 0.75}},
            {"label": True, "scores": {"false": 0.25, "true": 0.75}},
        ],
        "model": {
            "name": "flights",
            "version": 3,
            "digest": "sha256:" + "a" * 64,
            "environment": "dev",
            "rung": "live",
        },
        "receipts": ["lgr1.0000000000000000.0.salt", "lgr1.0000000000000000.1.salt"],
    }
    assert house.recorder.seen == [("ada", 2)]
    assert answer.headers["RateLimit"] == '"rows";r=1998;t=1'


def _paths(house: Any) -> list[tuple[str, str]]:
    found = []
    for route in routes(house.service):
        path = route.path.replace("{model}", "flights").replace("{version}", "3")
        found += [(method, path) for method in (route.methods or set())]
    return found


def test_no_route_answers_without_a_key(house: Any) -> None:
    """Every declared route and method, unknown ones, and all kinds of wrong keys: 401 and nothing else."""
    other = rules.new_key(b"o" * 32)
    unknown = [("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("POST", "/v2/repository/models/m/unload")]
    for method, path in [*_paths(house), *unknown, ("DELETE", "/predict"), ("OPTIONS", "/predict")]:
        for key in (None, other, "", "lgk_", house.key + "x"):
            answer = house.send(method, path, key=key)
            assert answer.status_code == 401, (method, path, key)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert method == "HEAD" or answer.json()["finding"] == "LG601"
    assert house.recorder.seen == []


def test_every_route_answers_with_a_key(house: Any) -> None:
    """The positive control of the walk: with a key, the same routes are found."""
    for method, path in _paths(house):
        assert house.send(method, path, json=GOOD).status_code in (200, 400), (method, path)


def test_a_client_without_permission_gets_nothing_of_any_route(make_house: Callable[..., Any]) -> None:
    """Deny by default: a client whose list is empty gets 403 on every route."""
    nobody = make_house(actions=())
    for method, path in _paths(nobody):
        assert nobody.send(method, path, json=GOOD).status_code == 403, (method, path)
    elsewhere = make_house(models=("phishing",))
    for method, path in _paths(elsewhere):
        if "models" in path or path == "/predict":
            assert elsewhere.send(method, path, json=GOOD).status_code == 403, (method, path)
            assert elsewhere.send(method, path.replace("flights", "other"), json=GOOD).status_code == 403


def test_two_authorization_headers_are_no_key(house: Any) -> None:
    """Which of two is meant is not guessed."""
    headers = [("Authorization", f"Bearer {house.key}")] * 2

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(house.service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/v2", headers=headers)

    assert asyncio.run(call()).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "finding"),
    [
        ("GET", "/nothing", 404, "LG603"),
        ("GET", "/docs", 404, "LG603"),
        ("GET", "/v2/models/other", 404, "LG603"),
        ("GET", "/v2/models/flights/versions/2", 404, "LG603"),
        ("POST", "/v2/models/flights/versions/03/infer", 404, "LG603"),
        ("POST", "/v2/repository/models/flights/unload", 404, "LG603"),
        ("GET", "/predict", 405, "LG604"),
        ("DELETE", "/v2/models/flights", 405, "LG604"),
    ],
)
def test_unknown_calls_are_json_refusals(house: Any, method: str, path: str, status: int, finding: str) -> None:
    """404 and 405 in the same form as everything else."""
    answer = house.send(method, path, json=GOOD if method == "POST" else None)
    assert (answer.status_code, answer.json()["finding"]) == (status, finding)
    assert answer.json()["error"] == answer.json()["message"]


def test_the_contracts_refusal_is_422_with_its_own_words(house: Any) -> None:
    """Pydantic's errors, located in the request; nothing is predicted or recorded, not even the good record."""
    answer = house.send("POST", "/predict", json=FAR)
    assert answer.status_code == 422
    assert answer.json()["finding"] == "LG609"
    assert answer.json()["errors"] == [{"type": "less_than_equal", "loc": ["records", 1, "distance"], "msg": "too far"}]
    assert (house.engine.asked, house.recorder.seen) == ([], [])


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"records": [{"distance": NaN}]}', {}, 400),
        (b'{"records": [{"distance": 1, "distance": 2}]}', {}, 400),
        (b"distance=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415),
        (b"{}", {"Content-Encoding": "gzip"}, 415),
        (b"{}", {"Inference-Header-Content-Length": "2"}, 415),
        (b"x" * 2000, {}, 413),
        (b"{}", {"Content-Length": "9" * 30}, 413),
        (b"{}", {"Content-Length": "-1"}, 413),
    ],
)
def test_bodies_that_are_not_taken(
    make_house: Callable[..., Any], content: bytes, headers: dict[str, str], status: int
) -> None:
    """Malformed, undeclared and oversized bodies: a 4xx that says which."""
    house = make_house(caps=Caps(max_body=1000))
    answer = house.send("POST", "/predict", content=content, headers={"Content-Type": "application/json"} | headers)
    assert answer.status_code == status
    assert answer.json()["finding"].startswith("LG6")


def test_an_oversized_stream_is_cut_without_a_declared_length(make_house: Callable[..., Any]) -> None:
    """A chunked body is refused at the cap, however long it would go on."""
    house = make_house(caps=Caps(max_body=1000))
    sent = []

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield b"x" * 100

    answer = house.send("POST", "/predict", content=chunks(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["finding"]) == (413, "LG605")


def test_two_lengths_of_one_body_are_400(house: Any) -> None:
    """Content-Length beside Transfer-Encoding: which one a proxy before us believed is not known."""
    headers = {"Content-Type": "application/json", "Content-Length": "2", "Transfer-Encoding": "chunked"}
    answer = house.send("POST", "/predict", content=b"{}", headers=headers)
    assert (answer.status_code, answer.headers["Connection"]) == (400, "close")


def test_a_slow_body_is_408(make_house: Callable[..., Any]) -> None:
    """A body that does not arrive in time is given up."""
    house = make_house(caps=Caps(receive=0.05))
    said: list[Message] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {house.key}".encode()), (b"content-type", b"application/json")],
    }

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    asyncio.run(create_app(house.service)(scope, receive, send))  # type: ignore[arg-type]
    assert said[0]["status"] == 408


def test_rows_above_the_cap_or_the_burst_are_413(make_house: Callable[..., Any]) -> None:
    """20,000 rows are refused; so is more than the client's whole burst, which no waiting would help."""
    many = {"records": [{"distance": 1}] * 20_000}
    assert make_house().send("POST", "/predict", json=many).json()["finding"] == "LG606"
    small = make_house(burst=3)
    assert small.send("POST", "/predict", json={"records": [{"distance": 1}] * 4}).status_code == 413
    assert small.send("POST", "/predict", json={"records": [{"distance": 1}] * 3}).status_code == 200


def test_above_the_rate_is_429_and_passes_later(make_house: Callable[..., Any]) -> None:
    """Rows, not requests, are counted; the answer says when to come again, and then it passes."""
    house = make_house(rate=1.0, burst=2)
    assert house.send("POST", "/predict", json=GOOD).status_code == 200
    refused = house.send("POST", "/predict", json=GOOD)
    assert (refused.status_code, refused.json()["finding"]) == (429, "LG610")
    assert refused.headers["Retry-After"] == "2"
    assert refused.headers["RateLimit"] == '"rows";r=0;t=2'
    house.now[0] += 2
    assert house.send("POST", "/predict", json=GOOD).status_code == 200


def test_refused_records_are_paid_for(make_house: Callable[..., Any]) -> None:
    """Probing the contract costs the same rows as predicting."""
    house = make_house(rate=1.0, burst=2)
    assert house.send("POST", "/predict", json=FAR).status_code == 422
    assert house.send("POST", "/predict", json=GOOD).status_code == 429


@pytest.mark.parametrize(
    ("fault", "status", "finding"),
    [(WorkerLost(), 503, "LG612"), (Full(), 503, "LG611"), (NoAnswer(), 500, "LG617")],
)
def test_a_failing_worker_is_a_refusal_never_a_wrong_answer(
    house: Any, fault: Exception, status: int, finding: str
) -> None:
    """Nothing is recorded, the client is told to come again, and the next request passes."""
    house.engine.fails = fault
    answer = house.send("POST", "/predict", json=GOOD)
    assert (answer.status_code, answer.json()["finding"]) == (status, finding)
    assert status == 500 or answer.headers["Retry-After"] == "1"
    assert house.recorder.seen == []
    house.engine.fails = None
    assert house.send("POST", "/predict", json=GOOD).status_code == 200


def test_no_record_no_answer(house: Any) -> None:
    """When the record cannot be made durable, the prediction is not given."""
    house.recorder.fails = CannotRecord()
    answer = house.send("POST", "/predict", json=GOOD)
    assert (answer.status_code, answer.json()["finding"]) == (503, "LG613")
    assert "predictions" not in answer.json()


def test_an_internal_fault_shows_no_internals(house: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A bug is 500 with its finding; its message stays here, in our own log."""
    house.engine.fails = RuntimeError("/secret/path and 0x7f")
    with caplog.at_level(logging.ERROR):
        answer = house.send("POST", "/predict", json=GOOD)
    assert (answer.status_code, answer.json()["finding"]) == (500, "LG616")
    assert "secret" not in answer.text
    assert "secret" in caplog.text


def test_a_revoked_key_stops_at_once_and_a_new_one_starts(house: Any) -> None:
    """A new registry takes effect without a restart, and keeps what others have used."""
    house.service.admit([])
    assert house.send("GET", "/v2").status_code == 401


def test_a_closed_gateway_says_why_and_answers_nothing(house: Any) -> None:
    """After `close`, every call about a model is 503 with the reason; live is still live."""
    from lockgate.serve.declined import unavailable

    house.service.close(unavailable("LG623", "revoked"))
    for method, path in _paths(house):
        answer = house.send(method, path, json=GOOD)
        expected = 200 if path in ("/v2", "/v2/", "/v2/health/live") else 503
        assert answer.status_code == expected, path
    assert house.send("GET", "/v2/health/ready").headers["Retry-After"] == "1"


def test_an_inference_request_meets_the_same_contract(house: Any) -> None:
    """Tensors become records; outputs come back as tensors, with a receipt per row."""
    request = {
        "id": "42",
        "inputs": [
            {"name": "distance", "shape": [2], "datatype": "FP64", "data": [200, 2000.5]},
            {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": [["UA"], ["AA"]]},
        ],
    }
    answer = house.send("POST", "/v2/models/flights/versions/3/infer", json=request)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["model_name"], said["model_version"], said["id"]) == ("flights", "3", "42")
    assert said["outputs"][0] == {"name": "label", "datatype": "BOOL", "shape": [2], "data": [False, True]}
    assert said["outputs"][1]["data"] == [0.25, 0.75, 0.25, 0.75]
    assert len(said["outputs"][2]["data"]) == 2
    request["inputs"][0]["data"] = [1e30, 1]  # type: ignore[index]
    assert house.send("POST", "/v2/models/flights/infer", json=request).status_code == 422


def test_garbage_is_always_a_client_error(house: Any) -> None:
    """Odd bodies on both protocols: always 4xx with a finding, never 5xx."""
    odd: list[Any] = [None, [], {}, 1, "x", {"records": None}, {"records": [None]}, {"records": [[]]}, {"inputs": 1}]
    tensor = {"name": "a", "shape": [1], "datatype": "INT8", "data": [1]}
    shapes: list[Any] = [None, [], [2], ["1"], [1, 2]]
    datatypes: list[Any] = [None, 1, "", "FP16", []]
    values: list[Any] = [None, 1, [300], [1.5], [[1, 2]]]
    odd += [{"inputs": [tensor | {"shape": shape}]} for shape in shapes]
    odd += [{"inputs": [tensor | {"datatype": datatype}]} for datatype in datatypes]
    odd += [{"inputs": [tensor | {"data": data}]} for data in values]
    for value in odd:
        for path in ("/predict", "/v2/models/flights/infer"):
            headers = {"Content-Type": "application/json"}
            answer = house.send("POST", path, content=json.dumps(value).encode(), headers=headers)
            assert 400 <= answer.status_code < 500, (path, value)
            assert answer.json()["finding"].startswith("LG6")
