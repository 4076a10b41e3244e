"""What is tried on a candidate before it may go live, as a person asked for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lockgate.core.digest import Digest
from lockgate.core.robustness_words import DEFAULT_ATTACKS
from lockgate.core.verdict import Reason

ATTACKS: Final = (*DEFAULT_ATTACKS, "zoo")
"""Attacks on a classifier; a regression has one of its own, `CHANGE`."""
LEAST_ROWS: Final = 400


@dataclass(frozen=True)
class Robustness:
    """`[robustness]`, with the rate at which a client may ask.

    Attributes:
        mutable: the number fields that an attacker may change; all others stay as they are.
        rows: how many held-out rows are attacked, where there are so many.
        distances: in standard deviations of each field, ascending; l2 over the mutable fields.
        queries: the most that one attack asks about one row.
        attacks: which ones, of ATTACKS.
        rate: rows a second that a client may ask for.
        time: seconds that all of it may take, on all models.
        of: the model's name in the registry, to find the one that is live; no part of what was asked.
    """

    mutable: tuple[str, ...]
    rows: int = LEAST_ROWS
    distances: tuple[float, ...] = (0.25, 0.5, 1.0)
    queries: int = 1000
    attacks: tuple[str, ...] = DEFAULT_ATTACKS
    rate: float = 100.0
    time: float = 600.0
    of: str = ""

    @property
    def middle(self) -> float:
        """The distance that is told where there is room for one."""
        return self.distances[len(self.distances) // 2]

    def as_json(self) -> dict[str, Any]:
        """What was asked, as statements carry it."""
        return {
            "mutable": list(self.mutable),
            "rows": self.rows,
            "distances": list(self.distances),
            "queries": self.queries,
            "attacks": list(self.attacks),
            "rate": self.rate,
            "time": self.time,
        }

    @staticmethod
    def read(value: Mapping[str, Any]) -> Robustness:
        """What `as_json` wrote. Raises KeyError, TypeError, ValueError on another form."""
        lists: dict[str, Any] = {name: tuple(value[name]) for name in ("mutable", "distances", "attacks")}
        numbers: dict[str, Any] = {name: value[name] for name in ("rows", "queries", "rate", "time")}
        found = Robustness(**lists, **numbers)
        if found.as_json() != dict(value) or not found.mutable or not found.distances:
            raise ValueError("robustness is not in form")
        return found


@dataclass(frozen=True)
class Live:
    """A live model: `name@version`, its manifest, the statement of its judge, where it is live, and its files."""

    ref: str
    manifest: Digest
    judge: Digest
    environments: tuple[str, ...]
    files: Mapping[str, Digest]

    def as_json(self) -> dict[str, object]:
        """As the judge's statement names it."""
        named = {"ref": self.ref, "manifest": self.manifest, "judge": self.judge}
        return {**named, "environments": list(self.environments)}


@dataclass(frozen=True)
class Attacked:
    """What came of it.

    Attributes:
        robustness: the judge's facts by name; empty where none can be stated.
        attacked: what was asked and tried; None where nobody asked.
        reasons: for the person at work.
        jails: the proofs of the jails.
    """

    robustness: Mapping[str, Any] = field(default_factory=dict)
    attacked: Mapping[str, Any] | None = None
    reasons: tuple[Reason, ...] = ()
    jails: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def fact(kind: str, distance: float) -> str:
    """The name of a fact about a distance: `robust_accuracy_0.5`."""
    return f"{kind}_{distance:g}"
