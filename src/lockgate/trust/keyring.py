"""This user's keys of one project. Knows where they are; `trust.signer` reads one when something is signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lockgate.errors import LockgateError, Refused, Unavailable, VerificationFailed
from lockgate.store.files import fsync_folder, read_regular, write_new, writing
from lockgate.trust import pin, signer
from lockgate.trust.authority import ROLES, ROOT
from lockgate.trust.keys import PublicKey, parse_public_key
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer

_MOST = 64 << 10


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

    @staticmethod
    def open(project_id: str) -> Keyring:
        """The keyring in this user's configuration folder. Reads nothing yet. Raises Usage (LG829)."""
        return Keyring(project_id, pin.key_folder(project_id), pin.root_key_path(project_id))

    def signer(self, role: str) -> Signer:
        """The signer of a role (or `root`), read now.

        Raises:
            Unavailable: LG830 the key is not on this machine.
            Refused: LG831 others may read the key file.
            Usage: LG832 it is no key.
            VerificationFailed: LG834 it does not belong to the public half beside it.
        """
        found = signer.load(self._private(role), role)
        expected = self.public(role)
        if found.keyid != expected.keyid:
            raise VerificationFailed(
                "LG834",
                f"the private key of {role} does not belong to {self.folder / role}.pub",
                seen={"expected": expected.keyid, "seen": found.keyid},
                next="lockgate trust show",
            )
        return found

    def public(self, role: str) -> PublicKey:
        """The public half of a role's key, without reading the private one. Raises Unavailable (LG830)."""
        path = self.folder / f"{role}.pub"
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
        """Whether the private key of a role is on this machine."""
        return self._private(role).is_file()

    def roles_here(self) -> tuple[str, ...]:
        """The roles whose private keys are on this machine."""
        return tuple(role for role in ROLES if self.has(role))

    def _private(self, role: str) -> Path:
        if role != ROOT and role not in ROLES:
            raise KeyError(role)
        return self.root_key if role == ROOT else self.folder / f"{role}.key"


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
        return Roles.from_predicate(roles.statement().predicate)
    except LockgateError as error:
        remove_keys(roles.project_id)
        raise Refused("LG821", f"no roles file can be made: {error.message}", seen={"person": person}) from None
