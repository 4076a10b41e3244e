"""`lockgate push`: a model with all its evidence, in an order in which half a push is never mistaken for a whole one.

    1. blobs (files, configuration, model.sig, statements, tiles, proofs)
    2. manifests by digest: the model's, its evidence, its proofs, the log
    3. the model's tag `v<version>`
    4. the tag `log`: from now on this log counts

Every step can be repeated: what is there already is left alone, so that the next push completes a killed one. A
registry's tags are mutable: nothing here is promoted by a tag, and nobody should: name a digest.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit import deployments, entries
from lockgate.audit.entries import INPUTS, Registration, registrations
from lockgate.audit.ledger import Ledger
from lockgate.audit.log import VKEY, Log, signed_by, verify_checkpoint, vkey_bytes
from lockgate.audit.origins import inputs_of
from lockgate.audit.prove import prove
from lockgate.audit.shelf import shelf
from lockgate.audit.stored import check_stored
from lockgate.audit.tiles import ENTRIES, WIDTH, encode_bundle, tiles_of
from lockgate.core.checkpoint import MAX_NOTE_BYTES
from lockgate.core.digest import Digest, digest_of
from lockgate.core.shown_html import Shown
from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.project.carry import artifacts
from lockgate.project.carry.artifacts import BYTES, CHECKPOINT, PROOF, TEXT, Carried
from lockgate.project.carry.installing import log_of
from lockgate.project.carry.pulling import tag_of
from lockgate.project.carry.remote import LOG_TAG, Progress, connect, nobody_watches, push_bytes, tagged
from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.store.remote import reference as references
from lockgate.trust import oms

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.project.folder import Folder
    from lockgate.store.remote.client import Registry
    from lockgate.store.remote.reference import Reference

_TRIES = 5
NOT_TAKEN = "LG889"


@dataclass(frozen=True, repr=False)
class Pushed(Shown):
    """What is in the repository now, by digest. `unpushed`: models that are live somewhere, and are not there."""

    ref: str
    remote: str
    tag: str
    manifest: Digest
    log: Digest
    evidence: tuple[Digest, ...]
    entries: int
    blobs: int
    checked: bool
    revoked: bool
    unpushed: tuple[str, ...]

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "remote": self.remote,
            "tag": self.tag,
            "manifest": self.manifest,
            "log": self.log,
            "evidence": list(self.evidence),
            "log_entries": self.entries,
            "blobs": self.blobs,
            "checked": self.checked,
            "revoked": self.revoked,
            "unpushed": list(self.unpushed),
        }


@dataclass(frozen=True)
class Load:
    """Everything that one push carries. `small`: bytes by digest; `stored`: blobs of the registry, with their size."""

    registration: Registration
    small: Mapping[Digest, bytes]
    stored: Mapping[Digest, int]
    model: bytes
    attached: tuple[bytes, ...]
    log: bytes
    log_size: int


def push(project: Folder, ref: str, remote: str, *, check: bool = True, progress: Progress = nobody_watches) -> Pushed:
    """Carry `ref` into the repository `remote`.

    What is carried is verified here first, as `verify` does. A revoked model may be carried: its revocation travels
    with it, and has to. Raises Usage LG890 for a tag that is not the model's; Refused LG891 a tag that is taken;
    LG899 the repository's log is another project's, or knows more than ours.
    """
    from lockgate.audit.refs import resolve

    ledger = project.ledger()
    registration = resolve(ref, ledger.statements(), "dev")
    where = references.parse(remote)
    tag = tag_of(registration)
    if where.digest is not None or where.tag not in ("", tag):
        raise Usage(
            "LG890",
            f"{registration.ref} is pushed under the tag {tag}, and under no other",
            seen={"remote": remote, "tag": tag},
            next=f"lockgate push {registration.ref} {where.name}",
        )
    registry = RegistryStore(project.home / "registry")
    inputs_of(registration, ledger.statements())
    check_stored(registration, registry, ledger.roles_at(registration.evidence.index))
    load = prepare(ledger, registration, registry)
    with closing(connect(where)) as opened:
        refuse_taken(opened, where, registration)
        refuse_other_log(opened, where, ledger)
        evidence = _send(opened, load, registry.blobs, progress)
        opened.put_manifest(load.model, oci.MANIFEST, tag=tag)
        opened.put_manifest(load.log, oci.MANIFEST, tag=LOG_TAG)
        if check:
            read_back(opened, load, evidence, progress)
        unpushed = _unpushed(opened, ledger, registration)
    revoked = deployments.revocation_of(registration, ledger.statements()) is not None
    log, blobs = digest_of(load.log), len(load.small) + len(load.stored)
    return Pushed(
        registration.ref, where.name, tag, registration.manifest, log, evidence, load.log_size, blobs, check, revoked,
        unpushed,
    )  # fmt: skip


def prepare(ledger: Ledger, registration: Registration, registry: RegistryStore) -> Load:
    """What is carried: a function of the verified log and the registry, so that it is the same at every try."""
    log = _same_log(ledger)
    statements = ledger.statements()
    small: dict[Digest, bytes] = {digest_of(oci.EMPTY): oci.EMPTY}
    files = [_keep(small, title, TEXT, data) for title, data in _texts(ledger, log)]
    files += [_keep(small, title, BYTES, data) for title, data in _tiles(log)]
    for one in statements:
        files.append(artifacts.statement_file(one.envelope))
        small[one.digest] = one.envelope
    signatures = {one.signature for one in registrations(statements) if registry.blobs.has(one.signature)}
    for data in (registry.blobs.read(digest, oms.MOST) for digest in sorted(signatures)):
        files.append(artifacts.signature_file(data))
        small[digest_of(data)] = data
    model = registry.blobs.read(registration.manifest, artifacts.MOST_MANIFEST)
    manifest = oci.parse_manifest(model)
    stored = {one.digest: one.size for one in manifest.files}
    stored[manifest.config] = registry.blobs.check(manifest.config)
    entry = next(one for one in shelf(statements) if one.manifest == registration.manifest)
    proofs = [
        _keep(small, f"{claim}-{digest[7:19]}.tlog-proof", PROOF, prove(log, ledger.get(digest).index))
        for claim, digest in _statements_of(registration)
    ]
    return Load(
        registration,
        small,
        stored,
        model,
        (
            *oci.evidence_manifests(entry),
            artifacts.proofs_manifest(proofs, registration.manifest, registration.manifest_size),
        ),
        artifacts.log_manifest(files, registration.manifest, registration.manifest_size),
        log.size,
    )


def refuse_taken(remote: Registry, where: Reference, registration: Registration) -> None:
    """Raises Refused LG891 when the model's tag names another manifest there: tags can be moved, and we never do."""
    data = tagged(remote, tag_of(registration))
    if data is not None and digest_of(data) != registration.manifest:
        raise Refused(
            "LG891",
            f"{where.name}:{tag_of(registration)} is another model already, and a push never moves a tag",
            seen={"there": digest_of(data), "ours": registration.manifest},
            next="push into a repository of this model's own; whoever moved the tag there should say why",
        )


