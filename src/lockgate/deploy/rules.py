"""The decisions of deployment. Pure: time is an argument. The statements that they become: `deploy.statements`.

What the pipeline's statements must say is `audit.gate`'s question, asked by registration too. Here: the whole answer
of an environment, what may follow what, and where a rollback leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from lockgate.audit import entries, waivers
from lockgate.audit.approvals import approvals_of, judge_approvals, missing, signers
from lockgate.audit.automatic import automatic
from lockgate.audit.deployments import revoked_digests
from lockgate.audit.entries import LIVE, Deployment, Registration, Waiver
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs, live_inputs
from lockgate.audit.load import load_decision, refuse_revoked, summary_of
from lockgate.audit.standing import check_waivers, refuse_withdrawn
from lockgate.core.digest import Digest
from lockgate.core.verdict import Verdict
from lockgate.errors import LockgateError, Refused
from lockgate.trust.policy import EnvironmentPolicy


@dataclass(frozen=True)
class Ruling:
    """What an environment says to a model, and on whose word.

    Attributes:
        approvals: those that count. `missing`: how many further persons must approve.
        waivers: those without which the verdict would be another.
        compared: what the judge said of the models with which it was compared, where approvals count as given for that.
    """

    verdict: Verdict
    approvals: tuple[Evidence, ...]
    missing: int
    waivers: tuple[Waiver, ...]
    compared: tuple[Digest, ...] = ()

    @property
    def named(self) -> dict[str, Digest]:
        """What the verdict rests on beside the model, as a verification summary names it."""
        said = {f"live/judge/{number}": one for number, one in enumerate(self.compared, 1)}
        said |= {f"approve/{number}": one.digest for number, one in enumerate(self.approvals, 1)}
        return said | {f"waive/{number}": one.evidence.digest for number, one in enumerate(self.waivers, 1)}


def ruling(
    registration: Registration,
    inputs: Mapping[str, Evidence],
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
    now: datetime,
) -> Ruling:
    """The whole answer of deployment: the gate, with what is waived; then approvals, which nothing waives.

    Where the policy says so, approvals count as given for a model that is shown to be no worse (`audit.automatic`).

    Args:
        inputs: the statements that the model rests on, by claim.
        statements: the whole event log, in order.

    Raises VerificationFailed as `gate.live_inputs`.
    """
    trainer = inputs["train"]
    approvals = approvals_of(registration, policy.name, statements)
    live = live_inputs(policy.name, registration.name, statements)
    reasons, used = waivers.apply(
        judge_inputs(inputs, policy, now, revoked_digests(statements), live=live),
        waivers.in_force(statements, policy, now, trainer=signers(trainer)),
        environment=policy.name,
        manifest=registration.manifest,
        now=now,
    )
    lacking = missing(approvals, trainer, policy)
    counted = automatic(registration, policy, statements, now, load_decision, waived=bool(used)) if lacking else None
    said = judge_approvals(approvals, trainer, registration, policy, counted)
    compared = () if counted is None else counted.rests_on
    return Ruling(Verdict((*reasons, *said)), tuple(approvals), lacking, used, compared)


def verdict(
    registration: Registration,
    inputs: Mapping[str, Evidence],
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
    now: datetime,
) -> Verdict:
    """The verdict of `ruling`, for those who only show it."""
    return ruling(registration, inputs, policy, statements, now).verdict


def said_no(
    registration: Registration, environment: str, verdict: Verdict, summary: Evidence, how: str = ""
) -> Refused:
    """The refusal LG511 that a verdict is; `summary` is the statement that says it. `how` it says so: `, as before`."""
    first = verdict.refusals[0]
    return Refused(
        "LG511",
        f"the policy of {environment} says no to {registration.ref}{how}: {first.message}",
        seen={
            "reasons": [f"{one.finding} {one.message}" for one in verdict.reasons],
            "summary": summary.digest,
            "log_index": summary.index,
        },
        next=first.next or f"lockgate show {registration.ref}",
    )


def check_floor(registration: Registration, before: Deployment | None, floor: int | None) -> int:
    """The floor that the next deployment states. Raises Refused LG515 when it would sink, or the version is below."""
    in_force = before.floor if before else 1
    wanted = in_force if floor is None else floor
    if wanted < in_force or registration.version < wanted:
        raise Refused(
            "LG515",
            f"{registration.ref} is below the floor of {registration.name} here, which is {max(wanted, in_force)}",
            seen={"version": registration.version, "floor": in_force, "asked": wanted},
            next="lockgate models",
        )
    return wanted


def rollback_target(
    chain: Sequence[Deployment],
    live: Deployment,
    wanted: Registration | None,
    statements: Sequence[Evidence],
    now: datetime,
) -> tuple[Deployment, Registration]:
    """The earlier deployment to return to, and its registration.

    It was made live before, by a deployer or on a deployer's authorisation, is not what is `live` now, is at or above
    the floor, and nothing of it is revoked, nor has a waiver expired on which it went live. Without `wanted`: the
    newest one for which all that holds.

    Raises:
        Refused: LG530 `wanted` was never live here; LG531 nothing to return to; LG514 revoked; LG515 the floor;
            LG518 an expired waiver.
    """
    known = {one.manifest: one for one in entries.registrations(statements)}
    earlier = [
        one
        for one in reversed(chain)
        if one.rung == LIVE
        and one.manifest != live.manifest
        and (one.evidence.role == "deployer" or one.authorisation is not None)
    ]
    if wanted is not None:
        chosen = next((one for one in earlier if one.manifest == wanted.manifest), None)
        if chosen is None:
            why = "is live already" if wanted.manifest == live.manifest else "was never live"
            raise Refused(
                "LG530",
                f"{wanted.ref} {why} in {live.environment}",
                seen={"manifest": wanted.manifest, "environment": live.environment},
                next=f"lockgate deploy {wanted.ref} --env {live.environment}",
            )
        check_returns(chosen, wanted, live, statements, now)
        return chosen, wanted
    for one in earlier:
        registration = known.get(one.manifest)
        if registration is None:
            continue
        with suppress(LockgateError):
            check_returns(one, registration, live, statements, now)
            return one, registration
    raise Refused(
        "LG531",
        f"there is no earlier version of {live.name} in {live.environment} to return to",
        seen={"environment": live.environment, "floor": live.floor},
        next="lockgate models",
    )


def check_returns(
    earlier: Deployment, registration: Registration, live: Deployment, statements: Sequence[Evidence], now: datetime
) -> None:
    """Raises Refused LG514, LG515, LG518 when a loader would not load what `earlier` made live, or not from here."""
    refuse_revoked(registration, statements)
    check_floor(registration, live, None)
    refuse_withdrawn(earlier, statements)
    check_waivers(earlier, summary_of(earlier, registration, statements), statements, now)
