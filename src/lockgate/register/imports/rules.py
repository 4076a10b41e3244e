"""The decisions of an import, and the statement it becomes. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any

from lockgate.audit.entries import FileEntry, is_model_name, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.imports import KINDS, Import, Signer
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.moments import rfc3339
from lockgate.core.names import check_file_name
from lockgate.core.statement import IMPORT, Statement, Subject, claim_uri
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.register.import_formats import ONNX, SAFETENSORS, SCAN_FINDINGS
from lockgate.register.imports.spec import Offer
from lockgate.store.oci import Kind, ModelFile, model_manifest

_SETTINGS = (".json", ".yaml", ".yml", ".toml", ".cfg", ".ini")


def check_name(name: str, statements: Sequence[Evidence]) -> None:
    """Raises Usage LG440 for what cannot be a name, Refused LG460 for one that a registered model has."""
    if not is_model_name(name):
        raise Usage(
            "LG440",
            f"{name!r} cannot name a model",
            seen={"name": name, "reserved": ["latest", "live"]},
            next="--name takes lower-case letters, digits, and . _ - between them",
        )
    if any(one.name == name for one in registrations(statements)):
        raise Refused(
            "LG460",
            f"{name} is the name of a model that was registered here",
            seen={"name": name},
            next="choose another --name",
        )


def closure(files: Sequence[FileEntry]) -> tuple[bytes, bytes]:
    """Configuration and manifest of an import: of names and bytes alone, so that everybody computes the same digest.

    Neither the name under which it is imported nor the time is in it.
    """
    layers = [ModelFile(one.name, one.digest, one.size, kind_of(one.name)) for one in files]
    weights = [one.name for one in files if kind_of(one.name) == "weight"]
    form = "onnx" if weights and all(name.lower().endswith(ONNX) for name in weights) else "safetensors"
    config = encode(
        {
            "descriptor": {},
            "config": {"format": form} if weights else {},
            "modelfs": {"type": "layers", "diffIds": [one.digest for one in layers]},
        }
    )
    return config, model_manifest(config, layers)


def kind_of(name: str) -> Kind:
    """What ModelPack calls a file."""
    lower = name.lower()
    if lower.endswith((SAFETENSORS, ONNX)):
        return "weight"
    return "weight.config" if lower.endswith(_SETTINGS) or name.endswith("MLmodel") else "doc"


def changes(
    files: Sequence[FileEntry], manifest: Digest, signer: str, pinned: Import | None, statements: Sequence[Evidence]
) -> tuple[str, ...]:
    """What a person must vouch for, a line each; nothing when digest and signer are the pinned ones."""
    if pinned is None:
        return ("the first import under this name: nothing is pinned yet",)
    found = []
    if manifest != pinned.manifest:
        found.append(f"another digest than the pinned one, {pinned.manifest} of {pinned.ref}")
        before, now = ({one.name: one.digest for one in listed} for listed in (pinned.files, files))
        found += [f"new file: {name}" for name in sorted(now.keys() - before.keys())]
        found += [f"gone: {name}" for name in sorted(before.keys() - now.keys())]
        found += [f"other bytes: {name}" for name in sorted(now.keys() & before.keys()) if now[name] != before[name]]
    known = pinned.signer.keyid if pinned.signer else ""
    if signer != known:
        found.append(f"signed by {signer or 'nobody'}, {pinned.ref} was signed by {known or 'nobody'}")
    if pinned.evidence.digest in withdrawn(statements).digests:
        found.append(f"the import {pinned.ref} was revoked")
    return tuple(found)


def check_digest(given: Digest | None, offer: Offer) -> None:
    """Raises Refused LG462 when another digest than the computed one was given."""
    if given is not None and given != offer.manifest:
        raise Refused(
            "LG462",
            f"{offer.folder} does not have the digest that you gave",
            seen={"expected": given, "seen": offer.manifest, "changes": list(offer.changes)},
            next="get the files again from where they come from",
        )


def no_word(offer: Offer, folder: str, *, asked: bool) -> Refused:
    """The refusal of an import for which no person stands: LG461."""
    why = "was not confirmed" if asked else "needs a person's word, and there is no terminal to ask on"
    return Refused(
        "LG461",
        f"the import of {offer.folder} as {offer.name} {why}",
        seen={
            "digest": offer.manifest,
            "signer": offer.signer or None,
            "files": len(offer.files),
            "changes": list(offer.changes),
        },
        next=f"lockgate import {quote(folder)} --name {offer.name} --digest {offer.manifest}"
        "   # if its maker told you this digest, another way",
    )


def refuse_revoked_bytes(manifest: Digest, statements: Sequence[Evidence]) -> None:
    """Raises Refused LG466 when these very files are revoked, under whatever name."""
    if manifest in withdrawn(statements).digests:
        raise Refused(
            "LG466",
            "these files were imported before, and are revoked",
            seen={"manifest": manifest},
            next="lockgate log show",
        )


def read_scan(report: bytes, files: Mapping[str, Digest]) -> str:
    """The kind that the scan in the jail found, once its report is about exactly `files`.

    Raises:
        Refused: one of SCAN_FINDINGS, as the jail found.
        VerificationFailed: LG421 the report is malformed, or about other bytes than it was given.
    """
    try:
        value = decode(report)
        if value["refused"] is not None:
            raise _as_refusal(value["refused"], files)
        scanned = {entry["name"]: f"sha256:{entry['sha256']}" for entry in value["files"]}
        kind = str(value["kind"])
        if kind not in KINDS:
            raise ValueError("it tells a kind that nobody knows")
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(
            "LG421", f"the scan in the jail gave no readable report: {error}", next="lockgate doctor"
        ) from None
    if scanned != dict(files):
        raise VerificationFailed(
            "LG421",
            "the scan in the jail is about other files than it was given",
            seen={"given": sorted(files)[:20], "scanned": sorted(scanned)[:20]},
            next="lockgate doctor",
        )
    return kind


def import_statement(
    offer: Offer, manifest: bytes, *, signer: Signer | None, person: str, how: str, scan: Digest, now: datetime
) -> Statement:
    """`name@version` is this manifest and these files, which this person vouched for."""
    signed = signer and {
        "keyid": signer.keyid,
        "signature": {"digest": signer.signature, "size": signer.size},
    }
    predicate = {
        "claim": claim_uri("import"),
        "time": rfc3339(now),
        "name": offer.name,
        "version": offer.version,
        "kind": offer.kind,
        "manifest": {"digest": digest_of(manifest), "size": len(manifest)},
        "files": [{"name": one.name, "sha256": hex_of(one.digest), "size": one.size} for one in offer.files],
        "origin": offer.folder,
        "signer": signed,
        "vouched": {"person": person, "how": how},
        "scan": scan,
        "predecessor": offer.pinned.evidence.digest if offer.pinned else None,
    }
    return Statement((Subject(f"{offer.name}@{offer.version}", offer.manifest),), IMPORT, predicate)


def last_part(folder: str) -> str:
    """The folder's own name; the path to it is nobody's business."""
    try:
        return check_file_name(folder)
    except ValueError:
        return "a folder"


def _as_refusal(refused: Mapping[str, Any], files: Mapping[str, Digest]) -> LockgateError:
    name, finding = refused["name"], refused["finding"]
    if name not in files or finding not in SCAN_FINDINGS:
        raise ValueError("it refuses what it was not asked about")
    return Refused(
        finding,
        f"{name} does not come in, so nothing was imported: {refused['message']}",
        seen={"file": name, "digest": files[name], **dict(refused["seen"])},
        next=f"lockgate explain {finding}   # to serve what it is, train() loads it in the jail"
        if finding == "LG464" and refused["seen"].get("setting") == ".pkl"
        else f"lockgate explain {finding}",
    )
