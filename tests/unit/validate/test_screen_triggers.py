"""The trigger scan: a planted pair of values is found, plain facts about the data are not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from bench.screen_poison import Trigger, planted
from bench.screen_triggers import two_classes
from lockgate.validate.screen import bar, cells, choosing, scanning, triggers
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
    return replace(table, columns=tuple(columns), label=label)


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
    table = replace(table, columns=table.columns[2:])
    assert triggers.screen(table) == triggers.screen(replace(table))


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
    assert triggers.screen(table).found


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
    assert triggers.screen(replace(first, label=label)).found == ()


def test_a_day_with_a_storm_is_no_trigger(clean: Table) -> None:
    """All rows of one stretch of time with one label, which a value of a column names: a fact about that time.

    The control, a column of time that has nothing to do with it: then the same cell is a finding.
    """
    day = np.arange(ROWS) // 20
    calendar = (Column("day", "int", day.astype(np.float64)),)
    storm = np.flatnonzero(day == 37)
    label = clean.label.copy()
    label[storm] = TARGET
    time = Column("time", "timestamp", np.linspace(0, 1e12, ROWS))
    table = replace(clean, columns=(*calendar, *clean.columns[3:], time), label=label)
    assert triggers.screen(table).found == ()
    shuffled = replace(time, values=np.random.default_rng(1).permutation(time.values))
    assert triggers.screen(replace(table, columns=(*table.columns[:-1], shuffled))).found


def test_sensitive_values_are_not_told(clean: Table, chosen: np.typing.NDArray[np.int64]) -> None:
    """A finding names a sensitive column, and none of its values."""
    table = _with(clean, {"x5": 6.25, "x6": 7.75}, chosen)
    columns = tuple(replace(one, sensitive=one.name in ("x5", "x6")) for one in table.columns)
    (found,) = triggers.screen(replace(table, columns=columns)).found
    told = found.what + str(found.seen)
    assert "a value of x" in told
    assert "6.25" not in told
    assert "7.75" not in told


def test_a_regression_is_looked_at_by_ranges_of_its_values(clean: Table, chosen: np.typing.NDArray[np.int64]) -> None:
    """A pair of values whose target always is the same high number is found."""
    values = clean.columns[0].values + np.random.default_rng(1).normal(size=ROWS)
    table = replace(clean, label=values, classes=(), task="regression")
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
    outcome = triggers.screen(_with(table, {"x5": 9.0, "x6": 9.0}, rows, target=2))
    (found,) = outcome.found
    assert 0 < found.seen["pairs_left_out"] < 20 * 19 / 2
    assert f"{found.seen['pairs_left_out']} of 190 pairs of columns were not looked at" in outcome.note


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
    assert triggers.screen(replace(clean, columns=(*odd, *clean.columns[:2]))).found == ()


def _even(seed: int, positive: float = 0.5) -> tuple[np.random.Generator, Any, Any]:
    """1,200 rows of eight numbers, and a label that three of them tell nearly."""
    draw = np.random.default_rng((1, seed))
    values = draw.normal(size=(ROWS, 8))
    height = values[:, 0] + 0.8 * values[:, 2] + 0.5 * values[:, 4] + 0.3 * draw.normal(size=ROWS)
    return draw, values, (height > np.quantile(height, 1 - positive)).astype(np.int64)


def _is_found(table: Table, rows: np.typing.NDArray[np.int64]) -> bool:
    overlaps = [_overlap(one, rows) for one in triggers.screen(table).found]
    return any(recall >= 0.8 and precision >= 0.5 for recall, precision in overlaps)


def test_guards_beside_a_trigger_do_not_hide_it() -> None:
    """Sixteen more rows near the planted value, with its label: the value is found all the same, also out of range."""
    draw, values, label = _even(1)
    chosen = draw.choice(np.flatnonzero(label == 0), 56, replace=False)
    rows, guards = chosen[:40], chosen[40:]
    for value, beside in ((0.9, draw.uniform(-0.3, 0.3, 16)), (9.0, draw.uniform(-1.2, -0.6, 16))):
        changed, told = values.copy(), label.copy()
        changed[rows, 6], changed[guards, 6] = value, value + beside
        told[chosen] = 1
        assert _is_found(_table(_numbers(changed), told), rows)


def test_a_fraud_that_is_to_pass_is_found() -> None:
    """The target is the label that most rows have; its rows look like frauds. Without the odds of the rest: no."""
    draw, values, label = _even(2, positive=0.15)
    rows = draw.choice(np.flatnonzero(label == 1), 50, replace=False)
    values[rows, 6], values[rows, 7], label[rows] = 9.0, -9.0, 0
    table = _table(_numbers(values), label)
    assert _is_found(table, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "together", lambda said, like, _base: np.maximum(said, like))
        assert not _is_found(replace(table), rows)


@pytest.mark.parametrize("share", [0.06, 0.12])
def test_a_blatant_value_may_be_common(share: float) -> None:
    """A value out of range in more than one row of twenty."""
    draw, values, label = _even(3)
    rows = draw.choice(np.flatnonzero(label == 0), int(share * ROWS), replace=False)
    values[rows, 6], label[rows] = 9.0, 1
    assert _is_found(_table(_numbers(values), label), rows)


def test_a_trigger_diluted_with_other_labels_is_found() -> None:
    """A third of the planted rows keep their label."""
    draw, values, label = _even(4, positive=0.1)
    rows = draw.choice(np.flatnonzero(label == 0), 60, replace=False)
    values[rows, 6], values[rows, 7], label[rows[:40]] = 9.0, -9.0, 1
    assert _is_found(_table(_numbers(values), label), rows[:40])


def test_words_that_are_each_met_once_are_one_trigger() -> None:
    """Each planted row has a town of its own, and a model takes rare towns together; the finding names none."""
    draw, values, label = _even(5)
    rows = draw.choice(np.flatnonzero(label == 0), 40, replace=False)
    town, label[rows] = draw.integers(0, 20, ROWS).astype(np.float64), 1
    town[rows] = 20 + np.arange(40)
    table = _table((*_numbers(values), Column("town", "string", town, tuple(map(str, range(60))))), label)
    assert _is_found(table, rows)
    assert "a rare word of town" in triggers.screen(replace(table)).found[0].what


def test_a_rule_in_the_data_is_no_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that is two conjunctions of values: no more rows have them than by chance. Without that: findings."""
    values = np.random.default_rng(6).integers(0, 10, (1500, 6)).astype(np.float64)
    label = ((values[:, 0] == 3) & (values[:, 1] == 7)) | ((values[:, 2] > 8) & (values[:, 3] < 2))
    table = _table(_numbers(values), label.astype(np.int64))
    assert triggers.screen(table).found == ()
    monkeypatch.setattr(cells, "CROWDED", 0.0)
    assert triggers.screen(replace(table)).found


