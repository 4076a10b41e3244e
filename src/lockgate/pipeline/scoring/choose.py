"""Which model may score a file in an environment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lockgate.audit import deployments
from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.load import load_decision, refuse_revoked
from lockgate.audit.origins import inputs_of
from lockgate.audit.refs import resolve
from lockgate.deploy.rules import check_floor, verdict
from lockgate.errors import Refused
from lockgate.trust.policy import EnvironmentPolicy

REGISTERED = "registered"
"""The rung in the record of a model that is not live: it was scored with, and answered no request."""


@dataclass(frozen=True)
class Chosen:
    """The model, and on which rung it stands in the environment."""

    registration: Registration
    rung: str


def choose(statements: Sequence[Evidence], ref: str, policy: EnvironmentPolicy, now: datetime) -> Chosen:
    """The model that `ref` names, if it may be used in the environment of `policy`.

    1. REF names one registration.
    2. Where it is what is live, the loader's decision holds, the same as for a gateway.
    3. Where it is not: everything that it rests on is there, nothing of it is revoked, it is not below the floor, and
       the policy in force would let it go live now. Nothing is signed, and it goes nowhere.

    Raises:
        Usage: LG501 to LG503 `ref`.
        Refused: LG514 revoked, LG515 below the floor, LG518, LG525 (as `load_decision`), LG673 the policy says no.
        VerificationFailed: as `load_decision` and `inputs_of`.
    """
    # 1.
    registration = resolve(ref, statements, policy.name)
    live = deployments.current(policy.name, registration.name, statements)
    # 2.
    if live is not None and live.manifest == registration.manifest:
        decision = load_decision(statements, policy.name, now, name=registration.name)
        return Chosen(decision.registration, decision.rung)
    # 3.
    inputs = inputs_of(registration, statements)
    refuse_revoked(registration, statements)
    check_floor(registration, live, None)
    said = verdict(registration, inputs, policy, statements, now)
    if not said.passed:
        first = said.refusals[0]
        raise Refused(
            "LG673",
            f"{registration.ref} is not live in {policy.name}, and its policy says no: {first.message}",
            seen={"reasons": [f"{one.finding} {one.message}" for one in said.reasons]},
            next=first.next or f"lockgate policy check {registration.ref} --env {policy.name}",
        )
    return Chosen(registration, REGISTERED)
