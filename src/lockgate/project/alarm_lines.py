"""The alarms that nobody answered, a line each. Pure; read from the event log alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lockgate.audit.entries import registrations
from lockgate.audit.follow_up import undone
from lockgate.audit.lives import standing_alarms
from lockgate.core.moments import age
from lockgate.core.shown import shown
from lockgate.project.monitor_values import named

if TYPE_CHECKING:
    from lockgate.audit.alarms import Alarm
    from lockgate.audit.evidence import Evidence

_MOST_NAMES: Final = 5


def open_alarms(statements: Sequence[Evidence], now: datetime) -> tuple[str, ...]:
    """Of every model in every environment, whether it is live or was taken back on the alarm; oldest first."""
    said = [one for one in statements if one.claim == "alarm"]
    environments = dict.fromkeys(str(one.predicate.get("environment")) for one in said)
    models = [one.manifest for one in registrations(statements)] if said else []
    found = [
        alarm
        for environment in environments
        for each in models
        for alarm in standing_alarms(statements, environment, each)
    ]
    found.sort(key=lambda one: one.evidence.index)
    return tuple(alarm_in_words(one, now, undone=undone(one, statements)) for one in found)


def alarm_in_words(one: Alarm, now: datetime, *, undone: bool = False) -> str:
    """What alarms where, and for how long."""
    names = [shown(stream.name) for stream in sorted(one.streams, key=lambda stream: -stream.log_e)]
    rest = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
    opened = f"open for {age(one.evidence.time, now)}, log entry {one.evidence.index}"
    opened += "; by policy: rollback, NOT done" * undone
    return f"{one.environment}: {one.model} drifts in {listed}; {opened}   lockgate monitor ack {named(one.digest)}"
