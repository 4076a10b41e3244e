"""Whoever can write to the registry's folder, but holds no key: every change is noticed, none is followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import VerificationFailed
from lockgate.store import oci
from lockgate.store.layout import RegistryStore
from lockgate.store.oci import Attached, Entry, ModelFile

NOW = datetime(2026, 11, 23, tzinfo=UTC)
STATEMENT = b'{"payload":"..."}'


@pytest.fixture
def registry(tmp_path: Path) -> tuple[RegistryStore, Entry, tuple[Digest, ...]]:
    """A registry with one model; its entry; the digests of all statements of the log."""
    store = RegistryStore(tmp_path / ".lockgate" / "registry")
    model = b"onnx" * 100
    files = [ModelFile("model.onnx", store.blobs.put(model), len(model), "weight")]
    config = oci.model_config("flights", 1, NOW, files)
    store.blobs.put(config)
    manifest = oci.model_manifest(config, files)
    statement = store.blobs.put(STATEMENT)
    evidence = Attached(oci.DSSE, statement, len(STATEMENT), "https://slsa.dev/provenance/v1")
    entry = Entry("flights", 1, store.blobs.put(manifest), len(manifest), (evidence,))
    store.publish([entry])
    return store, entry, (statement,)


def every_file(store: RegistryStore) -> Iterator[Path]:
    """All files of the registry, sorted."""
    return iter(sorted(path for path in store.folder.rglob("*") if path.is_file()))


def test_every_flipped_byte_is_noticed(registry: tuple[RegistryStore, Entry, tuple[Digest, ...]]) -> None:
    """First, middle and last byte of every file: refused while flipped, accepted when restored."""
    store, entry, statements = registry
    for path in every_file(store):
        path.chmod(0o644)
        data = path.read_bytes()
        for place in (0, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])
            with pytest.raises(VerificationFailed):
                store.check([entry], statements)
        path.write_bytes(data)
        store.check([entry], statements)


def test_every_removed_file_is_missed(registry: tuple[RegistryStore, Entry, tuple[Digest, ...]]) -> None:
    """No file is there for nothing."""
    store, entry, statements = registry
    for path in every_file(store):
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(VerificationFailed):
            store.check([entry], statements)
        path.write_bytes(data)
    store.check([entry], statements)


def test_files_cannot_change_places(registry: tuple[RegistryStore, Entry, tuple[Digest, ...]]) -> None:
    """Two intact blobs under each other's names."""
    store, entry, statements = registry
    model, statement = store.blobs.path(digest_of(b"onnx" * 100)), store.blobs.path(statements[0])
    os.rename(model, store.folder.parent / "kept")
    os.rename(statement, model)
    os.rename(store.folder.parent / "kept", statement)
    with pytest.raises(VerificationFailed) as caught:
        store.check([entry], statements)
    assert caught.value.finding == "LG802"


def test_an_unregistered_model_is_not_served_by_its_tag(
    registry: tuple[RegistryStore, Entry, tuple[Digest, ...]],
) -> None:
    """A complete, well-formed second model with its tag in the index, but in no statement."""
    store, entry, statements = registry
    evil = b"evil"
    files = [ModelFile("model.onnx", store.blobs.put(evil), len(evil), "weight")]
    config = oci.model_config("flights", 2, NOW, files)
    store.blobs.put(config)
    manifest = oci.model_manifest(config, files)
    second = Entry("flights", 2, store.blobs.put(manifest), len(manifest))
    store.publish([entry, second])
    store.check([entry, second], statements)
    with pytest.raises(VerificationFailed) as caught:
        store.check([entry], statements)
    assert caught.value.finding == "LG809"
    store.publish([entry])
    with pytest.raises(VerificationFailed) as caught:
        store.check([entry], statements)
    assert caught.value.finding == "LG804"


def test_a_symlinked_blob_is_not_followed(
    registry: tuple[RegistryStore, Entry, tuple[Digest, ...]], tmp_path: Path
) -> None:
    """A symlink to the very bytes: they could be exchanged between check and use."""
    store, entry, statements = registry
    path = store.blobs.path(digest_of(b"onnx" * 100))
    os.rename(path, tmp_path / "model")
    path.symlink_to(tmp_path / "model")
    with pytest.raises(VerificationFailed) as caught:
        store.check([entry], statements)
    assert caught.value.finding == "LG803"
