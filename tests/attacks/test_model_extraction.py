"""Threat: a client copies the model by asking it: with made-up rows, which look odd, or with real ones, which do not.

Made-up rows are seen. Real ones look like a customer's: only a leak budget bounds what they give, of one key or of all
keys of an organisation, by day and for ever, through restarts. The same core as in `test_model_evasion`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockgate.core.encoding import encode
from lockgate.errors import VerificationFailed
from lockgate.serve.spec import OutputRule, ServePolicy
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from tests.support import abused
from tests.support.abused import LIMIT, Core, client, natural, play

CAPPED = AbusePolicy(leak_life=3000, kinds={"external": AbuseRule("limit")})


def copy(core: Core, name: str, *, rows: int = 20, most: int = 200, seed: int = 0) -> int:
    """Ask real rows, so many in a request: how many were answered before the first refusal."""
    for number in range(most):
        status = core.ask(name, natural(rows, 1000 + 1000 * seed + number)).status
        if status == 429:
            return number * rows
        assert status == 200
        core.look()
    return most * rows


def test_made_up_rows_are_seen_and_a_customer_is_not(tmp_path: Path) -> None:
    """Values drawn field by field from the population's own range: told and held back; real rows are neither."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("ada")], LIMIT)
        await core.ready()
        low, high = natural(3000, 5).min(axis=0), natural(3000, 5).max(axis=0)
        rng = np.random.default_rng(4)
        for number in range(100):
            assert core.ask("ada", natural(20, 300 + number), "198.51.100.1").status == 200
            if core.ask("mal", rng.uniform(low, high, (20, 8))).status == 429:
                break
            core.look()
        assert number < 60
        assert core.ask("ada", natural(1, 1), "198.51.100.1").status == 200
        assert {"LG6102"} == {finding for finding, _ in core.alarms}
        await core.end()
        assert [(one.rule, one.level) for one in core.steps() if one.scope == "client"] == [("novel", 1), ("novel", 3)]

    play(scene)


def test_real_rows_look_like_a_customers_and_only_a_budget_ends_them(tmp_path: Path) -> None:
    """Without a cap all are answered, and nobody is suspected: that is no oversight. With one they end at its price."""

    async def scene() -> None:
        (tmp_path / "free").mkdir()
        (tmp_path / "capped").mkdir()
        free = Core(tmp_path / "free", [client("mal")], LIMIT)
        await free.ready()
        assert copy(free, "mal") == 4000
        assert free.alarms == []
        capped = Core(tmp_path / "capped", [client("mal"), client("ours", kind="internal")], CAPPED)
        await capped.ready()
        answered = copy(capped, "mal")
        assert 200 <= answered <= 3000 // 8 + 40
        assert [finding for finding, _ in capped.alarms] == ["LG6104"]
        assert copy(capped, "ours", most=100) == 2000
        await free.end()
        await capped.end()
        (step,) = capped.steps()
        assert (step.rule, step.scope, step.level) == ("leak-life", "client", 3)
        assert step.counts["bits"] >= step.counts["cap"] == 3000

    play(scene)


def test_less_in_each_answer_gives_more_answers(tmp_path: Path) -> None:
    """A label costs an eighth of all scores; the same row again costs nothing."""

    async def scene() -> None:
        labels = ServePolicy({"external": OutputRule("label")}, record="written")
        core = Core(tmp_path, [client("mal")], CAPPED, serving=labels)
        await core.ready()
        assert 2000 <= copy(core, "mal") <= 3040
        await core.end()
        (tmp_path / "again").mkdir()
        core = Core(tmp_path / "again", [client("ada")], CAPPED)
        await core.ready()
        for _ in range(400):
            assert core.ask("ada", natural(10, 1)).status == 200
            core.look()
        await core.end()

    play(scene)


def test_no_key_of_an_organisation_has_a_budget_of_its_own(tmp_path: Path) -> None:
    """Ten keys of one share what one key would have."""
    keys = [f"key{number}" for number in range(10)]

    async def scene() -> None:
        core = Core(tmp_path, [client(name, organisation="acme") for name in keys], CAPPED)
        await core.ready()
        answered = 0
        for number in range(400):
            if core.ask(keys[number % 10], natural(5, 2000 + number)).status == 429:
                break
            answered += 5
            core.look()
        assert answered <= 3000 // 8 + 10
        assert [core.ask(name, natural(1, 1)).status for name in keys] == [429] * 10
        await core.end()
        assert [one.scope for one in core.steps()] == ["organisation"]

    play(scene)


@pytest.mark.parametrize("crash", [False, True])
def test_a_restart_gives_nothing_back(tmp_path: Path, crash: bool) -> None:
    """In order or not: what a client got of a model for ever it has got. Twelve gateways, one after the other."""

    async def scene() -> None:
        answered = 0
        for life in range(12):
            core = Core(tmp_path, [client("mal")], CAPPED, gateway=f"{life:016x}")
            await core.ready()
            if core.ask("mal", natural(1, 5)).status == 200:
                answered += 1 + copy(core, "mal", rows=5, most=20, seed=life)
                await core.settled()
            if crash:
                core.abuse._suspects.render = lambda: encode("a crash writes nothing")  # type: ignore[method-assign]
                core.abuse._suspects.spent.write = lambda _: None  # type: ignore[method-assign, assignment]
            await core.end()
        assert 100 <= answered <= 3000 // 8 + 10

    play(scene)


