"""What must hold before a model is loaded, decided from verified statements alone. Pure.

The gateway, `verify` and `status` ask here. Nothing is scanned or judged again: statements say that this was done. What
they say is held against the policy again, as it was when the model went live.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lockgate.audit import deployments, entries
from lockgate.audit.again import check_judged
from lockgate.audit.climbing import check_climbed, check_rung
from lockgate.audit.entries import Deployment, FileEntry, Registration, Summary, Waiver
from lockgate.audit.origins import inputs_of, registration_of
from lockgate.audit.standing import check_approved, check_waivers, moves_under, policy_at, refuse_withdrawn, ruled_by
from lockgate.audit.standings import standing
from lockgate.audit.waivers import CLOCKS
from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.trust.policy import EnvironmentPolicy


@dataclass(frozen=True)
class LoadDecision:
    """Load exactly this. `files` are the closure: read each from the registry by digest, and no other.

    `rung`, `share` and `sequence` are those of its own deployment statement, `policy` the rules that it met;
    `automatic`: what was compared where approvals counted as given, "" where persons approved.
    """

    environment: str
    name: str
    version: int
    manifest: Digest
    manifest_size: int
    files: tuple[FileEntry, ...]
    signature: Digest
    rung: str
    share: float
    sequence: int
    registration: Registration
    deployment: Deployment
    summary: Summary
    policy: EnvironmentPolicy
    waivers: tuple[Waiver, ...] = ()
    automatic: str = ""

    @property
    def until(self) -> datetime | None:
        """When the first waiver that it rests on ends, and it may not be answered from any more; None: no such end."""
        return min((one.expires for one in self.waivers), default=None)

    def file(self, name: str) -> FileEntry:
        """The file of the closure called `name`. Raises VerificationFailed LG526."""
        return self.registration.file(name)


@dataclass(frozen=True)
class LoadStanding:
    """What the gateway of an environment loads, and what stands beside it.

    Attributes:
        candidate: the model on the ladder; None where there is none, and where it must not be loaded.
        problem: why a candidate that stands there is not loaded.
        previous: what was live before, kept warm; None where there is none, or it could not become live again.
        sequence: of the newest move here, which the next one follows.
    """

    live: LoadDecision
    candidate: LoadDecision | None
    problem: LockgateError | None
    previous: LoadDecision | None
    sequence: int


def load_standing(
    statements: Sequence[Evidence], environment: str, now: datetime, *, name: str | None = None
) -> LoadStanding:
    """Decide what the gateway of `environment` loads: what is live, and beside it who is on the ladder.

    Of each of them holds what `load_decision` says. What is wrong with a candidate takes the candidate away and leaves
    live what is live. Raises as `load_decision`, for what is live.
    """
    chain = _chain(statements, environment, name)
    found = standing(chain)
    if found is None:
        raise _nothing_live(environment, name)
    live = _decide(found.live, statements, now)
    candidate, problem = _try(found.candidate, statements, now)
    previous, _ = _try(found.previous, statements, now)
    if previous is not None and previous.version < chain[-1].floor:
        previous = None
    return LoadStanding(live, candidate, problem, previous, chain[-1].sequence)


def _try(
    deployment: Deployment | None, statements: Sequence[Evidence], now: datetime
) -> tuple[LoadDecision | None, LockgateError | None]:
    if deployment is None:
        return None, None
    try:
        return _decide(deployment, statements, now), None
    except LockgateError as problem:
        return None, problem


def load_decision(
    statements: Sequence[Evidence], environment: str, now: datetime, *, name: str | None = None
) -> LoadDecision:
    """Decide what answers people in `environment`. `statements`: the whole event log, in order.

    1. There is a deployment on `live`, in an unbroken chain, not dated in the future.
    2. It names a registration of this project, by name, version and manifest.
    3. Every statement that the registration rests on is there, by the right role, before it, joined by digest.
    4. Its verification summary passed, for this manifest and environment, before the deployment, on at
       least those statements, all of them there, under the policy that was in force; a new summary for each move
       that does not return to an earlier one. The guard climbs under the summary that the model has, for as long as
       the policy is the same.
    5. Nothing of this is revoked: the manifest, its data, a statement that model, summary or move rest on.
    6. The approvals that the policy asked for are among what the summary rests on, or count as given by the log alone.
    7. Each waiver among it still holds.
    8. The gate, asked again as of the summary and with no other waivers, does not refuse.
    9. The rung is one of the ladder of that policy; what the guard moved up, that policy lets climb (`audit.climbing`).

    Raises:
        Refused: LG520 nothing is deployed; LG514 revoked; LG518 a waiver has expired; LG525 dated in the future.
        Usage: LG503 several models are deployed and `name` says none.
        VerificationFailed: LG521, LG522, LG515 (the chain), LG443 (what the registration rests on),
            LG523, LG524, LG527, LG528 (the summary and its policy), LG535 (approvals), LG519 (a waiver),
            LG536 (the facts), LG547, LG522 (the ladder), LG526 (malformed).
    """
    found = standing(_chain(statements, environment, name))
    if found is None:
        raise _nothing_live(environment, name)
    return _decide(found.live, statements, now)


def _decide(deployment: Deployment, statements: Sequence[Evidence], now: datetime) -> LoadDecision:
    """The steps of `load_decision`, for one deployment of a chain that holds."""
    # 1.
    if deployment.evidence.time > now + CLOCKS:
        raise Refused(
            "LG525",
            f"the deployment of {deployment.name} is dated in the future",
            seen={
                "statement": deployment.evidence.digest,
                "time": deployment.evidence.time.isoformat(),
                "now": now.isoformat(),
            },
            next="set this machine's clock, then start again",
        )
    # 2.
    registration = registration_of(deployment, statements)
    # 3.
    inputs = inputs_of(registration, statements)
    # 4.
    summary = summary_of(deployment, registration, statements)
    # 5.
    refuse_revoked(registration, statements)
    refuse_withdrawn(deployment, statements)
    # 6.
    policy = ruled_by(summary, statements)
    counted = None
    if policy.automatic is not None:
        # Most loaders never need it, and the gate comes with it.
        from lockgate.audit.automatic import counted_at

        counted = counted_at(summary, registration, inputs["train"], policy, statements, load_decision)
    automatic = check_approved(summary, registration, inputs["train"], policy, statements, counted)
    # 7.
    waivers = check_waivers(deployment, summary, statements, now)
    # 8.
    check_judged(deployment, registration, inputs, summary, policy, statements)
    # 9.
    check_rung(deployment, policy)
    check_climbed(deployment, summary, policy, statements)
    return LoadDecision(
        deployment.environment,
        registration.name,
        registration.version,
        registration.manifest,
        registration.manifest_size,
        registration.files,
        registration.signature,
        deployment.rung,
        deployment.share,
        deployment.sequence,
        registration,
        deployment,
        summary,
        policy,
        waivers,
        automatic,
    )


def summary_of(deployment: Deployment, registration: Registration, statements: Sequence[Evidence]) -> Summary:
    """The verification summary under which a deployment was made.

    Raises:
        VerificationFailed: LG523 it is missing or about something else, LG524 its policy was not in force,
            LG527 a statement that it rests on is not in the log.
    """
    evidence = next((one for one in statements if one.digest == deployment.summary), None)
    if evidence is None or evidence.claim != "promote" or evidence.index >= deployment.evidence.index:
        raise _no_summary(deployment, "there is no verification summary for this deployment")
    summary = entries.summary(evidence)
    if not summary.passed:
        raise _no_summary(deployment, "the verification summary of this deployment says FAILED")
    if summary.manifest != deployment.manifest:
        raise _no_summary(deployment, "the verification summary is about another model")
    wanted = entries.resource_uri(deployment.environment, deployment.name)
    if summary.resource != wanted or evidence.predicate.get("environment") != deployment.environment:
        raise _no_summary(deployment, "the verification summary is for another environment or name")
    moments = (evidence.index, _first_use(deployment, statements))
    if {summary.policy} != {policy_at(index, statements) for index in moments}:
        raise VerificationFailed(
            "LG524",
            "the verification summary was made under a policy that was not in force",
            seen={"statement": evidence.digest, "log_index": evidence.index, "policy": summary.policy},
            next=f"lockgate deploy {registration.ref} --env {deployment.environment}",
        )
    earlier = {one.digest for one in statements if one.index < evidence.index}
    rests_on = {registration.evidence.digest, *registration.inputs.values()}
    missing = sorted((rests_on - set(summary.inputs)) | (set(summary.inputs) - earlier))
    if missing:
        raise VerificationFailed(
            "LG527",
            "a statement that the verification summary must rest on is missing",
            seen={"statement": evidence.digest, "missing": missing},
            next="lockgate log verify",
        )
    return summary


def _first_use(deployment: Deployment, statements: Sequence[Evidence]) -> int:
    """The log index of the first move under this summary that gave the model as much traffic.

    An earlier one than `deployment` where that goes back. Raises VerificationFailed LG523 for a deployer's move further
    up under a summary that was used: it is asked of the policy anew each time.
    """
    uses = moves_under(deployment, statements)
    first = next(one for one in uses if one.share >= deployment.share)
    if first.evidence.role == "deployer" and first.evidence.index > uses[0].evidence.index:
        raise _no_summary(deployment, "the verification summary was used for a lower rung; a climb needs a new one")
    return first.evidence.index


def policy_in_force(statements: Sequence[Evidence]) -> Digest:
    """The digest of the policy in force now. Raises VerificationFailed LG524 when none was ever signed."""
    found = policy_at(statements[-1].index + 1 if statements else 0, statements)
    if found is None:
        raise VerificationFailed("LG524", "no policy was ever signed in this project", next="lockgate policy sign")
    return found


def refuse_revoked(registration: Registration, statements: Sequence[Evidence]) -> None:
    """Raises Refused LG514 when the model, or a statement it rests on, is revoked."""
    revocation = deployments.revocation_of(registration, statements)
    if revocation is not None:
        raise Refused(
            "LG514",
            f"{registration.ref} is revoked: {revocation.reason}",
            seen={"manifest": registration.manifest, "revocation": revocation.evidence.digest},
            next="lockgate status",
        )


def _chain(statements: Sequence[Evidence], environment: str, name: str | None) -> tuple[Deployment, ...]:
    names = deployments.deployed_names(environment, statements)
    if name is None and len(names) > 1:
        raise Usage(
            "LG503",
            f"{len(names)} models are deployed in {environment}; say which",
            seen={"names": list(names)},
            next=f"lockgate serve {names[0]}:live",
        )
    wanted = name if name is not None else (names[0] if names else None)
    return deployments.chain(environment, wanted, statements) if wanted is not None else ()


def _nothing_live(environment: str, name: str | None) -> Refused:
    return Refused(
        "LG520",
        f"nothing is live in {environment}",
        seen={"environment": environment, "name": name},
        next=f"lockgate deploy {name or 'latest'} --env {environment}",
    )


def _no_summary(deployment: Deployment, message: str) -> VerificationFailed:
    return VerificationFailed(
        "LG523",
        message,
        seen={"deployment": deployment.evidence.digest, "summary": deployment.summary},
        next=f"lockgate deploy {deployment.name}@{deployment.version} --env {deployment.environment}",
    )
