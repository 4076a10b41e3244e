"""Who is suspected and goes on: what counts for the next step, what is recorded meanwhile, and who is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.monitor import making
from lockgate.monitor.abuse import population
from lockgate.monitor.plan import INPUTS
from lockgate.serve import rules
from lockgate.serve.abuse.standing import STEP_ROWS
from lockgate.serve.abuse.suspects import AGAIN_MS
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from tests.support.abused import FIELDS, KINDS, LIMIT, PSEUDONYM, Core, client, natural, play

CLEARED = {"cleared": "2033-01-01T00:00:00Z", "cleared_why": "x", "cleared_by": "olga"}
EDITED = 4
"""Fields that a person edits: no more of them are."""


def edits(count: int, seed: int = 0) -> Any:
    """Rows that are one row with another value of one field, as other rows have it."""
    rng, known = np.random.default_rng(seed), natural(2000, 77)
    found = np.repeat(known[:1], count, axis=0)
    fields = rng.integers(EDITED, size=count)
    found[np.arange(count), fields] = known[rng.integers(1, 2000, size=count), fields]
    return found


def walk(count: int, seed: int = 3) -> Any:
    """Rows a small step around one row."""
    (base,) = natural(1, 8)
    return base + np.random.default_rng(seed).normal(size=(count, len(base))) * 0.05


def ask(core: Core, name: str, rows: Any, address: str = "192.0.2.1") -> int:
    """One by one; how many were answered before the first refusal."""
    for number, row in enumerate(rows):
        if core.ask(name, row, address).status == 429:
            return number
        if number % 8 == 7:
            core.look()
    core.look()
    return len(rows)


def records(core: Core, name: str, scope: str = "client") -> list[SuspicionRecord]:
    """Of one client."""
    who = rules.pseudonym(PSEUDONYM, name)
    return [one for one in core.steps() if (one.client, one.scope) == (who, scope)]


def uncompared(*names: str) -> Mapping[str, bytes]:
    """Plans of a model of which these fields are not compared."""
    columns = dict(zip(FIELDS, natural(3000, 5).T, strict=True))
    made = making.make({name: column[:500] for name, column in columns.items()}, KINDS, seed=5)
    found = population.make(columns, KINDS, left_out=names, seed=5)
    return {INPUTS: replace(made, population=found).encode()}


def test_who_is_raised_by_edits_is_stepped_up_by_edits(tmp_path: Path) -> None:
    """What raises counts on: no attack of visible edits goes on for ever. A declared client's edits are nothing."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("ada", edits=True)])
        await core.ready()
        answered = ask(core, "mal", edits(600))
        assert STEP_ROWS < answered < 200
        assert ask(core, "ada", edits(600), "198.51.100.9") == 600
        await core.end()
        assert [one.level for one in records(core, "mal") if "further" not in one.counts] == [1, 3]
        assert records(core, "ada") == []
        assert records(core, "mal")[-1].counts["edits"] > records(core, "mal")[0].counts["edits"]

    play(scene)


