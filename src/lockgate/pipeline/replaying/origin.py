"""Where the rows of a replay come from, and what a model was trained on: by digest, as its train statement says."""

from __future__ import annotations

from pathlib import Path

from lockgate.audit import joins
from lockgate.audit.entries import Registration
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.runtime.serving import ServingSpec

HELDOUT, TRAIN = "heldout.parquet", "train.parquet"


def part_of(place: Workplace, registration: Registration, name: str) -> Path | None:
    """HELDOUT or TRAIN of a model, its bytes checked; None where this machine does not have it.

    Raises VerificationFailed LG802 when the bytes are others.
    """
    digest = _parts(place, registration).get(name)
    if digest is None or not place.data.has(digest):
        return None
    place.data.check(digest)
    return place.data.path(digest)


def heldout_of(place: Workplace, candidate: Registration) -> Path:
    """The candidate's held-out rows. Raises Refused LG564."""
    found = part_of(place, candidate, HELDOUT)
    if found is None:
        raise Refused(
            "LG564",
            f"the held-out rows of {candidate.ref} are not on this machine",
            seen={"model": candidate.manifest},
            next=f"lockgate deploy {candidate.ref} --env {place.environment} --replay FILE   # rows of your own",
        )
    return found


def never_saw(place: Workplace, registration: Registration, rows: Digest) -> bool:
    """Whether these rows are the very ones that the split held back from this model."""
    return _parts(place, registration).get(HELDOUT) == rows


def same_contract(place: Workplace, one: Registration, other: Registration) -> bool:
    """Whether two models' rows are judged by the same contract.

    All captured code counts but the files that train: a contract may import what lies beside it.
    """
    return _judged_by(place, one) == _judged_by(place, other)


def other_contract(place: Workplace, candidate: Registration, live: Registration) -> Refused:
    """Why the candidate's held-out rows are none for the live model."""
    return Refused(
        "LG561",
        f"{candidate.ref} and {live.ref} have different contracts: the held-out rows of the one"
        " were never judged by that of the other",
        seen={"candidate": candidate.manifest, "live": live.manifest},
        next=f"lockgate deploy {candidate.ref} --env {place.environment} --replay FILE   # judged by each contract",
    )


def check_fits(candidate: Registration, one: ServingSpec, live: Registration, other: ServingSpec) -> None:
    """Both models answer the same question. Raises Refused LG561."""
    if (one.task, one.label) == (other.task, other.label):
        return
    raise Refused(
        "LG561",
        f"{candidate.ref} and {live.ref} do not answer the same question: {one.task} {one.label},"
        f" {other.task} {other.label}",
        seen={"candidate": candidate.manifest, "live": live.manifest},
        next="lockgate status",
    )


def _parts(place: Workplace, registration: Registration) -> dict[str, Digest]:
    return dict(joins.dependencies(place.ledger.get(registration.inputs["train"]).statement))


def _judged_by(place: Workplace, registration: Registration) -> tuple[object, dict[str, Digest]]:
    reference = place.ledger.get(registration.inputs["validate"]).predicate.get("contract")
    train = place.ledger.get(registration.inputs["train"]).predicate
    chosen = train["buildDefinition"]["externalParameters"]
    entry = {chosen.get("script"), str(chosen.get("function")).partition(":")[0]}
    code = {
        file.name.removeprefix("code/"): file.digest for file in registration.files if file.name.startswith("code/")
    }
    return reference, {name: digest for name, digest in code.items() if name not in entry}
