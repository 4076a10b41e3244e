"""What looking at clients rests on: which population, whose memory, whose clock; and an answer that holds less."""

from __future__ import annotations

import dataclasses
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.core.digest import digest_of
from lockgate.monitor.abuse import population
from lockgate.monitor.plan import INPUTS, OUTPUTS, parse_plan
from lockgate.serve.abuse.entities import Kept
from lockgate.serve.abuse.spent import DAY_MS, Spent
from lockgate.serve.abuse.waiting import MOST_OF_ONE, Row, Waiting
from lockgate.serve.calls.tensors import withheld
from lockgate.serve.http import Head, Peer, Reply
from lockgate.serve.spec import Answer, ServePolicy
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from tests.support.abused import FIELDS, LIMIT, SERVED, Core, client, key, natural, plans, play
from tests.unit.serve.test_abuse_goes_on import ask, walk
from tests.unit.serve.test_abuse_parts import asked

COARSE = AbusePolicy(kinds={"external": AbuseRule("observe", "coarsen")})
SAID = {"label": True, "scores": {"false": 0.1, "true": 0.9}}
CANDIDATE = dataclasses.replace(SERVED, version=2, manifest=digest_of(b"next"), rung="canary")


def infer(core: Core, name: str, row: Any) -> dict[str, Any]:
    """The outputs of an answer of the Open Inference Protocol, by name."""
    inputs = [
        {"name": field, "datatype": "FP64", "shape": [1], "data": [float(value)]}
        for field, value in zip(FIELDS, row, strict=True)
    ]
    headers = {"authorization": f"Bearer {key(name)}", "content-type": "application/json"}
    begun = core.gate.begin(Head("POST", "/v2/models/flights/infer", headers, Peer("192.0.2.1")))
    assert not isinstance(begun, Reply)
    replies: list[Reply] = []
    begun.whole(json.dumps({"inputs": inputs}).encode(), replies.append)
    assert replies[0].status == 200
    return {one["name"]: one["data"] for one in json.loads(replies[0].body)["outputs"]}


def test_a_coarse_answer_in_tensors_has_no_scores(tmp_path: Path) -> None:
    """No number stands for what is not given. Before, they are there."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], COARSE)
        await core.ready()
        (row,) = natural(1, 8)
        assert set(infer(core, "mal", row)) == {"label", "scores", "receipt"}
        ask(core, "mal", walk(200))
        assert set(infer(core, "mal", row)) == {"label", "receipt"}
        await core.end()

    play(scene)


def test_an_abstained_row_lacks_no_scores() -> None:
    """It never had any: its answer is spelled as ever."""
    abstained: dict[str, Any] = {"label": None, "abstained": True}
    bare: dict[str, Any] = {"label": True}
    cases: list[tuple[list[dict[str, Any]], set[str]]] = [
        ([abstained], set()),
        ([bare], {"scores"}),
        ([abstained, bare], {"scores"}),
    ]
    for said, expected in cases:
        assert expected == withheld(Answer(SERVED, said, [], (), "", said))
    assert withheld(Answer(SERVED, [{**bare, "scores": {}}], [], (), "", [])) == frozenset()


def test_who_asks_from_many_addresses_makes_nobody_forgotten(tmp_path: Path) -> None:
    """Addresses have a memory of their own: an attack that rests meanwhile is where it was."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("one"), client("two")], AbusePolicy())
        core.abuse._kept._most, core.abuse._kept._most_places = 8, 8
        await core.ready()
        ask(core, "mal", walk(11))
        rows = natural(30, 31)
        for at, row in enumerate(rows):
            for name in ("one", "two"):
                core.send(name, row, f"10.0.{at}.1")
            core.look()
        assert core.abuse._kept.evicted > 10
        assert core.alarms == []
        ask(core, "mal", walk(4, seed=4))
        assert [finding for finding, _ in core.alarms] == ["LG6101"]
        await core.end()

    play(scene)


def test_clients_let_go_of_clients_alone() -> None:
    """And addresses of addresses; both are bounded."""
    kept: Kept[Any] = Kept(3, 2)
    for number in range(10):
        kept.use((1, "client", str(number)), lambda: SimpleNamespace(suspected=False))
        kept.use((1, "address", str(number)), lambda: SimpleNamespace(suspected=False))
    assert (len(kept), kept.evicted) == (5, 15)
    kept.drop_all(1)
    assert len(kept) == 0


