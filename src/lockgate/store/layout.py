"""The registry on disk: an OCI image layout that skopeo, oras and any OCI registry can carry.

    registry/oci-layout              {"imageLayoutVersion":"1.0.0"}
    registry/index.json              derived: one manifest per model, tagged <name>-v<version>, and its evidence
    registry/blobs/sha256/<hex>      models' files, configurations, manifests, evidence, every statement

`index.json` and the evidence manifests are a pure function of the registrations in the event log: `check`
renders them again and compares. So nothing here can be added, dropped or retagged without a signed statement.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import VerificationFailed
from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.files import atomic_write, read_regular, writing
from lockgate.store.oci import Entry

INDEX, LAYOUT = "index.json", "oci-layout"
LAYOUT_BYTES = b'{"imageLayoutVersion":"1.0.0"}'
_MOST_INDEX = 64 << 20
_MOST_MANIFEST = 4 << 20


class RegistryStore:
    """A registry folder. Writes go through `staging`, on the same file system, by default `state/tmp` beside it."""

    def __init__(self, folder: Path, staging: Path | None = None) -> None:
        self.folder = folder
        self.staging = staging or folder.parent / "state" / "tmp"
        self.blobs = BlobStore(folder / "blobs" / "sha256", self.staging)

    def publish(self, entries: Sequence[Entry]) -> None:
        """Make the derived files fit `entries`, all registrations in log order. Repairs what a crash left undone.

        Blobs first, the index last, by rename: a reader sees the old registry or the new one.
        """
        for entry in entries:
            for manifest in oci.evidence_manifests(entry):
                self.blobs.put(manifest)
        if any(entry.evidence for entry in entries):
            self.blobs.put(oci.EMPTY)
        for name, data in ((LAYOUT, LAYOUT_BYTES), (INDEX, oci.render_index(entries))):
            if _read_or_none(self.folder / name) != data:
                self._write(self.folder / name, data)

    def check(self, entries: Sequence[Entry], statements: Iterable[Digest]) -> int:
        """Verify every byte in the folder; return the number of blobs.

        1. The folder holds the layout file, the index and blobs, nothing else.
        2. Layout file and index are what `entries` (all registrations in log order) render to.
        3. Every blob has the bytes that its name promises.
        4. The blobs are those of `entries` and `statements` (all of the event log), no more and no less.

        Raises VerificationFailed: LG804 something unknown, LG809 the index, LG802, LG803, LG805 a blob.
        """
        # 1.
        _check_names(self.folder, {INDEX, LAYOUT, "blobs"})
        _check_names(self.folder / "blobs", {"sha256"})
        # 2.
        for name, data in ((LAYOUT, LAYOUT_BYTES), (INDEX, oci.render_index(entries))):
            self._check_derived(name, data)
        # 3.
        names = list(self.blobs.names())
        for digest in names:
            self.blobs.check(digest)
        # 4.
        expected = self.expected(entries, statements)
        for digest in sorted(expected - set(names)):
            self.blobs.check(digest)
        for digest in names:
            if digest not in expected:
                raise _unaccounted(self.blobs.path(digest))
        return len(names)

    def expected(self, entries: Sequence[Entry], statements: Iterable[Digest]) -> set[Digest]:
        """Every blob that must be here. Raises VerificationFailed for a manifest that is damaged or missing."""
        found = set(statements)
        for entry in entries:
            found.add(entry.manifest)
            manifest = oci.parse_manifest(self.blobs.read(entry.manifest, _MOST_MANIFEST))
            found |= {manifest.config, *(file.digest for file in manifest.files)}
            found |= {one.digest for one in entry.evidence}
            found |= {digest_of(data) for data in oci.evidence_manifests(entry)}
            if entry.evidence:
                found.add(digest_of(oci.EMPTY))
        return found

    def sweep(self, entries: Sequence[Entry], statements: Iterable[Digest]) -> tuple[Digest, ...]:
        """Remove the blobs that no statement names: what a process that was killed half-way left. Returns them.

        The caller holds the project's lock: a blob that is about to be named looks the same.
        """
        expected = self.expected(entries, statements)
        stray = tuple(digest for digest in self.blobs.names() if digest not in expected)
        for digest in stray:
            self.blobs.remove(digest)
        return stray

    def _write(self, path: Path, data: bytes) -> None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.staging.mkdir(parents=True, exist_ok=True)
        atomic_write(path, data, staging=self.staging)

    def _check_derived(self, name: str, expected: bytes) -> None:
        path = self.folder / name
        seen = _read_or_none(path)
        if seen != expected:
            raise VerificationFailed(
                "LG809",
                f"{path} is not what the registrations in the event log give"
                if seen is not None
                else f"{path} is missing",
                seen={
                    "file": str(path),
                    "expected": digest_of(expected),
                    "seen": None if seen is None else digest_of(seen),
                },
                next="lockgate log reindex",
            )


def _read_or_none(path: Path) -> bytes | None:
    try:
        return read_regular(path, _MOST_INDEX)
    except FileNotFoundError:
        return None


def _check_names(folder: Path, allowed: set[str]) -> None:
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
        if name not in allowed:
            raise _unaccounted(folder / name)


def _unaccounted(path: Path) -> VerificationFailed:
    return VerificationFailed(
        "LG804",
        f"{path} is in the registry, and no statement in the event log names it",
        seen={"file": str(path)},
        next="lockgate run   # clears what an interrupted run left; anything else: look at it, then move it away",
    )
