"""What was found of alarms in the log of predictions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockgate.core.verdict import Reason

ALL_SEEN: Final = "that gateways looked at all rows that they answered: see LG779"
THEIR_WORD: Final = "how the rows that gateways counted lay in the bins (their own word)"


@dataclass(frozen=True)
class AlarmReport:
    """`windows`: records of counts, which agree with the rows answered. `counted`: alarms that were counted again.

    `unseen`: of some model too few rows are in windows.
    """

    windows: int = 0
    alarms: int = 0
    counted: int = 0
    notes: tuple[Reason, ...] = ()
    unseen: bool = False

    @property
    def not_proved(self) -> tuple[str, ...]:
        """What nobody here can prove of it."""
        return (*((THEIR_WORD,) if self.windows else ()), *((ALL_SEEN,) if self.unseen else ()))

    def text(self) -> str:
        """One line; empty where there is nothing to say."""
        parts = [f"{self.windows:,} windows are of rows that were answered"] if self.windows else []
        if self.counted:
            parts.append(f"the numbers of {self.counted} alarm{'' if self.counted == 1 else 's'} are the log's own")
        return "; ".join(parts)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {"windows": self.windows, "alarms": self.alarms, "recounted": self.counted}
