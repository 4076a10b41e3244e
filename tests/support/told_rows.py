"""A gateway's records while a candidate is on the ladder, made by hand: what it answered, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.audit.spool import Spool
from lockgate.core.digest import Digest
from lockgate.core.record_kinds import FileRecord, ObservedRecord, RefusedRecord, RequestRecord
from lockgate.core.records import PredictionRecord, Record, commitment
from lockgate.serve.recording.parts import part_path

SAID = commitment(bytes(32), "said")
CLIENT = "c" * 16


@dataclass(frozen=True)
class Step:
    """Which rung: the candidate, what is live, and the statement that put the candidate there."""

    model: Digest
    base: Digest
    step: int
    rung: str = "shadow"
    environment: str = "dev"


@dataclass
class Gateway:
    """Numbers its records without a gap. `written`: how many of them `spool` took."""

    name: str
    step: Step
    client: str = CLIENT
    time: int = 1_760_000_000_000
    records: list[Record] = field(default_factory=list)
    written: int = 0

    def single(self, model: Digest, rung: str = "live", *, environment: str = "") -> None:
        """One row answered, in a record of version 1."""
        where = environment or self.step.environment
        self.records.append(PredictionRecord(*self._place(), model, where, rung, self.client, SAID, SAID))

    def rows(self, model: Digest, count: int, rung: str = "live", *, environment: str = "") -> None:
        """A request of so many rows."""
        said = (SAID,) * count
        where = environment or self.step.environment
        self.records.append(RequestRecord(*self._place(), model, where, rung, self.client, 0, said, said))

    def refuse(self, model: Digest, rung: str = "live") -> None:
        """A row without an answer."""
        self.records.append(
            RefusedRecord(*self._place(), model, self.step.environment, rung, self.client, SAID, "LG612")
        )

    def scored(self, model: Digest, rows: int) -> None:
        """A file."""
        self.records.append(
            FileRecord(*self._place(), model, self.step.environment, "live", self.client, rows, "0" * 64)
        )

    def began(self, step: Step | None = None) -> None:
        """Counting begins, on this step from now on."""
        self.step = step or self.step
        self.observed({"began": 1})

    def observed(self, counts: Mapping[str, int], step: Step | None = None) -> None:
        """A record of counts; of another step where that is said."""
        one = step or self.step
        self.records.append(
            ObservedRecord(*self._place(), one.model, one.base, one.environment, one.rung, one.step, dict(counts))
        )

    def counted(self, candidate: int, live: int, **more: int) -> None:
        """An honest record after these rows; `pairs_rows=3` is `pairs.rows`."""
        named = {name.replace("_", "."): count for name, count in more.items()}
        counts = {"candidate.rows": candidate, "live.rows": live, **named}
        self.observed({name: count for name, count in counts.items() if count} or {"live.requests": 1})

    def spool(self, folder: Path, part: int = 0) -> None:
        """What was not written yet goes into a part of this gateway's spool."""
        folder.mkdir(parents=True, exist_ok=True)
        with Spool(part_path(folder, self.name, part)) as spool:
            spool.append([record.encode() for record in self.records[self.written :]])
        self.written = len(self.records)

    def _place(self) -> tuple[str, int, int]:
        return self.name, len(self.records), self.time
