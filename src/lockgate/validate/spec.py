"""What goes into validate and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lockgate.contract.cluster import Cluster
from lockgate.contract.spec import FieldTable
from lockgate.core.digest import Digest
from lockgate.core.screen import RULES, RuleName
from lockgate.monitor.asked import Asked
from lockgate.trust.policy_values import Weight

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence


@dataclass(frozen=True)
class Screening:
    """How poisoned rows are looked for.

    Attributes:
        weights: of the rules, as the environment's policy has them; a rule that is not named is off.
        origin: the field that says from which source a row is, "" for the files.
    """

    weights: Mapping[RuleName, Weight] = field(default_factory=dict)
    origin: str = ""

    def weight(self, rule: str) -> Weight:
        """`off`, `warn` or `enforce`."""
        return self.weights.get(cast("RuleName", rule), "off")

    @property
    def rules(self) -> tuple[RuleName, ...]:
        """Those that are on, in the order in which they are told."""
        return tuple(rule for rule in RULES if self.weight(rule) != "off")


@dataclass(frozen=True)
class ValidateSpec:
    """What a person chose, and what the policy of the environment allows.

    Attributes:
        contract_file: relative to the project, such as `contract.py`.
        model: the class in it; `label` the field that the model will predict.
        code: globs of the code that is captured for the jail; the contract's file always is.
        max_quarantined_share: of all rows, 0 to 1. `enforce` False turns a refusal above it into a warning.
        lock: digest of the file that locks the environment, whose Pydantic decides the verdicts; None without one.
        dates: how CSV cells spell dates, "" for ISO 8601 alone (`contract.dates`).
        numbers: how CSV cells spell numbers, "" for 1234.56 (`contract.numbers`).
        sensitive: fields of which the quarantine keeps only rule and keyed digest, and the baseline only counts.
        monitor: how the plan is made by which later rows are compared with these.
        screen: how poisoned rows are looked for among the accepted ones; by itself they are not.
    """

    contract_file: str
    model: str
    label: str
    code: tuple[str, ...] = ("*.py",)
    max_quarantined_share: float = 0.05
    enforce: bool = True
    sensitive: tuple[str, ...] = ()
    dates: str = ""
    lock: Digest | None = None
    monitor: Asked = field(default_factory=Asked)
    screen: Screening = field(default_factory=Screening)
    numbers: str = ""

    @property
    def reference(self) -> str:
        """`contract.py:Flight`."""
        return f"{self.contract_file}:{self.model}"


@dataclass(frozen=True)
class Marked:
    """A signed word on rows, `good` or `bad`: the file with those rows, and the statement that says it.

    `named`: the bits of the findings that were asked about.
    """

    word: str
    rows: Path
    statement: Digest
    named: int = 0


@dataclass(frozen=True)
class Options:
    """How `validate DATA...` reads its files, without a project, and which cluster evaluates the plan, if any."""

    null: tuple[str, ...] = ("",)
    delimiter: str = ","
    encoding: str = "utf-8"
    sensitive: tuple[str, ...] = ()
    dates: str = ""
    cluster: Cluster | None = None
    numbers: str = ""


@dataclass(frozen=True)
class Reckoning:
    """The counts, made without user code. `by_rule` is sorted, commonest first; `rules` says how many there are.

    `folded` reasons are counted in no rule: a contract that words each refusal anew does not fill the report.
    """

    rows: int
    accepted: int
    quarantined: int
    by_rule: tuple[Mapping[str, Any], ...]
    rules: int
    by_source: tuple[Mapping[str, Any], ...]
    folded: int = 0

    @property
    def share(self) -> float:
        """The quarantined share of all rows."""
        return self.quarantined / self.rows


@dataclass(frozen=True)
class ValidateResult:
    """What validate made: digests in the data store, the report as a value, and the statement.

    `monitor` is None where the rows are too few to be watched, `screen` (screen.parquet) where no rule was on.
    """

    snapshot: Digest
    accepted: Digest
    quarantine: Digest
    baseline: Digest
    plan: Digest
    report: Digest
    monitor: Digest | None
    reckoning: Reckoning
    table: FieldTable
    details: Mapping[str, Any]
    evidence: Evidence
    screen: Digest | None = None
