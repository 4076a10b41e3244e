"""What goes into the archive from the log and the registry, each byte verified as it is read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lockgate.core.digest import hex_of
from lockgate.core.encoding import decode
from lockgate.export.evidence.spec import Item, Streamed
from lockgate.export.evidence.zipped import is_name
from lockgate.store.files import CHUNK, damaged

if TYPE_CHECKING:
    from lockgate.audit.entries import FileEntry
    from lockgate.core.digest import Digest
    from lockgate.project.evidence.gathering import Gathered
    from lockgate.store.layout import RegistryStore

PAPERS: Final = (
    "README.md",
    "bom.cdx.json",
    "evaluation.json",
    "io.json",
    "requirements.lock",
    "LICENSE",
    "LICENSE.txt",
)
"""Signed files that say what the model is. With them goes the contract; what it learned from stays at home."""

VALUES: Final = ("baseline.json", "monitor.json", "monitor-outputs.json")
"""Signed files that hold ranges and counts of values: never handed out."""

_OURS: Final = ("manifest.json", "model.sig")
HELD: Final = 32 << 20


def of_logs(found: Gathered) -> Iterator[Item]:
    """Both checkpoints, every leaf of the event log, every statement, the sampled records and their proofs."""
    case = found.case
    yield Item("log/events/checkpoint", case.events.note, "the signed size and root of the event log", "log")
    if case.cosigned:
        yield Item("log/events/cosigned", case.cosigned, "an earlier size and root of it, cosigned by witnesses", "log")
    bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in found.leaves)
    yield Item("log/events/leaves", bundle, "every entry of the event log, in order", "log")
    for one in case.statements:
        what = f"log entry {one.index}: {one.claim}, as it was signed"
        yield Item(f"statements/{hex_of(one.digest)}.json", one.envelope, what, "log")
    if case.predictions is None:
        return
    note = case.predictions.note
    yield Item("log/predictions/checkpoint", note, "the signed size and root of the log of predictions", "log")
    for each in case.samples.chosen:
        what = f"entry {each.index} of the log of predictions, {each.why}"
        yield Item(f"records/{each.index}.json", each.leaf, what, "log")
        proof = f"proofs/predictions/{each.index}.tlog-proof"
        yield Item(proof, each.proof, f"that entry {each.index} is in that log", "log")


def of_model(
    found: Gathered, registry: RegistryStore, *, with_model: bool
) -> tuple[list[Item], list[tuple[FileEntry, str]]]:
    """Manifest, signature and signed files; and those that are left out, each with the reason."""
    manifest = registry.blobs.read(found.case.manifest)
    items = [Item("model/manifest.json", manifest, "the model's manifest: its digest is the model", "statement")]
    if found.signature is not None:
        digest, size = found.signature
        signed = registry.blobs.read(digest, max(size, 1))  # type: ignore[arg-type]
        what = "the signature over the model's files (OpenSSF Model Signing)"
        items.append(Item("model/model.sig", signed, what, "statement"))
    left = kept_back(found.files, {*PAPERS, _contract(found)}, with_model=with_model)
    for file in found.files:
        if file.name not in left:
            content = _content(file, registry)
            items.append(Item(f"model/{file.name}", content, "a signed file of the model", "statement"))
    return items, [(file, left[file.name]) for file in found.files if file.name in left]


def readable(found: Gathered, cited: frozenset[int]) -> Iterator[Item]:
    """The payload of each cited statement, indented, for people."""
    for one in found.case.statements:
        if one.index in cited:
            text = _indented(decode(one.statement.payload()))
            yield Item(f"readable/{one.index}.json", text, f"log entry {one.index}: {one.claim}, for reading", "none")


def _indented(value: object) -> bytes:
    import json

    return json.dumps(value, indent=2, ensure_ascii=True, sort_keys=True).encode() + b"\n"


def kept_back(files: Sequence[FileEntry], papers: Collection[str], *, with_model: bool) -> Mapping[str, str]:
    """The signed files that are not handed out, and why. Pure."""
    left: dict[str, str] = {}
    taken = {name.lower() for name in _OURS}
    for file in files:
        if file.name in VALUES:
            left[file.name] = "it holds ranges and counts of values"
        elif file.name not in papers and not with_model:
            left[file.name] = "weights and code are not handed out"
        elif file.name.lower() in taken or not is_name(f"model/{file.name}"):
            # Where upper and lower case are one, two of them would be one file for whoever unpacks it.
            left[file.name] = "its name cannot stand in an archive"
        else:
            taken.add(file.name.lower())
    return left


def _contract(found: Gathered) -> str:
    """The signed file that holds the contract; "" where nothing names one."""
    validate = found.case.chain.get("validate")
    named = validate.predicate.get("contract") if validate is not None else None
    name = named.get("name") if isinstance(named, Mapping) else None
    return f"code/{name.partition(':')[0]}" if isinstance(name, str) else ""


def _content(file: FileEntry, registry: RegistryStore) -> bytes | Streamed:
    if file.size <= HELD:
        return registry.blobs.read(file.digest, max(file.size, 1))
    return Streamed(file.digest, file.size, lambda: _chunks(registry, file.digest))


def _chunks(registry: RegistryStore, digest: Digest) -> Iterator[bytes]:
    """The bytes of a blob, hashed as they are read; VerificationFailed LG802 at its end when they are others."""
    import hashlib

    fd, state, offset = registry.blobs.open_unverified(digest), hashlib.sha256(), 0
    try:
        while piece := os.pread(fd, CHUNK, offset):
            offset += len(piece)
            state.update(piece)
            yield piece
    finally:
        os.close(fd)
    if state.hexdigest() != hex_of(digest):
        raise damaged(registry.blobs.path(digest), digest, f"sha256:{state.hexdigest()}")  # type: ignore[arg-type]
