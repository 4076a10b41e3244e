"""The changes of the roles file that `lockgate trust` offers, each as the maker of a next version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.workplace import Workplace
from lockgate.errors import Unavailable, Usage
from lockgate.project.ceremony import Make, fresh_key, read_public
from lockgate.trust import succession
from lockgate.trust.authority import ANY_ENVIRONMENT, SEALER
from lockgate.trust.keys import PublicKey, import_public_key
from lockgate.trust.roles import KeyEntry, Roles

if TYPE_CHECKING:
    from lockgate.trust.keyring import Keyring


@dataclass(frozen=True)
class Generated:
    """A key pair made on this machine. It counts when a roles file names it."""

    role: str
    person: str
    keyid: str
    pem: str
    waits: bool

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return dict(vars(self))


def generate(keyring: Keyring, role: str, person: str, passphrase: bytes | None = None) -> Generated:
    """A key for `role`, made here. Where this machine has one already, the new one waits beside it."""
    waits = keyring.has(role)
    public = fresh_key(keyring, role, passphrase).key if waits else keyring.create(role, passphrase=passphrase)
    return Generated(role, person, public.keyid, public.pem, waits)


def adding(role: str, person: str, key: Path, environments: Sequence[str] = ()) -> Make:
    """`person` gets one more key of `role`, whose private half is elsewhere."""

    def make(place: Workplace, roles: Roles) -> Roles:
        where = tuple(sorted(set(environments))) or (ANY_ENVIRONMENT,)
        return succession.with_key(roles, KeyEntry(role, person, _public(key), where), place.now())

    return make


def rotating(
    role: str, reason: str, *, old: str = "", key: Path | None = None, passphrase: bytes | None = None
) -> Make:
    """A new key takes the place of `old` (default: this machine's, or the only one of its role), for the same person.

    The new key is made here, unless `key` is its public half. Only this machine's own key is replaced by one made here.
    """

    def make(place: Workplace, roles: Roles) -> Roles:
        here = _own(place.keyring, role)
        keyid = succession.find_key(roles, old) if old else _default(roles, role, here)
        before = {**roles.keys, **roles.root_keys}[keyid]
        if before.role != role:
            raise _unfit(f"that is a key of {before.role}, not of {role}", keyid=keyid)
        if key is None and keyid != here:
            raise _unfit(
                f"the key of {before.person} is not on this machine; {before.person} makes the new one and gives --key",
                keyid=keyid,
            )
        public = _public(key) if key else fresh_key(place.keyring, role, passphrase).key
        entry = KeyEntry(role, before.person, public, before.environments)
        return succession.rotated(roles, keyid, entry, reason, place.now())

    return make


def revoking(keyid: str, reason: str) -> Make:
    """A key counts no more, from this version on."""
    return lambda place, roles: succession.without_key(roles, keyid, reason, place.now())


def threshold(role: str, persons: int) -> Make:
    """So many distinct persons must sign as `role`."""
    return lambda place, roles: succession.with_threshold(roles, role, persons, place.now())


def expiring(expires: datetime | None) -> Make:
    """The roles file expires, or never does."""
    return lambda place, roles: succession.expiring(roles, expires, place.now())


def _own(keyring: Keyring, role: str) -> str:
    """The fingerprint of this user's key, whose private half may have been moved to another place; "" without one."""
    try:
        return keyring.public(role).keyid
    except Unavailable:
        return ""


def _default(roles: Roles, role: str, here: str) -> str:
    listed = {**roles.keys, **roles.root_keys_valid()}
    if here in listed and here not in roles.revoked:
        return here
    valid = [keyid for keyid, entry in listed.items() if entry.role == role and keyid not in roles.revoked]
    if role == SEALER or len(valid) == 1:
        return valid[0]
    raise _unfit(f"{len(valid)} keys of {role} are valid; say which one is replaced: --old KEY", keys=valid)


def _public(path: Path) -> PublicKey:
    try:
        return import_public_key(read_public(path))
    except ValueError as error:
        raise _unfit(f"{path} is not a public key: {error}", file=str(path)) from None


def _unfit(why: str, **seen: object) -> Usage:
    return Usage("LG862", f"no roles file can be made of this: {why}", seen=seen, next="lockgate trust show")
