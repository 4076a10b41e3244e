"""This user's keys of one project. Knows where they are; `trust.signer` reads one when something is signed.

<role>.key   PKCS8 PEM, plain or encrypted, 0600        <role>.pub   its public half
<role>.uri   one line, 0600: the store that holds the key instead
next/        a key that waits to become the role's      old/         keys that were
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.store.files import fsync_folder, read_regular, write_new, writing
from lockgate.trust import keychange, pin, signer
from lockgate.trust._privatefile import read_private_file
from lockgate.trust.authority import ROLES, ROOT
from lockgate.trust.keys import PublicKey, parse_public_key
from lockgate.trust.passphrases import Passphrases
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer
from lockgate.trust.succession import check_names

_MOST = 64 << 10
_LONGEST_URI = 2048


@dataclass(frozen=True)
class Created:
    """What `create_keys` made. `envelope`: roles file, version 1, signed by the root: the log's first entry."""

    project_id: str
    roles: Roles
    envelope: bytes
    folder: Path
    root_key: Path


class Keyring:
    """The keys of the project `project_id` that are on this machine."""

    def __init__(self, project_id: str, folder: Path, root_key: Path) -> None:
        self.project_id = project_id
        self.folder = folder
        self.root_key = root_key
        self._passphrases = Passphrases()

    @staticmethod
    def open(project_id: str) -> Keyring:
        """The keyring in this user's configuration folder. Reads nothing yet. Raises Usage (LG829)."""
        return Keyring(project_id, pin.key_folder(project_id), pin.root_key_path(project_id))

    def signer(self, role: str) -> Signer:
        """The signer of a role (or `root`), found now: `<role>.uri` names another store than the file `<role>.key`.

        Raises:
            Unavailable: LG830 the key is not on this machine, LG872 nobody can be asked for its passphrase.
            Refused: LG831 others may read the key file.
            Usage: LG832 it is no key, LG871 a wrong passphrase, LG875 no signer URI.
            VerificationFailed: LG834 it does not belong to the public half beside it.
        """
        uri = self.uri(role)
        if uri:
            return self.reach(role, uri, self.public(role))
        return self._checked(role, signer.load(self.private_path(role), role, self._passphrases), self.public(role))

    def reach(self, role: str, uri: str, expected: PublicKey) -> Signer:
        """The signer of the key that `uri` names, which must be the private half of `expected`. Raises as `signer`."""
        return self._checked(role, signer.reach(uri, role, self.project_id, expected, self._passphrases), expected)

    def uri(self, role: str) -> str:
        """Where a role's key is, when it is not in `<role>.key`; else "". Raises Usage (LG875), Refused (LG831)."""
        path = self.private_path(role).with_suffix(".uri")
        try:
            found = read_private_file(path, "the signer URI").decode("utf-8", "replace").removesuffix("\n")
        except FileNotFoundError:
            return ""
        if not found or len(found) > _LONGEST_URI or not found.isprintable():
            raise Usage(
                "LG875", f"{path} is not one line with a signer URI", seen={"file": str(path)}, next=f"rm {path}"
            )
        return found

    def give_out(self, role: str) -> bytes:
        """The private key as plain PEM, for a jail of ours that signs by itself.

        Raises as `signer`; Unavailable (LG876) when its store gives no key out.
        """
        found = signer.private_pem(self.signer(role))
        if found is None:
            raise Unavailable(
                "LG876",
                f"the key of {role} cannot be handed to the process that needs it: its store gives no key out",
                seen={"role": role, "store": self.uri(role)},
                next=f"lockgate trust use {role} file:/PATH?encrypted=true   # this role's key must be in a file",
            )
        return found

    def public(self, role: str) -> PublicKey:
        """The public half of a role's key, without reading the private one. Raises Unavailable (LG830)."""
        return self.read_public(role, self.folder / f"{role}.pub")

    def read_public(self, role: str, path: Path) -> PublicKey:
        """The public half in the file `path`. Raises as `public`."""
        try:
            return parse_public_key(read_regular(path, _MOST).decode())
        except FileNotFoundError:
            raise Unavailable(
                "LG830",
                f"this machine has no key of role {role} for this project",
                seen={"file": str(path)},
                next="run the command where the key is, or restore the key files",
            ) from None
        except ValueError as error:
            raise VerificationFailed(
                "LG834", f"{path} is not a public key: {error}", seen={"file": str(path)}, next="lockgate trust show"
            ) from None

    def has(self, role: str) -> bool:
        """Whether this machine can sign as a role: by a key file, or by another store."""
        path = self.private_path(role)
        return path.is_file() or path.with_suffix(".uri").is_file()

    def roles_here(self) -> tuple[str, ...]:
        """The roles whose private keys are on this machine."""
        return tuple(role for role in ROLES if self.has(role))

    def create(self, role: str, *, passphrase: bytes | None = None, staged: bool = False) -> PublicKey:
        """Make a key for a role. See `keychange.create`."""
        return keychange.create(self, role, passphrase=passphrase, staged=staged)

    def adopt(self, role: str, uri: str, public: PublicKey) -> PublicKey:
        """Stage a key that was made in another store. See `keychange.adopt`."""
        return keychange.adopt(self, role, uri, public)

    def staged(self, role: str) -> PublicKey | None:
        """The public half of the key that waits to become the role's."""
        return keychange.staged(self, role)

    def staged_signer(self, role: str) -> Signer:
        """The signer of the key that waits. Raises as `signer`."""
        return self.next_ring().signer(role)

    def next_ring(self) -> Keyring:
        """The keyring of the keys that wait; the root's lies there too."""
        folder = self.folder / keychange.NEXT
        return Keyring(self.project_id, folder, folder / "root.key")

    def promote(self, role: str) -> None:
        """The key that waits becomes the role's. See `keychange.promote`."""
        keychange.promote(self, role)

    def discard(self, role: str) -> None:
        """Remove the key that waits."""
        keychange.discard(self, role)

    def protect(self, role: str, passphrase: bytes) -> None:
        """Encrypt a role's key file in place. See `keychange.protect`."""
        keychange.protect(self, role, passphrase)

    def use(self, role: str, uri: str) -> PublicKey:
        """Let a role sign by another store. See `keychange.use`."""
        return keychange.use(self, role, uri)

    def private_path(self, role: str) -> Path:
        """Where the key file of a role is, or would be. Raises KeyError for no role."""
        if role != ROOT and role not in ROLES:
            raise KeyError(role)
        return self.root_key if role == ROOT else self.folder / f"{role}.key"

    def _checked(self, role: str, found: Signer, expected: PublicKey) -> Signer:
        if found.keyid != expected.keyid:
            raise VerificationFailed(
                "LG834",
                f"the private key of {role} does not belong to {self.folder / role}.pub",
                seen={"expected": expected.keyid, "seen": found.keyid},
                next="lockgate trust show",
            )
        return found.within(self.project_id)


