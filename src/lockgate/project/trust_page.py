"""What `lockgate trust show` shows: who may say what, and how it came to be so. Built from the verified log; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lockgate.audit.ledger import Ledger
from lockgate.core.moments import rfc3339
from lockgate.core.shown_html import Shown
from lockgate.trust.authority import ROLES, ROOT
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.succession import changes


@dataclass(frozen=True)
class KeyLine:
    """One key of the roles file. `revoked`: the reason, "" while it counts."""

    role: str
    person: str
    keyid: str
    kind: str
    environments: tuple[str, ...]
    revoked: str


@dataclass(frozen=True)
class VersionLine:
    """One version of the roles file: since which log entry, who signed it, what it changed."""

    version: int
    index: int
    time: str
    signed_by: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class TrustPage(Shown):
    """Root, roles, holders, and every version so far, oldest first. `expires`: "" when never."""

    project_id: str
    pinned: bool
    version: int
    keys: tuple[KeyLine, ...]
    separation: str
    thresholds: Mapping[str, int]
    expires: str
    history: tuple[VersionLine, ...]

    def rows(self) -> list[tuple[str, ...]]:
        """The keys as the rows of a table, heading first."""
        found: list[tuple[str, ...]] = [("role", "person", "key", "kind", "counts in", "")]
        for one in self.keys:
            where = "-" if one.revoked else "everywhere" if one.environments == ("*",) else ", ".join(one.environments)
            gone = f"revoked: {one.revoked}" if one.revoked else ""
            found.append((one.role, one.person, one.keyid[:12], one.kind, where, gone))
        return found

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return asdict(self)


def trust_page(ledger: Ledger, *, is_pinned: bool) -> TrustPage:
    """The roles file in force, and its history."""
    roles = ledger.roles
    order = {role: place for place, role in enumerate((ROOT, *ROLES))}
    entries = sorted(
        {**roles.root_keys, **roles.keys}.values(), key=lambda one: (order[one.role], one.person, one.keyid)
    )
    return TrustPage(
        ledger.root,
        is_pinned,
        roles.version,
        tuple(_line(entry, roles) for entry in entries),
        roles.separation(),
        {role: roles.threshold(role) for role in order if roles.threshold(role) > 1},
        "" if roles.expires is None else rfc3339(roles.expires),
        _history(ledger),
    )


def _line(entry: KeyEntry, roles: Roles) -> KeyLine:
    gone = roles.revoked.get(entry.keyid, "")
    return KeyLine(entry.role, entry.person, entry.keyid, entry.key.kind, entry.environments, gone)


def _history(ledger: Ledger) -> tuple[VersionLine, ...]:
    found = []
    before: Roles | None = None
    for reign in ledger.reigns:
        said = () if before is None else tuple(one.text for one in changes(before, reign.roles))
        found.append(
            VersionLine(
                reign.roles.version, reign.since, rfc3339(reign.roles.time), reign.persons, said or ("the first",)
            )
        )
        before = reign.roles
    return tuple(found)
