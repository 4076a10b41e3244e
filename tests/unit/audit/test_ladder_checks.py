"""audit.ladder.checks: each check sees what it is for and nothing else; what cannot be true counts for nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lockgate.audit.ladder.checks import Observed, Result, thresholds
from lockgate.core.verdict import Level
from lockgate.trust.policy_ladder import CHECKS, LadderPolicy, Rung
from tests.support.observing import observed

HONEST: Mapping[str, int] = {
    "candidate.requests": 20, "candidate.errors": 1, "live.requests": 20, "live.errors": 1,
    "pairs.requests": 20, "pairs.failed": 1, "pairs.saved": 1,
    "candidate.slow.100": 10, "candidate.slow.110": 10, "live.slow.100": 10, "live.slow.110": 10,
    "pairs.rows": 20, "pairs.disagree": 1, "pairs.more.1": 1, "pairs.fewer.0": 1,
    "risk.rows": 20, "risk.p20": 2, "risk.m20": 2,
    "candidate.labels": 20, "candidate.wrong": 4, "live.labels": 20, "live.wrong": 4,
}  # fmt: skip
WORSE: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "crashes": ("errors", {"pairs.failed": 4}),
    "slow in the middle": ("latency", {"candidate.slow.100": 2, "candidate.slow.110": 2, "candidate.slow.120": 16}),
    "slow at the end": ("latency", {"candidate.slow.110": 6, "candidate.slow.130": 4}),
    "answers otherwise": ("disagreement", {"pairs.disagree": 5}),
    "more of a class": ("outputs", {"pairs.more.1": 4, "pairs.fewer.0": 4}),
    "fewer of a class": ("outputs", {"pairs.more.1": 0, "pairs.fewer.1": 4, "pairs.fewer.0": 0, "pairs.more.0": 4}),
    "loses on pairs": ("risk", {"risk.p20": 4, "risk.m20": 1}),
}


def _after(counts: Mapping[str, int], records: int = 30, task: str = "binary", **policy: object) -> Observed:
    found = Observed(LadderPolicy(**{"sticky": "request", **policy}), task)  # type: ignore[arg-type]
    counts = {name: count for name, count in counts.items() if count}
    for second in range(records):
        found.add(observed(counts, time=1000 * second))
    assert found.reasons() == ()
    return found


def _alarms(found: Observed) -> set[str]:
    return {result.check for result in found.results() if result.alarm}


def test_equal_candidate_alarms_nothing() -> None:
    """The positive control of all that follows: 600 rows of each kind, every figure shown."""
    found = _after(HONEST)
    assert set() == _alarms(found)
    assert found.rung(5) == (600, 600)
    assert found.rung(6) == (0, 0)
    assert [result.rows for result in found.results()] == [600, 600, 600, 600, 600]
    errors, latency, disagreement, outputs, risk = (result.seen for result in found.results())
    assert errors == {"failed": 30.0, "saved": 30.0, "candidate": 0.05, "live": 0.05}
    assert latency["candidate"] == latency["live"]
    assert disagreement == {"share": 0.05, "skipped": 0.0}
    assert outputs == {"moved": 0.05}
    assert risk == {"paired": 0.0, "candidate": 0.2, "live": 0.2}


@pytest.mark.parametrize("what", WORSE)
def test_each_check_sees_its_own(what: str) -> None:
    """A candidate that is worse in one thing is stopped by that check and by no other."""
    check, change = WORSE[what]
    assert {check} == _alarms(_after({**HONEST, **change}))


@pytest.mark.parametrize("what", ["more of a class", "fewer of a class"])
def test_outputs_of_many_classes(what: str) -> None:
    """With many classes the same moves are seen."""
    assert {"outputs"} == _alarms(_after({**HONEST, **WORSE[what][1]}, task="multiclass"))


@pytest.mark.parametrize(
    ("what", "margins"),
    [
        ("crashes", {"errors_margin": 0.2}),
        ("loses on pairs", {"risk_margin": 0.2}),
        ("slow at the end", {"latency_margin": 4.0}),
        ("more of a class", {"outputs_margin": 0.25}),
        ("answers otherwise", {"most_disagreement": 0.3}),
    ],
)
def test_a_margin_of_the_policy_forgives_so_much(what: str, margins: dict[str, Any]) -> None:
    """What is worse by less than the policy allows is stopped by nothing; by default it is."""
    check, change = WORSE[what]
    assert (_alarms(_after({**HONEST, **change})), _alarms(_after({**HONEST, **change}, **margins))) == ({check}, set())


def test_check_that_is_off_is_not_made() -> None:
    """Its part of alpha is with the others, whose thresholds are lower."""
    found = _after({**HONEST, "pairs.failed": 4}, checks=("latency", "risk"))
    assert [result.check for result in found.results()] == ["latency", "risk"]
    assert set() == _alarms(found)


def test_alpha_is_spent_once() -> None:
    """The parts of all checks add up to `false_stops`, whichever are on."""
    for on in (CHECKS, ("errors",), ("disagreement", "risk")):
        parts = [math.exp(-threshold) for threshold in thresholds(LadderPolicy(checks=on, false_stops=0.02)).values()]
        assert math.fsum(parts) == pytest.approx(0.02)
    assert thresholds(LadderPolicy())["errors"] == pytest.approx(math.log(400))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_check_begins_with_one(task: str) -> None:
    """Before the first record nothing has been won: the parts of a stake are no more than the stake."""
    results = Observed(LadderPolicy(scale=1.0, sticky="request"), task).results()
    assert [pytest.approx(0.0, abs=1e-9)] * len(CHECKS) == [result.log_e for result in results]


def test_regression_needs_a_scale() -> None:
    """Without one three checks say that they are not to be had, and the other two share alpha; with one they see."""
    counts = {name: count for name, count in HONEST.items() if not name.startswith(("pairs.more", "pairs.fewer"))}
    shifted = {**counts, "pairs.disagree": 0, "pairs.shift.p2": 20, "risk.p20": 0, "risk.m20": 0, "risk.p2": 20}
    without = _after(shifted, task="regression")
    told = {result.check for result in without.results() if result.available}
    assert {"disagreement", "outputs", "risk"} == told
    assert set() == _alarms(without)
    assert without.thresholds["errors"] == pytest.approx(math.log(200))
    assert {"outputs", "risk"} == _alarms(_after(shifted, task="regression", scale=10.0))
    down = {name.replace("shift.p", "shift.m"): count for name, count in shifted.items()} | {"risk.p2": 0}
    assert {"outputs"} == _alarms(_after(down, task="regression", scale=10.0))


@pytest.mark.parametrize("sign", [1, -1])
def test_latency_within_the_tolerance_is_no_alarm(sign: int) -> None:
    """All of the candidate's batches two buckets, 10 %, later than live's: two processes may differ so. Three show."""
    for buckets, expected in ((2, set[str]()), (3, {"latency"} if sign > 0 else set())):
        moved = {f"candidate.slow.{place + sign * buckets:03d}": 10 for place in (100, 110)}
        assert expected == _alarms(_after({**HONEST, "candidate.slow.100": 0, "candidate.slow.110": 0, **moved}))


def test_one_slow_spell_is_no_alarm() -> None:
    """A hundred slow batches in one second are one witness, and so they are in many records of that second."""
    slow = {"candidate.slow.200": 10, "live.slow.100": 10}
    found = Observed(LadderPolicy(sticky="request"), "binary")
    for second in range(30):
        found.add(observed({"candidate.slow.100": 10, "live.slow.100": 10}, time=1000 * second))
    for _ in range(40):
        found.add(observed(slow, time=30_000))
    assert set() == _alarms(found)
    assert _latency(found) < math.log(2)


def test_slow_for_a_dozen_seconds_is_one() -> None:
    """Each second doubles what was won, at most: nine are too few, fifteen are enough, whatever a liar's clock says."""
    slow = {"candidate.slow.200": 10, "live.slow.100": 10}

    def after(seconds: int, liar: int) -> Observed:
        found = Observed(LadderPolicy(sticky="request"), "binary")
        found.add(observed({"live.slow.100": 40}, time=0))
        found.add(observed({"live.slow.100": 10, "candidate.slow.100": 10}, time=liar))
        for second in range(seconds):
            found.add(observed(slow, time=1000 * second + 1000))
        return found

    assert set() == _alarms(after(9, 0))
    for liar in (0, 2**50):
        assert {"latency"} == _alarms(after(15, liar))


