"""The questions that other model servers answer with 200 or 500, put to the contracts of the examples: always a 4xx.

The contract is the real one, judged by its compiled plan and by the contract worker's own code; only processes are left
out. (29 or 31 features of 30 are, with named fields, one field missing or one too many.)
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockgate.contract import call
from lockgate.contract.jail import worker
from lockgate.contract.plan import parse_plan
from lockgate.contract.requests import RequestChecker
from lockgate.contract.spec import Kind
from lockgate.core.wire import Frame
from lockgate.serve.declined import Declined
from lockgate.serve.gate import Gate
from lockgate.serve.http import Head, Peer, Reply
from lockgate.serve.spec import Asked, Caps
from lockgate.serve.tally import Tally
from tests.support import admission
from tests.support.calls import ACTIONS, Desk, FakeLive, FakeService, said

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FLIGHT: list[tuple[str, Kind]] = [("month", "int"), ("carrier", "string"), ("distance", "int")]
PAGE: list[tuple[str, Kind]] = [("https", "float"), ("age_of_domain", "int")]
CONTRACTS: dict[str, tuple[str, str, list[tuple[str, Kind]], str]] = {
    "flights": ("Flight", "late", FLIGHT, "distance"),
    "flights-minutes": ("Flight", "delay", FLIGHT, "distance"),
    "phishing": ("Page", "is_phishing", PAGE, "https"),
}


@dataclass
class Judged(FakeService):
    """What the plan does not accept is judged by the contract worker's own code."""

    judge: worker.Checker | None = None

    def predict(self, live: FakeLive, asked: Asked) -> None:
        """Pydantic's verdict, else a prediction of no meaning."""
        given = asked.given
        if given.values is None and self.judge is not None:
            errors, columns, _ = self.judge.check(b"[" + b",".join(given.canonical) + b"]")
            if errors:
                asked.reply(Declined(422, "LG609", "the contract refuses", errors=errors).reply())
                return
            given.values = live.checker.learn(given, columns)
        given.values = [(1.0,)] * given.rows
        super().predict(live, asked)


@dataclass
class House:
    """One example's contract behind the calls."""

    desk: Desk
    record: dict[str, Any]
    number: str

    def send(self, *records: dict[str, Any]) -> Reply:
        """Records as Python writes JSON: NaN and Infinity as tokens."""
        return self.desk.send("POST", "/predict", json.dumps({"records": records}).encode())


@pytest.fixture(scope="module", params=list(CONTRACTS))
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Each example's contract in turn, compiled."""
    name, label, inputs, number = CONTRACTS[request.param]
    folder = EXAMPLES / request.param
    files = {"contract.py": (folder / "contract.py").read_bytes()}
    header, payload = call.load_frame(f"contract.py:{name}", label, inputs, files)
    judge = worker.load(Frame(header, payload), tmp_path_factory.mktemp("job"))
    checker = RequestChecker(parse_plan(judge.plan), inputs)
    record = json.loads((folder / "sample.json").read_text())["records"][0]
    return House(Desk(Judged(FakeLive(checker=checker), judge=judge)), record, number)


def _without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


def test_the_honest_record_passes(house: House) -> None:
    """The positive control of the whole table: the sample is answered, the second time by the compiled plan alone."""
    assert [house.send(house.record).status for _ in range(2)] == [200, 200]
    assert house.desk.admission.charged[-1][3] == 1


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("much", {"int_parsing", "float_parsing"}),
        (1e30, {"int_from_float", "less_than_equal", "int_parsing_size"}),
        (-1, {"greater_than_equal"}),
        (None, {"int_type", "float_type"}),
        ([1], {"int_type", "float_type"}),
    ],
)
def test_a_value_that_the_contract_refuses(house: House, value: Any, kinds: set[str]) -> None:
    """A text, 1e30, below the bound, null, a list: 422 with Pydantic's own word for it, and where it is."""
    found = house.send(house.record, house.record | {house.number: value})
    assert (found.status, said(found)["finding"]) == (422, "LG609")
    assert said(found)["errors"][0]["loc"] == [1, house.number]
    assert said(found)["errors"][0]["type"] in kinds


def test_one_field_less_and_one_more(house: House) -> None:
    """29 or 31 of 30 features, and an unknown field: 422, named."""
    less = house.send(_without(house.record, house.number))
    assert less.status == 422
    assert [(one["type"], one["loc"]) for one in said(less)["errors"]] == [("missing", [0, house.number])]
    more = house.send(house.record | {"feature_31": 0.5})
    assert more.status == 422
    assert [(one["type"], one["loc"]) for one in said(more)["errors"]] == [("extra_forbidden", [0, "feature_31"])]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_are_not_json(house: House, number: float) -> None:
    """The tokens NaN and Infinity: 400 under any contract."""
    found = house.send(house.record | {house.number: number})
    assert (found.status, said(found)["finding"]) == (400, "LG608")


@pytest.mark.parametrize("text", [b"1e999", b"-1e999"])
def test_a_number_beyond_a_double_is_400(house: House, text: bytes) -> None:
    """What one parser calls infinity, another calls an error."""
    body = json.dumps({"records": [house.record | {house.number: 7777}]}).encode().replace(b"7777", text)
    assert house.desk.send("POST", "/predict", body).status == 400


def test_a_key_twice_is_400(house: House) -> None:
    """Which of two values counts is not guessed: not in a record, not in the request."""
    record = json.dumps(house.record)
    twice = record[:-1] + f', "{house.number}": 1}}'
    for body in (f'{{"records": [{twice}]}}', f'{{"records": [{record}], "records": [{record}]}}'):
        found = house.desk.send("POST", "/predict", body.encode())
        assert (found.status, said(found)["finding"]) == (400, "LG608")


def test_twenty_thousand_rows_are_413(house: House) -> None:
    """One request does not hold the model for everybody else."""
    assert house.send(*[house.record] * 20_000).status == 413


def test_no_key_is_401_on_every_route(house: House) -> None:
    """Before anything is read or looked up; with a key the same request is let in."""
    door = admission.Door(caps=Caps(unheard=0), clients=[admission.client(actions=ACTIONS)])
    table = house.desk.table
    core = Gate(door.admission, table, house.desk.service, Tally(), caps=Caps(), clock=time.monotonic)  # type: ignore[arg-type]
    asked = [
        (route.method, route.pattern.replace("{model}", "flights").replace("{version}", "3")) for route in table.routes
    ]
    for method, path in [
        *asked,
        ("GET", "/"),
        ("GET", "/docs"),
        ("POST", "/v2/repository/index"),
        ("DELETE", "/predict"),
    ]:
        for key in ({}, {"authorization": ""}, {"authorization": "Bearer lgk_"}, {"authorization": "Basic YTpi"}):
            found = core.begin(Head(method, path, key, Peer("192.0.2.1")))
            assert isinstance(found, Reply), (method, path)
            assert (found.status, said(found)["finding"]) == (401, "LG601")
    right = {"authorization": f"Bearer {admission.KEY}"}
    assert not any(
        isinstance(core.begin(Head(method, path, right, Peer("192.0.2.1"))), Reply) for method, path in asked
    )
