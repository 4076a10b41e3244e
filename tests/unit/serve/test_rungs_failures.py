"""A candidate that fails, hangs, dies or refuses beside a live model: nobody is worse off, and it is counted."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import time
from typing import Any

from lockgate.contract.given import Given
from lockgate.runtime import channel
from lockgate.serve.declined import NoAnswer
from tests.support.engines import answer_frame, asked
from tests.support.rungs import CANDIDATE, TwoModels, contrary, run


def deadly(sock: socket.socket) -> None:
    """Ends at its first batch."""
    channel.receive(sock)


def failing(sock: socket.socket) -> None:
    """Has an answer for nothing."""
    while (received := channel.receive(sock)) is not None:
        channel.send(sock, {"op": "failed", "id": received[0].header["id"], "message": "no"})


def test_a_candidate_that_fails_costs_nobody_an_answer() -> None:
    """Its callers get the live model's answer; the failure is counted against it, and not as a failure of the live."""

    async def work(made: TwoModels) -> None:
        reply, routed = await made.ask(13.5)
        assert (reply.status, routed) == (200, 2)
        counts = await made.settle()
        assert made.recorder.rows == [("live", 1)]
        assert (counts["candidate.requests"], counts["candidate.errors"]) == (1, 1)
        assert not {"live.requests", "live.errors"} & set(counts), "a second try is none of live's own"
        assert (counts["pairs.requests"], counts["pairs.failed"], counts["live.rows"]) == (1, 1, 1)

    run(TwoModels(share=0.999999, pairs=0.0, candidate=failing), work)


def test_a_candidate_that_dies_costs_nobody_an_answer() -> None:
    """Nor one whose worker ends at every batch; what would go to it while it is down goes to the live one."""

    async def work(made: TwoModels) -> None:
        replies = [(await made.ask(float(number)))[0].status for number in range(6)]
        assert replies == [200] * 6
        counts = await made.settle()
        assert 1 <= counts["candidate.errors"] == counts["candidate.requests"] <= 3, "each worker ends with one"
        assert 1 <= counts["pairs.failed"] == counts["pairs.requests"] <= 3
        assert counts["live.rows"] == 6
        assert "candidate.rows" not in counts

    run(TwoModels(share=0.999999, pairs=0.0, candidate=deadly), work)


def test_failures_of_the_live_model_are_its_own() -> None:
    """What it cannot answer is refused to the caller, as without a ladder, and counted as live's."""

    async def work(made: TwoModels) -> None:
        reply, _ = await made.ask(13.0)
        assert reply.status == 500
        counts = await made.settle()
        assert (counts["live.errors"], counts["live.requests"]) == (1, 1)
        assert (counts["candidate.errors"], counts["pairs.requests"]) == (1, 1), (
            "it was asked for nobody, and fails too"
        )
        assert not {"pairs.failed", "pairs.saved"} & set(counts)

    run(TwoModels(), work)


def test_a_shadow_that_fails_is_counted_as_the_candidates_failure() -> None:
    """The caller has had its answer."""

    async def work(made: TwoModels) -> None:
        assert (await made.ask(1.0))[0].status == 200
        counts = await made.settle()
        assert (counts["candidate.errors"], counts.get("pairs.rows", 0)) == (1, 0)
        assert (counts["pairs.failed"], counts["pairs.skipped"]) == (1, 1)

    run(TwoModels(candidate=deadly), work)


def test_a_model_without_a_worker_fails_when_that_lasts() -> None:
    """A worker that comes back soon says nothing about its model; one that does not is a failure each second."""

    async def work(made: TwoModels) -> None:
        await made.ask(1.0)
        for second in range(5):
            made.ladder.second(float(second))
        assert "candidate.errors" not in await made.settle()
        for second in range(5, 9):
            made.ladder.second(float(second))
        counts = await made.settle()
        assert (counts["candidate.requests"], counts["candidate.errors"]) == (3, 3)
        assert counts["pairs.skipped"] == 1
        assert "live.errors" not in counts

    run(TwoModels(), work, candidate=False)


