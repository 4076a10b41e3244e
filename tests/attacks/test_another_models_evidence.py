"""T: supply chain. What was said of one model is used for another of the same project, by somebody with a role's key.

Both models have the very same data, code and model bytes here, so that every digest fits: only what the statements say
of their model tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import head_statement
from lockgate.audit.models import OWN, model_of, said_for
from lockgate.audit.origins import inputs_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement, Subject
from lockgate.deploy.rollback import rollback
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.pipeline.unchanged import stands
from tests.support.project import SignedProject, register_here, signed_project

MODELS = {"flights": OWN, "late": "late", "minutes": "minutes"}


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedProject]:
    """Three models, each registered on statements of its own, of the same digests; the first is the project's own."""
    with pytest.MonkeyPatch.context() as patch:
        found = signed_project(tmp_path_factory.mktemp("models"), patch)
        for name, model in MODELS.items():
            found.candidate(of=model)
            register_here(found, patch, name, model)
        yield found


def _registered(project: SignedProject, name: str) -> Registration:
    """The first of that name; its inputs are what it was registered on."""
    return next(one for one in registrations(project.ledger.statements()) if one.name == name)


def _finding(act: Callable[[], object]) -> str:
    with pytest.raises(LockgateError) as caught:
        act()
    return str(caught.value.seen.get("because", caught.value.finding))


def _forged(one: Evidence, name: str, version: int = 2, **changes: Any) -> Statement:
    """The registration `one` as of `name`, as only the signer could make it."""
    said = {**one.predicate, "name": name, "version": version, **changes}
    return Statement(tuple(Subject(f"{name}@{version}", each.digest) for each in one.statement.subjects),
                     one.statement.predicate_type, said)  # fmt: skip


def test_each_model_is_registered_on_its_own_evidence(project: SignedProject) -> None:
    """The honest case: three registrations, none of which shares a statement but the scan of the same files."""
    made = [_registered(project, name) for name in MODELS]
    statements = project.open_ledger().statements()
    used = [digest for one in made for claim, digest in one.inputs.items() if claim != "scan"]
    assert len(set(used)) == len(used) == 12
    assert all("train" in inputs_of(one, statements) for one in made)


def test_the_signer_cannot_borrow_a_statement(project: SignedProject) -> None:
    """A judgement (or whatever) of another model under the same digests: never sealed, and read by nobody."""
    for name, donor in (("late", "minutes"), ("late", "flights"), ("flights", "late")):
        honest, other = _registered(project, name), _registered(project, donor)
        for claim in ("ingest", "validate", "train", "judge"):
            inputs = {**honest.inputs, claim: other.inputs[claim]}
            statement = _forged(honest.evidence, name, inputs=inputs)
            assert _finding(partial(project.record, "signer", statement)) == "LG971"
            sealed = replace(honest, inputs=inputs, evidence=replace(honest.evidence, index=99, statement=statement))
            assert _finding(partial(inputs_of, sealed, project.ledger.statements())) == "LG971"


def test_a_name_with_statements_of_its_own_is_not_registered_on_the_projects(project: SignedProject) -> None:
    """Neither by leaving the model unsaid, nor by saying another one than the name; a new name goes as ever."""
    own, late = (_registered(project, name).evidence for name in ("flights", "late"))
    assert _finding(lambda: project.record("signer", _forged(own, "minutes"))) == "LG971"
    assert _finding(lambda: project.record("signer", _forged(late, "minutes"))) == "LG971"
    assert project.record("signer", _forged(own, "renamed", version=1)).claim == "register"


def test_nothing_of_another_model_is_there_to_rest_on(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose judge has not spoken is not registered on another's word, and goes back to nothing of another's."""
    project.candidate(of="fresh", skip=["judge"])
    assert _finding(lambda: register_here(project, monkeypatch, "fresh", "fresh")) == "LG401"
    place = project.workplace(model="fresh")
    other = project.workplace(model="late").head("train")
    assert other is not None
    with pytest.raises(Usage) as usage:
        rollback(place, "train", str(other.index))
    assert usage.value.finding == "LG502"
    with pytest.raises(Refused) as refused:
        rollback(place, "train")
    assert refused.value.finding == "LG532"


def test_a_stages_role_cannot_point_a_head_at_another_model(project: SignedProject) -> None:
    """Sealed, it would stop that model's pipeline for ever; to a statement of the very model it goes."""
    target = project.workplace(model="late").head("train")
    assert target is not None
    statement = head_statement("train", target.digest, time=rfc3339(project.clock()), reason="test")
    for model, finding in (("minutes", "LG542"), (OWN, "LG542"), ("Late", "LG970")):
        assert _finding(partial(project.record, "trainer", said_for(statement, model))) == finding
    done = project.record("trainer", said_for(statement, "late"))
    assert (project.workplace(model="late").head("train"), done.claim) == (target, "head")


def test_a_statement_with_a_garbled_model_is_never_sealed(project: SignedProject) -> None:
    """It would stop every reader; the very statement with a name goes in."""
    head = project.workplace(model="late").head("judge")
    assert head is not None
    for name, finding in (("Late!", "LG970"), (7, "LG970")):
        said = {**head.predicate, "model": name}
        garbled = Statement(head.statement.subjects, head.statement.predicate_type, said)
        assert _finding(partial(project.record, "judge", garbled)) == finding
    said = {**head.predicate, "time": rfc3339(project.clock())}
    assert project.record("judge", Statement(head.statement.subjects, head.statement.predicate_type, said)).index > 0


def test_nothing_is_cached_on_another_models_word(project: SignedProject) -> None:
    """A stage that another model has done, on the very same files, is to be done; what this one did itself is not."""
    for model in ("late", "minutes"):
        found = stands(project.workplace(model=model), "ingest", lambda _: ()).head
        assert found is not None
        assert model_of(found.statement) == model
    assert stands(project.workplace(model="nobody"), "ingest", lambda _: ()).head is None
