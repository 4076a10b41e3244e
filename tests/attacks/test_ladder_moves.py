"""The ladder in the log, downwards and sideways: where the guard may put a model, what no move may say.

Each refusal stands beside the same move as it is honest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lockgate.audit.admission import check_admissible, check_fresh
from lockgate.audit.deployments import goes_down
from lockgate.core.statement import Subject
from lockgate.errors import LockgateError, Refused
from tests.support.evidence import with_predicate
from tests.support.ladder import ENOUGH, SHARES, Ladder


def test_the_guard_takes_a_model_off_and_puts_it_lower() -> None:
    """Down needs nobody: to a rung that it had on this ladder, and off."""
    log = Ladder()
    shadow = log.under
    log.put("canary")
    log.deploy(log.two, role="guard", move="down", rung="shadow", share=0.0, summary=shadow)
    assert (log.finding(), log.stands()) == ("", (2, "shadow"))
    log.withdraw(checks=ENOUGH)
    assert (log.finding(), log.load().candidate, log.load().live.version) == ("", None, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"rung": "canary", "share": 0.05},
        {"rung": "shadow", "share": 0.01},
        {"rung": "quarter", "share": 0.0},
        {"rung": "shadow", "share": 0.0, "summary": None},
    ],
    ids=["never stood there", "a share of its own", "another name", "another summary"],
)
def test_the_guard_puts_a_model_nowhere_new(changes: dict[str, Any]) -> None:
    """Version 2 went straight from shadow to quarter: nothing between, no other share, no other summary."""
    log = Ladder()
    shadow = log.under
    log.put("quarter")
    if "summary" in changes:
        changes = {**changes, "summary": log.under}
    log.deploy(log.two, **{"role": "guard", "move": "down", "summary": shadow, **changes})
    assert log.finding() == "LG522"


def test_a_rung_of_an_earlier_ladder_does_not_count() -> None:
    """It stood on canary before it was taken off: this time it came by quarter, so canary is new."""
    log = Ladder()
    log.put("canary")
    canary = log.under
    log.withdraw()
    log.put("quarter")
    log.deploy(log.two, role="guard", move="down", rung="canary", share=0.05, summary=canary)
    assert log.finding() == "LG522"


def test_the_guard_withdraws_under_the_summary_that_is_live() -> None:
    """Version 1 was deployed anew: taking version 2 off brings the older summary back to nobody."""
    log = Ladder(candidate=False)
    newer = log.summary(log.one)
    log.deploy(log.one, summary=newer)
    log.put("shadow")
    log.withdraw()
    assert log.finding() == "LG522"
    log.evidences.pop()
    log.withdraw(summary=newer)
    assert log.finding() == ""


def test_a_withdrawal_brings_no_revoked_move_back() -> None:
    """The move that made version 1 live is revoked: the guard's own, under the same summary, is not loaded either."""
    log = Ladder()
    log.revoke(log.moves[0].digest)
    assert log.finding() == "LG514"
    log.withdraw()
    assert log.finding() == "LG514"


def _no_live(log: Ladder) -> None:
    log.evidences[:] = [one for one in log.evidences if one.claim != "deploy"]
    log.put("shadow")


def _beside_itself(log: Ladder) -> None:
    log.put("canary", log.one)


def _share_of_live(log: Ladder) -> None:
    log.put("live", share=0.5)


def _all_on_a_rung(log: Ladder) -> None:
    log.put("canary", share=1.0)


def _no_number(log: Ladder) -> None:
    moved = log.put("canary")
    log.evidences[:] = log.changed(moved, with_predicate(share=float("nan")))


def _true(log: Ladder) -> None:
    log.put("canary", share=True)


def _true_on_live(log: Ladder) -> None:
    log.put("live", share=True)


def _above(log: Ladder) -> None:
    log.put("canary", share=1.5)


def _name(log: Ladder) -> None:
    log.put("canary", rung="Canary 2")


