"""Threat: an attacker asks the model again and again, a small step apart, until it finds inputs that deceive it.

Real gate, admission, contract, service, records and detectors in one process; the attack is the one that the robustness
gate runs. Who is found is told, then answered less, then not at all, as the policy says; nobody else is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockgate.serve import rules
from lockgate.serve.abuse.responses import RETRY_SECONDS
from lockgate.serve.abuse.standing import STEP_ROWS
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from tests.support import abused
from tests.support.abused import LIMIT, Core, client, natural, play, scores

QUIETLY = AbusePolicy(kinds={"external": AbuseRule("limit", "coarsen")})
ELSEWHERE = "198.51.100.9"


class Stopped(Exception):
    """The gateway answers no more."""


def attack(seed: int = 0, budget: int = 600) -> Iterator[np.ndarray[Any, Any]]:
    """HopSkipJump against the model itself: the rows that it asks, one by one."""
    from lockgate.train.jail.attacks import Answers, Space, hop_skip_jump

    rows = natural(300, 70 + seed)
    space = Space(dict(zip(abused.FIELDS, rows.T, strict=True)), abused.KINDS, abused.FIELDS)
    labels = (scores(rows) > 0.5).astype(int)
    attacking = hop_skip_jump(space, space.start(0), int(labels[0]), budget, np.random.default_rng(seed))
    answers: Any = None
    while True:
        try:
            points = attacking.send(answers)
        except StopIteration:
            return
        whole = space.columns(0, points)
        block = np.column_stack([whole[name] for name in abused.FIELDS])
        yield from block
        answers = Answers((scores(block) > 0.5).astype(np.int64), None, None)


def run(core: Core, names: Callable[[int], str], *, rows: int = 600, address: str = "192.0.2.1") -> int:
    """The attack over the network: how many rows were answered before the first refusal, or all of them."""
    for number, row in enumerate(attack()):
        if number >= rows:
            return number
        reply = core.ask(names(number), row, address)
        if reply.status == 429:
            return number
        assert reply.status == 200
        if number % 8 == 7:
            core.look()
    return rows


def levels(core: Core, name: str, scope: str = "client") -> list[int]:
    """Through which levels the records say that a client went; those that say that it goes on are no steps."""
    who = rules.pseudonym(abused.PSEUDONYM, name)
    steps = [one for one in core.steps() if "further" not in one.counts]
    return [one.level for one in steps if (one.client, one.scope) == (who, scope)]


def test_one_key_is_stepped_up_and_held_back_and_nobody_else_is(tmp_path: Path) -> None:
    """Told, then the label alone in silence, then 429; each step a record with its evidence. A customer is answered on.

    What the attacker is told says neither what was seen nor how far; and the records say what it was given.
    """

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("ada")], QUIETLY)
        await core.ready()
        full = core.ask("mal", natural(1, 1))
        for day in range(20):
            assert core.ask("ada", natural(20, 500 + day), ELSEWHERE).status == 200
        coarse, plain = [], set()
        answered = 0
        for row in attack():
            reply = core.ask("mal", row)
            if reply.status == 429:
                break
            answered += 1
            core.look()
            (said,) = json.loads(reply.body)["predictions"]
            coarse.append("scores" not in said)
            plain.add(tuple(name for name, _ in reply.headers))
        assert 10 < answered < 200
        assert STEP_ROWS <= sum(coarse) < answered
        assert sorted(coarse) == coarse
        assert {tuple(name for name, _ in full.headers)} == plain
        refused = core.ask("mal", natural(1, 2))
        assert (refused.status, dict(refused.headers)) == (429, {"Retry-After": str(RETRY_SECONDS)})
        assert [word for word in (b"near", b"probe", b"LG6101", b"level", b"suspic") if word in refused.body] == []
        assert core.ask("ada", natural(3, 3), ELSEWHERE).status == 200
        assert {"LG6101"} == {finding for finding, _ in core.alarms}
        assert [message for _, message in core.alarms if "mal" in message.split()] == []
        await core.end()
        assert levels(core, "mal") == [1, 2, 3]
        assert levels(core, "ada") == []
        first = next(one for one in core.steps() if one.scope == "client")
        assert first.counts["probes"] > 0

    play(scene)


def test_by_itself_it_is_told_and_every_answer_stays_as_it_is(tmp_path: Path) -> None:
    """Without a word in the policy: the very bytes that a gateway without a population gives."""

    async def scene() -> None:
        one = Core(tmp_path / "one", [client("mal")], AbusePolicy())
        other = Core(tmp_path / "other", [client("mal")], AbusePolicy(), files={})
        await one.ready()
        await other.ready()
        for number, row in enumerate(attack(budget=200)):
            ours, plain = (json.loads(core.ask("mal", row).body)["predictions"] for core in (one, other))
            assert ours == plain
            if number % 16 == 0:
                one.look()
                other.look()
        one.look()
        assert [finding for finding, _ in one.alarms] == ["LG6101"]
        assert [finding for finding, _ in other.alarms] == ["LG6106"]
        assert not one.service.held.active  # type: ignore[union-attr]
        await one.end()
        await other.end()
        assert levels(one, "mal") == [1]

    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    play(scene)


def test_the_same_over_the_keys_of_an_organisation(tmp_path: Path) -> None:
    """Six keys by turns, from six networks: the organisation is seen, and all of its keys are held back, used or not.

    Another organisation's are not.
    """
    keys = [f"key{number}" for number in range(6)]
    clients = [client(name, organisation="acme") for name in (*keys, "unused")]
    clients.append(client("ada", organisation="other"))

    async def scene() -> None:
        core = Core(tmp_path, clients)
        await core.ready()
        for number, row in enumerate(attack()):
            reply = core.ask(keys[number % 6], row, f"198.51.{number % 6}.1")
            if reply.status == 429:
                break
            core.look()
        assert number < 300
        assert [core.ask(name, natural(1, 4)).status for name in (*keys, "unused")] == [429] * 7
        assert core.ask("ada", natural(1, 4)).status == 200
        await core.end()
        assert [one.level for one in core.steps() if one.scope == "organisation"] == [1, 3]

    play(scene)


def test_a_restart_and_a_clear(tmp_path: Path) -> None:
    """Who is held back stays so after a restart; an operator's clear lifts it, is recorded; the next attack is seen."""

    async def scene() -> None:
        first = Core(tmp_path, [client("mal")])
        await first.ready()
        assert run(first, lambda _: "mal") < 300
        await first.settled()
        await first.end()

        second = Core(tmp_path, [client("mal")], gateway="1" * 16, now=first.now)
        await second.ready()
        assert second.ask("mal", natural(1, 5)).status == 429
        moment = "2099-01-01T00:00:00Z"
        second.registry([replace(client("mal"), cleared=moment, cleared_why="seen", cleared_by="op")])
        assert second.ask("mal", natural(1, 6)).status == 200
        assert "LG6108" in [finding for finding, _ in second.alarms]
        assert run(second, lambda _: "mal") < 300
        await second.end()
        assert levels(second, "mal") == [0, 1, 3]

    play(scene)


