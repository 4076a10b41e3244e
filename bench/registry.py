"""Pushing and pulling a model of 1 GB to and from a registry on this machine, beside `skopeo copy`.

    python -m bench.registry [--megabytes 1000] [--rounds 3] [--json FILE]

docker-registry on loopback, its blobs on the same disk: each client and round has one of its own, because skopeo
remembers what it has seen at a registry. Ours and skopeo's turn about; both hash every byte on its way. What was pulled
by either is compared with what was pushed. The claim that is steered by: neither way takes longer than skopeo. Wall
clock, and CPU of the client alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.store.oci import Entry, ModelFile
from lockgate.store.remote.client import Registry
from lockgate.store.remote.reference import parse
from tests.support.registry import docker_registry

CLAIM = 1.0


def model(folder: Path, megabytes: int) -> tuple[RegistryStore, Entry]:
    """A registry folder with one model whose weights are random."""
    store = RegistryStore(folder / "registry")
    weights = store.blobs.put(os.urandom(megabytes * 1_000_000))
    files = [ModelFile("model.safetensors", weights, megabytes * 1_000_000, "weight")]
    config = oci.model_config("big", 1, datetime(2026, 11, 26, tzinfo=UTC), files)
    store.blobs.put(config)
    manifest = oci.model_manifest(config, files)
    entry = Entry("big", 1, store.blobs.put(manifest), len(manifest))
    store.publish([entry])
    return store, entry


def push(repository: str, store: RegistryStore, entry: Entry) -> None:
    """As `lockgate push` does it: each blob verified when it is opened, and hashed on its way."""
    data = store.blobs.read(entry.manifest)
    manifest = oci.parse_manifest(data)
    with Registry(parse(repository)) as registry:
        for digest in (manifest.config, *(file.digest for file in manifest.files)):
            source = store.blobs.open(digest)
            registry.push_blob(digest, os.fstat(source).st_size, source)
            os.close(source)
        registry.put_manifest(data, oci.MANIFEST, tag="v1")


def pull(repository: str, folder: Path) -> None:
    """The manifest and every file of it, durably."""
    store = BlobStore(folder / "blobs" / "sha256", folder / "staging")
    with Registry(parse(repository)) as registry:
        for file in oci.parse_manifest(registry.manifest("v1")).files:
            registry.fetch_blob(file.digest, file.size, store)


def skopeo(*words: str) -> None:
    """One copy."""
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests"]
    subprocess.run([*command, "--src-tls-verify=false", "--dest-tls-verify=false", *words], check=True)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of `work`, its children's included."""

    def spent() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    begun, before = time.perf_counter(), spent()
    work()
    return time.perf_counter() - begun, spent() - before


def measure(megabytes: int, rounds: int) -> dict[str, Any]:
    """Both ways, both clients, turn about."""
    times: dict[str, list[tuple[float, float]]] = {"push": [], "push_skopeo": [], "pull": [], "pull_skopeo": []}
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as name:
        place = Path(name)
        store, entry = model(place, megabytes)
        layout = f"oci:{store.folder}:{entry.tag}"
        for turn in range(rounds):
            one, two = place / f"one{turn}", place / f"two{turn}"
            with docker_registry(place / f"a{turn}") as first, docker_registry(place / f"b{turn}") as second:
                ours, theirs = f"{first.host}/big", f"docker://{second.host}/big:v1"
                pushes = [partial(push, ours, store, entry), partial(skopeo, layout, theirs)]
                pulls = [partial(pull, ours, one), partial(skopeo, theirs, f"oci:{two}:v1")]
                for way, works in (("push", pushes), ("pull", pulls)):
                    pairs = list(zip((way, f"{way}_skopeo"), works, strict=True))
                    for key, work in reversed(pairs) if turn % 2 else pairs:
                        times[key].append(timed(work))
            for folder in (one, two):
                _check(folder, store, entry)
            for folder in (one, two, place / f"a{turn}", place / f"b{turn}"):
                shutil.rmtree(folder)
    return {"megabytes": megabytes, "rounds": rounds, "seconds": times}


def _check(folder: Path, store: RegistryStore, entry: Entry) -> None:
    file = oci.parse_manifest(store.blobs.read(entry.manifest)).files[0]
    found = BlobStore(folder / "blobs" / "sha256", folder / "staging").check(file.digest)
    if found != file.size:
        raise SystemExit(f"{folder}: {found} bytes")


def report(found: dict[str, Any]) -> bool:
    """Print the medians and the ratios; whether the claim holds."""
    holds = True
    for way in ("push", "pull"):
        ours, theirs = found["seconds"][way], found["seconds"][f"{way}_skopeo"]
        ratio = statistics.median(one[0] / other[0] for one, other in zip(ours, theirs, strict=True))
        cpu = statistics.median(one[1] / other[1] for one, other in zip(ours, theirs, strict=True))
        wall = [statistics.median(one[0] for one in side) for side in (ours, theirs)]
        print(f"{way}: {wall[0]:.2f} s, skopeo {wall[1]:.2f} s; ratio {ratio:.2f}, of CPU {cpu:.2f}")
        holds = holds and ratio <= CLAIM
    print("holds" if holds else f"does not hold: at most {CLAIM} was claimed")
    return holds


def main() -> None:
    """Measure, print, and write a file if one is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.megabytes, options.rounds)
    report(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
