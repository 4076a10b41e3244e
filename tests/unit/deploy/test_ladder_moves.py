"""The ladder by hand and by the guard, on a signed project: first live, then rung by rung, and off again."""

from __future__ import annotations

from lockgate.audit.load import LoadStanding
from lockgate.deploy.revoking import revoke
from lockgate.deploy.rollback import rollback
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec, Facts
from lockgate.errors import Refused, Usage
from lockgate.store.lock import lock
from tests.support.laddering import Here, facts_of, guard, loaded, move, refused, rules_of, seen, standing_in, stands
from tests.support.project import SignedProject


def test_the_first_goes_live_and_the_second_on_its_first_rung(here: Here) -> None:
    """The first has nothing to be compared with, and it is said; a rung for it is a usage error."""
    assert stands(here) == (1, "")
    moved = move(here)
    assert (moved.deployment.rung, moved.deployment.share, moved.deployment.move) == ("shadow", 0.0, "up")
    assert stands(here) == (1, "shadow")
    assert "checks" not in moved.deployment.evidence.predicate


def test_that_the_first_has_nothing_to_be_compared_with_is_said(shared: tuple[SignedProject, list[str]]) -> None:
    """In words, to whoever deploys it; and no rung can be asked for."""
    here = Here(shared[0], shared[1].pop())
    no = refused(lambda: move(here, "shadow", ref="flights@1"))
    assert (no.finding, type(no)) == ("LG510", Usage)
    done = move(here, ref="flights@1")
    assert (done.deployment.rung, "nothing to compare it with; it goes live by approval" in done.why) == ("live", True)


def test_a_rung_that_has_not_seen_enough_holds(here: Here) -> None:
    """How much, how long at this rate, and the command that moves it all the same; then nothing was signed."""
    move(here)
    size = len(here.statements)
    no = refused(lambda: move(here, facts=facts_of(412)))
    assert (no.finding, "412 of 2,000 rows, at this rate 31 days" in no.message) == ("LG543", True)
    assert no.next == f"lockgate deploy flights@2 --env {here.environment} --to canary --reason ..."
    assert "0 of 2,000 rows" in refused(lambda: move(here)).message
    assert refused(lambda: move(here, "canary", facts_of(1999))).finding == "LG543"
    assert refused(lambda: move(here, reason="soon", facts=facts_of(1999))).finding == "LG543"
    assert len(here.statements) == size


def test_a_person_moves_it_before_its_time_with_a_reason(here: Here) -> None:
    """The reason, the numbers and what was lacking stand in the statement, or are said."""
    move(here)
    done = move(here, "canary", facts_of(412), reason="a holiday, nobody flies")
    said = done.deployment.evidence.predicate
    assert (said["reason"], said["checks"]["rows"]) == ("a holiday, nobody flies", 412)
    assert "412 of 2,000 rows" in done.why
    assert stands(here) == (1, "canary")


def test_with_its_evidence_it_climbs_to_live_each_time_under_a_new_summary(here: Here) -> None:
    """One `deploy` a rung; the policy is asked each time, and the numbers are told."""
    move(here)
    for rung in ("canary", "quarter", "live"):
        assert move(here, facts=facts_of()).deployment.rung == rung
    said = [one.predicate for one in here.moves]
    assert len({one["vsa"] for one in said}) == len(said) == 5
    assert [one["checks"]["rows"] for one in said[2:]] == [2000, 2000, 2000]
    assert stands(here) == (2, "")
    assert move(here, facts=facts_of()).cached


def test_an_alarm_is_overruled_by_name_and_reason_only(here: Here) -> None:
    """LG544, also with enough rows; with a reason it is moved, and it is said."""
    move(here)
    assert refused(lambda: move(here, facts=facts_of(alarm=True))).finding == "LG544"
    assert refused(lambda: move(here, "canary", facts_of(alarm=True))).finding == "LG544"
    done = move(here, "canary", facts_of(alarm=True), reason="the other one is worse")
    assert "although errors alarms" in done.why


def test_rungs_are_left_out_with_a_reason_only(here: Here) -> None:
    """At the start and on the way; one that there is not is a usage error."""
    assert refused(lambda: move(here, "canary")).finding == "LG543"
    assert refused(lambda: move(here, "live")).finding == "LG543"
    assert refused(lambda: move(here, "half")).finding == "LG510"
    move(here, "canary", reason="known from elsewhere")
    assert refused(lambda: move(here, "live", facts_of())).finding == "LG543"
    move(here, "live", facts_of(), reason="the old one is wrong")
    assert stands(here) == (2, "")


def test_down_a_rung_needs_no_reason(here: Here) -> None:
    """It is a move down, told as one."""
    move(here, "quarter", reason="try")
    assert move(here, "shadow").deployment.move == "down"
    assert stands(here) == (1, "shadow")


def test_where_it_stands_it_is_not_moved_again(own: Here) -> None:
    """The same rung, and live beside it: nothing is signed. A newer policy brings it under that one."""
    move(own)
    size = len(own.statements)
    assert move(own, "shadow").cached
    assert move(own, stay=True).cached
    assert len(own.statements) == size
    own.renew(rules_of(2, "dev", **{"2000": "20"}))
    assert not move(own, "shadow").cached
    assert loaded(own).candidate.policy.ladder.rung("shadow").rows == 20  # type: ignore[union-attr]