def test_rows_that_say_nothing_lead_to_no_step(tmp_path: Path) -> None:
    """Who was suspected and sends ordinary rows from then on is answered, and the records show that it stopped."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")])
        await core.ready()
        for row in walk(200):
            core.ask("mal", row)
            core.now.seconds += 1
            core.look()
            if core.alarms:
                break
        for seed in range(20):
            assert core.ask("mal", natural(20, 100 + seed)).status == 200
            core.look()
        core.now.seconds += AGAIN_MS
        core.look()
        await core.end()
        first, *more = records(core, "mal")
        assert (first.level, {one.level for one in more} - {1}) == (1, set())
        assert sum(one.counts["further"] for one in more) < STEP_ROWS

    play(scene)


def test_a_field_that_is_not_compared_is_asked_about_for_its_price(tmp_path: Path) -> None:
    """Rows that differ in nothing else are other rows: they cost as much. The same record again costs nothing."""

    async def scene() -> None:
        found = []
        for number, varied in enumerate((True, False)):
            policy = AbusePolicy(leak_day=10**6, kinds={"external": AbuseRule("observe")})
            (tmp_path / str(number)).mkdir()
            core = Core(tmp_path / str(number), [client("mal")], policy, files=uncompared("f7"))
            await core.ready()
            rows = np.repeat(natural(1, 8), 300, axis=0)
            if varied:
                rows[:, 7] = natural(300, 9)[:, 7]
            ask(core, "mal", rows)
            found.append(core.abuse._suspects.spent.counts("flights", "c:mal", "leak-day", (10**6, 0))["bits"])
            await core.end()
        varied_bits, same_bits = found
        assert varied_bits >= 300 * 8
        assert same_bits < 4 * 8

    play(scene)


def test_an_internal_client_is_not_held_back_by_its_organisations_budget(tmp_path: Path) -> None:
    """It has none; an external one of the same organisation is held back."""
    policy = AbusePolicy(leak_day=100, kinds={"external": AbuseRule("limit"), "internal": AbuseRule("limit")})

    async def scene() -> None:
        clients = [client("ext", organisation="acme"), client("job", kind="internal", organisation="acme")]
        core = Core(tmp_path, [*clients, client("two", organisation="acme")], policy)
        await core.ready()
        core.ask("ext", natural(300, 3))
        core.look()
        assert [core.ask(name, natural(1, 1)).status for name in ("ext", "two", "job")] == [429, 429, 200]
        await core.end()

    play(scene)


def test_records_say_that_it_goes_on(tmp_path: Path) -> None:
    """Under `observe` too: at twice the rows, and what is left an hour later; few, of the same level, and no alarm."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], AbusePolicy())
        await core.ready()
        ask(core, "mal", walk(1500))
        asked = core.abuse._suspects._going["client", "mal"].rows
        core.now.seconds += AGAIN_MS // 1000
        core.look()
        core.now.seconds += AGAIN_MS // 1000
        core.look()
        assert [finding for finding, _ in core.alarms] == ["LG6101"]
        assert core.tally.suspicions.total() == 1
        await core.end()
        first, *more = records(core, "mal")
        assert 3 <= len(more) <= 10
        assert {1} == {one.level for one in (first, *more)}
        assert asked == sum(one.counts["further"] for one in more)
        rows = [one.counts["rows"] for one in (first, *more)]
        assert sorted(rows) == rows
        assert rows[-1] == 1500

    play(scene)


def test_each_client_of_an_address_that_is_held_back_has_a_record(tmp_path: Path) -> None:
    """Also who comes to it later: what is held back can be explained, and cleared."""
    policy = replace(LIMIT, shared="respond")

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("bob"), client("eve")], policy)
        await core.ready()
        core.ask("bob", natural(1, 1))
        ask(core, "mal", walk(400))
        assert core.ask("bob", natural(1, 2)).status == 429
        core.ask("eve", natural(70, 3))
        core.look()
        assert core.ask("eve", natural(1, 4)).status == 429
        core.registry([client("mal"), client("bob"), client("eve", **CLEARED)])
        await core.end()
        for name in ("bob", "eve"):
            assert 3 in [one.level for one in records(core, name, "address")]
        assert records(core, "eve", "address")[-1].level == 0

    play(scene)


def test_a_clearing_is_one_record_and_says_so(tmp_path: Path) -> None:
    """Whatever the rules were; the alarm has the client once."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")], AbusePolicy())
        await core.ready()
        ask(core, "mal", walk(100))
        core.registry([client("mal", **CLEARED)])
        who = rules.pseudonym(PSEUDONYM, "mal")
        assert core.alarms[-1] == ("LG6108", f"client {who}: no longer suspected: cleared")
        await core.end()
        assert [one.level for one in records(core, "mal")][-1] == 0
        assert [one.level for one in records(core, "mal")].count(0) == 1

    play(scene)
