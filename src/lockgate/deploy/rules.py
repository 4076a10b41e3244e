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
from lockgate.audit.deployments import revoked_digests
from lockgate.audit.entries import Deployment, Registration, Waiver
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs, live_inputs
from lockgate.audit.load import refuse_revoked, summary_of
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
    """

    verdict: Verdict
    approvals: tuple[Evidence, ...]
    missing: int
    waivers: tuple[Waiver, ...]

    @property
    def named(self) -> dict[str, Digest]:
        """The words of persons that the verdict rests on, as a verification summary names them."""
        said = {f"approve/{number}": one.digest for number, one in enumerate(self.approvals, 1)}
        return said | {f"waive/{number}": one.evidence.digest for number, one in enumerate(self.waivers, 1)}


def ruling(
    registration: Registration,
    inputs: Mapping[str, Evidence],
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
    now: datetime,
) -> Ruling:
    """The whole answer of deployment: the gate, with what is waived; then approvals, which nothing waives.

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
    said = judge_approvals(approvals, trainer, registration, policy)
    return Ruling(Verdict((*reasons, *said)), tuple(approvals), missing(approvals, trainer, policy), used)


def verdict(
    registration: Registration,
    inputs: Mapping[str, Evidence],
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
    now: datetime,
) -> Verdict:
    """The verdict of `ruling`, for those who only show it."""
    return ruling(registration, inputs, policy, statements, now).verdict


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
    chain: Sequence[Deployment], wanted: Registration | None, statements: Sequence[Evidence], now: datetime
) -> tuple[Deployment, Registration]:
    """The earlier deployment to return to, and its registration.

    It was made live by a deployer before, is not what is live now, is at or above the floor, and nothing of it is
    revoked, nor has a waiver expired on which it went live. Without `wanted`: the newest one for which all that holds.

    Raises:
        Refused: LG530 `wanted` was never live here; LG531 nothing to return to; LG514 revoked; LG515 the floor;
            LG518 an expired waiver.
    """
    live = chain[-1]
    known = {one.manifest: one for one in entries.registrations(statements)}
    earlier = [one for one in reversed(chain[:-1]) if one.evidence.role == "deployer" and one.manifest != live.manifest]
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
        _check_returns(chosen, wanted, live, statements, now)
        return chosen, wanted
    for one in earlier:
        registration = known.get(one.manifest)
        if registration is None:
            continue
        with suppress(LockgateError):
            _check_returns(one, registration, live, statements, now)
            return one, registration
    raise Refused(
        "LG531",
        f"there is no earlier version of {live.name} in {live.environment} to return to",
        seen={"environment": live.environment, "floor": live.floor},
        next="lockgate models",
    )


def _check_returns(
    earlier: Deployment, registration: Registration, live: Deployment, statements: Sequence[Evidence], now: datetime
) -> None:
    refuse_revoked(registration, statements)
    check_floor(registration, live, None)
    refuse_withdrawn(earlier, statements)
    check_waivers(earlier, summary_of(earlier, registration, statements), statements, now)
