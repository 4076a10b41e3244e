"""A real registry (docker-registry 2.8) between our client, skopeo and oras: both directions, damage, broken wires."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import Refused, VerificationFailed
from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.store.oci import Attached, Entry, ModelFile
from lockgate.store.remote.client import Registry
from lockgate.store.remote.credentials import find_credentials
from lockgate.store.remote.reference import parse
from lockgate.store.remote.wire import Limits
from tests.support.registry import PASSWORD, USER, BrokenWire, DockerRegistry, docker_registry, needs_registry

pytestmark = needs_registry
needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt install skopeo)")
DATA = random.Random(3).randbytes(5 << 20)
FILES = {"contract.py": b"class Flight: ...", "model.onnx": DATA}
KINDS: dict[str, oci.Kind] = {"contract.py": "code", "model.onnx": "weight"}
QUICK = Limits(pause=0.01, chunk=1 << 20)


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """One for all tests: each uses a repository of its own."""
    with docker_registry(tmp_path_factory.mktemp("docker")) as running:
        yield running


def registry_of(docker: DockerRegistry, name: str) -> Registry:
    """Our client of a repository."""
    return Registry(parse(f"{docker.host}/{name}"), limits=QUICK)


@pytest.fixture
def local(tmp_path: Path) -> tuple[RegistryStore, Entry]:
    """A registry folder with one model of two files and a statement about it."""
    store = RegistryStore(tmp_path / "registry")
    files = [ModelFile(name, store.blobs.put(data), len(data), KINDS[name]) for name, data in FILES.items()]
    config = oci.model_config("flights", 7, datetime(2026, 11, 23, tzinfo=UTC), files)
    store.blobs.put(config)
    manifest = oci.model_manifest(config, files)
    statement = b'{"payload":""}'
    evidence = (Attached(oci.DSSE, store.blobs.put(statement), len(statement), "https://slsa.dev/provenance/v1"),)
    entry = Entry("flights", 7, store.blobs.put(manifest), len(manifest), evidence)
    store.publish([entry])
    return store, entry


def push(registry: Registry, store: BlobStore, digest: Digest) -> None:
    """One blob of a store."""
    fd = store.open(digest)
    try:
        registry.push_blob(digest, os.fstat(fd).st_size, fd)
    finally:
        os.close(fd)


def push_model(registry: Registry, store: RegistryStore, entry: Entry) -> None:
    """The model, its evidence, and the tag."""
    data = store.blobs.read(entry.manifest)
    manifest = oci.parse_manifest(data)
    blobs = [manifest.config, *(file.digest for file in manifest.files), *(one.digest for one in entry.evidence)]
    for digest in (*blobs, digest_of(oci.EMPTY)):
        push(registry, store.blobs, digest)
    assert registry.put_manifest(data, oci.MANIFEST, tag="v7") == entry.manifest
    registry.attach_all(list(oci.evidence_manifests(entry)))


def pull_model(registry: Registry, digest: Digest, into: BlobStore) -> oci.Manifest:
    """The model back."""
    manifest = oci.parse_manifest(registry.manifest(digest))
    for file in manifest.files:
        registry.fetch_blob(file.digest, file.size, into)
    return manifest


def skopeo(*arguments: str) -> None:
    """Run skopeo against a registry without TLS."""
    found = subprocess.run(["skopeo", "--insecure-policy", *arguments], capture_output=True, check=False)
    assert found.returncode == 0, found.stderr.decode()


@needs_skopeo
def test_skopeo_takes_out_what_we_put_in(
    docker: DockerRegistry, local: tuple[RegistryStore, Entry], tmp_path: Path
) -> None:
    """Same manifest, same layers, byte for byte; and its evidence by digest."""
    store, entry = local
    with registry_of(docker, "out/flights") as registry:
        push_model(registry, store, entry)
        listed = registry.referrers(entry.manifest, oci.DSSE)
        assert [registry.referrer(one, entry.manifest) for one in listed] == list(oci.evidence_manifests(entry))
    source = f"docker://{docker.host}/out/flights"
    skopeo("copy", "--src-tls-verify=false", f"{source}:v7", f"oci:{tmp_path}/copy:v7")
    copied = RegistryStore(tmp_path / "copy").blobs
    manifest = oci.parse_manifest(copied.read(entry.manifest))
    assert [copied.read(file.digest) for file in manifest.files] == list(FILES.values())
    skopeo("copy", "--src-tls-verify=false", f"{source}@{listed[0].digest}", f"oci:{tmp_path}/evidence:one")
    assert digest_of(RegistryStore(tmp_path / "evidence").blobs.read(listed[0].digest)) == listed[0].digest


@needs_skopeo
def test_we_take_out_what_skopeo_put_in(
    docker: DockerRegistry, local: tuple[RegistryStore, Entry], tmp_path: Path
) -> None:
    """Read by tag and by digest, every byte ours again."""
    store, entry = local
    target = f"docker://{docker.host}/in/flights:v7"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{store.folder}:flights-v7", target)
    fetched = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    with registry_of(docker, "in/flights") as registry:
        assert digest_of(registry.manifest("v7")) == entry.manifest
        manifest = pull_model(registry, entry.manifest, fetched)
    assert [fetched.read(file.digest) for file in manifest.files] == list(FILES.values())


def test_oras_reads_what_we_push_and_we_notice_what_it_does_not(docker: DockerRegistry, tmp_path: Path) -> None:
    """oras-py pulls our files by their titles. One byte changed on the registry's disk: oras writes it, we refuse."""
    from oras.client import OrasClient  # type: ignore[import-untyped]

    title = {"org.opencontainers.image.title": "model.onnx"}
    empty = {"mediaType": oci.EMPTY_TYPE, "digest": digest_of(oci.EMPTY), "size": len(oci.EMPTY)}
    layer = {
        "mediaType": "application/octet-stream",
        "digest": digest_of(DATA),
        "size": len(DATA),
        "annotations": title,
    }
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": oci.MANIFEST, "artifactType": "a/b", "config": empty, "layers": [layer]}
    ).encode()
    store = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    with registry_of(docker, "oras/flights") as registry:
        for data in (DATA, oci.EMPTY):
            push(registry, store, store.put(data))
        registry.put_manifest(manifest, oci.MANIFEST, tag="v7")
        client = OrasClient(insecure=True)
        pulled = client.pull(target=f"{docker.host}/oras/flights:v7", outdir=str(tmp_path / "one"))
        assert [Path(path).read_bytes() for path in pulled] == [DATA]

        with docker.blob_file(digest_of(DATA)).open("r+b") as file:
            file.seek(1000)
            file.write(bytes([DATA[1000] ^ 1]))
        try:
            found = client.pull(
                target=f"{docker.host}/oras/flights@{digest_of(manifest)}", outdir=str(tmp_path / "two")
            )
            assert Path(found[0]).read_bytes() != DATA
            fetched = BlobStore(tmp_path / "fetched", tmp_path / "staging")
            with pytest.raises(VerificationFailed) as refused:
                registry.fetch_blob(digest_of(DATA), len(DATA), fetched)
            assert (refused.value.finding, list(fetched.names())) == ("LG884", [])
            push(registry, store, digest_of(DATA))  # the registry says that it is there
            with pytest.raises(VerificationFailed):
                registry.check_blob(digest_of(DATA), len(DATA))
        finally:
            docker.blob_file(digest_of(DATA)).write_bytes(DATA)
        registry.check_blob(digest_of(DATA), len(DATA))


