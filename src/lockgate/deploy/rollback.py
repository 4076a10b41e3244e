"""Going back: a stage to an earlier statement, an environment to an earlier model. Nothing is ever deleted."""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.audit import deployments
from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES, head_statement, pick_head, stale
from lockgate.audit.refs import resolve
from lockgate.audit.workplace import Workplace
from lockgate.core.moments import rfc3339
from lockgate.deploy import rules
from lockgate.deploy.spec import RollbackResult
from lockgate.deploy.statements import deployment_statement
from lockgate.deploy.turn import turn
from lockgate.errors import Refused, Usage


def rollback(workplace: Workplace, what: str, to: str = "", reason: str = "") -> RollbackResult:
    """Make an earlier verified statement of the stage `what` its head again, or an earlier model live in `what`.

    Args:
        to: for a stage: an envelope digest, a unique prefix of one, or a log index; for an environment: a REF.
            Empty: one step back.

    Raises:
        Usage: LG501, LG502, LG503 `to` fits nothing or several; an environment that the policy does not know.
        Refused: LG520 nothing is live there; LG514, LG515, LG518, LG530, LG531 as `rules.rollback_target`;
            LG532 the stage has nothing to return to, or stands there already.
    """
    with turn(workplace):
        if what in STAGE_ROLES:
            return _stage(workplace, what, to, reason)
        workplace.policy.environment(what)
        return _environment(workplace, what, to, reason)


def _stage(workplace: Workplace, stage: str, to: str, reason: str) -> RollbackResult:
    statements = workplace.ledger.statements()
    head = pick_head(stage, statements)
    target = _earlier(stage, to, head, statements)
    statement = head_statement(stage, target.digest, time=rfc3339(workplace.now()), reason=reason)
    evidence = workplace.record(STAGE_ROLES[stage], statement)
    after = workplace.ledger.statements()
    left_behind = stale({claim: pick_head(claim, after) for claim in STAGE_ROLES})
    return RollbackResult(stage, target, evidence, left_behind)


def _earlier(stage: str, to: str, head: Evidence | None, statements: Sequence[Evidence]) -> Evidence:
    said = [one for one in statements if one.claim == stage]
    if not to:
        before = [one for one in said if head is not None and one.index < head.index]
        if not before:
            raise Refused("LG532", f"{stage} has no earlier statement to return to", next=f"lockgate {_verb(stage)}")
        return before[-1]
    found = [one for one in said if _is(one, to)]
    if len(found) != 1:
        listed = [f"{one.index}: {one.digest}" for one in said]
        raise Usage(
            "LG503" if found else "LG502",
            f"{to!r} fits {len(found)} {stage} statements; name one by digest, prefix or log index",
            seen={"statements": listed},
            next="lockgate log show",
        )
    if head is not None and found[0].digest == head.digest:
        raise Refused("LG532", f"{stage} stands there already", seen={"statement": head.digest}, next="lockgate status")
    return found[0]


def _is(one: Evidence, to: str) -> bool:
    if to.isdecimal() and len(to) < 8:
        return one.index == int(to)
    digits = to.removeprefix("sha256:")
    return len(digits) >= 4 and one.digest.removeprefix("sha256:").startswith(digits)


def _environment(workplace: Workplace, environment: str, to: str, reason: str) -> RollbackResult:
    statements = workplace.ledger.statements()
    wanted = resolve(to, statements, environment) if to else None
    chain = deployments.chain(environment, _name(environment, wanted, statements), statements)
    if not chain:
        raise Refused(
            "LG520",
            f"nothing is live in {environment}",
            seen={"environment": environment},
            next=f"lockgate deploy latest --env {environment}",
        )
    earlier, registration = rules.rollback_target(chain, wanted, statements, workplace.now())
    statement = deployment_statement(
        registration,
        environment,
        chain[-1],
        summary=earlier.summary,
        rung=earlier.rung,
        floor=chain[-1].floor,
        reason=reason,
        now=workplace.now(),
    )
    return RollbackResult(environment, registration.evidence, workplace.record("deployer", statement))


def _name(environment: str, wanted: Registration | None, statements: Sequence[Evidence]) -> str:
    if wanted is not None:
        return wanted.name
    names = deployments.deployed_names(environment, statements)
    if len(names) > 1:
        raise Usage(
            "LG503",
            f"{len(names)} models are deployed in {environment}; say which",
            seen={"names": list(names)},
            next=f"lockgate rollback {environment} --to {names[0]}@1",
        )
    return names[0] if names else ""


def _verb(stage: str) -> str:
    return "train" if stage == "judge" else stage
