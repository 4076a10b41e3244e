"""Looking for who tries the model, beside the service: versions, answers that wait, records that wait, what is told."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.core.digest import digest_of
from lockgate.serve import output
from lockgate.serve.abuse import responses
from lockgate.serve.abuse.responses import MOST_SLOWED, Responses
from lockgate.serve.http import Reply
from lockgate.serve.spec import OutputRule, ServedField
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from tests.support.abused import LIMIT, SERVED, Core, client, natural, play

SLOW = AbusePolicy(kinds={"external": AbuseRule("observe", "slow")})
NEXT = dataclasses.replace(SERVED, version=2, manifest=digest_of(b"next"))


def held(core: Core, scope: str, name: str) -> Any:
    """Its standing, as the books have it."""
    return core.abuse._suspects._held.get((scope, name))


def probe(core: Core, name: str, rows: int, seed: int = 3) -> None:
    """Walk around one row."""
    rng = np.random.default_rng(seed)
    (base,) = natural(1, 8)
    for _ in range(rows):
        core.send(name, base + rng.normal(size=base.shape) * 0.05)
    core.look()


def test_a_slowed_answer_leaves_later_and_holds_nobody_else(tmp_path: Path, monkeypatch: Any) -> None:
    """It is the same answer; others leave at once, and no more wait than are given."""
    monkeypatch.setattr(responses, "SLOW_SECONDS", 0.05)

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("ada")], SLOW)
        await core.ready()
        for seed in range(3):
            probe(core, "mal", 64, seed)
        replies = core.send("mal", natural(1, 1))
        assert replies == []
        assert core.send("ada", natural(1, 1))[0].status == 200
        await asyncio.sleep(0.2)
        assert [reply.status for reply in replies] == [200]
        assert "scores" in json.loads(replies[0].body)["predictions"][0]
        assert core.gate.in_flight == 0
        core.abuse.responses.slowed = MOST_SLOWED
        assert core.send("mal", natural(1, 1))[0].status == 200
        await core.end()

    play(scene)


def test_a_version_with_the_same_fields_goes_on_where_the_one_before_was(tmp_path: Path) -> None:
    """Whoever probes both is seen as one; another version's fields begin anew, and what stands stands."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], AbusePolicy())
        await core.ready()
        probe(core, "mal", 12)
        assert held(core, "client", "mal") is None
        core.become(AbusePolicy(), NEXT)
        await core.ready()
        probe(core, "mal", 40, seed=4)
        assert held(core, "client", "mal").about.model == NEXT.manifest
        assert len(core.abuse._lookings) == 1
        fields = (*SERVED.fields[:-1], ServedField("f7", "int"))
        core.become(AbusePolicy(), dataclasses.replace(NEXT, manifest=digest_of(b"third"), fields=fields))
        await core.ready()
        assert len(core.abuse._kept) == 0
        assert held(core, "client", "mal").standing.level == 1
        await core.end()

    play(scene)


def test_a_record_that_cannot_be_written_waits(tmp_path: Path) -> None:
    """In its order, and none is lost; what follows, follows at once."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")])
        await core.ready()
        good, core.recorder.suspect = core.recorder.suspect, lambda _: False  # type: ignore[method-assign, assignment]
        for seed in range(3):
            probe(core, "mal", 64, seed)
        assert core.ask("mal", natural(1, 1)).status == 429
        core.recorder.suspect = good  # type: ignore[method-assign]
        core.look()
        await core.end()
        assert [one.level for one in core.steps() if one.scope == "client"] == [1, 3]

    play(scene)


def test_a_declared_client_has_a_key_of_its_kind(tmp_path: Path) -> None:
    """Declared while the gateway runs: it is looked at anew, as one who asks what-if questions."""

    async def scene() -> None:
        core = Core(tmp_path, [client("ada")])
        await core.ready()
        core.ask("ada", natural(3, 1))
        core.look()
        ((_, before),) = core.abuse._kept._kept.items()
        core.registry([client("ada", edits=True)])
        core.ask("ada", natural(3, 2))
        core.look()
        ((_, after),) = core.abuse._kept._kept.items()
        assert (before.edits, after.edits) == (False, True)
        await core.end()

    play(scene)


def test_without_a_population_it_is_told_once_and_everything_is_answered(tmp_path: Path) -> None:
    """LG6106; the rows count as skipped."""

    async def scene() -> None:
        core = Core(tmp_path, [client("ada")], files={})
        await core.ready()
        core.become(LIMIT)
        assert core.ask("ada", natural(3, 1)).status == 200
        core.look()
        assert [finding for finding, _ in core.alarms] == ["LG6106"]
        assert (core.tally.abuse["looked"], core.tally.abuse["skipped"]) == (0, 3)
        await core.end()

    play(scene)


def test_a_population_that_is_none_is_told_and_everything_is_answered(tmp_path: Path, caplog: Any) -> None:
    """LG6105: what is in the file is believed no further than that it has its form."""
    caplog.set_level("CRITICAL")

    async def scene() -> None:
        core = Core(tmp_path, [client("ada")], files={"monitor.json": b"{}"})
        await core.ready()
        assert core.ask("ada", natural(3, 1)).status == 200
        assert [finding for finding, _ in core.alarms] == ["LG6105"]
        await core.end()

    play(scene)


def test_the_metrics_say_it_without_a_name(tmp_path: Path) -> None:
    """Steps by rule and level, rows, keys."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal", actions=("predict", "metrics"))])
        await core.ready()
        for seed in range(3):
            probe(core, "mal", 64, seed)
        tally = core.tally
        assert (tally.suspicions["near", 1], tally.suspicions["near", 3]) == (1, 1)
        assert tally.suspected[3] == 1
        assert tally.now["abuse_keys"] == 1
        await core.end()

    play(scene)


def test_coarse_is_never_more_than_the_rule_leaves() -> None:
    """The label alone, abstaining as before; of a number two digits that count, of those that there were."""
    said = {"label": True, "scores": {"false": 0.45, "true": 0.55}}
    for rule in (OutputRule(), OutputRule("rounded"), OutputRule("top"), OutputRule("label")):
        assert output.coarse(rule, "binary")(said) == {"label": True}
    assert output.coarse(OutputRule(abstain_below=0.2), "binary")(said) == output.ABSTAINED
    number = output.coarse(OutputRule(), "regression")
    assert [number({"value": one})["value"] for one in (123456.0, -0.0123, 0.0)] == [120000.0, -0.012, 0.0]
    assert output.coarse(OutputRule("rounded", digits=1), "regression")({"value": 0.3456}) == {"value": 0.3}


def test_nothing_follows_where_nobody_is_suspected() -> None:
    """No question is asked then; and a client of a kind for which the policy asks nothing is answered."""
    found = Responses()
    assert not found.active
    found.become(LIMIT, {"mal": 3}, {}, frozenset({"c:mal"}), blind=True)
    found.check(client("mal", kind="internal"))
    assert not found.coarse(client("mal"))
    assert not found.later(client("mal"), lambda _: None, Reply(200))
