"""threats.rules: a threat is held only where each control has its proof and each drill was stopped, lately."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lockgate.project.threats.catalogue import shipped
from lockgate.threats.facts import Accepted, Facts
from lockgate.threats.levers import Lever
from lockgate.threats.rules import STATUSES
from tests.support.threats import (
    CLAIMS,
    NOW,
    POLICY,
    PROGRAM,
    held,
    played,
    proof,
    statuses,
    threat,
    under,
    without,
)

CATALOGUE = shipped()
IN_SCOPE = [one.id for one in CATALOGUE.threats.values() if not one.out]
OUT = [one.id for one in CATALOGUE.threats.values() if one.out]
OFF = {
    "require": 'require = ["ingest"]',
    "max_quarantined_share": '[environment.prod.levels]\nmax_quarantined_share = "off"',
    "screen": '[environment.prod.levels]\nscreen = "off"',
    "min_jail_level": '[environment.prod.levels]\nmin_jail_level = "off"',
    "approvals": '[environment.prod.levels]\napprovals = "off"',
    "separation": 'separation = "off"',
    "refuse_tainted": "refuse_tainted = false",
    "ladder": "",
    "abuse": "",
    "min_witnesses": "",
    "parity": "",
    "monitor": "[environment.prod.monitor]\nfalse_alarms = 1e-9",
    "record": '[environment.prod.serve]\nunrecorded = "answer"',
    "stale": '[environment.prod.serve]\nstale = "alarm"',
}
"""For each rule of a control, the policy that takes most of it away."""

CONTROLS = [one.id for one in CATALOGUE.controls.values() if one.rule]
DRILLS = [(one.id, drill) for one in CATALOGUE.threats.values() for drill in one.drills]


def test_everything_is_held_where_nothing_is_missing() -> None:
    """The positive control of all that follows: every threat in scope is HELD, and says so in words."""
    found = statuses(held())
    assert dict.fromkeys(IN_SCOPE, "HELD") | dict.fromkeys(OUT, "OUT") == found
    assert threat("LT08", held()).why == "3 controls proved, 3 drills stopped"
    assert "LT28" in OUT
    assert threat("LT28", held()).why == CATALOGUE.threats["LT28"].out


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_that_the_policy_takes_away_leaves_no_threat_held(control: str) -> None:
    """Every control with a lever: under a policy that switches it off, no threat that it stands against is held."""
    rule = CATALOGUE.controls[control].rule
    assert rule is not None
    lever = under(OFF[rule])[rule]
    assert lever.state != "on", lever
    found = statuses(held(levers=without(held().levers, rule, lever)))
    against = {one.id for one in CATALOGUE.threats.values() if control in one.controls}
    assert against
    assert not {name for name in against if found[name] == "HELD"}
    assert {name for name, status in found.items() if status == "BROKEN"} == (
        against_rule(rule) if is_off(lever) else set()
    )


def is_off(lever: Lever) -> bool:
    """Somebody switched it off."""
    return lever.state == "off"


def against_rule(rule: str) -> set[str]:
    """The threats that have a control with this lever."""
    with_it = {one.id for one in CATALOGUE.controls.values() if one.rule == rule}
    return {one.id for one in CATALOGUE.threats.values() if with_it.intersection(one.controls)}


@pytest.mark.parametrize(("id_", "drill"), DRILLS)
def test_a_drill_that_was_not_stopped_breaks_its_threat(id_: str, drill: str) -> None:
    """Every drill: an attack that gets through breaks each threat that names it, and no other."""
    found = statuses(held(drills=without(held().drills, drill, played(stopped=False))))
    assert found[id_] == "BROKEN"
    assert {name for name, status in found.items() if status == "BROKEN"} == {
        one.id for one in CATALOGUE.threats.values() if drill in one.drills
    }


@pytest.mark.parametrize("drill", ["poisoned-labels"])
@pytest.mark.parametrize(
    ("instead", "status", "says"),
    [
        (played("part"), "HELD", "in part"),
        (played(left_out=("signers",)), "HELD", "2 drills stopped"),
        (played(at=NOW - timedelta(days=31)), "STALE", "31 days ago"),
        (played(at=NOW - timedelta(days=29)), "HELD", "stopped"),
        (played(program="sha256:" + "0" * 64), "STALE", "another version of Lockgate"),
        (played(policy="sha256:" + "0" * 64), "STALE", "another policy"),
        (played(at=NOW + timedelta(hours=1)), "UNPROVEN", "in the future"),
        (played(stopped=False, program="sha256:" + "0" * 64), "BROKEN", "not stopped"),
        (played(stopped=False, at=NOW - timedelta(days=300)), "BROKEN", "not stopped"),
        (played(environment="prod"), "HELD", "stopped"),
        (played(environment="staging"), "STALE", "by the rules of staging, which let more pass"),
        (played(inapplicable="there is no label"), "HELD", "stopped"),
        (played(inapplicable="no label", at=NOW - timedelta(days=31)), "STALE", "31 days ago"),
        (played(inapplicable="no label", policy="sha256:" + "0" * 64), "STALE", "another policy"),
        (played(inapplicable="no label", stopped=False), "BROKEN", "not stopped"),
    ],
)
def test_what_a_result_is_worth(drill: str, instead: Any, status: str, says: str) -> None:
    """In part holds; what is old, of another program or policy, is stale; a failure stays one until it is mended."""
    found = threat("LT01", held(drills=without(held().drills, drill, instead)))
    assert (status, True) == (found.status, says in found.why), found.why


@pytest.mark.parametrize(("asked", "status"), [("dev", "HELD"), ("staging", "HELD"), ("prod", "HELD")])
def test_what_the_strict_one_stopped_holds_for_all(asked: str, status: str) -> None:
    """Played by the rules of prod, which enforces: it says something about each environment, as a note tells."""
    drills = without(held().drills, "poisoned-labels", played(environment="prod"))
    found = threat("LT01", held(drills=drills, environment=asked, enforcing=frozenset({"prod"})))
    assert status == found.status, found.why


def test_a_missing_result_is_no_result() -> None:
    """Never played: UNPROVEN, and the line says what to run; several are run by the threat's id."""
    facts = held(drills=without(held().drills, "poisoned-labels"))
    one = threat("LT01", facts)
    assert (one.status, one.next) == ("UNPROVEN", "lockgate drill poisoned-labels")
    two = threat("LT01", held(drills={}))
    assert (two.status, two.next) == ("UNPROVEN", "lockgate drill --threat LT01")
    assert "(and 1 more)" in two.why
    # Its control rests on drills alone, and is looked at first.
    assert threat("LT11", held(drills={})).next == "lockgate drill --threat LT11"


