"""Threat: a status is made better than it is, by who holds a judge's key, or by words that were true elsewhere.

Each lie beside the honest case. What nobody can tell: a thief of the judge's key who signs, for this very program and
policy, that drills were stopped which he never played (ADR 79); he makes no control hold by it, and no statement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement
from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.words import waive
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.threats.facts import Facts
from lockgate.trust import pin
from lockgate.trust.authority import of_project
from tests.attacks.test_role_matrix import by_hand
from tests.support.project import SignedProject, fork, register_here, signed_project
from tests.support.threats import CONFIG, facts_of, outcome, said, threat

DRILL, THREAT = "dependency-confusion", "LT07"


@dataclass(frozen=True)
class House:
    """A project with a model that is live in dev, in which nothing was drilled yet."""

    signed: SignedProject

    def state(self, drill: str = DRILL, id_: str = THREAT, facts: Facts | None = None) -> str:
        """How a drill stands."""
        found = threat(id_, facts or facts_of(self.signed))
        return next(one.state for one in found.drills if one.id == drill)

    def drilled(self, *outcomes: Any, **changes: Any) -> None:
        """A judge signs it, and the log takes it."""
        self.signed.record("judge", said(self.signed, *outcomes, **changes))

    def refused(self, statement: Statement, role: str = "judge") -> str:
        """How the log refuses a statement that somebody signed by hand; it does not grow."""
        size = self.signed.ledger.checkpoint.size
        here = of_project(statement, self.signed.created.project_id)
        with pytest.raises(LockgateError) as caught:
            self.signed.ledger.append(by_hand(here, self.signed.keyring.signer(role)))
        assert self.signed.open_ledger().checkpoint.size == size
        return caught.value.finding


@pytest.fixture(scope="module", name="first")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedProject]:
    with pytest.MonkeyPatch.context() as patch:
        signed = signed_project(tmp_path_factory.mktemp("lies"), patch)
        (signed.root / "lockgate.toml").write_text(CONFIG)
        pin.pin(signed.created.project_id, signed.root, signed.clock())
        signed.candidate()
        register_here(signed, patch)
        deploy(signed.workplace("dev"), DeploySpec("flights@1", "dev", reason="the first"))
        yield signed


@pytest.fixture(name="house")
def _house(first: SignedProject, tmp_path: Path) -> House:
    return House(fork(first, tmp_path))


def test_an_honest_result_counts(house: House) -> None:
    """Never played; then stopped, in part, not stopped: what was said last, with its log entry."""
    assert house.state() == "unproven"
    for stopped, state in ((True, "proved"), ("part", "proved"), (False, "broken"), (True, "proved")):
        house.drilled(outcome(DRILL, stopped))
        assert house.state() == state
    found = threat(THREAT, facts_of(house.signed)).drills[0]
    assert found.index == house.signed.ledger.checkpoint.size - 1


def test_a_result_is_for_the_drill_that_it_names(house: House) -> None:
    """That one was stopped says nothing of another, nor does a verdict without results; an unknown id is nobody's."""
    before = facts_of(house.signed)
    house.drilled(outcome("no-such-drill"), outcome("changed-wheel", threat=THREAT, control="one-index"))
    house.drilled()
    after = facts_of(house.signed)
    assert house.state() == "unproven"
    assert threat(THREAT, after).status == threat(THREAT, before).status == "UNPROVEN"
    assert house.state("changed-wheel", "LT06") == "unproven"
    house.drilled(outcome("changed-wheel"))
    assert house.state("changed-wheel", "LT06") == "proved"


def test_a_result_of_another_program_or_policy(house: House) -> None:
    """Stale, however young: another digest of the program's files, another policy in force since."""
    house.drilled(outcome(DRILL))
    assert house.state(facts=facts_of(house.signed, program=digest_of(b"the next version"))) == "stale"
    old = house.signed.policy
    text = old.text.replace("version = 1", "version = 2")
    house.signed.record("policy", replace(old, version=2).from_text(text).statement(house.signed.clock()))
    assert house.state() == "stale"
    house.drilled(outcome(DRILL))
    assert house.state() == "proved"


def test_a_result_grows_old(house: House) -> None:
    """After thirty days nothing is held by it."""
    house.drilled(outcome(DRILL))
    house.signed.clock.now += timedelta(days=29)
    assert house.state() == "proved"
    house.signed.clock.now += timedelta(days=2)
    assert house.state() == "stale"


