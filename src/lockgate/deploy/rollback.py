"""Going back: a stage to an earlier statement, an environment to an earlier model. Nothing is ever deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from lockgate.audit import deployments
from lockgate.audit.entries import Deployment, Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES, head_statement, stale
from lockgate.audit.load import load_standing
from lockgate.audit.origins import registration_of
from lockgate.audit.refs import resolve
from lockgate.audit.standings import Standing, standing
from lockgate.audit.workplace import Workplace
from lockgate.core.moments import rfc3339
from lockgate.deploy import rules
from lockgate.deploy.looking import look_ahead
from lockgate.deploy.spec import Look, RollbackResult, looks_nowhere
from lockgate.deploy.statements import deployment_statement
from lockgate.deploy.turn import turn
from lockgate.errors import LockgateError, Refused, Usage


def rollback(
    workplace: Workplace, what: str, to: str = "", reason: str = "", look: Look = looks_nowhere
) -> RollbackResult:
    """Make an earlier verified statement of the stage `what` its head again, or an earlier model live in `what`.

    Where a model is on the ladder of the environment `what`, one step back is: it is taken off, and live stays.

    Args:
        look: what the log of predictions says of a model on the ladder.
        to: for a stage: an envelope digest, a unique prefix of one, or a log index; for an environment: a REF.
            Empty: one step back.

    Raises:
        Usage: LG501, LG502, LG503 `to` fits nothing or several; an environment that the policy does not know.
        Refused: LG520 nothing is live there; LG514, LG515, LG518, LG530, LG531 as `rules.rollback_target`;
            LG532 the stage has nothing to return to, or stands there already.
    """
    ahead = look if what in STAGE_ROLES else look_ahead(workplace, what, look)
    with turn(workplace, STAGE_ROLES.get(what, "deployer")):
        if what in STAGE_ROLES:
            return _stage(workplace, what, to, reason)
        workplace.policy.environment(what)
        return _environment(workplace, what, to, reason, ahead)


def _stage(workplace: Workplace, stage: str, to: str, reason: str) -> RollbackResult:
    head = workplace.head(stage)
    target = _earlier(stage, to, head, workplace.said(stage))
    statement = head_statement(stage, target.digest, time=rfc3339(workplace.now()), reason=reason)
    evidence = workplace.record(STAGE_ROLES[stage], statement)
    left_behind = stale({claim: workplace.head(claim) for claim in STAGE_ROLES})
    return RollbackResult(stage, target, evidence, left_behind)


def _earlier(stage: str, to: str, head: Evidence | None, said: Sequence[Evidence]) -> Evidence:
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


def _environment(workplace: Workplace, environment: str, to: str, reason: str, look: Look) -> RollbackResult:
    statements = workplace.ledger.statements()
    wanted = resolve(to, statements, environment) if to else None
    name = _name(environment, wanted, statements)
    chain = deployments.chain(environment, name, statements)
    found = standing(chain)
    if found is None:
        raise Refused(
            "LG520",
            f"nothing is live in {environment}",
            seen={"environment": environment},
            next=f"lockgate deploy latest --env {environment}",
        )
    now = workplace.now()
    earlier, registration = _target(found, chain, wanted, statements, now)
    candidate = found.candidate
    statement = deployment_statement(
        registration,
        environment,
        chain,
        summary=earlier.summary,
        floor=chain[-1].floor,
        reason=reason,
        now=now,
        checks=None if candidate is None else _checks(candidate, statements, now, look),
    )
    gone = "" if candidate is None else f"{candidate.name}@{candidate.version}"
    evidence = workplace.record("deployer", statement)
    return RollbackResult(environment, registration.evidence, evidence, withdrawn=gone)


def _target(
    found: Standing,
    chain: Sequence[Deployment],
    wanted: Registration | None,
    statements: Sequence[Evidence],
    now: datetime,
) -> tuple[Deployment, Registration]:
    """What is live, where a model is to be taken off the ladder; else what was live before.

    Where what is live must not be used any more, taking the other one off answers nobody: both go.
    """
    if found.candidate is not None and wanted is None:
        registration = registration_of(found.live, statements)
        with suppress(LockgateError):
            rules.check_returns(found.live, registration, found.live, statements, now)
            return found.live, registration
    return rules.rollback_target(chain, found.live, wanted, statements, now)


def _checks(
    candidate: Deployment, statements: Sequence[Evidence], now: datetime, look: Look
) -> Mapping[str, Any] | None:
    """What is told of the model that is taken off. That nothing can be told never keeps it on."""
    with suppress(LockgateError, OSError):
        loaded = load_standing(statements, candidate.environment, now, name=candidate.name)
        facts = look(loaded) if loaded.candidate is not None else None
        return facts.checks if facts is not None else None
    return None


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
