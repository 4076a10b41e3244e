"""The roles file: which key speaks for which role, and whose it is. Pure.

A roles statement (claim `roles`, subject `project` = the project id) carries this predicate, exactly:

    {"claim": "urn:lockgate:claim:roles:v1", "time": RFC3339Z, "version": 1, "project": <64 hex>,
     "root": [KEY...], "keys": [KEY...], "thresholds": {<role>: n}, "revoked": {<keyid>: <reason>},
     "expires": RFC3339Z or null}
    KEY = {"keyid", "role", "person", "publicKey": <PEM>, "environments": ["*"] or names}    sorted by keyid

The project id is the fingerprint of the first root key, for ever. A revoked key stays listed, so that one can read
whose it was. Here only the form is checked; `trust.succession` says what may follow what and how a new person can be
named, and `trust.verifier.verify_roles` who must sign it. Persons are counted by `trust.persons.fold`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lockgate.core.digest import from_hex
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.core.statement import ROLES as ROLES_PREDICATE
from lockgate.core.statement import Statement, Subject, claim_uri
from lockgate.errors import Refused, VerificationFailed
from lockgate.trust.authority import ANY_ENVIRONMENT, ROLES, ROOT, SEALER
from lockgate.trust.keys import PublicKey, parse_public_key
from lockgate.trust.persons import distinct, fold

_FIELDS = {"claim", "time", "version", "project", "root", "keys", "thresholds", "revoked", "expires"}
_PERSON = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_ENVIRONMENT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class KeyEntry:
    """One key: its role, the person or service that holds it, the environments in which it is valid."""

    role: str
    person: str
    key: PublicKey
    environments: tuple[str, ...] = (ANY_ENVIRONMENT,)

    @property
    def keyid(self) -> str:
        """The key's fingerprint."""
        return self.key.keyid

    @property
    def pem(self) -> str:
        """The public key as PEM SubjectPublicKeyInfo."""
        return self.key.pem


