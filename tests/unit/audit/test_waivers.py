"""Waivers as values: what they turn into a warning, for whom, until when; and the closed list of what they reach."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit import waivers
from lockgate.audit.approvals import judge_approvals, missing, persons_of, signers
from lockgate.audit.entries import Waiver, approvals, registrations, waiver
from lockgate.core.catalog.all import FINDINGS
from lockgate.core.moments import rfc3339
from lockgate.core.statement import WAIVER, Statement, Subject, claim_uri
from lockgate.core.verdict import Level, Reason
from lockgate.errors import VerificationFailed
from lockgate.trust.policy import Policy
from tests.support.evidence import ROLES, Chronicle, blob

ONE, OTHER = blob("one"), blob("other")
PROD = Policy.from_text("version = 1\n[environment.prod]\napprovals = 2\n").environment("prod")


def _given(log: Chronicle, finding: str = "LG434", *, days: float = 7, person: str = "ada", **changes: Any) -> Waiver:
    manifest = changes.pop("manifest", None)
    predicate = {
        "claim": claim_uri("waive"),
        "time": rfc3339(log.now),
        "environment": "prod",
        "finding": finding,
        "manifest": manifest,
        "reason": "see #12",
        "expires": rfc3339(log.now + timedelta(days=days)),
        **changes,
    }
    statement = Statement((Subject("model", manifest or blob("policy")),), WAIVER, predicate)
    return waiver(log.add(statement, role=ROLES["approve"], person=person))


def _refuses(finding: str = "LG434", **seen: object) -> Reason:
    return Reason(finding, Level.REFUSE, "it is too low", seen)


def _levels(log: Chronicle, given: list[Waiver], *reasons: Reason, environment: str = "prod") -> list[str]:
    told, _ = waivers.apply(reasons, given, environment=environment, manifest=ONE, now=log.now)
    return [one.level.value for one in told]


def test_a_refusal_that_is_waived_warns_and_says_by_whom_and_until_when() -> None:
    """The others stay; so do notes and warnings, which need no waiver, and use none."""
    log = Chronicle()
    given = _given(log)
    note = Reason("LG434", Level.NOTE, "fine")
    told, used = waivers.apply(
        [_refuses(), _refuses("LG435"), note], [given], environment="prod", manifest=ONE, now=log.now
    )
    assert [one.level.value for one in told] == ["warn", "refuse", "note"]
    assert told[0].message == f"it is too low; waived until {rfc3339(given.expires)} by ada: see #12"
    assert told[0].seen["waiver"] == given.evidence.digest
    assert used == (given,)
    assert waivers.apply([note], [given], environment="prod", manifest=ONE, now=log.now) == ((note,), ())


def test_it_holds_here_and_now_only() -> None:
    """Another environment, another model, expired, of the future, longer than a waiver may be."""
    log = Chronicle()
    assert _levels(log, [_given(log)], _refuses()) == ["warn"]
    assert _levels(log, [_given(log)], _refuses(), environment="dev") == ["refuse"]
    assert _levels(log, [_given(log, manifest=ONE)], _refuses()) == ["warn"]
    assert _levels(log, [_given(log, manifest=OTHER)], _refuses()) == ["refuse"]
    assert _levels(log, [_given(log, days=31)], _refuses()) == ["refuse"]
    given = _given(log)
    early = replace(given, evidence=replace(given.evidence, time=log.now + timedelta(days=9)))
    assert _levels(log, [early], _refuses()) == ["warn"], "what it says of its own time counts, not its leaf"
    log.now += timedelta(days=7)
    assert _levels(log, [given], _refuses()) == ["refuse"]


def test_a_waiver_for_a_model_is_none_for_one_that_is_not_registered() -> None:
    """At registration there is no manifest yet."""
    log = Chronicle()
    for given, expected in ((_given(log), "warn"), (_given(log, manifest=ONE), "refuse")):
        told, _ = waivers.apply([_refuses()], [given], environment="prod", manifest=None, now=log.now)
        assert told[0].level.value == expected


@pytest.mark.parametrize(("level", "expected"), [(2, "warn"), (1, "warn"), (0, "refuse"), (None, "refuse")])
def test_a_jail_that_proves_no_level_is_never_waived(level: int | None, expected: str) -> None:
    """A weaker jail may be; none may not."""
    log = Chronicle()
    assert _levels(log, [_given(log, "LG433")], _refuses("LG433", seen=level)) == [expected]


def test_the_list_is_closed_and_says_why() -> None:
    """Every id in it is in the catalog; none is in both lists; what is in neither is refused too."""
    assert set(waivers.WAIVABLE) | set(waivers.NEVER) <= set(FINDINGS)
    assert not set(waivers.WAIVABLE) & set(waivers.NEVER)
    assert all(waivers.refusal(one) for one in FINDINGS if one not in waivers.WAIVABLE)
    assert not any(waivers.refusal(one) for one in waivers.WAIVABLE)


@pytest.mark.parametrize("field", ["environment", "finding", "reason", "expires"])
def test_a_waiver_that_does_not_say_what_it_must_is_malformed(field: str) -> None:
    """And named with its field."""
    changes: dict[str, Any] = {field: None}
    with pytest.raises(VerificationFailed) as no:
        _given(Chronicle(), **changes)
    assert (no.value.finding, no.value.seen["field"]) == ("LG526", field)


def test_an_approval_is_about_what_it_says() -> None:
    """Its subject, which other tools read, is the manifest that it approves."""
    log = Chronicle()
    given = log.approve(log.model("a"), "prod")
    assert len(approvals([given])) == 1
    other = replace(given, statement=replace(given.statement, subjects=(Subject("another", OTHER),)))
    with pytest.raises(VerificationFailed) as no:
        approvals([other])
    assert (no.value.finding, no.value.seen["field"]) == ("LG526", "subject")


def test_in_force_leaves_out_what_was_taken_back() -> None:
    """Revoked, by a revoked key, for another environment; and the trainer's own where separation is enforced."""
    log = Chronicle()
    kept, ended, stolen = _given(log), _given(log), _given(log, person="eve")
    _given(log, environment="dev")
    log.revoke(ended.evidence.digest)
    roles = Statement(
        (Subject("project", blob("x")),), "roles", {"claim": claim_uri("roles"), "revoked": {"eve/approver": "lost"}}
    )
    log.add(roles, role="root")
    assert stolen.evidence.keyid == "eve/approver"
    assert waivers.in_force(log.evidences, PROD, log.now) == (kept,)
    apart = replace(PROD, separation="enforce")
    assert waivers.in_force(log.evidences, apart, log.now, trainer={"mara"}) == (kept,)
    assert waivers.in_force(log.evidences, apart, log.now, trainer={"ada"}) == ()


