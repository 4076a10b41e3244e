"""The engine over fake workers: what it accepts of them, and what it does with the rest."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from lockgate.contract.call import check_frame
from lockgate.core.digest import Digest
from lockgate.core.wire import Column, Frame, WireError, pack_columns, unpack_columns
from lockgate.runtime import channel
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.serve.engine import Batch, JailedEngine, class_key, join, read_answer
from lockgate.serve.link import WorkerLink
from lockgate.serve.service import NoAnswer, WorkerLost
from lockgate.serve.spec import Caps, Served, ServedField

SPEC = ServingSpec(
    "binary", "late", (False, True), (Field("x", "float"),), (Input("x", ("x",), "float32"),), "label", "scores", None
)
SERVED = Served(
    "flights",
    1,
    Digest("sha256:" + "a" * 64),
    "dev",
    "live",
    "binary",
    "late",
    (False, True),
    (ServedField("x", "float"),),
)


def answer_frame(number: int, rows: int, **changes: Any) -> Frame:
    """A good answer, changed."""
    columns = {
        "label": Column.of("label", "bool", [True] * rows),
        "score.0": Column.of("score.0", "float64", [0.25] * rows),
        "score.1": Column.of("score.1", "float64", [0.75] * rows),
    } | changes
    header, payload = pack_columns([column for column in columns.values() if column], rows)
    return Frame({"op": "answer", "id": number, **header}, payload)


def test_an_answer_becomes_labels_and_scores() -> None:
    """Scores are keyed by class as JSON spells it."""
    assert read_answer(SPEC, answer_frame(7, 1), 7, 1) == [{"label": True, "scores": {"false": 0.25, "true": 0.75}}]
    assert [class_key(name) for name in ("a", 3, True)] == ["a", "3", "true"]


@pytest.mark.parametrize(
    "frame",
    [
        answer_frame(8, 1),
        answer_frame(7, 2),
        answer_frame(7, 1, **{"score.1": None}),
        answer_frame(7, 1, more=Column.of("more", "float64", [1.0])),
        answer_frame(7, 1, label=Column.of("label", "string", ["x"])),
        answer_frame(7, 1, label=Column.of("label", "bool", [None])),
        Frame({"op": "ready", "id": 7}),
        Frame({"op": "answer", "id": 7}),
        Frame({}),
    ],
)
def test_an_answer_out_of_form_is_no_answer(frame: Frame) -> None:
    """Another number, other rows, other columns, nulls: the worker is not trusted to have meant this question."""
    with pytest.raises(WireError):
        read_answer(SPEC, frame, 7, 1)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_say_are_no_answer(number: float) -> None:
    """A worker's NaN never reaches a client."""
    with pytest.raises(NoAnswer):
        read_answer(SPEC, answer_frame(7, 1, **{"score.0": Column.of("score.0", "float64", [number])}), 7, 1)


def test_joined_batches_keep_order_and_nulls() -> None:
    """Rows of several requests go as one, in order."""
    batches = [Batch((Column.of("x", "float64", values),), len(values)) for values in ([1.0, None], [2.0], [None, 3.0])]
    joined = join(batches)
    assert joined.rows == 5
    assert joined.columns[0].values() == [1.0, None, 2.0, None, 3.0]


def test_the_contract_frame_has_the_records_as_sent() -> None:
    """What the contract worker judges is what the client sent."""
    assert check_frame(1, [{"a": 1.5, "b": "é"}])[1] == '[{"a":1.5,"b":"é"}]'.encode()


Worker = Callable[[socket.socket], None]


class Scene:
    """An engine with two workers in threads."""

    def __init__(self, contract: Worker, model: Worker, *, deadline: float = 5.0) -> None:
        self.lost: list[str] = []
        self.contract, self.model = self._link(contract, deadline), self._link(model, deadline)
        self.engine = JailedEngine(SERVED, SPEC, Caps(), contract=self.contract, model=self.model)

    def _link(self, worker: Worker, deadline: float) -> WorkerLink:
        ours, theirs = socket.socketpair()

        def work() -> None:
            with theirs:
                worker(theirs)

        threading.Thread(target=work, daemon=True).start()
        return WorkerLink(ours, deadline=deadline, on_lost=self.lost.append)


def good_contract(sock: socket.socket) -> None:
    """Accepts all."""
    while (received := channel.receive(sock)) is not None:
        rows = received[0].header["count"]
        header, payload = pack_columns([Column.of("x", "float64", [float(row) for row in range(rows)])], rows)
        channel.send(sock, {"op": "accepted", "id": received[0].header["id"], **header}, payload)


def good_model(sock: socket.socket) -> None:
    """Fails on any batch with a row of 13, else answers."""
    while (received := channel.receive(sock)) is not None:
        header = received[0].header
        values = unpack_columns(header, received[0].payload)["x"].values()
        if 13.0 in values:
            channel.send(sock, {"op": "failed", "id": header["id"], "message": "thirteen"})
        else:
            frame = answer_frame(header["id"], header["rows"])
            channel.send(sock, frame.header, frame.payload)


def test_a_row_that_fails_the_model_fails_alone() -> None:
    """Requests that were joined with it are answered."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model)
        engine = scene.engine
        questions = [[1.0], [13.0], [2.0, 3.0]]
        asked = [engine.predict([Column.of("x", "float64", rows)], len(rows)) for rows in questions]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one).__name__ for one in found] == ["list", "NoAnswer", "list"]
        assert len(found[2]) == 2  # type: ignore[arg-type]
        engine.close()

    asyncio.run(scene())


def test_good_workers_answer() -> None:
    """The positive control of the lost ones below."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model)
        checked = await scene.engine.check([{"x": 1}, {"x": 2}])
        assert len(await scene.engine.predict(checked.columns, 2)) == 2
        assert scene.lost == []
        scene.engine.close()

    asyncio.run(scene())


def wrong_columns(sock: socket.socket) -> None:
    """Accepts with a column that io.json does not know."""
    received = channel.receive(sock)
    assert received is not None
    header, payload = pack_columns([Column.of("y", "float64", [1.0])], 1)
    channel.send(sock, {"op": "accepted", "id": received[0].header["id"], **header}, payload)


def too_talkative(sock: socket.socket) -> None:
    """Answers twice."""
    received = channel.receive(sock)
    assert received is not None
    channel.send(sock, {"op": "a"})
    with suppress(OSError):  # whoever was answered twice may have hung up already
        channel.send(sock, {"op": "b"})


def garbage(sock: socket.socket) -> None:
    """Speaks something else."""
    sock.recv(10)
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


def gone(sock: socket.socket) -> None:
    """Ends on the first question."""
    sock.recv(1)
    sock.close()


def silent(sock: socket.socket) -> None:
    """Never answers."""
    sock.recv(10)
    threading.Event().wait(3)


@pytest.mark.parametrize("worker", [wrong_columns, too_talkative, garbage, gone, silent])
def test_a_worker_out_of_form_is_lost_once_and_for_good(worker: Worker) -> None:
    """Each way of misbehaving loses the link, tells the supervisor once, and later questions fail at once."""

    async def scene() -> None:
        scene = Scene(worker, good_model, deadline=0.5)
        for _ in range(2):
            with pytest.raises(WorkerLost):
                await scene.engine.check([{"x": 1}])
        assert len(scene.lost) == 1
        scene.engine.close()

    asyncio.run(scene())
