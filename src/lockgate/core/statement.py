"""in-toto Statement v1 and the predicate types Lockgate speaks.

Source: in-toto/attestation `spec/v1/statement.md`. A statement is kept as the exact payload bytes
that were signed; `parse` accepts only the one encoding that `Statement.payload` writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.core.digest import Digest, from_hex, hex_of
from lockgate.core.encoding import decode_exact, encode

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
VERIFICATION_SUMMARY = "https://slsa.dev/verification_summary/v1"
ROLES = "urn:lockgate:predicate:roles:v1"
POLICY = "urn:lockgate:predicate:policy:v1"
REGISTRATION = "urn:lockgate:predicate:registration:v1"
APPROVAL = "urn:lockgate:predicate:approval:v1"
DEPLOYMENT = "urn:lockgate:predicate:deployment:v1"
REVOCATION = "urn:lockgate:predicate:revocation:v1"
WAIVER = "urn:lockgate:predicate:waiver:v1"
IMPORT = "urn:lockgate:predicate:import:v1"
LADDER = "urn:lockgate:predicate:ladder:v1"
STAGE_HEAD = "urn:lockgate:predicate:stage-head:v1"
ALARM = "urn:lockgate:predicate:alarm:v1"
ACKNOWLEDGEMENT = "urn:lockgate:predicate:acknowledgement:v1"
MARK = "urn:lockgate:predicate:mark:v1"
ERASURE = "urn:lockgate:predicate:erasure:v1"


@dataclass(frozen=True)
class Subject:
    """What a statement is about: a name for people, a digest for machines."""

    name: str
    digest: Digest


@dataclass(frozen=True)
class Statement:
    """Subjects, predicate type, predicate. Immutable by convention: never change `predicate` in place."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def payload(self) -> bytes:
        """The bytes to sign."""
        return encode(
            {
                "_type": STATEMENT_TYPE,
                "subject": [{"name": s.name, "digest": {"sha256": hex_of(s.digest)}} for s in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )

    @property
    def claim(self) -> str:
        """The stage claim that this statement makes (`ingest`, `train`, ...). Raises ValueError when it names none."""
        return claim_of(self.predicate_type, self.predicate)

    def is_about(self, digest: Digest) -> bool:
        """Whether `digest` is among the subjects."""
        return any(subject.digest == digest for subject in self.subjects)


def parse(payload: bytes) -> Statement:
    """Read the exact bytes that `Statement.payload` wrote. Raises ValueError."""
    value = decode_exact(payload)
    if not isinstance(value, dict) or set(value) != {"_type", "subject", "predicateType", "predicate"}:
        raise ValueError("a statement has exactly _type, subject, predicateType and predicate")
    if value["_type"] != STATEMENT_TYPE:
        raise ValueError(f"statement type is {value['_type']!r}")
    if not isinstance(value["predicateType"], str) or not isinstance(value["predicate"], dict):
        raise ValueError("predicateType must be a string and predicate an object")
    return Statement(_subjects(value["subject"]), value["predicateType"], value["predicate"])


def claim_uri(claim: str) -> str:
    """`urn:lockgate:claim:<claim>:v1`."""
    return f"urn:lockgate:claim:{claim}:v1"


def claim_of(predicate_type: str, predicate: Mapping[str, Any]) -> str:
    """The stage claim, read from the place where each predicate type has it. Raises ValueError.

    test-result: the one `configuration` entry whose uri is a claim; provenance: `buildDefinition.buildType`;
    verification summary: `verifier.id`; our own predicates: `claim`.
    """
    found: list[Any]
    if predicate_type == TEST_RESULT:
        uris = [entry.get("uri") for entry in _entries(predicate, "configuration")]
        found = [uri for uri in uris if isinstance(uri, str) and uri.startswith("urn:lockgate:claim:")]
    elif predicate_type == PROVENANCE:
        found = [_field(predicate, "buildDefinition", "buildType")]
    elif predicate_type == VERIFICATION_SUMMARY:
        found = [_field(predicate, "verifier", "id")]
    else:
        found = [predicate.get("claim")]
    if len(found) != 1 or not isinstance(found[0], str):
        raise ValueError("a statement names exactly one stage claim")
    parts = found[0].split(":")
    if len(parts) != 5 or found[0] != claim_uri(parts[3]):
        raise ValueError(f"not a stage claim: {found[0]!r}")
    return parts[3]


def test_result(
    claim: str,
    subjects: Sequence[Subject],
    result: str,
    *,
    rules: Digest,
    configuration: Sequence[Mapping[str, Any]] = (),
    passed: Sequence[str] = (),
    warned: Sequence[str] = (),
    failed: Sequence[str] = (),
    **facts: Any,
) -> Statement:
    """An in-toto test-result v0.1. `rules` is the digest of the rules or policy used; `facts` are extra fields."""
    descriptor = {"name": claim, "uri": claim_uri(claim), "digest": {"sha256": hex_of(rules)}}
    predicate = {
        "result": result,
        "configuration": [descriptor, *configuration],
        "passedTests": list(passed),
        "warnedTests": list(warned),
        "failedTests": list(failed),
        **facts,
    }
    return Statement(tuple(subjects), TEST_RESULT, predicate)


test_result.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def resource(name: str, digest: Digest, **annotations: Any) -> dict[str, Any]:
    """An in-toto ResourceDescriptor."""
    found: dict[str, Any] = {"name": name, "digest": {"sha256": hex_of(digest)}}
    if annotations:
        found["annotations"] = annotations
    return found


def digest_of_resource(descriptor: Mapping[str, Any]) -> Digest:
    """The SHA-256 of a ResourceDescriptor. Raises ValueError."""
    return from_hex(_field(descriptor, "digest", "sha256"))


def _subjects(entries: object) -> tuple[Subject, ...]:
    if not isinstance(entries, list) or not entries:
        raise ValueError("a statement has at least one subject")
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or set(entry) != {"name", "digest"} or not isinstance(entry["name"], str):
            raise ValueError("a subject has exactly a name and a digest")
        if not isinstance(entry["digest"], dict) or set(entry["digest"]) != {"sha256"}:
            raise ValueError("a subject's digest is one sha256")
        found.append(Subject(entry["name"], from_hex(entry["digest"]["sha256"])))
    return tuple(found)


def _entries(predicate: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = predicate.get(key)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _field(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