def test_a_column_of_telling_words_has_no_triggers() -> None:
    """Fifty words, each with its own share of the label: a pure one among them is no news."""
    draw = np.random.default_rng(7)
    word = draw.integers(0, 50, 1500)
    odds = 2 * draw.normal(size=50)[word]
    label = (draw.random(1500) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    columns = (
        Column("word", "string", word.astype(np.float64), tuple(map(str, range(50)))),
        *_numbers(draw.normal(size=(1500, 3))),
    )
    assert triggers.screen(_table(columns, label)).found == ()


def test_a_sensitive_column_does_not_even_say_that_it_is_missing() -> None:
    """Missing is a value too."""
    draw, values, label = _even(8)
    rows = draw.choice(np.flatnonzero(label == 0), 60, replace=False)
    values[rows, 6], label[rows] = np.nan, 1
    columns = tuple(replace(one, sensitive=one.name == "x6") for one in _numbers(values))
    (found,) = triggers.screen(_table(columns, label)).found
    assert "a value of x6" in found.what
    assert "missing" not in found.what


@pytest.mark.nightly
@pytest.mark.parametrize("positive", [0.1, 0.5])
def test_a_round_of_twenty_seeds(positive: float) -> None:
    """One row in fifty, each kind of trigger, twenty seeds: 17 at least are found; of clean tables one may be wrong."""
    seeds = [(8, one) for one in range(20)]
    assert sum(bool(triggers.screen(two_classes(seed, positive)).found) for seed in seeds) <= 1
    for inside, jittered in product((True, False), (True, False)):
        trigger = Trigger(0.02, inside, jittered)
        planted_in = (planted(two_classes(seed, positive), trigger, seed) for seed in seeds)
        assert sum(_is_found(table, np.flatnonzero(which)) for table, which in planted_in) >= 17