def test_what_contradicts_itself_is_not_sealed(house: House) -> None:
    """Signed with a judge's key by hand, it would stop every reader: the log does not take it (LG864)."""
    statement = said(house.signed, outcome(DRILL, stopped=False))
    lies: list[dict[str, Any]] = [
        {"time": rfc3339(house.signed.clock() + timedelta(days=20))},
        {"result": "PASSED"},
        {"log": {"size": 10**6, "root": "00" * 32}},
        {"inapplicable": {DRILL: "no label"}},
        {"trust": "me"},
    ]
    for changes in lies:
        assert house.refused(replace(statement, predicate={**statement.predicate, **changes})) == "LG864", changes
    assert house.state() == "unproven"
    house.signed.record("judge", statement)
    assert house.state() == "broken"


def test_only_a_judge_says_it(house: House) -> None:
    """No other role's key, and not about another project's log."""
    statement = said(house.signed, outcome(DRILL))
    for role in ("trainer", "signer", "approver", "deployer", "guard", "policy"):
        assert house.refused(statement, role) == "LG817"
    elsewhere = replace(statement, predicate={**statement.predicate, "project": "0" * 64})
    with pytest.raises(VerificationFailed) as caught:
        house.signed.ledger.append(by_hand(elsewhere, house.signed.keyring.signer("judge")))
    assert caught.value.finding == "LG844"
    assert house.state() == "unproven"


def test_the_same_words_again_are_no_new_result(house: House) -> None:
    """A statement that was true once cannot be sealed again after the attack got through."""
    statement = said(house.signed, outcome(DRILL))
    house.signed.record("judge", statement)
    house.drilled(outcome(DRILL, stopped=False))
    with pytest.raises(Refused) as caught:
        house.signed.record("judge", statement)
    assert (caught.value.finding, house.state()) == ("LG753", "broken")


def test_words_kept_back_do_not_outrun_later_ones(house: House) -> None:
    """A result that was signed before a failure, and sealed after it, is the older one."""
    kept = said(house.signed, outcome(DRILL))
    house.drilled(outcome(DRILL, stopped=False))
    house.signed.record("judge", kept)
    assert house.state() == "broken"


def test_a_revoked_result_is_none(house: House) -> None:
    """It takes no failure with it that was there before."""
    house.drilled(outcome(DRILL, stopped=False))
    house.drilled(outcome(DRILL))
    newest = house.signed.ledger.statements("drill")[-1]
    revoke(house.signed.workplace(), newest.digest, "that machine was not ours")
    assert house.state() == "broken"


def test_a_revoked_failure_leaves_no_older_success(house: House) -> None:
    """Whoever takes a failure back has shown nothing: UNPROVEN until the drill is played again."""
    house.drilled(outcome(DRILL))
    house.drilled(outcome(DRILL, stopped=False))
    newest = house.signed.ledger.statements("drill")[-1]
    assert house.state() == "broken"
    revoke(house.signed.workplace(), newest.digest, "that machine was not ours")
    assert house.state() == "unproven"
    house.drilled(outcome(DRILL))
    assert house.state() == "proved"


def test_a_judge_whose_key_is_revoked(house: House) -> None:
    """Nothing that it ever signed counts, and the log takes no more of it (LG814); what failed before it still does."""
    house.drilled(outcome(DRILL))
    statement = said(house.signed, outcome(DRILL))
    before, keyid = house.signed.ledger.roles, house.signed.keyring.signer("judge").keyid
    gone = replace(before, version=before.version + 1, revoked={keyid: "stolen"}, time=house.signed.clock())
    assert house.state() == "proved"
    house.signed.record("root", gone.statement())
    assert house.state() == "unproven"
    assert house.refused(statement) == "LG814"


def test_a_failure_stays_until_the_same_rules_stop_it(house: House) -> None:
    """Not by the rules of another environment, nor on fewer rows, nor by saying that it cannot be played."""

    def states() -> tuple[str, str]:
        return house.state(facts=facts_of(house.signed)), house.state(facts=facts_of(house.signed, "prod"))

    house.drilled(outcome(DRILL), environment="prod")
    assert states() == ("proved", "proved")
    house.drilled(outcome(DRILL, stopped=False), environment="prod")
    house.drilled(outcome(DRILL), environment="dev")
    house.drilled(outcome(DRILL), environment="prod", rows=300)
    house.drilled(environment="prod", inapplicable={DRILL: "there is no index"})
    assert states() == ("broken", "broken")
    again = next(one for one in threat(THREAT, facts_of(house.signed)).drills if one.id == DRILL).next
    assert again == f"lockgate drill {DRILL} --env prod"
    house.drilled(outcome(DRILL), environment="prod", rows=5_000)
    assert states() == ("proved", "proved")
    house.drilled(outcome(DRILL, stopped=False), environment="dev")
    assert states() == ("broken", "proved")


