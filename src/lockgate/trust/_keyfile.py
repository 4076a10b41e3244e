"""Private keys on disk. Imported by `trust.signer` only; nothing that serves or verifies may load this.

A key file is PKCS8 PEM, mode 0600, owned by the user; the folder is 0700. A file that others may read counts
as lost, and is refused instead of used.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from lockgate.errors import Refused, Unavailable, Usage
from lockgate.store.files import open_nofollow, read_fd, write_new

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_MOST = 64 << 10


def generate(*, ed25519_key: bool) -> PrivateKey:
    """A fresh key: Ed25519, or ECDSA P-256."""
    return ed25519.Ed25519PrivateKey.generate() if ed25519_key else ec.generate_private_key(ec.SECP256R1())


def public_pem(key: PrivateKey) -> str:
    """The public half as PEM SubjectPublicKeyInfo."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def write_private(path: Path, key: PrivateKey) -> None:
    """Write a new key file, 0600. Raises FileExistsError: a key is never overwritten."""
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_new(path, key.private_bytes(serialization.Encoding.PEM, form, plain), 0o600)


def read_private(path: Path) -> PrivateKey:
    """Read a key file.

    Raises:
        Unavailable: LG830 it is not here.
        Refused: LG831 others than its owner may read it, or it is not this user's.
        Usage: LG832 it is no unencrypted EC or Ed25519 key.
    """
    try:
        fd = open_nofollow(path)
    except FileNotFoundError:
        raise Unavailable(
            "LG830",
            f"the private key {path} is not on this machine",
            seen={"file": str(path)},
            next="run the command where the key is, or restore the key file",
        ) from None
    try:
        _check_private(os.fstat(fd), path)
        data = read_fd(fd, _MOST)
    finally:
        os.close(fd)
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(path, str(error)) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise _unusable(path, "neither EC nor Ed25519")
    return key


def _check_private(status: os.stat_result, path: Path) -> None:
    if status.st_uid not in {os.geteuid(), 0}:
        raise Refused(
            "LG831",
            f"the private key {path} belongs to another user",
            seen={"file": str(path), "owner": status.st_uid},
            next=f"ls -l {path}",
        )
    if status.st_mode & 0o077:
        raise Refused(
            "LG831",
            f"the private key {path} can be read by others than its owner",
            seen={"file": str(path), "mode": f"{stat.S_IMODE(status.st_mode):04o}"},
            next=f"chmod 600 {path}",
        )


def _unusable(path: Path, why: str) -> Usage:
    return Usage(
        "LG832",
        f"{path} is not a private key that Lockgate can use: {why}",
        seen={"file": str(path)},
        next="openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem && chmod 600 KEY.pem",
    )
