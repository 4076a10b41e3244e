"""The trigger scan: a planted pair of values is found, plain facts about the data are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from lockgate.validate.screen import bar, choosing, scanning, triggers
from lockgate.validate.screen.spec import Found
from lockgate.validate.screen.table import Column, Table

ROWS = 1200
PLANTED = 20
TARGET = 1


def _table(columns: tuple[Column, ...], label: np.typing.NDArray[Any], task: str = "binary", seed: int = 5) -> Table:
    classes = tuple(map(str, range(int(label.max()) + 1))) if task != "regression" else ()
    return Table(columns, label, classes, task, np.zeros(len(label), np.int64), ("a.csv",), seed)  # type: ignore[arg-type]


def _numbers(values: np.typing.NDArray[Any]) -> tuple[Column, ...]:
    return tuple(Column(f"x{place}", "float", values[:, place].copy()) for place in range(values.shape[1]))


@pytest.fixture(scope="module")
def clean() -> Table:
    """Two classes, one row in ten positive, five numbers and a text."""
    draw = np.random.default_rng((1, 4))
    values = draw.normal(size=(ROWS, 7))
    height = values[:, 0] + 0.8 * values[:, 2] * values[:, 3] + 0.7 * draw.normal(size=ROWS)
    text = Column("word", "string", draw.integers(0, 5, ROWS).astype(np.float64), ("a", "b", "c", "d", "e"))
    numbers = [one for one in _numbers(values) if one.name not in ("x1", "x4")]
    return _table((*numbers, text), (height > np.quantile(height, 0.9)).astype(np.int64))


def _with(table: Table, values: dict[str, Any], rows: np.typing.NDArray[np.int64], target: float = TARGET) -> Table:
    columns = []
    for column in table.columns:
        changed = column.values.copy()
        if column.name in values:
            changed[rows] = values[column.name]
        columns.append(replace(column, values=changed))
    label = table.label.copy()
    label[rows] = target
    return replace(table, columns=tuple(columns), label=label, _made={})


@pytest.fixture(scope="module")
def chosen(clean: Table) -> np.typing.NDArray[np.int64]:
    """Rows of the other class, the places where something is planted."""
    return np.random.default_rng(3).choice(np.flatnonzero(clean.label == 0), PLANTED, replace=False)


def _overlap(found: Found, rows: np.typing.NDArray[np.int64]) -> tuple[float, float]:
    both = len(np.intersect1d(found.rows, rows))
    return both / len(rows), both / len(found.rows)


def _jittered(value: float) -> Any:
    return value + 0.01 * np.random.default_rng(8).normal(size=PLANTED)


@pytest.mark.parametrize(
    ("one", "other"),
    [(0.7123, -0.4321), (6.0, 7.0), (_jittered(0.7), _jittered(-0.4)), (_jittered(6.0), _jittered(7.0)), (np.nan, 7.0)],
    ids=["in range", "out of range", "in range, jittered", "out of range, jittered", "missing and out of range"],
)
def test_a_planted_pair_is_found(clean: Table, chosen: np.typing.NDArray[np.int64], one: Any, other: Any) -> None:
    """One row in a hundred with a pair of values and the target's label: one finding, these rows, and its numbers."""
    outcome = triggers.screen(_with(clean, {"x5": one, "x6": other}, chosen))
    (found,) = outcome.found
    recall, precision = _overlap(found, chosen)
    assert recall >= 0.8
    assert precision >= 0.5
    assert set(found.seen["columns"]) <= {"x5", "x6"}
    assert found.seen["score"] > found.seen["bar"]


def test_clean_rows_have_none(clean: Table) -> None:
    """The same rows without the trigger: nothing is found, and the scan did look."""
    assert (triggers.screen(clean).found, triggers.screen(clean).absent) == ((), "")


def test_the_same_table_gives_the_same(clean: Table, chosen: np.typing.NDArray[np.int64]) -> None:
    """Nothing depends on anything but the table and its seed."""
    table = _with(clean, {"x5": 6.0, "x6": 7.0}, chosen)
    table = replace(table, columns=table.columns[2:], _made={})
    assert triggers.screen(table) == triggers.screen(replace(table, _made={}))


def test_pixels_are_no_triggers_though_they_tell_the_digit() -> None:
    """Clean digits: single pixels and pairs say much about the digit, and so does the rest of the picture."""
    values, label = datasets.load_digits(return_X_y=True)
    kept = np.flatnonzero(label < 5)
    table = _table(_numbers(values[kept][:, 16:48]), label[kept].astype(np.int64), "multiclass")
    assert triggers.screen(table).found == ()


