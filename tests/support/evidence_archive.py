"""An archive of evidence about a live model, made by hand from the format's description, to be damaged by tests.

Not by the exporter: what it and the verifier have in common by mistake would not be seen. `test_export_evidence` gives
the verifier the exporter's own.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.imports import Import
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.log import Log
from lockgate.audit.prove import prove
from lockgate.audit.seal import Sealer
from lockgate.audit.tiles import TileReader
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.merkle import leaf_hash, root_of
from lockgate.core.record_kinds import RequestRecord
from lockgate.core.records import Receipt, commitment
from lockgate.core.statement import REVOCATION, Statement, Subject, claim_uri
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.words import approve, waive
from lockgate.trust import signer as signers
from lockgate.trust.note import sign_note
from lockgate.trust.roles import KeyEntry
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.sealing import Fast
from tests.support.thief import leaf_of

VERIFIER = Path(__file__).resolve().parents[2] / "verifier" / "lockgate_verify.py"
GATEWAY = "0123456789abcdef"
ROWS = ({"a": 1.5, "b": 2}, {"a": -0.25, "b": 3})
ANSWERS = ({"delay": 3.5}, {"delay": 2.75})
FACTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "quarantine": ("validate", ("accepted", "quarantined", "rows")),
    "deployments": ("deploy", ("environment", "rung", "share", "version")),
    "approvals": ("approve", ("environment", "time")),
    "waivers": ("waive", ("finding", "reason", "expires")),
    "revocations": ("revoke", ("reason",)),
}


@dataclass(frozen=True)
class Made:
    """A project with a model live in prod, and its archive, file by file."""

    project: SignedProject
    files: Mapping[str, bytes]
    proofs: tuple[bytes, ...]
    receipts: tuple[Receipt, ...]

    @property
    def root(self) -> str:
        """The root's fingerprint."""
        return self.project.created.project_id

    @property
    def log(self) -> list[Evidence]:
        """Every statement."""
        return self.project.ledger.statements()

    def with_files(self, changes: Mapping[str, bytes | None]) -> dict[str, bytes]:
        """The files with some changed, added, or (None) left out; index.json fits again."""
        files = {name: data for name, data in {**self.files, **changes}.items() if data is not None}
        return files if "index.json" in changes else indexed(files)

    def with_index(self, **changes: Any) -> dict[str, bytes]:
        """The files, and an index with other words."""
        return {**self.files, "index.json": encode({**decode(self.files["index.json"]), **changes})}


@contextmanager
def made_archive(folder: Path, start: datetime | None = None) -> Iterator[Made]:
    """The whole of it: two roles files, a waiver, an approval, a revocation of something else, two records."""
    with pytest.MonkeyPatch.context() as patch:
        project = live_project(folder, patch, start=start)
        proofs, receipts = predicted(project)
        yield Made(project, archive_files(project, project.ledger, proofs), proofs, receipts)


def live_project(folder: Path, patch: pytest.MonkeyPatch, *, start: datetime | None = None) -> SignedProject:
    """A model in prod by another person's approval and a waiver. `start`: what time it is, after the first roles."""
    project = signed_project(folder, patch, "mine")
    project.clock.now = start or project.clock.now
    jo = signers.generate("approver").within(project.created.project_id)
    roles = project.created.roles
    keys = dict(sorted({**roles.keys, jo.keyid: KeyEntry("approver", "jo", jo.public)}.items()))
    project.record("root", replace(roles, version=2, keys=keys, time=project.clock()).statement())
    project.candidate(auc=0.6)
    register_here(project, patch)
    until = (project.clock() + timedelta(days=3)).replace(microsecond=0)
    waive(project.workplace("prod"), "LG434", "prod", reason="the holiday", expires=until)
    with patch.context() as theirs:
        theirs.setattr(project.keyring, "signer", lambda _role: jo)
        theirs.setattr(project.keyring, "public", lambda _role: jo.public)
        approve(project.workplace("prod"), "flights", "prod")
    deploy(project.workplace("prod"), DeploySpec("flights", "prod"))
    project.record("revoker", revocation("sha256:" + "ee" * 32))
    return project


def revocation(target: str, reason: str = "another one") -> Statement:
    """A statement that takes something back."""
    predicate = {"claim": claim_uri("revoke"), "time": "2026-11-23T10:00:00Z", "reason": reason}
    return Statement((Subject("it", Digest(target)),), REVOCATION, predicate)


def predicted(project: SignedProject) -> tuple[tuple[bytes, ...], tuple[Receipt, ...]]:
    """Two requests of the live model, recorded and sealed; a proof of each, and the receipt of each one's row."""
    model = registrations(project.ledger.statements())[0].manifest
    receipts = tuple(Receipt(GATEWAY, seq, bytes([seq + 1]) * 32, 0) for seq in range(len(ROWS)))
    records = [
        RequestRecord(
            gateway=GATEWAY,
            seq=one.seq,
            time=1_795_000_000_000 + one.seq,
            model=model,
            environment="prod",
            rung="live",
            client="00" * 8,
            first=0,
            inputs=(commitment(one.salt, row),),
            outputs=(commitment(one.salt, answer),),
        )
        for one, row, answer in zip(receipts, ROWS, ANSWERS, strict=True)
    ]
    root, key = project.created.project_id, project.created.roles.sealer_key()
    folder = project.home / "log" / PREDICTIONS
    folder.mkdir(parents=True, exist_ok=True)
    name = origin(root, PREDICTIONS)
    sign = project.keyring.signer("sealer").sign_note
    Sealer(folder, origin=name, sign=sign, public_key=key, disk=Fast()).append([one.encode() for one in records])
    log = Log.open(folder, public_key=key, origin=name)
    return tuple(prove(log, index) for index in range(log.size)), receipts


