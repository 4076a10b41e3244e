"""Root, roles and policy, as the library and the command line see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.audit.ledger import Ledger
from lockgate.project.succeeding import Succeeding
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from pathlib import Path

    from lockgate.core.shown_html import Listed
    from lockgate.project.policies import Change, PolicySigned, PolicyState, RuleLine
    from lockgate.project.trust_page import TrustPage
    from lockgate.project.verdicts import PolicyChecked


class Trusting(Succeeding):
    """What is trusted, who may say what, and what must hold."""

    def trust(self, root: str = "") -> TrustPage:
        """Root, roles, holders, and every version of the roles file. With `root`, also where it is not pinned."""
        from lockgate.project.trust_page import trust_page

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

    def public_keys(self, role: str, *, root: str = "") -> tuple[bytes, ...]:
        """The public halves (PEM) of all keys of a role that count now."""
        return tuple(entry.pem.encode() for entry in self.ledger(root).roles.keys_of(role))

    def policy_state(self) -> PolicyState:
        """The policy in force, and whether policy.toml says something else."""
        from lockgate.project.policies import read_policy_file, state

        return state(self.policy(self.ledger()), read_policy_file(self.root))

    def policy_rules(self, environment: str) -> Listed[RuleLine]:
        """Each rule of one environment in the policy in force. Raises Usage LG843."""
        from lockgate.core.shown_html import Listed
        from lockgate.project.policies import describe

        return Listed(describe(self.policy(self.ledger()).environment(environment)))

    def policy_serving(self, environment: str) -> tuple[tuple[str, str], ...]:
        """What the policy in force says of serving in one environment, in words. Raises Usage LG843."""
        from lockgate.project.policies import describe_serving

        return tuple(describe_serving(self.policy(self.ledger()).environment(environment).serve))

    def policy_ladder(self, environment: str) -> tuple[tuple[str, str], ...]:
        """By which steps a new model comes to people in one environment: setting, value in words."""
        from lockgate.project.policies import describe_ladder

        return tuple(describe_ladder(self.policy(self.ledger()).environment(environment)))

    def policy_monitor(self, environment: str) -> tuple[tuple[str, str], ...]:
        """What alarms in one environment, and what follows: setting, value in words."""
        from lockgate.project.policies import describe_monitor

        return tuple(describe_monitor(self.policy(self.ledger()).environment(environment)))

    def policy_abuse(self, environment: str) -> tuple[tuple[str, str], ...]:
        """What follows a suspicion in one environment: setting, value in words."""
        from lockgate.project.policies import describe_abuse

        return tuple(describe_abuse(self.policy(self.ledger()).environment(environment)))

    def policy_check(self, ref: str = "latest", environment: str = "") -> PolicyChecked:
        """What the policy in force says of a registered model now; signs nothing. Raises Usage LG501, LG843."""
        from lockgate.audit.refs import resolve
        from lockgate.project.folder import DEV
        from lockgate.project.verdicts import Said, check

        ledger = self.ledger()
        statements = ledger.statements()
        one = resolve(ref, statements, environment or DEV)
        return check(one, Said(self.policy(ledger), statements, ledger.note), self.now(), environment)

    def policy_diff(self) -> Listed[Change]:
        """What policy.toml would change."""
        from lockgate.core.shown_html import Listed
        from lockgate.project.policies import compare, read_policy_file

        return Listed(compare(self.policy(self.ledger()), read_policy_file(self.root)))

    def policy_sign(self, *, to_file: Path | None = None) -> PolicySigned:
        """Put policy.toml in force, or sign it into `to_file`. Raises Refused (LG842) unless its version rises."""
        from lockgate.project.policies import read_policy_file, sign

        with self.workplace(to_file=to_file) as place:
            return sign(place, read_policy_file(self.root))