def test_requests_that_one_standstill_took_are_one_failure() -> None:
    """They fail together, for one reason: counted one by one they would look like many."""

    async def work(made: TwoModels) -> None:
        for _ in range(50):
            made.ladder.failed(made.candidate.engine, asked(1.0), TimeoutError())
        for _ in range(3):
            made.ladder.failed(made.candidate.engine, asked(1.0), NoAnswer())
        counts = await made.settle()
        assert (counts["candidate.requests"], counts["candidate.errors"]) == (4, 4)

    run(TwoModels(), work)


def test_what_waits_for_a_version_that_leaves_is_asked_of_the_live_one() -> None:
    """A withdrawal, a promotion, a rollback: no request is lost, whatever the version that goes had waiting."""

    async def work(made: TwoModels) -> None:
        waiting = [asyncio.ensure_future(made.ask(float(number))) for number in range(20)]
        await asyncio.sleep(0.01)
        assert made.candidate.engine.line.rows or made.candidate.engine._alone or made.candidate.engine._away
        made.service.ladder = None
        made.candidate.engine.leave()
        assert [(await one)[0].status for one in waiting] == [200] * 20
        assert (await made.ask(1.0))[1] == 1

    def stuck(sock: socket.socket) -> None:
        frames = []
        while (received := channel.receive(sock)) is not None:
            frames.append(received[0].header)
            time.sleep(0.1)
            header = frames[-1]
            frame = answer_frame(header["id"], header["rows"])
            channel.send(sock, frame.header, frame.payload)

    run(TwoModels(share=0.999999, pairs=0.0, candidate=stuck), work)


def test_another_set_of_classes_is_no_stand_in() -> None:
    """An answer was asked for in the candidate's classes: the live model's would be spelled in others."""

    async def work(made: TwoModels) -> None:
        assert [(await made.ask(1.0))[0].status for _ in range(2)] == [200, 200], "of the same classes"
        made.candidate.engine.served = dataclasses.replace(CANDIDATE, classes=(False, True, "maybe"))
        reply, routed = await made.ask(1.0)
        assert (reply.status, routed) == (500, 2)

    run(TwoModels(share=0.999999, pairs=0.0, candidate=failing), work)


def test_what_live_fails_on_and_the_candidate_does_not_speaks_for_the_candidate() -> None:
    """Its callers are refused as ever; the candidate is asked for nobody, so that both kinds of failure are seen."""

    async def work(made: TwoModels) -> None:
        assert (await made.ask(13.0))[0].status == 500
        counts = await made.settle()
        assert (counts["pairs.requests"], counts["pairs.saved"], counts.get("pairs.failed", 0)) == (1, 1, 0)

    run(TwoModels(candidate=contrary), work)


def hanging(sock: socket.socket) -> None:
    """Takes batches and never answers."""
    while channel.receive(sock) is not None:
        time.sleep(30)


def test_a_candidate_that_hangs_costs_nobody_an_answer() -> None:
    """Whoever waits for it is answered by the live model within a second or two; nobody goes there while it hangs."""

    async def work(made: TwoModels) -> None:
        made.service.stand_in(made.candidate.engine, 0.2)
        sweeping = asyncio.ensure_future(made.service.sweep())
        began = time.monotonic()
        found = await asyncio.gather(*(made.ask(float(number)) for number in range(8)))
        assert [reply.status for reply, _ in found] == [200] * 8
        assert time.monotonic() - began < 2
        assert (await made.ask(1.0))[1] == 1, "it stands still"
        counts = await made.settle()
        assert (counts["pairs.failed"], counts["candidate.errors"]) == (1, 1), "one standstill"
        sweeping.cancel()

    run(TwoModels(share=0.999999, pairs=0.0, candidate=hanging, answer=30.0), work)


def test_a_caller_of_a_candidate_without_a_worker_is_answered() -> None:
    """Lost with its worker, and no other comes up: the live model answers, at once."""

    async def work(made: TwoModels) -> None:
        made.service.stand_in(made.candidate.engine, 5.0)
        began = time.monotonic()
        assert (await made.ask(1.0))[0].status == 200
        assert time.monotonic() - began < 1

    made = TwoModels(share=0.999999, pairs=0.0, candidate=deadly)
    made.scenes[2]._again = 0
    run(made, work)


