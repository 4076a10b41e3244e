"""What people said of single rows holds for the rows, whatever number they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.core.screen import bits
from lockgate.validate.jail import _marks
from lockgate.validate.jail._marks import Marks, every_key
from tests.support.reviewed import BOOKKEEPING, FIELDS, flight

SCHEMA = pa.schema([*FIELDS, *BOOKKEEPING], metadata={"lockgate.fields": "{}"})


def numbered(rows: Sequence[dict[str, Any]], first: int = 0) -> pa.Table:
    """Accepted rows with the numbers from `first` on."""
    return pa.Table.from_pylist(
        [{**row, "__source__": 0, "__row__": first + place} for place, row in enumerate(rows)], schema=SCHEMA
    )


def said(folder: Path, *marks: tuple[str, Sequence[dict[str, Any]]], named: Sequence[int] = ()) -> Marks:
    """Marks on rows, oldest first."""
    for place, (_, rows) in enumerate(marks):
        pq.write_table(pa.Table.from_pylist(list(rows), schema=FIELDS), folder / f"{place}.parquet")
    return Marks.read(folder, [word for word, _ in marks], SCHEMA, named)


def good(marks: Marks, rows: Sequence[dict[str, Any]]) -> list[bool]:
    """Which of `rows`, which are all that there are, are good."""
    found: list[bool] = marks.words(marks.keys(numbered(rows))).good.tolist()
    return found


def test_a_mark_holds_under_other_numbers_and_for_duplicates(tmp_path: Path) -> None:
    """The next snapshot has the rows elsewhere, and one of them twice; a row that differs in one field is another."""
    marks = said(tmp_path, ("bad", [flight(3), flight(5)]))
    rows = [flight(5), flight(1), flight(3), flight(3), flight(3, late=True), flight(3, home="elsewhere")]
    for first in (0, 1000):
        assert marks.bad(numbered(rows, first)).tolist() == [True, False, True, True, False, False]
    (batch,) = numbered(rows).to_batches()
    assert marks.bad(batch).sum() == 3
    assert good(marks, rows) == [False] * 6


def test_what_is_missing_equals_what_is_missing(tmp_path: Path) -> None:
    """Null is null, NaN is NaN, 0.0 is -0.0; null is no NaN, and no empty text."""
    odd = [flight(0, gate=math.nan, carrier=None), flight(1, gate=0.0), flight(2, gate=None, carrier="")]
    marks = said(tmp_path, ("bad", odd))
    rows = [*odd, flight(1, gate=-0.0), flight(0, gate=None, carrier=None), flight(2, gate=None, carrier=None)]
    assert marks.bad(numbered(rows)).tolist() == [True, True, True, True, False, False]


def test_the_last_word_on_a_row_counts(tmp_path: Path) -> None:
    """Bad, then good, then bad again for one of two; a row that is twice in one mark is one row."""
    one, two = flight(1), flight(2)
    marks = said(tmp_path, ("bad", [one, two, one]), ("good", [two, one]), ("bad", [one]))
    assert (marks.bad(numbered([one, two])).tolist(), good(marks, [one, two])) == ([True, False], [False, True])


def test_good_holds_for_no_more_equal_rows_than_were_marked(tmp_path: Path) -> None:
    """One row is good; written four hundred times it is another thing, of which nobody said anything: the first is
    good, the others are not. Whoever marks three holds for three; a word between takes back what was said before.
    """
    one, two = flight(1), flight(2)
    assert good(said(tmp_path, ("good", [one, two])), [one] * 3 + [two]) == [True, False, False, True]
    assert good(said(tmp_path, ("good", [one]), ("good", [one] * 3)), [one] * 4) == [True] * 3 + [False]
    assert good(said(tmp_path, ("good", [one] * 3), ("good", [one])), [one] * 3) == [True] * 3
    assert good(said(tmp_path, ("good", [one] * 3), ("bad", [one]), ("good", [one])), [one] * 2) == [True, False]
    assert said(tmp_path, ("bad", [one])).bad(numbered([one] * 3)).tolist() == [True] * 3


def test_good_answers_what_was_asked(tmp_path: Path) -> None:
    """What is about a row itself, always; what is about rows together (copies, triggers) where the mark names it."""
    labels, triggers, copies = (bits([rule]) for rule in ("labels", "triggers", "duplicates"))
    flags = np.array([labels | triggers, labels | triggers, triggers, 0])
    rows = [flight(1), flight(2), flight(3), flight(4)]
    marks = said(
        tmp_path, ("good", rows[:1]), ("good", rows[1:2]), ("good", rows[2:3]), named=(labels, labels | triggers, 0)
    )
    keys = marks.keys(numbered(rows))
    assert marks.words(keys).open(flags).tolist() == [triggers, 0, triggers, 0]
    assert marks.words(keys).open(np.array([labels, copies, 0, labels])).tolist() == [0, copies, 0, labels]
    again = said(tmp_path, ("good", rows[:1]), ("good", rows[:1]), named=(triggers, copies))
    assert again.words(again.keys(numbered(rows))).open(np.array([triggers | copies] * 4)).tolist()[0] == 0


def test_of_many_rows_one_group_at_a_time_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same keys; equal ones are found over all groups."""
    rows = numbered([flight(number % 5) for number in range(12)])
    pq.write_table(rows, tmp_path / "accepted.parquet", row_group_size=5)
    marks = said(tmp_path, ("good", [flight(3), flight(4)]))
    monkeypatch.setattr(_marks, "_BATCH", 4)
    keys = every_key(marks, pq.ParquetFile(tmp_path / "accepted.parquet"))
    assert keys.tolist() == marks.keys(rows).tolist()
    assert np.flatnonzero(marks.words(keys).good).tolist() == [3, 4]
    assert every_key(Marks(), pq.ParquetFile(tmp_path / "accepted.parquet")).tolist() == [-1] * 12


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
