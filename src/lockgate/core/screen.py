"""The words of the screen for poisoned rows, which policy, validation, training and the gate share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

TOGETHER: Final[tuple[RuleName, ...]] = ("duplicates", "near_duplicates", "triggers", "sources")
"""Rules about what rows are together. That one of them is right says nothing of it, unless that was asked."""


def bits(rules: Iterable[str]) -> int:
    """`rules` as a number: the bits that they have in `flags`."""
    asked = {*rules}
    return sum(1 << place for place, rule in enumerate(RULES) if rule in asked)


def bits_of(findings: Iterable[str]) -> int:
    """The bits of the rules whose findings these are; what is no finding of the screen has none."""
    asked = {*findings}
    return bits(rule for rule, finding in FINDINGS.items() if finding in asked)
