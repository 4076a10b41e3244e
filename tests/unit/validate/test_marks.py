"""What people said of single rows holds for the rows, whatever number they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.validate.jail._marks import Marks
from tests.support.reviewed import BOOKKEEPING, FIELDS, flight

SCHEMA = pa.schema([*FIELDS, *BOOKKEEPING], metadata={"lockgate.fields": "{}"})


def numbered(rows: Sequence[dict[str, Any]], first: int = 0) -> pa.Table:
    """Accepted rows with the numbers from `first` on."""
    return pa.Table.from_pylist(
        [{**row, "__source__": 0, "__row__": first + place} for place, row in enumerate(rows)], schema=SCHEMA
    )


def said(folder: Path, *marks: tuple[str, Sequence[dict[str, Any]]], fields: pa.Schema = FIELDS) -> Marks:
    """Marks on rows, oldest first."""
    for place, (_, rows) in enumerate(marks):
        pq.write_table(pa.Table.from_pylist(list(rows), schema=fields), folder / f"{place}.parquet")
    return Marks.read(folder, [word for word, _ in marks], SCHEMA)


def test_a_mark_holds_under_other_numbers_and_for_duplicates(tmp_path: Path) -> None:
    """The next snapshot has the rows elsewhere, and one of them twice; a row that differs in one field is another."""
    marks = said(tmp_path, ("bad", [flight(3), flight(5)]))
    rows = [flight(5), flight(1), flight(3), flight(3), flight(3, late=True), flight(3, home="elsewhere")]
    for first in (0, 1000):
        assert marks.bad(numbered(rows, first)).tolist() == [True, False, True, True, False, False]
    (batch,) = numbered(rows).to_batches()
    assert marks.bad(batch).sum() == 3
    assert marks.good(numbered(rows)).sum() == 0


def test_what_is_missing_equals_what_is_missing(tmp_path: Path) -> None:
    """Null is null, NaN is NaN, 0.0 is -0.0; null is no NaN, and no empty text."""
    odd = [flight(0, gate=math.nan, carrier=None), flight(1, gate=0.0), flight(2, gate=None, carrier="")]
    marks = said(tmp_path, ("good", odd))
    rows = [*odd, flight(1, gate=-0.0), flight(0, gate=None, carrier=None), flight(2, gate=None, carrier=None)]
    assert marks.good(numbered(rows)).tolist() == [True, True, True, True, False, False]


def test_the_last_word_on_a_row_counts(tmp_path: Path) -> None:
    """Bad, then good, then bad again for one of two; a row that is twice in one mark is one row."""
    one, two = flight(1), flight(2)
    marks = said(tmp_path, ("bad", [one, two, one]), ("good", [two, one]), ("bad", [one]))
    assert (marks.bad(numbered([one, two])).tolist(), marks.good(numbered([one, two])).tolist()) == (
        [True, False],
        [False, True],
    )


def test_marks_on_other_fields_are_named_and_not_applied(tmp_path: Path) -> None:
    """A field less, of another type, or twice: named, never passed over. The order of the fields does not matter."""
    fewer, turned = pa.schema([*FIELDS][:4]), pa.schema(reversed([*FIELDS]))
    other = pa.schema([field.with_type(pa.float64()) if field.name == "hour" else field for field in FIELDS])
    for place, fields in enumerate((fewer, turned, other)):
        pq.write_table(pa.Table.from_pylist([flight(1)], schema=fields), tmp_path / f"{place}.parquet")
    double = pa.Table.from_pylist([flight(1)], schema=FIELDS)
    pq.write_table(double.append_column("hour", double.column("hour")), tmp_path / "3.parquet")
    marks = Marks.read(tmp_path, ["bad", "bad", "good", "good"], SCHEMA)
    assert (marks.applied, marks.unreadable(), bool(marks)) == ((1,), (0, 2, 3), True)
    assert marks.bad(numbered([flight(1)])).tolist() == [True]


def test_without_marks_no_row_is_marked(tmp_path: Path) -> None:
    """Nobody said anything, or there are no rows."""
    none = Marks.read(tmp_path, (), SCHEMA)
    assert (bool(none), none.unreadable(), none.bad(numbered([flight(1)])).tolist()) == (False, (), [False])
    marks = said(tmp_path, ("bad", [flight(1)]))
    assert np.array_equal(marks.bad(numbered([])), np.zeros(0, np.bool_))
