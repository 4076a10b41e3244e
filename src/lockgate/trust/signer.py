"""Signing. Whoever imports this module can reach private keys; gateways, workers and verifiers do not.

A key is in a file, in the keeping of another user, or in another store. Whatever gives a signature is not believed:
it is verified with the public half before it leaves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

from lockgate.core.statement import PAYLOAD_TYPE, Statement
from lockgate.errors import Usage, VerificationFailed
from lockgate.trust import _keyfile
from lockgate.trust.authority import ANY_ENVIRONMENT, SEALER, check_authority, check_project, of_project
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.keys import PublicKey
from lockgate.trust.passphrases import NO_ROLE, Passphrases

STORES = ("hsm", "gcpkms", "awskms", "azurekms", "hv")
FILES = ("file", "file2")
ROLE = "role"


class Key(Protocol):
    """A private key, wherever it is."""

    @property
    def public(self) -> PublicKey: ...  # noqa: D102 - its public half

    def sign(self, message: bytes) -> bytes:
        """Ed25519 of 64 bytes, or ECDSA in DER with the hash that follows the curve."""


class Signer:
    """One private key, the role in which it speaks, and the project it speaks in; both are "" outside of any."""

    def __init__(self, role: str, key: Key, project_id: str = "") -> None:
        self.role = role
        self.project_id = project_id
        self.public = key.public
        self._key = key

    @property
    def keyid(self) -> str:
        """The fingerprint of the public half."""
        return self.public.keyid

    def sign(self, statement: Statement) -> bytes:
        """The DSSE envelope of `statement`, which names the project where its claim decides something there.

        Raises VerificationFailed when this role may not say it (LG816-LG819).
        """
        check_authority(statement, self.role, (ANY_ENVIRONMENT,))
        if self.project_id:
            statement = of_project(statement, self.project_id)
        payload = statement.payload()
        signature = Signature(self.keyid, self.signature(pae(PAYLOAD_TYPE, payload)))
        return Envelope(payload, PAYLOAD_TYPE, (signature,)).encode()

    def cosign(self, envelope: bytes) -> bytes:
        """`envelope`, which may be a draft that nobody signed yet, with this key's signature added.

        Raises as `sign`; LG844 when it was made for another project, LG810 when this key signed it already.
        """
        parsed = Envelope.parse(envelope, draft=True)
        check_authority(parsed.statement(), self.role, (ANY_ENVIRONMENT,))
        if self.project_id:
            check_project(parsed.statement(), self.project_id)
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
        """A bare signature: Ed25519 of 64 bytes, or ECDSA in DER with the hash that follows the curve.

        Raises VerificationFailed (LG874) when it is not one of the public half; what reaching the key raises.
        """
        found = self._key.sign(message)
        if not self.public.verify(found, message):
            raise VerificationFailed(
                "LG874",
                f"what holds the key of {self.role or 'this file'} signed with another key; nothing was signed",
                seen={"role": self.role, "expected": self.keyid, "bytes": len(found)},
                next="lockgate trust show",
            )
        return found

    def within(self, project_id: str) -> Signer:
        """The same key, speaking in a project."""
        return Signer(self.role, self._key, project_id)

    def __repr__(self) -> str:
        return f"Signer(role={self.role!r}, keyid={self.keyid!r})"

    def __reduce__(self) -> str:
        raise TypeError("a signer does not travel")


def generate(role: str) -> Signer:
    """A signer with a fresh key, which exists in memory only: Ed25519 for the sealer, else ECDSA P-256."""
    return Signer(role, _keyfile.generate(ed25519_key=role == SEALER))


def save(signer: Signer, path: Path, passphrase: bytes | None = None) -> None:
    """Write a generated key to `path`, 0600, encrypted when there is a passphrase. Raises FileExistsError."""
    key = signer._key  # noqa: SLF001 - the only other place that may see it
    if not isinstance(key, _keyfile.FileKey):
        raise TypeError("only a key that was generated here can be saved")
    _keyfile.write_private(path, key, passphrase)


def private_pem(signer: Signer) -> bytes | None:
    """The private key as plain PEM, when it is in this process's memory; None when its store does not give it out."""
    key = signer._key  # noqa: SLF001 - as above
    return key.pem() if isinstance(key, _keyfile.FileKey) else None


def keyid_in(data: bytes) -> str:
    """The keyid of the plain key file whose bytes these are; "" when they are none."""
    try:
        return _keyfile.parse_private(data).public.keyid
    except Usage:
        return ""


def protect(path: Path, passphrase: bytes) -> None:
    """Encrypt a key file in place. Raises as `load`; Usage (LG876) when it is encrypted already."""
    _keyfile.protect(path, passphrase)


def load(path: Path, role: str, passphrases: Passphrases | None = None, *, encrypted: bool = False) -> Signer:
    """The signer of a key file, whose passphrase comes from `passphrases`. With `encrypted`, it must have one.

    Raises Unavailable (LG830, LG872), Refused (LG831), Usage (LG832, LG871).
    """
    known = Passphrases() if passphrases is None else passphrases
    try:
        key = _keyfile.read_private(path, lambda: known.of(role or NO_ROLE), known.opened, encrypted=encrypted)
        return Signer(role, key)
    except Usage as error:
        if error.finding == "LG871":
            known.forget(role or NO_ROLE)
        raise


def reach(uri: str, role: str, project_id: str, public: PublicKey, passphrases: Passphrases) -> Signer:
    """The signer of a key in the store that `uri` names, spelled as securesystemslib does; `public` is its public half.

        file:/path?encrypted=true   file2:/path        a key file elsewhere
        hsm:ID?label=TOKEN   gcpkms:...   awskms:...   azurekms:...   hv:...
        role:USER                                      in the keeping of another user of this host (`doctor --fix`)

    Reaches no store yet; a file is read. Raises as `load`, and Usage (LG875) for no such URI.
    """
    scheme, _, rest = uri.partition(":")
    if scheme in FILES:
        path, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if path.startswith("/") and options in ({}, {"encrypted": "true"}, {"encrypted": "false"}):
            return load(Path(path), role, passphrases, encrypted=options.get("encrypted") == "true")
    elif scheme == ROLE and rest:
        from lockgate.trust._rolekey import RoleKey

        return Signer(role, RoleKey(rest, role, project_id, public))
    elif scheme in STORES:
        from lockgate.trust._keystore import StoreKey

        return Signer(role, StoreKey(uri, public, passphrases, role))
    raise Usage(
        "LG875",
        f"no key store that Lockgate knows: {uri[:200]!r}",
        seen={"uri": uri[:200], "known": [*FILES, *STORES, ROLE]},
        next=f"lockgate trust use {role} 'hsm:2?label=TOKEN'",
    )
