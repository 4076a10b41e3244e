"""One of the two models: its registration, the statements that it rests on, and what of their files is still here.

The statements were verified by the ledger, and are joined by digest (`audit.origins`). A file is read by the digest
that a statement names, from the registry or the data store, and is None where it is in neither any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.audit import joins
from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode

Read = Callable[[Digest], bytes | None]


@dataclass(frozen=True)
class Side:
    """A model, as the log has it."""

    registration: Registration
    statements: Mapping[str, Evidence]
    read: Read

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.registration.ref

    def said(self, claim: str) -> Mapping[str, Any]:
        """What the statement of a stage says."""
        return self.statements[claim].predicate

    def build(self, claim: str, key: str) -> Mapping[str, Any]:
        """`externalParameters` or `internalParameters` of a provenance; empty where it has none."""
        found = table(self.said(claim), "buildDefinition").get(key)
        return found if isinstance(found, Mapping) else {}

    def used(self, claim: str) -> dict[str, Digest]:
        """The resolved dependencies of a provenance, by name."""
        return dict(joins.dependencies(self.statements[claim].statement))

    def code(self) -> dict[str, Digest]:
        """The captured code, by file."""
        return {
            name.removeprefix("code/"): digest
            for name, digest in self.used("train").items()
            if name.startswith("code/")
        }

    def document(self, digest: object) -> Mapping[str, Any] | None:
        """A stored JSON object by the digest that a statement names; None where it is not here, or is none."""
        if not isinstance(digest, str):
            return None
        data = self.read(Digest(digest))
        try:
            found = None if data is None else decode(data)
        except ValueError:
            return None
        return found if isinstance(found, Mapping) else None


def table(said: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The table at `keys`; empty where something else is there."""
    for key in keys:
        found = said.get(key)
        if not isinstance(found, Mapping):
            return {}
        said = found
    return said