@pytest.fixture
def wire(docker: DockerRegistry) -> Iterator[BrokenWire]:
    """A connection to the registry that can be cut."""
    relay = BrokenWire(int(docker.host.rpartition(":")[2]))
    yield relay
    relay.close()


def test_a_pull_over_a_broken_wire(docker: DockerRegistry, wire: BrokenWire, tmp_path: Path) -> None:
    """Cut twice in the middle of a blob: taken up where it broke off, every byte right."""
    store = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    with registry_of(docker, "wire/pull") as registry:
        push(registry, store, store.put(DATA))
    fetched = BlobStore(tmp_path / "fetched", tmp_path / "staging")
    wire.down = [2 << 20, 2 << 20]
    with Registry(parse(f"127.0.0.1:{wire.port}/wire/pull"), limits=QUICK) as registry:
        registry.fetch_blob(digest_of(DATA), len(DATA), fetched)
    assert (wire.cuts, fetched.read(digest_of(DATA))) == (2, DATA)
    assert wire.passed["down"] < len(DATA) + (1 << 20)


@pytest.mark.parametrize(("pieces", "inside", "again"), [(3, 0, False), (3, 400_000, True)])
def test_a_push_over_a_broken_wire(
    docker: DockerRegistry, wire: BrokenWire, tmp_path: Path, pieces: int, inside: int, again: bool
) -> None:
    """Cut before a piece: goes on with it. Cut within one: this registry can only begin anew; the blob is right."""
    data = DATA[inside + 1 :]  # a blob of its own
    store = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    wire.cut_at = (b"PATCH", pieces, inside)
    with Registry(parse(f"127.0.0.1:{wire.port}/wire/push{inside}"), limits=QUICK) as registry:
        push(registry, store, store.put(data))
    assert wire.cuts == 1
    assert (wire.passed["up"] > len(data) * 1.3) is again
    with registry_of(docker, f"wire/push{inside}") as registry:
        registry.check_blob(digest_of(data), len(data))


def test_a_registry_with_users(tmp_path: Path) -> None:
    """Nobody gets in without a password, a wrong one says what to do, docker's own file lets us in."""
    store = BlobStore(tmp_path / "blobs", tmp_path / "staging")
    with docker_registry(tmp_path / "users", users=True) as guarded:
        reference = parse(f"{guarded.host}/team/flights")
        with Registry(reference, limits=QUICK) as registry, pytest.raises(Refused) as refused:
            registry.has_blob(digest_of(DATA))
        assert (refused.value.finding, refused.value.seen["status"]) == ("LG882", 401)
        (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": _auth()}}}))
        known = find_credentials(reference, {"DOCKER_CONFIG": str(tmp_path)})
        with Registry(reference, credentials=known, limits=QUICK) as registry:
            push(registry, store, store.put(DATA))
            registry.check_blob(digest_of(DATA), len(DATA))


def _auth() -> str:
    from base64 import b64encode

    return b64encode(f"{USER}:{PASSWORD}".encode()).decode()
