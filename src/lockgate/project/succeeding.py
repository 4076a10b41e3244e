"""Who may say what, from now on: new versions of the roles file, and statements that were made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.core.shown_html import Listed
    from lockgate.project.ceremony import Ask, Make, Succession
    from lockgate.project.detached import Added, Cosigned
    from lockgate.project.rolemaking import Generated


class Succeeding(Opened):
    """Each change makes the next version of the roles file, signed by root keys; `ask` says who confirms it."""

    def generate_key(self, role: str, person: str, *, passphrase: bytes | None = None) -> Generated:
        """Make a key of `role` on this machine. It counts when a roles file names it."""
        from lockgate.project.rolemaking import generate
        from lockgate.trust.keyring import Keyring

        return generate(Keyring.open(self.trusted_root()), role, person, passphrase)

    def add_key(self, role: str, person: str, key: Path, ask: Ask, *, environments: Sequence[str] = ()) -> Succession:
        """`person` may speak as `role` with the key whose public half is in the file `key`."""
        from lockgate.project.rolemaking import adding

        return self._succeed(adding(role, person, key, environments), ask)

    def rotate_key(
        self,
        role: str,
        ask: Ask,
        *,
        reason: str,
        old: str = "",
        key: Path | None = None,
        passphrase: bytes | None = None,
    ) -> Succession:
        """A new key takes the place of an old one, which is revoked. `role` may be root, or sealer."""
        from lockgate.project.rolemaking import rotating

        return self._succeed(rotating(role, reason, old=old, key=key, passphrase=passphrase), ask)

    def revoke_key(self, keyid: str, ask: Ask, *, reason: str) -> Succession:
        """A key counts no more. What it said before stays."""
        from lockgate.project.rolemaking import revoking

        return self._succeed(revoking(keyid, reason), ask)

    def set_threshold(self, role: str, persons: int, ask: Ask) -> Succession:
        """So many different persons must sign as `role`."""
        from lockgate.project.rolemaking import threshold

        return self._succeed(threshold(role, persons), ask)

    def expire(self, expires: datetime | None, ask: Ask) -> Succession:
        """After `expires` nothing is signed until there is a new roles file; None: never."""
        from lockgate.project.rolemaking import expiring

        return self._succeed(expiring(expires), ask)

    def cosign(
        self, file: Path, *, confirm: Callable[[Sequence[str]], bool], root_key: Path | None = None, root: str = ""
    ) -> Cosigned:
        """Add this user's signature to the statement in `file`, after `confirm` was shown what it says."""
        from lockgate.audit.ledger import Ledger
        from lockgate.project.detached import cosign
        from lockgate.trust.keyring import Keyring

        trusted = self.trusted_root(root)
        ledger = Ledger(self.home, trusted, seen=self.seen(trusted, "events"), now=self.now)
        return cosign(ledger, Keyring.open(trusted), file, root_key=root_key, confirm=confirm)

    def add_statements(
        self,
        files: Sequence[Path],
        *,
        told: Callable[[Added], None] = lambda _: None,
        counted: Callable[[int], None] = lambda _: None,
        confirmed: bool = False,
    ) -> Listed[Added]:
        """Seal the statements in `files`, which were signed elsewhere. See `lockgate.project.detached.add`."""
        from lockgate.core.shown_html import Listed
        from lockgate.project.detached import add

        with self.workplace() as place:
            return Listed(add(self, place, files, told, counted=counted, confirmed=confirmed))

    def _succeed(self, make: Make, ask: Ask) -> Succession:
        from lockgate.project.ceremony import succeed

        with self.workplace() as place:
            return succeed(self, place, make, ask)