def test_a_milder_policy_lifts_at_once(tmp_path: Path) -> None:
    """What it asks for no more is not done; it is a step down in the records."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal")])
        await core.ready()
        assert run(core, lambda _: "mal") < 300
        core.become(AbusePolicy())
        assert core.ask("mal", natural(1, 5)).status == 200
        await core.end()
        assert levels(core, "mal") == [1, 3, 1]

    play(scene)


@pytest.mark.parametrize("shared", ["observe", "respond"])
def test_who_shares_an_address_with_an_attacker_is_not_held_back(tmp_path: Path, shared: Any) -> None:
    """Unless the policy says that it is: an address is nobody's own."""
    clients = [client(name) for name in ("victim", "one", "two", "three")]

    async def scene() -> None:
        core = Core(tmp_path, clients, replace(LIMIT, shared=shared))
        await core.ready()
        for day in range(5):
            assert core.ask("victim", natural(20, 900 + day)).status == 200
            core.look()
        for number, row in enumerate(attack()):
            if core.ask(("one", "two", "three")[number % 3], row).status == 429 or number > 400:
                break
            core.look()
        held = core.ask("victim", natural(1, 5)).status == 429
        assert held == (shared == "respond")
        await core.end()
        scopes = {one.scope for one in core.steps()}
        assert scopes & {"address", "cluster"}
        if shared == "observe":
            assert {one.level for one in core.steps() if one.scope in ("address", "cluster")} == {1}
            assert levels(core, "victim") == []

    play(scene)


