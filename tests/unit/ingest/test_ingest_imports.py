"""`[[input]]` that names a file of an imported model: read from the registry by digest, and never when revoked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from lockgate.audit import deployments
from lockgate.audit.entries import registrations
from lockgate.audit.imports import Import, imported_into
from lockgate.config import read_config
from lockgate.contract.inputs import Wanted
from lockgate.core.digest import digest_of
from lockgate.deploy.revoking import revoke
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.ingest.spec import IngestSpec, Source
from lockgate.pipeline.unchanged import changed_files
from lockgate.train.inputs import look_up
from tests.support.imports import huggingface, import_here, yes
from tests.support.sources import CSV, SourceProject

SOURCE = "import:bert@1/model.safetensors"


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    place = SourceProject(tmp_path, monkeypatch)
    place.write("rows.csv", CSV)
    return place


@pytest.fixture(name="brought")
def _brought(place: SourceProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Import:
    return import_here(place.project, monkeypatch, huggingface(tmp_path / "bert"), confirm=yes).imported


def _wanted(brought: Import, source: str = SOURCE) -> Wanted:
    return Wanted("w.safetensors", source, next(f.digest for f in brought.files if f.name == "model.safetensors"))


def test_an_imported_file_is_an_input(place: SourceProject, brought: Import) -> None:
    """Copied from the registry, signed with the import that it comes from, shown to training; and skipped when done."""
    wanted = _wanted(brought)
    evidence = place.ingest("rows.csv", inputs=(wanted,)).evidence
    listed = evidence.predicate["buildDefinition"]["resolvedDependencies"]
    assert listed[-1]["annotations"]["import"] == brought.evidence.digest
    assert imported_into(evidence.statement) == {brought.evidence.digest, brought.manifest}
    spec = SimpleNamespace(inputs=(wanted,))
    assert look_up(place.project.workplace(), spec) == {"w.safetensors": wanted.sha256}  # type: ignore[arg-type]
    assert digest_of(place.project.data.read(wanted.sha256)) == wanted.sha256
    assert changed_files(evidence, IngestSpec((Source("rows.csv"),), inputs=(wanted,)), place.root) == ()


ELSEWHERE = (
    ("import:bert@1/vocab.txt", "LG370"),
    ("import:bert@1/none.txt", "LG469"),
    ("import:bert@1/../../../etc/passwd", "LG469"),
    ("import:bert@2/model.safetensors", "LG469"),
    ("import:none@1/model.safetensors", "LG469"),
    ("import:bert/model.safetensors", "LG469"),
    ("import:bert@01/model.safetensors", "LG469"),
    ("import:", "LG469"),
    ("import://bert@1/x", "LG469"),
)


def test_a_source_that_is_no_such_file_is_refused(place: SourceProject, brought: Import) -> None:
    """Another file, none, another version, another name, another spelling: nothing is stored or signed."""
    before = place.claims()
    for source, finding in ELSEWHERE:
        with pytest.raises(LockgateError) as raised:
            place.ingest("rows.csv", inputs=(_wanted(brought, source),))
        assert (raised.value.finding, place.claims()) == (finding, before), source


def test_a_damaged_or_missing_import_is_never_read(place: SourceProject, brought: Import) -> None:
    """Other bytes under the digest's name; no bytes."""
    blob = place.project.registry.blobs.path(_wanted(brought).sha256)
    blob.chmod(0o644)
    blob.write_bytes(b"other")
    for finding in ("LG802", "LG805"):
        with pytest.raises(VerificationFailed) as raised:
            place.ingest("rows.csv", inputs=(_wanted(brought),))
        assert raised.value.finding == finding
        blob.unlink(missing_ok=True)


def test_a_revoked_import_is_never_trained_with(place: SourceProject, brought: Import) -> None:
    """Refused when it is to be taken in, and when training starts with what was taken in before."""
    wanted = _wanted(brought)
    place.ingest("rows.csv", inputs=(wanted,))
    revoke(place.project.workplace(), brought.evidence.digest, "a backdoor")
    with pytest.raises(Refused) as raised:
        place.ingest("rows.csv", inputs=(wanted,))
    assert raised.value.finding == "LG466"
    with pytest.raises(Refused) as again:
        look_up(place.project.workplace(), SimpleNamespace(inputs=(wanted,)))  # type: ignore[arg-type]
    assert again.value.finding == "LG466"


def test_a_model_falls_with_the_import_that_it_was_trained_with(
    place: SourceProject, brought: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exposure has the import's statement and its manifest: revoking the import revokes the model."""
    evidence = place.ingest("rows.csv", inputs=(_wanted(brought),)).evidence
    statements = place.project.open_ledger().statements()
    registration = SimpleNamespace(
        inputs={"ingest": evidence.digest}, manifest="m", evidence=SimpleNamespace(digest="r")
    )
    exposed = deployments.exposure(registration, statements)  # type: ignore[arg-type]
    assert {brought.evidence.digest, brought.manifest} <= exposed
    assert deployments.revocation_of(registration, statements) is None  # type: ignore[arg-type]
    revoke(place.project.workplace(), "bert@1", "a backdoor")
    statements = place.project.open_ledger().statements()
    assert deployments.revocation_of(registration, statements) is not None  # type: ignore[arg-type]
    assert registrations(statements) == []


def test_a_configuration_may_name_an_import() -> None:
    """As any source, with its digest."""
    text = f"""
[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"
[[input]]
name = "w"
source = "{SOURCE}"
sha256 = "{"0" * 64}"
"""
    assert read_config(text).inputs[0].source == SOURCE