def test_what_looser_rules_stopped_says_nothing_of_stricter_ones(house: House) -> None:
    """Dev only warns; and an environment that enforces, and lets more pass, may be in the signed policy too."""
    old = house.signed.policy
    lax = '[environment.lax]\nenforce = "enforce"\napprovals = 0\n'
    text = old.text.replace("version = 1", "version = 2") + lax
    house.signed.record("policy", replace(old, version=2).from_text(text).statement(house.signed.clock()))
    for environment in ("dev", "lax"):
        house.drilled(outcome(DRILL), environment=environment)
        facts = facts_of(house.signed, "prod")
        assert house.state(facts=facts) == "stale"
        shown = threat(THREAT, facts).drills[0]
        assert f"by the rules of {environment}, which let more pass" in shown.why
        assert shown.next == f"lockgate drill {shown.id} --env prod"
    house.drilled(outcome(DRILL), environment="prod")
    assert house.state(facts=facts_of(house.signed, "prod")) == "proved"


@pytest.mark.parametrize(
    "lie", [{"threat": "LT99"}, {"control": "hash-lock"}, {"expected": "LG999", "finding": "LG999"}]
)
def test_a_result_of_something_else_under_the_name_of_a_drill(house: House, lie: dict[str, str]) -> None:
    """Another threat, another control, another finding than the catalogue's: it shows nothing. A failure still does."""
    house.drilled(outcome(DRILL, **lie))
    assert house.state() == "unproven"
    house.drilled(outcome(DRILL))
    assert house.state() == "proved"
    house.drilled(outcome(DRILL, stopped=False, **lie | {"finding": None}))
    assert house.state() == "broken"


def test_a_stolen_judge_changes_no_control(house: House) -> None:
    """With every drill said to be stopped: what the policy does not ask for, and who holds which role, still shows."""
    from lockgate.project.threats.catalogue import shipped

    drills = {name for one in shipped().threats.values() for name in one.drills}
    house.drilled(*(outcome(name) for name in sorted(drills)))
    facts = facts_of(house.signed)
    assert threat(THREAT, facts).status == "HELD"
    assert (facts.alone, threat("LT14", facts).status) == (("mara",), "UNPROVEN")
    assert threat("LT01", facts).why.startswith("screen-rows: the screen did not look at the rows of flights@1")


def test_a_risk_is_taken_by_an_approver_for_one_place_and_a_while(house: House) -> None:
    """Where it was waived, until it ends or is revoked; never by a waiver of what is out of scope or unknown."""
    place = house.signed.workplace("dev")
    waive(place, "LT14", "dev", reason="see #12", expires=house.signed.clock() + timedelta(days=7))
    assert threat("LT14", facts_of(house.signed)).status == "ACCEPTED"
    assert threat("LT14", facts_of(house.signed, "prod")).status != "ACCEPTED"
    assert threat("LT15", facts_of(house.signed)).status == "UNPROVEN"
    later = facts_of(house.signed)
    house.signed.clock.now += timedelta(days=8)
    assert threat("LT14", facts_of(house.signed)).status == "UNPROVEN"
    assert later.accepted["LT14"].by == "mara"
    with pytest.raises(LockgateError) as caught:
        waive(place, "LT14", "dev", reason="see #12", expires=house.signed.clock() + timedelta(days=31))
    assert caught.value.finding == "LG517"


def test_a_waived_threat_lets_no_gate_pass(house: House) -> None:
    """It changes what `threats` tells: what prod refuses, it refuses."""
    place = house.signed.workplace("prod")
    for id_ in ("LT14", "LT05"):
        waive(place, id_, "prod", reason="see #12", expires=house.signed.clock() + timedelta(days=7))
    with pytest.raises(Refused, match="approvals"):
        deploy(place, DeploySpec("flights@1", "prod", reason="now"))
