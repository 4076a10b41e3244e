"""Which model a statement is for: what it says, what says nothing, and whose head it may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES, head_statement, pick_head
from lockgate.audit.models import OWN, STAGES, model_of, of_model, said_for, spoken
from lockgate.core.digest import Digest
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement, parse
from lockgate.errors import VerificationFailed
from tests.support.evidence import START, Chronicle


def _candidate(log: Chronicle, seed: str, model: str) -> dict[str, Evidence]:
    """What four stages said, for `model`: made as of the project's own, then said anew for it."""
    made = Chronicle()
    return {
        claim: log.add(said_for(one.statement, model)) for claim, one in made.candidate(seed).items() if claim in STAGES
    }


def _back(log: Chronicle, stage: str, target: Digest, model: str) -> None:
    statement = head_statement(stage, target, time=rfc3339(START), reason="test")
    log.add(said_for(statement, model), role=STAGE_ROLES[stage])


def test_the_stages_with_heads_are_those_that_say_a_model() -> None:
    """One list beside the other: neither may grow alone."""
    assert set(STAGE_ROLES) == STAGES


def test_each_form_of_statement_says_its_model_where_it_is_read() -> None:
    """A provenance among what a person chose, a test result as a fact; and the bytes are read back so."""
    log = Chronicle()
    for one in _candidate(log, "a", "late").values():
        assert model_of(one.statement) == "late"
        assert model_of(parse(one.statement.payload())) == "late"
    train = log.evidences[2].statement
    assert train.predicate["buildDefinition"]["externalParameters"] == {"model": "late"}


def test_the_projects_own_statements_are_as_they_always_were() -> None:
    """Byte for byte: no field is added, not even an empty one. Neither to what is about no model."""
    for one in Chronicle().candidate("a").values():
        assert said_for(one.statement, OWN) is one.statement
    log = Chronicle()
    assert said_for(log.policy().statement, "late") is log.evidences[0].statement
    scan = log.candidate("a")["scan"]
    assert said_for(scan.statement, "late") is scan.statement


def test_each_model_has_heads_of_its_own() -> None:
    """The newest statement of another model, of the same data too, is no head."""
    log = Chronicle()
    own, late, minutes = (_candidate(log, "the same", model) for model in (OWN, "late", "minutes"))
    for claim in ("ingest", "validate", "train", "judge"):
        heads = [pick_head(claim, log.evidences, model) for model in (OWN, "late", "minutes", "nobody")]
        assert heads == [own[claim], late[claim], minutes[claim], None]
    assert of_model("train", "late", log.evidences) == [late["train"]]


def test_a_rollback_moves_the_heads_of_one_model() -> None:
    """The other's stay where they were."""
    log = Chronicle()
    first, other, second = _candidate(log, "a", "late"), _candidate(log, "b", OWN), _candidate(log, "c", "late")
    _back(log, "train", first["train"].digest, "late")
    assert pick_head("train", log.evidences, "late") is first["train"]
    assert pick_head("train", log.evidences) is other["train"]
    assert pick_head("judge", log.evidences, "late") is second["judge"]


@pytest.mark.parametrize(("of", "target"), [("late", OWN), (OWN, "late"), ("late", "minutes")])
def test_a_head_that_points_to_another_models_statement_stops(of: str, target: str) -> None:
    """Though the stage's own role signed it, and the statement is an earlier one of that very stage."""
    log = Chronicle()
    made = {model: _candidate(log, "the same", model) for model in (OWN, "late", "minutes")}
    _back(log, "train", made[target]["train"].digest, of)
    with pytest.raises(VerificationFailed) as no:
        pick_head("train", log.evidences, of)
    assert no.value.finding == "LG542"
    assert pick_head("train", log.evidences, target) is made[target]["train"]


@pytest.mark.parametrize("name", ["", None, 5, ["late"], "Late", "a/b", "late "])
def test_a_name_that_cannot_be_read_is_never_nothing_said(name: Any) -> None:
    """Else whoever garbles it makes the statement the project's own."""
    log = Chronicle()
    for one in _candidate(log, "a", "late").values():
        definition = one.predicate.get("buildDefinition")
        said = {"model": name} if definition is None else {
            "buildDefinition": {**definition, "externalParameters": {"model": name}}
        }  # fmt: skip
        statement = Statement(one.statement.subjects, one.statement.predicate_type, {**one.predicate, **said})
        with pytest.raises(VerificationFailed) as no:
            pick_head(one.claim, [replace(one, statement=statement)])
        assert no.value.finding == "LG970"


def test_a_name_that_was_said_once_is_said_for_ever() -> None:
    """A project that is renamed to one of its models does not become it; one that is renamed otherwise goes on."""
    log = Chronicle()
    log.candidate("a")
    assert [spoken(name, "flights", log.evidences) for name in ("flights", "late")] == [OWN, "late"]
    assert spoken("delays", "delays", log.evidences) == OWN
    _candidate(log, "b", "late")
    assert [spoken(name, "late", log.evidences) for name in ("late", "flights")] == ["late", "flights"]