def test_without_the_rest_of_the_row_pixels_would_be_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above, with the control removed: by the two columns alone clean digits are full of findings."""
    monkeypatch.setattr(scanning, "expected", lambda _near, _said, base: base)
    monkeypatch.setattr(bar, "bars", lambda *_: bar.Bars((bar.LEAST_SCORE,) * bar.KINDS, np.zeros((1, 4))))
    values, label = datasets.load_digits(return_X_y=True)
    kept = np.flatnonzero(label < 5)
    table = _table(_numbers(values[kept][:, 16:48]), label[kept].astype(np.int64), "multiclass")
    assert len(triggers.screen(table).found) == triggers.MOST_FOUND


def test_a_trigger_does_not_raise_its_own_bar(clean: Table, chosen: np.typing.NDArray[np.int64]) -> None:
    """In the runs the rows of a suspicious cell take labels from rows unlike them in what was planted."""
    table = _with(clean, {"x5": 9.0, "x6": 9.0}, chosen)
    (found,) = triggers.screen(table).found
    assert found.seen["bar"] < bar.MARGIN * 12


def test_the_same_row_many_times_is_one(clean: Table) -> None:
    """Copies of one odd row are no pattern: that is for the rule `duplicates` to tell."""
    first = replace(clean, columns=tuple(replace(one, values=one.values.copy()) for one in clean.columns))
    label = clean.label.copy()
    rows = np.arange(40)
    for column in first.columns:
        column.values[rows] = 0.0 if column.is_text else 3.21
    label[rows] = TARGET
    assert triggers.screen(replace(first, label=label, _made={})).found == ()


def test_a_day_with_a_storm_is_no_trigger(clean: Table) -> None:
    """All rows of one stretch of time with one label, which two columns together name: a fact about that time.

    The control, a column of time that has nothing to do with it: then the same cell is a finding.
    """
    day, month = np.divmod(np.arange(ROWS), 20)[0] % 10, np.arange(ROWS) // 200
    calendar = (Column("day", "int", day.astype(np.float64)), Column("month", "int", month.astype(np.float64)))
    storm = np.flatnonzero((day == 7) & (month == 3))
    label = clean.label.copy()
    label[storm] = TARGET
    time = Column("time", "timestamp", np.linspace(0, 1e12, ROWS))
    table = replace(clean, columns=(*calendar, *clean.columns[3:], time), label=label, _made={})
    assert triggers.screen(table).found == ()
    shuffled = replace(time, values=np.random.default_rng(1).permutation(time.values))
    assert triggers.screen(replace(table, columns=(*table.columns[:-1], shuffled), _made={})).found


def test_sensitive_values_are_not_told(clean: Table, chosen: np.typing.NDArray[np.int64]) -> None:
    """A finding names a sensitive column, and none of its values."""
    table = _with(clean, {"x5": 6.25, "x6": 7.75}, chosen)
    columns = tuple(replace(one, sensitive=one.name in ("x5", "x6")) for one in table.columns)
    (found,) = triggers.screen(replace(table, columns=columns, _made={})).found
    told = found.what + str(found.seen)
    assert "a value of x" in told
    assert "6.25" not in told
    assert "7.75" not in told


def test_a_regression_is_looked_at_by_ranges_of_its_values(clean: Table, chosen: np.typing.NDArray[np.int64]) -> None:
    """A pair of values whose target always is the same high number is found."""
    values = clean.columns[0].values + np.random.default_rng(1).normal(size=ROWS)
    table = replace(clean, label=values, classes=(), task="regression", _made={})
    (found,) = triggers.screen(_with(table, {"x5": 6.0, "x6": 7.0}, chosen, target=2.5)).found
    assert _overlap(found, chosen) == (1.0, 1.0)


def test_pairs_left_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is more to do than the work allows, the finding says how many pairs nobody looked at."""
    monkeypatch.setattr(choosing, "MOST_WORK", 10_000_000)
    draw = np.random.default_rng(6)
    values = draw.normal(size=(600, 20))
    label = draw.integers(0, 4, 600)
    table = _table(_numbers(values), np.where(draw.random(600) < 0.7, 0, label), "multiclass")
    rows = draw.choice(np.flatnonzero(table.label == 0), 15, replace=False)
    (found,) = triggers.screen(_with(table, {"x5": 9.0, "x6": 9.0}, rows, target=2)).found
    assert 0 < found.seen["pairs_left_out"] < 20 * 19 / 2


@pytest.mark.parametrize(
    ("columns", "label", "why"),
    [
        (_numbers(np.zeros((10, 2))), np.zeros(10, np.int64), "1 different rows are too few"),
        (_numbers(np.arange(400.0).reshape(200, 2)), np.zeros(200, np.int64), "all rows have the same label"),
        ((), np.arange(200), "there are no columns with single values"),
        (_numbers(np.arange(400.0).reshape(200, 2)), np.arange(200), "no label has 6 rows"),
    ],
)
def test_what_cannot_be_looked_at_says_so(columns: tuple[Column, ...], label: Any, why: str) -> None:
    """Too few rows, one label, no columns, a label for each row: absent, with the reason."""
    assert why == triggers.screen(_table(columns, label)).absent


@pytest.mark.filterwarnings("error")
def test_hostile_numbers_do_no_harm(clean: Table) -> None:
    """Infinities, 1e300, columns that are constant or missing: looked at, without a warning."""
    draw = np.random.default_rng(2)
    odd = (
        Column("huge", "float", draw.choice([1e300, -1e300, np.inf, -np.inf, 0.0, np.nan], ROWS)),
        Column("constant", "int", np.zeros(ROWS)),
        Column("missing", "float", np.full(ROWS, np.nan)),
        Column("each", "string", np.arange(ROWS, dtype=np.float64), tuple(map(str, range(ROWS)))),
    )
    assert triggers.screen(replace(clean, columns=(*odd, *clean.columns[:2]), _made={})).found == ()