def test_one_model_at_a_time(here: Here) -> None:
    """Another one, or what is live anew, takes it off: with --replace only. What is live stands, and is confirmed."""
    move(here)
    no = refused(lambda: move(here, ref="flights@3"))
    assert (no.finding, no.next) == ("LG546", f"lockgate deploy flights@3 --env {here.environment} --replace")
    assert refused(lambda: move(here, ref="flights@1", raise_floor=True)).finding == "LG546"
    assert stands(here) == (1, "shadow")
    move(here, ref="flights@3", replace=True)
    assert loaded(here).candidate.version == 3  # type: ignore[union-attr]


def test_rollback_takes_it_off_and_leaves_live_alone(here: Here) -> None:
    """With the numbers of then; once more, and it is a rollback as ever."""
    move(here, "canary", reason="try")
    done = rollback(here.workplace(), here.environment, reason="slow", look=seen(facts_of(77, alarm=True)))
    said = here.moves[-1].predicate
    assert (done.withdrawn, said["move"], said["rung"], said["version"]) == ("flights@2", "down", "live", 1)
    assert (said["checks"]["rows"], said["reason"]) == (77, "slow")
    assert stands(here) == (1, "")
    assert refused(lambda: rollback(here.workplace(), here.environment)).finding == "LG531"


def test_no_log_of_predictions_keeps_a_model_on(here: Here) -> None:
    """It cannot be read: the model is taken off all the same, without numbers."""

    def broken(_: LoadStanding) -> Facts | None:
        raise Refused("LG701", "broken")

    move(here)
    rollback(here.workplace(), here.environment, look=broken)
    assert stands(here) == (1, "")
    assert "checks" not in here.moves[-1].predicate


def test_nobody_waits_while_the_log_of_predictions_is_read(here: Here) -> None:
    """It may be long: the turn is free meanwhile, so that an alarm's withdrawal is signed at once."""
    turns: list[bool] = []

    def reads(_: LoadStanding) -> Facts | None:
        with lock(here.project.home / "state" / "locks" / "deploy", wait=False):
            turns.append(True)
        return facts_of()

    move(here)
    deploy(here.workplace(), DeploySpec("flights@2", here.environment), reads)
    rollback(here.workplace(), here.environment, look=reads)
    assert turns == [True, True]
    assert [one.predicate["checks"]["rows"] for one in here.moves[-2:]] == [2000, 2000]


def test_a_move_in_between_is_looked_at_anew(here: Here) -> None:
    """The guard takes it off while the log is read: nothing is moved on what was read for another standing."""
    move(here)

    def slow(_: LoadStanding) -> Facts | None:
        if standing_in(here).candidate is not None:
            guard(here, "live", move="down")
        return facts_of()

    done = deploy(here.workplace(), DeploySpec("flights@2", here.environment), slow)
    assert (done.deployment.rung, "checks" in done.deployment.evidence.predicate) == ("shadow", False)


def test_rollback_to_a_named_model_takes_the_candidate_off_too(here: Here) -> None:
    """Version 2 is live, 3 on the ladder; back to 1."""
    move(here, "live", reason="now")
    move(here, ref="flights@3")
    done = rollback(here.workplace(), here.environment, "flights@1")
    assert (done.withdrawn, stands(here)) == ("flights@3", (1, ""))


def test_a_floor_rises_with_live_only(here: Here) -> None:
    """LG549 from a rung, or nothing could be taken off; the same to live."""
    no = refused(lambda: move(here, raise_floor=True))
    assert (no.finding, type(no)) == ("LG549", Usage)
    move(here, "live", reason="now", raise_floor=True)
    assert stands(here) == (2, "")


def test_a_revoked_candidate_is_not_loaded_and_cannot_be_moved(own: Here) -> None:
    """The revocation says where it was; what is live answers on; the ladder is freed by a rollback."""
    move(own)
    done = revoke(own.workplace(), "flights@2", "wrong")
    assert [(hit.ref, hit.live_in, hit.on_ladder_in) for hit in done.hits] == [("flights@2", (), ("dev (shadow)",))]
    found = loaded(own)
    assert (found.live.version, found.candidate, found.problem and found.problem.finding) == (1, None, "LG514")
    assert refused(lambda: move(own, "canary", reason="all the same")).finding == "LG514"
    rollback(own.workplace(), own.environment)
    assert loaded(own).problem is None


def test_a_move_that_is_revoked_stops_the_candidate_only(here: Here) -> None:
    """And is told as such."""
    moved = move(here)
    done = revoke(here.workplace(), str(moved.deployment.evidence.index), "too early")
    assert done.stopped == (f"flights@2 in {here.environment} (shadow)",)
    assert stands(here) == (1, "")


def test_where_live_must_not_be_used_the_next_one_goes_live(own: Here) -> None:
    """There is nothing to compare with, and nothing that answers."""
    revoke(own.workplace(), "flights@1", "stolen")
    done = move(own)
    assert (done.deployment.rung, "must not be used any more" in done.why) == ("live", True)
    assert stands(own) == (2, "")
