"""The engine over fake workers: what it accepts of them, and what becomes of requests when one is lost."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from lockgate.core.wire import Column, pack_columns
from lockgate.runtime import channel
from lockgate.serve.declined import Deadly, Full, NoAnswer, WorkerLost
from lockgate.serve.spec import Asked, Caps
from tests.support.engines import Scene, Worker, asked, good_contract, good_model

CAPS = Caps(answer=1.0)


def run(scene: Callable[[], Awaitable[None]]) -> None:
    """One scene in a loop of its own, which ends when what was closed is gone."""

    async def whole() -> None:
        await scene()
        await asyncio.sleep(0.01)

    asyncio.run(whole())


def test_good_workers_answer_in_order() -> None:
    """The positive control of all that follows: requests of one turn go as one batch, each gets its own rows back."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model, caps=CAPS)
        await scene.start()
        questions = [asked(1.0, 2.0), asked(3.0), asked(4.0, 5.0, 6.0)]
        for one in questions:
            scene.engine.submit(one)
        await scene.until(3)
        assert scene.batches == [6]
        assert questions == [one for one, _ in scene.answered]
        scores = [[row["scores"]["true"] for row in rows] for _, rows in scene.answered]
        assert scores == [[0.001, 0.002], [0.003], [0.004, 0.005, 0.006]]
        checked = await scene.engine.check(asked(1, 2))
        assert checked.columns[0].values() == [0.0, 1.0]
        assert scene.lost == []
        scene.engine.close()

    run(scene)


def test_a_row_that_fails_the_model_fails_alone() -> None:
    """Requests that were joined with it are answered, and no worker is lost."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model, caps=CAPS)
        await scene.start()
        for one in (asked(1.0), asked(13.0), asked(2.0, 3.0)):
            scene.engine.submit(one)
        await scene.until(3)
        assert sorted(len(rows) for _, rows in scene.answered) == [1, 2]
        assert [NoAnswer] == [type(error) for _, error in scene.failed]
        assert scene.lost == []
        scene.engine.close()

    run(scene)


def test_a_lost_worker_costs_nobody_an_answer_but_the_row_that_killed_it_twice() -> None:
    """What was in flight is asked again, each request alone; the deadly one is refused, and at once from then on."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model, caps=CAPS, again=2)
        await scene.start()
        deadly = asked(666.0)
        for one in (asked(1.0), deadly, asked(2.0), asked(3.0)):
            scene.engine.submit(one)
        await scene.until(4)
        assert [(deadly, Deadly)] == [(one, type(error)) for one, error in scene.failed]
        assert {0.001, 0.002, 0.003} == {rows[0]["scores"]["true"] for _, rows in scene.answered}
        assert len(scene.lost) == 2
        with pytest.raises(Deadly):
            scene.engine.submit(asked(666.0))
        with pytest.raises(Deadly):
            await scene.engine.check(asked(666.0))
        scene.engine.submit(asked(7.0))
        await scene.until(5)
        assert len(scene.lost) == 2
        scene.engine.close()

    run(scene)


def test_an_innocent_request_survives_two_losses() -> None:
    """A worker that is killed from outside with a batch away: all of it is answered by the next."""

    async def scene() -> None:
        falls = [0]

        def falling(sock: socket.socket) -> None:
            if not falls[0]:
                falls[0] = 1
                sock.recv(4)
                return
            good_model(sock)

        scene = Scene(good_contract, falling, caps=CAPS, again=1)
        await scene.start()
        for value in range(1, 9):
            scene.engine.submit(asked(float(value)))
        await scene.until(8)
        assert scene.failed == []
        scene.engine.close()

    run(scene)


def test_what_waits_too_long_is_given_up() -> None:
    """No worker at all: requests that wait are told so after the time for an answer, and the line is empty."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model, caps=CAPS)
        scene.engine.submit(asked(1.0, since=-1e9))
        scene.engine.submit(asked(2.0))
        scene.engine.sweep()
        assert [TimeoutError] == [type(error) for _, error in scene.failed]
        assert scene.engine.line.rows == 1
        await scene.start("model")
        await scene.until(2)
        scene.engine.close()

    run(scene)


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


BAD = [wrong_columns, too_talkative, garbage, gone, silent]


@pytest.mark.parametrize("worker", BAD)
def test_a_contract_worker_out_of_form_is_lost_and_its_request_refused(worker: Worker) -> None:
    """Each way of misbehaving loses the link once; the next worker is asked, and then no other."""

    async def scene() -> None:
        scene = Scene(worker, good_model, caps=Caps(answer=1.0, contract_seconds=0.2), again=1)
        await scene.start()
        with pytest.raises(Deadly):
            await scene.engine.check(asked(1))
        assert len(scene.lost) == 2
        scene.engine.close()

    run(scene)


@pytest.mark.parametrize("worker", [too_talkative, garbage, gone, silent])
def test_a_model_worker_out_of_form_is_lost_and_its_request_refused(worker: Worker) -> None:
    """The same for the model."""

    async def scene() -> None:
        scene = Scene(good_contract, worker, caps=CAPS, deadline=0.2, again=1)
        await scene.start()
        scene.engine.submit(asked(1.0))
        await scene.until(1)
        assert [Deadly] == [type(error) for _, error in scene.failed]
        assert len(scene.lost) == 2
        scene.engine.close()

    run(scene)


def test_no_contract_worker_in_time_is_told() -> None:
    """Nothing is wrong with the request then."""

    async def scene() -> None:
        scene = Scene(gone, good_model, caps=Caps(answer=0.2))
        await scene.start()
        with pytest.raises((TimeoutError, WorkerLost)):
            await scene.engine.check(asked(1))
        scene.engine.close()

    run(scene)


def test_one_client_may_not_fill_the_queue_for_pydantic() -> None:
    """Another client is heard, in place of the last request of the one that filled it."""

    async def scene() -> None:
        scene = Scene(silent, good_model, caps=Caps(answer=0.3, contract_rows=4, contract_seconds=0.2))
        await scene.start()
        first = [asyncio.ensure_future(scene.engine.check(asked(1, name="greedy"))) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await scene.engine.check(asked(1, name="greedy"))
        modest = asyncio.ensure_future(scene.engine.check(asked(1, name="modest")))
        await asyncio.gather(*first, modest, return_exceptions=True)
        assert sum(isinstance(one.exception(), Full) for one in first) == 1, "the last of the greedy one's"
        assert not isinstance(modest.exception(), Full)
        scene.engine.close()

    run(scene)


def test_a_value_that_is_not_of_its_field_never_reaches_the_worker() -> None:
    """Were the checker wrong, the request would have no answer; the worker lives on."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model, caps=CAPS)
        await scene.start()
        bad: Asked = asked(1.0)
        bad.given.values = [("text",)]
        scene.engine.submit(bad)
        scene.engine.submit(asked(2.0))
        await scene.until(2)
        assert [NoAnswer] == [type(error) for _, error in scene.failed]
        assert scene.lost == []
        scene.engine.close()

    run(scene)


