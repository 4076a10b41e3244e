"""What the policy in force says of a registered model now, in every environment. Pure; nothing is signed.

The same functions decide here and at deployment: statements, approvals, waivers (`deploy.rules.verdict`), and who has
cosigned the event log (`audit.cosigned.judge`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.audit.cosigned import judge
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.origins import inputs_of
from lockgate.core.shown_html import Heading, Part, Shown
from lockgate.core.verdict import Level, Reason, Verdict
from lockgate.core.verdict_lines import verdict_words
from lockgate.deploy.rules import verdict
from lockgate.errors import LockgateError
from lockgate.pipeline.views import verdict_table
from lockgate.trust.policy import EnvironmentPolicy, Policy


@dataclass(frozen=True, repr=False)
class PolicyChecked(Shown):
    """What each environment that was asked says of one model."""

    ref: str
    manifest: str
    verdicts: Mapping[str, Verdict]

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        yield Heading(self.ref)
        yield verdict_table(self.verdicts)

    @property
    def passed(self) -> tuple[str, ...]:
        """The environments into which it may go."""
        return tuple(name for name, said in self.verdicts.items() if said.passed)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {"ref": self.ref, "manifest": self.manifest, "policy": verdicts_as_json(self.verdicts)}


@dataclass(frozen=True)
class Said:
    """What verdicts are made from: the policy in force, the event log's statements, and the note they were read under,
    with the lines of whoever cosigned it; none where the log has just grown, and is cosigned afterwards.
    """

    policy: Policy
    statements: Sequence[Evidence]
    note: bytes | None = None


def verdicts_of(one: Registration, said: Said, now: datetime, *, first: str = "") -> dict[str, Verdict]:
    """The verdict of each environment, `first` before the others.

    Raises VerificationFailed as `inputs_of`, and LG7011: a witness's line that it did not sign.
    """
    environments, inputs = said.policy.environments, inputs_of(one, said.statements)
    names = dict.fromkeys([first, *environments] if first in environments else environments)
    return {name: _verdict(one, inputs, environments[name], said, now) for name in names}


def check(one: Registration, said: Said, now: datetime, only: str) -> PolicyChecked:
    """The verdicts of all environments, or of `only` one. Raises Usage LG843 where the policy knows none such."""
    if not only:
        return PolicyChecked(one.ref, one.manifest, verdicts_of(one, said, now))
    rules = said.policy.environment(only)
    return PolicyChecked(
        one.ref, one.manifest, {only: _verdict(one, inputs_of(one, said.statements), rules, said, now)}
    )


def _verdict(
    one: Registration, inputs: Mapping[str, Evidence], rules: EnvironmentPolicy, said: Said, now: datetime
) -> Verdict:
    """That of deployment, who has cosigned the log, and what the environment's serving cannot do for this model."""
    found = verdict(one, inputs, rules, said.statements, now)
    few = judge(rules, said.policy.witnesses, said.note, now) if said.note is not None else None
    return Verdict((*found.reasons, *([few] if few is not None else []), *_unserved(one, inputs, rules)))


def _unserved(one: Registration, inputs: Mapping[str, Evidence], rules: EnvironmentPolicy) -> tuple[Reason, ...]:
    task = inputs["judge"].predicate.get("task") if "judge" in inputs else None
    kinds = [kind for kind, rule in rules.serve.outputs.items() if rule.abstain_below > 0]
    if task != "regression" or not kinds:
        return ()
    message = f"{rules.name} asks for abstaining, which is not available for regression: every number is answered"
    seen = {"model": one.ref, "task": task, "kinds": kinds}
    return (Reason("LG672", Level.WARN, message, seen, "lockgate explain LG672"),)


def newest_in_words(said: Said, now: datetime) -> str:
    """One line about the newest registered model; "" when there is none. Evidence that fails is told, not raised."""
    known = registrations(said.statements)
    if not known:
        return ""
    one = known[-1]
    try:
        return f"{one.ref} may go live: {verdict_words(verdicts_of(one, said, now))}"
    except LockgateError as error:
        return f"{one.ref} may not go live: {error.finding} {error.message}"


def verdicts_as_json(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """By environment, for `--json`."""
    return {
        name: {"result": said.result, "reasons": [reason.as_json() for reason in said.reasons]}
        for name, said in verdicts.items()
    }
