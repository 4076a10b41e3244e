"""A verification that fails says at which step, whose statement, what follows, and what had been proved till then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockgate.core.digest import Digest
from lockgate.errors import Refused, VerificationFailed
from lockgate.project import Project
from lockgate.register.spec import RegisterResult
from lockgate.trust import pin as pins
from tests.support.project import SignedProject, register_here, signed_project


@pytest.fixture(name="signed")
def _signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SignedProject, RegisterResult]:
    signed = signed_project(tmp_path, monkeypatch)
    signed.candidate()
    result = register_here(signed, monkeypatch)
    (signed.root / "lockgate.toml").write_text('[project]\nname = "flights"\n')
    pins.pin(signed.created.project_id, signed.root, signed.clock())
    return signed, result


def project(signed: SignedProject) -> Project:
    """The project as the command line opens it, at the test's own time."""
    return Project(signed.root, now=signed.clock)


def damage(signed: SignedProject, digest: Digest) -> Path:
    """Flip a bit of a stored file."""
    path = signed.registry.blobs.path(digest)
    os.chmod(path, 0o644)
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    return path


def test_the_honest_chain_passes(signed: tuple[SignedProject, RegisterResult]) -> None:
    """And nothing is told that was not asked."""
    assert project(signed[0]).verify("latest").ref == "flights@1"


def test_a_damaged_file_names_step_file_statement_key_and_effect(signed: tuple[SignedProject, RegisterResult]) -> None:
    """The model's bytes: which file of which model, by whose signature, and that the chain before it held."""
    entry = signed[1].registration.file("model.onnx")
    damage(signed[0], entry.digest)
    with pytest.raises(VerificationFailed) as caught:
        project(signed[0]).verify("latest")
    seen = caught.value.seen
    evidence = signed[1].registration.evidence
    assert (caught.value.finding, seen["step"]) == ("LG802", "the bytes in the registry")
    assert (seen["expected"], seen["statement"]) == (entry.digest, evidence.digest)
    assert seen["signed_by"] == f"mara as signer, key {evidence.keyid}"
    assert seen["effect"] == "flights@1 is not what was registered: a gateway that starts now refuses to load it"
    root = signed[0].created.project_id
    assert seen["proved_before"] == f"the event log, back to root {root[:12]}, the statements that it rests on"
    assert caught.value.next.startswith("restore the file from a backup")


def test_a_damaged_statement_proves_nothing(signed: tuple[SignedProject, RegisterResult]) -> None:
    """It is named by its place in the log; no step before it is claimed to have passed."""
    damage(signed[0], signed[1].registration.inputs["judge"])
    with pytest.raises(VerificationFailed) as caught:
        project(signed[0]).verify("latest")
    assert (caught.value.finding, caught.value.seen["proved_before"]) == ("LG802", "nothing")
    assert str(caught.value.seen["step"]).startswith("the event log, back to root ")
    assert caught.value.seen["effect"] == "nothing that this project says can be believed until that is mended"


def test_a_revoked_model_is_refused_with_what_was_proved(signed: tuple[SignedProject, RegisterResult]) -> None:
    """The bytes are what they were; it is the word of the revoker that stops it."""
    from lockgate.deploy.revoking import revoke

    revoke(signed[0].workplace(), "flights@1", "poisoned")
    with pytest.raises(Refused) as caught:
        project(signed[0]).verify("latest")
    assert (caught.value.finding, caught.value.seen["step"]) == ("LG514", "revocation")
    assert str(caught.value.seen["proved_before"]).endswith("the bytes in the registry")


def test_everything_stops_where_it_stops(signed: tuple[SignedProject, RegisterResult]) -> None:
    """A stray file in the registry: the logs were proved, no model was."""
    stray = signed[0].home / "registry" / "blobs" / "sha256" / ("0" * 64)
    stray.write_bytes(b"")
    (signed[0].home / "log" / "predictions").mkdir()
    with pytest.raises(VerificationFailed) as caught:
        project(signed[0]).verify_everything()
    assert caught.value.seen["step"] == "every file of the log of predictions"
    assert str(caught.value.seen["proved_before"]).endswith("every file of the log of events")
