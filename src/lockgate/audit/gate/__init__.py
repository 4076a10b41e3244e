"""What an environment's policy says about a model's statements. Pure: time is an argument.

Asked at registration (of every environment, so that one sees what is missing for the stricter one) and again at
deployment, when statements have aged and evidence may have been revoked. A fact that a statement does not
state, or states in another form, counts as not met.

One function for each rule of `trust.policy_rules.RULES` that the gate decides, by the rule's name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import control, history, isolation, packages, quality, rows
from lockgate.audit.gate.asked import Asked
from lockgate.audit.gate.facts import jail_level, known_vulnerabilities, metric, quarantined_share
from lockgate.audit.gate.live import live_inputs
from lockgate.core.digest import Digest
from lockgate.core.verdict import Level, Reason
from lockgate.trust.policy import EnvironmentPolicy

__all__ = [
    "CHECKS",
    "jail_level",
    "judge_inputs",
    "known_vulnerabilities",
    "live_inputs",
    "metric",
    "quarantined_share",
]

CHECKS: Final[Mapping[str, Callable[[Asked], Iterator[Reason]]]] = {
    "require": history.require,
    "signers": history.signers,
    "max_quarantined_share": rows.max_quarantined_share,
    "max_screen_findings": rows.max_screen_findings,
    "max_flagged_share": rows.max_flagged_share,
    "screen": rows.screen,
    "min_jail_level": isolation.min_jail_level,
    "metrics": quality.metrics,
    "slices": quality.slices,
    "robustness": quality.robustness,
    "parity": quality.parity,
    "control": control.control,
    "max_age_days": history.max_age_days,
    "refuse_tainted": history.refuse_tainted,
    "max_denied_attempts": isolation.max_denied_attempts,
    "max_vulnerabilities": packages.max_vulnerabilities,
    "max_osv_age_days": packages.max_osv_age_days,
    "licences": packages.licences,
}


def judge_inputs(
    inputs: Mapping[str, Evidence],
    policy: EnvironmentPolicy,
    now: datetime,
    revoked: Collection[Digest] = (),
    *,
    live: Mapping[str, Evidence] | None = None,
) -> tuple[Reason, ...]:
    """Every rule that is broken, with the weight that the environment gives it; rules that are off are left out.

    Each reason's `seen` names the `rule`, the fact `seen` and the fact `wanted`. A note is no broken rule: it says
    what was compared with what. Where a rule only warns of something, its weight makes no refusal of it.

    Args:
        inputs: the statements by claim (ingest, validate, train, judge, scan).
        revoked: digests of manifests and statements that were revoked.
        live: the statements of the model that is live in this environment; None when nothing is.
    """
    asked = Asked(inputs, policy, now, revoked, live)
    found = []
    for rule, check in CHECKS.items():
        for reason in check(asked) if policy.weight(rule) != "off" else ():
            named = replace(reason, seen={"rule": rule, **reason.seen})
            judged = named if reason.level is Level.NOTE else policy.judge(rule, False, named)
            warned = reason.level is Level.WARN and judged.level is Level.REFUSE
            found.append(replace(judged, level=Level.WARN) if warned else judged)
    return tuple(found)