def _down_that_is_up(log: Ladder) -> None:
    log.put("canary", move="down")


def _down_in_place(log: Ladder) -> None:
    log.put("shadow", move="down")


def _an_authorisation_to_show(log: Ladder) -> None:
    log.put("canary", authorisation=log.allow().digest)


def _checks_that_are_none(log: Ladder) -> None:
    log.put("canary", checks=[1])


_WORDS = [
    _no_live,
    _beside_itself,
    _share_of_live,
    _all_on_a_rung,
    _no_number,
    _true,
    _true_on_live,
    _above,
    _name,
    _down_that_is_up,
    _down_in_place,
    _an_authorisation_to_show,
    _checks_that_are_none,
]


@pytest.mark.parametrize("lie", _WORDS, ids=lambda lie: lie.__name__[1:])
def test_no_move_says_what_is_not(lie: Callable[[Ladder], None]) -> None:
    """By the deployer's own key: a share, a rung, a direction, a place that there is not. LG526, for every reader."""
    log = Ladder()
    lie(log)
    assert log.finding() == "LG526"


@pytest.mark.parametrize("rung", ["canary", "quarter", "live"])
def test_a_deployer_moves_to_any_rung(rung: str) -> None:
    """The positive control of both: the same moves as they are honest."""
    log = Ladder()
    log.put(rung)
    assert (log.finding(), log.stands()) == ("", (2, rung))


@pytest.mark.parametrize(("rung", "share"), [("canary", 0.1), ("first", 0.05)])
def test_a_rung_that_the_policy_does_not_declare_takes_the_candidate_away(rung: str, share: float) -> None:
    """LG547, and what is live is loaded as before."""
    log = Ladder()
    log.put("canary", rung=rung, share=share)
    assert (log.finding(), log.load().candidate, log.load().live.version) == ("LG547", None, 1)


def test_a_rung_never_raises_the_floor() -> None:
    """What is live could not come back to itself: LG515. With the move to live it rises."""
    log = Ladder()
    log.put("canary", floor=2)
    assert log.finding() == "LG515"
    log.evidences.pop()
    log.put("live", floor=2)
    assert (log.finding(), log.load().previous) == ("", None)


def test_a_deployer_climbs_under_a_new_summary_each_time() -> None:
    """The one of the rung below is refused (LG523): with it a model could outlive its policy on the way up."""
    log = Ladder()
    log.put("canary", summary=log.under)
    assert log.finding() == "LG523"


def test_an_old_move_comes_back_nowhere() -> None:
    """The candidate's first move again, after the withdrawal: sequence and predecessor are spent."""
    log = Ladder()
    old = log.moves[-1]
    log.withdraw()
    log.add(old.statement)
    assert log.finding() == "LG521"


def test_a_fork_on_the_ladder_is_refused() -> None:
    """Guard and deployer both follow the same move: whoever is sealed second is out of order."""
    log = Ladder()
    word, before = log.allow(), log.moves[-1]
    log.climb("canary", word)
    log.put("quarter", sequence=before.predicate["sequence"] + 1, predecessor=before.digest)
    assert log.finding() == "LG521"


def test_an_authorisation_is_read_strictly() -> None:
    """Rungs that do not rise, do not end at live, or are none; another subject. LG526; the honest one passes."""
    log = Ladder()
    word = log.allow()
    check_admissible(word, log.evidences[:-1])
    first, last = {"name": "a", "share": 0.1}, {"name": "live", "share": 1.0}
    falling = [{"name": "b", "share": 0.2}, first, last]
    for rungs in ([], "all", [first], [{**last, "share": 0.5}], falling, [{**first, "more": 1}, last]):
        bad = with_predicate(rungs=rungs)(word)
        with pytest.raises(Refused) as no:
            check_admissible(bad, log.evidences[:-1])
        assert (no.value.finding, no.value.seen["because"]) == ("LG864", "LG526")


