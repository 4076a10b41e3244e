"""A candidate beside a live model, over real engines: who answers, what is compared, what is written down."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from typing import Any

import pytest

from lockgate.runtime import channel
from lockgate.serve.rungs import ladder
from lockgate.trust.policy_ladder import LadderPolicy, Rung
from tests.support.engines import answer_frame, good_model
from tests.support.rungs import TwoModels, ask_of, contrary, run


def test_a_shadow_answers_nobody_and_is_compared_row_by_row() -> None:
    """On a rung without traffic callers get the live model's answers; both are asked, differences are counted."""

    async def work(made: TwoModels) -> None:
        for values in ((1.0, 2.0), (6.0,), (7.0, 8.0, 1.0)):
            reply, version = await made.ask(*values)
            assert (reply.status, version, reply.body.count(b'"label":true')) == (200, 1, len(values))
        counts = await made.settle()
        assert made.recorder.rows == [("live", 2), ("live", 1), ("live", 3)]
        expected = {
            "began": 1, "live.rows": 6, "live.requests": 3, "candidate.requests": 3, "pairs.requests": 3,
            "pairs.rows": 6, "pairs.disagree": 3, "pairs.more.0": 3, "pairs.fewer.1": 3,
        }  # fmt: skip
        assert counts == expected

    run(TwoModels(candidate=contrary), work)


def test_an_equal_candidate_disagrees_never() -> None:
    """The same answers are no differences."""

    async def work(made: TwoModels) -> None:
        await made.ask(1.0, 6.0)
        counts = await made.settle()
        told = {name: count for name, count in counts.items() if name.startswith("pairs")}
        assert told == {"pairs.rows": 2, "pairs.requests": 1}

    run(TwoModels(), work)


def test_a_share_of_clients_gets_the_candidate_and_its_records_say_so() -> None:
    """On a rung with traffic; each client always the same one, and the rows of both are counted as recorded."""

    async def work(made: TwoModels) -> None:
        names = [f"client-{number}" for number in range(40)]
        first = [(await made.ask(1.0, name=name))[1] for name in names]
        again = [(await made.ask(1.0, name=name))[1] for name in names]
        assert first == again
        assert 5 <= first.count(2) <= 35
        counts = await made.settle()
        assert counts["candidate.rows"] == 2 * first.count(2) == made.recorder.rows.count(("canary", 1))
        assert counts["live.rows"] == 2 * first.count(1) == made.recorder.rows.count(("live", 1))
        assert counts["pairs.rows"] == counts["candidate.rows"], "the candidate's always, of live's no share"

    run(TwoModels(share=0.5, pairs=0.0), work)


def test_pairs_are_asked_of_the_live_model_too() -> None:
    """What the candidate answered is asked of the live one, where the rung says so: for nobody."""

    async def work(made: TwoModels) -> None:
        version = 0
        number = 0
        while version != 2:
            number += 1
            _, version = await made.ask(6.0, name=f"client-{number}")
        counts = await made.settle()
        assert counts["pairs.rows"] == number
        assert counts["pairs.disagree"] == number
        assert counts["pairs.more.0"] == counts["pairs.fewer.1"] == number, "whoever answered first"

    run(TwoModels(share=0.3, pairs=1.0, candidate=contrary), work)


def test_who_names_a_version_gets_it() -> None:
    """A path with the live version in it is never routed; the same client without it is."""

    async def work(made: TwoModels) -> None:
        assert made.ladder.choose(ask_of(model="flights", version="1")) is made.live
        assert made.ladder.choose(ask_of(model="flights")) is made.candidate

    run(TwoModels(share=0.999999), work)


def test_comparisons_give_way_to_requests() -> None:
    """While more than a batch waits before either model, rows are left out of the comparison, and counted as that."""

    async def work(made: TwoModels) -> None:
        line = made.candidate.engine.line
        line.rows += line.batch + 1
        await made.ask(1.0, 2.0)
        await asyncio.sleep(0.05)
        line.rows -= line.batch + 1
        counts = await made.settle()
        assert (counts["pairs.skipped"], counts.get("pairs.rows", 0)) == (2, 0)

    run(TwoModels(), work)