def test_all_who_signed_one_approval_count_each_once() -> None:
    """Two persons on one envelope are two; the same two again are two; the trainer is none where that is enforced."""
    log = Chronicle()
    made = log.model("a")
    trainer = next(one for one in log.evidences if one.claim == "train")
    both = replace(log.approve(made, "prod"), persons=("ada", "jo"))
    again = replace(log.approve(made, "prod", keyid="ada/second"), persons=("ada",))
    assert persons_of([both, again], trainer, PROD) == ("ada", "jo")
    trained = replace(trainer, persons=("jo", "mara"))
    assert persons_of([both, again], trained, replace(PROD, separation="enforce")) == ("ada",)


def test_another_spelling_of_a_person_is_that_person() -> None:
    """Jo and jo gave one approval; where separation is enforced, nothing comes of the trainer's other spelling."""
    log = Chronicle()
    made = log.model("a")
    trainer = next(one for one in log.evidences if one.claim == "train")
    given = [log.approve(made, "prod", person=person) for person in ("jo", "Jo", "jo\u200b", "MARA")]
    apart = replace(PROD, separation="enforce", approvals=2)
    assert trainer.person == "mara"
    assert persons_of(given, trainer, replace(PROD, approvals=2)) == ("MARA", "jo")
    assert persons_of(given, trainer, apart) == ("jo",)
    assert missing(given, trainer, apart) == 1
    registration = registrations([made])[0]
    reasons = judge_approvals(given, trainer, registration, apart)
    assert [(one.finding, one.seen.get("person", one.seen.get("persons"))) for one in reasons] == [
        ("LG513", "MARA"),
        ("LG512", ["jo"]),
    ]
    waived = _given(log, person="Mara ")
    assert waivers.in_force(log.evidences, PROD, log.now) == (waived,)
    assert waivers.in_force(log.evidences, apart, log.now, trainer=signers(trainer)) == ()
