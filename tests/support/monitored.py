"""Plans of the model that `engines` serves, and rows as a gateway has answered them: no engine, no process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lockgate.core.records import Receipt, parse_receipt
from lockgate.monitor import judged, making, outputs
from lockgate.monitor.plan import INPUTS, OUTPUTS
from lockgate.serve.spec import Answer, Asked, Watched, WindowPart
from tests.support import engines

GATEWAY = "0123456789abcdef"
ROWS = 4000


def said(value: float) -> dict[str, Any]:
    """What the model answers: the more, the surer it is of `True`."""
    return {"label": value > 500, "scores": {"false": 1 - value / 1000, "true": value / 1000}}


def files(*, rows: int = ROWS, seed: int = 5) -> dict[str, bytes]:
    """Both plans, of a reference whose one field is anything from 0 to 1000."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(1, 999, rows)
    inputs = making.make({"x": values}, {"x": "float"}, seed=seed)
    answers = [said(float(value)) for value in values]
    columns = outputs.from_predictions("binary", (False, True), answers)
    wrong = (rng.random(rows) < 0.1).astype(np.float64)
    return {INPUTS: inputs.encode(), OUTPUTS: judged.make(columns, "binary", wrong, seed=seed).encode()}


class Records:
    """Who writes records; `full`: nobody does."""

    def __init__(self) -> None:
        self.full = False
        self.written: list[tuple[Watched, list[WindowPart]]] = []

    def window(self, watched: Watched, parts: Sequence[WindowPart]) -> bool:
        """Note it."""
        if not self.full:
            self.written.append((watched, list(parts)))
        return not self.full

    def total(self, name: str) -> int:
        """Of all records."""
        return sum(getattr(part, name) for _, parts in self.written for part in parts)

    def counts(self) -> dict[int, int]:
        """Rows by stream."""
        found: dict[int, int] = {}
        for _, parts in self.written:
            for part in parts:
                for _, stream, counts in part.bins:
                    found[stream] = found.get(stream, 0) + sum(counts)
        return found


class Now:
    """Clocks that stand still until they are moved; `step`: CPU seconds that each look at them takes."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.cpu = 0.0
        self.step = 0.0

    def now(self) -> float:
        """Monotonic seconds."""
        return self.seconds

    def wall(self) -> int:
        """Milliseconds."""
        return int(1_760_000_000_000 + self.seconds * 1000)

    def spent(self) -> float:
        """CPU seconds."""
        self.cpu += self.step
        return self.cpu


def answered(
    *values: float, name: str = "ada", seq: int = 0, recorded: bool = True, answers: Sequence[Any] = ()
) -> tuple[list[Asked], list[Answer]]:
    """One request of these rows that was answered."""
    one = engines.asked(*values, name=name)
    receipts = [Receipt(GATEWAY, seq, bytes([row % 256]) * 32, row % 256).token() for row in range(len(values))]
    raw = list(answers) or [said(value) for value in values]
    return [one], [Answer(engines.SERVED, raw, [b"{}"] * len(values), receipts if recorded else (), "", raw)]


def receipt(token: str) -> Receipt:
    """As it is read back."""
    return parse_receipt(token)
