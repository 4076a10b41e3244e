"""What is asked of an alarm by the event log alone: before it is sealed, and by whoever verifies it. Pure.

The guard's key is online, so that it is the first to be stolen. That an alarm's numbers are those of the log of
predictions, `alarm_recount` finds out; what cannot be right whatever that log says is not sealed at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit import entries
from lockgate.audit.alarms import Alarm, alarms
from lockgate.audit.lives import life_of
from lockgate.audit.watched import monitor_policy
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.trust.policy_monitor import MonitorPolicy

SPELL: Final = timedelta(hours=1)
"""At most one alarm of a life is signed in this time."""
_NEAR: Final = 1e-5


def check_alarm(found: Alarm, statements: Sequence[Evidence]) -> None:
    """`statements`: the event log; what stands after the alarm is not looked at.

    1. It is of a model of this log.
    2. Test, settings and action are those of the policy that was in force.
    3. It is of the life that the test was in; each of its streams alarms, and no alarm of that life named it before.
    4. The alarm before is an hour old.

    Raises VerificationFailed LG777.
    """
    before = [one for one in statements if one.index < found.evidence.index]
    # 1.
    known = {(one.name, one.version, one.manifest) for one in entries.registrations(before)}
    if (found.name, found.version, found.manifest) not in known:
        raise refuted(found, "it is of a model that this log does not have", {})
    # 2.
    policy = monitor_policy(before, found.environment)
    for name, said, wanted in _by_policy(found, policy):
        if said != wanted:
            raise refuted(found, f"{name} is not what the policy in force says", {"told": said, "found": wanted})
    # 3.
    life = life_of(before, found.environment, found.manifest).sequence
    if found.life != life:
        raise refuted(found, "it is of another life than the test was in", {"told": found.life, "found": life})
    for stream in found.streams:
        reached = stream.log_e if not _banded(found) else min(stream.log_e, stream.log_band or 0.0)
        if reached < found.threshold - _NEAR:
            raise refuted(found, f"{stream.name} does not reach the threshold", {"told": reached})
    earlier = [
        one for one in alarms(before, found.environment) if (one.manifest, one.life) == (found.manifest, found.life)
    ]
    named = {stream.name for one in earlier for stream in one.streams}
    again = sorted(named.intersection(stream.name for stream in found.streams))
    if again:
        raise refuted(found, f"an alarm of this life names {again[0]} already", {})
    # 4.
    if earlier and found.evidence.time < earlier[-1].evidence.time + SPELL:
        raise refuted(found, "the alarm before it is less than an hour old", {"before": earlier[-1].digest})


def refuted(found: Alarm, why: str, seen: dict[str, Any]) -> VerificationFailed:
    """LG777 of an alarm."""
    about = {"statement": found.digest, "log_index": found.evidence.index, "model": found.model}
    return VerificationFailed(
        "LG777",
        f"an alarm is not what the log bears out: {why}",
        seen={**about, "environment": found.environment, **seen},
        next="lockgate explain LG777",
    )


def _by_policy(found: Alarm, policy: MonitorPolicy) -> tuple[tuple[str, object, object], ...]:
    return (
        ("test", found.test, policy.test),
        ("false_alarms", found.false_alarms, policy.false_alarms),
        ("band", found.band, policy.band),
        ("run_length", found.run_length, policy.run_length),
        ("action", found.action, policy.on_alarm),
    )


def _banded(found: Alarm) -> bool:
    return found.test == "lifetime" and found.band > 0
