"""The words of the screen: its rules, what one found, and what one could not look for. Pure, and without numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lockgate.core.screen import DOUBTFUL, FINDINGS, RULES, RuleName

__all__ = ["DOUBTFUL", "FINDINGS", "RULES", "Found", "Outcome", "RuleName", "Task"]

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

    `absent`: why it could not look ("" where it did): "not available for regression", "10 rows are too few". `note`:
    what it left out although it looked: "1,413 of 1,770 pairs of columns were not looked at".
    """

    found: tuple[Found, ...] = ()
    absent: str = ""
    note: str = ""
