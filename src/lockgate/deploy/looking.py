"""The log of predictions is read before the turn is taken: it may be long, and an alarm at night waits for nobody."""

from __future__ import annotations

from contextlib import suppress

from lockgate.audit.deployments import deployed_names
from lockgate.audit.load import LoadStanding, load_standing
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest
from lockgate.deploy.spec import Facts, Look
from lockgate.errors import LockgateError


def look_ahead(workplace: Workplace, environment: str, look: Look, manifest: Digest | None = None) -> Look:
    """`look`, asked now for the candidates of `environment`, or the one that is `manifest`.

    What comes back answers with that for as long as no move was made; after one it looks anew. What goes wrong now goes
    wrong again when it is asked for.
    """
    known: dict[tuple[str, int], Facts | None] = {}
    statements = workplace.ledger.statements()
    for name in deployed_names(environment, statements):
        with suppress(LockgateError, OSError):
            loaded = load_standing(statements, environment, workplace.now(), name=name)
            if loaded.candidate is not None and manifest in (None, loaded.candidate.manifest):
                known[name, loaded.sequence] = look(loaded)

    def again(loaded: LoadStanding) -> Facts | None:
        at = loaded.live.name, loaded.sequence
        return known[at] if at in known else look(loaded)

    return again
