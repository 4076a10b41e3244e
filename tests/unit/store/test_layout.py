"""store.oci and store.layout: derived files follow from the registrations, and every byte is accounted for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.errors import VerificationFailed
from lockgate.store import oci
from lockgate.store.layout import RegistryStore
from lockgate.store.oci import Attached, Entry, ModelFile

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def register(store: RegistryStore, version: int = 1) -> tuple[Entry, Digest]:
    """A model with two files and one statement in `store`; its entry and the statement's digest."""
    model, contract = b"onnx %d" % version, b"class Flight: ..."
    files = [
        ModelFile("contract.py", store.blobs.put(contract), len(contract), "code"),
        ModelFile("model.onnx", store.blobs.put(model), len(model), "weight"),
    ]
    config = oci.model_config("flights", version, NOW, files)
    store.blobs.put(config)
    manifest = oci.model_manifest(config, files)
    statement = b'{"payload":"%d"}' % version
    evidence = Attached(oci.DSSE, store.blobs.put(statement), len(statement), "https://slsa.dev/provenance/v1")
    entry = Entry("flights", version, store.blobs.put(manifest), len(manifest), (evidence,))
    return entry, evidence.digest


@pytest.fixture
def store(tmp_path: Path) -> RegistryStore:
    """An empty registry."""
    return RegistryStore(tmp_path / "registry")


