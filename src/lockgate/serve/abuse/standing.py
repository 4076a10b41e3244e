"""Where somebody stands who was suspected, and the next step up or down. Pure.

    0  nothing    1  observed: it is told    2  quiet: the label alone, or answers that wait    3  limited: 429

Up one step at a time: the first with the suspicion, each further one once so many more rows of the same kind came.
What the policy does not ask for is passed over. Nothing goes down by itself: an operator clears it, or a policy asks
for less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lockgate.core.record_suspicion import CLEARED, LIMITED, OBSERVED, QUIET
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule

STEP_ROWS = 16
"""So many more suspicious rows lead to the next step."""
_CHOSEN = ("client", "organisation")
"""Whom a suspicion is about that nobody else can bring on: an organisation is the operator's own word."""


@dataclass(frozen=True)
class Standing:
    """`rules`: what was seen, in the order in which it was. `since`: when it began, milliseconds. `rows`: suspicious
    ones since the last step.
    """

    level: int = CLEARED
    rules: tuple[str, ...] = ()
    since: int = 0
    rows: int = 0

    @property
    def suspected(self) -> bool:
        """Whether there is anything."""
        return self.level > CLEARED


NOBODY = Standing()


def levels(scope: str, rule: AbuseRule, policy: AbusePolicy) -> tuple[int, ...]:
    """The levels that the policy knows for somebody, from the first on."""
    found = [OBSERVED]
    if scope in _CHOSEN or policy.shared == "respond":
        found += [QUIET] if rule.quiet != "off" else []
        found += [LIMITED] if rule.respond == "limit" else []
    return tuple(found)


def raised(before: Standing, rule: str, now: int) -> Standing:
    """A detector is over its bar. `now`: milliseconds."""
    if rule in before.rules:
        return before
    first = not before.suspected
    return replace(
        before,
        level=max(before.level, OBSERVED),
        rules=(*before.rules, rule),
        since=now if first else before.since,
        rows=0 if first else before.rows,
    )


def went_on(before: Standing, rows: int, known: tuple[int, ...]) -> Standing:
    """So many more suspicious rows came: at most one step. `known`: of `levels`."""
    if not before.suspected:
        return before
    further = [level for level in known if level > before.level]
    if not further:
        return replace(before, rows=0)
    if before.rows + rows < STEP_ROWS:
        return replace(before, rows=before.rows + rows)
    return replace(before, level=further[0], rows=0)


def ruled(before: Standing, known: tuple[int, ...]) -> Standing:
    """The policy may have changed: what it does not ask for any more is not done."""
    if before.level in (CLEARED, *known):
        return before
    return replace(before, level=max(level for level in known if level < before.level), rows=0)
