"""The statements that deployment signs. Pure: values in, what is to be signed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lockgate.audit import entries
from lockgate.audit.entries import LIVE, Deployment, Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.imports import Import
from lockgate.audit.standings import Target, leads_down, standing
from lockgate.core.digest import Digest
from lockgate.core.moments import rfc3339
from lockgate.core.statement import (
    APPROVAL,
    DEPLOYMENT,
    LADDER,
    REVOCATION,
    VERIFICATION_SUMMARY,
    WAIVER,
    Statement,
    Subject,
    claim_uri,
    resource,
)
from lockgate.core.verdict import Verdict


def summary_statement(
    registration: Registration,
    environment: str,
    *,
    policy: Digest,
    inputs: Mapping[str, Digest],
    verdict: Verdict,
    version: str,
    now: datetime,
    rung: str = LIVE,
) -> Statement:
    """The verification summary (SLSA VSA v1.1). `inputs`: envelope digests of everything the verdict rests on.

    Where it was asked for on the way there, it names the rung: two moves in one second have two summaries.
    """
    predicate = {
        "verifier": {"id": claim_uri("promote"), "version": {"lockgate": version}},
        "timeVerified": rfc3339(now),
        "environment": environment,
        "resourceUri": entries.resource_uri(environment, registration.name),
        "policy": {"uri": f"urn:lockgate:policy:{environment}", **_digest_set(policy)},
        "inputAttestations": [resource(name, digest) for name, digest in inputs.items()],
        "verificationResult": "PASSED" if verdict.passed else "FAILED",
        "verifiedLevels": [] if verdict.passed else ["FAILED"],
        "slsaVersion": "1.1",
        "reasons": [reason.as_json() for reason in verdict.reasons],
        **({} if rung == LIVE else {"rung": rung}),
    }
    return Statement((_subject(registration),), VERIFICATION_SUMMARY, predicate)


def deployment_statement(
    registration: Registration,
    environment: str,
    chain: Sequence[Deployment],
    *,
    summary: Digest,
    rung: str = LIVE,
    share: float = 1.0,
    floor: int,
    reason: str,
    now: datetime,
    checks: Mapping[str, Any] | None = None,
    authorisation: Digest | None = None,
) -> Statement:
    """The deployment that follows `chain`. It is a move down where `standings.leads_down` says so.

    Args:
        checks: what the log of predictions says of the candidate that is moved, or taken off.
        authorisation: on which the guard moves up.
    """
    before = chain[-1] if chain else None
    target = Target(registration.version, registration.manifest, rung, share)
    predicate = {
        "claim": claim_uri("deploy"),
        "time": rfc3339(now),
        "environment": environment,
        "name": registration.name,
        "version": registration.version,
        "manifest": registration.manifest,
        "sequence": before.sequence + 1 if before else 1,
        "predecessor": before.evidence.digest if before else None,
        "rung": rung,
        "share": share,
        "vsa": summary,
        "floor": floor,
        "reason": reason,
        "move": "down" if leads_down(target, standing(chain)) else "up",
    }
    told = {"checks": checks, "authorisation": authorisation}
    predicate |= {name: value for name, value in told.items() if value is not None}
    return Statement((_subject(registration),), DEPLOYMENT, predicate)


def authorisation_statement(
    registration: Registration,
    environment: str,
    *,
    policy: Digest,
    rungs: Sequence[tuple[str, float]],
    expires: datetime,
    reason: str,
    now: datetime,
) -> Statement:
    """A deployer's word that the guard may move this model up these rungs, one after the other, until `expires`."""
    predicate = {
        "claim": claim_uri("authorise"),
        "time": rfc3339(now),
        "environment": environment,
        "name": registration.name,
        "version": registration.version,
        "manifest": registration.manifest,
        "policy": policy,
        "rungs": [{"name": name, "share": share} for name, share in rungs],
        "expires": rfc3339(expires),
        "reason": reason,
    }
    return Statement((_subject(registration),), LADDER, predicate)


def approval_statement(
    registration: Registration | Import, environment: str, *, reason: str, now: datetime
) -> Statement:
    """A person's word that this manifest may go live, or be used by another server, in this environment."""
    predicate = {
        "claim": claim_uri("approve"),
        "time": rfc3339(now),
        "environment": environment,
        "name": registration.name,
        "version": registration.version,
        "manifest": registration.manifest,
        "reason": reason,
    }
    return Statement((_subject(registration),), APPROVAL, predicate)


def waiver_statement(
    environment: str,
    finding: str,
    registration: Registration | None,
    *,
    policy: Digest,
    reason: str,
    expires: datetime,
    now: datetime,
) -> Statement:
    """A person's word that a finding shall not refuse until `expires`: for one model, or for every one there.

    Its subject is the model; where it is for every one, the policy in force, from which it is a departure.
    """
    predicate = {
        "claim": claim_uri("waive"),
        "time": rfc3339(now),
        "environment": environment,
        "finding": finding,
        "manifest": None if registration is None else registration.manifest,
        "reason": reason,
        "expires": rfc3339(expires),
    }
    about = Subject("policy.toml", policy) if registration is None else _subject(registration)
    return Statement((about,), WAIVER, predicate)


def revocation_statement(target: Registration | Evidence, *, reason: str, now: datetime) -> Statement:
    """The word that a model, or a statement and all that rests on it, must not be used any more, anywhere.

    Of an ingest statement the data too, and of an import the manifest: under whatever statement they are taken in
    again.
    """
    predicate = {"claim": claim_uri("revoke"), "time": rfc3339(now), "reason": reason}
    if isinstance(target, Registration):
        named = {"name": target.name, "version": target.version, "manifest": target.manifest}
        return Statement((_subject(target),), REVOCATION, predicate | named)
    data = target.statement.subjects if target.claim in {"ingest", "import"} else ()
    subjects = (Subject(f"{target.claim} statement", target.digest), *data)
    return Statement(subjects, REVOCATION, predicate | {"statement": target.digest, "of": target.claim})


def _subject(registration: Registration | Import) -> Subject:
    return Subject(registration.ref, registration.manifest)


def _digest_set(digest: Digest) -> dict[str, dict[str, str]]:
    return {"digest": {"sha256": digest.removeprefix("sha256:")}}
