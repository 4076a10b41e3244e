"""Records of counts that cannot be true: told, and taken for nothing. Pure."""

from __future__ import annotations

from lockgate.audit.ladder.counts import strange
from lockgate.core.record_kinds import ObservedRecord
from lockgate.core.verdict import Level, Reason

_TOLD = 5


class Impossible:
    """How many there were, and what is wrong with the first ones."""

    def __init__(self) -> None:
        self.records = 0
        self._first: list[str] = []

    def takes(self, record: ObservedRecord) -> bool:
        """Whether it is one."""
        flaw = strange(record.counts)
        if not flaw:
            return False
        self.records += 1
        if len(self._first) < _TOLD:
            self._first.append(f"{record.gateway}/{record.seq}: {flaw}")
        return True

    def reasons(self) -> tuple[Reason, ...]:
        """LG550, a warning, where there were any."""
        if not self.records:
            return ()
        words = (
            "1 record of what gateways observed says"
            if self.records == 1
            else (f"{self.records:,} records of what gateways observed say")
        )
        seen: dict[str, object] = {"records": self.records, "first": list(self._first)}
        message = f"{words} what cannot be true, and counts for nothing: {self._first[0]}"
        return (Reason("LG550", Level.WARN, message, seen, "lockgate explain LG550"),)