def test_answers_do_not_wait_for_the_shadow() -> None:
    """A candidate that takes half a second a batch delays nobody."""

    def slow(sock: socket.socket) -> None:
        while (received := channel.receive(sock)) is not None:
            time.sleep(0.5)
            header = received[0].header
            frame = answer_frame(header["id"], header["rows"])
            channel.send(sock, frame.header, frame.payload)

    async def work(made: TwoModels) -> None:
        await made.ask(0.0)
        began = time.perf_counter()
        for number in range(5):
            await made.ask(float(number))
        assert time.perf_counter() - began < 0.4

    run(TwoModels(candidate=slow), work)


def test_latency_counts_batches_once_a_worker_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first batches of a worker say nothing; after them those count whose size both models have had.

    With a part of the traffic nothing is counted: batches and caches are others.
    """
    monkeypatch.setattr(ladder, "WARM_BATCHES", 3)

    async def work(made: TwoModels) -> None:
        for number in range(8):
            await made.ask(float(number))
            await asyncio.sleep(0.005)
            made.ladder.second(float(number))
        counts = await made.settle()
        arms = ("live.slow", "candidate.slow")
        told = [sum(n for name, n in counts.items() if name.startswith(arm)) for arm in arms]
        assert all(3 <= count <= 5 for count in told), "8 batches, of which 3 are warm-up"

    async def nothing(made: TwoModels) -> None:
        for number in range(12):
            await made.ask(float(number), name=f"c{number}")
            made.ladder.second(float(number))
        assert not [name for name in await made.settle() if ".slow." in name]

    run(TwoModels(), work)
    run(TwoModels(share=0.5), nothing)


def test_answers_are_kept_for_labels_where_risk_is_asked() -> None:
    """By gateway's number and row, what both said; nothing is kept where no check needs it."""

    async def work(made: TwoModels) -> None:
        await made.ask(1.0, 6.0)
        await made.settle()
        kept: dict[Any, list[Any]] = {}
        for place, pair in made.ladder.kept:
            kept.setdefault((place.seq, place.row), []).append((pair.live, pair.candidate))
            assert place.opens == hashlib.sha256(b"s" * 32).hexdigest()[:16]
        assert kept == {(0, 0): [(1.0, None), (None, 1.0)], (0, 1): [(1.0, None), (None, 0.0)]}

    async def nothing(made: TwoModels) -> None:
        await made.ask(1.0)
        await made.settle()
        assert not made.ladder.kept

    run(TwoModels(candidate=contrary), work)
    run(TwoModels(candidate=contrary, policy=LadderPolicy((Rung("canary", 0.0),), checks=("errors",))), nothing)


def test_another_contract_reads_the_records_for_itself() -> None:
    """The candidate is given what its own contract makes of the records; what it refuses counts as disagreement."""

    async def work(made: TwoModels) -> None:
        await made.ask(1.0, 2.0)
        counts = await made.settle()
        assert (counts["pairs.rows"], counts.get("pairs.disagree", 0)) == (2, 0)
        made.candidate.checker.read = lambda *_a, **_k: _refuse()  # type: ignore[method-assign]
        await made.ask(1.0)
        counts = await made.settle()
        assert (counts["pairs.rows"], counts["pairs.disagree"]) == (3, 1)

    def _refuse() -> Any:
        from lockgate.contract.requests import NotJson

        raise NotJson("not by this contract")

    run(TwoModels(same_contract=False), work)


def test_one_model_alone_is_not_compared() -> None:
    """Without a ladder nothing is counted and nobody is shadowed."""

    async def work(made: TwoModels) -> None:
        made.service.ladder = None
        await made.ask(1.0)
        assert made.recorder.observed == [(made.ladder.observer.step, {"began": 1})]

    run(TwoModels(candidate=good_model), work)
