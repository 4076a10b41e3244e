"""What one column looks like, in numbers that merge: sketches of two parts of a table give the sketch of both.

Counts, and what is called exact, are exact whatever the order, the batches and the parts. What is not exact states its
error: `rank_error` and `value_error` of quantiles, `distinct_error`, `missed` of frequent texts. The ADR on the
baseline says why these sketches, and which bytes are the same each time.

    values   every different value with its count, while there are at most 4096
    cells    else, of numbers: counts of the cells first, first + gaps[0]..., each 2**shift places wide (`_cells`)
    frequent else, of texts: texts with how often each is there at least, and up to `missed` times more
    hll      base64 of the DataSketches HLL sketch that `distinct` is read from, where `values` are not
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa

from lockgate.contract.spec import KINDS
from lockgate.core.encoding import encode
from lockgate.validate.jail import _state as state
from lockgate.validate.jail._cells import MOST_VALUES, Cells, Summary
from lockgate.validate.jail._distinct import ERROR
from lockgate.validate.jail._texts import Texts

__all__ = ["BINS", "MOST_VALUES", "QUANTILES", "SHOWN_VALUES", "Sketch"]

SHOWN_VALUES = 100
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 16

_NUMBERS = ("float", "int", "bool", "timestamp")


@dataclass
class Sketch:
    """Counts of one column. `kind` is that of the field table; of a sensitive column nothing but counts is kept."""

    kind: str
    sensitive: bool = False
    count: int = 0
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    cells: Cells | None = None
    texts: Texts | None = None

    def __post_init__(self) -> None:
        if self.sensitive:
            return
        if self.kind in _NUMBERS and self.cells is None:
            self.cells = Cells(whole=self.kind != "float")
        if self.kind == "string" and self.texts is None:
            self.texts = Texts()

    def add(self, array: pa.Array[Any]) -> None:
        """Take one batch of the column, in memory that does not depend on how many there are."""
        self.count += len(array)
        self.nulls += array.null_count
        present = array.drop_null() if array.null_count else array
        if self.texts is not None:
            self.texts.add(cast("pa.StringArray", present.cast(pa.string())))
        elif self.cells is not None and self.kind == "float":
            self.cells.add(self._finite(present.to_numpy(zero_copy_only=False)))
        elif self.cells is not None:
            self.cells.add(present.cast(pa.int64()).to_numpy(zero_copy_only=False))

    def merge(self, other: Sketch) -> None:
        """Take all that `other` has seen of the same column. Raises ValueError when it is of another kind."""
        if (self.kind, self.sensitive) != (other.kind, other.sensitive):
            raise ValueError(f"a sketch of kind {other.kind} does not merge with one of kind {self.kind}")
        self.count += other.count
        self.nulls += other.nulls
        self.nan += other.nan
        self.infinite += other.infinite
        if self.cells is not None and other.cells is not None:
            self.cells.merge(other.cells)
        if self.texts is not None and other.texts is not None:
            self.texts.merge(other.texts)

    def as_json(self) -> dict[str, object]:
        """The sketch as baseline.json carries it: what merges, and what follows from it for the reader."""
        said: dict[str, object] = {"kind": self.kind, "count": self.count, "nulls": self.nulls}
        if self.sensitive:
            return {**said, "sensitive": True}
        if self.kind == "float":
            said |= {"nan": self.nan, "infinite": self.infinite}
        if self.cells is not None:
            said |= _said_of_numbers(self.kind, self.cells)
        if self.texts is not None:
            said |= _said_of_texts(self.texts)
        return said

    @staticmethod
    def from_json(value: object) -> Sketch:
        """Read what `as_json` said, so that it can be merged with others. Raises ValueError on anything else.

        The library that reads the HLL sketch is native code: call this in a jail, or on signed bytes.
        """
        given = state.Given(value)
        if given.text("kind") not in KINDS:
            raise ValueError("the kind of a column is not one of ours")
        sketch = Sketch(given.text("kind"), given.value.get("sensitive") is True)
        sketch.count, sketch.nulls = given.natural("count"), given.natural("nulls")
        if sketch.kind == "float" and not sketch.sensitive:
            sketch.nan, sketch.infinite = given.natural("nan"), given.natural("infinite")
        present = sketch.count - sketch.nulls - sketch.nan - sketch.infinite
        if present < 0:
            raise ValueError("the counts of a column do not add up")
        if sketch.cells is not None:
            sketch.cells = state.cells(given, whole=sketch.cells.whole, total=present)
        if sketch.texts is not None:
            sketch.texts = state.texts(given, total=present)
        if encode(sketch.as_json()) != encode(value):
            raise ValueError("the sketch of a column is not in the one accepted form")
        return sketch

    def _finite(self, numbers: Any) -> Any:
        finite = np.isfinite(numbers)
        if finite.all():
            return numbers
        nan = int(np.isnan(numbers).sum())
        self.nan += nan
        self.infinite += len(numbers) - int(finite.sum()) - nan
        return numbers[finite]


def _said_of_numbers(kind: str, cells: Cells) -> dict[str, object]:
    said: dict[str, object] = {"distinct": len(cells.keys), "distinct_error": 0.0}
    if cells.shift is None:
        numbers = [bool(number) for number in cells.keys] if kind == "bool" else cells.numbers().tolist()
        values = list(zip(numbers, cells.counts.tolist(), strict=True))
        said |= {"values": [list(entry) for entry in values]}
        if kind in ("int", "bool"):
            said |= {"top": _top(sorted(values, key=lambda entry: (-entry[1], entry[0])))}
    elif cells.distinct is not None:
        said |= {"distinct": cells.distinct.estimate(), "distinct_error": ERROR, "hll": state.base64(cells.distinct)}
        said |= {"cells": state.said_of_cells(cells)}
    return said if kind == "bool" else {**said, **_said_of_places(cells)}


def _said_of_places(cells: Cells) -> dict[str, object]:
    said: dict[str, object] = {"min": cells.least, "max": cells.most}
    if cells.least is None:
        return {**said, "quantiles": {}}
    summary = Summary(cells)
    mean, deviation = summary.moments()
    upper, counts = summary.bins(BINS)
    return {
        **said,
        "mean": mean,
        "deviation": deviation,
        "quantiles": {str(share): summary.quantile(share) for share in QUANTILES},
        "rank_error": summary.rank_error(),
        "value_error": summary.value_error(),
        "bins": {"upper": upper, "counts": counts},
    }


def _said_of_texts(texts: Texts) -> dict[str, object]:
    frequent = texts.frequent()
    named = [list(entry) for entry in frequent]
    said: dict[str, object] = {"top": _top(frequent)}
    if texts.values is not None:
        return {**said, "distinct": len(frequent), "distinct_error": 0.0, "values": named}
    return {
        **said,
        "distinct": texts.distinct.estimate(),
        "distinct_error": ERROR,
        "hll": state.base64(texts.distinct),
        "frequent": named,
        "missed": texts.missed_at_most(),
    }


def _top(ordered: list[tuple[Any, int]]) -> list[dict[str, object]]:
    return [{"value": value, "count": number} for value, number in ordered[:SHOWN_VALUES]]
