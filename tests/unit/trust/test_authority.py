"""trust.authority: the matrix of roles and claims; every cell off the diagonal is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lockgate.core.statement import Statement
from lockgate.errors import VerificationFailed
from lockgate.trust.authority import AUTHORITIES, NAMES_PROJECT, ROLES, ROOT, check_authority

Make = Callable[..., Statement]
ANY = ("*",)
ALLOWED = {claim: authority.roles for claim, authority in AUTHORITIES.items()} | {"head": ("trainer",)}


@pytest.mark.parametrize("claim", list(AUTHORITIES))
@pytest.mark.parametrize("role", [ROOT, *ROLES])
def test_role_by_claim(make_statement: Make, role: str, claim: str) -> None:
    """A role may make exactly its claims; the refusal names the wrong role and the right one."""
    statement = make_statement(claim)
    if role in ALLOWED[claim]:
        check_authority(statement, role, ANY)
        return
    with pytest.raises(VerificationFailed) as caught:
        check_authority(statement, role, ANY)
    assert caught.value.finding == "LG817"
    assert f"role {role} signed" in caught.value.message
    assert caught.value.seen["allowed"] == list(ALLOWED[claim])


def test_every_role_but_the_sealer_has_a_claim() -> None:
    """The sealer signs checkpoints only; no other role is idle."""
    assert {role for roles in ALLOWED.values() for role in roles} | {"sealer"} == {ROOT, *ROLES}
    assert "sealer" not in {role for roles in ALLOWED.values() for role in roles}


@pytest.mark.parametrize("stage", ["ingest", "validate", "train", "judge", "register"])
def test_a_stage_head_belongs_to_the_stage_s_role(make_statement: Make, stage: str) -> None:
    """A head of a stage is signed by that stage's role and by no other."""
    statement = make_statement("head", stage=stage)
    right = AUTHORITIES[stage].roles[0]
    check_authority(statement, right, ANY)
    for role in set(ROLES) - {right}:
        with pytest.raises(VerificationFailed):
            check_authority(statement, role, ANY)


@pytest.mark.parametrize("stage", ["deploy", "serve", "", None, 7])
def test_no_head_of_other_stages(make_statement: Make, stage: object) -> None:
    """What is no stage with a head is refused."""
    with pytest.raises(VerificationFailed) as caught:
        check_authority(make_statement("head", stage=stage), "deployer", ANY)
    assert caught.value.finding == "LG816"


@pytest.mark.parametrize("claim", list(AUTHORITIES))
def test_a_claim_has_one_predicate_type(make_statement: Make, claim: str) -> None:
    """The right role with another predicate type is refused (or no claim is found in it)."""
    statement = replace(make_statement(claim), predicate_type="https://example.com/other/v1")
    with pytest.raises(VerificationFailed) as caught:
        check_authority(statement, ALLOWED[claim][0], ANY)
    assert caught.value.finding in {"LG816", "LG818"}


def test_an_unknown_claim_is_refused(make_statement: Make) -> None:
    """Nobody may claim what is not in the table."""
    statement = make_statement("policy", claim="urn:lockgate:claim:bless:v1")
    with pytest.raises(VerificationFailed) as caught:
        check_authority(statement, "policy", ANY)
    assert caught.value.finding == "LG816"


def test_what_somebody_decided_names_its_project() -> None:
    """All but the roles, of which the project has its name, and what a stage found out about bytes."""
    assert set(AUTHORITIES) - NAMES_PROJECT == {"roles", "ingest", "validate", "train", "judge", "reproduce", "scan"}


@pytest.mark.parametrize("claim", ["approve", "waive", "promote", "deploy", "authorise", "alarm", "acknowledge"])
def test_environments(make_statement: Make, claim: str) -> None:
    """A bound claim names an environment in which the key is valid."""
    role = ALLOWED[claim][0]
    assert check_authority(make_statement(claim), role, ("dev", "prod")) == "dev"
    for statement, valid in (
        (make_statement(claim), ("prod",)),
        (make_statement(claim, environment="*"), ANY),
        (make_statement(claim, environment=""), ANY),
        (make_statement(claim, environment=7), ANY),
    ):
        with pytest.raises(VerificationFailed) as caught:
            check_authority(statement, role, valid)
        assert caught.value.finding == "LG819"


def test_unbound_claims_name_none(make_statement: Make) -> None:
    """Training does not happen in an environment."""
    assert check_authority(make_statement("train"), "trainer", ("prod",)) is None


@pytest.mark.parametrize("move", ["up", None, "Down", True])
def test_the_guard_moves_down_only(make_statement: Make, move: object) -> None:
    """An online key may take a model back, never bring one forward."""
    check_authority(make_statement("deploy", move="down"), "guard", ANY)
    check_authority(make_statement("deploy", move=move), "deployer", ANY)
    with pytest.raises(VerificationFailed) as caught:
        check_authority(make_statement("deploy", move=move), "guard", ANY)
    assert caught.value.finding == "LG817"
