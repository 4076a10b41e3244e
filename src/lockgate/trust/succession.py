"""From one roles file to the next: what may change, what must not, and the change in words. Pure.

    version   exactly one more            project id   the same for ever
    revoked   only grows: a key that was taken away never comes back
    keys      a key that was listed stays listed until it is revoked: what it said counts, or is known not to
    persons   a name that is new can be told from every other (`trust.persons`)
    sealer    exactly one valid key: a log is signed by one
    root      at least as many persons hold valid root keys as its threshold asks for

Each builder makes the next version of a roles file. Nothing is in force until root keys have signed it
(`trust.verifier.verify_roles`) and the log has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from lockgate.core.moments import rfc3339
from lockgate.errors import Usage, VerificationFailed
from lockgate.trust import persons
from lockgate.trust.authority import ANY_ENVIRONMENT, AUTHORITIES, ROLES, ROOT, SEALER
from lockgate.trust.roles import KeyEntry, Roles

COSIGNED: Final = (ROOT, "policy", "approver", "deployer", "revoker")
"""The roles whose statements can wait for the signatures of several persons."""


@dataclass(frozen=True)
class Change:
    """One difference between two roles files. `kind`: gains, loses, or rule."""

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text


def check_usable(roles: Roles) -> None:
    """Raises VerificationFailed (LG860) unless the log can be sealed, and a next version made, under `roles`."""
    sealers = len(roles.keys_of(SEALER))
    if sealers != 1:
        raise _locks(f"it names {sealers} valid keys of the sealer, and exactly one signs the log", sealers=sealers)
    if roles.threshold(SEALER) != 1:
        raise _locks("it asks for several sealers, and one key signs the log", threshold=roles.threshold(SEALER))
    holders = persons.distinct(entry.person for entry in roles.root_keys_valid().values())
    if len(holders) < roles.threshold(ROOT):
        raise _locks(
            f"{roles.threshold(ROOT)} persons must sign the next one as root, and {len(holders)} could",
            persons=sorted(holders.values()),
        )


def check_follows(before: Roles, after: Roles) -> None:
    """Raises VerificationFailed (LG861) when `after` gives a key back, gives one to another, or drops one unrevoked."""
    back = sorted(set(before.revoked) - set(after.revoked))
    if back:
        raise VerificationFailed(
            "LG861", "the roles file brings a revoked key back", seen={"keys": back}, next="lockgate trust show"
        )
    known, named = {**before.keys, **before.root_keys}, {**after.keys, **after.root_keys}
    moved = sorted(
        keyid
        for keyid, entry in named.items()
        if keyid in known and (known[keyid].role, known[keyid].person) != (entry.role, entry.person)
    )
    if moved:
        raise VerificationFailed(
            "LG861",
            "the roles file gives a key to another person, or another role",
            seen={"keys": moved},
            next="lockgate trust show",
        )
    dropped = sorted(set(known) - set(named) - set(after.revoked))
    if dropped:
        raise VerificationFailed(
            "LG861",
            "the roles file drops a key without revoking it",
            seen={"keys": dropped},
            next="lockgate trust revoke-key KEY --reason WHY   # its words would go on counting",
        )


def check_names(before: Roles | None, after: Roles) -> None:
    """Check the names that `after` brings: each can be given, and is no other spelling of one that stands beside it.

    Asked of a version that is not in force yet. What `before` has stays readable, and can be gone on from. Raises
    VerificationFailed (LG821).
    """
    known = frozenset[str]() if before is None else _named(before)
    listed = _named(after)
    for name in sorted(listed - known):
        twins = sorted(other for other in listed - {name} if persons.fold(other) == persons.fold(name))
        why = persons.fault(name) or (f"it is {twins[0]!a} in another spelling" if twins else "")
        if why:
            raise VerificationFailed(
                "LG821",
                f"nobody can be named {name!a}: {why}",
                seen={"person": ascii(name), "others": [ascii(other) for other in sorted(listed - {name})]},
                next="lockgate trust show",
            )


def changes(before: Roles, after: Roles) -> tuple[Change, ...]:
    """What `after` changes, in words: who gains or loses what, and which rules are others."""
    old, new = {**before.root_keys, **before.keys}, {**after.root_keys, **after.keys}
    return (
        *(Change("gains", f"{_who(new[k])} gains {_what(new[k])}") for k in new if k not in old),
        *_environments(old, new),
        *(
            Change("loses", f"{_who(entry)} loses {_what(entry)}: {_why(keyid, after)}")
            for keyid, entry in old.items()
            if keyid not in before.revoked and (keyid in after.revoked or keyid not in new)
        ),
        *_rules(before, after),
    )


def with_key(roles: Roles, entry: KeyEntry, now: datetime) -> Roles:
    """The next version, with one more key. Raises Usage (LG862): the key is listed already, or nobody is named so."""
    if entry.keyid in {**roles.keys, **roles.root_keys}:
        raise _unfit("this key is in the roles file already; one key has one role", keyid=entry.keyid)
    root = {**roles.root_keys, entry.keyid: entry} if entry.role == ROOT else roles.root_keys
    keys = roles.keys if entry.role == ROOT else {**roles.keys, entry.keyid: entry}
    joined = _next(roles, now, root_keys=root, keys=keys)
    try:
        check_names(roles, joined)
    except VerificationFailed as error:
        raise _unfit(error.message, **error.seen) from None
    return joined


def without_key(roles: Roles, named: str, reason: str, now: datetime) -> Roles:
    """The next version, in which the key with the fingerprint, or unique prefix, `named` is revoked. Raises Usage."""
    keyid = find_key(roles, named)
    if keyid in roles.revoked:
        raise _unfit(f"this key is revoked already: {roles.revoked[keyid]}", keyid=keyid)
    return _next(roles, now, revoked={**roles.revoked, keyid: _reason(reason)})


def rotated(roles: Roles, keyid: str, entry: KeyEntry, reason: str, now: datetime) -> Roles:
    """The next version, in which `entry` takes the place of the key `keyid`, which is revoked. Raises Usage."""
    joined = with_key(roles, entry, now)
    return _checked(replace(joined, revoked={**roles.revoked, find_key(roles, keyid): _reason(reason)}))


def with_threshold(roles: Roles, role: str, needed: int, now: datetime) -> Roles:
    """The next version, in which `needed` distinct persons must sign as `role`. Raises Usage (LG862)."""
    if role not in COSIGNED:
        raise _unfit(f"what {role} says is signed by one key at once, and cannot wait for others", can=[*COSIGNED])
    others = {name: n for name, n in roles.thresholds.items() if name != role}
    return _next(roles, now, thresholds=others if needed == 1 else {**others, role: needed})


def expiring(roles: Roles, expires: datetime | None, now: datetime) -> Roles:
    """The next version, which expires at `expires`, or never. Raises Usage (LG862) for a time that is past."""
    if expires is not None and expires <= now:
        raise _unfit("this time is past", expires=rfc3339(expires), now=rfc3339(now))
    return _next(roles, now, expires=expires)


def find_key(roles: Roles, named: str) -> str:
    """The fingerprint that `named`, a unique prefix of at least 8 digits, means. Raises Usage (LG862)."""
    found = [keyid for keyid in {**roles.keys, **roles.root_keys} if len(named) >= 8 and keyid.startswith(named)]
    if len(found) != 1:
        raise _unfit(f"{named!r} names {len(found)} keys; give at least 8 digits of one fingerprint", seen=named)
    return found[0]


def _named(roles: Roles) -> frozenset[str]:
    return frozenset(entry.person for entry in (*roles.keys.values(), *roles.root_keys.values()))


def _next(roles: Roles, now: datetime, **what: object) -> Roles:
    return _checked(replace(roles, version=roles.version + 1, time=now, **what))  # type: ignore[arg-type]


def _checked(roles: Roles) -> Roles:
    """`roles` as everybody will read it. Raises Usage (LG862) when nobody could."""
    try:
        return Roles.from_predicate(roles.statement().predicate)
    except VerificationFailed as error:
        raise _unfit(error.message.removeprefix("the roles file is malformed: ")) from None


def _environments(old: Mapping[str, KeyEntry], new: Mapping[str, KeyEntry]) -> Iterator[Change]:
    for keyid in old:
        before, after = old[keyid], new.get(keyid)
        if after is not None and before.environments != after.environments:
            where = (_where(before) or " everywhere", _where(after) or " everywhere")
            yield Change("rule", f"{_who(after)} as {after.role}: counts{where[1]} (so far{where[0]})")


def _rules(before: Roles, after: Roles) -> Iterator[Change]:
    for role in (*ROLES, ROOT):
        if before.threshold(role) != after.threshold(role):
            was, now = before.threshold(role), after.threshold(role)
            yield Change("rule", f"as {role} {now} different person(s) must sign (so far {was})")
    if before.expires != after.expires:
        yield Change("rule", f"the roles file expires {_moment(after.expires)} (so far {_moment(before.expires)})")


def _who(entry: KeyEntry) -> str:
    return f"{entry.person} (key {entry.keyid[:12]})"


def _what(entry: KeyEntry) -> str:
    return f"{entry.role}: may {_says(entry)}"


def _says(entry: KeyEntry) -> str:
    where = _where(entry)
    if entry.role == ROOT:
        return f"say whose keys count{where}"
    if entry.role == SEALER:
        return f"seal the logs{where}"
    said = {claim: one for claim, one in AUTHORITIES.items() if entry.role in one.roles}
    # What is said of rows holds in every environment, whatever the key is for.
    everywhere = [claim for claim, one in said.items() if not one.environment_bound]
    there = [claim for claim in said if claim not in everywhere]
    if where and there and everywhere:
        return f"sign {', '.join(there)}{where}, and {', '.join(everywhere)}"
    return f"sign {', '.join(said)}{where}"


def _where(entry: KeyEntry) -> str:
    return "" if entry.environments == (ANY_ENVIRONMENT,) else " in " + ", ".join(entry.environments)


def _why(keyid: str, after: Roles) -> str:
    return after.revoked.get(keyid, "no longer listed")


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else rfc3339(moment)


def _reason(reason: str) -> str:
    if not reason.strip():
        raise _unfit("a key is revoked for a reason; say which")
    return reason.strip()


def _locks(why: str, **seen: object) -> VerificationFailed:
    return VerificationFailed(
        "LG860", f"under this roles file nobody could go on: {why}", seen=seen, next="lockgate trust show"
    )


def _unfit(why: str, **seen: object) -> Usage:
    return Usage("LG862", f"no roles file can be made of this: {why}", seen=seen, next="lockgate trust show")
