"""Importing on a signed project: real keys, log and registry; pins, signers, and a person's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.audit.imports import imports
from lockgate.audit.shelf import shelf
from lockgate.core.digest import digest_of
from lockgate.deploy.revoking import revoke
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.register.imports import rules
from lockgate.register.imports import run as importing
from lockgate.store.oci import parse_manifest
from lockgate.trust.oms_directory import sign_directory
from lockgate.trust.signer import generate
from tests.support.imports import Shown, huggingface, import_here, mlflow_run, yes
from tests.support.project import SignedProject, register_here, signed_project


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return signed_project(tmp_path, monkeypatch)


@pytest.fixture(name="model")
def _model(tmp_path: Path) -> Path:
    return huggingface(tmp_path / "bert-small")


def _claims(project: SignedProject) -> list[str]:
    return [one.claim for one in project.open_ledger().statements()]


def _whole(project: SignedProject) -> int:
    """How many blobs the registry has; it verifies, every one named by a statement."""
    statements = project.open_ledger().statements()
    return project.registry.check(shelf(statements), [one.digest for one in statements])


def test_a_model_comes_in_by_a_persons_word(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was shown is what was signed: files, digest, that nobody signed; every blob is accounted for."""
    shown = Shown()
    done = import_here(project, monkeypatch, model, confirm=shown)
    (one,) = imports(project.open_ledger().statements())
    assert (one.ref, one.kind, one.origin, one.person, one.how) == (
        "bert@1",
        "huggingface",
        model.name,
        "mara",
        "terminal",
    )
    assert (one.signer, one.predecessor, done.cached) == (None, None, False)
    assert {file.name: file.digest for file in one.files} == {
        path.name: digest_of(path.read_bytes()) for path in model.iterdir()
    }
    assert (shown.offers[0].manifest, shown.offers[0].kind) == (one.manifest, "huggingface")
    assert "the first import under this name" in "\n".join(shown.offers[0].lines())
    manifest = parse_manifest(project.registry.blobs.read(one.manifest))
    assert {file.name: file.kind for file in manifest.files}["model.safetensors"] == "weight"
    assert _claims(project) == ["roles", "policy", "scan", "import"]
    assert _whole(project) > len(one.files)


