"""`lockgate sign DIR` and `lockgate verify DIR`: OpenSSF Model Signing on a directory, without any project."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.store.files import atomic_write, read_regular
from lockgate.store.tree import hash_tree
from lockgate.trust.keys import PublicKey, import_public_key
from lockgate.trust.oms import (
    MOST,
    SignedFiles,
    Signs,
    Trust,
    compare,
    read_bundle,
    read_own,
    read_unverified,
    sign_files,
)
from lockgate.trust.oms_bundle import parse_bundle
from lockgate.trust.oms_identity import bears, meant
from lockgate.trust.oms_names import colliding

SIGNATURE = "model.sig"
_MOST_CERTIFICATES = 1 << 20


def sign_directory(
    folder: Path,
    key: Path | Signs,
    signature: Path | None = None,
    *,
    certificate: Path | None = None,
    chain: Sequence[Path] = (),
    now: datetime | None = None,
) -> SignedFiles:
    """Sign every file in `folder` with an EC private key; write `signature`, by default in it.

    With `certificate` (PEM) the signature says whose key it is; `chain` are the certificates between it and the root
    that verifiers know, and `now` is the time at which it must be valid.

    Raises:
        Refused: LG803 a symlink or special file, LG855 an unsafe name, LG859 two names that other systems take for
            one, LG858 the folder changed meanwhile, LG831 a key that others may read, LG838 the certificate's time.
        Usage: LG832 the key cannot sign models or is not the certificate's, LG839 the certificate is not for it,
            LG850 `signature` names a file that is no signature, LG856 there is no file to sign.
        Unavailable: LG830 no key, LG801 the disk is full; then nothing was written.
    """
    where = signature or folder / SIGNATURE
    signer = _signer(key)
    certificates = _own_chain(certificate, chain, signer.public, now) if certificate else ()
    replaced(where)
    files = _to_sign(folder, where)
    try:
        bundle = sign_files(folder.resolve().name, files, signer, certificates)
    except ValueError as error:
        raise Usage(
            "LG832", f"{key}: {error}", seen={"file": str(key)}, next="use an EC key: P-256, P-384 or P-521"
        ) from None
    signed = read_own(bundle, signer.public)
    atomic_write(where, bundle)
    return signed


def verify_directory(
    folder: Path, trust: bytes | Trust, signature: Path | None = None, *, identity: str = ""
) -> SignedFiles:
    """Verify that `folder` holds exactly the files that were signed, beside the signature itself.

    `trust` is the signer's public key (PEM, or read), or `Authorities` whose certificates are believed; `identity`
    is then the name that the certificate must bear.

    1. The signature is read and verified, and with it the list of names and digests.
    2. Every file in the folder is hashed: no symlink is followed, no name ignored.
    3. Both lists are the same.

    Raises:
        VerificationFailed: LG850, LG851, LG836, LG838, LG839 (1), LG803, LG855, LG858 (2), LG852, LG853, LG854 (3),
            LG857 no signature.
        Usage: LG832 that is no public key for models.
    """
    where = signature or folder / SIGNATURE
    # 1.
    signed = read_signature(folder, where, trust, identity=identity)
    # 2.
    files = hash_tree(folder, skip=skipped(folder, where))
    # 3.
    compare(signed, files)
    return signed


def read_signature(folder: Path, where: Path, trust: bytes | Trust, *, identity: str = "") -> SignedFiles:
    """What the signature `where` says about `folder`, verified. Raises as `verify_directory`, step 1."""
    believed = _public_key(trust) if isinstance(trust, bytes) else trust
    try:
        bundle = read_regular(where, MOST)
    except FileNotFoundError:
        raise VerificationFailed(
            "LG857",
            f"there is no signature at {where}",
            seen={"file": str(where)},
            next=f"lockgate sign {folder} --key KEY",
        ) from None
    signed = read_bundle(bundle, believed)
    names = signed.certified.names if signed.certified else ()
    if identity and not bears(names, identity):
        raise VerificationFailed(
            "LG851",
            "the files were signed by somebody else",
            seen={"expected": meant(identity) or identity, "seen": list(names)},
            next="get the files again from whoever you expect them from",
        )
    return signed


def replaced(where: Path) -> SignedFiles | None:
    """What the signature that stands at `where` says, unverified; None where there is none.

    Raises Usage (LG850) for a file that is no signature: signing never overwrites a model.
    """
    try:
        data = read_regular(where, MOST)
    except FileNotFoundError:
        return None
    except LockgateError as error:
        raise _no_signature(where, error.message) from None
    try:
        return read_unverified(parse_bundle(data))
    except (ValueError, KeyError, TypeError) as error:
        raise _no_signature(where, str(error)) from None
    except VerificationFailed as error:
        raise _no_signature(where, error.message) from None


def skipped(folder: Path, signature: Path) -> frozenset[str]:
    """The signature's own name, when it lies inside: the one file that it cannot cover."""
    inside = signature.resolve().parent / signature.name
    return frozenset(
        {inside.relative_to(folder.resolve()).as_posix()} if inside.is_relative_to(folder.resolve()) else ()
    )


