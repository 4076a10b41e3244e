"""Whether an imported model may be used in an environment, for whoever loads it elsewhere. Pure.

Nothing here is trained, judged or deployed, so nothing of a policy can be asked but how many persons must approve: at
least one, whatever the policy says. Lockgate's own gateway never loads such a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.audit.approvals import approvals_of, persons_of
from lockgate.core.verdict import Level, Reason, Verdict

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.imports import Import
    from lockgate.trust.policy import EnvironmentPolicy

LEAST = 1


@dataclass(frozen=True)
class Gate:
    """Who approved, as they are named, and how many must: `words` says both."""

    ref: str
    environment: str
    persons: tuple[str, ...]
    needed: int
    approvals: tuple[Evidence, ...]

    @property
    def missing(self) -> int:
        """How many further persons must approve."""
        return max(0, self.needed - len(self.persons))

    @property
    def words(self) -> str:
        """A sentence."""
        return (
            f"approved for {self.environment} by {', '.join(self.persons) or 'nobody'}: {len(self.persons)} of the "
            f"{self.needed} that must; no metric, jail or row of it was asked about"
        )

    @property
    def verdict(self) -> Verdict:
        """LG407, which refuses while somebody is missing."""
        level = Level.REFUSE if self.missing else Level.NOTE
        seen = {"needed": self.needed, "persons": list(self.persons)}
        following = f"lockgate approve {self.ref} --env {self.environment}"
        return Verdict(
            (Reason("LG407", level, f"{self.ref} is {self.words}", seen, following if self.missing else ""),)
        )


def gate(one: Import, policy: EnvironmentPolicy, statements: Sequence[Evidence]) -> Gate:
    """The approvals that count: given after the import, for this manifest and environment, and not withdrawn since.

    Where the policy enforces separation, the word of who imported it does not count.
    """
    given = approvals_of(one, policy.name, statements)
    persons = persons_of(given, one.evidence, policy)
    return Gate(one.ref, policy.name, persons, max(LEAST, policy.approvals), tuple(given))
