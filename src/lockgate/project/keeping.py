"""Where this user's keys are, and how far they are kept apart."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from lockgate.project.opened import Opened
from lockgate.trust.authority import SEALER

if TYPE_CHECKING:
    from lockgate.project.role_users import Plan
    from lockgate.trust.keyring import Keyring


class Keeping(Opened):
    """Key stores, and users of the host that keep a role's key."""

    def keyring(self) -> Keyring:
        """This user's keys of the project. Raises as `trusted_root`."""
        from lockgate.trust.keyring import Keyring

        return Keyring.open(self.trusted_root())

    def role_users(self, user: str = "", *, keep: Collection[str] = (SEALER,), undo: bool = False) -> Plan:
        """What would give each role's key but those in `keep` to a user of its own, or take it back; how things stand.

        The sealer's stays by default: `serve` hands it to a process of its own. Reads names and owners only.

        Raises Usage (LG879) when there is no such user.
        """
        from lockgate.project.role_users import plan_of

        # Whoever is root for another user has not pinned that user's root: the folder says whose keys they are.
        return plan_of(self.home, user, keep=keep, undo=undo)