def signer_in_store(uri: str, public: Path | None, certificate: Path | None) -> Signs | None:
    """The signer of a key in another store (`hsm:2?label=TOKEN`...); None when `uri` is the name of a file.

    The store is not asked which key it has: the public half comes from `public` or from `certificate`.

    Raises Usage LG832 neither is given, LG839; what reaching the store raises.
    """
    from lockgate.trust import signer

    if uri.partition(":")[0] not in signer.STORES:
        return None
    if public is not None:
        key = _public_key(read_certificates(public))
    elif certificate is not None:
        from lockgate.trust.oms_certificates import key_in

        key = key_in(read_certificates(certificate))
    else:
        raise Usage(
            "LG832",
            "the public half of a key in a store must be given too",
            next="add --public-key FILE or --certificate",
        )
    from lockgate.trust.passphrases import Passphrases

    return signer.reach(uri, "key", "", key, Passphrases())


def _signer(key: Path | Signs) -> Signs:
    if not isinstance(key, Path):
        return key
    from lockgate.trust.signer import load

    return load(key, "")


def _to_sign(folder: Path, where: Path) -> list[tuple[str, Digest]]:
    try:
        files = hash_tree(folder, skip=skipped(folder, where))
    except VerificationFailed as error:
        raise Refused(error.finding, error.message, seen=error.seen, next=error.next) from None
    if not files:
        raise Usage("LG856", f"there is no file to sign in {folder}", seen={"folder": str(folder)})
    pair = colliding([name for name, _ in files])
    if pair:
        raise Refused(
            "LG859",
            "two names would be one on another system, where one file would take the other's place",
            seen={"names": list(pair)},
            next="rename one of them",
        )
    return files


def _own_chain(certificate: Path, chain: Sequence[Path], key: PublicKey, now: datetime | None) -> tuple[bytes, ...]:
    from lockgate.trust.oms_certificates import own_chain

    if now is None:
        raise Usage("LG838", "a certificate is judged at a time, and none was given", next="give now=")
    others = b"\n".join(read_certificates(one) for one in chain)
    return own_chain(read_certificates(certificate), others, key, now)


def read_certificates(path: Path) -> bytes:
    """The bytes of a PEM file. Raises Usage (LG839) where there is none."""
    try:
        return read_regular(path, _MOST_CERTIFICATES)
    except FileNotFoundError:
        raise Usage(
            "LG839", f"there is no certificate at {path}", seen={"file": str(path)}, next=f"ls -l {path.parent}"
        ) from None


def _no_signature(where: Path, why: str) -> Usage:
    return Usage(
        "LG850",
        f"{where} is there and is no model signature, so it is not overwritten: {why}",
        seen={"file": str(where)},
        next="name another file for the signature, or move this one away",
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
