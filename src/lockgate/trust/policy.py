"""`policy.toml`: what must hold, per environment. A person writes it, the role `policy` signs it. Pure.

The policy statement (claim `policy`, subject `policy.toml` = digest of its text) carries the whole text:

    {"claim": "urn:lockgate:claim:policy:v1", "time": RFC3339Z, "version": n, "digest": "sha256:...", "text": "..."}

Whether a fact meets the policy is decided by the stages' rules; how much a "no" weighs is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from lockgate.core.digest import Digest, digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import POLICY, Statement, Subject, claim_uri
from lockgate.core.strict import check_seen, nearest, read_strict
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.trust.policy_abuse import AbusePolicy
from lockgate.trust.policy_automatic import AutomaticPolicy
from lockgate.trust.policy_control import ControlPolicy
from lockgate.trust.policy_ladder import LadderPolicy
from lockgate.trust.policy_monitor import MonitorPolicy
from lockgate.trust.policy_rules import CLAIMS, LONGEST_STEP, RULES
from lockgate.trust.policy_schema import SCHEMA, settings
from lockgate.trust.policy_screen import ScreenPolicy
from lockgate.trust.policy_serving import ServePolicy
from lockgate.trust.policy_values import Bounds, Licences, Parity, SliceFloor, Weight
from lockgate.trust.policy_witness import Witness, check_enough, witnesses_of

__all__ = ["CLAIMS", "RULES", "SCHEMA", "Bounds", "EnvironmentPolicy", "Policy", "Weight", "default_policy"]

FILENAME: Final = "policy.toml"
MOST: Final = 1 << 20

_WEAKEST_LAUNCHER: Final = 2
"""The isolation level of the weakest launcher that there is."""


@dataclass(frozen=True)
class EnvironmentPolicy:
    """What must hold in one environment."""

    name: str
    enforce: Weight
    require: tuple[str, ...]
    max_quarantined_share: float
    min_jail_level: int
    max_age_days: float | None
    approvals: int
    refuse_tainted: bool
    separation: Weight
    metrics: Mapping[str, Bounds]
    levels: Mapping[str, Weight]
    max_vulnerabilities: int = 0
    max_osv_age_days: float | None = None
    max_denied_attempts: int = 0
    max_screen_findings: int | None = None
    max_flagged_share: float | None = None
    screen: ScreenPolicy = field(default_factory=ScreenPolicy)
    signers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_age_days_of: Mapping[str, float] = field(default_factory=dict)
    slices: Mapping[str, SliceFloor] = field(default_factory=dict)
    robustness: Mapping[str, Bounds] = field(default_factory=dict)
    max_robustness_drop: float | None = None
    min_robustness_rows: int = 0
    min_robustness_queries: int = 0
    parity: Mapping[str, Parity] = field(default_factory=dict)
    control: ControlPolicy = field(default_factory=ControlPolicy)
    licences: Licences = field(default_factory=Licences)
    serve: ServePolicy = field(default_factory=ServePolicy)
    ladder: LadderPolicy = field(default_factory=LadderPolicy)
    monitor: MonitorPolicy = field(default_factory=MonitorPolicy)
    abuse: AbusePolicy = field(default_factory=AbusePolicy)
    automatic: AutomaticPolicy | None = None
    min_witnesses: int = 0
    max_witness_age: float | None = None

    def weight(self, rule: str) -> Weight:
        """`off`, `warn` or `enforce` for one of RULES. Raises KeyError for another word."""
        if rule not in RULES:
            raise KeyError(rule)
        if rule == "separation":
            return self.separation
        return self.levels.get(rule) or ("enforce" if RULES[rule].everywhere else self.enforce)

    @property
    def least_jail_level(self) -> int:
        """The isolation level below which no jail starts.

        Where the rule only warns, or is off, a weaker launcher may do; a jail in which a probe is open never does.
        """
        enforced = self.weight("min_jail_level") == "enforce"
        asked = self.min_jail_level if enforced else min(self.min_jail_level, _WEAKEST_LAUNCHER)
        return max(1, asked)

    def judge(self, rule: str, ok: bool, reason: Reason) -> Reason:  # noqa: FBT001 - read as a sentence
        """`reason` with the level that this environment gives it: a note when `ok` or the rule is off."""
        weight = "off" if ok else self.weight(rule)
        return replace(reason, level={"off": Level.NOTE, "warn": Level.WARN, "enforce": Level.REFUSE}[weight])


@dataclass(frozen=True)
class Policy:
    """One version of the policy: its text, its digest, what it says about each environment, whom it calls witness."""

    version: int
    environments: Mapping[str, EnvironmentPolicy]
    text: str
    digest: Digest
    witnesses: Mapping[str, Witness] = field(default_factory=dict)

    def environment(self, name: str) -> EnvironmentPolicy:
        """The rules of one environment. Raises Usage (LG843) when the policy does not know it."""
        if name not in self.environments:
            near = nearest(name, list(self.environments))
            raise Usage(
                "LG843",
                f"the policy has no environment {name}" + (f": did you mean {near}?" if near else ""),
                seen={"environment": name, "known": sorted(self.environments)},
                next=f"add [environment.{name}] to {FILENAME}, raise its version, then lockgate policy sign",
            )
        return self.environments[name]

    def statement(self, now: datetime) -> Statement:
        """The statement that the role `policy` signs."""
        predicate = {
            "claim": claim_uri("policy"),
            "time": rfc3339(now),
            "version": self.version,
            "digest": self.digest,
            "text": self.text,
        }
        return Statement((Subject(FILENAME, self.digest),), POLICY, predicate)

    @staticmethod
    def from_text(text: str, filename: str = FILENAME, *, sealed: bool = False) -> Policy:
        """Read a policy file. Raises Usage (LG840) naming file and line. `sealed`: see `core.strict.read_strict`."""
        document = read_strict(text, filename, SCHEMA, finding="LG840", sealed=sealed)
        found = document.values["environment"]
        if not found:
            raise Usage("LG840", f"{filename}:1: no environment: write [environment.dev]", next=f"edit {filename}")
        environments = {name: EnvironmentPolicy(name, **settings(name, document)) for name in found}
        witnesses = witnesses_of(document)
        check_enough(document, witnesses, {name: one.min_witnesses for name, one in environments.items()})
        return Policy(document.values["version"], environments, text, digest_of(text.encode()), witnesses)

    @staticmethod
    def from_predicate(predicate: Mapping[str, Any]) -> Policy:
        """Read the predicate of a verified policy statement. Raises VerificationFailed (LG841)."""
        try:
            if set(predicate) - {"project"} != {"claim", "time", "version", "digest", "text"}:
                raise ValueError("it has exactly claim, time, version, digest, text and project")
            policy = _in_force(predicate["text"])
            if predicate["digest"] != policy.digest:
                raise ValueError("its digest is not that of its text")
            if type(predicate["version"]) is not int or predicate["version"] != policy.version:
                raise ValueError("its version is not that of its text")
        except (ValueError, TypeError, AttributeError, LockgateError) as error:
            raise VerificationFailed(
                "LG841", f"a policy statement is malformed: {error}", next="lockgate verify --all"
            ) from None
        return policy

    def check_follows(self, previous: Policy) -> None:
        """Raises Refused (LG842) unless this version is higher than that of the policy in force, and not by far.

        Raises Usage (LG840) where its text is not what people see: it may have come without its file.
        """
        check_seen(self.text, FILENAME, finding="LG840")
        if not previous.version < self.version <= previous.version + LONGEST_STEP:
            above = f"above {previous.version}, which is in force, and by at most {LONGEST_STEP}"
            raise Refused(
                "LG842",
                f"the policy's version must rise {above}",
                seen={"in_force": previous.version, "seen": self.version, "changed": self.digest != previous.digest},
                next=f"set version = {previous.version + 1} in {FILENAME}, then lockgate policy sign",
            )


@lru_cache(maxsize=32)
def _in_force(text: str) -> Policy:
    """A policy that was signed once. Each loader asks for the same few many times."""
    return Policy.from_text(text, sealed=True)


def default_policy() -> str:
    """The text of `policy.toml` that `init` writes: dev warns, prod enforces."""
    from importlib.resources import files

    return (files("lockgate.trust") / "default_policy.toml").read_text("utf-8")
