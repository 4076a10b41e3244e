"""skopeo reads our registry as an OCI layout and carries it with every digest unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of
from lockgate.store import oci
from lockgate.store.layout import RegistryStore
from lockgate.store.oci import Attached, Entry, ModelFile

pytestmark = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt install skopeo)")


@pytest.fixture
def registry(tmp_path: Path) -> tuple[RegistryStore, Entry]:
    """A registry with one model of two files, its statement and its signature."""
    store = RegistryStore(tmp_path / "registry")
    contents = {"contract.py": b"class Flight: ...", "model.onnx": b"onnx" * 50_000}
    kinds: dict[str, oci.Kind] = {"contract.py": "code", "model.onnx": "weight"}
    files = [ModelFile(name, store.blobs.put(data), len(data), kinds[name]) for name, data in contents.items()]
    config = oci.model_config("flights", 7, datetime(2026, 11, 23, tzinfo=UTC), files)
    store.blobs.put(config)
    manifest = oci.model_manifest(config, files)
    evidence = tuple(
        Attached(kind, store.blobs.put(data), len(data), predicate)
        for kind, data, predicate in (
            (oci.DSSE, b'{"payload":""}', "https://slsa.dev/provenance/v1"),
            (oci.BUNDLE, b'{"mediaType":""}', "https://model_signing/signature/v1.0"),
        )
    )
    entry = Entry("flights", 7, store.blobs.put(manifest), len(manifest), evidence)
    store.publish([entry])
    return store, entry


def skopeo(*arguments: str) -> bytes:
    """Run skopeo; its output."""
    found = subprocess.run(["skopeo", "--insecure-policy", *arguments], capture_output=True, check=False)
    assert found.returncode == 0, found.stderr.decode()
    return found.stdout


def test_inspect_gives_our_manifest(registry: tuple[RegistryStore, Entry]) -> None:
    """The raw manifest behind the tag has the digest that the statements name."""
    store, entry = registry
    raw = skopeo("inspect", "--raw", f"oci:{store.folder}:flights-v7")
    assert digest_of(raw) == entry.manifest
    assert json.loads(raw)["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"


def test_copy_keeps_digests(registry: tuple[RegistryStore, Entry], tmp_path: Path) -> None:
    """A copy has the same manifest and the same layers, byte for byte."""
    store, entry = registry
    skopeo("copy", f"oci:{store.folder}:flights-v7", f"oci:{tmp_path}/copy:flights-v7")
    copied = RegistryStore(tmp_path / "copy")
    manifest = oci.parse_manifest(copied.blobs.read(entry.manifest))
    for digest in (manifest.config, *(file.digest for file in manifest.files)):
        assert copied.blobs.read(digest) == store.blobs.read(digest)


def test_evidence_travels_too(registry: tuple[RegistryStore, Entry], tmp_path: Path) -> None:
    """A referrer can be carried by digest of its manifest, and its subject is the model."""
    store, entry = registry
    for number, data in enumerate(oci.evidence_manifests(entry)):
        index = json.loads((store.folder / "index.json").read_bytes())
        chosen = next(m for m in index["manifests"] if m["digest"] == digest_of(data))
        one = tmp_path / f"one{number}"
        shutil.copytree(store.folder, one)
        (one / "index.json").write_text(json.dumps(index | {"manifests": [chosen]}))
        skopeo("copy", f"oci:{one}", f"oci:{tmp_path}/copy{number}:evidence")
        raw = RegistryStore(tmp_path / f"copy{number}").blobs.read(digest_of(data))
        assert json.loads(raw)["subject"]["digest"] == entry.manifest
