"""What two models said of the same rows, counted as a gateway counts pairs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.audit.ladder.counts import Tally
from lockgate.audit.replays import ROWS
from lockgate.pipeline.replaying.spec import Rows
from lockgate.serve.answers import Prediction
from lockgate.serve.rungs.comparing import Comparer, Pair


class Answers:
    """What one model said, by row; kept are rows that count, and nothing else."""

    def __init__(self, rows: Rows, comparer: Comparer) -> None:
        self._rows, self._comparer = rows, comparer
        self.by_row: dict[int, float] = {}

    def take(self, numbers: Sequence[int], predictions: Sequence[Prediction]) -> None:
        """One batch."""
        number = self._comparer.number
        for row, prediction in zip(numbers, predictions, strict=True):
            if row in self._rows.labels:
                self.by_row[row] = number(prediction)


def compare(rows: Rows, live: Answers, candidate: Answers, comparer: Comparer) -> dict[str, int]:
    """The counts `pairs.*` and `risk.*` over all rows that count and that live answered.

    What the candidate's own contract refuses is answered otherwise: to callers it would be.
    """
    tally = Tally()
    for row, said in live.by_row.items():
        other = candidate.by_row.get(row)
        if other is None:
            tally.add("pairs.rows")
            tally.add("pairs.disagree")
            continue
        comparer.compare(tally, [said], [other])
        label = _label(comparer, rows.labels[row])
        if label is not None:
            comparer.judge(tally, Pair(said, other), label)
    return tally.take()


def _label(comparer: Comparer, label: Any) -> float | None:
    return None if label is None else comparer.label(label)


def marked(counts: Mapping[str, int], rows: Rows, *, given: bool, unsure: bool) -> dict[str, int]:
    """As a record of a replay says it. `given`: the rows are a file's; `unsure`: a model may know some of them."""
    counted = len(rows.labels)
    more = {ROWS: counted, "replay.file": counted if given else 0, "replay.unsure": counted if unsure else 0}
    return {**counts, **{name: count for name, count in more.items() if count}}
