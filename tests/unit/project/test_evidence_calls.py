"""The access matrix: calls that were really made, each refusal beside a call that is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit import log as audit_log
from lockgate.errors import VerificationFailed
from lockgate.export.evidence.spec import Attempt, Case
from lockgate.project.evidence.calls import of_clients, of_jails, of_keys, of_log
from lockgate.project.evidence.calls.trying import check, tried
from lockgate.project.evidence.gathering import gather
from lockgate.serve import rules as serve_rules
from lockgate.trust import verifier
from lockgate.trust.authority import AUTHORITIES, ROLES, ROOT
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import generate
from tests.support.handed import Handed, handed


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    with pytest.MonkeyPatch.context() as patch:
        yield handed(tmp_path_factory.mktemp("handed"), patch)


@pytest.fixture(scope="module", name="case")
def _case(made: Handed) -> Case:
    return gather(made.project(), "flights@1", root=made.root, records=0).case


def answers(attempts: Iterator[Attempt], who: str) -> dict[str, str]:
    """What one was answered."""
    return {one.what: one.answer for one in attempts if one.who == who}


def shared(roles: Roles, **changes: Any) -> Roles:
    """The same roles with a second approver, of whom two must sign, and one more who counts in dev alone."""
    more = [
        KeyEntry("approver", "noor", generate("approver").public),
        KeyEntry("approver", "olaf", generate("approver").public, ("dev",)),
    ]
    keys = {**roles.keys, **{one.keyid: one for one in more}}
    return replace(roles, keys=keys, thresholds={"approver": 2}, **changes)


def test_every_role_tries_every_claim(case: Case) -> None:
    """Who may say what is refused to everybody else; each claim has somebody who may."""
    made = list(of_keys.attempts(case))
    assert all(one.holds for one in made)
    tried_by = {one.who: {each.what for each in made if each.who == one.who} for one in made}
    for role in (*ROLES, ROOT):
        assert set(AUTHORITIES) - {"head", "deploy"} <= tried_by[role]
    allowed = {one.what for one in made if one.answer == "allowed"}
    assert set(AUTHORITIES) - {"head", "deploy"} <= allowed
    assert {"sealer"} == {
        role for role in ROLES if not any(one.who == role and one.answer == "allowed" for one in made)
    }


def test_a_loosened_table_of_rights_is_noticed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that may say more than it should: the call is let through, does not hold, and the export ends by it.

    What must come out is written down apart, for every claim that there is; untouched, all of it holds.
    """
    assert set(of_keys.MAY) == set(AUTHORITIES) - {"head"}
    assert all(one.holds for one in of_keys.attempts(case))
    loose = replace(AUTHORITIES["approve"], roles=(*AUTHORITIES["approve"].roles, "trainer"))
    monkeypatch.setitem(AUTHORITIES, "approve", loose)
    wrong = [(one.who, one.what, one.answer) for one in of_keys.attempts(case) if not one.holds]
    assert wrong == [("trainer", "approve", "allowed")]


@pytest.mark.parametrize(
    ("who", "what", "answer"),
    [
        ("validator", "judge", "LG817"),
        ("trainer", "approve", "LG817"),
        ("approver", "policy", "LG817"),
        ("policy", "roles", "LG823"),
        ("guard", "deploy: raise it, on its own word", "LG817"),
        ("guard", "deploy: lower the traffic of a model", "allowed"),
        ("a key that the roles file does not name", "approve", "LG813"),
        ("who changes a statement after it was signed", "approve", "LG812"),
        ("an approver of another project", "approve, in this one", "LG844"),
        ("an approver whose key was revoked", "approve", "LG814"),
    ],
)
def test_what_a_thief_is_answered(case: Case, who: str, what: str, answer: str) -> None:
    """Each by the finding that a reader of the log would get."""
    assert answer == answers(of_keys.attempts(case), who)[what]


