"""A contract worker whose requests are made to end it: it answers each of them, and an honest one afterwards."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.contract.call import LONGEST_TEXT, MAX_ERRORS, MAX_REFUSAL, load_frame, read_checked, read_ready
from lockgate.contract.jail import worker
from lockgate.contract.jail.refusal import bounded, own
from lockgate.core.encoding import encode
from lockgate.runtime import channel

CONTRACT = b"""
import sys
from typing import Annotated, Any
from lockgate import label_only
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

class Mute(ValueError):
    def __str__(self):
        raise RuntimeError("no text")

class Near(BaseModel):
    gates: list[float]

class Flight(BaseModel):
    model_config = ConfigDict(extra="forbid")
    distance: float
    carrier: str = "UA"
    deep: Any = None
    many: list[int | float | bool] = []
    named: dict[str, list[float]] = {}
    near: Near = Field(default_factory=lambda data: Near(gates=[1, 1, "x" if data["distance"] < 0 else 1]))
    late: bool

    @field_validator("carrier")
    @classmethod
    def spoken(cls, value: str) -> str:
        word, _, number = value.partition(" ")
        if word == "repeat":
            return "x" * int(number)
        if word == "half":
            return chr(0xD800)
        if word == "long":
            raise ValueError("m" * int(number))
        if word == "coded":
            raise PydanticCustomError("t" * int(number), "m" * int(number))
        if word == "mute":
            raise Mute
        if word == "leave":
            sys.exit(3)
        if word == "named":
            raise type("E" * int(number), (KeyError,), {})
        return value
"""
INPUTS = [("distance", "float"), ("carrier", "string")]
HONEST = {"distance": 1.5, "carrier": "AA"}
LONG = "k" * (2 << 20)


class Asked:
    """Our end of a worker that runs in a thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._number = 0

    def check(self, *records: Any, payload: bytes = b"") -> tuple[list[Any], list[dict[str, Any]]]:
        """The columns or the errors, after what the gateway asks of an answer's form."""
        self._number += 1
        payload = payload or json.dumps(records, ensure_ascii=True).encode()
        rows = len(records) or 1
        channel.send(self._sock, {"op": "check", "id": self._number, "count": rows}, payload)
        received = channel.receive(self._sock)
        assert received is not None, "the worker ended"
        columns, errors = read_checked(received[0], self._number, rows)
        assert len(encode(errors)) <= MAX_REFUSAL + 2
        assert len(errors) <= MAX_ERRORS
        return [column.values() for column in columns], errors


@pytest.fixture(name="asked", scope="module")
def _asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    job: Path = tmp_path_factory.mktemp("job")

    def serve() -> None:
        with theirs:
            worker.serve(theirs, job)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    channel.send(ours, *load_frame("contract.py:Flight", "late", INPUTS, {"contract.py": CONTRACT}))
    received = channel.receive(ours)
    assert received is not None
    read_ready(received[0])
    yield Asked(ours)
    ours.close()
    thread.join(20)
    assert not thread.is_alive()


def nested(depth: int) -> bytes:
    """A record with a value that is nested so deep."""
    return b'[{"distance":1.5,"deep":' + b"[" * depth + b"]" * depth + b"}]"