def _latency(found: Observed) -> float:
    return next(result.log_e for result in found.results() if result.check == "latency")


def test_what_cannot_be_true_counts_for_nothing() -> None:
    """A record with more errors than requests is refused whole and told; the honest ones beside it count."""
    found = _after(HONEST)
    before = found.results()
    found.add(observed({"candidate.requests": 10, "candidate.errors": 11, "pairs.rows": 500, "pairs.disagree": 500}))
    found.add(observed({"nonsense": 1}, seq=7))
    assert before == found.results()
    (reason,) = found.reasons()
    assert (reason.finding, reason.level) == ("LG550", Level.WARN)
    assert reason.message.startswith("2 records of what gateways observed say what cannot be true")
    expected = [f"{'a' * 16}/0: candidate.errors is more than candidate.requests"]
    assert [*expected, f"{'a' * 16}/7: a name that nothing is counted under"] == reason.seen["first"]
    assert _after(HONEST).reasons() == ()


def _replayed(gateway: str, **other: object) -> object:
    counts = {"replay.rows": 300, "pairs.rows": 300, "risk.rows": 200, "pairs.failed": 3, "pairs.requests": 3}
    return observed(counts, **{"gateway": gateway * 16, "rung": "shadow", **other})


@pytest.mark.parametrize(
    ("replay", "rung", "expected"), [(True, "shadow", (300, 200)), (False, "shadow", (0, 0)), (True, "canary", (0, 0))]
)
def test_replay_counts_where_the_policy_lets_it(replay: bool, rung: str, expected: tuple[int, int]) -> None:
    """On a rung without traffic, under a policy that says so: pairs and labels of it, and nothing else."""
    rungs = (Rung("shadow", 0.0), Rung("canary", 0.1))
    found = Observed(LadderPolicy(rungs, replay=replay), "binary")
    found.add(_replayed("b", rung=rung))  # type: ignore[arg-type]
    assert expected == found.rung(5)
    assert found.results()[0].rows == 0