def create_keys(person: str, now: datetime) -> Created:
    """Make a root key and a key for each of the eleven roles, all held by `person`, and sign the first roles file.

    Nothing is left behind when it fails half-way. Raises Unavailable (LG801), Refused (LG833) when the project's
    keys are there already.
    """
    signers = {role: signer.generate(role) for role in (ROOT, *ROLES)}
    project_id = signers[ROOT].keyid
    keyring = Keyring.open(project_id)
    if keyring.folder.exists() or keyring.root_key.exists():
        raise Refused("LG833", "keys of this project are there already", seen={"folder": str(keyring.folder)})
    try:
        _save(keyring, signers)
    except BaseException:
        remove_keys(project_id)
        raise
    roles = _first_roles(person, signers, now)
    envelope = signers[ROOT].sign(roles.statement())
    return Created(project_id, roles, envelope, keyring.folder, keyring.root_key)


def remove_keys(project_id: str) -> None:
    """Remove everything this user has of a project outside of its folder: keys, pin, seen checkpoints."""
    pin.remove(project_id)


def _save(keyring: Keyring, signers: dict[str, Signer]) -> None:
    for folder in (keyring.root_key.parent, keyring.folder):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            fsync_folder(folder.parent)
    for role, one in signers.items():
        signer.save(one, keyring.root_key if role == ROOT else keyring.folder / f"{role}.key")
        write_new(keyring.folder / f"{role}.pub", one.public.pem.encode(), 0o644)


def _first_roles(person: str, signers: dict[str, Signer], now: datetime) -> Roles:
    entries = {one.keyid: KeyEntry(role, person, one.public) for role, one in signers.items()}
    root = {keyid: entry for keyid, entry in entries.items() if entry.role == ROOT}
    keys = {keyid: entry for keyid, entry in entries.items() if entry.role != ROOT}
    roles = Roles(1, signers[ROOT].keyid, root, keys, now)
    try:
        check_names(None, roles)
        return Roles.from_predicate(roles.statement().predicate)
    except LockgateError as error:
        remove_keys(roles.project_id)
        raise Refused("LG821", f"no roles file can be made: {error.message}", seen={"person": person}) from None
