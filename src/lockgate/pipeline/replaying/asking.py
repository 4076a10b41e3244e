"""One model of a replay asked all its rows in its jail, as scoring a file does it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.workplace import Workplace
from lockgate.contract.sources import SourceFile
from lockgate.core.record_kinds import FileRecord
from lockgate.core.records import SALT_BYTES, Receipt
from lockgate.pipeline.replaying.compare import Answers
from lockgate.pipeline.replaying.sides import Side
from lockgate.pipeline.scoring import layout
from lockgate.pipeline.scoring.giving import draft
from lockgate.pipeline.scoring.run import Progress, Scoring, record_of, told
from lockgate.pipeline.scoring.spec import RECEIPT
from lockgate.pipeline.scoring.worker import Worker
from lockgate.pipeline.scoring.writing import writer
from lockgate.serve.run import python_of
from lockgate.serve.spec import OutputRule

CLIENT = "lockgate deploy --replay"
"""Who asked, in the records: no client of a gateway can be called so."""
ENDING = ".parquet"
FILES = ("live", "candidate")
"""Names of the files of predictions, by their records' numbers."""


@dataclass(frozen=True)
class Asking:
    """What the asking of both models has in common."""

    place: Workplace
    source: SourceFile
    folder: Path
    gateway: str
    rule: OutputRule
    progress: Progress

    def ask(self, side: Side, answers: Answers, rows: int, seq: int) -> FileRecord:
        """Its file of predictions, its receipt, and its record. Raises Refused LG213, LG676; Unavailable LG801."""
        salt = os.urandom(SALT_BYTES)
        scoring = Scoring(side.closed.spec, self.rule, salt, answers.take)
        registration = side.chosen.registration
        out = self.folder / f"{FILES[seq]}{ENDING}"
        with (
            Worker(registration, side.closed, python_of(self.place, registration)) as worker,
            writer(out, ENDING, layout.schema_of(side.closed.spec, self.rule)) as file,
        ):
            scoring.run(
                side.table.path, worker, file, lambda done: self.progress(seq * rows + done, 2 * rows),
                numbered=side.table.names is not None,
            )  # fmt: skip
        roots = scoring.roots(self.source)
        record = record_of(self.place, side.chosen, scoring.rows, roots, gateway=self.gateway, seq=seq, by=CLIENT)
        receipt = Receipt(self.gateway, seq, salt).token()
        draft(out.with_name(out.name + RECEIPT), told(record, receipt, roots, self.source, registration.ref, self.rule))
        return record