def test_a_check_while_a_batch_is_away_confuses_nobody() -> None:
    """Each worker's answer is held against its own question, however the questions of both come to alternate."""

    async def scene() -> None:
        go = threading.Event()

        def waiting(sock: socket.socket) -> None:
            go.wait(5)
            good_model(sock)

        scene = Scene(good_contract, waiting, caps=CAPS)
        await scene.start()
        scene.engine.submit(asked(1.0))
        await asyncio.sleep(0)
        for _ in range(3):
            await scene.engine.check(asked(1))
        go.set()
        await scene.until(1)
        assert (scene.lost, scene.failed) == ([], [])
        assert len(scene.answered) == 1
        scene.engine.close()

    run(scene)


def test_a_batch_that_no_frame_can_hold_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than a frame takes are several batches; one request that is too large alone has no answer."""

    async def scene() -> None:
        monkeypatch.setattr("lockgate.serve.line.BATCH_BYTES", 1 << 30)
        monkeypatch.setattr("lockgate.core.wire.MAX_PAYLOAD", 64)
        monkeypatch.setattr("lockgate.core.wire.pack.__kwdefaults__", {"max_payload": 64})
        scene = Scene(good_contract, good_model, caps=CAPS)
        await scene.start()
        huge = asked(*map(float, range(1, 10)))
        for one in (asked(1.0), huge, asked(2.0), asked(3.0)):
            scene.engine.submit(one)
        await scene.until(4)
        assert [(huge, NoAnswer)] == [(one, type(error)) for one, error in scene.failed]
        assert scene.lost == []
        scene.engine.close()

    run(scene)


def test_a_closed_engine_leaves_nobody_without_an_answer() -> None:
    """What waits, what is away, what is asked again and what comes later: each is told, once."""

    async def scene() -> None:
        scene = Scene(silent, silent, caps=Caps(answer=5.0))
        await scene.start()
        for value in range(4):
            scene.engine.submit(asked(float(value)))
        checking = asyncio.ensure_future(scene.engine.check(asked(9)))
        await asyncio.sleep(0.05)
        scene.engine.submit(asked(5.0))
        scene.engine.close()
        await scene.until(5)
        assert all(isinstance(error, WorkerLost) for _, error in scene.failed)
        with pytest.raises(WorkerLost):
            await checking
        with pytest.raises(WorkerLost):
            scene.engine.submit(asked(6.0))
        with pytest.raises(WorkerLost):
            await scene.engine.check(asked(7))

    run(scene)


def test_waiting_for_pydantic_has_an_end_and_is_fair() -> None:
    """A worker that answers nobody: each request is told in time; a second client is not behind all of the first's."""

    async def scene() -> None:
        order: list[bytes] = []

        def slow(sock: socket.socket) -> None:
            while (received := channel.receive(sock)) is not None:
                order.append(received[0].payload)
                threading.Event().wait(0.02)
                header, payload = pack_columns([Column.of("x", "float64", [1.0])], 1)
                channel.send(sock, {"op": "accepted", "id": received[0].header["id"], **header}, payload)

        scene = Scene(slow, good_model, caps=CAPS)
        await scene.start()
        greedy = [asyncio.ensure_future(scene.engine.check(asked(1, name="greedy"))) for _ in range(20)]
        await asyncio.sleep(0.03)
        await scene.engine.check(asked(2, name="modest"))
        assert order.index(b'[{"x":2}]') < 6
        await asyncio.gather(*greedy)
        scene.workers["contract"] = silent
        await scene.renew("contract")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await scene.engine.check(asked(3))
        scene.engine.close()

    run(scene)


def test_nobody_is_asked_about_what_nobody_waits_for() -> None:
    """The peer left while its request stood in line."""

    async def scene() -> None:
        scene = Scene(good_contract, good_model, caps=CAPS)
        left, here = asked(1.0), asked(2.0)
        left.wanted = lambda: False
        scene.engine.submit(left)
        scene.engine.submit(here)
        await scene.start()
        await scene.until(1)
        assert [here] == [one for one, _ in scene.answered]
        assert scene.batches == [1]
        assert scene.engine.line.rows == scene.engine.line.bytes == 0
        scene.engine.close()

    run(scene)
