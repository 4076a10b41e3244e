"""What a policy says is done of an alarm, and whether it was: by the event log alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockgate.audit.entries import LIVE, deployments
from lockgate.audit.lives import standing_alarms

if TYPE_CHECKING:
    from lockgate.audit.alarms import Alarm
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest


def undone(one: Alarm, statements: Sequence[Evidence]) -> bool:
    """Whether the guard was to go back on it, and nobody has made any model live since: neither the guard nor a person.

    Signing the alarm and going back are two statements: whatever may happen between them.
    """
    if one.action != "rollback":
        return False
    return not any(
        (each.environment, each.name, each.rung) == (one.environment, one.name, LIVE)
        and each.evidence.index > one.evidence.index
        for each in deployments(statements)
    )


def owed(statements: Sequence[Evidence], environment: str, manifest: Digest) -> Alarm | None:
    """The newest alarm of the live model `manifest` that nobody answered, and on which the guard has yet to go back."""
    found = [one for one in standing_alarms(statements, environment, manifest) if undone(one, statements)]
    return found[-1] if found else None
