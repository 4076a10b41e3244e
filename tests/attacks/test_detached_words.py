"""What `trust cosign` shows before a person signs: what the log knows of a digest, never what a draft calls it.

Threat: a carrier who has a draft signed for another model than the one that its reader believes to sign for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.entries import Registration, registrations
from lockgate.audit.load import policy_in_force
from lockgate.core.digest import digest_of
from lockgate.core.statement import Statement, Subject
from lockgate.deploy.statements import approval_statement, revocation_statement, waiver_statement
from lockgate.errors import LockgateError
from lockgate.project.statement_words import words_of
from lockgate.trust.policy import Policy
from tests.support.project import POLICY, SignedProject, register_here, signed_project

NOTHING = digest_of(b"nobody has this")


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> SignedProject:
    """A project with two models; no test changes it."""
    with pytest.MonkeyPatch.context() as patch:
        project = signed_project(tmp_path_factory.mktemp("words"), patch)
        for number in (1.0, 2.0):
            project.candidate(number)
            register_here(project, patch)
        return project


def models(signed: SignedProject) -> list[Registration]:
    """Both."""
    return registrations(signed.ledger.statements())


def said(signed: SignedProject, statement: Statement) -> str:
    """What is shown of it, or the finding by which it is refused."""
    try:
        return "\n".join(words_of(statement, signed.ledger.statements()))
    except LockgateError as error:
        return error.finding


def changed(statement: Statement, **fields: Any) -> Statement:
    """With other fields."""
    return replace(statement, predicate={**statement.predicate, **fields})


def test_an_approval_names_the_model_of_its_manifest(signed: SignedProject) -> None:
    """The honest draft is shown as what it is; one that calls flights@2 flights@1, or is of no model, is refused."""
    one, two = models(signed)
    honest = approval_statement(two, "prod", reason="reviewed", now=signed.clock())
    assert f"approve flights@2 ({two.manifest}) for prod\nreason: reviewed" in said(signed, honest)
    lies: list[Callable[[], Statement]] = [
        lambda: changed(honest, version=1),
        lambda: changed(honest, name="draft"),
        lambda: replace(honest, subjects=(Subject(one.ref, two.manifest),)),
        lambda: changed(honest, aaa="\x1b[2J"),
        lambda: changed(honest, reason=["a"]),
    ]
    assert [said(signed, lie()) for lie in lies] == ["LG526"] * 5
    unknown = changed(replace(honest, subjects=(Subject("flights@2", NOTHING),)), manifest=NOTHING)
    assert said(signed, unknown) == "LG846"


def test_a_waiver_says_for_whom_and_how_long(signed: SignedProject) -> None:
    """`manifest: null` is EVERY MODEL, in words; a finding that cannot be waived is not signed."""
    now, policy = signed.clock(), policy_in_force(signed.ledger.statements())
    all_of_them = waiver_statement("prod", "LG434", None, policy=policy, reason="r", expires=now, now=now)
    shown = said(signed, all_of_them)
    assert ("LG434 (a metric's bounds) pass in prod for EVERY MODEL, until" in shown, "which is in force" in shown) == (
        True,
        True,
    )
    assert said(signed, changed(all_of_them, finding="LG512")) == "LG846"
    assert said(signed, replace(all_of_them, subjects=(Subject("policy.toml", NOTHING),))) == "LG846"


def test_a_revocation_says_what_it_hits(signed: SignedProject) -> None:
    """A model by its name, a statement by its entry, and the models that fall; each further subject is looked up."""
    one, two = models(signed)
    train = next(each for each in signed.ledger.statements() if each.digest == two.inputs["train"])
    by_model = revocation_statement(one, reason="r", now=signed.clock())
    by_train = revocation_statement(train, reason="r", now=signed.clock())
    assert "revoke for good flights@1" in said(signed, by_model)
    assert f"the train statement of log entry {train.index}" in said(signed, by_train)
    assert "with it falls: flights@2" in said(signed, by_train)
    more = replace(by_model, subjects=(*by_model.subjects, Subject("s", two.manifest)))
    assert "revoke for good flights@2" in said(signed, more)
    assert said(signed, replace(by_model, subjects=(*by_model.subjects, Subject("s", NOTHING)))) == "LG846"


def test_a_policy_is_shown_as_its_differences(signed: SignedProject) -> None:
    """What becomes looser is said in the words of `policy diff`."""
    looser = POLICY.replace("version = 1", "version = 2").replace("min = 0.7", "min = 0.1")
    shown = said(signed, Policy.from_text(looser).statement(signed.clock()))
    assert ("put policy version 2 in force" in shown, "looser" in shown) == (True, True)
    assert said(signed, Policy.from_text(POLICY).statement(signed.clock())) == "LG842"


def test_what_rests_on_data_is_not_cosigned(signed: SignedProject) -> None:
    """A draft of a judgement or a registration: nobody signs it on another machine (LG865)."""
    for claim in ("judge", "register"):
        assert said(signed, signed.ledger.statements(claim)[0].statement) == "LG865"


def test_a_word_with_more_in_it_is_not_sealed(signed: SignedProject, tmp_path: Path) -> None:
    """An approver's own key: an unknown field, or another model's name, never reaches the log (LG864)."""
    one, two = models(signed)
    honest = approval_statement(two, "prod", reason="r", now=signed.clock())
    size = signed.ledger.checkpoint.size
    for lie in (changed(honest, x={"a": [1]}), changed(honest, version=1), changed(honest, reason=["a"])):
        with pytest.raises(LockgateError) as caught:
            signed.record("approver", lie)
        assert (caught.value.finding, signed.ledger.checkpoint.size, one.version) == ("LG864", size, 1)
