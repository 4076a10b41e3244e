"""`lockgate sign DIR` and `lockgate verify DIR`: OpenSSF Model Signing on a directory, without any project."""

from __future__ import annotations

from pathlib import Path

from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.store.files import atomic_write, read_regular
from lockgate.store.tree import hash_tree
from lockgate.trust.keys import PublicKey, import_public_key
from lockgate.trust.oms import MOST, SignedFiles, read_bundle, sign_files, verify_bundle

SIGNATURE = "model.sig"


def sign_directory(folder: Path, key: Path, signature: Path | None = None) -> SignedFiles:
    """Sign every file in `folder` with the EC private key in the file `key`; write `signature`, by default in it.

    Raises:
        Refused: LG803 a symlink or special file, LG855 an unsafe name, LG831 a key that others may read.
        Usage: LG832 the key cannot sign models, LG856 there is no file to sign.
        Unavailable: LG830 no key, LG801 the disk is full; then nothing was written.
    """
    from lockgate.trust.signer import load

    where = signature or folder / SIGNATURE
    signer = load(key, "")
    try:
        files = hash_tree(folder, skip=_skipped(folder, where))
    except VerificationFailed as error:
        raise Refused(error.finding, error.message, seen=error.seen, next=error.next) from None
    if not files:
        raise Usage("LG856", f"there is no file to sign in {folder}", seen={"folder": str(folder)})
    try:
        bundle = sign_files(folder.resolve().name, files, signer)
    except ValueError as error:
        raise Usage(
            "LG832", f"{key}: {error}", seen={"file": str(key)}, next="use an EC key: P-256, P-384 or P-521"
        ) from None
    atomic_write(where, bundle)
    return read_bundle(bundle, signer.public)


def verify_directory(folder: Path, public_key: bytes, signature: Path | None = None) -> SignedFiles:
    """Verify that `folder` holds exactly the files that `public_key` (PEM) signed, beside the signature itself.

    1. The public key and the signature are read.
    2. The signature is verified, and with it the list of names and digests.
    3. Every file in the folder is hashed: no symlink is followed, no name ignored.
    4. Both lists are the same.

    Raises:
        VerificationFailed: LG850, LG851 (2), LG803, LG855 (3), LG852, LG853, LG854 (4), LG857 no signature.
        Usage: LG832 that is no public key for models.
    """
    # 1.
    key = _public_key(public_key)
    where = signature or folder / SIGNATURE
    try:
        bundle = read_regular(where, MOST)
    except FileNotFoundError:
        raise VerificationFailed(
            "LG857",
            f"there is no signature at {where}",
            seen={"file": str(where)},
            next=f"lockgate sign {folder} --key KEY",
        ) from None
    # 2.
    read_bundle(bundle, key)
    # 3.
    files = hash_tree(folder, skip=_skipped(folder, where))
    # 4.
    return verify_bundle(bundle, files, key)


def _skipped(folder: Path, signature: Path) -> frozenset[str]:
    """The signature's own name, when it lies inside: the one file that it cannot cover."""
    inside = signature.resolve().parent / signature.name
    return frozenset(
        {inside.relative_to(folder.resolve()).as_posix()} if inside.is_relative_to(folder.resolve()) else ()
    )


def _public_key(data: bytes) -> PublicKey:
    try:
        key = import_public_key(data)
        if key.kind == "ed25519":
            raise ValueError("OpenSSF Model Signing knows ECDSA keys only")
    except ValueError as error:
        raise Usage(
            "LG832", f"not a public key for models: {error}", next="openssl pkey -in KEY.pem -pubout -out KEY.pub"
        ) from None
    return key
