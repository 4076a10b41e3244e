"""Which roles file was in force when: the chain of them through the event log, from the pinned root on.

Reads entries that may not be verified yet: a roles file proves itself by its signatures, and that the entries are
those of the signed tree is checked by whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.audit.evidence import Leaf
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.trust.roles import Roles
from lockgate.trust.verifier import verify_roles

if TYPE_CHECKING:
    from lockgate.store.layout import RegistryStore


@dataclass(frozen=True)
class Reign:
    """The roles file in force from a log index on, and who signed it."""

    since: int
    roles: Roles
    persons: tuple[str, ...] = ()


def reigns_of(leaves: Sequence[bytes], registry: RegistryStore, root: str) -> tuple[Reign, ...]:
    """The chain of roles files in `leaves`, from the key whose fingerprint is `root`. Raises VerificationFailed."""
    reigns: list[Reign] = []
    for index, data in enumerate(leaves):
        leaf = leaf_at(index, data)
        if index == 0 and leaf.claim != "roles":
            raise VerificationFailed(
                "LG756",
                "the first entry of the event log is not the roles file",
                seen={"entry": 0, "found": leaf.claim},
                next="lockgate log verify",
            )
        if leaf.claim == "roles":
            with telling(index, leaf):
                envelope = registry.blobs.read(leaf.digest)
                verified = verify_roles(envelope, reigns[-1].roles if reigns else None, root=root)
                roles = Roles.from_predicate(verified.statement.predicate)
            reigns.append(Reign(index, roles, verified.persons))
    return tuple(reigns)


def roles_at(index: int, reigns: Sequence[Reign]) -> Roles:
    """The roles file that was in force for the entry at `index`: the newest up to there. `reigns` is not empty."""
    return next((reign.roles for reign in reversed(reigns) if reign.since <= index), reigns[0].roles)


def sealers(reigns: Sequence[Reign]) -> tuple[bytes, ...]:
    """The sealer's keys, each once, the one in force last."""
    found = [reign.roles.sealer_key() for reign in reigns]
    return (*dict.fromkeys(key for key in found if key != found[-1]), *found[-1:])


def leaf_at(index: int, data: bytes) -> Leaf:
    """The leaf at `index`. Raises VerificationFailed LG757."""
    try:
        return Leaf.parse(data)
    except ValueError as error:
        raise VerificationFailed(
            "LG757",
            f"log entry {index} is not a leaf that Lockgate writes: {error}",
            seen={"entry": index, "digest": digest_of(data)},
            next="lockgate log verify",
        ) from None


@contextmanager
def telling(index: int, leaf: Leaf) -> Iterator[None]:
    """What fails within says at which entry."""
    try:
        yield
    except LockgateError as error:
        error.tell(log_index=index, claim=leaf.claim, statement=leaf.digest)
        raise
