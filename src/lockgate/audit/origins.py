"""What a deployment names, and what that model rests on: statements joined by digest, in their order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lockgate.audit import entries, joins, marks, models
from lockgate.audit.entries import Deployment, Registration
from lockgate.core.digest import Digest
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

_ROLES: Final = {"ingest": "ingester", "validate": "validator", "train": "trainer", "judge": "judge", "scan": "signer"}


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
    4. All are for one model of the project, and it is the registered one.
    5. Rows that validate left out, or let pass, on a person's word were marked so by one (`marks.check_applied`).

    Raises:
        VerificationFailed: LG443, naming the claim; LG970, LG971 (4); LG780, LG781 (5).
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
    # 4.
    models.check_same(registration, found, statements)
    # 5.
    marks.check_applied(found["validate"], statements)
    return found


def _not_joined(registration: Registration, claim: str, what: str, digest: Digest) -> VerificationFailed:
    return VerificationFailed(
        "LG443",
        f"the {claim} statement that {registration.ref} rests on {what}",
        seen={"registration": registration.evidence.digest, "claim": claim, "statement": digest},
        next="lockgate log verify",
    )
