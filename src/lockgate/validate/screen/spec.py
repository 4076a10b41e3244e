"""The words of the screen: its rules, what one found, and what one could not look for. Pure, and without numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

RuleName = Literal["conflicts", "duplicates", "near_duplicates", "labels", "triggers", "sources", "spectral"]
RULES: Final[tuple[RuleName, ...]] = get_args(RuleName)
"""In the order in which they are told; a rule's place is its bit in the column `flags` of screen.parquet."""

FINDINGS: Final[Mapping[RuleName, str]] = {
    "conflicts": "LG214",
    "duplicates": "LG231",
    "near_duplicates": "LG232",
    "labels": "LG233",
    "triggers": "LG234",
    "sources": "LG235",
    "spectral": "LG236",
}

DOUBTFUL: Final[tuple[RuleName, ...]] = ("conflicts", "labels", "triggers", "sources", "spectral")
"""Rules whose rows may teach a wrong lesson; a row that is only there twice teaches a right one too often."""

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Found:
    """What one rule found.

    Attributes:
        rule: its name.
        rows: places of the rows in the table, 0 to n - 1, the most doubtful first, each once.
        what: one sentence, with the numbers that were seen.
        seen: the same as JSON values, for machines; small (no list longer than 20).
    """

    rule: RuleName
    rows: tuple[int, ...]
    what: str
    seen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of one rule. It may find several things (one for each trigger, say), or nothing.

    `absent`: why it could not look ("" where it did): "not available for regression", "10 rows are too few".
    """

    found: tuple[Found, ...] = ()
    absent: str = ""
