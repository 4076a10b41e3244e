"""Private keys on disk. Imported by `trust.signer` only; nothing that serves or verifies may load this.

A key file is PKCS8 PEM, plain or encrypted with a passphrase, mode 0600, owned by the user; the folder is 0700.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from lockgate.errors import Unavailable, Usage
from lockgate.store.files import atomic_write, write_new
from lockgate.trust._encrypted import encrypted_pem
from lockgate.trust._privatefile import read_private_file
from lockgate.trust.keys import PublicKey, parse_public_key

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Ask: TypeAlias = Callable[[], bytes]
"""Gives the passphrase; called only for a file that is encrypted."""

_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class FileKey:
    """A private key in this process's memory."""

    def __init__(self, key: PrivateKey) -> None:
        """Raises ValueError for a curve that Lockgate does not use."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
        self.public: PublicKey = parse_public_key(pem)
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """Ed25519 of 64 bytes, or ECDSA in DER with the hash that follows the curve."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[self._key.curve.key_size]
        return self._key.sign(message, ec.ECDSA(algorithm))

    def pem(self, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS8 PEM, encrypted when there is a passphrase."""
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        if passphrase is not None:
            return encrypted_pem(self._key.private_bytes(serialization.Encoding.DER, form, plain), passphrase)
        return self._key.private_bytes(serialization.Encoding.PEM, form, plain)


def generate(*, ed25519_key: bool) -> FileKey:
    """A fresh key: Ed25519, or ECDSA P-256."""
    made = ed25519.Ed25519PrivateKey.generate() if ed25519_key else ec.generate_private_key(ec.SECP256R1())
    return FileKey(made)


def write_private(path: Path, key: FileKey, passphrase: bytes | None = None) -> None:
    """Write a new key file, 0600. Raises FileExistsError: a key is never overwritten."""
    write_new(path, key.pem(passphrase), 0o600)


def protect(path: Path, passphrase: bytes) -> None:
    """Encrypt a plain key file in place: another file takes its name at once, so that it is whole at any moment.

    Raises as `read_private`; Usage (LG876) when it is encrypted already.
    """
    data = _read(path)
    if data.startswith(_ENCRYPTED):
        raise Usage(
            "LG876",
            f"{path} is encrypted already",
            seen={"file": str(path)},
            next=f"openssl pkcs8 -topk8 -scrypt -in {path} -out NEW.key   # gives it another passphrase",
        )
    encrypted = _parse(data, path, None).pem(passphrase)
    _parse(encrypted, path, passphrase)  # what cannot be read back replaces nothing
    atomic_write(path, encrypted, 0o600)


def read_private(path: Path, ask: Ask, opened: dict[bytes, object], *, encrypted: bool = False) -> FileKey:
    """Read a key file. With `encrypted`, one that is not encrypted is refused.

    `opened` keeps what a passphrase opened, by the file's digest: opening takes a third of a second, on purpose.

    Raises:
        Unavailable: LG830 it is not here; what `ask` raises.
        Refused: LG831 others than its owner may read it, or it is not this user's.
        Usage: LG832 it is no EC or Ed25519 key; LG871 the passphrase is wrong.
    """
    data = _read(path)
    if data.startswith(_ENCRYPTED):
        digest = sha256(data).digest()
        known = opened.get(digest)
        found = known if isinstance(known, FileKey) else _parse(data, path, ask())
        opened[digest] = found
        return found
    if encrypted:
        raise _unusable(path, "its URI says that it is encrypted, and it is not")
    return _parse(data, path, None)


def parse_private(data: bytes) -> FileKey:
    """The key in the bytes of a plain key file. Raises Usage (LG832)."""
    return _parse(data, Path("this file"), None)


def _parse(data: bytes, path: Path, passphrase: bytes | None) -> FileKey:
    try:
        key = serialization.load_pem_private_key(data, passphrase)
        if isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            return FileKey(key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if passphrase is None:
            raise _unusable(path, str(error)) from None
        raise Usage(
            "LG871",
            f"the passphrase does not open {path}",
            seen={"file": str(path)},
            next="run the same command with the right passphrase",
        ) from None
    raise _unusable(path, "neither EC nor Ed25519")


def _read(path: Path) -> bytes:
    try:
        return read_private_file(path, "the private key")
    except FileNotFoundError:
        raise Unavailable(
            "LG830",
            f"the private key {path} is not on this machine",
            seen={"file": str(path)},
            next="run the command where the key is, or restore the key file",
        ) from None


def _unusable(path: Path, why: str) -> Usage:
    return Usage(
        "LG832",
        f"{path} is not a private key that Lockgate can use: {why}",
        seen={"file": str(path)},
        next="openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem && chmod 600 KEY.pem",
    )
