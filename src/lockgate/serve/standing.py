"""What the event log says of a model's alarms, and what follows for its answers. Pure, and without numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockgate.audit.lives import life_of, standing_alarms
from lockgate.errors import LockgateError
from lockgate.trust.policy_serving import KINDS

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest
    from lockgate.serve.spec import ServePolicy
    from lockgate.trust.policy_monitor import MonitorPolicy


@dataclass(frozen=True)
class Standing:
    """`life`: the statement with which its test began anew, 0: with its own plan. `alarms`: that nobody acknowledged.

    `problem`: why that cannot be said; a word on an alarm that is none costs no answer.
    """

    life: int = 0
    alarms: int = 0
    problem: str = ""


NOTHING = Standing()


def standing(statements: Sequence[Evidence], environment: str, manifest: Digest) -> Standing:
    """Of one model there, as the log says it. `statements`: the whole event log, in order."""
    try:
        life = life_of(statements, environment, manifest).sequence
        return Standing(life, len(standing_alarms(statements, environment, manifest)))
    except LockgateError as error:
        return Standing(problem=f"{error.finding} {error.message}")


def abstaining(policy: ServePolicy, stands: Standing, monitor: MonitorPolicy) -> ServePolicy:
    """What holds while an alarm stands: where the policy says so, a label needs a margin, whatever its kind of client.

    Never less than without: a rule that asks for more holds on. The very object where nothing changes.
    """
    if not stands.alarms or monitor.on_alarm != "abstain":
        return policy
    rules = {kind: policy.output(kind) for kind in KINDS}
    raised = {
        kind: replace(rule, abstain_below=max(rule.abstain_below, monitor.abstain_below))
        for kind, rule in rules.items()
    }
    return replace(policy, outputs=raised)
