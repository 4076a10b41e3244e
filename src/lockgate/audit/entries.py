"""What the registry's and the deployments' own statements say, read once into typed values. Pure.

The signature, the role and the place in the log of every piece of evidence were verified before it comes
here. Fields that we do not know are left alone (a newer Lockgate may write them); a field that we need and
that is missing or has the wrong type raises VerificationFailed LG526 and names statement and field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

from lockgate.audit.fields import count_of, digest_in, malformed, mapping_of, text_of, time_of
from lockgate.core.digest import Digest, from_hex
from lockgate.core.names import check_file_name, check_model_name
from lockgate.core.statement import digest_of_resource

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

INPUTS = ("ingest", "validate", "train", "judge", "scan")
"""The claims that a registration rests on; `inputs` names one envelope digest for each."""

LIVE: Final = "live"
"""The rung of what answers everybody: the end of every ladder."""

RUNG_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")

_RESERVED = frozenset({"latest", "live"})


@dataclass(frozen=True)
class FileEntry:
    """One file of a signed closure. `name` is a relative POSIX path that stays inside."""

    name: str
    digest: Digest
    size: int


@dataclass(frozen=True)
class Registration:
    """One registered model: `name@version` is this manifest and these files, for ever."""

    evidence: Evidence
    name: str
    version: int
    manifest: Digest
    manifest_size: int
    files: tuple[FileEntry, ...]
    signature: Digest
    signature_size: int
    inputs: Mapping[str, Digest]
    policy: Digest

    @property
    def ref(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def file(self, name: str) -> FileEntry:
        """The file called `name`. Raises VerificationFailed LG526 when the closure has none."""
        for entry in self.files:
            if entry.name == name:
                return entry
        raise malformed(self.evidence, f"files: no {name}")


@dataclass(frozen=True)
class Deployment:
    """One move of one model in one environment.

    Attributes:
        rung, share: where on the ladder it stands from then on, with which share of the traffic; `live` has all of it.
        authorisation: the ladder authorisation on which the guard moved it up; None in every other move.
        checks: what the log of predictions said when it was moved, for `verify` to count again; None: nothing was told.
    """

    evidence: Evidence
    environment: str
    name: str
    version: int
    manifest: Digest
    sequence: int
    predecessor: Digest | None
    rung: str
    share: float
    summary: Digest
    floor: int
    move: Literal["up", "down"]
    reason: str
    authorisation: Digest | None = None
    checks: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Authorisation:
    """A deployer's signed word that a model may climb these rungs, one after the other, until `expires`.

    Attributes:
        policy: the policy under which it was given; under another it counts no more.
        rungs: name and share of each in order, the last is `live` with all of the traffic.
    """

    evidence: Evidence
    environment: str
    name: str
    version: int
    manifest: Digest
    policy: Digest
    rungs: tuple[tuple[str, float], ...]
    expires: datetime


@dataclass(frozen=True)
class Approval:
    """One person's word for one manifest in one environment."""

    evidence: Evidence
    environment: str
    manifest: Digest


@dataclass(frozen=True)
class Waiver:
    """One person's signed word that a finding shall not refuse in one environment until `expires`: break-glass.

    Attributes:
        manifest: the only model for which it holds; None: for every one there.
    """

    evidence: Evidence
    environment: str
    finding: str
    manifest: Digest | None
    reason: str
    expires: datetime


@dataclass(frozen=True)
class Summary:
    """A verification summary: this manifest met this policy in this environment, on these statements."""

    evidence: Evidence
    manifest: Digest
    resource: str
    policy: Digest
    inputs: tuple[Digest, ...]
    passed: bool


@dataclass(frozen=True)
class Revocation:
    """Something that must not be used any more: a manifest, or the envelope of a statement."""

    evidence: Evidence
    targets: tuple[Digest, ...]
    reason: str


def registrations(evidences: Iterable[Evidence]) -> list[Registration]:
    """All registrations, oldest first. Raises VerificationFailed."""
    return [registration(one) for one in evidences if one.claim == "register"]


def deployments(evidences: Iterable[Evidence]) -> list[Deployment]:
    """All deployments, oldest first. Raises VerificationFailed."""
    return [_deployment(one) for one in evidences if one.claim == "deploy"]


def approvals(evidences: Iterable[Evidence]) -> list[Approval]:
    """All approvals, oldest first. Raises VerificationFailed."""
    return [_approval(one) for one in evidences if one.claim == "approve"]


def authorisations(evidences: Iterable[Evidence]) -> list[Authorisation]:
    """All ladder authorisations, oldest first, whether they still hold or not. Raises VerificationFailed."""
    return [authorisation(one) for one in evidences if one.claim == "authorise"]