HOSTILE: dict[str, tuple[list[Any], str]] = {
    "a long key": ([{**HONEST, LONG: 1}], "extra_forbidden"),
    "a hundred long keys": ([{**HONEST, **{f"{number}{'k' * 11_000}": 1 for number in range(100)}}], "extra_forbidden"),
    "letters of four bytes": ([{**HONEST, **{f"{n}{chr(0x1F600) * 999}": 1 for n in range(100)}}], "extra_forbidden"),
    "letters that are spelled long": ([{**HONEST, **{f"{n}{chr(1) * 999}": 1 for n in range(100)}}], "extra_forbidden"),
    "a hundred records": ([{"distance": "x", LONG[:11_000]: 1}] * 100, "float_parsing"),
    "a long value": ([{"distance": LONG}], "float_parsing"),
    "half a character": ([{"distance": 1.5, "\ud800": 1}], "json_invalid"),
    "half a character in a value": ([{"distance": "\udfff"}], "json_invalid"),
    "a validator's long message": ([{"distance": 1, "carrier": f"long {4 << 20}"}], "value_error"),
    "many long messages": ([{"distance": 1, "carrier": "long 100000"}] * 200, "value_error"),
    "an error's long type": ([{"distance": 1, "carrier": f"coded {2 << 20}"}], "t" * 253 + "..."),
    "an error without a text": ([HONEST, {"distance": 1, "carrier": "mute"}], "lockgate_raised"),
    "a validator that leaves": ([HONEST, {"distance": 1, "carrier": "leave"}], "lockgate_raised"),
    "an exception with a long name": ([HONEST, {"distance": 1, "carrier": "named 2000000"}], "lockgate_raised"),
    "an error of another model's": ([HONEST, {"distance": -1}], "float_parsing"),
    "half a character of the contract's own": ([HONEST, {"distance": 1, "carrier": "half"}], "lockgate_type"),
    "a text above the frame": ([HONEST, {"distance": 1, "carrier": f"repeat {65 << 20}"}], "lockgate_size"),
    "texts above the frame together": ([{"distance": 1, "carrier": f"repeat {9 << 20}"}] * 8, "lockgate_size"),
    "too many values": ([{"distance": 1, "many": [""] * 300_000}], "lockgate_size"),
    "values under a long key": ([{"distance": 1, "named": {"k" * 60_000: [""] * 30_000}}], "lockgate_size"),
    "faults in each of many records": ([{"distance": 1, "many": [""] * 60_000}] * 5, "int_parsing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_request_has_an_answer(asked: Asked, name: str) -> None:
    """A refusal within its limits, about a record of the request; then an honest record is accepted as ever."""
    records, rule = HOSTILE[name]
    columns, errors = asked.check(*records)
    assert columns == []
    assert errors[0]["type"] == rule
    assert all(len(text) <= LONGEST_TEXT for each in errors for text in [each["msg"], *map(str, each["loc"])])
    assert asked.check(HONEST) == ([[1.5], ["AA"]], [])


@pytest.mark.parametrize("name", ["leave", "mute", "half", f"repeat {65 << 20}"])
def test_the_refusal_names_the_record(asked: Asked, name: str) -> None:
    """Whoever sent an honest record beside it learns that it was not that one."""
    _, errors = asked.check(HONEST, {"distance": 1, "carrier": name})
    assert [each["loc"][0] for each in errors] == [1]


def test_nothing_odd_hides_a_weight(asked: Asked) -> None:
    """A number of more digits than Python reads beside too many values: the record is weighed all the same."""
    odd = b'[{"distance":' + b"9" * 5000 + b',"many":[' + b",".join([b'""'] * 300_000) + b"]}]"
    assert [each["type"] for each in asked.check(payload=odd)[1]] == ["lockgate_size"]
    assert asked.check(HONEST) == ([[1.5], ["AA"]], [])


def test_faults_of_many_records_are_told_of_the_first(asked: Asked) -> None:
    """Where all faults together would take too long to tell, those of one record are; of a few records, all are."""
    _, errors = asked.check(*[{}] * 12_000)
    assert {each["loc"][0] for each in errors} == {0}
    _, errors = asked.check({}, {})
    assert {each["loc"][0] for each in errors} == {0, 1}


def test_half_a_character_of_a_place_is_replaced() -> None:
    """A validator may hand on a key that no UTF-8 can spell."""
    assert bounded([own(0, "a\ud800", "r", "m")]) == [own(0, "a?", "r", "m")]
    assert bounded([own(0, "k" * 300, "r", "m")])[0]["loc"][1] == "k" * 255 + "…"


@pytest.mark.parametrize("depth", [60, 150, 500, 100_000])
def test_any_depth_has_an_answer(asked: Asked, depth: int) -> None:
    """Accepted or refused, as Pydantic says; the next request is answered."""
    columns, errors = asked.check(payload=nested(depth))
    assert bool(columns) != bool(errors)
    assert asked.check(HONEST) == ([[1.5], ["AA"]], [])


@pytest.mark.parametrize("depth", [150, 100_000])
def test_depth_and_a_validator_that_raises(asked: Asked, depth: int) -> None:
    """What is nested deeper than we read is refused though no record can be named."""
    deep = nested(depth).replace(b'"distance":1.5', b'"carrier":"leave","distance":1.5')
    assert asked.check(payload=deep)[1]
    assert asked.check(HONEST) == ([[1.5], ["AA"]], [])


def test_what_fits_is_told_whole(asked: Asked) -> None:
    """An honest mistake is told by Pydantic's own words, with the key as it was sent."""
    _, errors = asked.check({"distance": "far", "Entfernung\u00a0km": 1})
    assert [(each["type"], each["loc"]) for each in errors if each["loc"][1] != "near"] == [
        ("float_parsing", [0, "distance"]),
        ("extra_forbidden", [0, "Entfernung\u00a0km"]),
    ]
    assert errors[0]["msg"] == "Input should be a valid number, unable to parse string as a number"


def test_a_large_honest_question_is_accepted(asked: Asked) -> None:
    """Weight refuses no record for what stands beside it, and no list that is long but not too long."""
    records = [{"distance": 1.0, "carrier": "AA", "many": list(range(600))}] * 200
    columns, errors = asked.check(*records)
    assert errors == []
    assert columns == [[1.0] * 200, ["AA"] * 200]
