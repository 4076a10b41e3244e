"""What a policy makes looser than the one that `init` writes, by the lever that it concerns. Pure.

The comparisons are those of `policy diff`. `dev` is held against our `dev`, every other environment against our `prod`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

from lockgate.trust import policy_abuse, policy_automatic, policy_ladder_order, policy_monitor, policy_serving
from lockgate.trust.policy import EnvironmentPolicy, Policy, default_policy
from lockgate.trust.policy_ladder import LadderPolicy
from lockgate.trust.policy_order import Difference
from lockgate.trust.policy_rules import RULES

UNCONCERNED: Final = (
    # They say what leaves the machine, and how long things are kept: no control of the catalogue.
    "monitor webhooks",
    "serve payload_days",
    "serve label_days",
    # By default everything leaves, so that nothing is looser.
    "serve output",
    # By default open.
    "serve shared_rates",
)
"""How differences begin that no lever stands for."""

_SERVE: Final[Mapping[str, str]] = {
    "serve record": "record",
    "serve unrecorded": "record",
    "serve record_days": "record",
    "serve max_staleness": "stale",
    "serve stale": "stale",
    "serve shared_budgets": "abuse",
}
_WEIGHTS: Final = ("off", "warn", "enforce")


def ours(name: str) -> EnvironmentPolicy:
    """The rules that an environment of this name has by our default."""
    return _written().environment("dev" if name == "dev" else "prod")


def looser(policy: EnvironmentPolicy) -> Mapping[str, tuple[Difference, ...]]:
    """By lever, what is looser than by our default; levers of which nothing is are left out."""
    found: dict[str, list[Difference]] = {}
    for lever, each in _differences(ours(policy.name), policy):
        if each.direction == "looser":
            found.setdefault(lever, []).append(each)
    return {lever: tuple(each) for lever, each in found.items()}


def _differences(ours: EnvironmentPolicy, policy: EnvironmentPolicy) -> Iterator[tuple[str, Difference]]:
    for rule in RULES.values():
        was, now = ours.weight(rule.name), policy.weight(rule.name)
        if _WEIGHTS.index(now) < _WEIGHTS.index(was):
            yield rule.name, Difference(f"weight of {rule.name}", was, now, "looser")
        yield from ((rule.name, each) for each in rule.compare(ours, policy))
    for each in policy_automatic.differences(ours.automatic, policy.automatic):
        yield "approvals", each
    # Our `dev` has no ladder: who wants one there is held to ours, or a single row would do.
    ladder = _written().environment("prod").ladder
    for each in policy_ladder_order.differences(ladder, _by_place(policy.ladder, ladder)):
        yield "ladder", each
    for each in policy_monitor.differences(replace(ours.monitor, webhooks=policy.monitor.webhooks), policy.monitor):
        yield "monitor", each
    for each in policy_abuse.differences(ours.abuse, policy.abuse):
        yield "abuse", each
    for each in policy_serving.differences(ours.serve, policy.serve):
        if each.what in _SERVE:
            yield _SERVE[each.what], each


def _by_place(ladder: LadderPolicy, ours: LadderPolicy) -> LadderPolicy:
    """Its rungs under our names, from below: what people call a step makes nothing looser. Fewer of them is."""
    named = [
        replace(rung, name=ours.rungs[place].name if place < len(ours.rungs) else f"rung {place + 1}")
        for place, rung in enumerate(ladder.rungs)
    ]
    return replace(ladder, rungs=tuple(named))


@cache
def _written() -> Policy:
    return Policy.from_text(default_policy())