def refuse_other_log(remote: Registry, where: Reference, ledger: Ledger) -> None:
    """Raises Refused LG899 unless the log under the tag `log`, if there is one, is the beginning of ours.

    1. It is a log's manifest.   2. Its checkpoint is one of our log, signed by our sealer.   3. Our log extends it.
    """
    data = tagged(remote, LOG_TAG)
    if data is None:
        return
    # 1.
    checkpoint = next(one for one in artifacts.parse_log_manifest(data) if one.title == CHECKPOINT)
    with tempfile.TemporaryDirectory(prefix="lockgate-push-") as name:
        staging = BlobStore(Path(name) / "blobs", Path(name) / "tmp")
        remote.fetch_blob(checkpoint.digest, checkpoint.size, staging)
        note = staging.read(checkpoint.digest, MAX_NOTE_BYTES)
    # 2. 3.
    log, key, former = _same_log(ledger), ledger.roles.sealer_key(), ledger.former_sealers
    name = log.checkpoint.origin
    try:
        there = verify_checkpoint(note, signed_by(note, name, (key, *former)) or key, name)
    except VerificationFailed as error:
        raise Refused(
            "LG899",
            f"the event log in {where.name} is not this project's: {error.message}",
            seen={"there": digest_of(data), "ours": name},
            next="push into a repository of this project's own",
        ) from None
    if there.size > log.size:
        raise Refused(
            "LG899",
            f"the event log in {where.name} has {there.size} entries, and ours {log.size}: it would lose what it knows",
            seen={"there": there.size, "ours": log.size},
            next=f"lockgate pull {where.name}   # then push again",
        )
    log.check_extends(note, key, name, former)


