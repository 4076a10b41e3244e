"""Who may sign what: every role tries every claim, in a copy of the roles file whose keys are throw-away ones.

Persons, thresholds and environments are the project's. The one who tries is a thief: nothing of ours keeps him from
signing whatever he likes, and what refuses is the verifier that every reader runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lockgate.core import statement as s
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import PAYLOAD_TYPE, Statement, Subject, claim_uri
from lockgate.export.evidence.spec import Attempt
from lockgate.project.evidence.calls.made import Table
from lockgate.trust.authority import ANY_ENVIRONMENT, AUTHORITIES, NAMES_PROJECT, ROLES, ROOT, SEALER
from lockgate.trust.dsse import Envelope, Signature, pae
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer, generate
from lockgate.trust.verifier import verify, verify_roles

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case

_SIGNING: Final = Table("signing", "trust.verifier")
MAY: Final[Mapping[str, str]] = {
    "roles": "root",
    "policy": "policy",
    "ingest": "ingester",
    "validate": "validator",
    "train": "trainer",
    "judge": "judge",
    "reproduce": "judge",
    "drill": "judge",
    "scan": "signer",
    "register": "signer",
    "import": "signer",
    "approve": "approver",
    "waive": "approver",
    "acknowledge": "approver",
    "mark": "approver",
    "promote": "deployer",
    "deploy": "deployer",
    "authorise": "deployer",
    "erase": "deployer",
    "alarm": "guard",
    "revoke": "revoker",
}
"""What must come out, written down beside the table that is tried: if that were loosened, these calls would tell."""

_HEADS: Final = ("ingest", "validate", "train", "judge", "register")
_SUBJECT: Final = (Subject("a model", digest_of(b"a throw-away model")),)


@dataclass(frozen=True)
class _Copy:
    """The project's roles with throw-away keys. `signers`: by role, with whose key, as (person, signer)."""

    roles: Roles
    signers: Mapping[str, Sequence[tuple[KeyEntry, Signer]]]

    def of(self, role: str) -> list[Signer]:
        """Everybody who holds a key of a role."""
        return [signer for _, signer in self.signers[role]]


def attempts(case: Case) -> Iterator[Attempt]:
    """Every role and every claim, then what a thief with a key would try next."""
    copy = _copied(case)
    for role in (*ROLES, ROOT):
        if copy.signers.get(role):
            yield from _of_role(copy, role)
    yield from _thieves(copy)
    yield from _persons(copy)


def _of_role(copy: _Copy, role: str) -> Iterator[Attempt]:
    for claim in AUTHORITIES:
        if claim == "head":
            allowed = [stage for stage in _HEADS if role == MAY[stage]]
            stages = [*allowed, *[each for each in _HEADS if each not in allowed][:1]]
            for stage in stages:
                what = f"go back in {stage}"
                yield _signed(copy, role, what, _statement(copy, claim, stage=stage), allowed=stage in allowed)
        elif claim == "deploy" and role == "guard":
            lower = _statement(copy, claim, move="down")
            yield _signed(copy, role, "deploy: lower the traffic of a model", lower, allowed=True)
            yield _signed(copy, role, "deploy: raise it, on its own word", _statement(copy, claim), allowed=False)
        else:
            yield _signed(copy, role, claim, _statement(copy, claim), allowed=role == MAY.get(claim))


def _thieves(copy: _Copy) -> Iterator[Attempt]:
    """What somebody tries whose key is none, who changes what was signed, or brings it from another project."""
    role = "approver" if copy.signers.get("approver") else next(iter(copy.signers))
    signers, claim = copy.of(role), "approve" if role == "approver" else "policy"
    statement = _statement(copy, claim)
    stranger = generate(role)
    yield _call(copy, "a key that the roles file does not name", claim, _envelope(statement, [stranger]), allowed=False)
    good = Envelope.parse(_envelope(statement, signers))
    other = _statement(copy, claim, reason="another one")
    changed = replace(good, payload=other.payload()).encode()
    yield _call(copy, "who changes a statement after it was signed", claim, changed, allowed=False)
    elsewhere = _statement(copy, claim, project="0" * 64)
    made = _envelope(elsewhere, signers)
    yield _call(copy, f"{_an(role)} of another project", f"{claim}, in this one", made, allowed=False)
    keyid = signers[0].keyid
    revoked = replace(copy, roles=replace(copy.roles, revoked={**copy.roles.revoked, keyid: "lost"}, thresholds={}))
    stolen = _envelope(statement, signers[:1])
    yield _call(revoked, f"{_an(role)} whose key was revoked", claim, stolen, allowed=False)


