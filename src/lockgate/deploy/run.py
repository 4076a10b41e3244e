"""Move a registered model: check everything a loader will rely on, ask the policy, sign the answer.

Order of writing: the verification summary, then the deployment statement, each a log entry of its own. The
deployment is the commit; a process killed before it leaves a summary that nothing refers to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from lockgate.audit import deployments, entries
from lockgate.audit.cosigned import require
from lockgate.audit.entries import LIVE, Deployment, Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.load import LoadDecision, LoadStanding, load_standing, policy_in_force, refuse_revoked
from lockgate.audit.origins import inputs_of
from lockgate.audit.refs import resolve
from lockgate.audit.standings import standing
from lockgate.audit.stored import check_stored
from lockgate.audit.tasks import task_of
from lockgate.audit.workplace import Workplace
from lockgate.core.verdict import Verdict
from lockgate.deploy import rules
from lockgate.deploy.looking import look_ahead
from lockgate.deploy.rungs import Step, next_step
from lockgate.deploy.spec import DeployResult, DeploySpec, Facts, Look, looks_nowhere
from lockgate.deploy.statements import deployment_statement, summary_statement
from lockgate.deploy.turn import turn
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.trust.policy import EnvironmentPolicy


def deploy(workplace: Workplace, spec: DeploySpec, look: Look = looks_nowhere) -> DeployResult:
    """Move `spec.ref` in `spec.environment`: to live, or along the ladder of its policy.

    1. The policy knows the environment, enough witnesses cosigned the log as it is here, `ref` names one registration,
       and nothing of it is revoked.
    2. Where it goes: the rung that is asked for, or the next one (`rungs.next_step`). Beside what is live stands only
       what answers the same kind of question.
    3. Where it stands there already, and would be loaded for as long as after a new move, that is confirmed.
    4. What the registration rests on is in the log, in order, joined by digest; the version is at or above the floor,
       which rises with a move to live only.
    5. Manifest, files and signature in the registry are, byte for byte, what was registered.
    6. The environment's policy is asked about the statements, their age, waivers and approvals (`rules.ruling`).
    7. The verdict is signed as a verification summary, also when it is no.
    8. The deployment statement is signed: the next in the environment's chain, with what the checks say.
    9. The decision that every loader takes is taken here too, unless the statements went to a file.

    Args:
        look: what the log of predictions says of a model on the ladder.

    Raises:
        Usage: LG501 to LG503 `ref`; LG510 the rung; LG549 the floor; an environment that the policy does not know.
        Refused: LG511 the policy said no; LG514 revoked; LG515 below the floor; LG543, LG544, LG546, LG547, LG551 the
            ladder; LG7010 too few witnesses.
        VerificationFailed: LG443 and LG444 what it rests on, or its bytes; LG521, LG522 the chain.
    """
    workplace.policy.environment(spec.environment)
    named = resolve(spec.ref, workplace.ledger.statements(), spec.environment)
    ahead = look_ahead(workplace, spec.environment, look, named.manifest)
    with turn(workplace, "deployer"):
        return deploy_in_turn(workplace, spec, ahead)


@dataclass(frozen=True)
class _Place:
    """Where the model stands before the move: the chain, and what loaders make of it. `loaded`: None, nothing loads."""

    chain: tuple[Deployment, ...]
    loaded: LoadStanding | None


def deploy_in_turn(workplace: Workplace, spec: DeploySpec, look: Look = looks_nowhere) -> DeployResult:
    """`deploy`, for whoever has the turn already."""
    statements = workplace.ledger.statements()
    # 1.
    environment = workplace.policy.environment(spec.environment)
    few = require(environment, workplace.policy.witnesses, workplace.ledger.note, workplace.now())
    if few is not None:
        workplace.say(f"{few.finding} {few.message}")
    registration = resolve(spec.ref, statements, spec.environment)
    refuse_revoked(registration, statements)
    # 2.
    place = _place(spec.environment, registration, statements, workplace.now())
    facts = facts_of(registration, place.loaded, look)
    step = _step(spec, registration, place, environment, facts)
    if step.rung != LIVE and place.loaded is not None:
        _check_comparable(spec, registration, place.loaded.live.registration, workplace)
    # 3.
    before = place.chain[-1] if place.chain else None
    wanted = registration.version if spec.raise_floor and spec.floor is None else spec.floor
    held = _held(registration, step, place)
    same_floor = before is not None and wanted in (None, before.floor)
    if held is not None and same_floor and _lasts(held, environment, statements, workplace.now()):
        return DeployResult(registration, held.deployment, Verdict(), cached=True)
    # 4.
    inputs = inputs_of(registration, statements)
    floor = rules.check_floor(registration, before, wanted)
    if step.rung != LIVE and before is not None and floor > before.floor:
        raise Usage(
            "LG549",
            f"the floor rises when {registration.ref} is live, not from {step.rung}",
            seen={"rung": step.rung, "floor": floor},
            next=f"lockgate deploy {spec.ref} --env {spec.environment}",
        )
    # 5.
    check_stored(registration, workplace.registry, workplace.ledger.roles_at(registration.evidence.index))
    # 6.
    # Every loader asks again, as of the time that is signed: that time and no other, to the second.
    now = workplace.now().replace(microsecond=0)
    found = rules.ruling(registration, inputs, environment, statements, now)
    # 7.
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
            rung=step.rung,
        ),
    )
    if not found.verdict.passed:
        raise rules.said_no(registration, spec.environment, found.verdict, summary)
    # 8.
    moved = workplace.record(
        "deployer",
        deployment_statement(
            registration,
            spec.environment,
            place.chain,
            summary=summary.digest,
            rung=step.rung,
            share=step.share,
            floor=floor,
            reason=spec.reason,
            now=workplace.now(),
            checks=facts.checks if facts is not None else None,
        ),
    )
    # 9.
    made = entries.deployments([moved])[0]
    if moved.index >= 0:
        _check_loads(made, workplace)
    return DeployResult(registration, made, found.verdict, cached=False, why=step.why)


def facts_of(registration: Registration, loaded: LoadStanding | None, look: Look) -> Facts | None:
    """What is known of `registration`, where it is the candidate that is loaded."""
    candidate = loaded.candidate if loaded is not None else None
    if loaded is None or candidate is None or candidate.manifest != registration.manifest:
        return None
    return look(loaded)


def _place(environment: str, registration: Registration, statements: Sequence[Evidence], now: datetime) -> _Place:
    """Raises Refused LG525: under a wrong clock nothing is decided; and as `deployments.chain`."""
    chain = deployments.chain(environment, registration.name, statements)
    try:
        return _Place(chain, load_standing(statements, environment, now, name=registration.name) if chain else None)
    except LockgateError as no:
        if no.finding == "LG525":
            raise
        return _Place(chain, None)


def _step(
    spec: DeploySpec, registration: Registration, place: _Place, policy: EnvironmentPolicy, facts: Facts | None
) -> Step:
    return next_step(spec, registration, standing(place.chain), policy, facts, usable=place.loaded is not None)


def _held(registration: Registration, step: Step, place: _Place) -> LoadDecision | None:
    """What is loaded of this model where it is to go; None when it does not stand there."""
    if place.loaded is None:
        return None
    there = place.loaded.live if step.rung == LIVE else place.loaded.candidate
    fits = there is not None and (there.manifest, there.rung, there.share) == (
        registration.manifest,
        step.rung,
        step.share,
    )
    return there if fits else None


def _lasts(held: LoadDecision, policy: EnvironmentPolicy, statements: Sequence[Evidence], now: datetime) -> bool:
    """Whether no new move would let a loader load it for longer, or by other rules.

    Waivers end. A model on the ladder stands under the policy of its move: asked for its rung again, under a newer one,
    it is moved there under that.
    """
    if held.rung != LIVE and held.summary.policy != policy_in_force(statements):
        return False
    if held.until is None:
        return True
    found = rules.ruling(held.registration, inputs_of(held.registration, statements), policy, statements, now)
    later = min((one.expires for one in found.waivers), default=None)
    return not found.verdict.passed or (later is not None and later <= held.until)


def _check_loads(made: Deployment, workplace: Workplace) -> None:
    """Raises what keeps a loader from loading what was just moved."""
    loaded = load_standing(workplace.ledger.statements(), made.environment, workplace.now(), name=made.name)
    if made.rung != LIVE and loaded.problem is not None:
        raise loaded.problem


def _check_comparable(spec: DeploySpec, registration: Registration, live: Registration, workplace: Workplace) -> None:
    """Raises Refused LG551 for a model of another task than what is live: no row is the same question to both."""
    tasks = [task_of(one, workplace.registry) for one in (registration, live)]
    if tasks[0] != tasks[1]:
        raise Refused(
            "LG551",
            f"{registration.ref} answers {tasks[0]}, and what is live, {live.ref}, {tasks[1]}: nothing to compare",
            seen={"environment": spec.environment, "tasks": tasks},
            next=f"lockgate deploy {spec.ref} --env {spec.environment} --to {LIVE} --reason ...",
        )
