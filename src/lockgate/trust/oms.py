"""OpenSSF Model Signing bundles (`model.sig`), as `model_signing` 1.1.1 writes and reads them. Pure.

    bundle = {"mediaType": ...bundle.v0.3+json,
              "verificationMaterial": {"publicKey": {"hint": sha256(PEM)}, "tlogEntries": []},
              "dsseEnvelope": {"payload", "payloadType", "signatures": [{"sig", "keyid": ""}]}}
    payload = in-toto Statement v1, one subject: root = sha256(raw digests in order), predicate:
              {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false},
               "resources": [{"name", "algorithm": "sha256", "digest"}...]}   ordered by path components

The root does not cover names, so it is no identity: only the signed payload as a whole is. Where the reference
verifier is lenient we are not: one predicate type, one PAE, no default ignores, no `..`, no file beside the
signed ones. Bundles of others are not in our encoding, so JSON is read strictly, but not compared byte by byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from lockgate.core.digest import Digest, from_hex, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.names import check_file_name, order_of_file_name
from lockgate.core.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from lockgate.errors import VerificationFailed
from lockgate.trust.dsse import from_base64, pae, to_base64
from lockgate.trust.keys import PublicKey

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
MOST: Final = 64 << 20
_HEX = re.compile(r"[0-9a-f]{64}")


class Signs(Protocol):
    """What `sign_files` needs of a signer."""

    public: PublicKey

    def signature(self, message: bytes) -> bytes:
        """A bare ECDSA signature in DER."""


@dataclass(frozen=True)
class SignedFiles:
    """What a verified bundle says. `ignored`: paths that its signer declared to have left out (we refuse them too)."""

    name: str
    files: Mapping[str, Digest]
    keyid: str
    ignored: tuple[str, ...]


def sign_files(name: str, files: Sequence[tuple[str, Digest]], signer: Signs) -> bytes:
    """The bundle over `files`; `name` is informative.

    Raises ValueError: no files, an unsafe or repeated name, an Ed25519 key.
    """
    if signer.public.kind == "ed25519":
        raise ValueError("OpenSSF Model Signing knows ECDSA keys only")
    ordered = sorted(files, key=lambda file: order_of_file_name(file[0]))
    names = [check_file_name(file[0]) for file in ordered]
    if not names or len(set(names)) != len(names):
        raise ValueError("there is at least one file, and no two of one name")
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": _root(digest for _, digest in ordered)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
            "resources": [{"name": n, "algorithm": "sha256", "digest": hex_of(d)} for n, d in ordered],
        },
    }
    payload = encode(statement)
    signature = signer.signature(pae(PAYLOAD_TYPE, payload))
    return encode(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": _hint(signer.public)}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": to_base64(payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": to_base64(signature), "keyid": ""}],
            },
        }
    )


def read_bundle(bundle: bytes, public_key: PublicKey) -> SignedFiles:
    """What `public_key` signed.

    1. The bundle has the one media type and no field that we do not know.
    2. Its hint names this key.
    3. Its one signature is this key's over the PAE of the payload.
    4. The payload is a Statement v1 of the one predicate type, SHA-256 by file.
    5. Its names are safe, each once, in order; its root is that of its digests.

    Raises:
        VerificationFailed: LG850 malformed (1, 4, 5), LG851 another key or a wrong signature (2, 3).
    """
    # 1.
    try:
        hint, payload, signature = _read_bundle(bundle)
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed(str(error)) from None
    # 2.
    if hint is not None and hint != _hint(public_key):
        raise VerificationFailed(
            "LG851",
            "the signature was made with another key",
            seen={"expected": _hint(public_key), "seen": hint, "keyid": public_key.keyid},
            next="lockgate verify PATH --key PUBLIC_KEY",
        )
    # 3.
    if not public_key.verify(signature, pae(PAYLOAD_TYPE, payload)):
        raise VerificationFailed(
            "LG851",
            "the signature is not by this key over this list of files",
            seen={"keyid": public_key.keyid},
            next="lockgate verify PATH --key PUBLIC_KEY",
        )
    # 4. and 5.
    try:
        return _read_payload(decode(payload), public_key.keyid)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _malformed(str(error)) from None


def verify_bundle(bundle: bytes, files: Sequence[tuple[str, Digest]], public_key: PublicKey) -> SignedFiles:
    """Verify that `files` are exactly the signed ones.

    Raises:
        VerificationFailed: as `read_bundle`; LG852 a file has other bytes, LG853 a file that was not signed,
            LG854 a signed file that is not there.
    """
    signed = read_bundle(bundle, public_key)
    found = dict(files)
    if len(found) != len(files):
        raise _malformed("a file is given twice")
    for name in sorted({*found, *signed.files}, key=order_of_file_name):
        expected, seen = signed.files.get(name), found.get(name)
        if expected == seen:
            continue
        finding, message = _difference(name, expected, seen)
        raise VerificationFailed(
            finding,
            message,
            seen={"file": name, "expected": expected, "seen": seen},
            next="get the files again from where they were signed",
        )
    return signed


def _difference(name: str, expected: Digest | None, seen: Digest | None) -> tuple[str, str]:
    if expected is None:
        return "LG853", f"{name} is there, and was not signed"
    if seen is None:
        return "LG854", f"{name} was signed, and is not there"
    return "LG852", f"{name} does not have the bytes that were signed"


def _root(digests: Any) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(hex_of(digest)) for digest in digests)).hexdigest()


def _hint(key: PublicKey) -> str:
    return hashlib.sha256(key.pem.encode()).hexdigest()


def _read_bundle(bundle: bytes) -> tuple[str | None, bytes, bytes]:
    if len(bundle) > MOST:
        raise ValueError("too large")
    value = decode(bundle)
    _exactly(value, {"mediaType", "verificationMaterial", "dsseEnvelope"}, "a bundle")
    material, envelope = value["verificationMaterial"], value["dsseEnvelope"]
    if value["mediaType"] != MEDIA_TYPE:
        raise ValueError(f"media type {value['mediaType']!r}")
    _exactly(material, {"publicKey", "tlogEntries"}, "key material", optional={"tlogEntries"})
    if material.get("tlogEntries", []) != []:
        raise ValueError("log entries that a key signature does not have")
    _exactly(material["publicKey"], {"hint"}, "a public key hint", optional={"hint"})
    _exactly(envelope, {"payload", "payloadType", "signatures"}, "an envelope")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"payload type {envelope['payloadType']!r}")
    if not isinstance(envelope["signatures"], list) or len(envelope["signatures"]) != 1:
        raise ValueError("there is exactly one signature")
    signature = envelope["signatures"][0]
    _exactly(signature, {"sig", "keyid"}, "a signature", optional={"keyid"})
    if signature.get("keyid", "") != "":
        raise ValueError("a keyid that nobody checks")
    return material["publicKey"].get("hint"), from_base64(envelope["payload"]), from_base64(signature["sig"])


def _read_payload(value: Any, keyid: str) -> SignedFiles:
    _exactly(value, {"_type", "subject", "predicateType", "predicate"}, "a statement")
    if value["_type"] != STATEMENT_TYPE or value["predicateType"] != PREDICATE_TYPE:
        raise ValueError(f"{value['_type']!r} with predicate {value['predicateType']!r}")
    predicate = value["predicate"]
    if not isinstance(predicate, dict):
        raise ValueError("a predicate is an object")
    # The format's v1.0 says that further fields of the predicate are ignored; those of `serialization` are not.
    ignored = _serialization(predicate["serialization"])
    files: dict[str, Digest] = {}
    for resource in predicate["resources"]:
        _exactly(resource, {"name", "algorithm", "digest"}, "a resource")
        if resource["algorithm"] != "sha256" or not _HEX.fullmatch(resource["digest"]):
            raise ValueError("a digest is not SHA-256 in lower-case hex")
        name = check_file_name(resource["name"])
        if name in files:
            raise ValueError(f"{name!r} is listed twice")
        files[name] = from_hex(resource["digest"])
    if not files or list(files) != sorted(files, key=order_of_file_name):
        raise ValueError("files are listed in the order of their path components, at least one")
    if len(value["subject"]) != 1:
        raise ValueError("there is exactly one subject")
    subject = value["subject"][0]
    _exactly(subject, {"name", "digest"}, "a subject")
    if not isinstance(subject["name"], str) or subject["digest"] != {"sha256": _root(files.values())}:
        raise ValueError("the root is not that of the listed digests")
    return SignedFiles(subject["name"], files, keyid, ignored)


def _serialization(value: Any) -> tuple[str, ...]:
    _exactly(
        value, {"method", "hash_type", "allow_symlinks", "ignore_paths"}, "serialization", optional={"ignore_paths"}
    )
    if (value["method"], value["hash_type"], value["allow_symlinks"]) != ("files", "sha256", False):
        raise ValueError("only whole files by SHA-256 without symlinks are read (method files, hash_type sha256)")
    ignored = value.get("ignore_paths", [])
    if not isinstance(ignored, list) or not all(isinstance(path, str) for path in ignored):
        raise ValueError("ignore_paths are texts")
    return tuple(ignored)


def _exactly(value: Any, fields: set[str], what: str, optional: set[str] | None = None) -> None:
    if not isinstance(value, dict) or not fields - (optional or set()) <= set(value) <= fields:
        raise ValueError(f"{what} has exactly {', '.join(sorted(fields))}")


def _malformed(why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG850", f"the model signature is malformed: {why}", next="sign the files again: lockgate sign DIR --key KEY"
    )