def test_a_candidate_that_became_live_has_no_stand_in() -> None:
    """From then on it is asked as long as an answer may take, and what a worker was lost with once more."""

    async def work(made: TwoModels) -> None:
        made.service.stand_in(made.candidate.engine, 0.5)
        made.service.ladder = None
        made.service.open(made.candidate)
        made.service.stand_in(made.candidate.engine, 0.5)
        assert (made.candidate.engine.patience, made.candidate.engine.stalled) == (0.0, False)

    run(TwoModels(), work)


def test_a_comparison_that_fails_costs_the_callers_of_its_batch_nothing() -> None:
    """Shadows and callers share batches: an error in a comparison ends none of them."""

    async def work(made: TwoModels) -> None:
        def broken(_prediction: object) -> float:
            raise KeyError("label")

        made.ladder.comparer.number = broken  # type: ignore[assignment, method-assign]
        found = await asyncio.gather(*(made.ask(20.0 + number, name=f"c{number}") for number in range(20)))
        assert [reply.status for reply, _ in found] == [200] * 20

    run(TwoModels(share=0.5), work)


def strict(sock: socket.socket) -> None:
    """A contract that refuses every record."""
    while (received := channel.receive(sock)) is not None:
        error = {"type": "less_than", "loc": [0, "x"], "msg": "no"}
        channel.send(sock, {"op": "refused", "id": received[0].header["id"], "errors": [error]})


async def undecided(made: TwoModels, live: Any) -> int:
    """A request that the compiled plan leaves to the contract; the status of its reply."""
    one = asked(1.0)
    one.given.values = None
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    one.reply = future.set_result
    made.service.predict(live, one)
    status: int = (await future).status
    return status


def test_what_only_the_candidates_contract_refuses_is_its_failure() -> None:
    """Its callers are answered by the live model, which takes it; a request that both refuse says nothing."""

    async def work(made: TwoModels) -> None:
        assert [await undecided(made, made.candidate) for _ in range(3)] == [200] * 3
        counts = await made.settle()
        assert (counts["pairs.requests"], counts["pairs.failed"], counts["live.rows"]) == (3, 3, 3)
        made.scenes[1].workers["contract"] = strict
        await made.scenes[1].renew("contract")
        made.live.checker.read = made.candidate.checker.read = _unsure  # type: ignore[assignment, method-assign]
        assert await undecided(made, made.candidate) == 422
        assert (await made.settle())["pairs.requests"] == 3

    def _unsure(_body: bytes, *, limit: int) -> Given:
        return Given(limit, [b'{"x":1.0}'] * limit, None)

    made = TwoModels(share=0.999999, pairs=0.0)
    made.scenes[2].workers["contract"] = strict
    run(made, work)


def test_who_waits_behind_a_batch_that_hangs_is_answered_too() -> None:
    """In the line, and not with the worker: given up after the same time."""

    async def work(made: TwoModels) -> None:
        made.service.stand_in(made.candidate.engine, 0.4)
        sweeping = asyncio.ensure_future(made.service.sweep())
        first = asyncio.ensure_future(made.ask(1.0))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        found = await asyncio.gather(*(made.ask(float(number)) for number in range(5)), first)
        assert [reply.status for reply, _ in found] == [200] * 6
        assert time.monotonic() - began < 2
        sweeping.cancel()

    run(TwoModels(share=0.999999, pairs=0.0, candidate=hanging, answer=30.0), work)


def test_a_failure_in_a_crowd_is_no_pair() -> None:
    """What is left out of the comparison for load is left out whatever came of it: else only failures would count."""

    async def work(made: TwoModels) -> None:
        line = made.live.engine.line
        line.rows += line.batch + 1
        made.ladder.failed(made.candidate.engine, one := asked(1.0), NoAnswer())
        line.rows -= line.batch + 1
        assert not one.fell
        made.ladder.failed(made.candidate.engine, one, NoAnswer())
        assert one.fell

    run(TwoModels(), work)