def _persons(copy: _Copy) -> Iterator[Attempt]:
    """Fewer persons than a role's threshold asks for; a key outside of its environments."""
    for role, signers in copy.signers.items():
        claim = next((each for each, authority in AUTHORITIES.items() if role in authority.roles), "")
        needed = copy.roles.threshold(role)
        if needed > 1 and claim and role != ROOT:
            few = _few(signers, needed - 1)
            what = f"{claim}, by {needed - 1} of the {needed} persons that must sign"
            made = _envelope(_statement(copy, claim), few)
            yield _call(copy, role, what, made, allowed=False)
        limited = [(entry, signer) for entry, signer in signers if ANY_ENVIRONMENT not in entry.environments]
        bound = next((c for c, a in AUTHORITIES.items() if role in a.roles and a.environment_bound), "")
        if limited and bound:
            entry, signer = limited[0]
            statement = _statement(copy, bound, environment="somewhere-else")
            what = f"{bound}, where the key is not valid (it is in {', '.join(entry.environments)})"
            yield _call(copy, role, what, _envelope(statement, [signer]), allowed=False)


def _signed(copy: _Copy, role: str, what: str, statement: Statement, *, allowed: bool) -> Attempt:
    return _call(copy, role, what, _envelope(statement, copy.of(role)), allowed=allowed)


def _call(copy: _Copy, who: str, what: str, envelope: bytes, *, allowed: bool) -> Attempt:
    def ask() -> object:
        if Envelope.parse(envelope).statement().predicate_type == s.ROLES:
            return verify_roles(envelope, copy.roles)
        return verify(envelope, copy.roles)

    return _SIGNING.call(who, what, "allowed" if allowed else "refused", ask)


def _envelope(statement: Statement, signers: Sequence[Signer]) -> bytes:
    """Signed by hand: `Signer.sign` would refuse at once what the verifier is to refuse."""
    payload = statement.payload()
    message = pae(PAYLOAD_TYPE, payload)
    signatures = sorted((Signature(one.keyid, one.signature(message)) for one in signers), key=lambda one: one.keyid)
    return Envelope(payload, PAYLOAD_TYPE, tuple(signatures)).encode()


def _few(signers: Sequence[tuple[KeyEntry, Signer]], persons: int) -> list[Signer]:
    from lockgate.trust.persons import fold

    chosen: dict[str, Signer] = {}
    for entry, signer in signers:
        if fold(entry.person) in chosen or len(chosen) < persons:
            chosen.setdefault(fold(entry.person), signer)
    return list(chosen.values())


def _an(role: str) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"


def _statement(copy: _Copy, claim: str, **more: Any) -> Statement:
    """A statement of `claim` as bare as may be: its authority is asked, and nothing else of it is looked at."""
    if claim == "roles":
        return replace(copy.roles, version=copy.roles.version + 1).statement()
    kind, uri = AUTHORITIES[claim].predicate_type, claim_uri(claim)
    places: Mapping[str, Mapping[str, Any]] = {
        s.TEST_RESULT: {"configuration": [{"uri": uri}]},
        s.PROVENANCE: {"buildDefinition": {"buildType": uri}},
        s.VERIFICATION_SUMMARY: {"verifier": {"id": uri}},
    }
    place = places.get(kind, {"claim": uri})
    project = {"project": copy.roles.project_id} if claim in NAMES_PROJECT else {}
    environment = _environment(copy.roles) if AUTHORITIES[claim].environment_bound else None
    bound = {} if environment is None else {"environment": environment}
    time = {"time": rfc3339(copy.roles.time)}
    move = {"move": "up"} if claim == "deploy" else {}
    return Statement(_SUBJECT, kind, {**place, **project, **bound, **time, **move, **more})


def _environment(roles: Roles) -> str:
    """One in which most keys are valid."""
    named = [name for entry in roles.keys.values() for name in entry.environments if name != ANY_ENVIRONMENT]
    return max(sorted(set(named)), key=named.count, default="prod")


def _copied(case: Case) -> _Copy:
    """The roles in force, every key of them replaced by one that exists in memory only."""
    where = _environment(case.roles)
    made: dict[str, list[tuple[KeyEntry, Signer]]] = {}
    for entry in (*case.roles.root_keys_valid().values(), *(e for r in ROLES for e in case.roles.keys_of(r))):
        signer = generate(entry.role)
        made.setdefault(entry.role, []).append((replace(entry, key=signer.public), signer))
    roots = made[ROOT]
    keys = {entry.keyid: entry for role in ROLES for entry, _ in made.get(role, ())}
    roles = Roles(
        version=1,
        project_id=roots[0][1].keyid,
        root_keys={entry.keyid: entry for entry, _ in roots},
        keys=keys,
        time=case.roles.time,
        thresholds=case.roles.thresholds,
    )
    valid = {
        role: [pair for pair in pairs if role in (ROOT, SEALER) or _counts(pair[0], where)]
        for role, pairs in made.items()
    }
    return _Copy(roles, {role: pairs or made[role] for role, pairs in valid.items()})


def _counts(entry: KeyEntry, environment: str) -> bool:
    return ANY_ENVIRONMENT in entry.environments or environment in entry.environments
