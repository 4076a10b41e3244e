"""Which stored files are still needed, by the verified statements of the log alone. Pure.

Needed is what a needed statement names, wherever in it the digest stands; and needed is a statement of a stage that

    1. is the head of its stage, or the newest of its claim (`run` compares with both), for every model there is;
    2. a model rests on that is live or on the ladder in some environment, or that a rollback there goes back to;
    3. a model rests on that is among the newest of its name, and not revoked: its run can be repeated;
    4. a needed statement of a stage names.

What any other claim names (a mark, an import, a policy) is always needed: people said it. A digest that nobody
understands keeps a file; nothing that is not understood lets one go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lockgate.audit import deployments
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import STAGE_ROLES, pick_head
from lockgate.audit.models import STAGES, model_of, of_model
from lockgate.audit.standings import Standing
from lockgate.core.digest import Digest, from_hex
from lockgate.train.rules import LOCK

HEAD: Final = "a stage goes on from it"
DEPLOYED: Final = "{} is live or on the ladder"
PREVIOUS: Final = "{} is what a rollback goes back to"
NEWEST: Final = "{} is among the newest of its name"
SAID: Final = "a {} statement names it"

_OF_A_STAGE: Final = STAGES | {"scan", "reproduce"}
_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@dataclass(frozen=True)
class Needs:
    """What the statements say of stored files.

    Attributes:
        needed: digest -> why.
        named: digest -> the newest statement of a stage that names it, of those that are not needed.
        locks: digests of lock files whose environments are needed -> why.
    """

    needed: Mapping[Digest, str] = field(default_factory=dict)
    named: Mapping[Digest, Evidence] = field(default_factory=dict)
    locks: Mapping[Digest, str] = field(default_factory=dict)


def needs(statements: Sequence[Evidence], newest: int) -> Needs:
    """What is needed by `statements`: the whole log, in order. `newest`: how many models of each name.

    Raises VerificationFailed as reading heads, registrations and deployments does: then nobody knows, and nothing goes.
    """
    known = {one.digest: one for one in statements}
    kept = dict(_roots(statements, newest))
    waiting = list(kept)
    needed: dict[Digest, str] = {}
    while waiting:
        digest = waiting.pop()
        for named in digests(known[digest]):
            needed.setdefault(named, kept[digest])
            other = known.get(named)
            if other is not None and other.claim in _OF_A_STAGE and named not in kept:
                kept[named] = kept[digest]
                waiting.append(named)
    left: dict[Digest, Evidence] = {}
    for one in statements:
        if one.claim not in _OF_A_STAGE:
            needed.update({named: SAID.format(one.claim) for named in digests(one) if named not in needed})
        elif one.digest not in kept:
            left.update(dict.fromkeys(digests(one), one))
    locks = {lock: kept[digest] for digest in kept if (lock := lock_of(known[digest])) is not None}
    return Needs(needed, {named: one for named, one in left.items() if named not in needed}, locks)


def digests(one: Evidence) -> Iterator[Digest]:
    """Every digest that a statement names, as `sha256:...` or as bare hex digits."""
    for subject in one.statement.subjects:
        yield subject.digest
    yield from _walk(one.predicate)


def lock_of(one: Evidence) -> Digest | None:
    """The lock file of the environment that a train or validate statement was made in."""
    if one.claim == "validate":
        said = one.predicate.get("lock")
        found = _DIGEST.fullmatch(said) if isinstance(said, str) else None
        return from_hex(found[1]) if found else None
    return runs_on(one).get(LOCK) if one.claim == "train" else None


def runs_on(train: Evidence) -> dict[str, Digest]:
    """What a train statement's run needs from the data store to be done again, by name."""
    from lockgate.audit.joins import dependencies
    from lockgate.contract.inputs import inputs_of

    build = train.predicate.get("buildDefinition")
    listed = build.get("resolvedDependencies") if isinstance(build, Mapping) else None
    inputs = inputs_of(listed) if isinstance(listed, list) else {}
    own = ("train.parquet", "heldout.parquet", LOCK)
    found = {name: digest for name, digest in dependencies(train.statement) if name in own or name.startswith("code/")}
    return found | {f"input/{name}": digest for name, digest in inputs.items()}


def _roots(statements: Sequence[Evidence], newest: int) -> Iterator[tuple[Digest, str]]:
    """The statements that are needed for their own sake; of one that is so twice, the first reason stands."""
    found: dict[Digest, str] = {}
    for model in dict.fromkeys(model_of(one.statement) for one in statements if one.claim in STAGES):
        for claim in STAGE_ROLES:
            head = pick_head(claim, statements, model)
            for one in (head, *of_model(claim, model, statements)[-1:]):
                if one is not None:
                    found.setdefault(one.digest, HEAD)
    known = registrations(statements)
    standings = list(_standings(statements))
    here = {one.manifest for each in standings for one in (each.live, each.candidate) if one is not None}
    before = {each.previous.manifest for each in standings if each.previous is not None}
    for registered in known:
        if registered.manifest in here:
            found.setdefault(registered.evidence.digest, DEPLOYED.format(registered.ref))
        elif registered.manifest in before and deployments.revocation_of(registered, statements) is None:
            # A gateway keeps it warm, in its environment: without it a rollback would have to be installed first.
            found.setdefault(registered.evidence.digest, PREVIOUS.format(registered.ref))
    for registered in _newest(known, statements, newest):
        found.setdefault(registered.evidence.digest, NEWEST.format(registered.ref))
    yield from found.items()


def _standings(statements: Sequence[Evidence]) -> Iterator[Standing]:
    places = dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "deploy")
    for environment in places:
        for name in deployments.deployed_names(environment, statements):
            standing = deployments.standing_of(environment, name, statements)
            if standing is not None:
                yield standing


def _newest(known: Sequence[Registration], statements: Sequence[Evidence], newest: int) -> Iterator[Registration]:
    counted: dict[str, int] = {}
    for one in reversed(known):
        if deployments.revocation_of(one, statements) is None and counted.get(one.name, 0) < newest:
            counted[one.name] = counted.get(one.name, 0) + 1
            yield one


def _walk(value: Any) -> Iterator[Digest]:
    if isinstance(value, str):
        if found := _DIGEST.fullmatch(value):
            yield from_hex(found[1])
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _walk(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner)