def test_a_threat_none_of_whose_drills_applies_is_not_held() -> None:
    """What cannot be attacked here was not shown to hold."""
    drills = {**held().drills, **dict.fromkeys(CATALOGUE.threats["LT01"].drills, played(inapplicable="no label"))}
    found = threat("LT01", held(drills=drills))
    assert (found.status, "none of its drills" in found.why) == ("UNPROVEN", True)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_proof_that_is_missing_or_wrong(claim: str) -> None:
    """Without the statement every control that it proves is unproven; where it shows the contrary, broken."""
    resting = {one.id for one in CATALOGUE.controls.values() if one.proof == claim}
    against = {one.id for one in CATALOGUE.threats.values() if resting.intersection(one.controls)}
    assert against, claim
    missing = statuses(held(proofs=without(held().proofs, claim)))
    assert against == {name for name, status in missing.items() if status == "UNPROVEN"}
    wrong = statuses(held(proofs=without(held().proofs, claim, proof(wrong="it was revoked"))))
    assert against == {name for name, status in wrong.items() if status == "BROKEN"}
    future = statuses(held(proofs=without(held().proofs, claim, proof(at=NOW + timedelta(days=1)))))
    assert against == {name for name, status in future.items() if status == "UNPROVEN"}


def test_a_proof_ages() -> None:
    """Older than its control says: STALE; what does not age stays."""
    old = proof(at=NOW - timedelta(days=400))
    assert threat("LT08", held(proofs=without(held().proofs, "train", old))).status == "STALE"
    assert threat("LT17", held(proofs=without(held().proofs, "roles", old))).status == "HELD"
    days = CATALOGUE.controls["training-without-network"].fresh_days
    assert days is not None
    edge = proof(at=NOW - timedelta(days=days))
    assert threat("LT08", held(proofs=without(held().proofs, "train", edge))).status == "HELD"


@pytest.mark.parametrize(
    ("id_", "changes", "status", "says"),
    [
        ("LT17", {"pinned": False}, "BROKEN", "not pinned"),
        ("LT14", {"alone": ("mara",)}, "UNPROVEN", "mara alone can put a model live in prod"),
        ("LT14", {"alone": ("mara", "otto")}, "UNPROVEN", "each of mara, otto alone"),
        ("LT08", {"jails": {"train": 2}}, "BROKEN", "level 2, and prod demands level 3"),
        ("LT08", {"jails": {"train": None}}, "BROKEN", "no level at all"),
        ("LT08", {"jails": {"train": 2}, "least_level": 2}, "HELD", "proved"),
        ("LT01", {"screen": None}, "UNPROVEN", "the screen did not look"),
        ("LT01", {"screen": {"labels": "off"}}, "UNPROVEN", "labels did not look"),
        ("LT01", {"screen": {"labels": "absent"}}, "HELD", "proved"),
        ("LT01", {"refused": {"screen": "LG455 labels: 3 rows"}}, "BROKEN", "LG455"),
    ],
)
def test_what_is_particular_to_a_control(id_: str, changes: dict[str, Any], status: str, says: str) -> None:
    """An unpinned root, one person for everything, a weak jail, a screen that did not run: each shows."""
    found = threat(id_, held(**changes))
    assert (status, True) == (found.status, says in found.why), found.why
    assert found.next


