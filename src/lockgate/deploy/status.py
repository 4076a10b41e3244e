"""Where everything stands, read from verified statements. Signs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lockgate.audit import deployments, entries
from lockgate.audit.entries import Deployment, Waiver
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES, pick_head, stale
from lockgate.audit.load import load_decision
from lockgate.audit.waivers import fault
from lockgate.audit.withdrawn import withdrawn
from lockgate.audit.workplace import Workplace
from lockgate.deploy.spec import Live, Status
from lockgate.errors import LockgateError


def status(workplace: Workplace) -> Status:
    """The head of each stage, what is stale, and what is live where. Raises VerificationFailed for a broken head."""
    return status_of(workplace.ledger.statements(), workplace.now())


def status_of(statements: Sequence[Evidence], now: datetime) -> Status:
    """The same, of statements. Pure."""
    heads = {claim: pick_head(claim, statements) for claim in STAGE_ROLES}
    environments = dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "deploy")
    live = tuple(
        _live(environment, name, statements, now)
        for environment in environments
        for name in deployments.deployed_names(environment, statements)
    )
    return Status(heads, stale(heads), live, _waived(statements, now))


def _live(environment: str, name: str, statements: Sequence[Evidence], now: datetime) -> Live:
    problem = ""
    newest: Deployment | None = None
    rests_on: tuple[Waiver, ...] = ()
    try:
        newest = deployments.current(environment, name, statements)
        rests_on = load_decision(statements, environment, now, name=name).waivers
    except LockgateError as error:
        problem = f"{error.finding} {error.message}"
    if newest is None:
        said = [one for one in statements if one.claim == "deploy" and one.predicate.get("name") == name]
        return Live(environment, name, 0, said[-1].time, said[-1], problem)
    return Live(
        environment, name, newest.version, newest.evidence.time, newest.evidence, problem, newest.floor, rests_on
    )


def _waived(statements: Sequence[Evidence], now: datetime) -> tuple[Waiver, ...]:
    gone = withdrawn(statements)
    return tuple(
        one
        for one in entries.waivers(statements)
        if not fault(one, environment=one.environment, manifest=one.manifest, now=now) and not gone.hits(one.evidence)
    )
