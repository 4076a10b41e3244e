"""Which model of the project a stage's statement is for. Pure.

    provenance (ingest, train)                   buildDefinition.externalParameters.model
    validate, judge, register, stage-head, mark  model

A statement that says nothing is about the project's own model: the one that bears the project's name. So are all
statements of a project without `[model.NAME]` tables, and of every log from before there were any.

Promises: a statement of one model is never taken for another's. A name that was said once is said for ever: what
comes later under it and says nothing is not its. What is malformed raises VerificationFailed and is never skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lockgate.core.names import check_model_name
from lockgate.core.statement import PROVENANCE, Statement
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.evidence import Evidence

OWN: Final = ""
"""The project's own model, of which statements say nothing."""

KEY: Final = "model"

STAGES: Final = frozenset({"ingest", "validate", "train", "judge", "register"})
"""The claims that are about one model. A scan is about files, whoever has them."""

_SAYING: Final = STAGES | {"head", "mark"}


def model_of(statement: Statement) -> str:
    """The model that a statement of a stage, of its head, or on its rows is for. Raises VerificationFailed LG970."""
    holder = _holder(statement)
    if KEY not in holder:
        return OWN
    try:
        return check_model_name(holder[KEY])
    except ValueError as error:
        raise VerificationFailed(
            "LG970",
            f"a {statement.claim} statement names its model in no form that is known: {error}",
            seen={"subjects": [one.name for one in statement.subjects]},
            next="lockgate log verify",
        ) from None


def said_for(statement: Statement, model: str) -> Statement:
    """`statement` as one for `model`. What is about no single model, and the project's own, stay as they are."""
    if model == OWN or statement.claim not in _SAYING:
        return statement
    said = dict(statement.predicate)
    if statement.predicate_type == PROVENANCE:
        definition = said["buildDefinition"]
        parameters = {**definition["externalParameters"], KEY: model}
        said["buildDefinition"] = {**definition, "externalParameters": parameters}
    else:
        said[KEY] = model
    return replace(statement, predicate=said)


def of_model(claim: str, model: str, evidences: Iterable[Evidence]) -> list[Evidence]:
    """The statements of `claim` that are for `model`, in log order."""
    return [one for one in evidences if one.claim == claim and is_for(one, model)]


def is_for(one: Evidence, model: str) -> bool:
    """Whether `one` speaks for `model`. What is no stage's (a policy, say) speaks for all."""
    return one.claim not in _SAYING or model_of(one.statement) == model


def spoken(name: str, project: str, evidences: Iterable[Evidence]) -> str:
    """What the statements of the model `name` say of it: nothing where it is the project's own, else its name.

    Once a statement has said a name, that name is said: a project that is renamed to one of its models does not
    become it.
    """
    return OWN if name == project and not _was_said(name, evidences) else name


def check_same(registration: Registration, inputs: Mapping[str, Evidence], evidences: Sequence[Evidence]) -> None:
    """That a registration rests on statements of its own model alone, and bears its name.

    1. Each of them says what the registration says.
    2. What it says is its name; and when it says nothing, no statement before it has said that name.

    Raises VerificationFailed LG971.
    """
    model = model_of(registration.evidence.statement)
    # 1.
    for claim, one in inputs.items():
        if not is_for(one, model):
            other = model_of(one.statement) or "the project's own model"
            raise _another(registration, f"rests on a {claim} statement for {other}", one)
    # 2.
    before = (one for one in evidences if one.index < registration.evidence.index)
    if model not in (OWN, registration.name):
        raise _another(registration, f"says that it is for {model}", registration.evidence)
    if model == OWN and _was_said(registration.name, before):
        raise _another(
            registration, "says nothing of its model, which has statements of its own", registration.evidence
        )


def _was_said(name: str, evidences: Iterable[Evidence]) -> bool:
    return any(one.claim in STAGES and model_of(one.statement) == name for one in evidences)


def _holder(statement: Statement) -> Mapping[str, Any]:
    found: Any = statement.predicate
    if statement.predicate_type == PROVENANCE:
        for key in ("buildDefinition", "externalParameters"):
            found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _another(registration: Registration, what: str, one: Evidence) -> VerificationFailed:
    return VerificationFailed(
        "LG971",
        f"the registration of {registration.ref} {what}",
        seen={"registration": registration.evidence.digest, "statement": one.digest, "log_index": one.index},
        next="lockgate log verify",
    )
