"""Making, staging, encrypting and moving a role's key. Each step leaves a keyring that signs as before or as after.

A key that waits lies in `next/` and signs nothing until the roles file names it: first the log says it, then
`promote` makes it the role's. What a killed `promote` left is finished by the next one.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lockgate.errors import LockgateError, Refused, Unavailable, Usage
from lockgate.store.files import atomic_write, fsync_folder, write_new, writing
from lockgate.trust import signer
from lockgate.trust.asked import proof_text
from lockgate.trust.keys import PublicKey
from lockgate.trust.signer import Signer

NEXT, OLD = "next", "old"
_SUFFIXES = (".key", ".uri", ".pub")


class Ring(Protocol):
    """What is needed of a keyring here; each method promises what `Keyring`'s does."""

    project_id: str
    folder: Path
    root_key: Path

    def next_ring(self) -> Ring: ...  # noqa: D102
    def private_path(self, role: str) -> Path: ...  # noqa: D102
    def public(self, role: str) -> PublicKey: ...  # noqa: D102
    def has(self, role: str) -> bool: ...  # noqa: D102
    def uri(self, role: str) -> str: ...  # noqa: D102
    def reach(self, role: str, uri: str, expected: PublicKey) -> Signer: ...  # noqa: D102


def create(keyring: Ring, role: str, *, passphrase: bytes | None, staged: bool) -> PublicKey:
    """A fresh key file and its public half; with `staged`, in `next/`.

    Raises Refused (LG833) when there is one already; Unavailable (LG801); then nothing is left.
    """
    ring = keyring.next_ring() if staged else keyring
    made = signer.generate(role)
    _begin(ring, role)
    with _undone(ring, role):
        signer.save(made, ring.private_path(role), passphrase)
        write_new(ring.folder / f"{role}.pub", made.public.pem.encode(), 0o644)
    return made.public


def adopt(keyring: Ring, role: str, uri: str, public: PublicKey) -> PublicKey:
    """Stage a key that was made in another store, after it has shown that it holds the private half of `public`.

    Raises as `create` and `prove`; Usage (LG832) for a kind of key that the role cannot use.
    """
    if (public.kind == "ed25519") != (role == "sealer"):
        raise Usage(
            "LG832",
            f"a key of kind {public.kind} is of no use to {role}",
            seen={"kind": public.kind},
            next="the sealer signs with Ed25519, every other role with ECDSA",
        )
    prove(keyring, role, uri, public)
    ring = keyring.next_ring()
    _begin(ring, role)
    with _undone(ring, role):
        write_new(ring.private_path(role).with_suffix(".uri"), f"{uri}\n".encode(), 0o600)
        write_new(ring.folder / f"{role}.pub", public.pem.encode(), 0o644)
    return public


def staged(keyring: Ring, role: str) -> PublicKey | None:
    """The public half of the key that waits, or None. Raises VerificationFailed (LG834)."""
    try:
        return keyring.next_ring().public(role)
    except Unavailable:
        return None


def promote(keyring: Ring, role: str) -> None:
    """Make the waiting key the role's: the old files go to `old/`, then the new ones get their names, `.pub` last.

    Does nothing when none waits. Killed half-way, the role has no key until it is called again.
    """
    ring = keyring.next_ring()
    if not (ring.folder / f"{role}.pub").is_file():
        return
    if not (ring.has(role) or keyring.has(role)):
        raise Unavailable(
            "LG830", f"the key of {role} that waits in {ring.folder} is gone", next=f"ls -l {ring.folder}"
        )
    before = _keyid(keyring, role)
    with writing(keyring.folder):
        if ring.has(role):
            _put_away(keyring, role, before)
        for old, new in _pairs(ring, keyring, role):
            if old.exists():
                os.rename(old, new)
        for folder in {keyring.folder, keyring.root_key.parent, ring.folder}:
            fsync_folder(folder)


def discard(keyring: Ring, role: str) -> None:
    """Remove the key that waits; what is not there is fine."""
    ring = keyring.next_ring()
    for suffix in _SUFFIXES:
        with writing(ring.folder), suppress(FileNotFoundError):
            os.unlink(ring.folder / f"{role}{suffix}")


def protect(keyring: Ring, role: str, passphrase: bytes) -> None:
    """Encrypt a role's key file in place, after it was found to be that of `<role>.pub`.

    Raises Usage (LG876) when it is encrypted already or in another store; else as `Keyring.signer`.
    """
    if keyring.uri(role):
        raise Usage(
            "LG876",
            f"the key of {role} is not in a file of this folder",
            seen={"store": keyring.uri(role)},
            next="lockgate trust show",
        )
    signer.protect(keyring.private_path(role), passphrase)


def use(keyring: Ring, role: str, uri: str) -> PublicKey:
    """Let a role sign by the store `uri` from now on, after it has shown that it holds the key of `<role>.pub`.

    The key file stays where it is, and signs nothing any more. Raises as `prove`.
    """
    public = keyring.public(role)
    prove(keyring, role, uri, public)
    atomic_write(keyring.private_path(role).with_suffix(".uri"), f"{uri}\n".encode(), 0o600)
    return public


def prove(keyring: Ring, role: str, uri: str, public: PublicKey) -> None:
    """Have the store sign a line that says nothing. Raises as `Keyring.reach`, and VerificationFailed (LG874)."""
    if not uri.isprintable() or len(uri) > 2048:
        raise Usage("LG875", "a signer URI is one line", seen={"uri": uri[:200]}, next="lockgate trust use --help")
    text = proof_text(role, keyring.project_id, secrets.token_hex(16))
    keyring.reach(role, uri, public).signature(text)


def _begin(ring: Ring, role: str) -> None:
    for folder in {ring.folder, ring.private_path(role).parent}:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if ring.has(role) or (ring.folder / f"{role}.pub").exists():
        raise Refused(
            "LG833",
            f"a key of {role} is there already",
            seen={"folder": str(ring.folder)},
            next=f"ls -l {ring.folder}",
        )


class _undone:  # noqa: N801 - read as a word of the with statement
    """Removes what was made of a key when the rest failed."""

    def __init__(self, ring: Ring, role: str) -> None:
        self._ring, self._role = ring, role

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            private = self._ring.private_path(self._role)
            for path in (private, private.with_suffix(".uri"), self._ring.folder / f"{self._role}.pub"):
                with suppress(OSError):
                    path.unlink()


def _keyid(keyring: Ring, role: str) -> str:
    try:
        return keyring.public(role).keyid
    except LockgateError:
        return "unknown"


def _put_away(keyring: Ring, role: str, keyid: str) -> None:
    folder = keyring.folder / OLD
    folder.mkdir(mode=0o700, exist_ok=True)
    private = keyring.private_path(role)
    for path in (private, private.with_suffix(".uri"), keyring.folder / f"{role}.pub"):
        if path.exists():
            os.rename(path, folder / f"{role}-{keyid[:16]}{path.suffix}")
    fsync_folder(folder)


def _pairs(ring: Ring, keyring: Ring, role: str) -> list[tuple[Path, Path]]:
    """The private half first: the waiting `.pub` is what says that a promotion is not finished."""
    old, new = ring.private_path(role), keyring.private_path(role)
    return [
        (old, new),
        (old.with_suffix(".uri"), new.with_suffix(".uri")),
        (ring.folder / f"{role}.pub", keyring.folder / f"{role}.pub"),
    ]