@pytest.mark.parametrize(
    ("id_", "lever", "text", "status"),
    [
        ("LT05", "metrics", '[environment.prod.levels]\nmetrics = "off"', "BROKEN"),
        ("LT05", "metrics", "", "HELD"),
        ("LT05", "metrics", "[environment.prod.metrics]\nroc_auc = { min = 0.7 }", "HELD"),
        ("LT08", "max_denied_attempts", "max_denied_attempts = 99", "UNPROVEN"),
        ("LT08", "max_denied_attempts", "", "HELD"),
    ],
)
def test_levers_that_only_weaken(id_: str, lever: str, text: str, status: str) -> None:
    """Nobody need ask for them; off, or looser than by default, they count as the control's own."""
    levers = without(held().levers, lever, under(text)[lever])
    assert threat(id_, held(levers=levers)).status == status
    refused = threat(id_, held(refused={lever: "LG434 roc_auc is too low"}))
    assert (refused.status, "LG434" in refused.why) == ("BROKEN", True)


def test_a_control_is_as_bad_as_the_worst_of_it() -> None:
    """Weak by policy, and a jail below even that: BROKEN; not asked for, and one person for everything: both known."""
    weak = without(held().levers, "min_jail_level", under("min_jail_level = 2")["min_jail_level"])
    assert threat("LT08", held(levers=weak, least_level=2)).status == "UNPROVEN"
    assert threat("LT08", held(levers=weak, least_level=2, jails={"train": 1})).status == "BROKEN"
    none = without(held().levers, "approvals", under("approvals = 0")["approvals"])
    broken = held(levers=none, refused={"approvals": "LG512 it has none"})
    assert threat("LT14", broken).status == "BROKEN"
    apart = without(held().levers, "separation", under('separation = "off"')["separation"])
    shown = {one.id: one.why for one in threat("LT14", held(levers=apart, alone=("mara",))).controls}
    assert shown["roles-apart"].startswith("mara alone can put a model live")


@pytest.mark.parametrize("needs", ["run", "deployed", "served", "imported"])
def test_what_was_never_used_is_out(needs: str) -> None:
    """Before a part was used nothing of it is claimed, and nothing of it fails."""
    wanted = {one.id for one in CATALOGUE.threats.values() if one.needs == needs}
    found = statuses(held(used=held().used - {needs}))
    assert wanted | set(OUT) == {name for name, status in found.items() if status == "OUT"}


def test_a_risk_that_a_person_takes() -> None:
    """ACCEPTED says who, why, until when, and what it would be; one that is held is not accepted."""
    waiver = Accepted(NOW + timedelta(days=3), "ada", "see #12", 9)
    facts = held(alone=("mara",), accepted={"LT14": waiver, "LT01": waiver})
    found = threat("LT14", facts)
    assert (found.status, found.worst) == ("ACCEPTED", "UNPROVEN")
    assert found.why.startswith("ada takes the risk until 2026-11-30T12:00:00Z: see #12; without that UNPROVEN: ")
    assert threat("LT01", facts).status == "HELD"


def test_a_waiver_hides_nothing_that_came_later() -> None:
    """It covers what is missing, a failure or a policy that its signer could know; not what came after, nor lies."""
    waiver = Accepted(NOW + timedelta(days=3), "ada", "see #12", 15)
    taken = {"accepted": dict.fromkeys(IN_SCOPE, waiver)}

    def failed(index: int) -> str:
        result = played(stopped=False, index=index)
        return threat("LT21", held(drills=without(held().drills, "no-key", result), **taken)).status

    assert (failed(14), failed(16)) == ("ACCEPTED", "BROKEN")
    off = without(held().levers, "screen", under(OFF["screen"])["screen"])
    assert threat("LT01", held(levers=off, **taken)).status == "ACCEPTED"
    later = without(held().proofs, "policy", proof(index=16))
    assert threat("LT01", held(levers=off, proofs=later, **taken)).status == "BROKEN"
    revoked = without(held().proofs, "train", proof(wrong="it is revoked"))
    assert threat("LT08", held(proofs=revoked, **taken)).status == "BROKEN"


def test_a_control_none_of_whose_drills_applies_is_not_proved() -> None:
    """Where nothing but a drill shows it: one of its own, not another of the same threat."""
    facts = held()
    mine = [name for name, one in facts.drills.items() if one.control == "typed-bodies"]
    gone = {name: played(inapplicable="there is nothing to send") for name in mine}
    found = threat("LT22", held(drills={**facts.drills, **gone}))
    assert mine
    assert (found.status, "typed-bodies: no drill of it was played here" in found.why) == ("UNPROVEN", True)


def test_every_line_that_is_not_held_says_what_to_run() -> None:
    """Whatever is missing: a command, or the table of the policy."""
    empty: Callable[..., Facts] = held
    facts = empty(proofs={}, drills={}, levers=under('separation = "off"'), pinned=False, alone=("mara",))
    for name in IN_SCOPE:
        one = threat(name, facts)
        assert one.status in STATUSES
        assert one.next.startswith(("lockgate ", "edit policy.toml: [environment.prod")), one
    assert (facts.program, facts.policy) == (PROGRAM, POLICY)
