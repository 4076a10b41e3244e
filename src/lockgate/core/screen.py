"""The words of the screen for poisoned rows, which policy, validation, training and the gate share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

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
