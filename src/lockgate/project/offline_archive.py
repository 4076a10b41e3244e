"""`lockgate verify ARCHIVE`: an archive of evidence, by the same code that verifies a project. Asks the policy again.

What the archive holds is laid out as a `.lockgate` in a temporary folder, and opened as one. Trusts the root that the
user names or has pinned, and nothing in the archive. `verifier/lockgate_verify.py` shares no code with this.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.entries import FileEntry, Registration, registrations
from lockgate.audit.imports import Import, imports
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.log import VKEY, verify_checkpoint, vkey_bytes
from lockgate.audit.prove import check_proof, parse_proof
from lockgate.audit.reigns import leaf_at, reigns_of
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import RightEdge
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.moments import age, rfc3339
from lockgate.errors import LockgateError
from lockgate.project.offline_root import claimed_by, trusted
from lockgate.project.offline_zip import Opened, lies, read_archive
from lockgate.project.proving import prove_model
from lockgate.project.reports import Link, ModelReport
from lockgate.project.seen_by import note_lines, witnesses_in_force
from lockgate.project.sentences import unproved
from lockgate.project.steps import Steps
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.trust.roles import Roles

_LEAVES: Final = "log/events/leaves"
_CHECKPOINT: Final = "log/{}/checkpoint"
_NOT_HERE: Final = (
    "what the exporter says without proof (INDEX.html, report/, readable/, access-matrix.json, mapping.json, "
    "tlog-policy, facts that name no statement)"
)
_LATER: Final = (
    "that nothing was added to the log after its entry {} of {}, {} before now: the model may have been revoked since, "
    "so ask for an archive of today"
)
_PROVED: Final = ("none", "log", "statement")


class HeldBlobs(BlobStore):
    """The files of the archive as blobs. `elsewhere`: what was registered, with its size, and need not be here."""

    def __init__(self, folder: Path, elsewhere: Mapping[Digest, int]) -> None:
        super().__init__(folder, folder.parent)
        self.elsewhere = elsewhere
        self.absent: list[Digest] = []

    def check(self, digest: Digest) -> int:
        """Verify a blob that is here; of one that is not, believe no more than that it was registered so."""
        if digest in self.elsewhere and not self.path(digest).exists():
            self.absent.append(digest)
            return self.elsewhere[digest]
        return super().check(digest)


def verify_archive(path: Path, now: datetime, *, root: str = "") -> ModelReport:
    """Verify what an archive holds.

    1. It is a ZIP of the one form, and index.json lists every other file with its digest.
    2. The log of events, laid out from its leaves, verifies back to the root as any project's does (`Ledger`); it is
       not older than what this user has seen of that project.
    3. The model that the index names verifies as by `verify REF`: chain, manifest, signature, revocation, and for each
       environment what a loader decides. Of its files, those that are here.
    4. The records are in the log of predictions; the policy is the newest that was signed; each fact stands where it
       says.
    5. The roles file in force has not expired.

    What was added to the log after the archive was made, nobody can see in it: its newest entry's time is told.

    Raises VerificationFailed LG7031, LG7032, and as `Ledger` and `prove_model`; Refused LG824, LG825, LG514 and as
    these; Unavailable.
    """
    steps = Steps()
    # 1.
    with steps.step("the archive", "nothing in it can be believed"):
        archive = read_archive(path)
    with tempfile.TemporaryDirectory(prefix="lockgate-evidence-") as place:
        home = Path(place) / ".lockgate"
        # 2.
        with steps.step("the event log in the archive", "nothing in it can be believed"):
            ledger = _open(archive, home, root)
        # 3.
        report = _model(archive, ledger, home, now, steps)
        # 4.
        with steps.step("the other files of the archive", "they are not what they say"):
            records = _records(archive, ledger.root, ledger.roles)
            facts = _papers(archive, ledger)
    # 5.
    ledger.roles.check_fresh(now)
    links = (*report.links, *([Link("records", records)] if records else []), Link("facts", facts))
    last = ledger.statements()[-1]
    later = _LATER.format(last.index, rfc3339(last.time), age(last.time, now))
    seen = _cosigned(ledger, now)
    return replace(
        report, links=links, not_proved=(later, *unproved(report.not_proved, seen), _NOT_HERE), cosigned=seen
    )


def _cosigned(ledger: Ledger, now: datetime) -> tuple[str, ...]:
    """Who cosigned the checkpoint, of those that the policies in the log name. Raises VerificationFailed LG7011."""
    keys = {one.name: one.key for one in witnesses_in_force(ledger)}
    lines = note_lines(ledger.note, origin(ledger.root, EVENTS), ledger.roles.sealer_key(), keys, now)
    return (f"{EVENTS}: {', '.join(lines)}",) if lines else ()


def _open(archive: Opened, home: Path, root: str) -> Ledger:
    """The log, laid out in `home`. Raises as `verify_archive`."""
    leaves = _leaves(archive.read(_LEAVES))
    blobs = home / "registry" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for name, data in archive.files.items():
        if name.startswith(("statements/", "model/")):
            (blobs / hex_of(digest_of(data))).write_bytes(data)
    for name in archive.files:
        if name.startswith("statements/") and not (blobs / name[11:-5]).exists():
            lies(name, "it is not the statement that its name says")
    first = archive.read(f"statements/{hex_of(leaf_at(0, leaves[0]).digest)}.json")
    project_id = trusted(claimed_by(first), root)
    if archive.index["project"] != project_id:
        lies("index.json", "it names another project")
    folder = home / "log" / EVENTS
    folder.mkdir(parents=True)
    edge, files = RightEdge().grow(leaves)
    for tile, data in files:
        (folder / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / tile.path).write_bytes(data)
    sealer = reigns_of(leaves, RegistryStore(home / "registry"), project_id)[-1].roles.sealer_key()
    (folder / VKEY).write_bytes(vkey_bytes(sealer, origin(project_id, EVENTS)))
    (folder / "checkpoint").write_bytes(archive.read(_CHECKPOINT.format(EVENTS)))
    ledger = Ledger(home, project_id, seen=_seen(project_id, EVENTS))
    if len(leaves) != ledger.checkpoint.size or edge.root != ledger.checkpoint.root:
        lies(_LEAVES, "it holds more or fewer entries than the checkpoint commits to")
    if archive.index["events"] != {"size": edge.size, "root": edge.root.hex()}:
        lies("index.json", "it speaks of another state of the log of events")
    extra = {hex_of(one.digest) for one in ledger.statements()} ^ {
        name[11:-5] for name in archive.files if name.startswith("statements/")
    }
    if extra:
        lies(f"statements/{min(extra)}.json", "the log and the archive do not have the same statements")
    return ledger


def _model(archive: Opened, ledger: Ledger, home: Path, now: datetime, steps: Steps) -> ModelReport:
    said, statements = archive.index["model"], ledger.statements()
    known: list[Registration | Import] = [*registrations(statements), *imports(statements)]
    named = (said["ref"], said["name"], said["version"], said["manifest"])
    one = next((each for each in known if (each.ref, each.name, each.version, each.manifest) == named), None)
    if one is None:
        lies("index.json", "no statement of the log registers the model that it names")
    manifest = archive.read("model/manifest.json")
    if digest_of(manifest) != one.manifest:
        lies("model/manifest.json", "it is not the manifest of the model")
    registry = RegistryStore(home / "registry")
    held = HeldBlobs(registry.blobs.folder, _elsewhere(one.files, manifest))
    registry.blobs = held
    for file in one.files:
        if f"model/{file.name}" in archive.files and digest_of(archive.files[f"model/{file.name}"]) != file.digest:
            lies(f"model/{file.name}", "it has other bytes than were registered")
    if isinstance(one, Import):
        from lockgate.project.importing import prove_import

        return prove_import(ledger, one, now, steps=steps, registry=registry)
    report = prove_model(ledger, one, now, steps=steps, registry=registry)
    here = sum(f"model/{file.name}" in archive.files for file in one.files)
    words = f"model.sig over {len(one.files)} files, {here} of which are here, byte for byte"
    return replace(
        report, links=tuple(replace(link, text=words) if link.box == "signature" else link for link in report.links)
    )


def _elsewhere(files: tuple[FileEntry, ...], manifest: bytes) -> Mapping[Digest, int]:
    from lockgate.store.oci import parse_manifest

    return {**{file.digest: file.size for file in files}, parse_manifest(manifest).config: 0}


def _records(archive: Opened, root: str, roles: Roles) -> str:
    """Every record stands in the log of predictions, under the one checkpoint that the archive has. Raises."""
    said, names = archive.index["predictions"], [name for name in archive.files if name.startswith("records/")]
    proofs = {name for name in archive.files if name.startswith("proofs/")}
    if said is None:
        if names or proofs or _CHECKPOINT.format(PREDICTIONS) in archive.files:
            lies("index.json", "there are records, and it knows of no log of predictions")
        return ""
    note, name = archive.read(_CHECKPOINT.format(PREDICTIONS)), origin(root, PREDICTIONS)
    checkpoint = verify_checkpoint(note, roles.sealer_key(), name)
    if said != {"size": checkpoint.size, "root": checkpoint.root.hex()}:
        lies("index.json", "it speaks of another state of the log of predictions")
    for each in names:
        path = f"proofs/predictions/{each[8:-5]}.tlog-proof"
        proof = archive.read(path)
        proofs.discard(path)
        proved = check_proof(proof, archive.files[each], roles.sealer_key(), name)
        if f"records/{proved.index}.json" != each or parse_proof(proof).note != note:
            lies(path, "it is for another entry, or under another checkpoint")
    if proofs:
        lies(min(proofs), "it proves no record of the archive")
    seen = _seen(root, PREDICTIONS).load()
    older = seen is not None and _size(seen, roles, name) > checkpoint.size
    return f"{len(names)} of {checkpoint.size} entries, each proved" + (" (this user has seen more)" if older else "")


def _size(note: bytes, roles: Roles, name: str) -> int:
    with suppress(LockgateError):
        return verify_checkpoint(note, roles.sealer_key(), name).size
    return 0


def _papers(archive: Opened, ledger: Ledger) -> str:
    """The policy, and each fact that is called proved. Raises VerificationFailed LG7032."""
    policy = ledger.head("policy")
    if "policy.toml" in archive.files and (
        policy is None or not policy.statement.is_about(digest_of(archive.files["policy.toml"]))
    ):
        lies("policy.toml", "it is not the policy that was signed last")
    statements, count = ledger.statements(), 0
    for entry in archive.index["files"]:
        path = entry["path"]
        if entry["proved"] not in _PROVED:
            lies("index.json", f"it says that {path} is proved in a way that nobody knows")
        if not path.startswith("facts/") or entry["proved"] == "none":
            continue
        for fact in archive.facts(path):
            index = fact["index"]
            one = statements[index] if type(index) is int and 0 <= index < len(statements) else None
            if one is None or one.digest != fact["statement"] or _at(one.predicate, fact["path"]) != fact["value"]:
                lies(path, f"entry {fact['index']} of the log does not say so")
            count += 1
    return f"{count} stand so in the statements that they name"


def _at(predicate: Mapping[str, Any], path: object) -> Any:
    found: Any = {"predicate": predicate}
    for key in path if isinstance(path, list) else ():
        if isinstance(found, Mapping) and isinstance(key, str):
            found = found.get(key)
        elif isinstance(found, list) and type(key) is int and 0 <= key < len(found):
            found = found[key]
        else:
            return None
    return found


def _leaves(data: bytes) -> list[bytes]:
    leaves, place = [], 0
    while place < len(data):
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if end > len(data):
            lies(_LEAVES, "its last entry is cut off")
        leaves.append(data[place + 2 : end])
        place = end
    if not leaves:
        lies(_LEAVES, "it holds no entry")
    return leaves


def _seen(project_id: str, log: str) -> SeenStore:
    """What this user has seen of the log. Only looked at: an archive must not move it on."""
    return _Looked(pins.seen_folder(project_id) / log)


class _Looked(SeenStore):
    """The store of checkpoints seen, for somebody who was only handed a copy."""

    def advance(self, note: bytes) -> None:
        """Not from a copy: a log that its owner publishes later would have to be longer than what nobody published."""