def test_the_same_files_again_ask_nothing(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Same digest and signer: nothing asked, scanned or signed; wherever the files lie."""
    import_here(project, monkeypatch, model, confirm=yes)
    before = _claims(project)
    again = import_here(project, monkeypatch, huggingface(tmp_path / "elsewhere"))
    assert (again.cached, again.imported.ref, _claims(project)) == (True, "bert@1", before)


def test_the_same_files_again_are_read_back(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is pinned is there, byte for byte, before it is called the same."""
    done = import_here(project, monkeypatch, model, confirm=yes)
    blob = project.registry.blobs.path(done.imported.files[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(b"other")
    with pytest.raises(VerificationFailed) as raised:
        import_here(project, monkeypatch, model)
    assert raised.value.finding == "LG802"


def test_without_anybody_to_ask_the_digest_is_needed(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with the command to run; run with it, the model comes in, and the statement says by what."""
    with pytest.raises(Refused) as raised:
        import_here(project, monkeypatch, model)
    digest = str(raised.value.seen["digest"])
    assert (raised.value.finding, f"--digest {digest}" in raised.value.next) == ("LG461", True)
    assert str(model) in raised.value.next
    assert _claims(project) == ["roles", "policy"]
    done = import_here(project, monkeypatch, model, digest=digest)
    assert (done.imported.manifest, done.imported.how) == (digest, "digest")


def test_a_no_imports_nothing(project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan is evidence; the registry is as it was."""
    with pytest.raises(Refused) as raised:
        import_here(project, monkeypatch, model, confirm=lambda _: False)
    assert (raised.value.finding, _claims(project)) == ("LG461", ["roles", "policy", "scan"])
    assert imports(project.open_ledger().statements()) == []


def test_another_digest_than_the_given_one_is_refused(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LG462, for the first import and for what is pinned already: whoever names a digest gets that or nothing."""
    wrong = digest_of(b"another")
    for _ in range(2):
        with pytest.raises(Refused) as raised:
            import_here(project, monkeypatch, model, digest=wrong, confirm=yes)
        assert raised.value.finding == "LG462"
        import_here(project, monkeypatch, model, confirm=yes)


def test_other_files_under_the_name_need_a_word(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed, a new and a missing file are told one by one; with a word it is the next version, after the first."""
    first = import_here(project, monkeypatch, model, confirm=yes).imported
    huggingface(model, seed=2)
    (model / "vocab.txt").rename(model / "merges.txt")
    with pytest.raises(Refused) as raised:
        import_here(project, monkeypatch, model)
    assert raised.value.finding == "LG461"
    assert raised.value.seen["changes"] == [
        f"another digest than the pinned one, {first.manifest} of bert@1",
        "new file: merges.txt",
        "gone: vocab.txt",
        "other bytes: model.safetensors",
    ]
    second = import_here(project, monkeypatch, model, confirm=yes).imported
    assert (second.ref, second.predecessor) == ("bert@2", first.evidence.digest)
    assert _whole(project) > 0
    # What is pinned is the newest: the old one under the same name is a change again.
    with pytest.raises(Refused):
        import_here(project, monkeypatch, huggingface(model.parent / "old"))


def test_the_digest_binds_names_and_nothing_else(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files under another import's name have the same digest; a renamed file has another."""
    one = import_here(project, monkeypatch, model, confirm=yes).imported
    assert import_here(project, monkeypatch, model, name="other", confirm=yes).imported.manifest == one.manifest
    assert _whole(project) > 0
    (model / "vocab.txt").rename(model / "words.txt")
    assert import_here(project, monkeypatch, model, name="third", confirm=yes).imported.manifest != one.manifest


def _signed(folder: Path, place: Path, name: str) -> bytes:
    """Sign `folder` with a new key; the public half."""
    key = generate(name)
    sign_directory(folder, key)
    return key.public.pem.encode()


def test_a_signer_is_verified_and_pinned(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The signature is kept beside the files; without the key, or signed by another, the same files need a word."""
    pem = _signed(model, tmp_path, "maker")
    one = import_here(project, monkeypatch, model, key=pem, confirm=yes).imported
    assert one.signer is not None
    assert project.registry.blobs.read(one.signer.signature) == (model / "model.sig").read_bytes()
    assert "model.sig" not in {file.name for file in one.files}
    assert import_here(project, monkeypatch, model, key=pem).cached is True
    with pytest.raises(Refused) as raised:
        import_here(project, monkeypatch, model)
    assert raised.value.seen["changes"] == [f"signed by nobody, bert@1 was signed by {one.signer.keyid}"]
    other = _signed(model, tmp_path, "somebody")
    with pytest.raises(Refused) as again:
        import_here(project, monkeypatch, model, key=other)
    assert (again.value.finding, one.signer.keyid in str(again.value.seen["changes"])) == ("LG461", True)
    with pytest.raises(VerificationFailed):
        import_here(project, monkeypatch, model, key=pem, confirm=yes)
    assert _whole(project) > 0


def test_a_signature_without_a_key_is_nobodys(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is said, counts for nothing, and is not kept."""
    _signed(model, tmp_path, "maker")
    shown = Shown()
    one = import_here(project, monkeypatch, model, confirm=shown).imported
    assert (one.signer, shown.offers[0].unread) == (None, True)
    assert "no --key to verify it with" in "\n".join(shown.offers[0].lines())


def test_a_key_without_a_signature_or_with_another_file_is_refused(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No signature, a file that it does not cover, bytes that it does not name: nothing comes in."""
    pem = _signed(model, tmp_path, "maker")
    for change, finding in (("extra.txt", "LG853"), ("vocab.txt", "LG852"), ("model.sig", "LG857")):
        path = model / change
        before = path.read_bytes() if path.exists() else None
        path.unlink() if change == "model.sig" else path.write_bytes(b"changed\n")
        with pytest.raises(VerificationFailed) as raised:
            import_here(project, monkeypatch, model, key=pem, confirm=yes)
        assert raised.value.finding == finding
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
    assert _claims(project) == ["roles", "policy"]


def test_what_the_scan_refuses_is_evidence_and_no_import(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed scan is signed; no file of the model is in the registry."""
    (model / "modeling.py").write_bytes(b"import os\n")
    with pytest.raises(Refused) as raised:
        import_here(project, monkeypatch, model, confirm=yes)
    assert (raised.value.finding, raised.value.seen["file"]) == ("LG464", "modeling.py")
    (scan,) = (one for one in project.open_ledger().statements() if one.claim == "scan")
    assert (scan.predicate["result"], scan.predicate["failedTests"]) == ("FAILED", ["modeling.py: LG464"])
    assert _claims(project) == ["roles", "policy", "scan"]
    assert not project.registry.blobs.has(digest_of((model / "vocab.txt").read_bytes()))


def test_names_never_collide_with_registered_models(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither may an import take a registered model's name, nor a registration an import's; nor a word of REF."""
    project.candidate()
    register_here(project, monkeypatch)
    import_here(project, monkeypatch, model, confirm=yes)
    with pytest.raises(Refused) as raised:
        import_here(project, monkeypatch, model, name="flights", confirm=yes)
    assert raised.value.finding == "LG460"
    with pytest.raises(Refused) as other:
        register_here(project, monkeypatch, name="bert")
    assert other.value.finding == "LG460"
    for name in ("latest", "../x", "A", ""):
        with pytest.raises(Usage) as word:
            import_here(project, monkeypatch, model, name=name, confirm=yes)
        assert word.value.finding == "LG440"
    assert _whole(project) > 0


def test_a_revoked_model_does_not_come_in_again(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoked by name and version: its manifest too, so that no name and no word brings these bytes back."""
    import_here(project, monkeypatch, model, confirm=yes)
    assert revoke(project.workplace(), "bert@1", "a backdoor").cached is False
    for name in ("bert", "other"):
        with pytest.raises(Refused) as raised:
            import_here(project, monkeypatch, model, name=name, confirm=yes)
        assert raised.value.finding == "LG466"
    assert import_here(project, monkeypatch, huggingface(model, seed=3), confirm=yes).imported.ref == "bert@2"


@pytest.mark.parametrize("last", ["scan", "blobs", "statement"])
def test_a_killed_import_leaves_nothing_half_imported(
    project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Killed after the scan, after the blobs, after the statement: the next command repairs, the next import ends."""

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if last == "scan":
            patch.setattr(importing, "_store", kill)
        elif last == "blobs":
            patch.setattr(rules, "import_statement", kill)
        else:
            patch.setattr(importing, "shelf", kill)
        with pytest.raises(Killed):
            import_here(project, monkeypatch, model, confirm=yes)
    place = project.workplace()
    place.registry.publish(shelf(place.ledger.statements()))
    place.registry.sweep(shelf(place.ledger.statements()), [one.digest for one in place.ledger.statements()])
    assert _whole(project) > 0
    assert import_here(project, monkeypatch, model, confirm=yes).cached is (last == "statement")
    assert (_whole(project) > 0, _claims(project).count("import")) == (True, 1)
    assert list((project.home / "state" / "tmp").iterdir()) == []


def test_a_run_of_mlflow_comes_in_with_its_record(
    project: SignedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics, parameters and tags are texts beside the model."""
    one = import_here(project, monkeypatch, mlflow_run(tmp_path / "run"), name="run", confirm=yes).imported
    assert one.kind == "mlflow run"
    assert {"metrics/accuracy", "artifacts/model/model.onnx"} <= {file.name for file in one.files}