@dataclass(frozen=True)
class Roles:
    """One version of the roles file. `keys` and `root_keys` are by fingerprint; no key has two roles."""

    version: int
    project_id: str
    root_keys: Mapping[str, KeyEntry]
    keys: Mapping[str, KeyEntry]
    time: datetime
    thresholds: Mapping[str, int] = field(default_factory=dict)
    revoked: Mapping[str, str] = field(default_factory=dict)
    expires: datetime | None = None

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody who holds a key of a role, sorted; each in one spelling."""
        return tuple(sorted(distinct(entry.person for _, entry in sorted(self.keys.items())).values()))

    def threshold(self, role: str) -> int:
        """How many distinct persons must sign what `role` says."""
        return self.thresholds.get(role, 1)

    def keys_of(self, role: str) -> tuple[KeyEntry, ...]:
        """All keys of a role that are not revoked, by fingerprint."""
        return tuple(e for keyid, e in sorted(self.keys.items()) if e.role == role and keyid not in self.revoked)

    def key_for(self, role: str) -> KeyEntry:
        """The one key of a role. Raises VerificationFailed (LG813) when there is none, or more than one."""
        found = self.keys_of(role)
        if len(found) != 1:
            raise VerificationFailed(
                "LG813",
                f"the roles file names {len(found)} valid keys for the role {role}, where one is needed",
                seen={"role": role, "keys": [entry.keyid for entry in found]},
                next="lockgate trust show",
            )
        return found[0]

    def root_keys_valid(self) -> dict[str, KeyEntry]:
        """The root keys that may sign the next version, by fingerprint."""
        return {keyid: entry for keyid, entry in self.root_keys.items() if keyid not in self.revoked}

    def signed_by(self, role: str) -> str:
        """Who signs as `role`, in a few letters: `mara 7f3a..91`, or how many persons do."""
        found = self.keys_of(role)
        if len(found) == 1:
            return f"{found[0].person} {found[0].keyid[:4]}..{found[0].keyid[-2:]}"
        return f"one of {len(distinct(entry.person for entry in found))} persons"

    def sealer_key(self) -> bytes:
        """The Ed25519 key (32 bytes) that signs the checkpoints of both logs."""
        return self.key_for(SEALER).key.raw

    def separation(self) -> str:
        """How far the roles are in different hands, in words: `none, one person holds 11 of 11 roles`."""
        held = {role: {fold(entry.person) for entry in self.keys_of(role)} for role in ROLES}
        counts = Counter(person for persons in held.values() for person in persons)
        filled = sum(1 for persons in held.values() if persons)
        if len(counts) == 1:
            return f"none, one person holds {filled} of {len(ROLES)} roles"
        most = max(counts.values(), default=0)
        word = "full" if most == 1 else "partial"
        named = distinct(self.persons)
        ordered = sorted(((named[person], count) for person, count in counts.items()), key=lambda c: (-c[1], c[0]))
        who = ", ".join(f"{person} {count}" for person, count in ordered)
        return f"{word}, {len(counts)} persons hold {filled} of {len(ROLES)} roles ({who})"

    def check_fresh(self, now: datetime) -> None:
        """Raises Refused (LG824) when this version has expired."""
        if self.expires is not None and now > self.expires:
            raise Refused(
                "LG824",
                f"the roles file expired at {rfc3339(self.expires)}",
                seen={"version": self.version, "expires": rfc3339(self.expires), "now": rfc3339(now)},
                next="lockgate trust expire DATE   # where the root's key is",
            )

    def statement(self) -> Statement:
        """The statement that a root key signs."""
        predicate = {
            "claim": claim_uri("roles"),
            "time": rfc3339(self.time),
            "version": self.version,
            "project": self.project_id,
            "root": [_written(entry) for _, entry in sorted(self.root_keys.items())],
            "keys": [_written(entry) for _, entry in sorted(self.keys.items())],
            "thresholds": dict(self.thresholds),
            "revoked": dict(self.revoked),
            "expires": None if self.expires is None else rfc3339(self.expires),
        }
        return Statement((Subject("project", from_hex(self.project_id)),), ROLES_PREDICATE, predicate)

    @staticmethod
    def from_predicate(predicate: Mapping[str, Any]) -> Roles:
        """Read exactly what `statement` wrote. Raises VerificationFailed (LG821)."""
        try:
            roles = _read(predicate)
            if roles.statement().predicate != predicate:
                raise ValueError("it is not in its one accepted form")
        except (ValueError, TypeError, AttributeError) as error:
            raise VerificationFailed(
                "LG821", f"the roles file is malformed: {error}", next="lockgate verify --all"
            ) from None
        return roles


def _written(entry: KeyEntry) -> dict[str, Any]:
    return {
        "keyid": entry.keyid,
        "role": entry.role,
        "person": entry.person,
        "publicKey": entry.pem,
        "environments": list(entry.environments),
    }


def _read(predicate: Mapping[str, Any]) -> Roles:
    if set(predicate) != _FIELDS:
        raise ValueError("it has exactly " + ", ".join(sorted(_FIELDS)))
    if type(predicate["version"]) is not int or predicate["version"] < 1:
        raise ValueError("version is a whole number from 1")
    from_hex(predicate["project"])
    roles = Roles(
        predicate["version"],
        predicate["project"],
        _entries(predicate["root"], (ROOT,)),
        _entries(predicate["keys"], ROLES),
        parse_rfc3339(predicate["time"]),
        _thresholds(predicate["thresholds"]),
        _revoked(predicate["revoked"]),
        None if predicate["expires"] is None else parse_rfc3339(predicate["expires"]),
    )
    if not roles.root_keys or set(roles.root_keys) & set(roles.keys):
        raise ValueError("there is a root key, and it has no other role")
    _check_thresholds(roles)
    return roles


def _entries(values: object, allowed: tuple[str, ...]) -> dict[str, KeyEntry]:
    if not isinstance(values, list):
        raise ValueError("keys are a list")
    entries = [_entry(value, allowed) for value in values]
    found = {entry.keyid: entry for entry in entries}
    if list(found) != sorted(found) or len(found) != len(entries):
        raise ValueError("keys are sorted by keyid, each once")
    return found


def _entry(value: object, allowed: tuple[str, ...]) -> KeyEntry:
    if not isinstance(value, dict) or set(value) != {"keyid", "role", "person", "publicKey", "environments"}:
        raise ValueError("a key has exactly keyid, role, person, publicKey and environments")
    key = parse_public_key(value["publicKey"])
    role, person, environments = value["role"], value["person"], value["environments"]
    if key.keyid != value["keyid"]:
        raise ValueError("a keyid is not the fingerprint of its key")
    if role not in allowed:
        raise ValueError(f"{role!r} is no role here")
    if key.kind != ("ed25519" if role == SEALER else "ecdsa-p256"):
        raise ValueError(f"a key of role {role} has the wrong kind: {key.kind}")
    if not isinstance(person, str) or not _PERSON.fullmatch(person):
        raise ValueError("a key belongs to a named person or service")
    if environments != [ANY_ENVIRONMENT] and (
        not environments
        or environments != sorted(set(environments))
        or not all(_ENVIRONMENT.fullmatch(name) for name in environments)
    ):
        raise ValueError('environments are ["*"] or sorted names')
    return KeyEntry(role, person, key, tuple(environments))


def _thresholds(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or not all(type(n) is int and n >= 1 for n in value.values()):
        raise ValueError("a threshold is a whole number from 1")
    if not set(value) <= {*ROLES, ROOT}:
        raise ValueError("a threshold names no role")
    return value


def _revoked(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(reason, str) and reason for reason in value.values()):
        raise ValueError("a revoked key has a reason")
    for keyid in value:
        from_hex(keyid)
    return value


def _check_thresholds(roles: Roles) -> None:
    for role, needed in roles.thresholds.items():
        holders = roles.root_keys_valid().values() if role == ROOT else roles.keys_of(role)
        if needed > len(distinct(entry.person for entry in holders)):
            raise ValueError(f"{needed} persons must sign for {role}, more than hold its keys")
