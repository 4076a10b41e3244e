#!/usr/bin/env python3
"""Check evidence that Lockgate exported, without Lockgate and without trusting whoever handed it over.

    python3 -I lockgate_verify.py --root FINGERPRINT ARCHIVE.evidence.zip
    python3 -I lockgate_verify.py --root FINGERPRINT proof FILE.tlog-proof [--leaf F] [--roles DIR] [--statement F]
    python3 -I lockgate_verify.py --root FINGERPRINT receipt TOKEN --proof FILE.tlog-proof [--input F] [--output F]

Needs Python 3.11 and the package `cryptography`; shares no code with Lockgate, opens no network, writes no file.

Trusted: this file (compare its SHA-256 with the published one), Python, `cryptography`, this machine's clock, and
FINGERPRINT: the SHA-256 of the project's first root key, which you have from the project's owner on a way that whoever
gave you the evidence cannot change. It has no default. Everything else is checked, and what is not is said.

Exit codes: 0 it holds; 1 refused: it holds, but something in it has expired, was revoked, or has too few witnesses;
2 usage, or a file that is not there; 3 verification failed; 4 a file cannot be read.

Read from the top: each part uses only what stands above it. The sources of the formats:
    RFC 8259 JSON; RFC 4648 base64; RFC 6962 and 9162 Merkle trees; RFC 8032 Ed25519; RFC 2104 HMAC; APPNOTE 6.3 ZIP
    C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-tiles
    DSSE v1.0, in-toto Statement v1, OpenSSF Model Signing v1.0, OCI image-spec 1.1
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # Beside this file may lie what somebody else unpacked: an `argparse.py` there would be run in place of Python's.
    sys.path[:] = [one for one in sys.path if one not in {sys.path[0], "", "."}]

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import re
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
except ImportError as missing:
    if __name__ != "__main__":
        raise
    sys.stderr.write(
        f"Nothing was checked: {missing}. Install it: python3 -m venv v && v/bin/pip install cryptography, then run "
        "this with v/bin/python; on Debian: apt install python3-cryptography\n"
    )
    raise SystemExit(2) from None

OK, REFUSED, USAGE, FAILED, UNREADABLE = range(5)

MOST_ARCHIVE = 1 << 31  # bytes of an archive
MOST_INFLATED = 1 << 30  # bytes of all its files
MOST_FILES = 20_000
LARGE = 64 << 20  # a file of more bytes is hashed, and not held in memory
MOST_JSON = 8 << 20  # bytes of JSON in the evidence: parsed, they take some thirty times as much memory
LAST_SECOND = 253402300799  # of the year 9999, the last that a date can tell
CLOCKS = 300  # seconds by which the clocks of two machines may be apart
DEEPEST = 64  # JSON objects and lists within each other
MOST_NUMBER = 1 << 63
MOST_NOTE = 1 << 18


class Fault(Exception):
    """The evidence does not hold: what is wrong, in one sentence. `code` is the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


Found = TypeVar("Found")


def need(found: Found | None, otherwise: str) -> Found:
    """`found`, unless it is None, False or empty. Raises Fault."""
    if not found:
        raise Fault(otherwise)
    return found


# --- 1. Texts: JSON, base64, digests, times. Each has one spelling, and any other is refused ------------------------


def spelled(value: object) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8. Raises ValueError on NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def read_json(data: bytes, most: int = MOST_JSON) -> Any:
    """Strict JSON: no key twice in an object, no NaN, nothing too deep, no number too long. Raises ValueError."""
    if len(data) > most:
        raise ValueError(f"JSON of more than {most} bytes")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("an object has a key twice")
        return found

    def whole(digits: str) -> int:
        if len(digits) > 20 or abs(int(digits)) > MOST_NUMBER:
            raise ValueError("a number beyond 64 bits")
        return int(digits)

    def never(word: str) -> NoReturn:
        raise ValueError(f"{word} is not JSON")

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_int=whole, parse_constant=never)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    nests = [value]
    for _ in range(DEEPEST + 1):
        nests = [one for one in nests if isinstance(one, dict | list)]
        if not nests:
            return value
        nests = [child for one in nests for child in (one.values() if isinstance(one, dict) else one)]
    raise ValueError("nested too deeply")


def read_exact(data: bytes) -> Any:
    """JSON in its one spelling: what is signed or hashed can be read in one way only. Raises ValueError."""
    value = read_json(data)
    if spelled(value) != data:
        raise ValueError("JSON that is not in its one spelling")
    return value


def has(value: object, keys: str) -> dict[str, Any]:
    """`value`, an object with exactly these keys. Raises ValueError."""
    if not isinstance(value, dict) or set(value) != set(keys.split()):
        raise ValueError(f"an object must have exactly {keys}")
    return value


def at(value: object, *path: str | int) -> Any:
    """The value at a path of keys and places; None where there is none."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and type(step) is int and 0 <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def unbase64(text: object) -> bytes:
    """Standard base64 with padding; the bits that padding leaves over are 0. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("base64 is a text")
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 that is not in its one spelling")
    return data


def sha256(data: bytes) -> str:
    """The digest as statements write it: `sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(text: object) -> str:
    """`text`, a digest. Raises ValueError."""
    if not isinstance(text, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise ValueError("not a SHA-256 digest")
    return text


def moment(text: object) -> datetime:
    """RFC 3339 in UTC, whole seconds: `2026-11-23T09:30:00Z`. Raises ValueError."""
    if not isinstance(text, str) or not re.fullmatch(
        r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text
    ):
        raise ValueError("not a time")
    return datetime.fromisoformat(text)


def as_date(time: datetime | int) -> datetime:
    """A time, or seconds since 1970, as a date; never beyond the year 9999."""
    return time if isinstance(time, datetime) else datetime.fromtimestamp(min(time, LAST_SECOND), UTC)


def when(time: datetime | int) -> str:
    """In that spelling."""
    return as_date(time).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(time: datetime | int, now: datetime) -> str:
    """How long before `now` that was, in words: `3 days before now`."""
    seconds = int((now - as_date(time)).total_seconds())
    if seconds < 0:
        return "after now: one of the clocks is wrong" if seconds < -CLOCKS else "just now"
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} before now"
    return f"{seconds} seconds before now"


def plain(text: object, most: int = 2000) -> str:
    """`text` for a terminal: what somebody wrote into the evidence cannot move the cursor."""
    found = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(text))
    return found if len(found) <= most else found[:most] + "..."


# --- 2. Merkle trees: RFC 6962 section 2.1, RFC 9162 section 2.1.3 --------------------------------------------------


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """The root over all leaves, read once: `peaks` are the roots of the full trees that the leaves so far make up."""
    peaks: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height, node = 0, leaf_hash(leaf)
        while peaks and peaks[-1][0] == height:
            node, height = node_hash(peaks.pop()[1], node), height + 1
        peaks.append((height, node))
    if not peaks:
        return hashlib.sha256(b"").digest()
    _, root = peaks.pop()
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root


def check_inclusion(hashed: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 2.1.3.2, with its names: the leaf with hash `hashed` stands at `index` of `size`. Raises Fault."""
    if not 0 <= index < size or any(len(one) != 32 for one in (hashed, root, *path)):
        raise Fault("the proof is for a place outside the tree")
    fn, sn, r = index, size - 1, hashed
    for p in path:
        if sn == 0:
            raise Fault("the proof has too many hashes")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn or r != root:
        raise Fault("the hashes of the proof do not lead from this leaf to the signed root")


# --- 3. Signed notes, checkpoints, cosignatures, proofs: C2SP ---------------------------------------------------------

LOG_KEY, WITNESS_KEY = 0x01, 0x04


def key_id(name: str, kind: int, key: bytes) -> bytes:
    """The first four bytes of SHA-256(name LF type key)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def ed25519_signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether this is `key`'s signature (64 bytes). OpenSSL refuses an S that is not below the group's order."""
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Note:
    """A signed note: the exact text, and (name, key id, signature) of each line below it."""

    text: bytes
    lines: tuple[tuple[str, bytes, bytes], ...]

    def by(self, name: str, kind: int, key: bytes) -> list[bytes]:
        """The signatures under this key's name and id. Lines of unknown keys are skipped, as the spec demands."""
        wanted = (name, key_id(name, kind, key))
        return [signature for signer, known, signature in self.lines if (signer, known) == wanted]


def read_note(data: bytes) -> Note:
    """Text, blank line, signature lines. Raises ValueError."""
    text, blank, below = data.rpartition(b"\n\n")
    if len(data) > MOST_NOTE or not text or not blank or not below.endswith(b"\n") or below.count(b"\n") > 64:
        raise ValueError("not a signed note")
    if re.search(r"[\x00-\x09\x0b-\x1f]", data.decode()):
        raise ValueError("a control character in a note")
    lines = []
    for line in below.decode()[:-1].split("\n"):
        found = re.fullmatch("\N{EM DASH} ([^ +]+) ([^ ]+)", line)
        if not found or any(one.isspace() for one in found[1]):
            raise ValueError("not a signature line of a note")
        signature = unbase64(found[2])
        if len(signature) < 5:
            raise ValueError("a signature line holds a key id and a signature")
        lines.append((found[1], signature[:4], signature[4:]))
    return Note(text + b"\n", tuple(lines))


@dataclass(frozen=True)
class Checkpoint:
    """What a log's key signed: this log has `size` leaves, with this root."""

    origin: str
    size: int
    root: bytes
    note: Note


def read_checkpoint(data: bytes, origin: str, key: bytes) -> Checkpoint:
    """The checkpoint in a note that `key` signed under the name `origin`. Raises Fault, ValueError."""
    note = read_note(data)
    signatures = need(note.by(origin, LOG_KEY, key), f"the checkpoint is not signed by the sealer of {origin}")
    if not all(ed25519_signed(key, one, note.text) for one in signatures):
        raise Fault("a signature of the sealer under the checkpoint is forged")
    said, size, root, *_ = [*note.text.decode().split("\n"), "", ""]
    if said != origin or not re.fullmatch(r"0|[1-9][0-9]{0,18}", size) or len(unbase64(root)) != 32:
        raise Fault("the sealer signed something that is not a checkpoint of this log")
    return Checkpoint(origin, int(size), unbase64(root), note)


def read_witness(line: str) -> tuple[str, bytes]:
    """Name and key of a witness, from its verifier key of type 0x04 (Ed25519 cosignature/v1). Raises ValueError."""
    name, hexed, encoded = [*line.split("+", 2), "", ""][:3]
    typed = unbase64(encoded)
    if len(typed) != 33 or typed[0] != WITNESS_KEY or hexed != key_id(name, WITNESS_KEY, typed[1:]).hex():
        raise ValueError(f"not the key of a witness: {plain(line, 80)}")
    return name, typed[1:]


def cosigned(note: Note, name: str, key: bytes) -> int | None:
    """When `key` cosigned, by its own clock, in seconds since 1970; None where it did not. Raises Fault.

    timestamped_signature = time (8 bytes, big-endian) || Ed25519 over "cosignature/v1" LF "time " decimal LF note text
    """
    times = []
    for signature in note.by(name, WITNESS_KEY, key):
        time = int.from_bytes(signature[:8], "big")
        message = b"cosignature/v1\ntime %d\n%b" % (time, note.text)
        if len(signature) != 72 or not ed25519_signed(key, signature[8:], message):
            raise Fault(f"a cosignature in the name of {name} is forged")
        times.append(time)
    return max(times, default=None)


@dataclass(frozen=True)
class Proof:
    """What a tlog-proof file says, before anything of it is checked."""

    index: int
    path: tuple[bytes, ...]
    note: bytes
    extra: bytes | None


def read_proof(data: bytes) -> Proof:
    """A c2sp.org/tlog-proof@v1 file. Raises ValueError."""
    head, blank, note = data.partition(b"\n\n")
    lines = head.decode("ascii").split("\n")
    if len(head) > 1 << 18 or not blank or lines[0] != "c2sp.org/tlog-proof@v1":
        raise ValueError("not a tlog-proof file")
    extra = unbase64(lines.pop(1)[6:]) if lines[1:] and lines[1].startswith("extra ") else None
    number = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines[1] if lines[1:] else "")
    path = tuple(unbase64(line) for line in lines[2:])
    if number is None or len(path) > 63:
        raise ValueError("a tlog-proof names an index, then at most 63 hashes")
    return Proof(int(number[1]), path, note, extra)


