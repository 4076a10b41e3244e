"""Whoever hands out a model, or may write into its folder while it is imported, or holds the signer's key alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.imports import imports
from lockgate.audit.shelf import shelf
from lockgate.core.digest import Digest, digest_of
from lockgate.core.statement import IMPORT, Statement, Subject, claim_uri
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.project.importing import prove_import
from lockgate.register import import_formats
from lockgate.register.imports import copy as copying
from lockgate.register.jail.scan_import import scan
from lockgate.register.rules import scan_statement
from tests.support.imports import huggingface, import_here, packed, yes
from tests.support.project import START, SignedProject, register_here, signed_project


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return signed_project(tmp_path, monkeypatch)


@pytest.fixture(name="model")
def _model(tmp_path: Path) -> Path:
    return huggingface(tmp_path / "bert")


def _refused(project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path) -> LockgateError:
    with pytest.raises(LockgateError) as raised:
        import_here(project, monkeypatch, model, confirm=yes)
    assert imports(project.open_ledger().statements()) == []
    assert raised.value.next
    return raised.value


def _link(model: Path) -> None:
    (model / "vocab.txt").unlink()
    (model / "vocab.txt").symlink_to(model / "README.md")


def _linked_folder(model: Path) -> None:
    (model / "more").symlink_to("/etc", target_is_directory=True)


def _emptied(model: Path) -> None:
    for path in model.iterdir():
        path.unlink()


HOSTILE: tuple[tuple[Callable[[Path], Any], str], ...] = (
    (_link, "LG803"),
    (_linked_folder, "LG803"),
    (lambda model: os.mkfifo(model / "pipe.txt"), "LG803"),
    (lambda model: (model / "VOCAB.txt").write_bytes(b"x"), "LG859"),
    (lambda model: (model / "a\nb.txt").write_bytes(b"x"), "LG855"),
    (lambda model: (model / "a\\b.txt").write_bytes(b"x"), "LG855"),
    (lambda model: (model / os.fsdecode(b"\xff.txt")).write_bytes(b"x"), "LG855"),
    (_emptied, "LG467"),
)


def test_a_hostile_folder_is_refused(project: SignedProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Links (as in a Hugging Face cache), pipes, names that are two here and one elsewhere, names of no spelling."""
    for number, (change, finding) in enumerate(HOSTILE):
        model = huggingface(tmp_path / str(number))
        change(model)
        no = _refused(project, monkeypatch, model)
        assert (no.finding, "cp -rL" in no.next) == (finding, finding == "LG803")


def test_a_huge_folder_is_refused_before_it_is_read(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    """More bytes than an import may have, or more files: no byte of it is copied."""
    _while_copying(monkeypatch, "README.md", lambda: pytest.fail("a file was copied"), after=False)
    (model / "huge.safetensors").write_bytes(b"\0" * 3000)
    with monkeypatch.context() as patch:
        patch.setattr(import_formats, "MAX_BYTES", 3000)
        assert _refused(project, patch, model).finding == "LG467"
    with monkeypatch.context() as patch:
        patch.setattr(import_formats, "MAX_FILES", 5)
        assert _refused(project, patch, model).finding == "LG467"


def _while_copying(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[], object], *, after: bool) -> None:
    """Do `change` before or after the file `name` is read."""
    real = copying._copy_bytes

    def copy(source: int, target: Path, size: int) -> Any:
        if target.name == name and not after:
            change()
        found = real(source, target, size)
        if target.name == name and after:
            change()
        return found

    monkeypatch.setattr(copying, "_copy_bytes", copy)


@pytest.mark.parametrize("after", [False, True])
def test_a_file_that_changes_while_it_is_read_is_refused(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path, after: bool
) -> None:
    """Written to while it is copied, or when the copy was just made: never half of one and half of the other."""
    _while_copying(monkeypatch, "vocab.txt", lambda: (model / "vocab.txt").write_bytes(b"other words\n"), after=after)
    assert _refused(project, monkeypatch, model).finding == "LG858"


