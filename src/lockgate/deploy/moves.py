"""The guard's moves: the only place where its key signs. It is online, can take away, and adds what it is lent.

The controller proposes and has no key; what it proposes is read here as a word of somebody who may be taken over. Down
is signed always. Up is signed on a deployer's authorisation only, one rung at a time, and every loader asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lockgate.audit import deployments, entries
from lockgate.audit.climbing import authorisation_for
from lockgate.audit.entries import LIVE, Deployment
from lockgate.audit.evidence import Evidence
from lockgate.audit.guarding import next_rung
from lockgate.audit.load import load_standing
from lockgate.audit.standings import Standing, standing
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest
from lockgate.deploy.statements import deployment_statement
from lockgate.deploy.turn import turn
from lockgate.errors import Refused

PATIENCE_SECONDS = 2.0
"""How long it waits for a command of a person that decides just now; then it is said, and proposed again."""


def guard_move(
    workplace: Workplace,
    *,
    move: Literal["up", "down"],
    manifest: Digest,
    sequence: int,
    to: str,
    checks: Mapping[str, Any] | None,
    authorisation: Digest | None = None,
    reason: str = "",
) -> Evidence:
    """Sign, as guard, the move that a controller proposed in the workplace's environment, and append it.

    1. There is a model of this manifest, and the newest move of its chain is still the one that the proposal was made
       on: another one since then, by a person or another guard, ends it.
    2. Down: the candidate off the ladder (`manifest` that of what is live, `to` live), or to a rung that it had on this
       ladder, with the summary and share of then.
    3. Up: the candidate to the next rung of the newest authorisation that holds now; `authorisation` names it, or None.

    Raises:
        Refused: LG545 the proposal is out of date, or no such move; what signing and sealing raise: LG864.
        Unavailable: LG807 a person's command decided all that time.
    """
    with turn(workplace, patience=PATIENCE_SECONDS):
        statements = workplace.ledger.statements()
        # 1.
        registration = next((one for one in entries.registrations(statements) if one.manifest == manifest), None)
        if registration is None:
            raise _stale("no model of this log has its manifest", sequence, manifest)
        chain = deployments.chain(workplace.environment, registration.name, statements)
        found = standing(chain)
        if found is None or chain[-1].sequence != sequence:
            raise _stale("another move was made since", sequence, manifest)
        lent: Digest | None = None
        if move == "down":
            # 2.
            given = _down(found, chain, manifest, to)
            summary, rung, share = given.summary, given.rung, given.share
        else:
            # 3.
            candidate, rung, share, lent = _up(found, statements, workplace, to, authorisation)
            summary = candidate.summary
            if candidate.manifest != manifest:
                raise _stale("it is not the candidate", sequence, manifest)
        statement = deployment_statement(
            registration,
            workplace.environment,
            chain,
            summary=summary,
            rung=rung,
            share=share,
            floor=chain[-1].floor,
            reason=reason,
            now=workplace.now(),
            checks=checks,
            authorisation=lent,
        )
        return workplace.record("guard", statement)


def _down(found: Standing, chain: Sequence[Deployment], manifest: Digest, to: str) -> Deployment:
    """The statement whose words are said again."""
    candidate, since = found.candidate, found.since
    if candidate is None or since is None:
        raise _stale("no model is on the ladder", chain[-1].sequence, manifest)
    if to == LIVE and manifest == found.live.manifest:
        return found.live
    for one in reversed(chain):
        lower = one.sequence >= since.sequence and one.share < candidate.share
        if lower and (one.manifest, one.rung) == (manifest, to) and manifest == candidate.manifest:
            return one
    raise _stale(f"the candidate had no rung {to} below its own", chain[-1].sequence, manifest)


def _up(
    found: Standing, statements: Sequence[Evidence], workplace: Workplace, to: str, wanted: Digest | None
) -> tuple[Deployment, str, float, Digest]:
    """The candidate's statement, the rung and share that follow, and on whose word."""
    candidate = found.candidate
    if candidate is None:
        raise _stale("no model is on the ladder", found.live.sequence, found.live.manifest)
    loaded = load_standing(statements, workplace.environment, workplace.now(), name=candidate.name)
    if loaded.candidate is None:
        raise loaded.problem or _stale("the candidate does not load", candidate.sequence, candidate.manifest)
    holds, why = authorisation_for(found, loaded.candidate.policy, statements, workplace.now())
    if holds is None or wanted not in (None, holds.evidence.digest):
        raise _stale(why or "another authorisation holds now", candidate.sequence, candidate.manifest)
    following = next_rung(holds, candidate)
    if following is None or following[0] != to:
        raise _stale(f"{to} is not the rung after {candidate.rung}", candidate.sequence, candidate.manifest)
    return candidate, *following, holds.evidence.digest


def _stale(why: str, sequence: int, manifest: Digest) -> Refused:
    return Refused(
        "LG545",
        f"the guard signs no such move: {why}",
        seen={"sequence": sequence, "manifest": manifest},
        next="lockgate status",
    )