def test_only_one_replay_counts() -> None:
    """The first; whoever replays until the numbers please adds nothing."""
    found = Observed(LadderPolicy((Rung("shadow", 0.0),), replay=True), "binary")
    for gateway in ("b", "c", "b"):
        found.add(_replayed(gateway))  # type: ignore[arg-type]
    assert found.rung(5) == (600, 400)


def test_rows_of_two_rungs_are_in_no_block() -> None:
    """Five batches of an arm make a block on one rung; three on each of two rungs are pending for ever."""
    counts = {"candidate.slow.200": 3, "live.slow.100": 3}
    apart, together = (Observed(LadderPolicy(sticky="request"), "binary") for _ in range(2))
    for found in (apart, together):
        found.add(observed({"live.slow.100": 40}, time=0))
    for step in (5, 6):
        apart.add(observed(counts, step=step, time=1000 * step))
        together.add(observed(counts, time=1000 * step))
    assert _latency(apart) == pytest.approx(0.0)
    assert _latency(together) > 0.3


def test_clients_that_stick_to_one_arm_stop_nobody() -> None:
    """One arm's clients fail ten times as often and ask what is hard: both models are asked the same, so it is no
    matter. What either arm counted by itself is shown and decides nothing.
    """
    alone = {"candidate.errors": 10, "live.errors": 1, "candidate.wrong": 19, "live.wrong": 1}
    found = _after({**HONEST, **alone}, sticky="client", rungs=(Rung("canary", 0.25),))
    assert set() == _alarms(found)
    errors, *_, risk = (result.seen for result in found.results())
    assert (errors["candidate"], errors["live"]) == (0.5, 0.05)
    assert (risk["candidate"], risk["live"]) == (0.95, 0.05)