def test_a_file_that_comes_meanwhile_is_refused(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    """The folder lists the same at the end, or nothing comes in."""
    _while_copying(monkeypatch, "vocab.txt", lambda: (model / "new.txt").write_bytes(b"x"), after=True)
    assert _refused(project, monkeypatch, model).finding == "LG858"


def test_a_swap_after_hashing_changes_nothing(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    """The folder is rewritten while the person is asked: what was shown, scanned and hashed is what is stored."""
    before = digest_of((model / "model.safetensors").read_bytes())

    def swap_and_say_yes(_: object) -> bool:
        (model / "model.safetensors").write_bytes(b"cos\nsystem\n(S'id'\ntR.")
        return True

    one = import_here(project, monkeypatch, model, confirm=swap_and_say_yes).imported
    assert {file.name: file.digest for file in one.files}["model.safetensors"] == before
    assert digest_of(project.registry.blobs.read(before)) == before


def test_a_swap_in_the_private_copy_is_noticed(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    """Before the scan: its report is about other bytes. After it: what would be stored has another digest."""
    homes: list[Path] = []

    def swap(_: object = None) -> bool:
        return (homes[0] / "vocab.txt").write_bytes(b"other words\n") > 0

    def scan_another(folder: Path) -> Any:
        homes.append(folder)
        swap()
        return scan(folder)

    def remember(folder: Path) -> Any:
        homes[:] = [folder]
        return scan(folder)

    with monkeypatch.context() as patch:
        patch.setattr("tests.support.imports.scan", scan_another)
        assert _refused(project, monkeypatch, model).finding == "LG421"
    monkeypatch.setattr("tests.support.imports.scan", remember)
    with pytest.raises(VerificationFailed) as raised:
        import_here(project, monkeypatch, model, confirm=swap)
    assert raised.value.finding == "LG858"
    assert imports(project.open_ledger().statements()) == []


def test_a_lying_scan_brings_nothing_in(project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    """A jail that a file took over may write any report: about fewer files, of no kind, not JSON. None is believed."""
    honest = scan(model)
    lies: list[Any] = [
        {**honest, "files": honest["files"][1:]},
        {**honest, "kind": "signed by the maker"},
        {"files": [], "refused": {"name": "other", "finding": "LG410", "message": "", "seen": {}}, "kind": "files"},
        {**honest, "refused": {"name": "vocab.txt", "finding": "LG999", "message": "", "seen": {}}},
        ["nothing"],
    ]
    for lie in lies:
        monkeypatch.setattr("tests.support.imports.scan", lambda _, lie=lie: lie)
        assert _refused(project, monkeypatch, model).finding == "LG421"


def _statement(project: SignedProject, model: Path, monkeypatch: pytest.MonkeyPatch) -> Statement:
    """A good import statement for the next version of `bert`."""
    one = import_here(project, monkeypatch, model, confirm=yes).imported
    predicate = {
        **one.evidence.predicate,
        "version": 2,
        "predecessor": one.evidence.digest,
        "time": "2026-11-23T09:30:00Z",
    }
    return Statement((Subject("bert@2", one.manifest),), IMPORT, predicate)


def _file(name: str) -> Mapping[str, Any]:
    return {"name": name, "sha256": "0" * 64, "size": 1}


FORGED: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"files": [_file("../../etc/passwd")]}, "LG526"),
    ({"files": [_file("/etc/passwd")]}, "LG526"),
    ({"files": [_file("a"), _file("a")]}, "LG526"),
    ({"files": []}, "LG526"),
    ({"files": [_file("other.txt")]}, "LG443"),
    ({"kind": "mine"}, "LG526"),
    ({"name": "latest"}, "LG526"),
    ({"name": "other"}, "LG526"),
    ({"version": 3}, "LG526"),
    ({"signer": {"keyid": "me", "signature": {"digest": "sha256:" + "0" * 64, "size": 1}}}, "LG526"),
    ({"signer": "me"}, "LG526"),
    ({"vouched": {"person": "mara", "how": "guessed"}}, "LG526"),
    ({"vouched": None}, "LG526"),
    ({"manifest": {"digest": "sha256:" + "0" * 64, "size": 1}}, "LG526"),
    ({"scan": "sha256:" + "0" * 64}, "LG443"),
    ({"predecessor": None}, "LG521"),
    ({"origin": ""}, "LG526"),
)


def test_a_forged_import_statement_is_not_sealed(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    """The signer's key alone cannot put into the log what nobody could read; the true statement beside it can go in."""
    good = _statement(project, model, monkeypatch)
    for change, because in FORGED:
        with pytest.raises(Refused) as raised:
            project.record("signer", replace(good, predicate={**good.predicate, **change}))
        assert (raised.value.finding, raised.value.seen["because"]) == ("LG864", because), change
    files = {file["name"]: Digest(f"sha256:{file['sha256']}") for file in good.predicate["files"]}
    failed = scan_statement(files, "FAILED", report=digest_of(b""), jail={}, failed=["vocab.txt: LG419"], now=START)
    named = {**good.predicate, "scan": project.record("signer", failed).digest}
    with pytest.raises(Refused) as raised:
        project.record("signer", replace(good, predicate=named))
    assert raised.value.seen["because"] == "LG443"
    project.record("signer", good)
    assert [one.ref for one in imports(project.open_ledger().statements())] == ["bert@1", "bert@2"]


def test_a_forged_import_never_takes_a_models_name(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    """Not by a statement of the signer's key either."""
    project.candidate()
    register_here(project, monkeypatch)
    good = _statement(project, model, monkeypatch)
    predicate = {**good.predicate, "name": "flights", "version": 1, "predecessor": None}
    with pytest.raises(Refused) as raised:
        project.record("signer", Statement((replace(good.subjects[0], name="flights@1"),), IMPORT, predicate))
    assert raised.value.seen["because"] == "LG460"


def test_a_forged_registration_never_takes_an_imports_name(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    """The statement that registered a good model, said again by the signer's key under the import's name."""
    project.candidate()
    good = register_here(project, monkeypatch).registration.evidence.statement
    import_here(project, monkeypatch, model, confirm=yes)
    predicate = {**good.predicate, "name": "bert"}
    with pytest.raises(Refused) as raised:
        project.record(
            "signer", replace(good, subjects=(replace(good.subjects[0], name="bert@1"),), predicate=predicate)
        )
    assert (raised.value.finding, raised.value.seen["because"]) == ("LG864", "LG460")


def test_a_damaged_import_does_not_verify(project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    """One byte of one file in the registry, or a file too many."""
    one = import_here(project, monkeypatch, model, confirm=yes).imported
    ledger = project.open_ledger()
    assert prove_import(ledger, one, project.clock()).ref == "bert@1"
    blob = project.registry.blobs.path(next(file.digest for file in one.files if file.name == "model.safetensors"))
    blob.chmod(0o644)
    blob.write_bytes(packed({}, b""))
    with pytest.raises(VerificationFailed) as raised:
        prove_import(ledger, one, project.clock())
    assert raised.value.finding == "LG802"
    with pytest.raises(VerificationFailed):
        project.registry.check(shelf(ledger.statements()), [each.digest for each in ledger.statements()])


def test_another_role_may_not_import(project: SignedProject, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    """An import is the signer's word: a trainer's key is refused by the log."""
    good = _statement(project, model, monkeypatch)
    for role in ("trainer", "approver", "deployer"):
        with pytest.raises(VerificationFailed) as raised:
            project.record(role, good)
        assert raised.value.finding == "LG817"
    assert claim_uri("import") == good.predicate["claim"]
