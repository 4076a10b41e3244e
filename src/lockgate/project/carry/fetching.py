"""From a registry into a staging folder, and verified there: nothing in it has its final name yet.

What is asked for follows from the log, never from what the registry lists: the log says which manifest a model has,
the manifest which files, the registration which signature. A registry can withhold, and then the pull fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import deployments
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.ledger import EVENTS, Ledger, claimed_project
from lockgate.audit.origins import inputs_of, registration_of
from lockgate.audit.seen import SeenStore
from lockgate.audit.stored import check_stored
from lockgate.audit.tiles import TileReader, tiles_of
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import decode
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.project.carry.artifacts import CHECKPOINT, SIGNATURES, STATEMENTS, VKEY, Carried, parse_log_manifest
from lockgate.project.carry.remote import ABSENT, LOG_TAG, Progress, nobody_watches, tagged
from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.files import atomic_write, writing
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.store.remote.client import Registry

MOST_MANIFEST = 4 << 20


@dataclass(frozen=True)
class Staged:
    """A verified event log in a staging `.lockgate`, and where it came from. `artifact`: digest of its manifest."""

    home: Path
    ledger: Ledger
    artifact: Digest
    remote: str

    @property
    def registry(self) -> RegistryStore:
        """Statements, and what `fetch_model` has brought."""
        return RegistryStore(self.home / "registry")

    @property
    def note(self) -> bytes:
        """The signed checkpoint."""
        return TileReader(self.ledger.log_dir).note()

    def registration(self, manifest: Digest) -> Registration | None:
        """The registration of a manifest in the log, if there is one."""
        known = registrations(self.ledger.statements())
        return next((one for one in known if one.manifest == manifest), None)


def log_artifact(remote: Registry, name: str) -> bytes:
    """The manifest that the tag `log` names. Raises Refused LG897 when nothing was pushed whole."""
    data = tagged(remote, LOG_TAG)
    if data is None:
        raise Refused(
            "LG897",
            f"{name} holds no event log under the tag `{LOG_TAG}`: no push into it was completed",
            seen={"repository": name, "tag": LOG_TAG},
            next=f"lockgate push REF {name}   # in the project",
        )
    return data


def fetch_log(
    remote: Registry,
    manifest: bytes,
    staging: Path,
    root: str,
    *,
    name: str,
    known: Sequence[BlobStore] = (),
    seen: SeenStore | None = None,
    progress: Progress = nobody_watches,
) -> Staged:
    """Bring the event log that `manifest` names into `staging`, and verify it.

    1. The manifest is a log's.   2. Each file has its digest and size; what `known` stores have is not fetched.
    3. The log is that of `root`: its files are those of a tree of the size that its checkpoint says, no more.
    4. Roles from the root on, checkpoint by the sealer and not older than the one last seen, each entry, each
    statement (`Ledger`).   5. No statement and no signature travels that the log does not name.

    `seen` is compared with, and not moved: nothing is installed yet. Raises VerificationFailed, Refused.
    """
    # 1.
    files = parse_log_manifest(manifest)
    # 2.
    registry = RegistryStore(staging / "registry")
    log_dir = staging / "log" / EVENTS
    shutil.rmtree(staging / "log", ignore_errors=True)
    for number, one in enumerate(files):
        progress("event log", number, len(files))
        fetch_blob(remote, one.digest, one.size, registry.blobs, known)
        if not one.title.startswith((STATEMENTS, SIGNATURES)):
            target = log_dir / one.title
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(target, registry.blobs.read(one.digest))
    # 3.
    _check_files(files, log_dir)
    found = claimed_project(staging)
    if found != root:
        raise VerificationFailed(
            "LG828",
            f"the event log in {name} is that of another root",
            seen={"expected": root, "seen": found, "repository": name},
            next="ask the project's owner for the fingerprint and for the repository",
        )
    # 4.
    ledger = Ledger(staging, root, seen=SeenStore(seen.path, keep=False) if seen else None)
    # 5.
    _check_named(files, ledger)
    return Staged(staging, ledger, digest_of(manifest), name)


def fetch_model(
    remote: Registry,
    staged: Staged,
    registration: Registration,
    *,
    known: Sequence[BlobStore] = (),
    progress: Progress = nobody_watches,
) -> None:
    """Bring a registered model's manifest, files and signature, and verify them as `verify` does.

    1. Every statement that it rests on is in the log, by the right role, joined by digest.   2. Manifest, by the
    digest that was registered; configuration and files.   3. All is, byte for byte, what was registered and signed.
    """
    # 1.
    inputs_of(registration, staged.ledger.statements())
    # 2.
    blobs = staged.registry.blobs
    if not blobs.has(registration.manifest):
        _fetch_manifest(remote, registration, blobs, known)
    data = blobs.read(registration.manifest, MOST_MANIFEST)
    manifest = oci.parse_manifest(data)
    config_size = int(decode(data)["config"]["size"])
    wanted = [(manifest.config, config_size), (registration.signature, registration.signature_size)]
    wanted += [(one.digest, one.size) for one in manifest.files]
    for number, (digest, size) in enumerate(wanted):
        progress(registration.ref, number, len(wanted))
        fetch_blob(remote, digest, size, blobs, known)
    # 3.
    check_stored(registration, staged.registry, staged.ledger.roles_at(registration.evidence.index))


def fetch_beside(
    remote: Registry, staged: Staged, environment: str, live: Registration, *, known: Sequence[BlobStore] = ()
) -> list[Registration]:
    """The model that stands on the ladder beside `live`, where the repository has it.

    Where it has not, this machine serves what is live, and leaves the candidate to the others.
    """
    statements = staged.ledger.statements()
    with suppress(LockgateError):
        stand = deployments.standing_now(environment, live.name, statements)
        if len(stand) > 1 and stand[0].manifest == live.manifest:
            candidate = registration_of(stand[1], statements)
            fetch_model(remote, staged, candidate, known=known)
            return [candidate]
    return []


def fetch_blob(remote: Registry, digest: Digest, size: int, into: BlobStore, known: Iterable[BlobStore]) -> None:
    """Bring one blob, from `known` where it is whole there. Raises VerificationFailed, Unavailable."""
    if into.has(digest):
        into.check(digest)
        return
    for store in known:
        if store.has(digest):
            with open(store.open(digest), "rb") as source:
                into.put(source)
            return
    try:
        remote.fetch_blob(digest, size, into)
    except LockgateError as error:
        if error.finding != ABSENT:
            raise
        raise VerificationFailed(
            "LG893",
            "the registry does not have what the event log names: the push was not completed, or it was taken out",
            seen={"blob": digest, "size": size},
            next="lockgate push REF REMOTE   # in the project: it completes what is missing",
        ) from None


def _fetch_manifest(remote: Registry, registration: Registration, blobs: BlobStore, known: Sequence[BlobStore]) -> None:
    for store in known:
        if store.has(registration.manifest):
            blobs.put(store.read(registration.manifest, MOST_MANIFEST))
            return
    data = tagged(remote, registration.manifest)
    if data is None:
        raise VerificationFailed(
            "LG893",
            f"the registry does not have the manifest of {registration.ref}",
            seen={"manifest": registration.manifest},
            next=f"lockgate push {registration.ref} REMOTE   # in the project",
        )
    if blobs.put(data) != registration.manifest:
        raise VerificationFailed(
            "LG893",
            f"the registry gives another manifest for {registration.ref}",
            seen={"expected": registration.manifest, "seen": digest_of(data)},
            next="look who else pushes into this repository",
        )


def _check_files(files: Sequence[Carried], log_dir: Path) -> None:
    """Step 3: exactly the files of the tree. What the checkpoint says is verified afterwards."""
    titles = {one.title for one in files if not one.title.startswith((STATEMENTS, SIGNATURES))}
    if not {CHECKPOINT, VKEY} <= titles:
        raise _misfit("it has no checkpoint or no key", sorted({CHECKPOINT, VKEY} - titles))
    # No more of them than there are files here: a checkpoint can claim any size.
    tiles = islice(tiles_of(TileReader(log_dir).claimed_size()), len(titles))
    wanted = {CHECKPOINT, VKEY, *(tile.path for tile in tiles)}
    if titles != wanted:
        raise _misfit("its files are not those of its checkpoint", sorted(titles ^ wanted))


def _check_named(files: Sequence[Carried], ledger: Ledger) -> None:
    """Step 5. That every statement is there, the ledger has seen."""
    statements = ledger.statements()
    named = {one.digest for one in statements} | {one.signature for one in registrations(statements)}
    strange = [one.title for one in files if one.title.startswith((STATEMENTS, SIGNATURES)) and one.digest not in named]
    if strange:
        raise _misfit("it carries what no entry names", strange)


def _misfit(what: str, titles: Sequence[str]) -> VerificationFailed:
    return VerificationFailed(
        "LG892",
        f"what the tag `{LOG_TAG}` names is not a whole event log: {what}",
        seen={"count": len(titles), "first": list(titles[:10])},
        next="push again from the project; then look who else pushes into this repository",
    )
