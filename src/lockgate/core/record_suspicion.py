"""A step that a gateway took with a client who seems to try the model itself: up, down, or cleared by an operator.

    {"client","counts","environment","gateway","kind":"suspicion","level","model","rule","rung","scope","seq","since",
     "time","v":2}

No row, no value and no address is in it: what was counted has names, and what they mean is not said here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lockgate.core.digest import Digest
from lockgate.core.records import MAX_SEQUENCE, Record

RULES: Final = ("leak-day", "leak-life", "near", "novel", "shared")
SCOPES: Final = ("address", "client", "cluster", "organisation")
CLEARED, OBSERVED, QUIET, LIMITED = range(4)
"""The levels: nothing is suspected any more; it is told; less is answered, or later; nothing is."""
MOST_EVIDENCE: Final = 32
"""The most counts of one record."""
_COUNT = re.compile(r"[a-z][a-z0-9.-]{0,31}\Z")


@dataclass(frozen=True)
class SuspicionRecord(Record):
    """One step. `client`: whose rows led to it; of an organisation or an address the one that asked just then.

    `rule`: what was seen, one of RULES; `scope`: of whom, one of SCOPES. `level`: where that stands now. `counts`: the
    evidence, at least one; none is 0. `since`: when it began, milliseconds.
    """

    KIND = "suspicion"

    model: Digest
    environment: str
    rung: str
    client: str
    rule: str
    scope: str
    level: int
    counts: Mapping[str, int]
    since: int

    def good(self, name: str, value: object) -> bool:
        """Rule, scope, level and counts."""
        match name:
            case "rule":
                return value in RULES
            case "scope":
                return value in SCOPES
            case "level":
                return type(value) is int and CLEARED <= value <= LIMITED
            case "counts":
                return _are_counts(value)
            case _:
                return super().good(name, value)


def _are_counts(value: object) -> bool:
    return (
        isinstance(value, dict)
        and 0 < len(value) <= MOST_EVIDENCE
        and all(isinstance(one, str) and _COUNT.match(one) for one in value)
        and all(type(count) is int and 0 < count <= MAX_SEQUENCE for count in value.values())
    )
