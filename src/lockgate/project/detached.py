"""Statements that were signed elsewhere: another signature is added, or the log takes them.

What a file holds is nobody's word until the ledger has verified it, exactly as it verifies what is signed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.admission import check_from_elsewhere
from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import PREDICTIONS, Ledger, is_roles
from lockgate.audit.outbox import read_envelopes
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest
from lockgate.core.shown_html import Shown
from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.project.ceremony import root_signers
from lockgate.project.marks_carried import bring_in
from lockgate.project.settling import settle
from lockgate.project.statement_words import words_of
from lockgate.store.files import atomic_write
from lockgate.trust.authority import AUTHORITIES, ROLES, ROOT, check_authority, check_project, claim_of
from lockgate.trust.dsse import Envelope
from lockgate.trust.keyring import Keyring
from lockgate.trust.roles import Roles
from lockgate.trust.signer import Signer
from lockgate.trust.succession import changes, check_follows, check_names, check_usable
from lockgate.trust.verifier import verify, verify_roles

if TYPE_CHECKING:
    from lockgate.core.statement import Statement
    from lockgate.project.folder import Folder


@dataclass(frozen=True, repr=False)
class Added(Shown):
    """A statement that the log took."""

    file: str
    claim: str
    role: str
    persons: tuple[str, ...]
    index: int
    digest: Digest

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {**vars(self), "persons": list(self.persons)}


@dataclass(frozen=True, repr=False)
class Cosigned(Shown):
    """A statement in a file, with one more signature. `missing`: what it still wants before the log takes it."""

    file: str
    claim: str
    persons: tuple[str, ...]
    missing: str

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {**vars(self), "persons": list(self.persons)}


MOST_UNASKED: Final = 100
"""How many statements are sealed at once without a word of somebody who knows how many there are."""


def add(
    project: Folder,
    place: Workplace,
    files: Sequence[Path],
    told: Callable[[Added], None] = lambda _: None,
    *,
    counted: Callable[[int], None] = lambda _: None,
    confirmed: bool = False,
) -> tuple[Added, ...]:
    """Seal what is in `files`, in order, up to the first statement that is refused; `told` of each when it is sealed.

    0. `counted` is told how many there are; more than a hundred only where that was `confirmed`. A log never forgets,
       and a longer one costs every reader: one stolen key must not fill it by a file that nobody looked at.
    1. It is a statement that may come from elsewhere, neither too old nor of the future; the rows of a mark are
       beside it (`marks_carried`).
    2. The ledger takes it: keys, roles, thresholds, no replay, and a log that everybody can still read.
    3. After a roles file: what it brings with it is done here.

    Raises:
        Usage: LG867 no such file. Refused: LG863 (0), LG865, LG864, LG983 (1), LG753, LG824, LG864 (2).
        VerificationFailed: LG81x, LG82x, LG860, LG861 (2). Unavailable: LG830 the sealer's key is not here.
    """
    # 0.
    found = [(path, read_envelopes(path)) for path in files]
    _check_count(sum(len(envelopes) for _, envelopes in found), counted, confirmed=confirmed)
    done: list[Added] = []
    for path, envelopes in found:
        for envelope in envelopes:
            try:
                evidence = _add(place, envelope, path)
            except LockgateError as error:
                error.tell(file=str(path), sealed_before=len(done))
                raise
            # 3.
            if evidence.claim == "roles":
                settle(place, project.seen(place.ledger.root, PREDICTIONS))
            persons = evidence.persons or (evidence.person,)
            one = Added(str(path), evidence.claim, evidence.role, persons, evidence.index, evidence.digest)
            told(one)
            done.append(one)
    return tuple(done)


def cosign(
    ledger: Ledger, keyring: Keyring, path: Path, *, root_key: Path | None, confirm: Callable[[Sequence[str]], bool]
) -> Cosigned:
    """Add this user's signature to the one statement in `path`, after showing what it says.

    1. The file holds one statement, of this project; a roles file is the next one after the one in force, and of
       anything else the log knows what it is about (`statement_words`).
    2. Every signature that it bears already is good.
    3. Somebody has read what it says, and said yes.
    4. Each key here that may sign it, and has not, signs.

    Raises:
        Usage: LG867 (1). VerificationFailed: LG822, LG844, LG846, LG860, LG861, LG526 (1), LG812 and others (2).
        Refused: LG865 (1), LG863 (3). Unavailable: LG869 there is no such key here (4).
    """
    # 1.
    envelope = _only(path)
    draft = Envelope.parse(envelope, draft=True)
    statement = draft.statement()
    claim_of(statement)
    check_project(statement, ledger.roles.project_id)
    said = _changes(statement, ledger.roles) if statement.claim == "roles" else words_of(statement, ledger.statements())
    # 2.
    if draft.signatures:
        _check_signed(envelope, ledger.roles)
    # 3.
    if not confirm(said):
        raise Refused("LG863", "nothing was signed: nobody confirmed it", next="the same command with --yes")
    # 4.
    signers = _who_may(statement, keyring, root_key, ledger.roles)
    fresh = [one for one in signers if one.keyid not in {signature.keyid for signature in draft.signatures}]
    if not fresh:
        raise Unavailable(
            "LG869",
            f"no key on this machine may sign this {statement.claim} statement, or all that may have signed it",
            seen={"claim": statement.claim, "keys_here": [ROOT, *keyring.roles_here()] if keyring.has(ROOT) else []},
            next="lockgate trust cosign FILE --root-key PATH" if statement.claim == "roles" else "lockgate trust show",
        )
    for one in fresh:
        envelope = one.cosign(envelope)
    told = _told(path, envelope, ledger.roles)
    atomic_write(path, envelope + b"\n")
    return told


def _check_count(count: int, counted: Callable[[int], None], *, confirmed: bool) -> None:
    counted(count)
    if count > MOST_UNASKED and not confirmed:
        raise Refused(
            "LG863",
            f"nothing was sealed: {count} statements at once, and nobody confirmed that there are so many",
            seen={"statements": count, "most": MOST_UNASKED},
            next="ask whoever sent them, then the same command with --yes",
        )


def _add(place: Workplace, envelope: bytes, path: Path) -> Evidence:
    # 1.
    said = place.ledger.foresee(envelope)
    check_from_elsewhere(said, place.now())
    if said.claim == "mark":
        bring_in(place.data, said, path)
    # 2.
    return place.ledger.append(envelope)


def _only(path: Path) -> bytes:
    found = read_envelopes(path)
    if len(found) != 1:
        raise Usage(
            "LG867",
            f"{path} holds {len(found)} statements; one that others rest on cannot be changed any more",
            seen={"file": str(path)},
            next="sign them one after the other",
        )
    return found[0]


def _changes(statement: Statement, roles: Roles) -> tuple[str, ...]:
    after = Roles.from_predicate(statement.predicate)
    if (after.project_id, after.version) != (roles.project_id, roles.version + 1):
        raise VerificationFailed(
            "LG822",
            f"the roles file in it has version {after.version}, where version {roles.version + 1} must follow",
            seen={"expected": roles.version + 1, "seen": after.version, "project": after.project_id},
            next="lockgate trust show",
        )
    check_usable(after)
    check_follows(roles, after)
    check_names(roles, after)
    return tuple(one.text for one in changes(roles, after))


def _check_signed(envelope: bytes, roles: Roles) -> None:
    if is_roles(envelope):
        verify_roles(envelope, roles, complete=False)
    else:
        verify(envelope, roles, complete=False)


def _who_may(statement: Statement, keyring: Keyring, root_key: Path | None, roles: Roles) -> list[Signer]:
    if statement.claim == "roles":
        after = Roles.from_predicate(statement.predicate)
        valid = {*roles.root_keys_valid(), *after.root_keys_valid()}
        return [one for one in root_signers(keyring, root_key) if one.keyid in valid]
    allowed = AUTHORITIES[statement.claim].roles or ROLES
    found = [keyring.signer(role) for role in allowed if keyring.has(role)]
    listed = [one for one in found if one.keyid in roles.keys and one.keyid not in roles.revoked]
    return [one for one in listed if _may(statement, one, roles)]


def _may(statement: Statement, signer: Signer, roles: Roles) -> bool:
    try:
        check_authority(statement, signer.role, roles.keys[signer.keyid].environments)
    except VerificationFailed:
        return False
    return True


def _told(path: Path, envelope: bytes, roles: Roles) -> Cosigned:
    """Who signed, and what is missing. The draft of a new root has its first valid signatures only now."""
    missing = ""
    try:
        found = verify_roles(envelope, roles) if is_roles(envelope) else verify(envelope, roles)
    except VerificationFailed as error:
        if error.finding not in ("LG820", "LG823"):
            raise
        missing = error.message
        statement = Envelope.parse(envelope).statement()
        brought = Roles.from_predicate(statement.predicate).root_keys if statement.claim == "roles" else {}
        known = {**roles.keys, **roles.root_keys, **brought}
        keyids = [one.keyid for one in Envelope.parse(envelope).signatures]
        return Cosigned(str(path), statement.claim, tuple(dict.fromkeys(known[k].person for k in keyids)), missing)
    return Cosigned(str(path), found.claim, found.persons, missing)
