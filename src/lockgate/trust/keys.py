"""Public keys, in one accepted spelling: PEM SubjectPublicKeyInfo, named curve, uncompressed point.

A key's name everywhere is its fingerprint: SHA-256 of the SPKI DER, 64 hex digits. The DER of each kind is a
fixed prefix and the raw key, so reading one needs no ASN.1 parser; `cryptography` is loaded when one verifies.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"]

_PREFIXES: Final[dict[Kind, tuple[bytes, int]]] = {
    "ecdsa-p256": (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 64),
    "ecdsa-p384": (bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 96),
    "ecdsa-p521": (bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"), 132),
    "ed25519": (bytes.fromhex("302a300506032b6570032100"), 32),
}
_BEGIN, _END = "-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----\n"


@dataclass(frozen=True)
class PublicKey:
    """A public key that was read by `parse_public_key`."""

    pem: str
    kind: Kind
    keyid: str
    raw: bytes
    """Ed25519: the 32 bytes; ECDSA: x and y, without the leading 04."""

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` (Ed25519: 64 bytes; ECDSA: DER) is this key's over `message`."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._check(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _check(self, signature: bytes, message: bytes) -> None:
        if self.kind == "ed25519":
            from cryptography.hazmat.primitives.asymmetric import ed25519

            ed25519.Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
            return
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        # The hash follows the curve, as in the Sigstore protobuf specs and OpenSSF Model Signing.
        curve, algorithm = {
            "ecdsa-p256": (ec.SECP256R1(), hashes.SHA256()),
            "ecdsa-p384": (ec.SECP384R1(), hashes.SHA384()),
            "ecdsa-p521": (ec.SECP521R1(), hashes.SHA512()),
        }[self.kind]
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + self.raw)
        key.verify(signature, message, ec.ECDSA(algorithm))


def fingerprint(spki: bytes) -> str:
    """The name of a key: SHA-256 of its SubjectPublicKeyInfo DER, in hex."""
    return hashlib.sha256(spki).hexdigest()


def parse_public_key(pem: object) -> PublicKey:
    """Read a PEM public key of one of the four kinds. Raises ValueError on any other key or spelling."""
    if not isinstance(pem, str) or not pem.startswith(_BEGIN) or not pem.endswith(_END):
        raise ValueError("not a PEM public key (SubjectPublicKeyInfo)")
    try:
        der = base64.b64decode(pem[len(_BEGIN) : -len(_END)].replace("\n", ""), validate=True)
    except ValueError:
        raise ValueError("not a PEM public key: broken base64") from None
    if pem_of(der) != pem:
        raise ValueError("a PEM public key not in its one accepted spelling")
    for kind, (prefix, length) in _PREFIXES.items():
        if der.startswith(prefix) and len(der) == len(prefix) + length:
            return PublicKey(pem, kind, fingerprint(der), der[len(prefix) :])
    raise ValueError("not an ECDSA P-256, P-384, P-521 (uncompressed) or Ed25519 key")


def import_public_key(data: bytes) -> PublicKey:
    """Read a person's PEM file, in whatever spelling `cryptography` takes. Raises ValueError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_public_key(data)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return parse_public_key(key.public_bytes(serialization.Encoding.PEM, form).decode())


def pem_of(spki: bytes) -> str:
    """The PEM text of a SubjectPublicKeyInfo DER."""
    text = base64.b64encode(spki).decode()
    return _BEGIN + "\n".join(text[at : at + 64] for at in range(0, len(text), 64)) + _END
