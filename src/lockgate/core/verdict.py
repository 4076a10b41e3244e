"""What a rule says: a verdict is a list of reasons, and passes when none of them refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Level(Enum):
    """How much a reason weighs."""

    NOTE = "note"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Reason:
    """One thing a rule says: permanent id, level, sentence, what was seen, what to run next."""

    finding: str
    level: Level
    message: str
    seen: dict[str, object] = field(default_factory=dict)
    next: str = ""

    def as_json(self) -> dict[str, object]:
        """The reason as statements and `--json` carry it."""
        return {
            "finding": self.finding,
            "level": self.level.value,
            "message": self.message,
            "seen": self.seen,
            "next": self.next,
        }


@dataclass(frozen=True)
class Verdict:
    """The outcome of a gate."""

    reasons: tuple[Reason, ...] = ()

    @property
    def passed(self) -> bool:
        """True when no reason refuses."""
        return not any(reason.level is Level.REFUSE for reason in self.reasons)

    @property
    def refusals(self) -> tuple[Reason, ...]:
        """The reasons that refuse, in order."""
        return tuple(reason for reason in self.reasons if reason.level is Level.REFUSE)

    @property
    def result(self) -> str:
        """`PASSED`, `WARNED` or `FAILED`, the words of in-toto's test-result predicate."""
        if not self.passed:
            return "FAILED"
        return "WARNED" if any(r.level is Level.WARN for r in self.reasons) else "PASSED"
