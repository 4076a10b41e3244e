"""Where everything stands, read from verified statements. Signs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lockgate.audit import deployments, entries
from lockgate.audit.entries import Deployment, Waiver
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES, pick_head, stale
from lockgate.audit.load import LoadStanding, load_standing
from lockgate.audit.models import OWN
from lockgate.audit.standings import standing
from lockgate.audit.waivers import fault
from lockgate.audit.withdrawn import withdrawn
from lockgate.audit.workplace import Workplace
from lockgate.deploy.on_ladder import on_ladder, taken_off
from lockgate.deploy.spec import Live, Look, Status, looks_nowhere
from lockgate.errors import LockgateError


def status(workplace: Workplace) -> Status:
    """The head of each stage, what is stale, and what is live where. Raises VerificationFailed for a broken head."""
    return status_of(workplace.ledger.statements(), workplace.now(), workplace.model)


def status_of(statements: Sequence[Evidence], now: datetime, model: str = OWN, look: Look = looks_nowhere) -> Status:
    """The same, of statements; the heads are those of `model`. Pure, but for `look`."""
    heads = {claim: pick_head(claim, statements, model) for claim in STAGE_ROLES}
    environments = dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "deploy")
    live = tuple(
        _live(environment, name, statements, now, look)
        for environment in environments
        for name in deployments.deployed_names(environment, statements)
    )
    return Status(heads, stale(heads), live, _waived(statements, now))


def _live(environment: str, name: str, statements: Sequence[Evidence], now: datetime, look: Look) -> Live:
    problem = ""
    chain: tuple[Deployment, ...] = ()
    loaded: LoadStanding | None = None
    try:
        chain = deployments.chain(environment, name, statements)
        loaded = load_standing(statements, environment, now, name=name)
    except LockgateError as error:
        problem = f"{error.finding} {error.message}"
    found = standing(chain)
    if found is None:
        said = [one for one in statements if one.claim == "deploy" and one.predicate.get("name") == name]
        return Live(environment, name, 0, said[-1].time, said[-1], problem)
    return Live(
        environment,
        name,
        found.live.version,
        found.live.evidence.time,
        found.live.evidence,
        problem,
        chain[-1].floor,
        loaded.live.waivers if loaded is not None else (),
        on_ladder(chain, loaded, statements, now, look),
        taken_off(chain),
    )


def _waived(statements: Sequence[Evidence], now: datetime) -> tuple[Waiver, ...]:
    gone = withdrawn(statements)
    return tuple(
        one
        for one in entries.waivers(statements)
        if not fault(one, environment=one.environment, manifest=one.manifest, now=now) and not gone.hits(one.evidence)
    )
