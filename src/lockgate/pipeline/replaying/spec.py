"""What a replay takes and gives. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.core.digest import Digest
from lockgate.pipeline.scoring.spec import Form


@dataclass(frozen=True)
class Wanted:
    """Which candidate is asked about which rows. `source`: a file, absolute; None: the candidate's held-out rows."""

    ref: str
    source: Path | None = None
    form: Form = field(default_factory=Form)


@dataclass(frozen=True)
class Rows:
    """Which rows of a replay count.

    Attributes:
        labels: by number, each row that counts; None where its label is not known.
        rows: how many there are in all.
        trained: those left out for one of the models was trained on them.
        repeated: those left out for they are in the replay a second time.
    """

    labels: dict[int, Any]
    rows: int
    trained: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class Replayed:
    """A replay that is in the log, or on its way there.

    Attributes:
        base: the live model's name and version, with which `ref` is compared.
        source: where the rows come from, in words.
        unsure: the models of which nobody here can say what they were trained on.
        counts: what the record holds.
        folder: where both files of predictions lie, each with its receipt.
        sealed: whether the records are in the log already.
    """

    ref: str
    base: str
    environment: str
    rung: str
    step: int
    manifest: Digest
    source: str
    rows: Rows
    unsure: tuple[str, ...]
    counts: dict[str, int]
    folder: Path
    sealed: bool

    def lines(self) -> tuple[str, ...]:
        """For people."""
        counted, told = self.rows, self.counts
        disagree, labels = told.get("pairs.disagree", 0), told.get("risk.rows", 0)
        more = sum(count for name, count in told.items() if name.startswith("risk.p"))
        less = sum(count for name, count in told.items() if name.startswith("risk.m"))
        left = [
            f"{count:,} {why}"
            for count, why in ((counted.trained, "trained on"), (counted.repeated, "repeated"))
            if count
        ]
        found = [
            f"{len(counted.labels):,} of {counted.rows:,} rows count: {self.source}"
            + (f"; left out: {', '.join(left)}" if left else ""),
            f"{self.ref} and {self.base}: {disagree:,} rows answered otherwise",
        ]
        if labels:
            found.append(f"{labels:,} labels: {self.ref} is further off in {more:,} rows, nearer in {less:,}")
        found += [f"what {one} was trained on is not here: it may know some of the rows" for one in self.unsure]
        state = (
            "in the log" if self.sealed else "in the spool; the sealer of `lockgate serve` carries them into the log"
        )
        return (*found, f"records {state}   predictions: {self.folder}")

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "base": self.base,
            "environment": self.environment,
            "rung": self.rung,
            "step": self.step,
            "manifest": self.manifest,
            "source": self.source,
            "rows": self.rows.rows,
            "counted": len(self.rows.labels),
            "trained": self.rows.trained,
            "repeated": self.rows.repeated,
            "unsure": list(self.unsure),
            "counts": dict(self.counts),
            "folder": str(self.folder),
            "record": "sealed" if self.sealed else "pending",
        }
