"""The prediction log by gateway and number: find a receipt's record; find what is missing or said twice."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lockgate.audit.log import Log
from lockgate.core.record_kinds import AnyRecord, parse_any
from lockgate.core.record_scan import place_of
from lockgate.core.records import Receipt
from lockgate.core.verdict import Level, Reason

_TOLD = 10


@dataclass(frozen=True)
class Found:
    """A record and its place in the log."""

    index: int
    record: AnyRecord


class _Gateway:
    """What one gateway has in the log: for each number the index of its first record. Eight bytes for each in a row."""

    def __init__(self) -> None:
        self._row = array("Q")
        self._beyond: dict[int, int] = {}
        self.repeated: list[int] = []

    def add(self, seq: int, index: int) -> None:
        """The record at `index` has number `seq`."""
        row = self._row
        if seq == len(row):
            row.append(index)
            while self._beyond and len(row) in self._beyond:
                row.append(self._beyond.pop(len(row)))
        elif seq < len(row) or seq in self._beyond:
            self.repeated.append(seq)
        else:
            self._beyond[seq] = index

    def index(self, seq: int) -> int | None:
        """Where its record is."""
        return self._row[seq] if 0 <= seq < len(self._row) else self._beyond.get(seq)

    @property
    def next(self) -> int:
        """The number after the highest."""
        return max(self._beyond, default=len(self._row) - 1) + 1

    def gaps(self) -> Iterable[tuple[int, int]]:
        """The missing runs below the highest number, as (first, last)."""
        expected = len(self._row)
        for seq in sorted(self._beyond):
            if seq > expected:
                yield expected, seq - 1
            expected = seq + 1


class PredictionIndex:
    """Rebuilt from a verified log at any time. Holds numbers only; a record is read when it is asked for."""

    def __init__(self, log: Log, watch: Callable[[int, bytes, bytes], object] | None = None) -> None:
        """Read the whole log. `watch` gets each record's place, gateway and bytes. Raises VerificationFailed."""
        self._watch = watch
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
        index = self._index(receipt.gateway, receipt.seq)
        return None if index is None else Found(index, parse_any(self._log.entry(index)))

    def at(self, gateway: str, seq: int) -> AnyRecord | None:
        """The record with this number of a gateway."""
        index = self._index(gateway, seq)
        return None if index is None else parse_any(self._log.entry(index))

    def _index(self, gateway: str, seq: int) -> int | None:
        found = self._gateways.get(gateway)
        return found.index(seq) if found else None

    def next_seq(self, gateway: str) -> int:
        """The number after the highest that this gateway has in the log."""
        return self._gateways[gateway].next if gateway in self._gateways else 0

    def newest(self, gateway: str) -> int | None:
        """Where the record before `next_seq` stands in the log."""
        return self._index(gateway, self.next_seq(gateway) - 1)

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
        known = {name.encode(): gateway for name, gateway in self._gateways.items()}
        for index, entry in enumerate(log.entries(self.size, log.size), start=self.size):
            try:
                name, seq = place_of(entry)
            except ValueError:
                self._strange.append(index)
                continue
            gateway = known.get(name)
            if gateway is None:
                gateway = known[name] = self._gateways[name.decode()] = _Gateway()
            gateway.add(seq, index)
            if self._watch is not None:
                self._watch(index, name, entry)
        self.size = log.size


def _refusal(finding: str, message: str, items: list[int] | list[str], **seen: object) -> Reason:
    told: dict[str, object] = {**seen, "count": len(items), "first": items[:_TOLD]}
    return Reason(finding, Level.REFUSE, message, told, f"lockgate explain {finding}")
