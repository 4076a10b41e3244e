"""What must hold before a model is loaded, decided from verified statements alone. Pure.

The gateway, `verify` and `status` ask here. Nothing is scanned, judged or evaluated again: the verification
summary says that this was done, under which policy; what remains is that everything it rests on is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lockgate.audit import deployments, entries, joins
from lockgate.audit.entries import Deployment, FileEntry, Registration, Summary
from lockgate.core.digest import Digest
from lockgate.errors import Refused, Usage, VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

CLOCK_SKEW = timedelta(minutes=5)

_ROLES = {"ingest": "ingester", "validate": "validator", "train": "trainer", "judge": "judge", "scan": "signer"}


@dataclass(frozen=True)
class LoadDecision:
    """Load exactly this. `files` are the closure: read each from the registry by digest, and no other."""

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

    def file(self, name: str) -> FileEntry:
        """The file of the closure called `name`. Raises VerificationFailed LG526."""
        return self.registration.file(name)


def load_decision(
    statements: Sequence[Evidence], environment: str, now: datetime, *, name: str | None = None
) -> LoadDecision:
    """Decide what the gateway of `environment` loads. `statements`: the whole event log, in order.

    1. There is a current deployment, at the end of an unbroken chain, not dated in the future.
    2. It names a registration of this project, by name, version and manifest.
    3. Every statement that the registration rests on is there, by the right role, before it, joined by digest.
    4. Its verification summary passed, for this manifest and environment, before the deployment, on at
       least those statements, all of them there, under the policy that was in force.
    5. Neither the manifest nor a statement it rests on is revoked.

    Raises:
        Refused: LG520 nothing is deployed; LG514 revoked; LG525 dated in the future.
        Usage: LG503 several models are deployed and `name` says none.
        VerificationFailed: LG521, LG522, LG515 (the chain), LG443 (what the registration rests on),
            LG523, LG524, LG527 (the summary), LG526 (malformed).
    """
    # 1.
    deployment = _current(statements, environment, name)
    if deployment.evidence.time > now + CLOCK_SKEW:
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
    inputs_of(registration, statements)
    # 4.
    summary = summary_of(deployment, registration, statements)
    # 5.
    refuse_revoked(registration, statements)
    return LoadDecision(
        environment,
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
    )


def registration_of(deployment: Deployment, statements: Sequence[Evidence]) -> Registration:
    """The registration that a deployment names. Raises VerificationFailed LG443."""
    for one in entries.registrations(statements):
        wanted = (deployment.name, deployment.version, deployment.manifest)
        if (one.name, one.version, one.manifest) == wanted and one.evidence.index < deployment.evidence.index:
            return one
    raise VerificationFailed(
        "LG443",
        f"{deployment.name}@{deployment.version} is deployed in {deployment.environment}, but was never registered so",
        seen={"statement": deployment.evidence.digest, "manifest": deployment.manifest},
        next="lockgate log verify",
    )


def inputs_of(registration: Registration, statements: Sequence[Evidence]) -> Mapping[str, Evidence]:
    """The statements that a registration rests on, by claim.

    1. Each is in the log before the registration, makes the claim it stands for, by the role of that claim.
    2. They are joined by digest: ingest -> validate -> train -> judge, scan and the registered files.
    3. The scan passed, and it was of exactly the registered files.

    Raises:
        VerificationFailed: LG443, naming the claim.
    """
    known = {one.digest: one for one in statements}
    found: dict[str, Evidence] = {}
    # 1.
    for claim, digest in registration.inputs.items():
        evidence = known.get(digest)
        if evidence is None:
            raise _not_joined(registration, claim, "is not in the event log", digest)
        if evidence.claim != claim or evidence.role != _ROLES[claim]:
            raise _not_joined(registration, claim, f"is a {evidence.claim} statement by role {evidence.role}", digest)
        if evidence.index >= registration.evidence.index:
            raise _not_joined(registration, claim, "is younger than the registration", digest)
        found[claim] = evidence
    # 2.
    links = (*joins.ORDER, ("scan", "train"))
    found["register"] = registration.evidence
    for claim, before in links:
        message = joins.gap(claim, found[claim].statement, found[before].statement)
        if message:
            raise _not_joined(registration, claim, f"does not fit: {message}", found[claim].digest)
    # 3.
    scanned = {one.name: one.digest for one in found["scan"].statement.subjects}
    if scanned != {one.name: one.digest for one in registration.files}:
        raise _not_joined(registration, "scan", "is about other files", found["scan"].digest)
    if found["scan"].predicate.get("result") != "PASSED":
        raise _not_joined(registration, "scan", "did not pass", found["scan"].digest)
    return found


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
    if summary.policy != policy_at(evidence.index, statements):
        raise VerificationFailed(
            "LG524",
            "the verification summary was made under a policy that was not in force",
            seen={"statement": evidence.digest, "log_index": evidence.index, "policy": summary.policy},
            next="lockgate log verify",
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


def policy_at(index: int, statements: Sequence[Evidence]) -> Digest | None:
    """The digest of the policy in force at a log index: the subject of the newest policy statement before it."""
    before = [one for one in statements if one.claim == "policy" and one.index < index]
    return before[-1].statement.subjects[0].digest if before else None


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


def _current(statements: Sequence[Evidence], environment: str, name: str | None) -> Deployment:
    names = deployments.deployed_names(environment, statements)
    if name is None and len(names) > 1:
        raise Usage(
            "LG503",
            f"{len(names)} models are deployed in {environment}; say which",
            seen={"names": list(names)},
            next=f"lockgate serve {names[0]}:live",
        )
    wanted = name if name is not None else (names[0] if names else None)
    found = deployments.current(environment, wanted, statements) if wanted is not None else None
    if found is None:
        raise Refused(
            "LG520",
            f"nothing is live in {environment}",
            seen={"environment": environment, "name": wanted},
            next=f"lockgate deploy {wanted or 'latest'} --env {environment}",
        )
    return found


def _not_joined(registration: Registration, claim: str, what: str, digest: Digest) -> VerificationFailed:
    return VerificationFailed(
        "LG443",
        f"the {claim} statement that {registration.ref} rests on {what}",
        seen={"registration": registration.evidence.digest, "claim": claim, "statement": digest},
        next="lockgate log verify",
    )


def _no_summary(deployment: Deployment, message: str) -> VerificationFailed:
    return VerificationFailed(
        "LG523",
        message,
        seen={"deployment": deployment.evidence.digest, "summary": deployment.summary},
        next=f"lockgate deploy {deployment.name}@{deployment.version} --env {deployment.environment}",
    )
