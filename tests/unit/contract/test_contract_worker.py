"""contract.jail.worker in a real jail: requests get Pydantic's own verdict, without the label, for as long as asked."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from lockgate.contract.call import (
    LONGEST_TEXT,
    MAX_ERRORS,
    MAX_PLACE,
    check_frame,
    load_frame,
    read_checked,
    read_ready,
)
from lockgate.contract.plan import Moment, Python, Real, Whole, parse_plan
from lockgate.core import wire
from lockgate.core.encoding import encode
from lockgate.core.wire import Frame, WireError
from lockgate.errors import Usage
from lockgate.runtime import channel
from lockgate.sandbox.launch import Jail, RunningJail, Target
from lockgate.sandbox.settings import Limits, PythonEnv, named

FLIGHT = b"""
import time
from datetime import datetime
from typing import Literal
from lockgate import label_only
from pydantic import BaseModel, ConfigDict, Field, computed_field, field_validator, model_validator

class Flight(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    distance: float = Field(gt=0, le=20_000)
    carrier: Literal["UA", "AA", "LOOP", "RAISE"]
    seats: int | None = None
    when: datetime | None = None
    late: bool

    @computed_field
    @property
    def far(self) -> bool:
        return self.distance > 1000

    @field_validator("carrier")
    @classmethod
    def trouble(cls, value: str) -> str:
        while value == "LOOP":
            time.sleep(0.01)
        if value == "RAISE":
            raise KeyError(value)
        return value

    @label_only
    @model_validator(mode="after")
    def never_late(self):
        if self.late and self.distance < 10:
            raise ValueError("near and late")
        return self
"""
INPUTS = [("distance", "float"), ("carrier", "string"), ("far", "bool"), ("seats", "int"), ("when", "timestamp")]
GOOD: dict[str, Any] = {"distance": 1400, "carrier": "UA"}


class Worker:
    """Our end of a worker in a `contract` jail."""

    def __init__(self, files: Mapping[str, bytes], *, label: str = "late", inputs: Sequence[Any] = INPUTS) -> None:
        ours, theirs = socket.socketpair()
        settings = named("contract", python=PythonEnv.own(), limits=Limits(memory=1 << 30, tasks=32))
        target = Target("lockgate.contract.jail.worker", ("3",))
        self.jail: RunningJail = Jail(settings).start(target, descriptors={3: theirs.fileno()})
        theirs.close()
        ours.settimeout(20)
        self.sock = ours
        self.number = 0
        try:
            channel.send(ours, *load_frame("contract.py:Flight", label, list(inputs), files))
            self.plan = read_ready(self.receive())
        except BaseException:
            self.close()
            raise

    def receive(self) -> Frame:
        """The next frame."""
        received = channel.receive(self.sock)
        assert received is not None, "the worker ended"
        return received[0]

    def check(self, *records: Any) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
        """Columns or errors, as the gateway reads them."""
        self.number += 1
        channel.send(self.sock, *check_frame(self.number, [encode(record) for record in records]))
        columns, errors = read_checked(self.receive(), self.number, len(records))
        return {column.name: column.values() for column in columns}, errors

    def close(self) -> None:
        """Leave no process behind."""
        self.sock.close()
        self.jail.kill()


@pytest.fixture(name="worker", scope="module")
def _worker() -> Iterator[Worker]:
    worker = Worker({"contract.py": FLIGHT})
    yield worker
    worker.close()


def test_accepted_records_become_columns(worker: Worker) -> None:
    """The columns are those of io.json, in its order: coerced, computed, defaults filled in, times in microseconds."""
    columns, errors = worker.check(
        GOOD, {"distance": "7.5", "carrier": "AA", "seats": 3, "when": "1970-01-01T00:00:01Z"}
    )
    assert errors == []
    assert columns == {
        "distance": [1400.0, 7.5],
        "carrier": ["UA", "AA"],
        "far": [True, False],
        "seats": [None, 3],
        "when": [None, 1_000_000],
    }
    assert list(columns) == [name for name, _ in INPUTS]


def test_the_plan_of_requests_comes_with_ready(worker: Worker) -> None:
    """It says what is accepted at sight, knows no label, and is not closed by what is left out of requests."""
    plan = parse_plan(worker.plan)
    nodes = {field.name: type(field.node) for field in plan.fields}
    assert nodes == {"distance": Real, "carrier": Python, "seats": Whole, "when": Moment}
    assert (plan.rows, plan.extra) == ("", "forbid")


@pytest.mark.parametrize(
    ("record", "place", "rule"),
    [
        ({"carrier": "UA"}, ["distance"], "missing"),
        ({**GOOD, "distance": 1e30}, ["distance"], "less_than_equal"),
        ({**GOOD, "distance": -1}, ["distance"], "greater_than"),
        ({**GOOD, "distance": "far"}, ["distance"], "float_parsing"),
        ({**GOOD, "distance": [1]}, ["distance"], "float_type"),
        ({**GOOD, "carrier": "ZZ"}, ["carrier"], "literal_error"),
        ({**GOOD, "seats": 1.5}, ["seats"], "int_from_float"),
        ({**GOOD, "seats": 2**70}, ["seats"], "lockgate_int64"),
        ({**GOOD, "more": 1}, ["more"], "extra_forbidden"),
        ({**GOOD, "late": True}, ["late"], "extra_forbidden"),
        ({**GOOD, "late": None}, ["late"], "extra_forbidden"),
        ({**GOOD, "far": True}, ["far"], "extra_forbidden"),
        ("text", [], "model_type"),
        (None, [], "model_type"),
    ],
)
def test_refused_records_get_pydantics_words(worker: Worker, record: Any, place: list[str], rule: str) -> None:
    """Type, place and message are Pydantic's; the place begins with the record's index."""
    columns, errors = worker.check(GOOD, record)
    assert columns == {}
    assert [(error["type"], error["loc"]) for error in errors] == [(rule, [1, *place])]
    assert errors[0]["msg"]
    assert worker.check(GOOD)[1] == []


@pytest.mark.parametrize("spelling", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_none(worker: Worker, spelling: str) -> None:
    """NaN and infinity are refused by the contract that refuses them, however they get into the bytes."""
    worker.number += 1
    payload = b'[{"carrier": "UA", "distance": ' + spelling.encode() + b"}]"
    channel.send(worker.sock, {"op": "check", "id": worker.number, "count": 1}, payload)
    _, errors = read_checked(worker.receive(), worker.number, 1)
    assert [(error["type"], error["loc"]) for error in errors] == [("finite_number", [0, "distance"])]


def test_every_fault_of_every_record(worker: Worker) -> None:
    """All faults are told, up to a limit."""
    _, errors = worker.check({"distance": -1, "carrier": "ZZ"}, GOOD, {"more": 1})
    assert [error["loc"] for error in errors] == [
        *([0, "distance"], [0, "carrier"]),
        *([2, "distance"], [2, "carrier"], [2, "more"]),
    ]
    _, many = worker.check(*[{}] * 200)
    assert len(many) == MAX_ERRORS


def test_code_that_raises_what_it_likes(worker: Worker) -> None:
    """An error of the contract's own is a refusal of that record without its text; the worker stays."""
    _, errors = worker.check(GOOD, {**GOOD, "carrier": "RAISE"})
    assert [(error["type"], error["loc"]) for error in errors] == [("lockgate_raised", [1])]
    assert worker.check(GOOD)[1] == []


def test_no_record(worker: Worker) -> None:
    """An empty question has an empty answer."""
    assert worker.check() == ({name: [] for name, _ in INPUTS}, [])


def test_a_contract_that_allows_more() -> None:
    """Where `extra` is not forbidden, a label that is sent is ignored like any other unknown key."""
    worker = Worker({"contract.py": FLIGHT.replace(b'extra="forbid", ', b"")})
    try:
        columns, errors = worker.check({**GOOD, "late": "nonsense", "more": 1})
        assert errors == []
        assert columns["distance"] == [1400.0]
    finally:
        worker.close()


def test_it_ends_with_its_peer() -> None:
    """When the gateway closes the socket, the worker leaves by itself, with code 0."""
    worker = Worker({"contract.py": FLIGHT})
    worker.sock.close()
    assert worker.jail.wait(20) == 0


def test_a_contract_that_loops() -> None:
    """The deadline is the gateway's: no answer comes, and the jail can be killed at once."""
    worker = Worker({"contract.py": FLIGHT})
    try:
        worker.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            worker.check({**GOOD, "carrier": "LOOP"})
        assert worker.jail.poll() is None
    finally:
        worker.close()
    assert worker.jail.poll() is not None


def test_it_has_no_network_and_no_files() -> None:
    """The contract's code sees neither the host's network nor its files: only its own job."""
    spy = FLIGHT + (
        b"\nimport os, socket\nif os.path.exists('" + os.fsencode(__file__) + b"'):\n    raise RuntimeError('files')\n"
        b"try:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError as error:\n"
        b"    if error.errno not in (1, 13, 97, 101):\n        raise\nelse:\n    raise RuntimeError('network')\n"
    )
    worker = Worker({"contract.py": spy})
    worker.close()


@pytest.mark.parametrize(
    ("files", "options", "finding"),
    [
        ({"contract.py": b"class Flight(:\n"}, {}, "LG206"),
        ({"contract.py": b"import no_such_thing\n"}, {}, "LG207"),
        ({"contract.py": b"x = 1\n"}, {}, "LG208"),
        ({"other.py": FLIGHT}, {}, "LG205"),
        ({"contract.py": FLIGHT}, {"label": "lates"}, "LG210"),
        ({"contract.py": FLIGHT.replace(b"@label_only", b"")}, {}, "LG211"),
        ({"contract.py": FLIGHT}, {"inputs": [("height", "float")]}, "LG220"),
        ({"contract.py": FLIGHT}, {"inputs": [("distance", "string")]}, "LG220"),
        ({"contract.py": FLIGHT}, {"inputs": [("late", "bool")]}, "LG220"),
    ],
)
def test_a_contract_that_cannot_be_loaded(files: dict[str, bytes], options: dict[str, Any], finding: str) -> None:
    """The gateway gets the finding, and no worker."""
    with pytest.raises(Usage) as caught:
        Worker(files, **options)
    assert caught.value.finding == finding


@pytest.mark.parametrize(
    "change",
    [
        {"files": [{"name": "../contract.py", "bytes": len(FLIGHT), "sha256": "0" * 64}]},
        {"files": [{"name": "contract.py", "bytes": len(FLIGHT), "sha256": "0" * 64}]},
        {"files": [{"name": "contract.py", "bytes": len(FLIGHT) - 1, "sha256": "0" * 64}]},
        {"inputs": [{"name": "distance", "kind": "other"}]},
        {"op": "check", "id": 1},
    ],
    ids=["outside", "digest", "size", "kind", "not loaded"],
)
def test_a_load_frame_out_of_form(change: dict[str, Any]) -> None:
    """The worker ends with an error and answers nothing."""
    ours, theirs = socket.socketpair()
    jail = Jail(named("contract", python=PythonEnv.own())).start(
        Target("lockgate.contract.jail.worker", ("3",)), descriptors={3: theirs.fileno()}
    )
    theirs.close()
    header, payload = load_frame("contract.py:Flight", "late", INPUTS, {"contract.py": FLIGHT})
    channel.send(ours, {**header, **change}, payload)
    assert channel.receive(ours) is None
    assert jail.wait(20) == 1
    ours.close()


@pytest.mark.parametrize(
    "answer",
    [
        {"op": "accepted", "id": 2, "rows": 1, "columns": []},
        {"op": "accepted", "id": 1, "rows": 2, "columns": []},
        {"op": "refused", "id": 1, "errors": []},
        {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [1], "msg": "m"}]},
        {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [True], "msg": "m"}]},
        {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [0], "msg": "m", "ctx": 1}]},
        {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [0], "msg": "m"}] * (MAX_ERRORS + 1)},
        {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [0], "msg": "m" * (LONGEST_TEXT + 1)}]},
        {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [0, "k" * (LONGEST_TEXT + 1)], "msg": "m"}]},
        {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [0] * (MAX_PLACE + 1), "msg": "m"}]},
        {"op": "ready", "id": 1},
    ],
    ids=[
        *("other question", "other rows", "no reason", "other record", "truth", "more", "too many"),
        *("a long message", "a long name", "a deep place", "other word"),
    ],
)
def test_answers_out_of_form_are_refused(answer: dict[str, Any]) -> None:
    """The host believes only what the protocol draws; beside it, an answer in form is read."""
    frame = next(iter(wire.Assembler().feed(wire.pack(answer))))
    with pytest.raises(WireError):
        read_checked(frame, 1, 1)
    good = {"op": "refused", "id": 1, "errors": [{"type": "x", "loc": [0, "f"], "msg": "m"}]}
    assert read_checked(next(iter(wire.Assembler().feed(wire.pack(good)))), 1, 1)[1] == good["errors"]


def test_a_finding_that_is_not_the_workers_to_raise() -> None:
    """A worker cannot word findings of other parts."""
    said = {"op": "finding", "class": "Usage", "finding": "LG801", "message": "m", "seen": {}, "next": ""}
    frame = Frame(json.loads(json.dumps(said)), b"")
    with pytest.raises(WireError):
        read_ready(frame)
    with pytest.raises(Usage):
        read_ready(Frame({**said, "finding": "LG207"}, b""))