def test_rows_that_follow_a_victims_do_not_make_it_suspect(tmp_path: Path) -> None:
    """Whoever knows a customer's rows and walks around them brings suspicion on himself."""
    clients = [client("victim"), client("mal")]

    async def scene() -> None:
        core = Core(tmp_path, clients, replace(LIMIT, shared="respond"))
        await core.ready()
        rng = np.random.default_rng(2)
        rows = natural(12, 44)
        for row in rows:
            assert core.ask("victim", row, ELSEWHERE).status == 200
            for _ in range(40):
                core.ask("mal", row + rng.normal(size=row.shape) * 0.02)
            core.look()
        assert core.ask("victim", natural(1, 5), ELSEWHERE).status == 200
        await core.end()
        assert levels(core, "victim") + levels(core, "victim", "cluster") == []
        assert levels(core, "mal")

    play(scene)


HOSTILE: list[Any] = [
    np.full(8, 1e308),
    np.full(8, -1e308),
    np.array([0.0, -0.0, 5e-324, 1e-300, 1e300, 1, -1, 2]),
    np.zeros(8),
    b'{"records": []}',
    b'{"records": [{}]}',
    b'{"records": [{"f0": "' + b"x" * 200_000 + b'"}]}',
    b'{"records": ' + json.dumps([dict.fromkeys(abused.FIELDS, 10**300)]).encode() + b"}",
    b'{"records": [{"f0": NaN}]}',
    b"\xff" * 100,
]


def test_hostile_rows_break_nothing(tmp_path: Path) -> None:
    """Extreme numbers and bodies that are none: answered or refused as ever, the turns go on, and an attack is seen."""

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("other")])
        await core.ready()
        for row in HOSTILE * 3:
            for reply in core.send("other", row, ELSEWHERE):
                assert reply.status in (200, 400, 422)
            core.look()
        assert run(core, lambda _: "mal") < 300
        assert "LG6105" not in [finding for finding, _ in core.alarms]
        await core.end()

    play(scene)


def test_what_fails_inside_costs_nobody_an_answer_and_hides_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Detectors that fail on one client's rows: told, those rows count as skipped, and another's attack is seen."""
    caplog.set_level("CRITICAL")

    def make(*arguments: Any) -> Any:
        from lockgate.serve.abuse.looking import Looking

        class Failing(Looking):
            def _look(self, rows: Any, *more: Any) -> None:
                if any(row.client.name == "breaker" for row in rows):
                    raise ZeroDivisionError("rows of somebody")
                super()._look(rows, *more)

        return Failing(*arguments)

    async def scene() -> None:
        core = Core(tmp_path, [client("mal"), client("breaker")], make=make)
        await core.ready()
        asked = 0
        for row in attack():
            assert core.ask("breaker", row, ELSEWHERE).status == 200
            if core.ask("mal", row).status == 429:
                break
            asked += 1
            core.look()
        assert asked < 300
        assert "LG6105" in [finding for finding, _ in core.alarms]
        assert core.tally.abuse["skipped"] >= asked
        await core.end()
        assert levels(core, "mal") == [1, 3]

    play(scene)