def test_a_registry_is_an_oci_layout(store: RegistryStore) -> None:
    """Tag, artifact types, layers and subject stand where the specifications want them."""
    entry, _ = register(store)
    store.publish([entry])
    index = json.loads((store.folder / "index.json").read_bytes())
    model, referrer = index["manifests"]
    assert json.loads((store.folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert model["annotations"] == {"org.opencontainers.image.ref.name": "flights-v1"}
    assert model["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    manifest = json.loads(store.blobs.read(model["digest"]))
    assert [layer["annotations"]["org.cncf.model.filepath"] for layer in manifest["layers"]] == [
        "contract.py",
        "model.onnx",
    ]
    assert manifest["layers"][1]["mediaType"] == "application/vnd.cncf.model.weight.v1.raw"
    config = json.loads(store.blobs.read(manifest["config"]["digest"]))
    assert config["modelfs"]["diffIds"] == [layer["digest"] for layer in manifest["layers"]]
    evidence = json.loads(store.blobs.read(referrer["digest"]))
    assert evidence["subject"]["digest"] == model["digest"]
    assert evidence["annotations"] == {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}


def test_publish_is_idempotent_and_check_agrees(store: RegistryStore) -> None:
    """Publishing twice writes nothing new; what is there is exactly what must be."""
    pairs = [register(store, version) for version in (1, 2)]
    entries, statements = [entry for entry, _ in pairs], [digest for _, digest in pairs]
    store.publish(entries)
    index = (store.folder / "index.json").stat()
    store.publish(entries)
    assert (store.folder / "index.json").stat().st_ino == index.st_ino
    assert store.check(entries, statements) == len(list(store.blobs.names())) == 12


def test_an_empty_registry_is_valid(store: RegistryStore) -> None:
    """No model yet: an index without manifests."""
    store.publish([])
    assert store.check([], []) == 0


def tampered_index(store: RegistryStore) -> None:
    """Let the tag of version 1 mean version 2's manifest."""
    path = store.folder / "index.json"
    index = json.loads(path.read_bytes())
    index["manifests"][0]["digest"] = index["manifests"][2]["digest"]
    path.write_bytes(encode(index))


def spaced_index(store: RegistryStore) -> None:
    """The same index, spelled with spaces."""
    path = store.folder / "index.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=1))


def no_index(store: RegistryStore) -> None:
    """Remove the index."""
    (store.folder / "index.json").unlink()


def other_layout(store: RegistryStore) -> None:
    """Another layout version."""
    (store.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.1"}')


def extra_file(store: RegistryStore) -> None:
    """A file beside the index."""
    (store.folder / "notes.txt").write_text("hello")


def extra_folder(store: RegistryStore) -> None:
    """Another algorithm's blobs."""
    (store.folder / "blobs" / "sha512").mkdir()


def extra_blob(store: RegistryStore) -> None:
    """A blob that no statement names."""
    store.blobs.put(b"stray")


def flipped_blob(store: RegistryStore) -> None:
    """One bit in the first blob."""
    path = store.blobs.path(next(store.blobs.names()))
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def missing_blob(store: RegistryStore) -> None:
    """Remove the last blob that is no manifest."""
    store.blobs.path(digest_of(b"onnx 1")).unlink()


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (tampered_index, "LG809"),
        (spaced_index, "LG809"),
        (no_index, "LG809"),
        (other_layout, "LG809"),
        (extra_file, "LG804"),
        (extra_folder, "LG804"),
        (extra_blob, "LG804"),
        (flipped_blob, "LG802"),
        (missing_blob, "LG805"),
    ],
)
def test_check_notices(store: RegistryStore, attack: Callable[[RegistryStore], None], finding: str) -> None:
    """Each change is named with its own finding; before it, all is well."""
    pairs = [register(store, version) for version in (1, 2)]
    entries, statements = [entry for entry, _ in pairs], [digest for _, digest in pairs]
    store.publish(entries)
    store.check(entries, statements)
    attack(store)
    with pytest.raises(VerificationFailed) as caught:
        store.check(entries, statements)
    assert caught.value.finding == finding


def test_sweep_removes_only_what_nobody_names(store: RegistryStore) -> None:
    """What a killed run left goes; what is signed stays."""
    entry, statement = register(store)
    store.publish([entry])
    stray = store.blobs.put(b"stray")
    assert store.sweep([entry], [statement]) == (stray,)
    store.check([entry], [statement])


def test_publish_repairs_a_lost_index(store: RegistryStore) -> None:
    """A process killed before the index was written: the next one writes it."""
    entry, statement = register(store)
    store.publish([entry])
    os.unlink(store.folder / "index.json")
    store.publish([entry])
    store.check([entry], [statement])


def without(key: str) -> Callable[[dict[str, Any]], object]:
    """Drop a field."""
    return lambda manifest: manifest.pop(key)


@pytest.mark.parametrize(
    "change",
    [
        without("config"),
        without("layers"),
        without("schemaVersion"),
        lambda m: m.update(artifactType="application/vnd.oci.image.config.v1+json"),
        lambda m: m.update(subject={}),
        lambda m: m.update(layers=[]),
        lambda m: m["layers"].append(m["layers"][0]),
        lambda m: m["layers"][0]["annotations"].update({"org.cncf.model.filepath": "../x"}),
        lambda m: m["layers"][0]["annotations"].update(title="x"),
        lambda m: m["layers"][0].update(size=-1),
        lambda m: m["layers"][0].update(digest="sha512:00"),
        lambda m: m["layers"][0].update(mediaType="application/vnd.cncf.model.weight.v1.tar"),
        lambda m: m["layers"][0].update(urls=["http://elsewhere"]),
        lambda m: m["config"].update(mediaType="application/json"),
        lambda m: m.update(annotations={"a": 1}),
    ],
)
def test_manifests_are_read_in_one_form(change: Callable[[dict[str, Any]], object]) -> None:
    """Each deviation is refused, in particular names that climb and layers to be fetched from elsewhere."""
    files = [ModelFile("model.onnx", digest_of(b"m"), 1, "weight")]
    data = oci.model_manifest(oci.model_config("m", 1, NOW, files), files, {"note": "x"})
    assert oci.parse_manifest(data).files == tuple(files)
    manifest = json.loads(data)
    change(manifest)
    with pytest.raises(VerificationFailed) as caught:
        oci.parse_manifest(encode(manifest))
    assert caught.value.finding == "LG837"
    with pytest.raises(VerificationFailed):
        oci.parse_manifest(data + b"\n")


def test_unsafe_models_cannot_be_built() -> None:
    """No files, twice the same name, a climbing name, a name that is no tag: refused before anything is stored."""
    file = ModelFile("model.onnx", digest_of(b"m"), 1, "weight")
    for files in ([], [file, file], [replace(file, name="../m")]):
        with pytest.raises(ValueError, match="file"):
            oci.model_manifest(b"{}", files)
    with pytest.raises(ValueError, match="not a model name"):
        oci.tag("../flights", 1)
    with pytest.raises(ValueError, match="from 1"):
        oci.tag("flights", 0)
