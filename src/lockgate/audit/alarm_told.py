"""What an alarm tells, made from the test's numbers; and whether somebody who counts again finds the same. Pure.

Of each stream that alarms: its evidence, how large the difference is, since when, and reference and present side by
side. Numbers have six digits after the point; a number is the same when it is within 1e-6 of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.alarms import COUNTING
from lockgate.core.moments import rfc3339
from lockgate.core.statement import ALARM, Statement, Subject, claim_uri

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.watched import Watched
    from lockgate.monitor.detector import StreamStanding
    from lockgate.trust.policy_monitor import MonitorPolicy

NEAR: Final = 1e-6
_DIGITS: Final = 6


def alarm_statement(
    registration: Registration, environment: str, counted: Mapping[str, Any], action: str, now: datetime
) -> Statement:
    """What the guard signs. `counted`: what `told` made."""
    predicate = {
        "claim": claim_uri("alarm"),
        "time": rfc3339(now),
        "environment": environment,
        "name": registration.name,
        "version": registration.version,
        "manifest": registration.manifest,
        "action": action,
        **counted,
    }
    return Statement((Subject(registration.ref, registration.manifest),), ALARM, predicate)


def told(
    watched: Watched, raised: Sequence[StreamStanding], policy: MonitorPolicy, size: int, root: bytes
) -> dict[str, Any]:
    """The fields of an alarm that are counted: of the streams `raised`, by the first `size` records of the log."""
    return {
        "life": watched.life.sequence,
        "log": {"size": size, "root": root.hex()},
        "counting": COUNTING,
        "test": policy.test,
        "false_alarms": policy.false_alarms,
        "band": policy.band,
        "run_length": policy.run_length,
        "threshold": _round(threshold(watched, policy)),
        "rows": watched.rows,
        "streams": [_stream(watched, one, policy.test) for one in raised],
    }


def threshold(watched: Watched, policy: MonitorPolicy) -> float:
    """What a stream's evidence reaches when it alarms, by the policy's test."""
    if policy.test == "restart":
        return math.log(len(watched.streams) * policy.run_length)
    return watched.detector.threshold


def differs(said: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What a statement, read strictly, says otherwise than what `told` made of the records; empty when the same."""
    for name, wanted in found.items():
        if name != "streams" and not _same(said.get(name), wanted):
            return f"{name} is {str(said.get(name))[:80]}, counted again {wanted}"
    others = {one["name"]: one for one in found["streams"]}
    for one in said["streams"]:
        again = others.get(one["name"])
        if again is None:
            return f"{one['name']} does not alarm, counted again"
        for name, wanted in again.items():
            if not _same(one[name], wanted):
                return f"{one['name']}: {name} is {str(one[name])[:80]}, counted again {str(wanted)[:80]}"
    return ""


def _stream(watched: Watched, one: StreamStanding, test: str) -> dict[str, Any]:
    from lockgate.monitor.words import effect

    stream, balls = watched.streams[one.stream], watched.balls[one.stream]
    current = watched.detector.counts(one)[: len(balls)]
    rows = [sum(counts) for counts in current]
    most = max(range(len(rows)), key=lambda stratum: rows[stratum])
    return {
        "name": stream.name,
        "kind": stream.kind,
        "log_e": _round(one.log_restart if test == "restart" else one.log_e),
        "log_band": None if one.log_band is None or test == "restart" else _round(one.log_band),
        "effect": _round(effect(balls[most], current[most])),
        "since": watched.index_of(one.since),
        "reference": _reference(balls, rows),
        "current": _summed(current),
    }


def _reference(balls: Sequence[Sequence[int]], rows: Sequence[int]) -> list[float]:
    """The mass of each bin that the reference gives rows of these strata, in this mixture."""
    total = sum(rows) or 1
    bins = [0.0] * max(map(len, balls))
    for each, count in zip(balls, rows, strict=True):
        for place, ball in enumerate(each):
            bins[place] += ball / sum(each) * count / total
    return [_round(each) for each in bins]


def _summed(current: Sequence[Sequence[int]]) -> list[int]:
    bins = [0] * max(map(len, current))
    for counts in current:
        for place, count in enumerate(counts):
            bins[place] += int(count)
    return bins


def _same(value: object, wanted: object) -> bool:
    if isinstance(wanted, float):
        # A whole number may come back from JSON without its point.
        number = type(value) in {int, float}
        return number and math.isclose(value, wanted, rel_tol=NEAR, abs_tol=2 * NEAR)  # type: ignore[arg-type]
    if isinstance(wanted, list) and isinstance(value, list):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    return type(value) is type(wanted) and value == wanted


def _round(value: float) -> float:
    return round(float(value), _DIGITS)