@pytest.mark.parametrize("first", ["with", "without"])
def test_a_candidate_without_a_population_is_looked_at_by_that_of_live(tmp_path: Path, first: str) -> None:
    """Whichever is there first. Alone it is not looked at, and that is told."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], AbusePolicy(), files={})
        with_, without = (
            cast("Any", SimpleNamespace(served=served, policy=ServePolicy(), abuse=AbusePolicy(), plans=files))
            for served, files in ((SERVED, plans()), (CANDIDATE, {}))
        )
        core.abuse.settle([without])
        await core.ready()
        assert [finding for finding, _ in core.alarms].count("LG6106") >= 1
        other = Core(tmp_path, [client("mal")], AbusePolicy(), gateway="f" * 16)
        await other.ready()
        other.abuse.settle([with_, without] if first == "with" else [without, with_])
        await other.ready()
        looked = {one.served.manifest: one.looking for one in other.abuse._models.values()}
        assert looked[CANDIDATE.manifest] is looked[SERVED.manifest] is not None
        assert other.alarms == []
        await core.end()
        await other.end()

    play(scene)


def test_a_model_of_some_of_the_fields_raises_no_customer(tmp_path: Path) -> None:
    """What no row can have is no likeness of rows. An attack is seen; of too few fields nothing, and that is told."""

    async def scene() -> None:
        core = Core(tmp_path, [client("ada"), client("mal")], AbusePolicy())
        await core.ready()
        for number, count in enumerate((7, 2)):
            some = dataclasses.replace(SERVED, manifest=digest_of(bytes([number])), fields=SERVED.fields[:count])
            core.become(AbusePolicy(), some)
            await core.ready()
            if count == 2:
                assert [finding for finding, _ in core.alarms][-1] == "LG6106"
                continue
            core.alarms.clear()
            looking = next(iter(core.abuse._lookings.values()))
            raised = []
            for name, block in (("ada", natural(600, 4)), ("mal", walk(200))):
                rows = [Row(client(name), "", tuple(row[:count]), SAID, 1, at) for at, row in enumerate(block.tolist())]
                raised += [who for who, _, _ in looking.look(rows, some, lambda _: "full").raised]
            assert raised == [("client", "mal")]
        await core.end()

    play(scene)


def test_a_clock_that_was_ahead_is_forgotten_with_a_clearing(tmp_path: Path) -> None:
    """Else nothing would be cleared for as long as it was ahead."""
    spent, caps, now = Spent(tmp_path / "a.json"), (100, 0), 20_000 * DAY_MS
    assert spent.charge("m", "c:ada", 150.0, caps, now + 5000 * DAY_MS) == "leak-day"
    assert spent.charge("m", "c:ada", 1.0, caps, now) == "leak-day"
    assert spent.clear("c:ada", now - 500, now)
    assert spent.charge("m", "c:ada", 60.0, caps, now) == ""
    assert spent.charge("m", "c:ada", 60.0, caps, now + DAY_MS) == ""
    assert not Spent(tmp_path / "b.json").clear("c:ada", now, now)


def test_a_suspicion_of_a_time_to_come_can_be_cleared(tmp_path: Path) -> None:
    """By the same word as another one."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], LIMIT)
        await core.ready()
        assert ask(core, "mal", walk(400)) < 400
        books = core.abuse._suspects
        one = books._held["client", "mal"]
        ahead = dataclasses.replace(one.standing, since=one.standing.since + 10**10)
        books._held["client", "mal"] = dataclasses.replace(one, standing=ahead)
        moment = datetime.fromtimestamp(core.now.wall() // 1000 + 1, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        core.registry([client("mal", cleared=moment, cleared_why="x", cleared_by="olga")])
        assert core.ask("mal", natural(1, 1)).status == 200
        await core.end()

    play(scene)


def test_what_is_sent_ahead_keeps_nothing_out() -> None:
    """Behind a flood of his own rows a client's later ones are looked at too; and no more rows wait."""
    waiting = Waiting(random.Random(5))
    while waiting.take(*asked("mal", 1, size=50), 0.0) or len(waiting) < MOST_OF_ONE:
        pass
    before = len(waiting)
    assert [waiting.take(*asked("mal", 1, size=60), 0.0) for _ in range(200)] == [0] * 200
    assert before == len(waiting)
    rows: list[Row] = []
    while part := waiting.chunk(512, 9.0):
        rows += part
    assert before == len(rows)
    assert 60 < sum(row.size == 60 for row in rows) < 140
    assert (len(waiting), waiting._bytes) == (0, 0)


def test_the_judges_population_is_of_what_the_model_is_given(tmp_path: Path) -> None:
    """Where there is one an attack on a model of five fields of eight is seen; without it that is told (LG6106)."""
    whole = plans()
    some = dict(zip(FIELDS[:5], natural(3000, 5).T, strict=False))
    found = population.make(some, dict.fromkeys(some, "float"), seed=5)
    judged = {**whole, OUTPUTS: dataclasses.replace(parse_plan(whole[INPUTS]), population=found).encode()}
    served = dataclasses.replace(SERVED, fields=SERVED.fields[:5])

    async def scene() -> None:
        said = []
        for number, files in enumerate((judged, whole)):
            (tmp_path / str(number)).mkdir()
            core = Core(tmp_path / str(number), [], AbusePolicy(), files=files)
            core.become(AbusePolicy(), served)
            await core.ready()
            looking = next(iter(core.abuse._lookings.values()))
            rows = [Row(client("mal"), "", tuple(row[:5]), SAID, 1, at) for at, row in enumerate(walk(200).tolist())]
            raised = [one.rule for _, _, one in looking.look(rows, served, lambda _: "full").raised]
            said.append((raised, [finding for finding, _ in core.alarms]))
            await core.end()
        (seen, quiet), (_, told) = said
        assert ("near" in seen, quiet) == (True, [])
        assert "LG6106" in told

    play(scene)
