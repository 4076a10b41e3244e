"""What follows from the checks: hold, climb or withdraw. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lockgate.audit.ladder.checks import Result
    from lockgate.trust.policy_ladder import Rung

Decision = Literal["hold", "climb", "withdraw"]
_FOREVER = 10 * 365.25
_DAY = 86400.0
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Verdict:
    """`why`: one sentence for people. `over`: the rung's longest wait has passed, so it only holds or withdraws."""

    decision: Decision
    why: str
    over: bool


def decide(results: Iterable[Result], rows: int, labels: int, rung: Rung, waited: float, *, may_climb: bool) -> Verdict:
    """What the evidence asks for.

    1. Any alarm withdraws, at any time: nothing else is asked.
    2. A rung whose wait is over holds until a person moves the candidate, however much comes in afterwards.
    3. With the least rows and labels of this rung, and a right to, it climbs.

    `rows`, `labels`: of this rung only. `waited`: seconds on it.
    """
    over = waited > rung.wait
    alarms = [result for result in results if result.alarm]
    if alarms:
        told = ", ".join(f"{one.check} ({one.log_e:.2f} against {one.threshold:.2f})" for one in alarms)
        return Verdict("withdraw", f"alarm: {told}", over)
    short = [
        f"{had:,} of {wanted:,} {what}"
        for had, wanted, what in ((rows, rung.rows, "rows"), (labels, rung.labels, "labels"))
        if had < wanted
    ]
    if over:
        return Verdict("hold", f"the longest wait on {rung.name} is over{_with(short)}: a person moves it", over)
    if short:
        return Verdict("hold", ", ".join(short), over)
    if not may_climb:
        return Verdict("hold", "enough evidence and no alarm; a deployer moves it up", over)
    return Verdict("climb", f"{rows:,} rows and {labels:,} labels without an alarm", over)


def remaining(rows: int, wanted: int, rate: float, *, what: str = "rows") -> str:
    """How far a rung is, in words: "412 of 2,000 rows, at this rate 31 days". `rate`: of `what` a second."""
    told = f"{rows:,} of {wanted:,} {what}"
    if rows >= wanted:
        return told
    days = (wanted - rows) / rate / _DAY if rate > 0 else math.inf
    if days > _FOREVER:
        return f"{told}, at this rate never"
    for unit, length in (("day", 1.0), ("hour", 1 / 24), ("minute", 1 / 1440)):
        if days >= 2 * length or unit == "minute":
            count = max(1, math.ceil(days / length - _ROUNDING))
            return f"{told}, at this rate {count:,} {unit}{'s' * (count > 1)}"
    raise AssertionError(unit)


def _with(short: list[str]) -> str:
    return f" with {', '.join(short)}" if short else ""
