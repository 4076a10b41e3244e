"""Rows that are there too often, nearly so, or with another label; and tables in which that is so by nature."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from lockgate.validate.screen import conflicts, duplicates, near
from lockgate.validate.screen.spec import Outcome
from lockgate.validate.screen.table import Column, Table

EXAMPLES = Path(__file__).parents[3] / "examples"
Ints = npt.NDArray[np.int64]


def _table(columns: dict[str, Ints | npt.NDArray[np.float64]], label: npt.NDArray[np.int64], seed: int = 8) -> Table:
    """Columns whose name begins with `word` are texts."""
    made = [
        Column(name, "string", values.astype(np.float64), [f"w{code}" for code in range(int(values.max()) + 1)])
        if name.startswith("word")
        else Column(name, "float", values.astype(np.float64))
        for name, values in columns.items()
    ]
    names = tuple(str(one) for one in range(max(2, int(label.max()) + 1)))
    return Table(tuple(made), label, names, "binary", np.zeros(len(label), np.int64), ("all",), seed)


def _numbers(rows: int = 2000, columns: int = 6, seed: int = 81) -> Table:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, columns))
    return _table({f"n{place}": values[:, place] for place in range(columns)}, (values[:, 0] > 0).astype(np.int64))


def _phishing() -> Table:
    """840 of its 1,250 rows equal another one by nature."""
    frame = pl.read_csv(EXAMPLES / "phishing" / "data" / "phishing.csv")
    columns = {name: frame[name].cast(pl.Float64).to_numpy() for name in frame.columns if name != "is_phishing"}
    return _table(columns, frame["is_phishing"].cast(pl.Int64).to_numpy())


def _flights() -> Table:
    """January, in the order of the file."""
    frame = pl.read_parquet(EXAMPLES / "flights" / "data" / "flights-2013-01.parquet").drop_nulls()
    late = frame["late"].cast(pl.Int64).to_numpy()
    columns = {
        (f"word {name}" if frame[name].dtype == pl.String else name): (
            frame[name].cast(pl.Categorical).to_physical()
            if frame[name].dtype == pl.String
            else frame[name].to_physical()
        )
        .cast(pl.Float64)
        .to_numpy()
        for name in frame.columns
        if name != "late"
    }
    return _table(columns, late)


def _taken(table: Table, rows: Ints, label: npt.NDArray[np.int64] | None = None) -> Table:
    columns = tuple(replace(column, values=column.values[rows]) for column in table.columns)
    kept = table.label[rows] if label is None else label
    return replace(table, columns=columns, label=kept, origin=np.zeros(len(rows), np.int64))


def _with(table: Table, more: Ints) -> Table:
    return _taken(table, np.concatenate([np.arange(table.rows), more]))


def _rows(outcome: Outcome) -> set[int]:
    return {row for found in outcome.found for row in found.rows}


@pytest.mark.parametrize("make", [_phishing, _flights, _numbers])
def test_honest_tables_have_no_duplicates_to_tell(make: object) -> None:
    """Neither a table of few values, in which two of three rows have an equal one, nor a timetable, nor numbers."""
    assert callable(make)
    table = make()
    assert duplicates.screen(table) == Outcome()
    assert near.screen(table).found == ()


@pytest.mark.parametrize("make", [_phishing, _flights, _numbers])
def test_a_row_planted_many_times_is_told(make: object) -> None:
    """One percent of copies of one row: all are among what is told, the original is not, nor many others."""
    assert callable(make)
    table = make()
    count = table.rows // 100
    outcome = duplicates.screen(_with(table, np.full(count, 5)))
    assert len(outcome.found) == 1
    planted = set(range(table.rows, table.rows + count))
    assert planted <= _rows(outcome)
    assert len(_rows(outcome)) <= count + 30
    assert outcome.found[0].seen["most"] >= count + 1


@pytest.mark.parametrize("make", [_phishing, _flights, _numbers])
def test_a_file_that_was_read_twice_is_told(make: object) -> None:
    """By its order: each row of the second reading repeats one, in one run; also where rows are equal by nature."""
    assert callable(make)
    table = make()
    outcome = duplicates.screen(_with(table, np.arange(table.rows)))
    (found,) = outcome.found
    assert {"copies": table.rows, "runs": 1} == found.seen
    assert set(range(table.rows, 2 * table.rows)) == set(found.rows)


def test_scattered_copies_of_numbers_are_told() -> None:
    """Forty rows of numbers that stand somewhere else once more: exactly the later ones, the largest set first."""
    table = _numbers()
    order = np.random.default_rng(82).permutation(np.concatenate([np.arange(2000), np.arange(40), [7, 7]]))
    outcome = duplicates.screen(_taken(table, order))
    (found,) = outcome.found
    assert found.seen == {"copies": 42, "of": 40, "most": 4}
    places = [int(row) for row in np.flatnonzero(order == 7)[1:]]
    assert places == list(found.rows[:3])
    assert found.what == (
        "42 of 2042 rows repeat 40 others in every column and the label, more than their values explain; "
        "one is there 4 times"
    )


@pytest.mark.parametrize(("rows", "columns"), [(1500, 4), (6000, 6), (20_000, 6)])
def test_pairs_that_come_by_nature_are_not_told(rows: int, columns: int) -> None:
    """Ten values in each column: some rows are equal by chance, in a wide table with no neighbour to explain them.

    Copies beyond that are told: the same table with a fiftieth of its rows twice.
    """
    draw = np.random.default_rng(88)
    values = draw.integers(0, 10, (columns, rows)) if columns == 6 else draw.poisson(3, (columns, rows))
    table = _table({f"n{place}": one for place, one in enumerate(values)}, (values[0] > 4).astype(np.int64))
    assert duplicates.screen(table) == Outcome()
    planted = set(range(rows, rows + rows // 10))
    assert columns == 4 or len(planted & _rows(duplicates.screen(_with(table, np.arange(rows // 10))))) > 0


def test_nine_copies_are_too_few_to_tell() -> None:
    """Fewer than ten rows teach nothing too often; ten are told."""
    assert duplicates.screen(_with(_numbers(), np.arange(9) * 50)) == Outcome()
    (found,) = duplicates.screen(_with(_numbers(), np.arange(10) * 50)).found
    assert found.seen == {"copies": 10, "of": 10, "most": 2}


def test_a_sorted_or_periodic_table_has_no_runs_to_tell() -> None:
    """What the row before foretells is no surprise: a sorted table, each day like the last, four kinds of days."""
    draw = np.random.default_rng(83)
    hours = np.tile(np.arange(24), 100)
    label = (hours > 11).astype(np.int64)
    assert duplicates.screen(_table({"hour": hours, "word day": hours // 8}, label)).found == ()
    days = (draw.integers(0, 4, 375)[:, None] * 8 + np.arange(8)).ravel()
    assert duplicates.screen(_table({"word hour": days, "word kind": days // 8}, days % 2)).found == ()
    codes = np.sort(draw.integers(0, 40, 3000))
    assert duplicates.screen(_table({"word a": codes, "word b": codes // 7}, codes % 2)).found == ()


def test_all_rows_equal() -> None:
    """Said in one sentence, and each row but the first is told."""
    table = _table({"a": np.ones(50), "b": np.zeros(50)}, np.zeros(50, np.int64))
    (found,) = duplicates.screen(table).found
    assert tuple(range(1, 50)) == found.rows
    assert found.what == "all 50 rows are equal in every column and the label"


@pytest.mark.parametrize("noise", [1e-6, 1e-3])
def test_disguised_copies_are_told(noise: float) -> None:
    """Forty copies with a little noise on every number, half of them with another label."""
    table = _with(_numbers(), np.arange(40))
    columns = []
    for column in table.columns:
        values = column.values.copy()
        values[2000:] += np.random.default_rng(84).normal(size=40) * noise
        columns.append(replace(column, values=values))
    label = table.label.copy()
    label[2020:] = 1 - label[2020:]
    table = replace(table, columns=tuple(columns), label=label)
    assert duplicates.screen(table) == Outcome()
    outcome = near.screen(table)
    assert {*range(2000, 2040)} >= _rows(outcome)
    assert len(_rows(outcome)) >= 38
    assert 18 <= outcome.found[0].seen["other_label"] <= 20


def test_numbers_that_are_dense_by_nature_are_not_near() -> None:
    """5,000 values of one column lie near each other by chance, and on a grid by rounding. Equal rows are not near."""
    assert near.screen(_with(_numbers(), np.arange(40))).found == ()
    assert near.screen(_numbers(5000, 1)).found == ()
    table = _numbers(5000, 2)
    rounded = tuple(replace(column, values=np.round(column.values, 3)) for column in table.columns)
    assert near.screen(replace(table, columns=rounded)).found == ()


@pytest.mark.parametrize("make", [_flights, _numbers])
def test_honest_conflicts_are_not_told(make: object) -> None:
    """Two flights of one minute, one of them late: labels are noisy there, and equal rows agree as near ones do."""
    assert callable(make)
    assert conflicts.screen(make()).found == ()


@pytest.mark.parametrize("make", [_flights, _numbers])
def test_copies_with_another_label_are_told(make: object) -> None:
    """Thirty of them and the rows that they contradict: both, for nobody knows which one is right."""
    assert callable(make)
    table = make()
    rows = np.arange(100, 130)
    label = np.concatenate([table.label, 1 - table.label[rows]])
    outcome = conflicts.screen(_taken(table, np.concatenate([np.arange(table.rows), rows]), label))
    (found,) = outcome.found
    assert {*rows.tolist(), *range(table.rows, table.rows + 30)} <= set(found.rows)
    assert len(found.rows) <= 100


def test_where_inputs_settle_the_label_the_few_who_differ_are_told() -> None:
    """Of twelve kinds of rows each has one label but for six rows; the same rows with labels by chance say nothing."""
    draw = np.random.default_rng(85)
    codes = draw.integers(0, 12, 600)
    label = codes % 2
    label[:6] = 1 - label[:6]
    (found,) = conflicts.screen(_table({"word a": codes, "word b": codes // 2}, label)).found
    assert {*range(6)} == set(found.rows)
    noisy = (draw.random(600) < 0.08).astype(np.int64)
    assert conflicts.screen(_table({"word a": codes, "word b": codes // 2}, noisy)).found == ()


def test_conflicts_of_a_regression() -> None:
    """Equal rows whose values are further apart than nine of ten near ones; equal rows of like values are none."""
    table = _numbers()
    value = table.columns[0].values + 0.1 * np.random.default_rng(86).normal(size=2000)
    table = replace(_with(table, np.arange(40)), task="regression", classes=())
    honest = replace(table, label=np.concatenate([value, value[:40] + 0.05]))
    assert conflicts.screen(honest).found == ()
    planted = replace(table, label=np.concatenate([value, value[:40] + 5.0]))
    (found,) = conflicts.screen(planted).found
    assert {*range(40), *range(2000, 2040)} == set(found.rows)


def test_the_same_table_gives_the_same() -> None:
    """Twice; and lists of numbers count as inputs: rows that differ in them only are not equal."""
    table = _with(_numbers(), np.arange(40))
    assert duplicates.screen(table) == duplicates.screen(replace(table))
    vectors = np.random.default_rng(87).normal(size=(table.rows, 3)).astype(np.float32)
    assert duplicates.screen(replace(table, embeddings=vectors)) == Outcome()
