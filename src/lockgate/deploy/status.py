"""Where everything stands, read from verified statements. Signs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lockgate.audit import deployments
from lockgate.audit.entries import Deployment
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES, pick_head, stale
from lockgate.audit.load import load_decision
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
    return Status(heads, stale(heads), live)


def _live(environment: str, name: str, statements: Sequence[Evidence], now: datetime) -> Live:
    problem = ""
    newest: Deployment | None = None
    try:
        newest = deployments.current(environment, name, statements)
        load_decision(statements, environment, now, name=name)
    except LockgateError as error:
        problem = f"{error.finding} {error.message}"
    if newest is None:
        said = [one for one in statements if one.claim == "deploy" and one.predicate.get("name") == name]
        return Live(environment, name, 0, said[-1].time, said[-1], problem)
    return Live(environment, name, newest.version, newest.evidence.time, newest.evidence, problem)