def _send(remote: Registry, load: Load, blobs: BlobStore, progress: Progress) -> tuple[Digest, ...]:
    try:
        return send(remote, load, blobs, progress, known=_known_there(remote))
    except LockgateError as error:
        if error.finding != NOT_TAKEN:
            raise
    # It lost what the log before names: nothing is taken for granted then.
    return send(remote, load, blobs, progress, known=frozenset())


def send(
    remote: Registry, load: Load, blobs: BlobStore, progress: Progress, *, known: frozenset[Digest]
) -> tuple[Digest, ...]:
    """Steps 1 and 2; the digests of what is attached to the model, the log last. `known`: small blobs to leave out."""
    count, number = len(load.small) + len(load.stored), 0
    for digest, size in load.stored.items():
        progress("push", number, count)
        descriptor = blobs.open(digest)
        try:
            remote.push_blob(digest, size, descriptor)
        finally:
            os.close(descriptor)
        number += 1
    for digest, data in load.small.items():
        progress("push", number, count)
        if digest not in known:
            push_bytes(remote, data)
        number += 1
    progress("push", count, count)
    remote.put_manifest(load.model, oci.MANIFEST)
    return tuple(remote.attach_all([*load.attached, load.log]))


def read_back(remote: Registry, load: Load, evidence: Sequence[Digest], progress: Progress) -> None:
    """Read everything back by digest: what the registry says that it stored counts for nothing.

    Raises VerificationFailed LG884 for other bytes, Unavailable LG883 for what is not there.
    """
    for digest in (load.registration.manifest, *evidence):
        remote.manifest(digest)
    sizes = {**load.stored, **{digest: len(data) for digest, data in load.small.items()}}
    for number, (digest, size) in enumerate(sizes.items()):
        progress("read back", number, len(sizes))
        remote.check_blob(digest, size)


def _known_there(remote: Registry) -> frozenset[Digest]:
    """What the log that was pushed last holds: a registry takes no manifest whose blobs it lacks.

    If it lost one since, reading back notices.
    """
    data = tagged(remote, LOG_TAG)
    return frozenset(one.digest for one in artifacts.parse_log_manifest(data)) if data else frozenset()


def _statements_of(registration: Registration) -> list[tuple[str, Digest]]:
    return [*((claim, registration.inputs[claim]) for claim in INPUTS), ("register", registration.evidence.digest)]


def _texts(ledger: Ledger, log: Log) -> list[tuple[str, bytes]]:
    return [(CHECKPOINT, log.note), (VKEY, vkey_bytes(ledger.roles.sealer_key(), log.checkpoint.origin))]


def _tiles(log: Log) -> list[tuple[str, bytes]]:
    """The files of the tree, from what was proved, not from the folder: the sealer may be clearing partial ones."""
    found = []
    for tile in tiles_of(log.size):
        start = tile.index * WIDTH
        data = (
            encode_bundle(list(log.entries(start, start + tile.width)))
            if tile.level == ENTRIES
            else b"".join(log.tile(tile.level, tile.index))
        )
        found.append((tile.path, data))
    return found


def _keep(small: dict[Digest, bytes], title: str, media_type: str, data: bytes) -> Carried:
    small[digest_of(data)] = data
    return Carried.of(title, media_type, data)


def _same_log(ledger: Ledger) -> Log:
    """The log under the very checkpoint that the ledger was read under. Raises Unavailable LG712."""
    for _ in range(_TRIES):
        log = log_of(ledger)
        if log.size == ledger.checkpoint.size:
            return log
        ledger.refresh()
    raise Unavailable("LG712", "the event log keeps growing under our hands", next="push again when it rests")


def _unpushed(remote: Registry, ledger: Ledger, pushed: Registration) -> tuple[str, ...]:
    """Versions of the same model that the log says are live or on a ladder, and that are not in the repository."""
    statements: Sequence[Evidence] = ledger.statements()
    environments = dict.fromkeys(one.environment for one in entries.deployments(statements))
    stand = [one for each in environments for one in deployments.standing_now(each, pushed.name, statements)]
    wanted = {one.manifest: f"{one.name}@{one.version}" for one in stand if one.manifest != pushed.manifest}
    return tuple(ref for manifest, ref in wanted.items() if tagged(remote, manifest) is None)