def check_proof(data: bytes, leaf: bytes, origin: str, key: bytes) -> tuple[int, Checkpoint]:
    """Where `leaf` stands in the log `origin`, and the checkpoint that says so. Raises Fault, ValueError."""
    proof = read_proof(data)
    checkpoint = read_checkpoint(proof.note, origin, key)
    check_inclusion(leaf_hash(leaf), proof.index, checkpoint.size, proof.path, checkpoint.root)
    return proof.index, checkpoint


# --- 4. Statements: DSSE around in-toto, signed with ECDSA P-256 -----------------------------------------------------

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True)
class Key:
    """A public key of the roles file, and whose it is."""

    keyid: str
    role: str
    person: str
    environments: tuple[str, ...]
    pem: str
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey = field(compare=False)

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` (ECDSA, DER) is this key's. It can be spelled in two ways: see step 4 of an archive."""
        if not isinstance(self.key, ec.EllipticCurvePublicKey):
            return False
        try:
            self.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key."""
        return self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def read_key(value: object, roles: Sequence[str]) -> Key:
    """One key of a roles file: Ed25519 for the sealer, ECDSA P-256 for every other role. Raises ValueError."""
    entry = has(value, "keyid role person publicKey environments")
    if not isinstance(entry["publicKey"], str):
        raise ValueError("a public key is a text")
    key = load_pem_public_key(entry["publicKey"].encode())
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    if pem != entry["publicKey"] or hashlib.sha256(der).hexdigest() != entry["keyid"]:
        raise ValueError("a keyid is not the fingerprint of its key")
    sealer = entry["role"] == "sealer"
    p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if entry["role"] not in roles or not (isinstance(key, ed25519.Ed25519PublicKey) if sealer else p256):
        raise ValueError("a key has a role that it cannot have")
    person, environments = entry["person"], entry["environments"]
    if not isinstance(person, str) or not re.fullmatch(r"[^\x00-\x1f\x7f]{1,128}", person):
        raise ValueError("a key belongs to a named person")
    if environments != ["*"] and not (environments and environments == sorted({*environments})):
        raise ValueError('environments are ["*"] or sorted names')
    if not all(isinstance(one, str) for one in environments) or not isinstance(
        key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    ):
        raise ValueError("an environment is a name")
    return Key(entry["keyid"], entry["role"], person, tuple(environments), pem, key)


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope: exact payload bytes, and a signature per keyid. Nothing of it is believed yet."""

    digest: str
    payload: bytes
    signatures: Mapping[str, bytes]
    size: int

    @property
    def signed(self) -> bytes:
        """DSSE's PAE: what each signature covers."""
        return b"DSSEv1 %d %b %d %b" % (len(IN_TOTO), IN_TOTO.encode(), len(self.payload), self.payload)


def read_envelope(data: bytes) -> Envelope:
    """An envelope around a statement, in its one spelling: a signature per key, sorted by keyid. Raises ValueError."""
    value = has(read_exact(data), "payload payloadType signatures")
    if value["payloadType"] != IN_TOTO or not isinstance(value["signatures"], list):
        raise ValueError("not an envelope around an in-toto statement")
    signatures = [has(one, "keyid sig") for one in value["signatures"]]
    keyids = [one["keyid"] for one in signatures]
    if not keyids or not all(isinstance(one, str) for one in keyids) or keyids != sorted(set(keyids)):
        raise ValueError("an envelope has a signature, one per key, sorted by keyid")
    found = {one["keyid"]: unbase64(one["sig"]) for one in signatures}
    return Envelope(sha256(data), unbase64(value["payload"]), found, len(data))


@dataclass(frozen=True)
class Statement:
    """An in-toto statement. `value` is the whole of it, to look fields up in."""

    value: Mapping[str, Any]
    claim: str
    type: str
    subjects: tuple[tuple[str, str], ...]
    predicate: Mapping[str, Any]

    def get(self, *path: str | int) -> Any:
        """A field of the predicate; None where there is none."""
        return at(self.predicate, *path)


def read_statement(payload: bytes) -> Statement:
    """A statement in its one spelling, which makes one claim. Raises ValueError."""
    value = has(read_exact(payload), "_type subject predicateType predicate")
    kind, predicate, listed = value["predicateType"], value["predicate"], value["subject"]
    if value["_type"] != STATEMENT or not isinstance(kind, str) or not isinstance(predicate, dict):
        raise ValueError("not an in-toto statement")
    if not isinstance(listed, list) or not listed:
        raise ValueError("a statement has a subject")
    subjects = []
    for one in listed:
        name, hexed = has(one, "name digest")["name"], has(one["digest"], "sha256")["sha256"]
        if not isinstance(name, str):
            raise ValueError("a subject has a name")
        subjects.append((name, digest(f"sha256:{hexed}")))
    return Statement(value, claim_of(kind, predicate), kind, tuple(subjects), predicate)


PROVENANCE = "https://slsa.dev/provenance/v1"
TEST = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"


def claim_of(kind: str, predicate: Mapping[str, Any]) -> str:
    """The claim `urn:lockgate:claim:<claim>:v1`, where each predicate type has it. Raises ValueError."""
    listed = predicate.get("configuration") if kind == TEST else None
    uris = [str(at(one, "uri")) for one in listed] if isinstance(listed, list) else []
    found = [one for one in uris if one.startswith("urn:lockgate:claim:")]
    if kind != TEST:
        path = {PROVENANCE: ("buildDefinition", "buildType"), SUMMARY: ("verifier", "id")}.get(kind, ("claim",))
        found = [str(at(predicate, *path))]
    named = re.fullmatch(r"urn:lockgate:claim:([a-z-]+):v1", found[0]) if len(found) == 1 else None
    if named is None:
        raise ValueError("a statement makes exactly one claim")
    return named[1]


# --- 5. Who may say what: the roles file, signed by the root ---------------------------------------------------------

ROLES = (
    *("ingester", "validator", "trainer", "judge", "signer", "approver", "deployer", "guard", "revoker", "policy"),
    "sealer",
)
_OWN = "urn:lockgate:predicate:{}:v1"
CLAIMS: Mapping[str, tuple[str, str, bool, bool]] = {
    # claim: predicate type, roles, whether bound to an environment, whether it decides something in one project
    "roles": (_OWN.format("roles"), "root", False, False),
    "policy": (_OWN.format("policy"), "policy", False, True),
    "ingest": (PROVENANCE, "ingester", False, False),
    "validate": (TEST, "validator", False, False),
    "train": (PROVENANCE, "trainer", False, False),
    "judge": (TEST, "judge", False, False),
    "reproduce": (TEST, "judge", False, False),
    "drill": (TEST, "judge", False, True),
    "scan": (TEST, "signer", False, False),
    "register": (_OWN.format("registration"), "signer", False, True),
    "import": (_OWN.format("import"), "signer", False, True),
    "approve": (_OWN.format("approval"), "approver", True, True),
    "waive": (_OWN.format("waiver"), "approver", True, True),
    "promote": (SUMMARY, "deployer", True, True),
    "deploy": (_OWN.format("deployment"), "deployer guard", True, True),
    "authorise": (_OWN.format("ladder"), "deployer", True, True),
    "alarm": (_OWN.format("alarm"), "guard", True, True),
    "acknowledge": (_OWN.format("acknowledgement"), "approver", True, True),
    "mark": (_OWN.format("mark"), "approver", False, True),
    "erase": (_OWN.format("erasure"), "deployer", False, True),
    "revoke": (_OWN.format("revocation"), "revoker", False, True),
    "head": (_OWN.format("stage-head"), "", False, True),  # the roles of the stage that it names
}
_WITH_HEADS = ("ingest", "validate", "train", "judge", "register")
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)  # drawn as nothing, and no control or format character


def person_of(name: str) -> str:
    """What all spellings of one person's name have in common: Unicode's compatibility caseless match (D146), without
    what cannot be seen. Persons are counted by it.
    """
    text = unicodedata.normalize("NFD", name)
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.casefold()).casefold())
    seen = (one for one in text if one.isspace() or not (unicodedata.category(one)[0] == "C" or _UNSEEN.match(one)))
    return " ".join("".join(seen).split())


def persons(keys: Iterable[Key]) -> list[str]:
    """The persons behind `keys`, each once, as first spelled."""
    found: dict[str, str] = {}
    for one in keys:
        found.setdefault(person_of(one.person), one.person)
    return list(found.values())


@dataclass(frozen=True)
class Roles:
    """One version of the roles file: whose key speaks for which role."""

    version: int
    root: Mapping[str, Key]
    keys: Mapping[str, Key]
    thresholds: Mapping[str, int]
    revoked: Mapping[str, str]
    expires: datetime | None

    def valid(self, role: str) -> list[Key]:
        """The keys of a role that are not revoked."""
        held = self.root if role == "root" else self.keys
        return [one for one in held.values() if one.role == role and one.keyid not in self.revoked]

    def sealer(self) -> Key:
        """The one key that signs both logs. Raises Fault."""
        found = self.valid("sealer")
        if len(found) != 1 or self.thresholds.get("sealer", 1) != 1:
            raise Fault("the roles file does not name exactly one sealer")
        return found[0]


def read_roles(statement: Statement, project: str) -> Roles:
    """A roles file of `project`, in its one form. Who signed it is asked by `roles_after`. Raises Fault, ValueError."""
    said = has(statement.predicate, "claim time version project root keys thresholds revoked expires")
    if statement.claim != "roles" or statement.type != CLAIMS["roles"][0] or said["project"] != project:
        raise Fault("not a roles file of this project")
    if ("sha256:" + project) not in [one for _, one in statement.subjects]:
        raise Fault("the roles file is about another project")
    moment(said["time"])
    if type(said["version"]) is not int or not isinstance(said["root"], list) or not isinstance(said["keys"], list):
        raise ValueError("a version is a number, keys are lists")
    root = [read_key(one, ("root",)) for one in said["root"]]
    keys = [read_key(one, ROLES) for one in said["keys"]]
    for listed in (root, keys):
        keyids = [one.keyid for one in listed]
        if keyids != sorted(set(keyids)):
            raise ValueError("keys are sorted by keyid, each once")
    if not root or {one.keyid for one in root} & {one.keyid for one in keys}:
        raise ValueError("there is a root key, and it has no other role")
    thresholds, revoked = said["thresholds"], said["revoked"]
    if not isinstance(thresholds, dict) or not all(type(n) is int and n >= 1 for n in thresholds.values()):
        raise ValueError("a threshold is a number from 1")
    if not isinstance(revoked, dict) or not all(isinstance(why, str) and why for why in revoked.values()):
        raise ValueError("a revoked key has a reason")
    expires = None if said["expires"] is None else moment(said["expires"])
    found = Roles(
        said["version"],
        {one.keyid: one for one in root},
        {one.keyid: one for one in keys},
        thresholds,
        revoked,
        expires,
    )
    found.sealer()
    for role in {"root", *thresholds}:
        if role not in {"root", *ROLES} or thresholds.get(role, 1) > len(persons(found.valid(role))):
            raise Fault(f"more persons must sign as {plain(role, 40)} than hold its keys")
    return found


def roles_after(before: Roles | None, envelope: Envelope, project: str) -> tuple[Roles, list[Key]]:
    """The roles file that follows `before`, and who signed it. Raises Fault, ValueError.

    1. The first one is signed by the key whose fingerprint is `project`: it brings that key along, and the fingerprint
       vouches for it. A later one is signed by root keys of the one before and by its own, as many persons as each of
       the two asks for.
    2. Versions count from 1 without a gap.
    3. No revoked key comes back, no key changes its role or person, and none is dropped without being revoked.
    """
    after = read_roles(read_statement(envelope.payload), project)
    # 1.
    old = {project: after.root[project]} if before is None and project in after.root else {}
    if before is not None:
        old = {one.keyid: one for one in before.valid("root")}
    new = {one.keyid: one for one in after.valid("root")} if before is not None else {}
    signers = check_signatures(envelope, {**new, **old}, "the root")
    by_old = [one for one in signers if one.keyid in old]
    needed = 1 if before is None else before.thresholds.get("root", 1)
    if len(persons(by_old)) < needed:
        raise Fault(f"the roles file of version {after.version} is not signed by the root before it")
    if before is not None:
        by_new = [one for one in signers if one.keyid in new]
        if len(persons(by_new)) < after.thresholds.get("root", 1):
            raise Fault(f"the roles file of version {after.version} is not signed by its own root")
    # 2.
    if after.version != (1 if before is None else before.version + 1):
        raise Fault(f"a roles file of version {after.version} stands where another must follow")
    # 3.
    if before is not None:
        was, now = {**before.keys, **before.root}, {**after.keys, **after.root}
        moved = [
            one for one in now if one in was and (was[one].role, was[one].person) != (now[one].role, now[one].person)
        ]
        if set(before.revoked) - set(after.revoked) or moved or set(was) - set(now) - set(after.revoked):
            raise Fault(f"the roles file of version {after.version} brings a key back, moves one, or drops one")
    return after, signers


def check_signatures(envelope: Envelope, known: Mapping[str, Key], whose: str) -> list[Key]:
    """The keys behind all signatures, each in `known` and each over exactly these bytes. Raises Fault."""
    signers = []
    for keyid, signature in envelope.signatures.items():
        key = need(known.get(keyid), f"{envelope.digest} is signed by a key that is not {whose}'s: {plain(keyid, 64)}")
        if not key.signed(signature, envelope.signed):
            raise Fault(f"the signature of {key.person} as {key.role} on {envelope.digest} is forged")
        signers.append(key)
    return signers


@dataclass(frozen=True)
class Said:
    """A verified statement: what, by whom, where in the log, and when the sealer took it (its word)."""

    index: int
    digest: str
    statement: Statement
    signers: tuple[Key, ...]
    payload: str
    time: datetime

    @property
    def claim(self) -> str:
        """What kind of statement it is."""
        return self.statement.claim

    @property
    def role(self) -> str:
        """The role of the first signer."""
        return self.signers[0].role

    def get(self, *path: str | int) -> Any:
        """A field of the predicate."""
        return self.statement.get(*path)

    def by(self) -> str:
        """Who said it, in words."""
        return f"{' and '.join(plain(one, 128) for one in persons(self.signers))} as {self.role}, entry {self.index}"


def check_statement(envelope: Envelope, roles: Roles, project: str) -> tuple[Statement, list[Key]]:
    """A statement other than a roles file, under the roles file then in force. Raises Fault, ValueError.

    1. Every signature is by a key of the roles file that is not revoked, over exactly these bytes.
    2. The claim is known, of its predicate type, and each signer's role may make it.
    3. The guard moves a deployment down; up only where it names an authorisation.
    4. What is bound to an environment names one, and each key is valid there.
    5. What decides something in a project names this one.
    6. As many different persons signed as the role's threshold asks for.
    """
    # 1.
    valid = {keyid: one for keyid, one in roles.keys.items() if keyid not in roles.revoked}
    signers = check_signatures(envelope, valid, "the roles file then in force")
    # 2.
    statement = read_statement(envelope.payload)
    claim = statement.claim
    kind, allowed, bound, of_project = need(CLAIMS.get(claim), f"nobody knows the claim {claim}")
    if claim == "head" and statement.get("stage") in _WITH_HEADS:
        allowed = CLAIMS[statement.get("stage")][1]
    if claim == "roles" or statement.type != kind or {one.role for one in signers} - {*allowed.split()}:
        raise Fault(f"a {claim} statement of another type, or by a role that may not make it: {signers[0].role}")
    # 3.
    move, authorised = statement.get("move"), statement.get("authorisation")
    by_guard = claim == "deploy" and any(one.role == "guard" for one in signers)
    if by_guard and move != "down" and not (move == "up" and authorised and isinstance(authorised, str)):
        raise Fault("the guard moved a deployment up without an authorisation")
    # 4.
    named = statement.get("environment")
    if bound and (not isinstance(named, str) or named in {"", "*"}):
        raise Fault(f"a {claim} statement names no environment")
    if bound and any(one.environments != ("*",) and named not in one.environments for one in signers):
        raise Fault(f"a {claim} statement for {plain(named, 64)} is signed by a key that is not valid there")
    # 5.
    if of_project and statement.get("project") != project:
        raise Fault(f"a {claim} statement was made for another project")
    # 6.
    for role in {one.role for one in signers}:
        if len(persons(one for one in signers if one.role == role)) < roles.thresholds.get(role, 1):
            raise Fault(f"too few persons signed a {claim} statement as {role}")
    return statement, signers


def read_leaf(data: bytes) -> dict[str, Any]:
    """A leaf of the event log: it stands for one statement. Raises ValueError."""
    leaf = has(read_exact(data), "claim digest predicateType size time v")
    digest(leaf["digest"])
    moment(leaf["time"])
    if leaf["v"] != 1 or type(leaf["v"]) is not int or type(leaf["size"]) is not int:
        raise ValueError("not a leaf of version 1")
    return leaf


def check_leaf(leaf: Mapping[str, Any], envelope: Envelope, statement: Statement) -> None:
    """The leaf describes the statement that it names. Raises Fault."""
    told = (leaf["digest"], leaf["size"], leaf["claim"], leaf["predicateType"])
    if told != (envelope.digest, envelope.size, statement.claim, statement.type):
        raise Fault("a leaf of the log describes another statement than the one it names")


# --- 6. The model's files: OCI manifest, OpenSSF Model Signing --------------------------------------------------------

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNED_MODEL = "https://model_signing/signature/v1.0"


def registered_files(listed: object) -> dict[str, tuple[str, int]]:
    """Name -> (digest, size), as a registration lists its files. Raises ValueError."""
    found: dict[str, tuple[str, int]] = {}
    for one in listed if isinstance(listed, list) else []:
        entry = has(one, "name sha256 size")
        if not isinstance(entry["name"], str) or type(entry["size"]) is not int or entry["name"] in found:
            raise ValueError("a registered file has a name of its own, and a size")
        found[entry["name"]] = (digest(f"sha256:{entry['sha256']}"), entry["size"])
    if not found:
        raise ValueError("a registration lists files")
    return found


def manifest_files(data: bytes) -> dict[str, tuple[str, int]]:
    """Name -> (digest, size), as an OCI manifest of one layer per file lists them. Raises ValueError."""
    layers = at(read_exact(data), "layers")
    found = {}
    for one in layers if isinstance(layers, list) else []:
        found[at(one, "annotations", "org.cncf.model.filepath")] = (at(one, "digest"), at(one, "size"))
    if not found or len(found) != len(layers):
        raise ValueError("a manifest lists files, each once")
    return found


def check_model_signature(bundle: bytes, files: Mapping[str, tuple[str, int]], signers: Sequence[Key]) -> Key:
    """Which of `signers` made `model.sig` over exactly these files. Raises Fault, ValueError.

    1. One Sigstore bundle around one DSSE envelope, by one of these keys.
    2. The payload lists the files by SHA-256, in the order of their path's parts, each once; its subject is the digest
       of those digests.
    """
    # 1.
    value = has(read_json(bundle), "mediaType verificationMaterial dsseEnvelope")
    envelope = has(value["dsseEnvelope"], "payload payloadType signatures")
    if value["mediaType"] != BUNDLE or envelope["payloadType"] != IN_TOTO or len(envelope["signatures"]) != 1:
        raise Fault("model.sig is not a bundle around one signature")
    payload, signature = unbase64(envelope["payload"]), unbase64(at(envelope, "signatures", 0, "sig"))
    signed = Envelope("", payload, {}, 0).signed
    by = need(next((one for one in signers if one.signed(signature, signed)), None), "model.sig is by another key")
    # 2.
    said = has(read_json(payload), "_type subject predicateType predicate")
    listed = [has(one, "name algorithm digest") for one in at(said, "predicate", "resources")]
    how = at(said, "predicate", "serialization")
    if (said["_type"], said["predicateType"]) != (STATEMENT, SIGNED_MODEL) or (
        [at(how, "method"), at(how, "hash_type"), at(how, "allow_symlinks")] != ["files", "sha256", False]
    ):
        raise Fault("model.sig signs something else than whole files by SHA-256")
    names = [one["name"] for one in listed]
    if names != sorted(files, key=lambda name: name.split("/")) or {one["algorithm"] for one in listed} != {"sha256"}:
        raise Fault("model.sig signs other files than were registered")
    if any(f"sha256:{one['digest']}" != files[one["name"]][0] for one in listed):
        raise Fault("model.sig signs other bytes than were registered")
    root = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in listed)).hexdigest()
    if [at(one, "digest", "sha256") for one in said["subject"]] != [root]:
        raise Fault("the subject of model.sig is not that of its files")
    return by


# --- 7. The archive: a ZIP in which every byte is accounted for (APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16) --------

_PIECE = r"(?!\.\.?(?:/|\Z))[A-Za-z0-9_.+@=,() -]+"
_NAME = re.compile(f"{_PIECE}(?:/{_PIECE})*")
_FIRST_DAY = 0x21  # 1 January 1980, in the date format of DOS
_UNIX, _ZIP_2 = 3 << 8 | 20, 20  # which kind of system wrote it, and for which version of ZIP: 2.0


@dataclass(frozen=True)
class Member:
    """A file of an archive. `data` is None for one that is only hashed."""

    digest: str
    size: int
    data: bytes | None


def read_archive(file: IO[bytes]) -> dict[str, Member]:
    """Every file of the archive, in order. Raises Fault, ValueError, struct.error, zlib.error.

    Files stand one after the other from byte 0, then the directory, which says the same of each, then its end. There is
    no comment, no extra field, no second file of one name, no byte between or behind.
    """
    size = file.seek(0, 2)
    if not 22 <= size < MOST_ARCHIVE:
        raise Fault("not an archive of evidence: too short, or 2 GiB and more")
    file.seek(size - 22)
    magic, *disks, count, same, length, start, comment = struct.unpack("<4s4H2LH", file.read(22))
    if (magic, disks, count, comment, start + length) != (b"PK\x05\x06", [0, 0], same, 0, size - 22):
        raise Fault("not an archive of evidence: it does not end as a ZIP without comment ends")
    if not 0 < count <= MOST_FILES or length > count * 600:
        raise Fault("the archive has too many files, or none")
    file.seek(start)
    directory = file.read(length)
    found: dict[str, Member] = {}
    offset = place = inflated = 0
    for _ in range(count):
        entry = struct.unpack_from("<4s6H3L5H2L", directory, place)
        magic, made, needs, flags, method, time, day, crc, packed, size, named, *rest, mode, where = entry
        raw = directory[place + 46 : place + 46 + named]
        name, place = raw.decode("ascii"), place + 46 + named
        expected = (b"PK\x01\x02", _UNIX, _ZIP_2, 0, 0, _FIRST_DAY, [0, 0, 0, 0], offset)
        if (magic, made, needs, flags, time, day, rest, where) != expected or method not in (0, 8):
            raise Fault(f"{plain(name, 80)!r} has another form in the archive's directory than evidence has")
        if mode != 0o100644 << 16 or len(name) > 512 or not _NAME.fullmatch(name):
            raise Fault(f"{plain(name, 80)!r} is a link, a folder, a program, or no safe name")
        if found and name <= next(reversed(found)):
            raise Fault(f"{name} stands twice in the archive, or not in order")
        file.seek(offset)
        local = struct.pack("<4s5H3L2H", b"PK\x03\x04", needs, 0, method, 0, day, crc, packed, size, named, 0) + raw
        if file.read(len(local)) != local:
            raise Fault(f"the archive's directory and {name} itself do not say the same")
        offset += len(local) + packed
        inflated += size
        if offset > start or inflated > MOST_INFLATED:
            raise Fault(f"{name} is larger than evidence can be")
        found[name] = _member(name, file, method, packed, size, crc)
    if place != length or offset != start:
        raise Fault("there are bytes in the archive that belong to no file")
    return found


def _member(name: str, file: IO[bytes], method: int, packed: int, size: int, crc: int) -> Member:
    """The next `packed` bytes of `file`, unpacked: exactly `size` bytes with this CRC, and no more."""
    hashed, checked, total, kept = hashlib.sha256(), 0, 0, []
    for data in _unpacked(name, file, method, packed):
        total += len(data)
        if total > size:
            break
        hashed.update(data)
        checked = zlib.crc32(data, checked)
        if size <= LARGE:
            kept.append(data)
    if (total, checked) != (size, crc):
        raise Fault(f"{name} is not unpacked to what the archive says of it")
    return Member("sha256:" + hashed.hexdigest(), size, b"".join(kept) if size <= LARGE else None)


def _unpacked(name: str, file: IO[bytes], method: int, packed: int) -> Iterator[bytes]:
    """Pieces of at most 1 MiB. Raises Fault for bytes behind the end of what was deflated, or too few."""
    unpack = zlib.decompressobj(-15)
    while packed:
        raw = need(file.read(min(packed, 1 << 20)), f"{name} is cut off")
        packed -= len(raw)
        if method == 0:
            yield raw
        while method and (data := unpack.decompress(raw, 1 << 20)):
            yield data
            raw = unpack.unconsumed_tail
    if method and (not unpack.eof or unpack.unused_data):
        raise Fault(f"{name} is cut off, or has bytes behind its end")


# --- 8. An archive of evidence, step by step --------------------------------------------------------------------------

TOPS = {
    *("INDEX.html", "access-matrix.json", "index.json", "mapping.json", "policy.toml", "tlog-policy", "verify.py"),
    *("facts/", "log/", "model/", "proofs/", "readable/", "records/", "report/", "statements/"),
}
INPUTS = {"ingest": "ingester", "validate": "validator", "train": "trainer", "judge": "judge", "scan": "signer"}
CANDIDATE = ("model.onnx", "io.json", "model.onnx.data")
NOT_PROVED = (
    "that the labels and the data are right, or what the training code meant to do",
    "that keys are with whom the roles file says, or that clocks were right (an entry's time is the sealer's word)",
    "that the gates of the policy were met: the deployer's signed word (`lockgate verify` asks the policy again)",
    "that what is served elsewhere is this model: ask for receipts of your own predictions",
)


@dataclass
class Report:
    """What was found, step by step. `refused`: what holds and must not be relied on (exit 1)."""

    title: str
    root: str
    now: datetime
    steps: list[tuple[int, str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    failed: str = ""
    code: int = OK

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """One step: what is said in it stands in the report; whatever goes wrong in it is a Fault that names it."""
        said: list[str] = []
        number = len(self.steps) + 1
        try:
            yield said
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            raise Fault(f"step {number}, {name}: {plain(error, 300)}") from None
        except (struct.error, zlib.error) as error:
            raise Fault(f"step {number}, {name}: the archive is damaged: {plain(error, 200)}") from None
        except Fault as fault:
            raise Fault(f"step {number}, {name}: {fault}", fault.code) from None
        self.steps.append((number, name, "; ".join(said)))

    def text(self) -> str:
        """For people."""
        lines = [self.title, f"root       sha256:{self.root} (given by you)"]
        lines += [f"ok   {number}  {name}: {said}" for number, name, said in self.steps]
        lines += [f"     {line}" for line in self.lines]
        lines += [f"!    {one}" for one in self.warned]
        if self.code in (USAGE, UNREADABLE):
            lines = [f"Nothing was checked: {self.failed}"]
        elif self.failed:
            lines.append(f"FAILED  {self.failed}")
            lines.append("Nothing in this evidence can be relied on until that is explained.")
        else:
            lines += [f"REFUSED  {one}" for one in self.refused]
            lines.append("proved: each step above, back to the root that you gave.")
            lines += [f"NOT proved: {one}." for one in self.not_proved]
        return "".join(plain(line) + "\n" for line in lines)

    def as_json(self) -> str:
        """For machines."""
        steps = [{"step": number, "name": name, "said": said} for number, name, said in self.steps]
        value = {"v": 1, "what": self.title, "root": f"sha256:{self.root}", "exit": self.code, "steps": steps}
        value |= {"verified": self.code == OK, "refused": self.refused, "warnings": self.warned}
        value |= {"failed": self.failed, "not_proved": self.not_proved, "found": self.lines, **self.facts}
        return json.dumps(value, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Demands:
    """What the caller asks for besides."""

    witnesses: Sequence[tuple[str, bytes]] = ()
    least: int = 0
    max_age: timedelta | None = None
    seen: bytes = b""


def check_archive(file: IO[bytes], report: Report, demands: Demands) -> None:
    """The whole of an archive; each step is explained where it is done. Raises Fault."""
    with report.step("the archive") as said:
        members = read_archive(file)
        index = check_index(members, report.root)
        said.append(f"{len(members)} files, each with the digest that index.json names")
    model = index["model"]
    report.title = f"{plain(model['ref'], 80)}  {model['manifest']}"
    with report.step("the roles") as said:
        leaves = read_leaves(need(members["log/events/leaves"].data, "the log is empty, or too large"))
        reigns = read_reigns(leaves, members, report.root)
        newest = reigns[-1][1]
        said.append(f"{len(reigns)} version{'s'[: len(reigns) > 1]}, the first signed by your root")
        check_expired(newest, report)
    with report.step("the log of events") as said:
        checkpoint = held_checkpoint(members, "events", report.root, newest, index["events"])
        need(
            (checkpoint.size, checkpoint.root) == (len(leaves), tree_root(leaves)),
            "the leaves do not hash to what the sealer signed",
        )
        said.append(f"{checkpoint.size} entries, with the root that the sealer signed")
        older = None
        if "log/events/cosigned" in members:
            older = earlier(members["log/events/cosigned"].data or b"", leaves, reigns, report.root)
        if demands.seen:
            old = earlier(demands.seen, leaves, reigns, report.root)
            said.append(f"it continues the one of {old.size} that you saw")
        said[-1] += check_witnesses(checkpoint, "events", newest, demands, report, older)
    with report.step("the statements") as said:
        log = read_statements(leaves, members, reigns, report.root)
        said.append(f"all {len(log)} of the log's are here, each signed by who may say it")
        said.append(check_dates(index, log, reigns, report))
    with report.step("the model's chain") as said:
        before = len(report.refused)
        chain = check_chain(model, log, report)
        said.append(" <- ".join(reversed(chain)))
        if len(report.refused) == before:
            said.append(f"no revocation of it in the log, up to its entry {len(log) - 1}")
    with report.step("the deployments") as said:
        said.append(check_deployments(model, log, report))
    with report.step("the model's files") as said:
        said.append(check_files(members, chain, model))
    with report.step("the predictions") as said:
        said.append(check_records(members, index, newest, model, demands, report))
    with report.step("the other papers") as said:
        said.append(check_papers(members, index, log, chain))
    own = members["verify.py"].digest if "verify.py" in members else ""
    if own and own != sha256(Path(__file__).read_bytes()):
        report.warned.append(
            "verify.py in the archive is not this program: compare both with the digest that was published"
        )
    report.not_proved += [*NOT_PROVED, f"what stands in {unproved(index['files'])}"]


def unproved(listed: Sequence[Mapping[str, Any]]) -> str:
    """The files that nothing is claimed of: whole folders by their name, and of others the first, never a long list."""
    proved = {one["path"].partition("/")[0] for one in listed if one["proved"] != "none"}
    left = [one["path"] for one in listed if one["proved"] == "none"]
    tops = {one: "".join(one.partition("/")[:2]) for one in left}
    whole = dict.fromkeys(top for top in tops.values() if top.rstrip("/") not in proved)
    single = [plain(one, 80) for one, top in tops.items() if top not in whole]
    more = [f"{len(single) - 5} more files"] if len(single) > 5 else []
    return ", ".join([*whole, *single[:5], *more])


def check_index(members: Mapping[str, Member], root: str) -> dict[str, Any]:
    """index.json lists every other file with its digest, and is about the project of `root`. Raises Fault.

    No file has a name of its own: who unpacks the archive runs no more than verify.py in that folder.
    """
    strange = [name for name in members if "".join(name.partition("/")[:2]) not in TOPS]
    if strange:
        raise Fault(f"{plain(strange[0], 80)} is nothing that evidence has: do not run or open it")
    data = members["index.json"].data if "index.json" in members else None
    index = has(
        read_exact(need(data, "the archive has no index.json")), "v kind project model made events predictions files"
    )
    if (index["v"], index["kind"]) != (1, "lockgate-evidence"):
        raise Fault("not evidence of a version that this program knows")
    if index["project"] != root:
        raise Fault(f"this is evidence of another project, sha256:{plain(index['project'], 64)}")
    moment(index["made"])
    model = has(index["model"], "ref name version manifest")
    if model["ref"] != f"{model['name']}@{model['version']}" or type(model["version"]) is not int:
        raise Fault("the index names the model in two ways")
    digest(model["manifest"])
    listed = {}
    for one in index["files"]:
        entry = has(one, "path sha256 bytes what proved")
        listed[entry["path"]] = (f"sha256:{entry['sha256']}", entry["bytes"])
    found = {name: (one.digest, one.size) for name, one in members.items() if name != "index.json"}
    if [one["path"] for one in index["files"]] != sorted(listed) or listed != found:
        wrong = sorted({name for name in {**listed, **found} if listed.get(name) != found.get(name)})
        raise Fault(f"index.json and the files differ: {plain(wrong[:3])}")
    return index


def read_leaves(data: bytes) -> list[bytes]:
    """All leaves: each a length of two bytes, then so many bytes. Raises Fault."""
    leaves, place = [], 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 2], "big")
        place += 2 + length
        if place > len(data):
            raise Fault("the last leaf is cut off")
        leaves.append(data[place - length : place])
        if len(leaves) > MOST_FILES:
            raise Fault("the log has more entries than an archive has files")
    return leaves


Reigns = list[tuple[int, Roles]]


def read_reigns(leaves: Sequence[bytes], members: Mapping[str, Member], root: str) -> Reigns:
    """Every roles file of the log with its index, from the root on. Raises Fault, ValueError."""
    reigns: Reigns = []
    for index, data in enumerate(leaves):
        leaf = read_leaf(data)
        if index == 0 and leaf["claim"] != "roles":
            raise Fault("the first entry of the log is not the roles file")
        if leaf["claim"] == "roles":
            after, _ = roles_after(reigns[-1][1] if reigns else None, held_envelope(members, leaf["digest"]), root)
            reigns.append((index, after))
    need(reigns, "the log is empty")
    return reigns


def held_envelope(members: Mapping[str, Member], named: str) -> Envelope:
    """The envelope with this digest. Raises Fault, ValueError."""
    member = members.get(f"statements/{digest(named)[7:]}.json")
    data = need(member.data if member else None, f"the statement {named} is missing")
    envelope = read_envelope(data)
    if envelope.digest != named:
        raise Fault(f"the statement {named} has other bytes")
    return envelope


def held_checkpoint(
    members: Mapping[str, Member], log: str, root: str, roles: Roles, said: Mapping[str, Any]
) -> Checkpoint:
    """The checkpoint of a log, signed by the sealer of the newest roles file, as the index says. Raises Fault."""
    member = members.get(f"log/{log}/checkpoint")
    data = need(member.data if member else None, f"the checkpoint of the {log} is missing")
    found = read_checkpoint(data, f"lockgate/{root}/{log}", roles.sealer().raw())
    if (found.size, found.root.hex()) != (has(said, "size root")["size"], said["root"]):
        raise Fault(f"index.json speaks of another state of the log of {log}")
    return found


def check_expired(roles: Roles, report: Report) -> None:
    """Refuse an expired roles file."""
    if roles.expires is not None and report.now > roles.expires:
        report.refused.append(f"the roles file of version {roles.version} expired at {when(roles.expires)}")


def earlier(data: bytes, leaves: Sequence[bytes], reigns: Reigns, root: str) -> Checkpoint:
    """An earlier checkpoint of this log, which it continues: nothing was taken back since. Raises Fault."""
    origin, found = f"lockgate/{root}/events", None
    for _, roles in reigns:
        with suppress(Fault, ValueError):
            found = read_checkpoint(data, origin, roles.sealer().raw())
    old = need(found, "an earlier checkpoint is not one of this log")
    if old.size > len(leaves) or tree_root(leaves[: old.size]) != old.root:
        raise Fault(f"the log does not continue the one of {old.size} entries: rolled back, or forked")
    return old


def check_witnesses(
    checkpoint: Checkpoint, log: str, roles: Roles, demands: Demands, report: Report, older: Checkpoint | None = None
) -> str:
    """Who else has seen this log, by cosignatures: enough of the caller's witnesses, all of it, lately. Raises Fault.

    1. Only a cosignature of this very checkpoint counts. One of an `older` tree, with which this log begins, says
       nothing of the entries after it: whoever has the sealer's key can show others a log that goes on in another way.
    2. Witnesses sign with their own clocks; a time in the future counts as none. The sealer is not its own witness.
    3. Where witnesses are asked for, it is their word that must not be too old; else the log's own sign of life.
    """
    latest, oldest = report.now.timestamp() + 60, float("-inf")
    if demands.max_age is not None:
        oldest = report.now.timestamp() - demands.max_age.total_seconds()
    sealers = [one.raw() for one in roles.keys.values() if one.role == "sealer"]
    said, seen = [], {}
    for name, public in demands.witnesses:
        if public in sealers:
            raise Fault(f"{plain(name, 80)} is no witness: its key is the sealer's own", USAGE)
        # 1.
        time = cosigned(checkpoint.note, name, public)
        before = cosigned(older.note, name, public) if older else None
        # 2.
        if time is not None and time > latest:
            report.warned.append(f"{plain(name, 80)} cosigned the log of {log} at a time in the future: not counted")
        elif time is not None:
            seen[name] = time
            said.append(f"cosigned by {name} at {when(time)}, {ago(time, report.now)}")
        elif before is not None and older:
            words = f"its first {older.size} of {checkpoint.size} entries"
            said.append(f"{words} cosigned by {name} at {when(before)}, {ago(before, report.now)}")
    # 3.
    beat = cosigned(checkpoint.note, f"lockgate/{report.root}/{log}", roles.sealer().raw())
    counted = [time for time in seen.values() if time >= oldest]
    if len(counted) < demands.least:
        late = f" since {when(int(oldest))}" if demands.max_age is not None else ""
        report.refused.append(
            f"{len(counted)} of your witnesses cosigned all of the log of {log}{late}, and you ask for {demands.least}"
        )
    lately = [time for time in (*seen.values(), beat) if time is not None and time <= latest]
    if not demands.least and max(lately, default=float("-inf")) < oldest:
        last = when(max(lately)) if lately else "never"
        report.refused.append(f"the newest word that the log of {log} stands so is too old: {last}")
    if not seen:
        report.not_proved.append(
            f"that the log of {log} has no second version: no witness that you named cosigned all of it"
        )
    said += [f"its sealer's last sign of life at {when(beat)}, {ago(beat, report.now)}"] if beat is not None else []
    return "".join(f"; {one}" for one in said)


def check_dates(index: Mapping[str, Any], log: Mapping[str, Said], reigns: Reigns, report: Report) -> str:
    """How old the newest entry is. Nobody can see in a copy of a log what was added to it after the copy was made.

    Refused: an entry of the future. Warned of: entries that go back in time, and what was said under an expired roles
    file (entries' times are the sealer's word).
    """
    said = list(log.values())
    last = said[-1]
    ahead = [one.index for one in said if one.time > report.now + timedelta(seconds=CLOCKS)]
    if ahead:
        report.refused.append(f"entry {ahead[0]} of the log is dated in the future: {when(said[ahead[0]].time)}")
    back = [one.index for before, one in pairwise(said) if one.time < before.time]
    if back:
        report.warned.append(
            f"entry {back[0]} of the log is dated before the one above it: the sealer's clock was moved"
        )
    for one in said:
        roles = next(each for since, each in reversed(reigns) if since <= one.index)
        late = roles.expires is not None and one.time > roles.expires
        if late and one.claim not in {"roles", "revoke", "deploy"}:
            report.warned.append(f"the {one.claim} statement at entry {one.index} was made under an expired roles file")
    report.not_proved.append(
        f"that nothing was added to the log after its entry {last.index} of {when(last.time)}: the model may have been "
        "revoked since. Ask for an archive of today, or use --max-age and --seen"
    )
    report.facts |= {"newest": {"index": last.index, "time": when(last.time)}, "made": index["made"]}
    return (
        f"the newest, entry {last.index}, is of {when(last.time)}, {ago(last.time, report.now)}; "
        f"the archive says that it was made at {index['made']}"
    )


def read_statements(
    leaves: Sequence[bytes], members: Mapping[str, Member], reigns: Reigns, root: str
) -> dict[str, Said]:
    """Every statement of the log by its digest, verified under the roles file then in force. Raises Fault, ValueError.

    Nothing is left out, for the leaves name all of them. Nothing is said twice by one key: ECDSA signatures have two
    spellings, so the signed bytes are compared, and not the envelopes.
    """
    log: dict[str, Said] = {}
    once: set[tuple[str, str]] = set()
    before: Roles | None = None
    reigning = dict(reigns)
    for index, data in enumerate(leaves):
        leaf = read_leaf(data)
        envelope = held_envelope(members, leaf["digest"])
        if index in reigning:
            (_, signers), statement = roles_after(before, envelope, root), read_statement(envelope.payload)
            before = reigning[index]
        else:
            statement, signers = check_statement(envelope, need(before, "no roles file"), root)
        check_leaf(leaf, envelope, statement)
        payload = sha256(envelope.payload)
        if envelope.digest in log or any((payload, one.keyid) in once for one in signers):
            raise Fault(f"entry {index} of the log says again what was said before")
        once |= {(payload, one.keyid) for one in signers}
        log[envelope.digest] = Said(index, envelope.digest, statement, tuple(signers), payload, moment(leaf["time"]))
    extra = {name for name in members if name.startswith("statements/")} - {f"statements/{one[7:]}.json" for one in log}
    if extra:
        raise Fault(f"a statement that is not in the log: {min(extra)}")
    return log


Chain = dict[str, Said]


def check_chain(model: Mapping[str, Any], log: Mapping[str, Said], report: Report) -> Chain:
    """The statements that the model rests on, from the data on, by claim; refuse what is revoked. Raises Fault.

    1. One statement registers this name, version and manifest.
    2. It names one statement for each step before it; each is in the log before it, by the role of that step.
    3. They are joined by digest: what one made is what the next one used.
    4. All are for the same model of the project.
    5. No revocation in the log, as far as it is here, names the manifest, one of these statements, the data, or a model
       taken in. What was added to the log later, nobody can see here (`check_dates`).
    """
    # 1.
    named = (model["name"], model["version"], model["manifest"])
    found = [one for one in log.values() if one.claim in {"register", "import"}]
    found = [one for one in found if (one.get("name"), one.get("version"), one.get("manifest", "digest")) == named]
    last = need(found[0] if len(found) == 1 else None, f"the log does not register {plain(model['ref'], 80)} once")
    if [one for _, one in last.statement.subjects] != [model["manifest"]]:
        raise Fault("the registration is about another manifest")
    # 2.
    inputs = {"scan": last.get("scan")} if last.claim == "import" else has(last.get("inputs"), " ".join(INPUTS))
    chain: Chain = {}
    for claim, role in INPUTS.items():
        if claim not in inputs:
            continue
        one = need(log.get(inputs[claim]), f"the {claim} statement of the model is not in the log")
        if (one.claim, one.role) != (claim, role) or one.index >= last.index:
            raise Fault(f"entry {one.index} cannot be the {claim} statement of the model")
        chain[claim] = one
    chain[last.claim] = last
    # 3.
    files = {name: one for name, (one, _) in registered_files(last.get("files")).items()}
    if dict(chain["scan"].statement.subjects) != files or chain["scan"].get("result") != "PASSED":
        raise Fault("the scan was of other files, or did not pass")
    if last.claim == "register":
        check_joins(chain, files)
        # 4.
        check_same_model(chain, log)
    # 5.
    exposed = {model["manifest"], *(one.digest for one in chain.values())}
    if "ingest" in chain:
        exposed |= {one for _, one in chain["ingest"].statement.subjects}
        for one in chain["ingest"].get("buildDefinition", "resolvedDependencies") or []:
            exposed |= {str(at(one, "annotations", key)) for key in ("import", "manifest")}
    refuse_revoked(exposed, log, report, "the model, or something that it rests on,")
    for claim, one in chain.items():
        report.lines.append(f"{claim:<9} {one.by()}, {when(one.time)}{_told(one)}")
    warn_of_keys(chain.values(), log, report)
    return chain


def warn_of_keys(what: Iterable[Said], log: Mapping[str, Said], report: Report) -> None:
    """Warn where a key that signed one of these was revoked later: what it said before then still counts."""
    gone = max((one for one in log.values() if one.claim == "roles"), key=lambda one: one.index).get("revoked")
    for one in what:
        for key in (each for each in one.signers if each.keyid in gone):
            words = f"the key behind the {one.claim} statement at entry {one.index} was revoked later"
            report.warned.append(f"{words}: {plain(gone[key.keyid], 200)}")


def _told(one: Said) -> str:
    """What a statement says of numbers that people ask for."""
    if one.claim == "validate":
        counts = [one.get(name) for name in ("accepted", "quarantined", "rows")]
        return ": {} kept + {} quarantined = {}".format(*counts) if all(type(n) is int for n in counts) else ""
    if one.claim == "judge":
        metrics = one.get("metrics")
        found = [f"{name} {at(value, 'value')}" for name, value in metrics.items()] if isinstance(metrics, dict) else []
        return f": {plain(', '.join(found[:4]), 200)}" if found else ""
    return f": {one.get('result')}" if one.claim == "scan" else ""


def subject(one: Said, name: str) -> str | None:
    """The digest of the one subject called so, with or without its ending."""
    found = {value for called, value in one.statement.subjects if called in {name, name.rsplit(".", 1)[0]}}
    return found.pop() if len(found) == 1 else None


def check_joins(chain: Chain, files: Mapping[str, str]) -> None:
    """What each stage used is what the one before it made. Raises Fault."""
    ingest, validate, train, judge = (chain[claim] for claim in ("ingest", "validate", "train", "judge"))
    listed = train.get("buildDefinition", "resolvedDependencies") or []
    used = {at(one, "name"): f"sha256:{at(one, 'digest', 'sha256')}" for one in listed}
    snapshot, accepted = subject(ingest, "snapshot.parquet"), subject(validate, "accepted.parquet")
    if not snapshot or snapshot not in (
        validate.get("snapshot"),
        f"sha256:{validate.get('snapshot', 'digest', 'sha256')}",
    ):
        raise Fault("validation did not read the rows that were taken in")
    if not accepted or accepted not in used.values():
        raise Fault("training did not use the rows that validation accepted")
    contract, code = validate.get("contract"), at(validate.get("contract"), "name")
    if isinstance(code, str) and contract:
        judged_by = f"sha256:{at(contract, 'digest', 'sha256')}"
        if used.get(f"code/{code.rpartition(':')[0]}") != judged_by:
            raise Fault("training used another contract than the rows were judged by")
    doubtful = validate.get("screen", "doubtful")
    doubts = subject(validate, "screen.parquet") if type(doubtful) is int and doubtful > 0 else None
    without = train.get("buildDefinition", "externalParameters", "control") == "off"
    if used.get("screen.parquet") != (None if without else doubts):
        raise Fault("training was held against other doubtful rows than validation named")
    made, judged = dict(train.statement.subjects), dict(judge.statement.subjects)
    for name in CANDIDATE:
        optional = name == CANDIDATE[2] and name not in {**made, **judged, **files}
        if not optional and (name not in made or not made[name] == judged.get(name) == files.get(name)):
            raise Fault(f"trained, judged and registered {name} are not the same")
    for name, value in files.items():
        if (name.startswith("code/") or name.endswith(".lock")) and used.get(name) != value:
            raise Fault(f"{plain(name, 80)} was registered, and training did not use it")


def model_named(one: Said) -> str:
    """Which model of the project a statement is for; "" for the project's own."""
    path = ("buildDefinition", "externalParameters", "model") if one.statement.type == PROVENANCE else ("model",)
    return one.get(*path) or ""


def check_same_model(chain: Chain, log: Mapping[str, Said]) -> None:
    """No statement of another model of the project stands in. Raises Fault."""
    last = chain["register"]
    names = {model_named(one) for claim, one in chain.items() if claim != "scan"}
    if len(names) > 1 or names - {"", last.get("name")}:
        raise Fault("the statements are for different models")
    stages = [one for one in log.values() if one.claim in _WITH_HEADS and one.index < last.index]
    if names == {""} and last.get("name") in {model_named(one) for one in stages}:
        raise Fault("the registration takes the name of another model of the project")


def refuse_revoked(what: Iterable[str], log: Mapping[str, Said], report: Report, words: str) -> None:
    """Refuse where a revocation of the log names one of these digests."""
    exposed = set(what)
    for one in log.values():
        if one.claim == "revoke" and exposed & {value for _, value in one.statement.subjects}:
            report.refused.append(f"{words} is revoked by {one.by()}: {plain(one.get('reason'), 200)}")


def check_deployments(model: Mapping[str, Any], log: Mapping[str, Said], report: Report) -> str:
    """Every move of a model of this name, in each environment. Raises Fault.

    1. Moves count from 1 without a gap, and each names the one before: none is left out, replayed, or forked.
    2. The floor never sinks, and no version below it is moved.
    3. Each is of a registered version, on a verification summary that passed (`check_summary`).
    4. `live` gets all of the traffic, and only it. It comes first, and the floor rises with it alone.
    5. It does what it says (`check_words`), and what the guard moved, its key may move (`check_guard`).
    """
    registered = {
        (one.get("name"), one.get("version"), one.get("manifest", "digest")): one
        for one in log.values()
        if one.claim == "register"
    }
    moves: dict[str, list[Said]] = {}
    stands: dict[str, Stand] = {}
    for one in log.values():
        if one.claim != "deploy" or one.get("name") != model["name"]:
            continue
        where = str(one.get("environment"))
        earlier = moves.setdefault(where, [])
        before = earlier[-1] if earlier else None
        # 1.
        expected = (before.get("sequence") + 1, before.digest) if before else (1, None)
        if (one.get("sequence"), one.get("predecessor")) != expected:
            raise Fault(
                f"move {one.get('sequence')} in {where} does not follow the one before: a gap, a replay, a fork"
            )
        # 2.
        floor = before.get("floor") if before else one.get("floor")
        if one.get("version") < one.get("floor") or one.get("floor") < floor:
            raise Fault(f"move {one.get('sequence')} in {where} goes below the floor")
        # 3.
        manifest = one.get("manifest")
        what = registered.get((one.get("name"), one.get("version"), manifest))
        if not what or [value for _, value in one.statement.subjects] != [manifest]:
            raise Fault(f"move {one.get('sequence')} in {where} is of a model that is not registered so")
        summary = need(log.get(one.get("vsa")), f"move {one.get('sequence')} in {where} rests on no summary")
        check_summary(summary, one, what, log)
        # 4.
        share, live = one.get("share"), one.get("rung") == "live"
        if type(share) not in (int, float) or not 0 <= share <= 1 or live != (share == 1):
            raise Fault(
                f"move {one.get('sequence')} in {where} says live, and does not get all traffic, or the reverse"
            )
        if not live and (before is None or one.get("floor") > floor):
            raise Fault(
                f"move {one.get('sequence')} in {where} is on the ladder, with nothing live or over a new floor"
            )
        # 5.
        check_words(one, stands.get(where), f"move {one.get('sequence')} in {where}")
        if any(key.role == "guard" for key in one.signers):
            check_guard(one, earlier, stands.get(where), log)
        stands[where] = after(stands.get(where), one)
        earlier.append(one)
    return _standing(model, moves, log, report)


@dataclass(frozen=True)
class Stand:
    """Who stands where under one name in one environment. `since`: the candidate's first move on this ladder."""

    live: Said
    candidate: Said | None = None
    since: Said | None = None


def after(stand: Stand | None, move: Said) -> Stand:
    """What a move comes to: on `live` it ends the ladder; on another rung it stands beside what is live."""
    if stand is None or move.get("rung") == "live":
        return Stand(move)
    same = stand.candidate is not None and stand.candidate.get("manifest") == move.get("manifest")
    return Stand(stand.live, move, stand.since if same else move)


def leads_down(move: Said, stand: Stand) -> str:
    """How a move takes traffic from a newer model: `withdraws`, `lowers`, `returns`; "" where it does not."""
    candidate, live = stand.candidate, move.get("rung") == "live"
    if candidate and live and move.get("manifest") == stand.live.get("manifest"):
        return "withdraws"
    if candidate and not live and move.get("manifest") == candidate.get("manifest"):
        return "lowers" if move.get("share") < candidate.get("share") else ""
    return "returns" if live and move.get("version") < stand.live.get("version") else ""


def check_words(move: Said, stand: Stand | None, place: str) -> None:
    """A move does what it says. Raises Fault.

    On the ladder stands a model beside another one that is live. What says that it moves down does; only the guard's
    moves up name an authorisation.
    """
    if move.get("rung") != "live" and (stand is None or stand.live.get("manifest") == move.get("manifest")):
        raise Fault(f"{place} is on the ladder, with no other model live beside it")
    if move.get("move") not in {"up", "down"} or (
        move.get("move") == "down" and (stand is None or not leads_down(move, stand))
    ):
        raise Fault(f"{place} says that it moves down, and does not")
    if move.get("authorisation") is not None and (move.role, move.get("move")) != ("guard", "up"):
        raise Fault(f"{place} names an authorisation, and needs none")


def check_guard(move: Said, earlier: Sequence[Said], stand: Stand | None, log: Mapping[str, Said]) -> None:
    """The guard's key is on a machine that works unattended; so it reaches less far than the deployer's. Raises Fault.

    1. It is never the first to move, and leaves the floor.
    2. Down: off the ladder to what is live, to a rung that the candidate had on this ladder, or to a version that was
       live; each as it was given then.
    3. Up: on an authorisation by a deployer, for the candidate, given on this ladder, neither expired then nor revoked;
       to the rung that comes next on it, under the summary that the candidate has.
    """
    # 1.
    if stand is None or not earlier or move.get("floor") != earlier[-1].get("floor"):
        raise Fault("the guard made a first move, or moved the floor")
    # 2.
    if move.get("move") == "down":
        place, since = ("version", "manifest", "vsa", "rung", "share"), stand.since.index if stand.since else 0
        stood = {"withdraws": [stand.live], "lowers": [one for one in earlier if one.index >= since]}
        before = stood.get(leads_down(move, stand), list(earlier))
        if [move.get(key) for key in place] not in [[one.get(key) for key in place] for one in before]:
            raise Fault("the guard moved a model down to where it never stood")
        return
    # 3.
    given = need(log.get(move.get("authorisation")), "the guard's authorisation is not in the log")
    candidate = need(stand.candidate, "the guard moved a model up, and none is on the ladder")
    same = [candidate.get(key) for key in ("environment", "name", "version", "manifest")]
    for one in (given, move):
        if [one.get(key) for key in ("environment", "name", "version", "manifest")] != same:
            raise Fault("the guard's authorisation is for something else than the candidate, or the move is")
    if (given.claim, given.role) != ("authorise", "deployer") or given.index > move.index:
        raise Fault("the guard's authorisation is none")
    if stand.since is None or given.index < stand.since.index:
        raise Fault("the guard's authorisation was given for an earlier time on the ladder")
    revoked = [one for one in log.values() if one.claim == "revoke" and one.index < move.index]
    if given.digest in {value for one in revoked for _, value in one.statement.subjects}:
        raise Fault("the guard's authorisation was revoked before")
    if move.time >= moment(given.get("expires")):
        raise Fault("the guard's authorisation had expired")
    rungs = [(one["name"], one["share"]) for one in given.get("rungs")]
    following = dict(pairwise(rungs)).get((candidate.get("rung"), candidate.get("share")))
    if (move.get("rung"), move.get("share")) != following or move.get("vsa") != candidate.get("vsa"):
        raise Fault("the guard's move is not to the next rung of its authorisation, as the candidate stands")


def check_summary(summary: Said, move: Said, registration: Said, log: Mapping[str, Said]) -> None:
    """A verification summary (SLSA VSA) carries the move that names it. Raises Fault.

    1. It stands before the move, is about its model, environment and name, and passed.
    2. It was made under the policy that was in force.
    3. What it rests on stands before it, and what the model was made from is among that.
    4. An approval or a waiver among that is for this environment, and for this model or for every one.
    """
    entry = f"the summary at entry {summary.index}"
    # 1.
    uri = f"urn:lockgate:environment:{move.get('environment')}:{move.get('name')}"
    same = summary.get("environment") == move.get("environment") and summary.get("resourceUri") == uri
    about = [value for _, value in summary.statement.subjects] == [move.get("manifest")]
    if summary.claim != "promote" or summary.index > move.index or not same or not about:
        raise Fault(f"{entry} is of something else than the move that rests on it")
    if summary.get("verificationResult") != "PASSED":
        raise Fault(f"{entry} did not pass")
    # 2.
    before = [one for one in log.values() if one.index < summary.index]
    policies = [one.statement.subjects[0][1] for one in before if one.claim == "policy"]
    if policies[-1:] != [f"sha256:{summary.get('policy', 'digest', 'sha256')}"]:
        raise Fault(f"{entry} was made under another policy than was in force")
    # 3.
    listed = inputs_of(summary)
    if not {*listed} <= {one.digest for one in before}:
        raise Fault(f"{entry} rests on statements that do not stand before it")
    if not {registration.digest, *registration.get("inputs").values()} <= {*listed}:
        raise Fault(f"{entry} does not rest on what the model was made from")
    # 4.
    for one in (log[each] for each in listed):
        here = one.get("environment") == move.get("environment")
        mine = one.get("manifest") == move.get("manifest") or (one.claim == "waive" and one.get("manifest") is None)
        if one.claim in {"approve", "waive"} and not (here and mine):
            raise Fault(f"{entry} counts an approval or a waiver that is for something else")


def check_in_force(move: Said, summary: Said, moves: Sequence[Said], log: Mapping[str, Said]) -> None:
    """The summary's policy was still in force at the first move under it that gave as much traffic. Raises Fault.

    A move back, or the guard's, is under the summary that the model had. A deployer's climb needs a summary of its own.
    """
    under = [one for one in moves if (one.get("manifest"), one.get("vsa")) == (move.get("manifest"), summary.digest)]
    first = next(one for one in under if one.get("share") >= move.get("share"))
    if first.role == "deployer" and first is not under[0]:
        raise Fault(f"move {first.get('sequence')} climbs under a summary that was used for a lower rung")
    policies = [one for one in log.values() if one.claim == "policy" and one.index < first.index]
    if [value for _, value in policies[-1].statement.subjects] != [
        f"sha256:{summary.get('policy', 'digest', 'sha256')}"
    ]:
        raise Fault(f"move {first.get('sequence')} was made under another policy than the summary that it rests on")


def let_pass(summary: Said) -> list[str]:
    """What the gate found, and did not refuse: as the summary says it."""
    listed = summary.get("reasons")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [plain(f"{one.get('finding')} {one.get('message')}", 300) for one in found[:50]]


def inputs_of(summary: Said) -> list[str]:
    """The statements that a verification summary rests on."""
    return [f"sha256:{at(one, 'digest', 'sha256')}" for one in summary.get("inputAttestations")]


def _standing(
    model: Mapping[str, Any], moves: Mapping[str, Sequence[Said]], log: Mapping[str, Said], report: Report
) -> str:
    """Where the model stands now, who approved that, and what was waived for it. What has ended is refused."""
    found = []
    for where, made in moves.items():
        live = [one for one in made if one.get("rung") == "live"][-1:]
        for one in {one.digest: one for one in (*live, made[-1]) if one.get("manifest") == model["manifest"]}.values():
            rung, summary = one.get("rung"), log[one.get("vsa")]
            found.append(f"{rung} in {where} by move {one.get('sequence')}")
            report.lines.append(f"deploy    {rung} in {where}: {one.by()}, {when(one.time)}")
            listed = inputs_of(summary)
            refuse_revoked([one.digest, summary.digest, *listed], log, report, f"what it is {rung} on in {where}")
            words = [each for each in map(log.__getitem__, listed) if each.claim in {"approve", "waive"}]
            warn_of_keys([one, summary, *words], log, report)
            check_in_force(one, summary, made, log)
            report.lines += [f"let pass  in {where}: {line}" for line in let_pass(summary)]
            for each in words:
                report.lines.append(f"{each.claim:<9} in {where}: {each.by()}")
                if each.claim == "waive" and report.now > moment(each.get("expires")):
                    report.refused.append(f"a waiver in {where} ended at {each.get('expires')}")
    return "; ".join(found) or "it stands nowhere"


def check_files(members: Mapping[str, Member], chain: Chain, model: Mapping[str, Any]) -> str:
    """Manifest, signature and the files that are here are those of the registration, byte for byte. Raises Fault."""
    last = chain["register"] if "register" in chain else chain["import"]
    files = registered_files(last.get("files"))
    manifest = need(members.get("model/manifest.json"), "the model's manifest is missing")
    if (manifest.digest, manifest.size) != (model["manifest"], last.get("manifest", "size")):
        raise Fault("the manifest is another one than was registered")
    if manifest_files(manifest.data or b"") != files:
        raise Fault("the manifest lists other files than were registered")
    wrong = [n for n, one in files.items() if (m := members.get(f"model/{n}")) and (m.digest, m.size) != one]
    if wrong:
        raise Fault(f"{plain(wrong[0], 80)} has other bytes than were registered")
    said = f"{sum(f'model/{name}' in members for name in files)} of {len(files)} are here, with the registered bytes"
    sig = members.get("model/model.sig")
    signature = last.get("signature") if last.claim == "register" else last.get("signer", "signature")
    if sig and (sig.digest, sig.size) != (at(signature, "digest"), at(signature, "size")):
        raise Fault("model.sig is another one than was registered")
    if last.claim == "import":
        return f"{said}; imported: how it was made is not proved"
    by = check_model_signature(need(sig, "model.sig is missing").data or b"", files, last.signers)
    return f"{said}; model.sig over all of them by {by.person}"


def check_records(
    members: Mapping[str, Member],
    index: Mapping[str, Any],
    roles: Roles,
    model: Mapping[str, Any],
    demands: Demands,
    report: Report,
) -> str:
    """Each record of a prediction is in the log of predictions, under its one checkpoint. Raises Fault."""
    records = sorted(name for name in members if name.startswith("records/"))
    proofs = {name for name in members if name.startswith("proofs/")}
    if index["predictions"] is None:
        if records or proofs or "log/predictions/checkpoint" in members:
            raise Fault("there are records, and the index knows of no log of predictions")
        return "no log of predictions"
    checkpoint = held_checkpoint(members, "predictions", report.root, roles, index["predictions"])
    note = members["log/predictions/checkpoint"].data
    witnessed = check_witnesses(checkpoint, "predictions", roles, demands, report)
    of_model = 0
    for name in records:
        number = need(re.fullmatch(r"records/(0|[1-9][0-9]*)\.json", name), f"{name} is no record")[1]
        leaf = need(members[name].data, f"{name} is empty")
        proof = members.get(f"proofs/predictions/{number}.tlog-proof")
        proofs.discard(f"proofs/predictions/{number}.tlog-proof")
        parsed = read_proof(need(proof.data if proof else None, f"{name} has no proof"))
        if parsed.index != int(number) or parsed.note != note:
            raise Fault(f"the proof of {name} is for another entry, or another checkpoint")
        check_inclusion(leaf_hash(leaf), parsed.index, checkpoint.size, parsed.path, checkpoint.root)
        of_model += read_record(leaf).get("model") == model["manifest"]
    if proofs:
        raise Fault(f"a proof of nothing: {min(proofs)}")
    return f"{len(records)} records of {checkpoint.size}, {of_model} of them of this model{witnessed}"


def read_record(leaf: bytes) -> dict[str, Any]:
    """A record of the log of predictions: what every kind has is checked. Raises ValueError."""
    value = read_exact(leaf)
    numbers = (at(value, "seq"), at(value, "time"))
    named = isinstance(at(value, "gateway"), str) and re.fullmatch(r"[0-9a-f]{16}", value["gateway"])
    if at(value, "v") not in (1, 2) or not named or not all(type(n) is int and 0 <= n < 1 << 53 for n in numbers):
        raise ValueError("not a record of a prediction")
    return dict(value)


def check_papers(members: Mapping[str, Member], index: Mapping[str, Any], log: Mapping[str, Said], chain: Chain) -> str:
    """What the archive says of itself is no more than what is proved here. Raises Fault.

    1. Only what a step of this program has checked is called proved.
    2. The policy is the newest that was signed.
    3. Each fact stands, so, in the statement that it names, and its file leaves none of its kind out.
    """
    # 1.
    in_log = re.compile(r"(?:log|statements|records|proofs)/.+")
    last = chain["register"] if "register" in chain else chain["import"]
    own = {"manifest.json", "model.sig", *registered_files(last.get("files"))}
    facts = []
    for one in index["files"]:
        path, proved = one["path"], one["proved"]
        of_model = path.startswith("model/") and path[6:] in own
        is_fact = path in {f"facts/{name}.json" for name in FACTS}
        allowed = {"none"} | ({"log"} if in_log.fullmatch(path) else set())
        allowed |= {"statement"} if of_model or is_fact or path == "policy.toml" else set()
        if proved not in allowed:
            raise Fault(f"index.json says that {path} is proved by {plain(proved, 40)}, and nobody can")
        facts += [path] if is_fact and proved == "statement" else []
    # 2.
    policies = [one for one in log.values() if one.claim == "policy"]
    policy = members.get("policy.toml")
    if policy and (not policies or [value for _, value in policies[-1].statement.subjects] != [policy.digest]):
        raise Fault("policy.toml is not the policy that was signed last")
    # 3.
    by_index = {one.index: one for one in log.values()}
    count = 0
    for path in facts:
        named = set()
        for one in has(read_exact(members[path].data or b""), "v facts")["facts"]:
            fact = has(one, "statement index path value")
            said = by_index.get(fact["index"])
            if said is None or said.digest != fact["statement"] or not isinstance(fact["path"], list):
                raise Fault(f"{path} names a statement that is not there")
            if spelled(at(said.statement.value, *fact["path"])) != spelled(fact["value"]):
                raise Fault(
                    f"{path} says something else than entry {said.index} of the log: {plain(fact['path'], 200)}"
                )
            named.add(said.digest)
            count += 1
        check_complete(path, named, log, index["model"], chain)
    return f"{count} facts stand so in the statements that they name" + ("; the policy is the newest" if policy else "")


OF_CHAIN = {
    "sources": "ingest",
    "quarantine": "validate",
    "screen": "validate",
    "training": "train",
    "judge": "judge",
    "robustness": "judge",
}
OF_MODEL = {
    "deployments": "deploy",
    "approvals": "approve",
    "waivers": "waive",
    "promotions": "promote",
    "alarms": "alarm",
    "acknowledgements": "acknowledge",
}
OF_PROJECT = {"revocations": "revoke", "roles": "roles", "marks": "mark", "erasures": "erase"}
FACTS = {*OF_CHAIN, *OF_MODEL, *OF_PROJECT}


def check_complete(path: str, named: set[str], log: Mapping[str, Said], model: Mapping[str, Any], chain: Chain) -> None:
    """A file of facts is about this model, and leaves out no statement of its kind. Raises Fault.

    Of the chain: only the statement that the model rests on. Of the model: all that name its manifest (a waiver may
    name none: it is for every model). Of the project: all.
    """
    name = path.removeprefix("facts/").removesuffix(".json")
    if name in OF_CHAIN:
        own = {chain[claim].digest for claim in [OF_CHAIN[name]] if claim in chain}
        if named - own:
            raise Fault(f"{path} quotes a statement that this model does not rest on")
        return
    claim = {**OF_MODEL, **OF_PROJECT}[name]
    wanted = {}
    for one in (each for each in log.values() if each.claim == claim):
        about = {one.get("manifest"), *(value for _, value in one.statement.subjects if claim == "promote")}
        if name in OF_PROJECT or model["manifest"] in about or (claim == "waive" and not one.get("manifest")):
            wanted[one.digest] = one.index
    if left := {*wanted} - named:
        raise Fault(f"{path} leaves out entry {min(wanted[one] for one in left)} of the log")
    if named - {*wanted}:
        raise Fault(f"{path} quotes a statement that is not about this model, or of another kind")


# --- 9. One entry of a log, one prediction ----------------------------------------------------------------------------


def read_roles_folder(folder: Path, root: str) -> tuple[Reigns, list[tuple[bytes, bytes]]]:
    """The roles files in `folder` in order, each with its leaf and its proof. Raises Fault, ValueError."""
    reigns: Reigns = []
    proofs = []
    names = sorted(folder.glob("*.json"), key=lambda path: (len(path.name), path.name))
    for path in names[:1000]:
        envelope = read_envelope(read_file(path))
        after, _ = roles_after(reigns[-1][1] if reigns else None, envelope, root)
        leaf, proof = read_file(path.with_suffix(".leaf")), read_file(path.with_suffix(".tlog-proof"))
        check_leaf(read_leaf(leaf), envelope, read_statement(envelope.payload))
        reigns.append((read_proof(proof).index, after))
        proofs.append((leaf, proof))
    places = [since for since, _ in reigns]
    if not names:
        raise Fault(
            f"there are no roles files in {folder}: give --roles DIR, the folder that came with the proof", USAGE
        )
    if places[0] != 0 or places != sorted(set(places)):
        raise Fault(
            f"the roles files in {folder} do not begin with the first entry of the log, or are not in its order"
        )
    return reigns, proofs


def check_roles_folder(folder: Path, report: Report) -> Reigns:
    """The roles files that travel with a proof, each proved to be in the log of events. Raises Fault, ValueError."""
    reigns, proofs = read_roles_folder(folder, report.root)
    newest = reigns[-1][1]
    for leaf, proof in proofs:
        check_proof(proof, leaf, f"lockgate/{report.root}/events", newest.sealer().raw())
    check_expired(newest, report)
    return reigns


def check_entry(proof: bytes, leaf: bytes, reigns: Reigns, report: Report, demands: Demands, said: list[str]) -> str:
    """`leaf` is in the log that its proof names. Gives `events` or `predictions`. Raises Fault, ValueError."""
    newest = reigns[-1][1]
    signed = read_note(read_proof(proof).note).text.decode().split("\n")[0]
    log = signed.removeprefix(f"lockgate/{report.root}/")
    need(log in {"events", "predictions"}, f"the proof is of another log: {plain(signed, 100)}")
    try:
        place, checkpoint = check_proof(proof, leaf, signed, newest.sealer().raw())
    except Fault as fault:
        why = fault
        for _, roles in reigns[:-1]:
            with suppress(Fault, ValueError):
                check_proof(proof, leaf, signed, roles.sealer().raw())
                why = Fault("a former sealer's key signed it, which counts no more: ask for a proof anew", REFUSED)
        raise why from None
    witnessed = check_witnesses(checkpoint, log, newest, demands, report)
    said.append(f"entry {place} of {checkpoint.size} in the log of {log}{witnessed}")
    report.facts |= {"log": log, "index": place, "size": checkpoint.size}
    return log


def read_entry(proof: bytes, path: Path, usual: Path) -> bytes:
    """The leaf: a file, or the proof's own `extra` line. Nobody signs that line: it is hashed as any other leaf is."""
    extra = read_proof(proof).extra if path == usual and not path.exists() else None
    return read_file(path) if extra is None else extra


LATER = "that no later roles file, revocation or deployment exists: ask for an archive of evidence, made today"


def record_lines(record: Mapping[str, Any], leaf: bytes) -> list[str]:
    """A record in words, then as it stands in the log. Its time is the gateway's, in milliseconds since 1970."""
    what = str(record.get("kind", "predictions"))
    lines = [f"record    {plain(what, 40)}, at {when(record['time'] // 1000)} by the gateway's clock"]
    if all(isinstance(record.get(key), str) for key in ("model", "rung", "environment")):
        where = f"{record['rung']} in {record['environment']}"
        lines.append(f"          by the model with the manifest {plain(record['model'], 80)}, {plain(where, 120)}")
    return [*lines, f"          as it stands in the log: {plain(leaf.decode(), 1500)}"]


def check_single(paths: Mapping[str, Path], report: Report, demands: Demands) -> None:
    """A tlog-proof file: the leaf is in the log, and, in the log of events, the statement is what it says. Fault."""
    report.title = f"proof      {paths['proof']}"
    with report.step("the roles") as said:
        reigns = check_roles_folder(paths["roles"], report)
        said.append(f"version {reigns[-1][1].version}, the first signed by your root, each in the log")
    with report.step("the entry") as said:
        proof = read_file(paths["proof"])
        leaf = read_entry(proof, paths["leaf"], paths["proof"].parent / "leaf")
        log = check_entry(proof, leaf, reigns, report, demands, said)
    report.not_proved.append(LATER)
    if log == "predictions":
        record = read_record(leaf)
        report.lines += record_lines(record, leaf)
        report.facts["record"] = record
        report.not_proved.append("what was asked and answered: the client's receipt opens that")
        return
    with report.step("the statement") as said:
        envelope = read_envelope(read_file(paths["statement"]))
        index = read_proof(proof).index
        roles = next(one for since, one in reversed(reigns) if since <= index)
        if read_leaf(leaf)["claim"] == "roles":
            before = next((one for since, one in reversed(reigns) if since < index), None)
            (_, signers), statement = roles_after(before, envelope, report.root), read_statement(envelope.payload)
        else:
            statement, signers = check_statement(envelope, roles, report.root)
        check_leaf(read_leaf(leaf), envelope, statement)
        one = Said(index, envelope.digest, statement, tuple(signers), "", moment(read_leaf(leaf)["time"]))
        said.append(f"{one.claim} by {one.by()}")
    subjects = ", ".join(f"{plain(name, 80)} {value}" for name, value in statement.subjects[:5])
    report.lines.append(f"{one.claim:<9} about {subjects}")
    report.facts |= {"claim": one.claim, "statement": one.digest, "predicate": statement.predicate}
    report.not_proved += NOT_PROVED[:2]


RECEIPT = re.compile(r"lgr([12])\.([0-9a-f]{16})\.(0|[1-9][0-9]{0,15})(?:\.(0|[1-9][0-9]{0,2}))?\.([A-Za-z0-9_-]{43})")


def commitment(salt: bytes, value: object) -> str:
    """HMAC-SHA256 of the value's one spelling, under the salt that the receipt holds."""
    return hmac.new(salt, spelled(value), hashlib.sha256).hexdigest()


def check_receipt(
    token: str, paths: Mapping[str, Path], given: Mapping[str, Path], report: Report, demands: Demands
) -> None:
    """A receipt: its record is in the log, and commits to what the caller gives. Raises Fault."""
    parts = RECEIPT.fullmatch(token)
    if parts is None or (parts[1] == "2") != (parts[4] is not None):
        raise Fault("that is no receipt", USAGE)
    salt = base64.urlsafe_b64decode(parts[5] + "=")
    if base64.urlsafe_b64encode(salt).decode() != parts[5] + "=":
        raise Fault("that is no receipt", USAGE)
    report.title = f"receipt    record {parts[3]} of gateway {parts[2]}"
    with report.step("the roles") as said:
        reigns = check_roles_folder(paths["roles"], report)
        said.append(f"version {reigns[-1][1].version}, the first signed by your root, each in the log")
    with report.step("the record") as said:
        proof = read_file(paths["proof"])
        leaf = read_entry(proof, paths["leaf"], paths["proof"].parent / "leaf")
        if check_entry(proof, leaf, reigns, report, demands, said) != "predictions":
            raise Fault("the proof is of the log of events")
        record = read_record(leaf)
        if (record["gateway"], record["seq"]) != (parts[2], int(parts[3])):
            raise Fault("the record is not the one of this receipt")
    with report.step("what it commits to") as said:
        committed = commitments(record, int(parts[4]) if parts[4] else None)
        opened = {}
        for name, path in given.items():
            wanted = need(committed.get(name), f"the record commits to no {name}")
            values = candidates(name, read_json(read_file(path), LARGE), record, parts[4], token)
            opened[name] = any(hmac.compare_digest(wanted, commitment(salt, value)) for value in values)
            need(opened[name], f"the {name} is not the one that the record commits to")
        said.append(f"opened: {', '.join(opened) or 'nothing was given to compare'}")
    report.lines += record_lines(record, leaf)
    report.facts |= {"record": record, "opened": opened}
    report.not_proved.append(LATER)
    report.not_proved += [f"the {name}: it was not given" for name in committed if name not in opened]
    report.not_proved += ["which model the manifest's digest is of: ask for its evidence", NOT_PROVED[1]]


def commitments(record: Mapping[str, Any], row: int | None) -> dict[str, str]:
    """What a record commits to for a row: the one of a record of version 1 has no number. Raises Fault."""
    kind = record.get("kind")
    if record["v"] == 1 and row is None:
        return {name: record[name] for name in ("input", "output")}
    if record["v"] == 2 and kind == "predictions" and row is not None and row < len(record["inputs"]):
        return {"input": record["inputs"][row], "output": record["outputs"][row]}
    if record["v"] == 2 and kind in {"refused", "feedback"} and row == 0:
        return {name: record[name] for name in ("input", "label") if name in record}
    if record["v"] == 2 and kind == "file" and row == 0:
        return {}
    raise Fault("the record has no row of this receipt")


def candidates(name: str, value: Any, record: Mapping[str, Any], row: str | None, token: str) -> list[Any]:
    """What the file may mean: the value itself, or its row in a whole request (`records`) or answer (`predictions`)."""
    found = [value]
    records, predictions, receipts = (at(value, key) for key in ("records", "predictions", "receipts"))
    if name == "input" and isinstance(records, list):
        place = record.get("first")
        found += records if type(place) is not int else records[place + int(row or 0) :][:1]
    if name == "output" and isinstance(predictions, list) and isinstance(receipts, list):
        found += [one for one, mine in zip(predictions, receipts, strict=False) if mine == token]
    return found


# --- 10. The command line ---------------------------------------------------------------------------------------------


def read_file(path: Path, most: int = LARGE) -> bytes:
    """A whole file. Raises Fault."""
    try:
        if path.exists() and not path.is_file():
            raise Fault(f"{path} is no plain file", UNREADABLE)
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(data) > most:
        raise Fault(f"{path} is larger than {most} bytes", UNREADABLE)
    return data


def _unreadable(path: Path | str, error: OSError) -> Fault:
    """What is not there was asked for by a wrong name, or left behind: nobody forged anything."""
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    return Fault(
        f"there is no file {path}" if missing else f"{path} cannot be read: {error.strerror}",
        USAGE if missing else UNREADABLE,
    )


MORE = """\
ARCHIVE          NAME.evidence.zip, as `lockgate export evidence` writes it
proof FILE       proof.tlog-proof of the folder that `lockgate log prove --out` writes
receipt TOKEN    a client's receipt (lgr1... or lgr2...); needs --proof

exit codes: 0 it holds; 1 genuine, and must not be relied on (expired, revoked, too few witnesses); 2 the call is wrong,
or a file is not there; 3 something is not what was signed; 4 a file cannot be read
"""
FILES = {
    "proof": "for `receipt`: the tlog-proof of the record",
    "leaf": "the entry of the log that is proved (default: `leaf` beside the proof, or the one in the proof)",
    "roles": "the folder of roles files that came with the proof (default: `roles` beside it)",
    "statement": "the signed statement that the entry names (default: `statement.json` beside the proof)",
    "input": "for `receipt`: what was asked, as JSON: the row, or the whole request",
    "output": "for `receipt`: what was answered, as JSON: one prediction, or the whole answer",
    "label": "for `receipt` of a label: the label that was told, as JSON",
}


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(
        description="Check evidence that Lockgate exported.",
        allow_abbrev=False,
        epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--root", required=True, metavar="FP", help="SHA-256 of the project's first root key, 64 hex")
    found.add_argument("--witness", action="append", default=[], metavar="VKEY", help="a witness that you know; repeat")
    found.add_argument(
        "--min-witnesses", type=int, metavar="K", help="how many of them must have cosigned all of it (default: each)"
    )
    found.add_argument(
        "--max-age",
        type=float,
        metavar="HOURS",
        help="oldest cosignature that counts, or, where no witness is asked for, sign of life of the log",
    )
    found.add_argument(
        "--seen", type=Path, metavar="FILE", help="a checkpoint of the log of events that you saw before"
    )
    found.add_argument("--at", metavar="TIME", help="judge as of 2026-11-27T00:00:00Z, not of now")
    found.add_argument("--json", action="store_true", help="the report as JSON")
    for name, what in FILES.items():
        found.add_argument(f"--{name}", type=Path, metavar="DIR" if name == "roles" else "FILE", help=what)
    found.add_argument("what", nargs="+", metavar="WHAT", help="ARCHIVE | proof FILE | receipt TOKEN")
    return found


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Do what the arguments ask for. Raises Fault."""
    try:
        names = dict(read_witness(line) for line in arguments.witness)
        if not len(names) == len({*names.values()}) == len(arguments.witness):
            raise ValueError("a witness is named twice: each --witness needs a name and a key of its own")
        report.now = moment(arguments.at) if arguments.at else report.now
        oldest = None if arguments.max_age is None else timedelta(hours=arguments.max_age)
    except (ValueError, OverflowError) as error:
        raise Fault(f"{error}", USAGE) from None
    demands = Demands(
        [*names.items()],
        len(names) if arguments.min_witnesses is None else arguments.min_witnesses,
        oldest,
        read_file(arguments.seen, MOST_NOTE) if arguments.seen else b"",
    )
    if demands.least > len(names):
        raise Fault("there are fewer --witness than --min-witnesses", USAGE)
    mode, *rest = arguments.what
    proof = Path(rest[0]) if mode == "proof" and rest else arguments.proof
    if mode == "receipt" and len(rest) == 1 and not proof:
        raise Fault("give --proof FILE, the tlog-proof of the receipt's record", USAGE)
    if mode in {"proof", "receipt"} and len(rest) == 1 and proof:
        read_file(proof)  # a wrong name is told before anything that lies beside it
        beside = {"leaf": "leaf", "roles": "roles", "statement": "statement.json"}
        paths = {name: getattr(arguments, name) or proof.parent / usual for name, usual in beside.items()}
        if mode == "proof":
            check_single({"proof": proof, **paths}, report, demands)
        else:
            given = {
                name: getattr(arguments, name) for name in ("input", "output", "label") if getattr(arguments, name)
            }
            check_receipt(rest[0], {"proof": proof, **paths}, given, report, demands)
    elif mode not in {"proof", "receipt"} and not rest:
        report.title = mode
        try:
            if Path(mode).exists() and not Path(mode).is_file():
                raise Fault(f"{mode} is no plain file", UNREADABLE)
            with Path(mode).open("rb") as file:
                check_archive(file, report, demands)
        except OSError as error:
            raise _unreadable(mode, error) from None
    else:
        raise Fault("give ARCHIVE, or proof FILE, or receipt TOKEN --proof FILE", USAGE)


def main(arguments: Sequence[str] | None = None, write: Callable[[str], object] = sys.stdout.write) -> int:
    """The program. Gives the exit code; whatever nobody thought of is a failed verification."""
    asked = parser().parse_args(arguments)
    root = asked.root.removeprefix("sha256:").lower()
    report = Report(" ".join(asked.what), root, datetime.now(UTC))
    try:
        if not re.fullmatch(r"[0-9a-f]{64}", root):
            raise Fault("--root is the SHA-256 of a key: 64 hex digits", USAGE)
        run(asked, report)
        report.code = REFUSED if report.refused else OK
    except Fault as fault:
        report.code, report.failed = fault.code, str(fault)
    except Exception as error:  # noqa: BLE001 - a way out that nobody thought of must not look like success
        report.code, report.failed = FAILED, f"{type(error).__name__}: {plain(error, 300)}"
    write(report.as_json() if asked.json else report.text())
    return report.code


if __name__ == "__main__":
    sys.exit(main())
