"""Our verification summary as others read it: SLSA's VSA v1, by in-toto's own protobuf."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of, hex_of
from lockgate.deploy import run as deploying
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import Refused
from tests.support.project import SignedProject, register_here, signed_project

vsa = pytest.importorskip("in_toto_attestation.predicates.vsa.v1.vsa_pb2", reason="in-toto-attestation is not here")
json_format = pytest.importorskip("google.protobuf.json_format", reason="protobuf is not in this environment")

OURS = {"environment", "project", "reasons"}
"""What we add. in-toto: a consumer ignores the fields that it does not know."""

LEVEL = re.compile(r"SLSA_[A-Z]+_LEVEL_(\d|UNEVALUATED)")
"""What a summary that passed may claim in SLSA's words; nothing is fine too."""


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    signed = signed_project(tmp_path, monkeypatch)
    signed.candidate()
    register_here(signed, monkeypatch)
    return signed


def _summary(project: SignedProject) -> dict[str, Any]:
    return dict(project.ledger.statements("promote")[-1].predicate)


def _read(predicate: dict[str, Any]) -> Any:
    """As the bindings have it; in 0.9.3 they take `verifiedLevels`, by the specification a list, for one text."""
    listed = predicate["verifiedLevels"]
    assert isinstance(listed, list)
    predicate = {**predicate, "verifiedLevels": ",".join(listed)}
    return json_format.ParseDict(predicate, vsa.VerificationSummary(), ignore_unknown_fields=True)


def test_a_summary_is_what_slsa_says(project: SignedProject) -> None:
    """Verifier, time, resource, policy by digest, every statement by digest, the result, and the words of the spec."""
    deploying.deploy(project.workplace("dev"), DeploySpec("flights@1", "dev"))
    predicate = _summary(project)
    theirs = _read(predicate)
    assert theirs.verifier.id == "urn:lockgate:claim:promote:v1"
    assert set(predicate["verifier"]["version"]) == {"lockgate"}
    assert theirs.time_verified.seconds > 0
    assert theirs.resource_uri == "urn:lockgate:environment:dev:flights"
    assert dict(theirs.policy.digest) == {"sha256": hex_of(project.policy.digest)}
    assert theirs.policy.uri
    named = {each.digest["sha256"] for each in theirs.input_attestations}
    rests_on = [project.ledger.statements(claim)[-1] for claim in ("register", "ingest", "validate", "train", "judge")]
    assert {digest_of(one.envelope).removeprefix("sha256:") for one in rests_on} < named
    assert theirs.verification_result == "PASSED"
    assert all(LEVEL.fullmatch(level) for level in predicate["verifiedLevels"])
    assert theirs.slsa_version.startswith("1.")
    known = {field.json_name for field in vsa.VerificationSummary.DESCRIPTOR.fields}
    assert set(predicate) - known == OURS


def test_a_refusal_is_a_summary_too(project: SignedProject) -> None:
    """FAILED, in both places where the specification has the word; no level is claimed."""
    with pytest.raises(Refused):
        deploying.deploy(project.workplace("prod"), DeploySpec("flights@1", "prod"))
    theirs = _read(_summary(project))
    assert (theirs.verification_result, theirs.verified_levels) == ("FAILED", "FAILED")


def test_a_predicate_of_another_form_is_seen(project: SignedProject) -> None:
    """Positive control: the reference refuses a summary whose fields have other types."""
    deploying.deploy(project.workplace("dev"), DeploySpec("flights@1", "dev"))
    for change in ({"timeVerified": "yesterday"}, {"resourceUri": 7}, {"inputAttestations": 3}):
        with pytest.raises(json_format.ParseError):
            _read({**_summary(project), **change})
