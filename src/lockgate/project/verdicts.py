"""What the policy in force says of a registered model now, in every environment. Pure; nothing is signed.

The same function decides here and at deployment (`deploy.rules.verdict`): statements, approvals, waivers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.origins import inputs_of
from lockgate.core.verdict import Level, Reason, Verdict
from lockgate.core.verdict_lines import verdict_words
from lockgate.deploy.rules import verdict
from lockgate.errors import LockgateError
from lockgate.trust.policy import EnvironmentPolicy, Policy


@dataclass(frozen=True)
class PolicyChecked:
    """What each environment that was asked says of one model."""

    ref: str
    manifest: str
    verdicts: Mapping[str, Verdict]

    @property
    def passed(self) -> tuple[str, ...]:
        """The environments into which it may go."""
        return tuple(name for name, said in self.verdicts.items() if said.passed)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {"ref": self.ref, "manifest": self.manifest, "policy": verdicts_as_json(self.verdicts)}


def verdicts_of(
    one: Registration, policy: Policy, statements: Sequence[Evidence], now: datetime, *, first: str = ""
) -> dict[str, Verdict]:
    """The verdict of each environment, `first` before the others. Raises VerificationFailed as `inputs_of`."""
    inputs = inputs_of(one, statements)
    names = dict.fromkeys([first, *policy.environments] if first in policy.environments else policy.environments)
    return {name: _verdict(one, inputs, policy.environments[name], statements, now) for name in names}


def check(one: Registration, policy: Policy, statements: Sequence[Evidence], now: datetime, only: str) -> PolicyChecked:
    """The verdicts of all environments, or of `only` one. Raises Usage LG843 where the policy knows none such."""
    if not only:
        return PolicyChecked(one.ref, one.manifest, verdicts_of(one, policy, statements, now))
    rules = policy.environment(only)
    return PolicyChecked(
        one.ref, one.manifest, {only: _verdict(one, inputs_of(one, statements), rules, statements, now)}
    )


def _verdict(
    one: Registration,
    inputs: Mapping[str, Evidence],
    rules: EnvironmentPolicy,
    statements: Sequence[Evidence],
    now: datetime,
) -> Verdict:
    """That of deployment, and what the environment's serving cannot do for this model."""
    said = verdict(one, inputs, rules, statements, now)
    return Verdict((*said.reasons, *_unserved(one, inputs, rules)))


def _unserved(one: Registration, inputs: Mapping[str, Evidence], rules: EnvironmentPolicy) -> tuple[Reason, ...]:
    task = inputs["judge"].predicate.get("task") if "judge" in inputs else None
    kinds = [kind for kind, rule in rules.serve.outputs.items() if rule.abstain_below > 0]
    if task != "regression" or not kinds:
        return ()
    message = f"{rules.name} asks for abstaining, which is not available for regression: every number is answered"
    seen = {"model": one.ref, "task": task, "kinds": kinds}
    return (Reason("LG672", Level.WARN, message, seen, "lockgate explain LG672"),)


def newest_in_words(policy: Policy, statements: Sequence[Evidence], now: datetime) -> str:
    """One line about the newest registered model; "" when there is none. Evidence that fails is told, not raised."""
    known = registrations(statements)
    if not known:
        return ""
    one = known[-1]
    try:
        return f"{one.ref} may go live: {verdict_words(verdicts_of(one, policy, statements, now))}"
    except LockgateError as error:
        return f"{one.ref} may not go live: {error.finding} {error.message}"


def verdicts_as_json(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """By environment, for `--json`."""
    return {
        name: {"result": said.result, "reasons": [reason.as_json() for reason in said.reasons]}
        for name, said in verdicts.items()
    }
