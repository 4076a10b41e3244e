"""What the registry's and the deployments' own statements say, read once into typed values. Pure.

The signature, the role and the place in the log of every piece of evidence were verified before it comes
here. Fields that we do not know are left alone (a newer Lockgate may write them); a field that we need and
that is missing or has the wrong type raises VerificationFailed LG526 and names statement and field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from lockgate.core.digest import Digest, from_hex, parse_digest
from lockgate.core.moments import parse_rfc3339
from lockgate.core.names import check_file_name, check_model_name
from lockgate.core.statement import digest_of_resource
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

INPUTS = ("ingest", "validate", "train", "judge", "scan")
"""The claims that a registration rests on; `inputs` names one envelope digest for each."""

MOST_COUNTED = 2**31
"""The largest version, size or number in a chain: one more can always be counted, and written."""

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
        raise _malformed(self.evidence, f"files: no {name}")


@dataclass(frozen=True)
class Deployment:
    """One move of one model in one environment."""

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


def waivers(evidences: Iterable[Evidence]) -> list[Waiver]:
    """All waivers, oldest first, whether they still hold or not. Raises VerificationFailed."""
    return [waiver(one) for one in evidences if one.claim == "waive"]


def waiver(one: Evidence) -> Waiver:
    """Read one waiver. Raises VerificationFailed LG526."""
    manifest = one.predicate.get("manifest")
    found = Waiver(
        one,
        _text(one, "environment"),
        _text(one, "finding"),
        None if manifest is None else _digest(one, manifest, "manifest"),
        _text(one, "reason"),
        _time(one, "expires"),
    )
    if found.manifest is not None and [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise _malformed(one, "subject")
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
    manifest = _mapping(one, "manifest")
    signature = _mapping(one, "signature")
    policy = _mapping(one, "policy")
    inputs = _mapping(one, "inputs")
    if set(inputs) != set(INPUTS):
        raise _malformed(one, "inputs")
    found = Registration(
        one,
        _text(one, "name"),
        _count(one, one.predicate.get("version"), "version"),
        _digest(one, manifest.get("digest"), "manifest.digest"),
        _count(one, manifest.get("size"), "manifest.size"),
        _files(one),
        _digest(one, signature.get("digest"), "signature.digest"),
        _count(one, signature.get("size"), "signature.size"),
        {claim: _digest(one, inputs[claim], f"inputs.{claim}") for claim in INPUTS},
        _digest(one, policy.get("digest"), "policy.digest"),
    )
    if not is_model_name(found.name):
        raise _malformed(one, "name")
    if [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise _malformed(one, "subject")
    return found


def summary(one: Evidence) -> Summary:
    """Read one verification summary. Raises VerificationFailed LG526."""
    policy = _mapping(one, "policy")
    listed = one.predicate.get("inputAttestations")
    if len(one.statement.subjects) != 1 or not isinstance(listed, list):
        raise _malformed(one, "inputAttestations")
    try:
        inputs = tuple(digest_of_resource(entry) for entry in listed)
        digest = digest_of_resource(policy)
    except (ValueError, AttributeError, TypeError):
        raise _malformed(one, "policy, inputAttestations") from None
    passed = one.predicate.get("verificationResult") == "PASSED"
    return Summary(one, one.statement.subjects[0].digest, _text(one, "resourceUri"), digest, inputs, passed)


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
    found = Approval(one, _text(one, "environment"), _digest(one, one.predicate.get("manifest"), "manifest"))
    if [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise _malformed(one, "subject")
    return found


def _deployment(one: Evidence) -> Deployment:
    share, move, predecessor = (one.predicate.get(key) for key in ("share", "move", "predecessor"))
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise _malformed(one, "share")
    if move not in ("up", "down"):
        raise _malformed(one, "move")
    found = Deployment(
        one,
        _text(one, "environment"),
        _text(one, "name"),
        _count(one, one.predicate.get("version"), "version"),
        _digest(one, one.predicate.get("manifest"), "manifest"),
        _count(one, one.predicate.get("sequence"), "sequence"),
        None if predecessor is None else _digest(one, predecessor, "predecessor"),
        _text(one, "rung"),
        float(share),
        _digest(one, one.predicate.get("vsa"), "vsa"),
        _count(one, one.predicate.get("floor"), "floor"),
        move,
        str(one.predicate.get("reason", "")),
    )
    if [subject.digest for subject in one.statement.subjects] != [found.manifest]:
        raise _malformed(one, "subject")
    return found


def _files(one: Evidence) -> tuple[FileEntry, ...]:
    listed = one.predicate.get("files")
    if not isinstance(listed, list) or not listed:
        raise _malformed(one, "files")
    found = []
    for entry in listed:
        size = entry.get("size") if isinstance(entry, dict) else None
        if type(size) is not int or size < 0:
            raise _malformed(one, "files.size")
        try:
            found.append(FileEntry(check_file_name(entry["name"]), from_hex(entry["sha256"]), size))
        except (ValueError, TypeError, KeyError):
            raise _malformed(one, "files") from None
    if len({entry.name for entry in found}) != len(found):
        raise _malformed(one, "files")
    return tuple(found)


def _mapping(one: Evidence, key: str) -> Mapping[str, Any]:
    value = one.predicate.get(key)
    if not isinstance(value, Mapping):
        raise _malformed(one, key)
    return value


def _text(one: Evidence, key: str) -> str:
    value = one.predicate.get(key)
    if not isinstance(value, str) or not value:
        raise _malformed(one, key)
    return value


def _count(one: Evidence, value: object, key: str) -> int:
    if type(value) is not int or not 1 <= value <= MOST_COUNTED:
        raise _malformed(one, key)
    return value


def _time(one: Evidence, key: str) -> datetime:
    try:
        return parse_rfc3339(one.predicate.get(key))
    except ValueError:
        raise _malformed(one, key) from None


def _digest(one: Evidence, value: object, key: str) -> Digest:
    try:
        return parse_digest(value)
    except ValueError:
        raise _malformed(one, key) from None


def _malformed(one: Evidence, field: str) -> VerificationFailed:
    return VerificationFailed(
        "LG526",
        f"a {one.claim} statement does not say what it must: {field}",
        seen={"statement": one.digest, "log_index": one.index, "field": field},
        next="lockgate log verify",
    )
