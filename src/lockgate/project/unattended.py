"""A run that nobody watches: what is new is deployed, what is not is left alone, and both are told.

For schedules and pipelines: one lock from the first stage to the move, so that two of them never both decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from lockgate.audit import deployments, entries
from lockgate.audit.entries import LIVE
from lockgate.audit.load import policy_in_force
from lockgate.audit.origins import inputs_of
from lockgate.audit.standings import standing
from lockgate.deploy import rules
from lockgate.pipeline import ORDER, Nobody, run_stages
from lockgate.project.carry.mirror import refuse_work
from lockgate.project.deploying import Deployed, deploy
from lockgate.project.folder import DEV
from lockgate.project.pages import run_result

if TYPE_CHECKING:
    from lockgate.audit.entries import Deployment, Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.core.verdict import Verdict
    from lockgate.pipeline import Observer, RunResult
    from lockgate.project import Project
    from lockgate.trust.policy import EnvironmentPolicy

REASON = "run --deploy"


@dataclass(frozen=True)
class Unattended:
    """What came of it.

    Attributes:
        new: the model was never in this environment. One that waits for another is new, and not deployed.
        says: where it stands, in a sentence.
    """

    run: RunResult
    deployed: Deployed | None
    new: bool
    says: str

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the run, and `deployed` (null: it was not), `new`, `says`."""
        deployed = None if self.deployed is None else self.deployed.as_json()
        return {**self.run.as_json(), "deployed": deployed, "new": self.new, "says": self.says}


def run_and_deploy(
    project: Project,
    *,
    environment: str = DEV,
    fresh: bool = False,
    observer: Observer | None = None,
    ran: Callable[[RunResult], None] = lambda _: None,
) -> Unattended:
    """Run the pipeline, and put a model that is new on its first step in `environment`.

    `ran` is told of the run before anything is decided about it.

    1. The stages, as `Project.run`.
    2. What was here before is left alone, and so is an older version: live, on the ladder, or taken back, which only
       a person undoes.   3. A model that is climbing is not pushed aside: the new one waits for its end.
    4. A policy that said no already, for the same reasons, says it again without a further statement in the log.
    5. The move: the first rung of the ladder, or live where there is none or nothing is live yet.

    Raises as `Project.run` and `lockgate.deploy.run.deploy`; Unavailable (LG807) while another command is at work.
    """
    refuse_work(project.home)
    config, began = project.config.only(), monotonic()
    watcher = observer or Nobody()
    with project.workplace(environment, say=watcher.say) as place:
        # 1.
        stages = run_stages(place, config, ORDER, watcher, fresh=fresh)
        result = run_result(place, config, stages, monotonic() - began)
        ran(result)
        statements = place.ledger.statements()
        one = next(each for each in entries.registrations(statements) if each.manifest == result.manifest)
        policy = place.policy.environment(environment)
        moves = deployments.chain(environment, one.name, statements)
        # 2., 3.
        new, says = why_not(one, moves, environment)
        if says:
            return Unattended(result, None, new, says)
        # 4.
        _refuse_again(place, one, policy, statements)
        # 5.
        done = deploy(place, one.ref, rung="", reason=REASON, observer=observer)
        where = "live" if done.rung == LIVE else f"on the rung {done.rung}"
        return Unattended(result, done, new=True, says=f"{one.ref} is {where} in {environment}")


def why_not(one: Registration, moves: Sequence[Deployment], environment: str) -> tuple[bool, str]:
    """Whether `one` is new here, and why nobody deploys it unattended, in a sentence; "" when it may be. Pure."""
    now = standing(moves)
    if now is None:
        return True, ""
    if one.manifest == now.live.manifest:
        return False, f"nothing new: {one.ref} is live in {environment} already"
    if now.candidate is not None and one.manifest == now.candidate.manifest:
        return False, f"nothing new: {one.ref} is on the rung {now.candidate.rung} in {environment} already"
    if any(one.manifest == move.manifest for move in moves):
        return False, f"nothing new: {one.ref} was in {environment} before and was taken back; a person may deploy it"
    if one.version < now.live.version:
        return False, f"nothing new: {one.ref} is older than {one.name}@{now.live.version}, which is live"
    if now.candidate is not None:
        climbing = f"{one.name}@{now.candidate.version} on the rung {now.candidate.rung}"
        return True, f"{one.ref} waits: {climbing} of {environment} is not through"
    return True, ""


def _refuse_again(
    place: Workplace, one: Registration, policy: EnvironmentPolicy, statements: Sequence[Evidence]
) -> None:
    """Raises Refused LG511 when the log says already that this policy refuses this model, for the same reasons."""
    verdict = rules.ruling(one, inputs_of(one, statements), policy, statements, place.now()).verdict
    said = [
        each for each in statements if each.claim == "promote" and each.statement.subjects[0].digest == one.manifest
    ]
    for summary in reversed(said):
        if summary.predicate.get("environment") == policy.name:
            if not verdict.passed and _says(summary, verdict, policy_in_force(statements)):
                raise rules.said_no(one, policy.name, verdict, summary, ", as before")
            return


def _says(summary: Evidence, verdict: Verdict, policy: str) -> bool:
    found = entries.summary(summary)
    told = summary.predicate.get("reasons")
    refused = [
        each.get("finding")
        for each in (told if isinstance(told, list) else ())
        if isinstance(each, dict) and each.get("level") == "refuse"
    ]
    now = [each.finding for each in verdict.refusals]
    return not found.passed and found.policy == policy and sorted(map(str, refused)) == sorted(now)
