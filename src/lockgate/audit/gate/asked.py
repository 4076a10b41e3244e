"""What each rule of the gate is asked with, and how it says that it is broken. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest
from lockgate.core.verdict import Level, Reason
from lockgate.trust.policy import EnvironmentPolicy


@dataclass(frozen=True)
class Asked:
    """One question to the gate; see `judge_inputs`."""

    inputs: Mapping[str, Evidence]
    policy: EnvironmentPolicy
    now: datetime
    revoked: Collection[Digest]
    live: Mapping[str, Evidence] | None

    def get(self, claim: str) -> Evidence | None:
        """The statement that makes this claim."""
        return self.inputs.get(claim)

    @property
    def place(self) -> str:
        """The environment's name."""
        return self.policy.name


def broken(finding: str, message: str, *, seen: object, wanted: object, following: str = "", **more: object) -> Reason:
    """A rule that is not met; the environment's policy gives it its weight."""
    facts = {"seen": seen, "wanted": wanted, **more}
    return Reason(finding, Level.REFUSE, message, facts, following or f"lockgate explain {finding}")


def remark(finding: str, message: str, **seen: object) -> Reason:
    """Something worth saying about a rule that is met."""
    return Reason(finding, Level.NOTE, message, seen, f"lockgate explain {finding}")