def test_thresholds_and_environments_are_tried_too(case: Case) -> None:
    """Too few persons, and a key outside of its environments: both refused; all of them together: allowed."""
    found = answers(of_keys.attempts(replace(case, roles=shared(case.roles))), "approver")
    assert found["approve"] == "allowed"
    assert found["approve, by 1 of the 2 persons that must sign"] == "LG820"
    assert found["approve, where the key is not valid (it is in dev)"] == "LG819"


def test_the_log_is_attacked_on_a_copy(made: Handed, case: Case, tmp_path: Path) -> None:
    """Four ways to write without the sealer's key are refused; reading and a sealer of one's own log are not."""
    log = made.signed.home / "log" / "events"
    before = {path: path.read_bytes() for path in log.rglob("*") if path.is_file()}
    found = [(one.answer, one.expected) for one in of_log.attempts(made.project(), case, tmp_path)]
    refused = [answer for answer, expected in found if expected == "refused"]
    assert refused == ["LG706", "LG717", "LG704", "LG702"]
    assert [answer for answer, expected in found if expected == "allowed"] == ["allowed"] * 2
    assert before == {path: path.read_bytes() for path in log.rglob("*") if path.is_file()}


def test_the_gateway_s_doorman_is_asked(case: Case, tmp_path: Path) -> None:
    """No key, a wrong, revoked or expired one; another model, place or action; too much; and one that is let in."""
    made = list(of_clients.attempts(case, tmp_path))
    assert ["allowed", *["LG601"] * 4, *["LG602"] * 3, "allowed", "allowed", "LG610", "LG606"] == [
        one.answer for one in made
    ]
    assert all(one.holds for one in made)


def test_jails_are_told_from_the_statement(case: Case) -> None:
    """A wall that did not hold is shown as one; what the statement does not tell is not invented."""
    train = case.chain["train"]
    probes = [
        {"name": "absent keys", "holds": True, "witness": "No such file"},
        {"name": "interfaces", "holds": False, "witness": "eth0"},
        {"name": "a probe that nobody explains", "holds": True, "witness": ""},
    ]
    inside = {"internalParameters": {"jails": {"train": {"level": 3, "probes": probes}}}}
    statement = replace(train.statement, predicate={"buildDefinition": inside})
    other = replace(case, chain={**case.chain, "train": replace(train, statement=statement)})
    found = {one.what: one.answer for one in of_jails.attempts(other)}
    assert found == {"open the folder of signing keys": "refused", "see any network but its own loopback": "allowed"}
    assert list(of_jails.attempts(case)) == []


def test_whatever_comes_out_otherwise_ends_the_export(made: Handed, case: Case) -> None:
    """A refusal that did not come, and a call that should have been let through: LG7042; what holds: nothing."""
    fine = Attempt("signing", "a", "b", "LG817", "refused", "code")
    check((fine,))
    for one in (replace(fine, answer="allowed"), replace(fine, expected="allowed")):
        with pytest.raises(VerificationFailed) as error:
            check((fine, one))
        assert error.value.finding == "LG7042"
    assert tried(made.project(), case).denied > 200


@pytest.mark.parametrize("hole", ["authority", "signature", "log", "clients"])
def test_an_installation_with_a_hole_hands_out_nothing(
    made: Handed, case: Case, hole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a check taken out of what runs here, the calls notice: they are real."""
    if hole == "authority":
        monkeypatch.setattr(verifier, "check_authority", lambda *_: None)
    elif hole == "signature":
        monkeypatch.setattr(verifier, "_check_signatures", lambda *_: None)
    elif hole == "log":
        monkeypatch.setattr(audit_log, "check_vkey", lambda *_: None)
        monkeypatch.setattr(audit_log, "verify_note", lambda note, *_: note.partition(b"\n\n")[0] + b"\n")
    else:
        monkeypatch.setattr(serve_rules, "permits", lambda *_: True)
    with pytest.raises(VerificationFailed) as error:
        tried(made.project(), case)
    assert error.value.finding == "LG7042"
