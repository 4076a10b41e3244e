"""What travels beside a model, as OCI manifests: the whole event log, and a proof for each statement. Pure.

    log     artifactType application/vnd.lockgate.log.v1, subject = the model; each layer has a title:
              checkpoint, log.vkey, tile/<L>/<N>[.p/<W>], tile/entries/...   the C2SP tlog-tiles folder
              statements/<hex>.dsse.json                                     every statement that a leaf names
              signatures/<hex>.sig                                           model.sig of each registered model
    proofs  artifactType application/vnd.c2sp.tlog-proof.v1, subject = the model; one layer for each statement it
            rests on, titled <claim>-<12 hex>.tlog-proof

Sources: opencontainers/image-spec 1.1 (manifest), C2SP tlog-tiles and tlog-proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lockgate.audit.tiles import MAX_ENTRY_BYTES, WIDTH, parse_path
from lockgate.core.checkpoint import MAX_NOTE_BYTES
from lockgate.core.digest import Digest, digest_of, hex_of, parse_digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Refused, VerificationFailed
from lockgate.store.oci import BUNDLE, DSSE, EMPTY, EMPTY_TYPE, MANIFEST

LOG: Final = "application/vnd.lockgate.log.v1"
PROOF: Final = "application/vnd.c2sp.tlog-proof.v1"
TITLE: Final = "org.opencontainers.image.title"
TEXT, BYTES = "text/plain", "application/octet-stream"
CHECKPOINT, VKEY = "checkpoint", "log.vkey"
STATEMENTS, SIGNATURES = "statements/", "signatures/"
MOST_MANIFEST: Final = 4 << 20
MOST_FILE: Final = 16 << 20
MOST_LOG: Final = 2 << 30


@dataclass(frozen=True)
class Carried:
    """One layer: the name under which `oras pull` writes it, and what it is."""

    title: str
    media_type: str
    digest: Digest
    size: int

    @staticmethod
    def of(title: str, media_type: str, data: bytes) -> Carried:
        """The layer for `data`."""
        return Carried(title, media_type, digest_of(data), len(data))


def statement_file(envelope: bytes) -> Carried:
    """A statement's layer."""
    return Carried.of(f"{STATEMENTS}{hex_of(digest_of(envelope))}.dsse.json", DSSE, envelope)


def signature_file(bundle: bytes) -> Carried:
    """The layer of a `model.sig`."""
    return Carried.of(f"{SIGNATURES}{hex_of(digest_of(bundle))}.sig", BUNDLE, bundle)


def log_manifest(files: Iterable[Carried], subject: Digest, subject_size: int) -> bytes:
    """The manifest of the log. Raises Refused LG894 when it is more than registries take in one manifest."""
    data = _manifest(LOG, sorted(files, key=lambda one: one.title), subject, subject_size)
    if len(data) > MOST_MANIFEST:
        raise Refused(
            "LG894",
            "this event log has more files than fit into one manifest of an OCI registry",
            seen={"bytes": len(data), "most": MOST_MANIFEST},
            next="carry .lockgate itself: it is a folder of files",
        )
    return data


def proofs_manifest(files: Sequence[Carried], subject: Digest, subject_size: int) -> bytes:
    """The manifest of a model's proofs."""
    return _manifest(PROOF, files, subject, subject_size)


def parse_log_manifest(data: bytes) -> tuple[Carried, ...]:
    """Read exactly what `log_manifest` wrote. Raises VerificationFailed LG892.

    1. It is a log's manifest in its one encoding.   2. Titles are those of a log, once each, never a path that leads
    elsewhere.   3. No file, and not all together, is larger than it may be.
    """
    try:
        return _read(decode_exact(data))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationFailed(
            "LG892",
            f"what the tag `log` names is not a project's event log: {error}",
            seen={"manifest": digest_of(data)},
            next="look who else pushes into this repository; then push again from the project",
        ) from None


def _manifest(kind: str, files: Sequence[Carried], subject: Digest, subject_size: int) -> bytes:
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": {"mediaType": EMPTY_TYPE, "digest": digest_of(EMPTY), "size": len(EMPTY)},
            "layers": [
                {
                    "mediaType": one.media_type,
                    "digest": one.digest,
                    "size": one.size,
                    "annotations": {TITLE: one.title},
                }
                for one in files
            ],
            "subject": {"mediaType": MANIFEST, "digest": subject, "size": subject_size},
        }
    )


def _read(value: Any) -> tuple[Carried, ...]:
    # 1.
    if not isinstance(value, dict) or value.get("artifactType") != LOG or value.get("mediaType") != MANIFEST:
        raise ValueError("its type is another one")
    subject = value["subject"]
    files = tuple(_layer(layer) for layer in value["layers"])
    if log_manifest(files, parse_digest(subject["digest"]), subject["size"]) != encode(value):
        raise ValueError("it has other fields, or another order, than Lockgate writes")
    # 2.
    if len({one.title for one in files}) != len(files):
        raise ValueError("two files of one name")
    # 3.
    if sum(one.size for one in files) > MOST_LOG:
        raise ValueError(f"its files have more than {MOST_LOG} bytes")
    return files


def _layer(layer: Mapping[str, Any]) -> Carried:
    found = Carried(layer["annotations"][TITLE], layer["mediaType"], parse_digest(layer["digest"]), layer["size"])
    if type(found.size) is not int or not 0 <= found.size <= _most(found):
        raise ValueError(f"the size of {found.title[:80]!r}")
    return found


def _most(one: Carried) -> int:
    """The most bytes that a file of this title may have. Raises ValueError for a title that a log does not have."""
    if one.title in (CHECKPOINT, VKEY):
        return MAX_NOTE_BYTES
    if one.title in (f"{STATEMENTS}{hex_of(one.digest)}.dsse.json", f"{SIGNATURES}{hex_of(one.digest)}.sig"):
        return MOST_FILE
    return min(parse_path(one.title).max_bytes, WIDTH * (MAX_ENTRY_BYTES + 2))