def authorisation(one: Evidence) -> Authorisation:
    """Read one ladder authorisation. Raises VerificationFailed LG526."""
    found = Authorisation(
        one,
        text_of(one, "environment"),
        text_of(one, "name"),
        count_of(one, one.predicate.get("version"), "version"),
        digest_in(one, one.predicate.get("manifest"), "manifest"),
        digest_in(one, one.predicate.get("policy"), "policy"),
        _rungs(one),
        time_of(one, "expires"),
    )
    if [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise malformed(one, "subject")
    return found


def waivers(evidences: Iterable[Evidence]) -> list[Waiver]:
    """All waivers, oldest first, whether they still hold or not. Raises VerificationFailed."""
    return [waiver(one) for one in evidences if one.claim == "waive"]


def waiver(one: Evidence) -> Waiver:
    """Read one waiver. Raises VerificationFailed LG526."""
    manifest = one.predicate.get("manifest")
    found = Waiver(
        one,
        text_of(one, "environment"),
        text_of(one, "finding"),
        None if manifest is None else digest_in(one, manifest, "manifest"),
        text_of(one, "reason"),
        time_of(one, "expires"),
    )
    if found.manifest is not None and [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise malformed(one, "subject")
    return found


def revocations(evidences: Iterable[Evidence]) -> list[Revocation]:
    """All revocations, oldest first."""
    return [
        Revocation(one, tuple(s.digest for s in one.statement.subjects), str(one.predicate.get("reason", "")))
        for one in evidences
        if one.claim == "revoke"
    ]


def registration(one: Evidence) -> Registration:
    """Read one registration. Raises VerificationFailed LG526."""
    manifest = mapping_of(one, "manifest")
    signature = mapping_of(one, "signature")
    policy = mapping_of(one, "policy")
    inputs = mapping_of(one, "inputs")
    if set(inputs) != set(INPUTS):
        raise malformed(one, "inputs")
    found = Registration(
        one,
        text_of(one, "name"),
        count_of(one, one.predicate.get("version"), "version"),
        digest_in(one, manifest.get("digest"), "manifest.digest"),
        count_of(one, manifest.get("size"), "manifest.size"),
        _files(one),
        digest_in(one, signature.get("digest"), "signature.digest"),
        count_of(one, signature.get("size"), "signature.size"),
        {claim: digest_in(one, inputs[claim], f"inputs.{claim}") for claim in INPUTS},
        digest_in(one, policy.get("digest"), "policy.digest"),
    )
    if not is_model_name(found.name):
        raise malformed(one, "name")
    if [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise malformed(one, "subject")
    return found


def summary(one: Evidence) -> Summary:
    """Read one verification summary. Raises VerificationFailed LG526."""
    policy = mapping_of(one, "policy")
    listed = one.predicate.get("inputAttestations")
    if len(one.statement.subjects) != 1 or not isinstance(listed, list):
        raise malformed(one, "inputAttestations")
    try:
        inputs = tuple(digest_of_resource(entry) for entry in listed)
        digest = digest_of_resource(policy)
    except (ValueError, AttributeError, TypeError):
        raise malformed(one, "policy, inputAttestations") from None
    passed = one.predicate.get("verificationResult") == "PASSED"
    return Summary(one, one.statement.subjects[0].digest, text_of(one, "resourceUri"), digest, inputs, passed)


def resource_uri(environment: str, name: str) -> str:
    """What a verification summary is about: this model's place in this environment."""
    return f"urn:lockgate:environment:{environment}:{name}"


def is_model_name(name: str) -> bool:
    """Whether `name` can name a model: as registries take it, and no word that REF reserves."""
    try:
        return check_model_name(name) not in _RESERVED
    except ValueError:
        return False


def _approval(one: Evidence) -> Approval:
    found = Approval(one, text_of(one, "environment"), digest_in(one, one.predicate.get("manifest"), "manifest"))
    if [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise malformed(one, "subject")
    return found


def _deployment(one: Evidence) -> Deployment:
    move, predecessor, authorised, checks = (
        one.predicate.get(key) for key in ("move", "predecessor", "authorisation", "checks")
    )
    if checks is not None and not isinstance(checks, Mapping):
        raise malformed(one, "checks")
    if move not in ("up", "down"):
        raise malformed(one, "move")
    found = Deployment(
        one,
        text_of(one, "environment"),
        text_of(one, "name"),
        count_of(one, one.predicate.get("version"), "version"),
        digest_in(one, one.predicate.get("manifest"), "manifest"),
        count_of(one, one.predicate.get("sequence"), "sequence"),
        None if predecessor is None else digest_in(one, predecessor, "predecessor"),
        *_rung(one, one.predicate.get("rung"), one.predicate.get("share")),
        digest_in(one, one.predicate.get("vsa"), "vsa"),
        count_of(one, one.predicate.get("floor"), "floor"),
        move,
        str(one.predicate.get("reason", "")),
        None if authorised is None else digest_in(one, authorised, "authorisation"),
        checks,
    )
    if [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise malformed(one, "subject")
    return found


def _rung(one: Evidence, name: object, share: object) -> tuple[str, float]:
    """A rung's name, and the share of the traffic that it has: `live` has all of it, every other one less."""
    if not isinstance(name, str) or not RUNG_NAME.fullmatch(name):
        raise malformed(one, "rung")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise malformed(one, "share")
    if (name == LIVE) != (share == 1):
        raise malformed(one, "rung, share")
    return name, float(share)


def _rungs(one: Evidence) -> tuple[tuple[str, float], ...]:
    listed = one.predicate.get("rungs")
    if not isinstance(listed, list) or not listed:
        raise malformed(one, "rungs")
    if any(not isinstance(each, dict) or set(each) != {"name", "share"} for each in listed):
        raise malformed(one, "rungs")
    found = tuple(_rung(one, each["name"], each["share"]) for each in listed)
    shares = [share for _, share in found]
    if found[-1][0] != LIVE or any(higher <= lower for lower, higher in pairwise(shares)):
        raise malformed(one, "rungs")
    return found


def _files(one: Evidence) -> tuple[FileEntry, ...]:
    listed = one.predicate.get("files")
    if not isinstance(listed, list) or not listed:
        raise malformed(one, "files")
    found = []
    for entry in listed:
        size = entry.get("size") if isinstance(entry, dict) else None
        if type(size) is not int or size < 0:
            raise malformed(one, "files.size")
        try:
            found.append(FileEntry(check_file_name(entry["name"]), from_hex(entry["sha256"]), size))
        except (ValueError, TypeError, KeyError):
            raise malformed(one, "files") from None
    if len({entry.name for entry in found}) != len(found):
        raise malformed(one, "files")
    return tuple(found)
