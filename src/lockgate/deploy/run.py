"""Make a registered model live: check everything a loader will rely on, ask the policy, sign the answer.

Order of writing: the verification summary, then the deployment statement, each a log entry of its own. The
deployment is the commit; a process killed before it leaves a summary that nothing refers to.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.audit import deployments
from lockgate.audit.deployments import revoked_digests
from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs
from lockgate.audit.load import inputs_of, load_decision, policy_in_force, refuse_revoked
from lockgate.audit.refs import resolve
from lockgate.audit.stored import check_stored
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest
from lockgate.core.verdict import Verdict
from lockgate.deploy import rules
from lockgate.deploy.spec import LIVE, DeployResult, DeploySpec
from lockgate.deploy.turn import turn
from lockgate.errors import Refused, Usage


def deploy(workplace: Workplace, spec: DeploySpec) -> DeployResult:
    """Make `spec.ref` live in `spec.environment`.

    1. The rung exists, the policy knows the environment, `ref` names one registration.
    2. What is live already is confirmed, not deployed again.
    3. What the registration rests on is in the log, in order, joined by digest; nothing of it is revoked; the
       version is at or above the floor.
    4. Manifest, files and signature in the registry are, byte for byte, what was registered.
    5. The environment's policy is asked about the statements, their age, and the approvals.
    6. The verdict is signed as a verification summary, also when it is no.
    7. The deployment statement is signed: the next in the environment's chain.
    8. The decision that every loader takes is taken here too.

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
    if before and before.manifest == registration.manifest and spec.floor in (None, before.floor):
        load_decision(statements, spec.environment, workplace.now(), name=registration.name)
        return DeployResult(registration, before, Verdict(), cached=True)
    # 3.
    inputs = inputs_of(registration, statements)
    refuse_revoked(registration, statements)
    floor = rules.check_floor(registration, before, spec.floor)
    # 4.
    check_stored(registration, workplace.registry, workplace.ledger.roles)
    # 5.
    approvals = rules.approvals_of(registration, spec.environment, statements)
    verdict = Verdict(
        (
            *judge_inputs(inputs, environment, workplace.now(), revoked_digests(statements)),
            *rules.judge_approvals(approvals, inputs["train"], registration, environment),
        )
    )
    # 6.
    summary = workplace.record(
        "deployer",
        rules.summary_statement(
            registration,
            spec.environment,
            policy=policy_in_force(statements),
            inputs=_attested(registration, approvals),
            verdict=verdict,
            now=workplace.now(),
        ),
    )
    if not verdict.passed:
        raise _policy_said_no(registration, spec, verdict, summary)
    # 7.
    workplace.record(
        "deployer",
        rules.deployment_statement(
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
    decision = load_decision(workplace.ledger.statements(), spec.environment, workplace.now(), name=registration.name)
    return DeployResult(registration, decision.deployment, verdict, cached=False)


def _attested(registration: Registration, approvals: Sequence[Evidence]) -> dict[str, Digest]:
    named = {"register": registration.evidence.digest, **registration.inputs}
    named.update({f"approve/{number}": one.digest for number, one in enumerate(approvals, 1)})
    return named


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