@pytest.mark.parametrize(
    ("sticky", "shares", "rung", "expected"),
    [
        ("request", (0.0, 0.25), "canary", "nothing seen"),
        ("request", (0.25,), "canary", "not available"),
        ("client", (0.0, 0.25), "shadow", "alarm"),
        ("client", (0.0, 0.25), "canary", "nothing seen"),
        ("key", (0.25,), "canary", "not available"),
    ],
)
def test_latency_compares_the_same_people(sticky: str, shares: tuple[float, ...], rung: str, expected: str) -> None:
    """On a rung with traffic the candidate's batches are others, and its caches colder: it counts on others only.

    Where there is none, the check says that it cannot be made, and its part of alpha is the others'.
    """
    rungs = tuple(Rung("canary" if share else "shadow", share) for share in shares)
    found = Observed(LadderPolicy(rungs, sticky=sticky), "binary")  # type: ignore[arg-type]
    for second in range(40):
        found.add(observed({"candidate.slow.200": 10, "live.slow.100": 10}, rung=rung, time=1000 * second))
    result = next(one for one in found.results() if one.check == "latency")
    told = "alarm" if result.alarm else "not available" if result.available else "nothing seen"
    assert expected == told
    shared = math.log(300) if expected == "not available" else math.log(400)
    assert found.thresholds["errors"] == pytest.approx(shared)


def test_few_large_requests_are_few_rows() -> None:
    """Twenty rows of a request count, in whichever record it falls; a replay's rows all do."""
    found = Observed(LadderPolicy((Rung("shadow", 0.0),), replay=True), "binary")
    found.add(observed({"pairs.rows": 100}, rung="shadow"))
    assert found.rung(5) == (0, 0)
    found.add(observed({"pairs.requests": 2}, rung="shadow"))
    assert found.rung(5) == (40, 0)
    found.add(observed({"candidate.rows": 7, "candidate.requests": 7}, rung="shadow"))
    assert found.rung(5) == (107, 0)
    found.add(_replayed("b"))  # type: ignore[arg-type]
    assert found.rung(5) == (407, 200)


def test_same_records_give_the_same() -> None:
    """Whoever counts again finds each number."""
    assert _after(HONEST).results() == _after(HONEST).results()


def _stopped(alarm: Callable[[Result, int, int], bool], ladders: int, share: float, worse: float) -> int:
    """Of so many ladders of 25 records with 20 pairs, looked at after each."""
    chance = random.Random(20261126)
    stopped = 0
    for _ in range(ladders):
        found = Observed(LadderPolicy(checks=("errors",), false_stops=0.2), "binary")
        bad = [0, 0]
        for _ in range(25):
            failing = [[chance.random() < each for each in (worse, share)] for _ in range(20)]
            fresh = [failing.count([True, False]), failing.count([False, True])]
            bad = [one + more for one, more in zip(bad, fresh, strict=True)]
            named = {"pairs.requests": 20, "pairs.failed": fresh[0], "pairs.saved": fresh[1]}
            found.add(observed({name: count for name, count in named.items() if count}))
            if alarm(found.results()[0], *bad):
                stopped += 1
                break
    return stopped


def test_looking_after_each_record_is_harmless() -> None:
    """At most 20 % of equal candidates are stopped, however often one looks; a z-test at 20 % stops twice as many."""

    def naive(result: Result, candidate: int, live: int) -> bool:
        assert result.rows > 0
        return candidate - live > 0.8416 * math.sqrt(candidate + live)

    assert _stopped(lambda result, _candidate, _live: result.alarm, 60, 0.1, 0.1) <= 12
    assert _stopped(naive, 60, 0.1, 0.1) > 24
    assert _stopped(lambda result, _candidate, _live: result.alarm, 10, 0.1, 0.3) == 10