def archive_files(
    project: SignedProject, ledger: Ledger, proofs: tuple[bytes, ...] = (), imported: Import | None = None
) -> dict[str, bytes]:
    """The archive of the project's one model, or of an imported one, file by file."""
    statements = ledger.statements()
    registration = imported or registrations(statements)[0]
    leaves = _leaves(ledger.home / "log" / EVENTS)
    files = {
        "INDEX.html": b"<p>for people</p>\n",
        "verify.py": VERIFIER.read_bytes(),
        "log/events/checkpoint": (ledger.home / "log" / EVENTS / "checkpoint").read_bytes(),
        "log/events/leaves": bundled(leaves),
        "policy.toml": project.policy.text.encode(),
        "model/manifest.json": project.registry.blobs.read(registration.manifest),
        **{f"statements/{hex_of(one.digest)}.json": one.envelope for one in statements},
        **{
            f"model/{one.name}": project.registry.blobs.read(one.digest)
            for one in registration.files
            if one.name != "model.onnx"
        },
    }
    if isinstance(registration, Registration):
        files["model/model.sig"] = project.registry.blobs.read(registration.signature)
    for name, (claim, paths) in FACTS.items():
        files[f"facts/{name}.json"] = facts([one for one in statements if one.claim == claim], paths)
    if proofs:
        folder = project.home / "log" / PREDICTIONS
        files["log/predictions/checkpoint"] = (folder / "checkpoint").read_bytes()
        for number, (leaf, proof) in enumerate(zip(_leaves(folder), proofs, strict=True)):
            files[f"records/{number}.json"] = leaf
            files[f"proofs/predictions/{number}.tlog-proof"] = proof
    index: dict[str, object] = {
        "v": 1,
        "kind": "lockgate-evidence",
        "project": project.created.project_id,
        "model": {
            "ref": registration.ref,
            "name": registration.name,
            "version": registration.version,
            "manifest": registration.manifest,
        },
        "made": "2026-11-27T00:00:00Z",
        "events": tree(files["log/events/checkpoint"]),
        "predictions": tree(files["log/predictions/checkpoint"]) if proofs else None,
        "files": [],
    }
    return indexed({**files, "index.json": encode(index)})


def resealed(made: Made, envelopes: list[bytes], leaves: list[bytes] | None = None) -> dict[str, bytes]:
    """The archive around another log, made by somebody who holds the sealer's key; with other leaves, if given."""
    project = made.project
    leaves = leaves or [leaf_of(envelope, made.log[0].time) for envelope in envelopes]
    name, key = origin(made.root, EVENTS), project.created.roles.sealer_key()
    text = Checkpoint(name, len(leaves), root_of([leaf_hash(leaf) for leaf in leaves])).text()
    note = sign_note(text, name, key, project.keyring.signer("sealer").sign_note)
    kept = {path: data for path, data in made.files.items() if not path.startswith(("statements/", "facts/"))}
    kept |= {f"statements/{hex_of(digest_of(one))}.json": one for one in envelopes}
    kept |= {"log/events/checkpoint": note, "log/events/leaves": bundled(leaves)}
    kept["index.json"] = encode({**decode(kept["index.json"]), "events": tree(note)})
    return indexed(kept)


def facts(statements: list[Evidence], names: tuple[str, ...]) -> bytes:
    """A file of facts."""
    listed = [
        {"statement": one.digest, "index": one.index, "path": ["predicate", name], "value": one.predicate.get(name)}
        for one in statements
        for name in names
    ]
    return encode({"v": 1, "facts": listed})


def bundled(leaves: list[bytes]) -> bytes:
    """Leaves as C2SP entry bundles have them."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def tree(note: bytes) -> dict[str, object]:
    """What index.json says of a checkpoint."""
    _, size, root, *_ = note.decode().split("\n")
    return {"size": int(size), "root": base64.b64decode(root).hex()}


def indexed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with an index that lists them as they are now."""
    index = decode(files["index.json"])
    said = {one["path"]: one for one in index["files"]}
    index["files"] = [
        {
            "path": name,
            "sha256": hex_of(digest_of(data)),
            "bytes": len(data),
            "what": "a file",
            "proved": said.get(name, {}).get("proved", _proved(name)),
        }
        for name, data in sorted(files.items())
        if name != "index.json"
    ]
    return {**files, "index.json": encode(index)}


def packed(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The ZIP of these files, in the one form."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type, info.create_system = 0o100644 << 16, method, 3
            archive.writestr(info, data)
    return stream.getvalue()


def _leaves(folder: Path) -> list[bytes]:
    reader = TileReader(folder)
    return list(reader.entries(0, reader.claimed_size()))


def _proved(name: str) -> str:
    if name.startswith(("log/", "statements/", "records/", "proofs/")):
        return "log"
    return "statement" if name.startswith(("model/", "facts/")) or name == "policy.toml" else "none"
