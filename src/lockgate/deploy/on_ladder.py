"""What `status` says of the ladder: who is on it, how far the rung is, what the checks say, who was taken off. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lockgate.audit.climbing import authorisation_for
from lockgate.audit.entries import Deployment
from lockgate.audit.evidence import Evidence
from lockgate.audit.load import LoadStanding
from lockgate.audit.standings import standing, withdraws
from lockgate.deploy.spec import Look, OnLadder, Taken


def on_ladder(
    chain: Sequence[Deployment], loaded: LoadStanding | None, statements: Sequence[Evidence], now: datetime, look: Look
) -> OnLadder | None:
    """The candidate of `chain`, as loaders see it; `loaded` is None where what is live does not load."""
    found = standing(chain)
    candidate = found.candidate if found is not None else None
    if found is None or candidate is None:
        return None
    decision = loaded.candidate if loaded is not None else None
    problem = "what is live beside it does not load"
    if loaded is not None:
        problem = "" if loaded.problem is None else f"{loaded.problem.finding} {loaded.problem.message}"
    rung_policy, until, why = None, None, ""
    if decision is not None:
        rung_policy = decision.policy.ladder.rung(candidate.rung)
        authorisation, why = authorisation_for(found, decision.policy, statements, now)
        until = authorisation.expires if authorisation is not None else None
    return OnLadder(
        candidate.version,
        candidate.manifest,
        candidate.rung,
        candidate.share,
        candidate.evidence.time,
        candidate.evidence,
        problem,
        look(loaded) if loaded is not None and decision is not None else None,
        rung_policy,
        until,
        why,
    )


def taken_off(chain: Sequence[Deployment]) -> Taken | None:
    """The model that the newest move took off by itself; None where that move was another one."""
    before = standing(chain[:-1])
    if before is None or before.candidate is None or not withdraws(chain[-1], before):
        return None
    last, gone = chain[-1], before.candidate
    if last.evidence.role != "guard":
        return None
    return Taken(f"{gone.name}@{gone.version}", gone.rung, last.evidence.time, last.checks or {}, last.reason)
