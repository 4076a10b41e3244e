"""OpenSSF Model Signing bundles (`model.sig`), as `model_signing` 1.1.1 writes and reads them. Pure.

    payload = in-toto Statement v1, one subject: root = sha256(raw digests in order), predicate:
              {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false},
               "resources": [{"name", "algorithm": "sha256", "digest"}...]}   ordered by path components

in the bundle of `oms_bundle`. The root does not cover names, so it is no identity: only the signed payload as a
whole is. Where the reference verifier is lenient we are not: one predicate type, one PAE, no default ignores, no
`..`, no file beside the signed ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from lockgate.core.digest import Digest, from_hex, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.names import check_file_name, order_of_file_name
from lockgate.core.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from lockgate.errors import VerificationFailed
from lockgate.trust.dsse import pae
from lockgate.trust.keys import PublicKey
from lockgate.trust.oms_bundle import MOST, Bundle, Chain, KeyHint, Material, exactly, parse_bundle

__all__ = [
    "MOST",
    "Certified",
    "Certifies",
    "SignedFiles",
    "Signs",
    "Trust",
    "compare",
    "read_bundle",
    "read_own",
    "read_unverified",
    "refuse_names",
    "sign_files",
    "verify_bundle",
]

PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
_HEX = re.compile(r"[0-9a-f]{64}")
_UNSIGNED: Final = Digest("sha256:" + "0" * 64)


class Signs(Protocol):
    """What `sign_files` needs of a signer."""

    public: PublicKey

    def signature(self, message: bytes) -> bytes:
        """A bare ECDSA signature in DER."""


@dataclass(frozen=True)
class Certified:
    """What a certificate that leads to a trusted root says about the key in it.

    Attributes:
        names: the subject as text, then the alternative names as the authority wrote them, each with its kind
            (`oms_identity.KINDS`): `subject:CN=Ada`, `email:ada@example.org`.
        authority: the subject of the root that the verifier trusts.
        fingerprint: hex SHA-256 of the certificate's DER; `root` that of the root's.
        until: RFC 3339, the end of its validity.
    """

    key: PublicKey
    names: tuple[str, ...]
    authority: str
    fingerprint: str
    root: str
    until: str


class Certifies(Protocol):
    """Roots that the verifier trusts to say who holds a key; see `oms_certificates.Authorities`."""

    def certified(self, chain: Sequence[bytes]) -> Certified:
        """What the first certificate says, if a root vouches for it. Raises VerificationFailed (LG836 to LG839)."""


Trust: TypeAlias = PublicKey | Certifies


@dataclass(frozen=True)
class SignedFiles:
    """What a verified bundle says. `ignored`: paths that its signer declared to have left out (we refuse them too)."""

    name: str
    files: Mapping[str, Digest]
    keyid: str
    ignored: tuple[str, ...]
    certified: Certified | None = None


def sign_files(
    name: str, files: Sequence[tuple[str, Digest]], signer: Signs, certificates: Sequence[bytes] = ()
) -> bytes:
    """The bundle over `files`; `name` is informative. `certificates` (DER, the signer's first) take the key's place.

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
    material: Material = Chain(tuple(certificates)) if certificates else KeyHint(_hint(signer.public))
    return Bundle(material, payload, signer.signature(pae(PAYLOAD_TYPE, payload))).encode()


def read_bundle(bundle: bytes, trust: Trust) -> SignedFiles:
    """What the key `trust` signed, or a key that one of the roots `trust` certifies.

    1. The bundle has the one media type and no field that we do not know.
    2. It names the key: by a hint that fits, or by a certificate that leads to a trusted root.
    3. Its one signature is this key's over the PAE of the payload.
    4. The payload is a Statement v1 of the one predicate type, SHA-256 by file.
    5. Its names are safe, each once, in order; its root is that of its digests.

    Raises:
        VerificationFailed: LG850 malformed (1, 4, 5), LG851 another key or a wrong signature (2, 3),
            LG836, LG838, LG839 a certificate that is not believed (2).
    """
    # 1.
    try:
        read = parse_bundle(bundle)
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed(str(error)) from None
    # 2.
    key, certified = _key_of(read.material, trust)
    # 3.
    if not key.verify(read.signature, read.signed):
        raise _other_key("the signature is not by this key over this list of files", {"keyid": key.keyid})
    # 4. and 5.
    return _signed(read, key.keyid, certified)


def read_own(bundle: bytes, key: PublicKey) -> SignedFiles:
    """What was just signed with `key`, whatever certificates stand beside it: they are for others to judge.

    Raises as `read_bundle`.
    """
    try:
        read = parse_bundle(bundle)
    except ValueError as error:
        raise _malformed(str(error)) from None
    if not key.verify(read.signature, read.signed):
        raise _other_key("the key that signed is not the one that it says", {"keyid": key.keyid})
    return _signed(read, key.keyid, None)


def read_unverified(bundle: Bundle) -> SignedFiles:
    """What a bundle claims, by nobody: only to tell a person what stands there. Raises as `read_bundle`."""
    return _signed(bundle, "", None)


def _signed(read: Bundle, keyid: str, certified: Certified | None) -> SignedFiles:
    try:
        return _read_payload(decode(read.payload), keyid, certified)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _malformed(str(error)) from None


def _key_of(material: Material, trust: Trust) -> tuple[PublicKey, Certified | None]:
    if isinstance(trust, PublicKey):
        if isinstance(material, Chain):
            raise _other_key(
                "the files were signed with a certificate, and a bare key was given to verify them",
                {"keyid": trust.keyid},
                "lockgate verify PATH --certificate-chain ROOTS",
            )
        if material.hint is not None and material.hint != _hint(trust):
            seen = {"expected": _hint(trust), "seen": material.hint, "keyid": trust.keyid}
            raise _other_key("the signature was made with another key", seen)
        return trust, None
    if isinstance(material, KeyHint):
        raise _other_key(
            "the files were signed with a bare key, which no certificate speaks for", {"hint": material.hint}
        )
    certified = trust.certified(material.certificates)
    return certified.key, certified


def verify_bundle(bundle: bytes, files: Sequence[tuple[str, Digest]], trust: Trust) -> SignedFiles:
    """Verify that `files` are exactly the signed ones.

    Raises:
        VerificationFailed: as `read_bundle`; LG852 a file has other bytes, LG853 a file that was not signed,
            LG854 a signed file that is not there.
    """
    signed = read_bundle(bundle, trust)
    compare(signed, files)
    return signed


def compare(signed: SignedFiles, files: Sequence[tuple[str, Digest]]) -> None:
    """Refuse unless `files` are exactly the signed ones. Raises as `verify_bundle`, but for the signature itself."""
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


def refuse_names(signed: SignedFiles, names: Iterable[str]) -> None:
    """Refuse unless `names` are exactly the signed ones, whatever their bytes: LG853, LG854."""
    there = {name: signed.files.get(name, _UNSIGNED) for name in names}
    compare(signed, list(there.items()))


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


def _read_payload(value: Any, keyid: str, certified: Certified | None) -> SignedFiles:
    exactly(value, {"_type", "subject", "predicateType", "predicate"}, "a statement")
    if value["_type"] != STATEMENT_TYPE or value["predicateType"] != PREDICATE_TYPE:
        raise ValueError(f"{value['_type']!r} with predicate {value['predicateType']!r}")
    predicate = value["predicate"]
    if not isinstance(predicate, dict):
        raise ValueError("a predicate is an object")
    # The format's v1.0 says that further fields of the predicate are ignored; those of `serialization` are not.
    ignored = _serialization(predicate["serialization"])
    files: dict[str, Digest] = {}
    for resource in predicate["resources"]:
        exactly(resource, {"name", "algorithm", "digest"}, "a resource")
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
    exactly(subject, {"name", "digest"}, "a subject")
    if not isinstance(subject["name"], str) or subject["digest"] != {"sha256": _root(files.values())}:
        raise ValueError("the root is not that of the listed digests")
    return SignedFiles(subject["name"], files, keyid, ignored, certified)


def _serialization(value: Any) -> tuple[str, ...]:
    exactly(
        value, {"method", "hash_type", "allow_symlinks", "ignore_paths"}, "serialization", optional={"ignore_paths"}
    )
    if (value["method"], value["hash_type"], value["allow_symlinks"]) != ("files", "sha256", False):
        raise ValueError("only whole files by SHA-256 without symlinks are read (method files, hash_type sha256)")
    ignored = value.get("ignore_paths", [])
    if not isinstance(ignored, list) or not all(isinstance(path, str) for path in ignored):
        raise ValueError("ignore_paths are texts")
    return tuple(ignored)


def _other_key(
    message: str, seen: Mapping[str, object], then: str = "lockgate verify PATH --key PUBLIC_KEY"
) -> VerificationFailed:
    return VerificationFailed("LG851", message, seen=seen, next=then)


def _malformed(why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG850", f"the model signature is malformed: {why}", next="sign the files again: lockgate sign DIR --key KEY"
    )
