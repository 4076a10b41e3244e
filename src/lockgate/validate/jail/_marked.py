"""Rows that the contract accepted and a person marked bad: taken out of the accepted ones, into the quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.contract.jail.rows import QUARANTINE_SCHEMA, Verdicts
from lockgate.contract.spec import ROW, SOURCE
from lockgate.validate.jail._marks import BAD, Marks

RULE = "marked_bad"
_NAMED = 3


class Apart:
    """Moves rows marked bad. `moved`: how many so far; `unreadable`: places of marks on rows of other fields.

    The person's reason is not quoted: it stands in the signed statement that the message names.
    """

    def __init__(self, folder: Path, words: Sequence[str], statements: Sequence[str], schema: pa.Schema) -> None:
        self._marks = Marks.read(folder, words, schema)
        said = [digest for digest, word in zip(statements, words, strict=True) if word == BAD]
        more = f" and {len(said) - _NAMED} more" if said[_NAMED:] else ""
        self._message = f"a person marked this row bad: {', '.join(said[-_NAMED:])}{more}"
        self.moved = 0

    @property
    def unreadable(self) -> tuple[int, ...]:
        """Places of the marks that could not be applied."""
        return self._marks.unreadable()

    def move(self, found: Verdicts, sources: Sequence[str]) -> Verdicts:
        """`found` without the rows marked bad, which are quarantined in their place: both stay in order."""
        bad = self._marks.bad(found.accepted)
        if not bad.any():
            return found
        self.moved += int(bad.sum())
        out = found.accepted.filter(pa.array(bad))
        numbers: list[Any] = out.column(SOURCE).to_pylist()
        names = [sources[number] for number in numbers]
        said = pa.RecordBatch.from_arrays(
            [
                pa.array(names, pa.string()),
                out.column(ROW),
                pa.array([""] * len(names), pa.string()),
                pa.array([RULE] * len(names), pa.string()),
                pa.array([self._message] * len(names), pa.string()),
            ],
            schema=QUARANTINE_SCHEMA,
        )
        return Verdicts(found.accepted.filter(pa.array(~bad)), _ordered([found.quarantine, said], sources))


def _ordered(parts: Sequence[pa.RecordBatch], sources: Sequence[str]) -> pa.RecordBatch:
    whole: Any = pa.Table.from_batches(parts, schema=QUARANTINE_SCHEMA).combine_chunks()
    place = {name: number for number, name in enumerate(sources)}
    numbers = np.array([place[name] for name in whole.column("source").to_pylist()], np.int64)
    order = np.lexsort((whole.column("row").to_numpy(), numbers))
    (batch,) = whole.take(pa.array(order)).combine_chunks().to_batches()
    found: pa.RecordBatch = batch
    return found
