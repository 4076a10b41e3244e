"""A deployer's word that a model may climb by itself for a while: the guard signs each step on it, and no other."""

from __future__ import annotations

from datetime import datetime, timedelta

from lockgate.audit import entries
from lockgate.audit.climbing import rungs_of
from lockgate.audit.deployments import standing_of
from lockgate.audit.load import load_standing, policy_in_force
from lockgate.audit.refs import resolve
from lockgate.audit.workplace import Workplace
from lockgate.core.moments import rfc3339
from lockgate.deploy.run import deploy_in_turn
from lockgate.deploy.spec import Authorised, DeployResult, DeploySpec
from lockgate.deploy.statements import authorisation_statement
from lockgate.deploy.turn import turn
from lockgate.errors import Refused, Usage
from lockgate.trust.policy import EnvironmentPolicy


def authorise(workplace: Workplace, spec: DeploySpec, expires: datetime) -> Authorised:
    """Sign, as deployer, that `spec.ref` may climb the ladder of `spec.environment` until `expires`.

    1. The policy lets models climb on an authorisation, and for so long.
    2. The model stands on the ladder; where it does not yet, it is put on the first rung.
    3. It stands there under the policy in force: the guard moves nothing under another.
    4. The authorisation is signed: for this model, on this ladder, under this policy. A withdrawal ends it.

    Raises:
        Refused: LG548 (1, 2, 3); as `run.deploy`.
        Usage: LG548 `expires` is past, or too far away.
    """
    with turn(workplace, "deployer"):
        # 1.
        policy = workplace.policy.environment(spec.environment)
        now = workplace.now().replace(microsecond=0)
        _check_policy(policy, spec, expires, now)
        # 2.
        statements = workplace.ledger.statements()
        registration = resolve(spec.ref, statements, spec.environment)
        deployed: DeployResult | None = None
        before = standing_of(spec.environment, registration.name, statements)
        if before is None or before.live.manifest == registration.manifest or not policy.ladder.rungs:
            raise _refused(spec, f"there is nothing to climb for {registration.ref} in {spec.environment}")
        if before.candidate is None or before.candidate.manifest != registration.manifest:
            if workplace.outbox is not None:
                raise _refused(spec, f"{registration.ref} stands on no rung yet: put it there first, then authorise")
            deployed = deploy_in_turn(workplace, spec)
            if deployed.deployment.rung == entries.LIVE:
                raise _refused(spec, f"{registration.ref} is live in {spec.environment}: there is nothing to climb")
        # 3.
        statements = workplace.ledger.statements()
        loaded = load_standing(statements, spec.environment, workplace.now(), name=registration.name)
        if loaded.candidate is None:
            raise loaded.problem or _refused(spec, f"{registration.ref} is not on the ladder")
        if loaded.candidate.summary.policy != policy_in_force(statements):
            rung = loaded.candidate.rung
            raise _refused(
                spec,
                f"{registration.ref} stands on {rung} under an earlier policy",
                next=f"lockgate deploy {spec.ref} --env {spec.environment} --to {rung}, then authorise",
            )
        # 4.
        statement = authorisation_statement(
            registration,
            spec.environment,
            policy=policy_in_force(statements),
            rungs=rungs_of(policy.ladder),
            expires=expires,
            reason=spec.reason,
            now=now,
        )
        return Authorised(registration, entries.authorisation(workplace.record("deployer", statement)), deployed)


def _check_policy(policy: EnvironmentPolicy, spec: DeploySpec, expires: datetime, now: datetime) -> None:
    if policy.ladder.climb != "authorised":
        raise _refused(
            spec,
            f"the policy of {policy.name} lets no model climb unattended",
            next=f'[environment.{policy.name}.ladder] climb = "authorised", then lockgate policy sign',
        )
    days = policy.ladder.longest_authorisation
    if not now < expires <= now + timedelta(days=days):
        raise Usage(
            "LG548",
            f"an authorisation in {policy.name} ends after now, and within {days:g} days",
            seen={"expires": rfc3339(expires), "now": rfc3339(now)},
            next=f"lockgate deploy {spec.ref} --env {policy.name} --authorise --expires 7d",
        )


def _refused(spec: DeploySpec, why: str, next: str = "") -> Refused:  # noqa: A002 - as everywhere
    command = next or f"lockgate deploy {spec.ref} --env {spec.environment}"
    return Refused("LG548", why, seen={"environment": spec.environment}, next=command)
