"""The guard goes back to the model before, because an alarm says that rows are not what the live one was made for.

Once: what it went back to is not left again by itself. Whatever changed may alarm for each earlier model too, and a
guard that goes on would end at the oldest one. For the same reason never to a model of which an alarm stands: rows of
now are no more like its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lockgate.audit import deployments
from lockgate.audit.entries import LIVE, Deployment
from lockgate.audit.lives import standing_alarms
from lockgate.audit.standings import standing
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, short
from lockgate.deploy import rules
from lockgate.deploy.moves import PATIENCE_SECONDS
from lockgate.deploy.statements import deployment_statement
from lockgate.deploy.turn import turn
from lockgate.errors import Refused

NO_WAY_BACK: Final = ("LG520", "LG531", "LG545")


def go_back(workplace: Workplace, name: str, alarm: Digest) -> str:
    """Sign, as guard, that the model that was live before is live again; whoever is on the ladder is off it. Its REF.

    1. What is live was not made so by the guard going back.
    2. There is a lower version that was live and may be again (`rules.rollback_target`), of which no alarm stands.

    Raises:
        Refused: LG545 (1), LG531 (2), LG520 nothing is live; what signing and sealing raise: LG864.
        Unavailable: LG807 a person's command decided all that time.
    """
    with turn(workplace, patience=PATIENCE_SECONDS):
        statements = workplace.ledger.statements()
        chain = deployments.chain(workplace.environment, name, statements)
        found = standing(chain)
        if found is None:
            raise Refused("LG520", f"nothing is live in {workplace.environment}", next="lockgate status")
        # 1.
        live = found.live
        made = _made(chain, live)
        if made.evidence.role == "guard" and made.move == "down":
            raise Refused(
                "LG545",
                f"it went back to {live.name}@{live.version} already, and goes back no further",
                seen={"live": live.manifest, "move": made.sequence},
                next=f"lockgate rollback {workplace.environment}",
            )
        # 2.
        alarming = {one.manifest for one in chain if standing_alarms(statements, workplace.environment, one.manifest)}
        lower = [one for one in chain if one.version < live.version and one.manifest not in alarming]
        earlier, registration = rules.rollback_target(lower, live, None, statements, workplace.now())
        statement = deployment_statement(
            registration,
            workplace.environment,
            chain,
            summary=earlier.summary,
            rung=LIVE,
            share=1.0,
            floor=chain[-1].floor,
            reason=f"alarm {short(alarm)}",
            now=workplace.now(),
        )
        workplace.record("guard", statement)
        return registration.ref


def _made(chain: Sequence[Deployment], live: Deployment) -> Deployment:
    """The move that made `live` what it is; those after it only took somebody off the ladder."""
    made = live
    for one in reversed(chain):
        if one.rung == LIVE:
            if one.manifest != live.manifest:
                break
            made = one
    return made
