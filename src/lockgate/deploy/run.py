"""Make a registered model live: check everything a loader will rely on, ask the policy, sign the answer.

Order of writing: the verification summary, then the deployment statement, each a log entry of its own. The
deployment is the commit; a process killed before it leaves a summary that nothing refers to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version

from lockgate.audit import deployments, entries
from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.load import load_decision, policy_in_force, refuse_revoked
from lockgate.audit.origins import inputs_of
from lockgate.audit.refs import resolve
from lockgate.audit.stored import check_stored
from lockgate.audit.workplace import Workplace
from lockgate.core.verdict import Verdict
from lockgate.deploy import rules
from lockgate.deploy.spec import LIVE, DeployResult, DeploySpec
from lockgate.deploy.statements import deployment_statement, summary_statement
from lockgate.deploy.turn import turn
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.trust.policy import EnvironmentPolicy


def deploy(workplace: Workplace, spec: DeploySpec) -> DeployResult:
    """Make `spec.ref` live in `spec.environment`.

    1. The rung exists, the policy knows the environment, `ref` names one registration.
    2. What is live already, and would be loaded for as long as a new move would, is confirmed, not deployed again.
    3. What the registration rests on is in the log, in order, joined by digest; nothing of it is revoked; the
       version is at or above the floor.
    4. Manifest, files and signature in the registry are, byte for byte, what was registered.
    5. The environment's policy is asked about the statements, their age, waivers and approvals (`rules.ruling`).
    6. The verdict is signed as a verification summary, also when it is no.
    7. The deployment statement is signed: the next in the environment's chain.
    8. The decision that every loader takes is taken here too, unless the statements went to a file.

    Raises:
        Usage: LG501 to LG503 `ref`; LG510 the rung; an environment that the policy does not know.
        Refused: LG511 the policy said no; LG514 revoked; LG515 below the floor.
        VerificationFailed: LG443 and LG444 what it rests on, or its bytes; LG521, LG522 the chain.
    """
    with turn(workplace):
        return _deploy(workplace, spec)


def _deploy(workplace: Workplace, spec: DeploySpec) -> DeployResult:
    statements = workplace.ledger.statements()
    # 1.
    if spec.to != LIVE:
        raise Usage(
            "LG510", f"there is no rung called {spec.to!r}", seen={"rungs": [LIVE]}, next="lockgate deploy --help"
        )
    environment = workplace.policy.environment(spec.environment)
    registration = resolve(spec.ref, statements, spec.environment)
    # 2.
    before = deployments.current(spec.environment, registration.name, statements)
    wanted = registration.version if spec.raise_floor and spec.floor is None else spec.floor
    same = before is not None and before.manifest == registration.manifest and wanted in (None, before.floor)
    if before is not None and same and _stands(registration, environment, statements, workplace.now()):
        return DeployResult(registration, before, Verdict(), cached=True)
    # 3.
    inputs = inputs_of(registration, statements)
    refuse_revoked(registration, statements)
    floor = rules.check_floor(registration, before, wanted)
    # 4.
    check_stored(registration, workplace.registry, workplace.ledger.roles_at(registration.evidence.index))
    # 5.
    # Every loader asks again, as of the time that is signed: that time and no other, to the second.
    now = workplace.now().replace(microsecond=0)
    found = rules.ruling(registration, inputs, environment, statements, now)
    # 6.
    summary = workplace.record(
        "deployer",
        summary_statement(
            registration,
            spec.environment,
            policy=policy_in_force(statements),
            inputs={"register": registration.evidence.digest, **registration.inputs, **found.named},
            verdict=found.verdict,
            version=version("lockgate"),
            now=now,
        ),
    )
    if not found.verdict.passed:
        raise _policy_said_no(registration, spec, found.verdict, summary)
    # 7.
    moved = workplace.record(
        "deployer",
        deployment_statement(
            registration,
            spec.environment,
            before,
            summary=summary.digest,
            rung=spec.to,
            floor=floor,
            reason=spec.reason,
            now=workplace.now(),
        ),
    )
    # 8.
    if moved.index < 0:
        return DeployResult(registration, entries.deployments([moved])[0], found.verdict, cached=False)
    decision = load_decision(workplace.ledger.statements(), spec.environment, workplace.now(), name=registration.name)
    return DeployResult(registration, decision.deployment, found.verdict, cached=False)


def _stands(
    registration: Registration, policy: EnvironmentPolicy, statements: Sequence[Evidence], now: datetime
) -> bool:
    """Whether a loader loads what is live, and no new move would let it do so for longer: waivers end.

    Raises Refused LG525: under a wrong clock nothing is decided.
    """
    try:
        decision = load_decision(statements, policy.name, now, name=registration.name)
    except LockgateError as no:
        if no.finding == "LG525":
            raise
        return False
    if decision.until is None:
        return True
    found = rules.ruling(registration, inputs_of(registration, statements), policy, statements, now)
    later = min((one.expires for one in found.waivers), default=None)
    return not found.verdict.passed or (later is not None and later <= decision.until)


def _policy_said_no(registration: Registration, spec: DeploySpec, verdict: Verdict, summary: Evidence) -> Refused:
    first = verdict.refusals[0]
    return Refused(
        "LG511",
        f"the policy of {spec.environment} says no to {registration.ref}: {first.message}",
        seen={
            "reasons": [f"{one.finding} {one.message}" for one in verdict.reasons],
            "summary": summary.digest,
            "log_index": summary.index,
        },
        next=first.next or f"lockgate show {registration.ref}",
    )
