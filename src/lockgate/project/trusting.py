"""Root, roles and policy, as the library and the command line see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.audit.ledger import Ledger
from lockgate.project.opened import Opened
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.project.pages import TrustPage
    from lockgate.project.policies import Change, PolicySigned, PolicyState


class Trusting(Opened):
    """What is trusted, who may say what, and what must hold."""

    def trust(self, root: str = "") -> TrustPage:
        """Root, roles, holders. With `root`, also where it is not pinned."""
        from lockgate.project.pages import trust_page

        ledger = self.ledger(root)
        return trust_page(ledger, is_pinned=pins.pinned(ledger.root) is not None)

    def pin(self, fingerprint: str) -> str:
        """Trust `fingerprint` as this project's root, for this user. Raises VerificationFailed when it is not."""
        trusted = self.trusted_root(fingerprint)
        Ledger(self.home, trusted)
        pins.pin(trusted, self.root, self.now())
        return trusted

    def unpin(self, fingerprint: str) -> None:
        """Trust that root no longer."""
        pins.unpin(pins.check_project_id(fingerprint.removeprefix("sha256:")))

    def public_key(self, role: str, *, root: str = "") -> bytes:
        """The public half of a role's key (PEM), from the verified roles file."""
        return self.ledger(root).roles.key_for(role).pem.encode()

    def policy_state(self) -> PolicyState:
        """The policy in force, and whether policy.toml says something else."""
        from lockgate.project.policies import read_policy_file, state

        return state(self.policy(self.ledger()), read_policy_file(self.root))

    def policy_diff(self) -> tuple[Change, ...]:
        """What policy.toml would change."""
        from lockgate.project.policies import compare, read_policy_file

        return tuple(compare(self.policy(self.ledger()), read_policy_file(self.root)))

    def policy_sign(self) -> PolicySigned:
        """Put policy.toml in force. Raises Refused (LG842) unless its version rises."""
        from lockgate.project.policies import read_policy_file, sign

        with self.workplace() as place:
            return sign(place, read_policy_file(self.root))