def test_what_is_wrong_with_a_candidate_leaves_live_alone() -> None:
    """Revoked, its summary revoked, its climb's statement revoked: it is not loaded, version 1 is."""
    for target in (lambda log: log.two.statement.subjects[0].digest, lambda log: log.under.digest, _last_move):
        log = Ladder()
        log.climb("canary", log.allow())
        assert log.load().candidate is not None
        log.revoke(target(log))
        assert (log.finding(), log.load().candidate, log.load().live.version) == ("LG514", None, 1)


def _last_move(log: Ladder) -> Any:
    return log.moves[-1].digest


def test_an_authorisation_that_is_revoked_later_undoes_no_move() -> None:
    """It ends what may come; what was moved on it stands until somebody moves it."""
    log = Ladder()
    word = log.allow()
    log.climb("canary", word)
    log.revoke(word.digest)
    assert (log.finding(), log.stands()) == ("", (2, "canary"))
    log.climb("quarter", word)
    assert log.finding() == "LG522"


class _Expired:
    def check_fresh(self, _: object) -> None:
        raise Refused("LG824", "the roles file has expired")


def test_an_expired_roles_file_lets_a_withdrawal_through_and_no_climb() -> None:
    """What takes traffic away passes; what says that it does, and what adds, does not."""
    log = Ladder()
    log.put("canary")
    shadow = log.moves[-2].predicate["vsa"]
    lower = log.deploy(log.two, role="guard", move="down", rung="shadow", share=0.0, vsa=shadow)
    log.evidences.pop()
    off = log.withdraw()
    log.evidences.pop()
    up = log.put("quarter")
    log.evidences.pop()
    lie = with_predicate(move="down")(up)
    for one, passes in ((lower, True), (off, True), (up, False), (lie, False), (log.allow(), False)):
        assert goes_down(one, log.evidences) is passes
        if passes:
            check_fresh(one, _Expired(), log.now, log.evidences)  # type: ignore[arg-type]
        else:
            with pytest.raises(Refused) as no:
                check_fresh(one, _Expired(), log.now, log.evidences)  # type: ignore[arg-type]
            assert no.value.finding == "LG824"


def test_a_candidate_that_would_not_load_is_not_sealed() -> None:
    """From elsewhere: a revoked model, a rung that the policy does not know. The honest move is sealed."""
    log = Ladder(candidate=False)
    check_admissible(log.put("shadow"), log.evidences[:-1])
    log.evidences.pop()
    moved = log.put("canary", rung="first")
    with pytest.raises(Refused) as no:
        check_admissible(moved, log.evidences[:-1])
    assert (no.value.finding, no.value.seen["because"]) == ("LG864", "LG547")
    log.evidences.pop()
    log.revoke(log.two.statement.subjects[0].digest)
    moved = log.put("shadow")
    with pytest.raises(Refused) as revoked:
        check_admissible(moved, log.evidences[:-1])
    assert revoked.value.seen["because"] == "LG514"


def test_old_statements_are_read_as_before() -> None:
    """Of before the ladder: no checks, no authorisation. The same chain loads, and goes down by the guard's key."""
    log = Ladder(candidate=False)
    log.deploy(log.two)
    log.deploy(log.one, role="guard", move="down", summary=log.first)
    assert not {"checks", "authorisation"} & set(log.moves[-1].predicate)
    assert (log.finding(), log.stands()) == ("", (1, "live"))


def test_nobody_names_a_candidate_by_another_name() -> None:
    """An authorisation that calls version 3 version 2 deceives whoever reads it: LG526 before it is sealed."""
    log = Ladder()
    word = log.allow(log.three, version=2)
    with pytest.raises(LockgateError) as no:
        check_admissible(word, log.evidences[:-1])
    assert no.value.seen["because"] == "LG526"
    assert Subject("flights@3", log.three.statement.subjects[0].digest) in word.statement.subjects
    assert SHARES["live"] == 1.0
