"""Our envelopes as others read them: securesystemslib (the reference library of DSSE) and in-toto's statement."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.statement import Subject, test_result
from lockgate.trust.keyring import Keyring, create_keys
from lockgate.trust.verifier import verify

dsse = pytest.importorskip("securesystemslib.dsse", reason="securesystemslib is not in this environment")
signer = pytest.importorskip("securesystemslib.signer", reason="securesystemslib is not in this environment")


def test_securesystemslib_verifies_our_envelope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes, the same PAE, the same key: verified there and here; a flipped payload byte in neither."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    created = create_keys("mara", datetime(2026, 11, 23, tzinfo=UTC))
    judge = Keyring.open(created.project_id).signer("judge")
    statement = test_result("judge", [Subject("model", digest_of(b"m"))], "PASSED", rules=digest_of(b"r"))
    envelope = judge.sign(statement)
    assert verify(envelope, created.roles).claim == "judge"

    theirs = dsse.Envelope.from_dict(json.loads(envelope))
    key = signer.SSlibKey(judge.keyid, "ecdsa", "ecdsa-sha2-nistp256", {"public": judge.public.pem})
    assert theirs.payload_type == "application/vnd.in-toto+json"
    assert set(theirs.verify([key], 1)) == {judge.keyid}
    theirs.payload = theirs.payload.replace(b"PASSED", b"FAILED")
    with pytest.raises(Exception, match="threshold"):
        theirs.verify([key], 1)


def test_in_toto_validates_our_statement() -> None:
    """The official bindings find nothing wrong with a statement's form."""
    bindings = pytest.importorskip("in_toto_attestation.v1.statement", reason="in-toto-attestation is not here")
    json_format = pytest.importorskip("google.protobuf.json_format", reason="protobuf is not here")
    statement = test_result("judge", [Subject("model", digest_of(b"m"))], "PASSED", rules=digest_of(b"r"))
    theirs = bindings.Statement([], "", {})
    json_format.Parse(statement.payload(), theirs.pb)
    theirs.validate()
