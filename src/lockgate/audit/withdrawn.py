"""What was taken back: digests that somebody revoked, and keys that the roles file in force revokes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.audit.entries import revocations
from lockgate.core.digest import Digest

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence


@dataclass(frozen=True)
class Withdrawn:
    """Digests of manifests, files and envelopes, and fingerprints of keys, that count no more."""

    digests: frozenset[Digest]
    keyids: frozenset[str]

    def hits(self, one: Evidence) -> bool:
        """Whether a person's word counts no more: it was revoked, or a key that signed it was."""
        return one.digest in self.digests or bool(self.keyids.intersection(one.keyids or (one.keyid,)))


def withdrawn(statements: Iterable[Evidence]) -> Withdrawn:
    """Everything that is taken back by now. `statements`: the whole event log, in order."""
    known = list(statements)
    roles = [one for one in known if one.claim == "roles"]
    revoked = roles[-1].predicate.get("revoked") if roles else None
    keyids = frozenset(revoked) if isinstance(revoked, Mapping) else frozenset()
    return Withdrawn(frozenset(target for one in revocations(known) for target in one.targets), keyids)
