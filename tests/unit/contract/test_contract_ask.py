"""contract.ask and RemoteTruth: what the jail with the contract's code answers is taken in its own form only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from pydantic import BaseModel

from lockgate.contract.ask import packed, read_cells, read_ready, read_rows, unpacked
from lockgate.contract.jail._link import Link
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_plan
from lockgate.contract.jail.rows import QUARANTINE_SCHEMA, accepted_schema
from lockgate.contract.jail.truth import RemoteTruth
from lockgate.core.wire import Frame, WireError


class Model(BaseModel):
    """One field."""

    number: int


class Other(BaseModel):
    """Another contract."""

    number: float


TABLE = field_table(Model, None)
PLAN = compile_plan(Model, TABLE).encode()
OTHER = compile_plan(Other, field_table(Other, None)).encode()
READY = {"op": "ready", "table": TABLE.as_json(), "pydantic": compile_plan(Model, TABLE).pydantic, "python": "3.11"}
ACCEPTED = accepted_schema(TABLE)
_NO_ROWS = packed(pa.RecordBatch.from_pylist([], schema=ACCEPTED))
_NO_REASONS = packed(pa.RecordBatch.from_pylist([], schema=QUARANTINE_SCHEMA))


def _cells(accepted: Any, values: Any, names: tuple[str, str] = ("accepted", "value")) -> bytes:
    return packed(pa.RecordBatch.from_arrays([accepted, values], names=list(names)))


def test_honest_answers_are_taken() -> None:
    """The positive control of all that follows."""
    assert read_ready(Frame(READY, PLAN))[0] == TABLE
    two = pa.array([True, False]), pa.array([1, None], pa.int64())
    assert read_cells(Frame({"op": "cells"}, _cells(*two)), 2, pa.int64())[1].to_pylist() == [1, None]
    found = read_rows(
        Frame({"op": "rows", "accepted": len(_NO_ROWS)}, _NO_ROWS + _NO_REASONS), ACCEPTED, QUARANTINE_SCHEMA
    )
    assert [part.num_rows for part in found] == [0, 0]


@pytest.mark.parametrize(
    ("change", "plan"),
    [
        ({"op": "go"}, PLAN),
        ({"more": 1}, PLAN),
        ({"python": None}, PLAN),
        ({"python": "3\x1b[31m"}, PLAN),
        ({"pydantic": "9.9"}, PLAN),
        ({"table": {}}, PLAN),
        ({}, OTHER),
        ({}, b"{}"),
    ],
)
def test_a_contract_that_is_not_ready(change: dict[str, Any], plan: bytes) -> None:
    """Table, plan and versions must be in form and fit each other."""
    with pytest.raises(WireError):
        read_ready(Frame({**READY, **change}, plan))


_BITS = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])


@pytest.mark.parametrize(
    "payload",
    [
        b"no stream",
        _cells(pa.array([True]), pa.array([1], pa.int64())),
        _cells(pa.array([True, None]), pa.array([1, 2], pa.int64())),
        _cells(pa.array([1, 0]), pa.array([1, 2], pa.int64())),
        _cells(pa.array([True, True]), pa.array(["1", "2"])),
        _cells(pa.array([True, True]), pa.array([1, 2], pa.int64()), ("value", "accepted")),
    ],
    ids=["no stream", "too few", "null verdict", "numbers for verdicts", "other values", "other names"],
)
def test_an_answer_about_cells_of_another_form(payload: bytes) -> None:
    """As many answers as questions, of the types that were asked for, none of them null."""
    with pytest.raises(WireError):
        read_cells(Frame({"op": "cells"}, payload), 2, pa.int64())


def test_text_that_is_no_utf8_is_not_believed() -> None:
    """Arrow's own promise about a text is checked, not taken."""
    with pytest.raises(WireError):
        unpacked(packed(pa.RecordBatch.from_arrays([_BITS], names=["value"])))


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"op": "rows", "accepted": 10**9}, _NO_ROWS + _NO_REASONS),
        ({"op": "rows", "accepted": -1}, _NO_ROWS + _NO_REASONS),
        ({"op": "rows", "accepted": "0"}, _NO_ROWS + _NO_REASONS),
        ({"op": "cells", "accepted": len(_NO_ROWS)}, _NO_ROWS + _NO_REASONS),
        ({"op": "rows", "accepted": len(_NO_REASONS)}, _NO_REASONS + _NO_ROWS),
        ({"op": "rows", "accepted": len(_NO_ROWS)}, _NO_ROWS + _NO_ROWS),
    ],
)
def test_an_answer_about_rows_of_another_form(header: dict[str, Any], payload: bytes) -> None:
    """Accepted rows with the contract's columns, then the quarantine with its own, and nothing else."""
    with pytest.raises(WireError):
        read_rows(Frame(header, payload), ACCEPTED, QUARANTINE_SCHEMA)


@pytest.fixture(name="jails")
def _jails() -> Iterator[Callable[..., list[socket.socket]]]:
    ends: list[socket.socket] = []

    def made(*ready: tuple[dict[str, Any], bytes]) -> list[socket.socket]:
        ours = []
        for header, plan in ready:
            mine, other = socket.socketpair()
            ends.extend((mine, other))
            ours.append(mine)
            threading.Thread(target=_answer, args=(other, header, plan), daemon=True).start()
        return ours

    yield made
    for end in ends:
        end.close()


def _answer(end: socket.socket, header: dict[str, Any], plan: bytes) -> None:
    link = Link(end)
    with suppress(OSError):  # the test ends before the second question where the first answer is refused
        link.receive()
        link.send(header, plan)
        link.receive()
        link.send({"op": "cells"}, _cells(pa.array([True]), pa.array([1], pa.int64())))


def test_two_jails_say_the_same_or_neither_is_believed(jails: Callable[..., list[socket.socket]]) -> None:
    """The second jail is met when it is first asked; a plan, a table or a version of its own is refused."""
    honest = RemoteTruth(jails((READY, PLAN), (READY, PLAN)), "csv")
    batch = pa.RecordBatch.from_arrays([pa.array(["1"])], names=["cell"])
    question = ({"op": "cells", "field": "number"}, batch)
    assert [frame.header for frame, _ in honest._ask([question, question])] == [{"op": "cells"}] * 2
    for other in ((READY, OTHER), ({**READY, "python": "3.12"}, PLAN)):
        truth = RemoteTruth(jails((READY, PLAN), other), "csv")
        with pytest.raises(WireError):
            list(truth._ask([question, question]))