def test_two_gateways_of_a_house_give_no_more_than_one(tmp_path: Path) -> None:
    """Each has its part of the cap."""

    async def scene() -> None:
        answered = 0
        for number in range(2):
            core = Core(tmp_path, [client("mal")], CAPPED, gateway=f"{number:016x}", number=number, gateways=2)
            await core.ready()
            answered += copy(core, "mal", seed=number)
            await core.end()
        assert answered <= 3000 // 8 + 60

    play(scene)


def test_a_flood_hides_nothing_from_the_budget(tmp_path: Path) -> None:
    """Rows that nobody had time to look at cost as much as new ones. So do all of a model without a population."""

    async def scene() -> None:
        (tmp_path / "blind").mkdir()
        core = Core(tmp_path, [client("mal")], replace(CAPPED, leak_life=100_000))
        await core.ready()
        assert core.ask("mal", natural(15_000, 1)).status == 200
        core.look()
        assert core.tally.abuse["skipped"] == 15_000 - core.tally.abuse["looked"] > 10_000
        assert core.ask("mal", natural(1, 1)).status == 429
        await core.end()
        blind = Core(tmp_path / "blind", [client("mal")], CAPPED, files={})
        await blind.ready()
        assert copy(blind, "mal") <= 3000 // 8 + 40
        assert [finding for finding, _ in blind.alarms] == ["LG6106", "LG6104"]
        await blind.end()

    play(scene)


def test_a_day_ends_at_midnight_and_nothing_tells_when(tmp_path: Path) -> None:
    """The refusal is the same whatever ended; the next day is a new one."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], AbusePolicy(leak_day=1000, kinds={"external": AbuseRule("limit")}))
        await core.ready()
        assert copy(core, "mal") <= 1000 // 8 + 40
        refused = core.ask("mal", natural(1, 1))
        assert (json.loads(refused.body)["finding"], refused.headers) == ("LG6100", (("Retry-After", "3600"),))
        assert [word for word in (b"bit", b"leak", b"day", b"budget") if word in refused.body] == []
        core.now.seconds += 86_400
        core.look()
        assert core.ask("mal", natural(1, 1)).status == 200
        await core.end()

    play(scene)


def test_a_file_that_is_malformed_gives_nothing_back(tmp_path: Path) -> None:
    """The gateway does not start: who removes the file decides that budgets start anew."""
    path = tmp_path / "abuse-dev-0.json"

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], CAPPED)
        good = b'{"held":[],"leaks":{},"v":1}'
        held = {"held": [{"scope": "client", "who": "mal", "level": 9}], "leaks": {}, "v": 1}
        for data, fails in ((good, False), (b"", True), (good.replace(b"1", b"2"), True), (encode(held), True)):
            path.write_bytes(data)
            found = ""
            try:
                core.another()
            except VerificationFailed as error:
                found = error.finding
            assert ("LG6107" if fails else "") == found
        await core.end()

    play(scene)


def test_while_nothing_can_be_written_who_has_a_cap_gets_nothing(tmp_path: Path) -> None:
    """503 until it can; whoever has no cap is answered on."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("ours", kind="internal")], CAPPED)
        await core.ready()
        good = core.abuse._suspects.spent.write

        def full(_data: bytes) -> None:
            raise OSError(28, "No space left on device")

        core.abuse._suspects.spent.write = full  # type: ignore[method-assign, assignment]
        assert core.ask("mal", natural(1, 1)).status == 200
        await core.settled()
        core.look()
        refused = core.ask("mal", natural(1, 1))
        assert (refused.status, json.loads(refused.body)["finding"]) == (503, "LG6107")
        assert core.ask("ours", natural(1, 1)).status == 200
        assert "LG6107" in [finding for finding, _ in core.alarms]
        core.abuse._suspects.spent.write = good  # type: ignore[method-assign]
        await core.settled()
        core.look()
        assert core.ask("mal", natural(1, 1)).status == 200
        await core.end()

    play(scene)


def test_an_operators_word_opens_a_budget_again(tmp_path: Path) -> None:
    """Once for each word."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], CAPPED)
        await core.ready()
        copy(core, "mal")
        cleared: dict[str, Any] = {"cleared": "2099-01-01T00:00:00Z", "cleared_why": "asked", "cleared_by": "op"}
        core.registry([client("mal", **cleared)])
        assert 100 <= copy(core, "mal", seed=2) <= 3000 // 8 + 40
        core.registry([client("mal", **cleared), client("new")])
        assert core.ask("mal", natural(1, 1)).status == 429
        await core.end()

    assert abused.SERVED.name == "flights"
    play(scene)
