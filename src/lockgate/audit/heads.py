"""Which statement is a stage's head, and which stages a head has left behind. Pure.

The head of a stage is what the next stage builds on: the newest statement of its claim, unless a later
stage-head statement (`lockgate rollback STAGE --to`) points back to an earlier one. A run after a rollback
makes a new statement, and with it a new head. Each model of a project has heads of its own (`audit.models`): a
statement of one is never the head of another's stage.

Promises: only evidence that the ledger verified comes in, in log order; a stage-head statement counts only
when the stage's own role signed it and when it points to an earlier statement of that very stage and model. Anything
else raises VerificationFailed: a head that cannot be followed is never skipped in favour of an older one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.audit import joins, models
from lockgate.core.digest import Digest
from lockgate.core.statement import STAGE_HEAD, Statement, Subject, claim_uri
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

HEAD = "head"

STAGE_ROLES: Mapping[str, str] = {
    "ingest": "ingester",
    "validate": "validator",
    "train": "trainer",
    "judge": "judge",
    "register": "signer",
}
"""The claims that can be rolled back with a stage-head statement, in the order of the pipeline, and who may."""


@dataclass(frozen=True)
class Stale:
    """A stage whose head rests on something that is no longer the head before it."""

    stage: str
    because: str
    message: str


def pick_head(claim: str, evidences: Sequence[Evidence], model: str = models.OWN) -> Evidence | None:
    """The head of `claim` for `model` among `evidences` (log order, any claims mixed). None: there is no statement.

    1. The newest event decides: a statement of the claim is its own head.
    2. A stage-head statement is followed to its target, which must be an earlier statement of the claim and model.

    Raises:
        VerificationFailed: LG541 when a stage-head statement was signed by another role than the stage's;
            LG542 when its target is not an earlier statement of that stage and model; LG970 a statement that
            names its model in no form that is known.
    """
    for evidence in sorted(evidences, key=lambda one: one.index, reverse=True):
        if evidence.claim == claim and models.is_for(evidence, model):
            return evidence
        if _moves(evidence, claim) and models.is_for(evidence, model):
            return _follow(evidence, claim, model, evidences)
    return None


def head_statement(stage: str, target: Digest, *, time: str, reason: str) -> Statement:
    """The statement by which `stage` goes back to the statement in envelope `target`."""
    predicate = {"claim": claim_uri(HEAD), "time": time, "stage": stage, "target": target, "reason": reason}
    return Statement((Subject(f"{stage} statement", target),), STAGE_HEAD, predicate)


def stale(heads: Mapping[str, Evidence | None]) -> tuple[Stale, ...]:
    """Which of the stages in `heads` no longer rest on the head before them, in the order of the pipeline.

    A stage without a head is not stale: it has not run. Whatever follows a stale stage is stale with it.
    """
    found: list[Stale] = []
    behind: set[str] = set()
    for stage, before in joins.ORDER:
        head = heads.get(stage)
        earlier = heads.get(before)
        if head is None:
            continue
        if earlier is None:
            message = f"{stage} rests on a {before} statement, and there is none"
        elif before in behind:
            message = f"{stage} follows {before}, which is stale"
        else:
            message = joins.gap(stage, head.statement, earlier.statement)
        if message:
            behind.add(stage)
            found.append(Stale(stage, before, message))
    return tuple(found)


def _moves(evidence: Evidence, stage: str) -> bool:
    return evidence.claim == HEAD and evidence.statement.predicate.get("stage") == stage


def _follow(head: Evidence, stage: str, model: str, evidences: Sequence[Evidence]) -> Evidence:
    if stage not in STAGE_ROLES or head.role != STAGE_ROLES[stage]:
        raise VerificationFailed(
            "LG541",
            f"the head of {stage} was moved by role {head.role}, which may not do that",
            seen={"statement": head.digest, "log_index": head.index, "role": head.role},
            next="lockgate trust show",
        )
    target = head.statement.predicate.get("target")
    for evidence in models.of_model(stage, model, evidences):
        if evidence.digest == target and evidence.index < head.index:
            return evidence
    raise VerificationFailed(
        "LG542",
        f"the head of {stage} points to a statement that is no earlier {stage} statement of this model",
        seen={"statement": head.digest, "log_index": head.index, "target": target},
        next="lockgate log verify",
    )
