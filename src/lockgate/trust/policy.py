"""`policy.toml`: what must hold, per environment. A person writes it, the role `policy` signs it. Pure.

The policy statement (claim `policy`, subject `policy.toml` = digest of its text) carries the whole text:

    {"claim": "urn:lockgate:claim:policy:v1", "time": RFC3339Z, "version": n, "digest": "sha256:...", "text": "..."}

Whether a fact meets the policy is decided by the stages' rules; how much a "no" weighs is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from typing import Any, Final, Literal, cast

from lockgate.core.digest import Digest, digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import POLICY, Statement, Subject, claim_uri
from lockgate.core.strict import Key, Named, Table, flag, list_of, nearest, number, one_of, read_strict, share, whole
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed

FILENAME: Final = "policy.toml"
MOST: Final = 1 << 20

Weight = Literal["off", "warn", "enforce"]
_WEIGHT = one_of("off", "warn", "enforce")

RULES: Final = (
    "require",
    "max_quarantined_share",
    "min_jail_level",
    "max_age_days",
    "approvals",
    "metrics",
    "refuse_tainted",
    "separation",
    "max_vulnerabilities",
    "max_osv_age_days",
)
_ENFORCED_EVERYWHERE: Final = ("require", "max_quarantined_share", "min_jail_level")
"""What even an environment that only warns enforces, unless it says otherwise: without it the chain proves nothing."""

CLAIMS: Final = ("ingest", "validate", "train", "judge", "scan")

_WEAKEST_LAUNCHER: Final = 2
"""The isolation level of the weakest launcher that there is."""

SCHEMA: Final = Table(
    {
        "version": Key(whole(1), help="Rises by one or more with every change."),
        "environment": Named(
            Table(
                {
                    "enforce": Key(_WEIGHT, None, "What a broken rule does. dev: warn; elsewhere: enforce."),
                    "require": Key(list_of(one_of(*CLAIMS)), CLAIMS, "The statements that a model must rest on."),
                    "max_quarantined_share": Key(share(), 0.1, "Most rows that the contract may refuse."),
                    "min_jail_level": Key(whole(0, 3), 3, "Least isolation of every jail that a model rests on."),
                    "max_age_days": Key(number(0), None, "Oldest statement that a deployment may rest on."),
                    "approvals": Key(whole(0), None, "Distinct persons who must approve. dev: 0; elsewhere: 1."),
                    "max_vulnerabilities": Key(whole(0), 0, "Most known vulnerabilities, where a database was asked."),
                    "max_osv_age_days": Key(number(0), None, "Oldest database of vulnerabilities; one must be asked."),
                    "refuse_tainted": Key(flag(), default=True, help="Refuse revoked evidence, denied attempts."),
                    "separation": Key(_WEIGHT, None, "Several roles in one hand. dev: off; elsewhere: warn."),
                    "metrics": Named(
                        Table({"min": Key(number(), None), "max": Key(number(), None)}),
                        "Bounds on the judge's metrics, by name.",
                    ),
                    "levels": Table(
                        {rule: Key(_WEIGHT, None) for rule in RULES if rule != "separation"},
                        "The weight of single rules, where it differs from `enforce`.",
                    ),
                }
            ),
            "One table per environment.",
        ),
    }
)


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a metric may be; None: no bound."""

    least: float | None
    most: float | None

    def holds(self, value: float) -> bool:
        """Whether `value` lies within. A value that is not a number never does."""
        low = self.least is None or value >= self.least
        high = self.most is None or value <= self.most
        return value == value and low and high  # noqa: PLR0124 - NaN


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

    def weight(self, rule: str) -> Weight:
        """`off`, `warn` or `enforce` for one of RULES. Raises KeyError for another word."""
        if rule not in RULES:
            raise KeyError(rule)
        if rule == "separation":
            return self.separation
        return self.levels.get(rule) or ("enforce" if rule in _ENFORCED_EVERYWHERE else self.enforce)

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
    """One version of the policy: its text, its digest, and what it says about each environment."""

    version: int
    environments: Mapping[str, EnvironmentPolicy]
    text: str
    digest: Digest

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
    def from_text(text: str, filename: str = FILENAME) -> Policy:
        """Read a policy file. Raises Usage (LG840) naming file and line."""
        document = read_strict(text, filename, SCHEMA, finding="LG840")
        found = document.values["environment"]
        if not found:
            raise Usage("LG840", f"{filename}:1: no environment: write [environment.dev]", next=f"edit {filename}")
        environments = {name: _environment(name, values) for name, values in found.items()}
        return Policy(document.values["version"], environments, text, digest_of(text.encode()))

    @staticmethod
    def from_predicate(predicate: Mapping[str, Any]) -> Policy:
        """Read the predicate of a verified policy statement. Raises VerificationFailed (LG841)."""
        try:
            if set(predicate) != {"claim", "time", "version", "digest", "text"}:
                raise ValueError("it has exactly claim, time, version, digest and text")
            policy = Policy.from_text(predicate["text"])
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
        """Raises Refused (LG842) unless this version is higher than that of the policy in force."""
        if self.version <= previous.version:
            raise Refused(
                "LG842",
                f"the policy's version must rise above {previous.version}, which is in force",
                seen={"in_force": previous.version, "seen": self.version, "changed": self.digest != previous.digest},
                next=f"set version = {previous.version + 1} in {FILENAME}, then lockgate policy sign",
            )


def default_policy() -> str:
    """The text of `policy.toml` that `init` writes: dev warns, prod enforces."""
    return (files("lockgate.trust") / "default_policy.toml").read_text("utf-8")


def _environment(name: str, values: Mapping[str, Any]) -> EnvironmentPolicy:
    is_dev = name == "dev"
    approvals = values["approvals"]
    return EnvironmentPolicy(
        name,
        cast("Weight", values["enforce"] or ("warn" if is_dev else "enforce")),
        values["require"],
        values["max_quarantined_share"],
        values["min_jail_level"],
        values["max_age_days"],
        (0 if is_dev else 1) if approvals is None else approvals,
        values["refuse_tainted"],
        cast("Weight", values["separation"] or ("off" if is_dev else "warn")),
        {metric: Bounds(bounds["min"], bounds["max"]) for metric, bounds in values["metrics"].items()},
        {rule: weight for rule, weight in values["levels"].items() if weight},
        values["max_vulnerabilities"],
        values["max_osv_age_days"],
    )
