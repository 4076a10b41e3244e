"""The one place where a statement becomes believed: bytes in, `Verified` out, or VerificationFailed. Pure.

Trusts the roles file it is handed, nothing else. Which roles file was in force when, and whether the statement
is in the log, is `audit.ledger`'s question; what it means is the stage's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lockgate.core.digest import Digest, digest_of, from_hex
from lockgate.core.statement import Statement
from lockgate.errors import VerificationFailed
from lockgate.trust.authority import ROOT, check_authority, check_project
from lockgate.trust.dsse import Envelope
from lockgate.trust.persons import distinct
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.succession import check_follows, check_names, check_usable


@dataclass(frozen=True)
class Verified:
    """A statement, and who is behind it.

    Attributes:
        person, keyid: of the first signature; `persons` and `keyids` hold everybody and every key that signed, once.
        digest: of the envelope's bytes, by which statements name each other.
        payload: digest of the exact bytes that were signed.
        environment: the environment that it is bound to, None when its claim is bound to none.
    """

    statement: Statement
    claim: str
    role: str
    person: str
    keyid: str
    digest: Digest
    persons: tuple[str, ...] = ()
    environment: str | None = None
    keyids: tuple[str, ...] = ()
    payload: Digest | None = None


def verify(
    envelope: bytes,
    roles: Roles,
    *,
    environment: str | None = None,
    revoked: Collection[str] = (),
    complete: bool = True,
) -> Verified:
    """Verify one statement against a roles file. `complete` False: others are still to sign it, step 7 is left out.

    1. The envelope is in its one accepted encoding and holds an in-toto statement.
    2. Each signature is by a key of the roles file, which is not revoked there nor in `revoked`.
    3. Each signature is over exactly these payload bytes.
    4. The payload is a statement in its one accepted encoding, and names its claim.
    5. Each key's role may make this claim, with this predicate type, in this environment; what decides something in
       a project names this one.
    6. With `environment`: the statement is bound to that one.
    7. As many distinct persons signed as the role's threshold says.

    Raises:
        VerificationFailed: LG810, LG811 (1), LG813, LG814 (2), LG812 (3), LG815, LG816 (4),
            LG817, LG818, LG819, LG844 (5, 6), LG820 (7).
    """
    # 1.
    parsed = Envelope.parse(envelope)
    # 2.
    known = {**roles.keys, **roles.root_keys}
    signers = [_signer(keyid, known, {*roles.revoked, *revoked}) for keyid in _keyids(parsed)]
    # 3.
    _check_signatures(parsed, signers)
    # 4.
    statement = parsed.statement()
    # 5.
    bound = {check_authority(statement, entry.role, entry.environments) for entry in signers}
    if statement.claim == "roles":
        raise VerificationFailed(
            "LG816", "a roles file stands where another statement must be", seen={"claim": "roles"}, next=_NEXT
        )
    check_project(statement, roles.project_id)
    # 6.
    found = next(iter(bound))
    if environment is not None and found != environment:
        raise VerificationFailed(
            "LG819",
            f"a {statement.claim} statement for {found or 'no environment'} was presented for {environment}",
            seen={"claim": statement.claim, "expected": environment, "seen": found},
            next=_NEXT,
        )
    # 7.
    for role in {entry.role for entry in signers} if complete else ():
        _check_threshold([entry for entry in signers if entry.role == role], role, roles.threshold(role))
    return _verified(statement, envelope, signers, found, parsed)


def verify_roles(
    envelope: bytes,
    previous: Roles | None,
    *,
    root: str | None = None,
    complete: bool = True,
    new: bool = False,
) -> Verified:
    """Verify a roles statement: the first one by the pinned fingerprint `root`, a later one by the one before.

    1. The envelope is in its one accepted encoding and holds an in-toto statement.
    2. The first version is signed by the key whose fingerprint is `root`; it brings that key along, and the
       fingerprint proves it. A later one is signed by root keys of `previous`, by as many distinct persons as
       its threshold says; a new root key may sign beside them.
    3. It is a roles statement in its one accepted form, about this project.
    4. Its version is 1, or exactly one more than that of `previous`.
    5. What was revoked stays revoked, and somebody can seal and make the next version. When it is `new`, not in the
       log yet: the names that it brings can be told apart.
    6. A later one is also signed by as many persons as its own root threshold says, with its own root keys: a root
       that nobody holds, or a threshold that nobody can reach, can never be put in force.

    `complete` False: others are still to sign, the thresholds are left out.

    Raises:
        VerificationFailed: as `verify`; LG821 (3, 5), LG822 (4), LG823 (2), LG828 about another project; LG860,
            LG861 (5).
    """
    # 1.
    parsed = Envelope.parse(envelope)
    project = root if root is not None else previous.project_id if previous is not None else ""
    if previous is not None and previous.project_id != project:
        raise _other_project(project, previous.project_id)
    # 2.
    known = _own_root(parsed, project) if previous is None else previous.root_keys_valid()
    signers = _root_signers(parsed, known, previous, project)
    _check_signatures(parsed, signers)
    if complete:
        _check_in_force(signers, known)
        before = [entry for entry in signers if entry.keyid in known]
        _check_threshold(before, ROOT, 1 if previous is None else previous.threshold(ROOT))
    # 3.
    statement = parsed.statement()
    for entry in signers:
        check_authority(statement, entry.role, entry.environments)
    roles = Roles.from_predicate(statement.predicate)
    if roles.project_id != project or not statement.is_about(from_hex(project)):
        raise _other_project(project, roles.project_id)
    # 4.
    expected = 1 if previous is None else previous.version + 1
    if roles.version != expected:
        raise VerificationFailed(
            "LG822",
            f"the roles file has version {roles.version}, where version {expected} must follow",
            seen={"expected": expected, "seen": roles.version},
            next="lockgate trust show",
        )
    # 5.
    check_usable(roles)
    if previous is not None:
        check_follows(previous, roles)
        if new:
            check_names(previous, roles)
        # 6.
        own = [entry for entry in signers if entry.keyid in roles.root_keys_valid()]
        if complete:
            _check_threshold(own, ROOT, roles.threshold(ROOT))
    return _verified(statement, envelope, signers, None, parsed)


def _root_signers(
    envelope: Envelope, known: Mapping[str, KeyEntry], previous: Roles | None, project: str
) -> list[KeyEntry]:
    """Whose signatures a roles file bears: root keys in force, and the root keys that it brings itself."""
    everybody = known if previous is None else {**_brought(envelope), **known}
    for keyid in _keyids(envelope):
        if keyid not in everybody:
            raise VerificationFailed(
                "LG823",
                "the roles file is not signed by the root" + ("" if previous is None else " of the version before"),
                seen={"expected": sorted(known) or [project], "seen": keyid},
                next="lockgate trust show",
            )
    return [everybody[keyid] for keyid in _keyids(envelope)]


def _check_in_force(signers: list[KeyEntry], known: Mapping[str, KeyEntry]) -> None:
    if not any(entry.keyid in known for entry in signers):
        raise VerificationFailed(
            "LG823",
            "the roles file is signed by the new root only, not by the root of the version before",
            seen={"expected": sorted(known), "seen": [entry.keyid for entry in signers]},
            next="lockgate trust show",
        )


def _brought(envelope: Envelope) -> dict[str, KeyEntry]:
    """The root keys that a still unverified roles file names. They count only beside those in force."""
    statement = envelope.statement()
    try:
        return Roles.from_predicate(statement.predicate).root_keys_valid()
    except VerificationFailed:
        return {}


def _keyids(envelope: Envelope) -> list[str]:
    return [one.keyid for one in envelope.signatures]


def _signer(keyid: str, known: Mapping[str, KeyEntry], revoked: Collection[str]) -> KeyEntry:
    if keyid in revoked:
        raise VerificationFailed(
            "LG814", "a statement is signed by a revoked key", seen={"keyid": keyid}, next="lockgate trust show"
        )
    entry = known.get(keyid)
    if entry is None:
        raise VerificationFailed(
            "LG813",
            "a statement is signed by a key that is not in the roles file",
            seen={"keyid": keyid},
            next="lockgate trust show",
        )
    return entry


def _check_signatures(envelope: Envelope, signers: list[KeyEntry]) -> None:
    signed = envelope.signed
    for signature, entry in zip(envelope.signatures, signers, strict=True):
        if not entry.key.verify(signature.sig, signed):
            raise VerificationFailed(
                "LG812",
                f"a signature in the name of {entry.person} as {entry.role} is not by that key over these bytes",
                seen={"keyid": entry.keyid, "role": entry.role, "payload": digest_of(envelope.payload)},
                next=_NEXT,
            )


def _check_threshold(signers: list[KeyEntry], role: str, needed: int) -> None:
    persons = distinct(entry.person for entry in signers)
    if len(persons) < needed:
        raise VerificationFailed(
            "LG820",
            f"{needed} different persons must sign as {role}, and {len(persons)} did",
            seen={"role": role, "needed": needed, "persons": sorted(persons.values())},
            next="lockgate trust show",
        )


def _own_root(envelope: Envelope, root: str) -> dict[str, KeyEntry]:
    """The key with fingerprint `root`, from the still unverified roles file: the fingerprint vouches for it."""
    claimed = Roles.from_predicate(envelope.statement().predicate)
    return {keyid: entry for keyid, entry in claimed.root_keys.items() if keyid == root}


def _verified(
    statement: Statement, envelope: bytes, signers: list[KeyEntry], environment: str | None, parsed: Envelope
) -> Verified:
    first = signers[0]
    return Verified(
        statement,
        statement.claim,
        first.role,
        first.person,
        first.keyid,
        digest_of(envelope),
        tuple(dict.fromkeys(entry.person for entry in signers)),
        environment,
        tuple(entry.keyid for entry in signers),
        digest_of(parsed.payload),
    )


def _other_project(expected: str, seen: str) -> VerificationFailed:
    return VerificationFailed(
        "LG828",
        "the roles file belongs to another project than the pinned root",
        seen={"expected": expected, "seen": seen},
        next="lockgate trust show",
    )


_NEXT = "lockgate verify --all"
