"""Signing. Whoever imports this module can reach private keys; gateways, workers and verifiers do not."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from lockgate.core.statement import PAYLOAD_TYPE, Statement
from lockgate.errors import Usage, VerificationFailed
from lockgate.trust import _keyfile
from lockgate.trust.authority import ANY_ENVIRONMENT, SEALER, check_authority
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.keys import PublicKey, parse_public_key


class Signer:
    """One private key and the role in which it speaks. `role` is "" for a key outside any project."""

    def __init__(self, role: str, key: _keyfile.PrivateKey) -> None:
        self.role = role
        self.public: PublicKey = parse_public_key(_keyfile.public_pem(key))
        self._key = key

    @property
    def keyid(self) -> str:
        """The fingerprint of the public half."""
        return self.public.keyid

    def sign(self, statement: Statement) -> bytes:
        """The DSSE envelope of `statement`. Raises VerificationFailed when this role may not say it (LG816-LG819)."""
        check_authority(statement, self.role, (ANY_ENVIRONMENT,))
        payload = statement.payload()
        signature = Signature(self.keyid, self.signature(pae(PAYLOAD_TYPE, payload)))
        return Envelope(payload, PAYLOAD_TYPE, (signature,)).encode()

    def cosign(self, envelope: bytes) -> bytes:
        """`envelope` with this key's signature added. Raises as `sign`; LG810 when this key signed it already."""
        parsed = Envelope.parse(envelope)
        check_authority(parsed.statement(), self.role, (ANY_ENVIRONMENT,))
        if any(one.keyid == self.keyid for one in parsed.signatures):
            raise VerificationFailed(
                "LG810",
                "this key has signed the statement already",
                seen={"keyid": self.keyid},
                next="lockgate log show",
            )
        mine = Signature(self.keyid, self.signature(parsed.signed))
        signatures = sorted((*parsed.signatures, mine), key=lambda one: one.keyid)
        return Envelope(parsed.payload, parsed.payload_type, tuple(signatures)).encode()

    def sign_note(self, text: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature over a checkpoint's note text. Raises VerificationFailed (LG817)."""
        if self.role != SEALER or self.public.kind != "ed25519":
            raise VerificationFailed(
                "LG817",
                f"a key of role {self.role} was asked to sign a checkpoint; only {SEALER} may",
                seen={"role": self.role, "allowed": [SEALER]},
                next="lockgate trust show",
            )
        return self.signature(text)

    def signature(self, message: bytes) -> bytes:
        """A bare signature: Ed25519 of 64 bytes, or ECDSA in DER with the hash that follows the curve."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[self._key.curve.key_size]
        return self._key.sign(message, ec.ECDSA(algorithm))

    def __repr__(self) -> str:
        return f"Signer(role={self.role!r}, keyid={self.keyid!r})"

    def __reduce__(self) -> str:
        raise TypeError("a signer does not travel")


def generate(role: str) -> Signer:
    """A signer with a fresh key, which exists in memory only: Ed25519 for the sealer, else ECDSA P-256."""
    return Signer(role, _keyfile.generate(ed25519_key=role == SEALER))


def save(signer: Signer, path: Path) -> None:
    """Write the private key to `path`, 0600. Raises FileExistsError."""
    _keyfile.write_private(path, signer._key)  # noqa: SLF001 - the only other place that may see it


def load(path: Path, role: str) -> Signer:
    """The signer of a key file. Raises Unavailable (LG830), Refused (LG831), Usage (LG832)."""
    key = _keyfile.read_private(path)
    try:
        return Signer(role, key)
    except ValueError as error:
        raise Usage("LG832", f"{path}: {error}", seen={"file": str(path)}, next="use a P-256 key") from None
