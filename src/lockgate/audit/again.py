"""The gate, asked again by whoever loads: what a verification summary says is never taken on its signer's word. Pure.

All that the gate reads is in the log. So each reader comes to the same answer as `deploy` did, and the deployer's key
alone makes no fact, no age and no waiver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lockgate.audit import waivers
from lockgate.audit.approvals import signers
from lockgate.audit.deployments import revoked_digests
from lockgate.audit.evidence import signed_time
from lockgate.core.verdict import Verdict
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.entries import Deployment, Registration, Summary
    from lockgate.audit.evidence import Evidence
    from lockgate.trust.policy import EnvironmentPolicy


def check_judged(
    deployment: Deployment,
    registration: Registration,
    inputs: Mapping[str, Evidence],
    summary: Summary,
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
) -> None:
    """The facts under `summary` met `policy`, as the log was before it.

    1. Revoked, live and said is what stands before the summary; the time is when it was made (`judged_at`).
    2. Of the waivers only those count that the summary names, and held then: each loader looks whether they hold still.
    3. What refuses then, refuses now.

    Args:
        inputs: the statements that the model rests on, by claim.
        policy: the environment's rules that were in force at the summary.

    Raises VerificationFailed LG536; as `gate.live_inputs`.
    """
    from lockgate.audit.gate import judge_inputs, live_inputs

    # 1.
    now = judged_at(deployment, summary)
    before = [one for one in statements if one.index < summary.evidence.index]
    live = live_inputs(policy.name, registration.name, before)
    reasons = judge_inputs(inputs, policy, now, revoked_digests(before), live=live)
    # 2.
    named = [one for one in before if one.claim != "waive" or one.digest in summary.inputs]
    held = waivers.in_force(named, policy, now, trainer=signers(inputs["train"]))
    reasons, _ = waivers.apply(reasons, held, environment=policy.name, manifest=registration.manifest, now=now)
    # 3.
    for reason in Verdict(reasons).refusals:
        raise VerificationFailed(
            "LG536",
            f"the verification summary says PASSED, but {reason.message}",
            seen={"summary": summary.evidence.digest, "finding": reason.finding, **reason.seen},
            next=f"lockgate deploy {registration.ref} --env {policy.name}",
        )


def judged_at(deployment: Deployment, summary: Summary) -> datetime:
    """When a summary was made: the time that its signer signed, as far as the log's own time bears it out.

    Whoever holds the deployer's key could date a summary back to when the evidence was young.
    """
    sealed = min(summary.evidence.time, deployment.evidence.time)
    signed = signed_time(summary.evidence.statement) or sealed
    return min(max(signed, sealed - waivers.CLOCKS), sealed + waivers.CLOCKS)
