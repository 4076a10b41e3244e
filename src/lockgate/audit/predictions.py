"""The prediction log by gateway and sequence: find a receipt's record; find what is missing or said twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lockgate.audit.log import Log
from lockgate.core.records import PredictionRecord, Receipt, parse_record
from lockgate.core.verdict import Level, Reason

_TOLD = 10


@dataclass(frozen=True)
class Found:
    """A record and its place in the log."""

    index: int
    record: PredictionRecord


@dataclass
class _Gateway:
    """What one gateway has in the log: `first[seq]` is the index of the first record with that number."""

    first: dict[int, int] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)

    def gaps(self) -> Iterable[tuple[int, int]]:
        """The missing runs below the highest number, as (first, last)."""
        expected = 0
        for seq in sorted(self.first):
            if seq > expected:
                yield expected, seq - 1
            expected = seq + 1


class PredictionIndex:
    """Rebuilt from a verified log at any time. Holds numbers only; a record is read when it is asked for."""

    def __init__(self, log: Log) -> None:
        """Read the whole log. Raises VerificationFailed."""
        self._log = log
        self._gateways: dict[str, _Gateway] = {}
        self._strange: list[int] = []
        self.size = 0
        self._read(log)

    def extend(self, log: Log) -> None:
        """Take in what `log`, a later view of the same log, has more. Raises VerificationFailed."""
        self._log = log
        self._read(log)

    def find(self, receipt: Receipt) -> Found | None:
        """The record that the receipt names; None when it is not sealed yet, or was never made here."""
        gateway = self._gateways.get(receipt.gateway)
        index = gateway.first.get(receipt.seq) if gateway else None
        return None if index is None else Found(index, parse_record(self._log.entry(index)))

    def next_seq(self, gateway: str) -> int:
        """The number after the highest that this gateway has in the log."""
        return max(self._gateways[gateway].first, default=-1) + 1 if gateway in self._gateways else 0

    def gateways(self) -> tuple[str, ...]:
        """Every gateway that has a record, sorted."""
        return tuple(sorted(self._gateways))

    def reasons(self) -> tuple[Reason, ...]:
        """What refuses the log's continuity: strange entries (LG720), gaps (LG721) and repeats (LG722)."""
        found = []
        if self._strange:
            found.append(_refusal("LG720", "entries of the prediction log are no prediction records", self._strange))
        for name in self.gateways():
            gateway = self._gateways[name]
            gaps = [f"{first}-{last}" if last > first else str(first) for first, last in gateway.gaps()]
            if gaps:
                found.append(_refusal("LG721", f"gateway {name} left out records", gaps, gateway=name))
            if gateway.repeated:
                message = f"gateway {name} gave one number to several records"
                found.append(_refusal("LG722", message, gateway.repeated, gateway=name))
        return tuple(found)

    def _read(self, log: Log) -> None:
        for index, entry in enumerate(log.entries(self.size, log.size), start=self.size):
            try:
                record = parse_record(entry)
            except ValueError:
                self._strange.append(index)
                continue
            gateway = self._gateways.setdefault(record.gateway, _Gateway())
            if record.seq in gateway.first:
                gateway.repeated.append(record.seq)
            else:
                gateway.first[record.seq] = index
        self.size = log.size


def _refusal(finding: str, message: str, items: list[int] | list[str], **seen: object) -> Reason:
    told: dict[str, object] = {**seen, "count": len(items), "first": items[:_TOLD]}
    return Reason(finding, Level.REFUSE, message, told, f"lockgate explain {finding}")
