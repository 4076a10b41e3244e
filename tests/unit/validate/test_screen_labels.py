"""The rule `labels`: wrong labels stand out, honest ones do not, and what cannot be told is not told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockgate.validate.screen import labels
from lockgate.validate.screen.folds import dealt, inputs, outside, points
from lockgate.validate.screen.neighbours import disagreement, nearest
from lockgate.validate.screen.noise import Noise, fitted
from lockgate.validate.screen.spec import Outcome, Task
from lockgate.validate.screen.table import Column, Table

ROWS = 400
WRONG = (3, 77, 150, 201, 330)


def table(inputs: Any, label: Any, classes: int = 2) -> Table:
    """A table of numbers."""
    columns = tuple(Column(f"x{place}", "float", values) for place, values in enumerate(np.asarray(inputs, float).T))
    words = tuple(f"class {one}" for one in range(classes))
    task: Task = "binary" if classes <= 2 else "multiclass"
    zeros = np.zeros(len(label), np.int64)
    return Table(columns, np.asarray(label), words, task, zeros, ("all",), 7)


def blobs(rows: int = ROWS, apart: float = 6.0, wrong: tuple[int, ...] = WRONG) -> Table:
    """Two clouds, and some rows of one that are labelled as the other."""
    draw = np.random.default_rng(1)
    label = np.arange(rows) % 2
    numbers = draw.normal(size=(rows, 3)) + apart * label[:, None] * np.array([1, 0, 0])
    label[list(wrong)] ^= 1
    return table(numbers, label)


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    """So that a test takes a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lockgate.validate.screen.folds.MOST_TREES", 12)
        yield


@pytest.fixture(scope="module")
def found() -> labels.Labelled:
    """Two clouds with five wrong labels."""
    return labels.screen(blobs())


def test_wrong_labels_are_flagged_and_no_others(found: labels.Labelled) -> None:
    """Exactly the wrong labels are flagged, with the number and the classes told."""
    (one,) = found.outcome.found
    assert set(WRONG) == set(one.rows)
    assert one.what.startswith("5 of 400 rows have a label that the other rows contradict (")
    assert one.seen["pairs"] == [["class 0", "class 1", 3], ["class 1", "class 0", 2]]


def test_wrong_labels_have_the_highest_scores(found: labels.Labelled) -> None:
    """Scores and neighbours put them first, within 0 and 1."""
    assert set(WRONG) == set(np.argsort(-found.score)[:5].tolist())
    assert set(WRONG) == set(np.argsort(-found.disagree)[:5].tolist())
    assert found.score.min() >= 0
    assert found.score.max() <= 1


def test_nothing_is_flagged_where_all_is_right() -> None:
    """Honest clouds, a little overlapping: no flag, no reason to refuse."""
    assert labels.screen(blobs(apart=4.5, wrong=())).outcome == Outcome()


def test_the_same_table_gives_the_same_answer(found: labels.Labelled) -> None:
    """Everything random is drawn from the table's own seed."""
    again = labels.screen(blobs())
    assert found.outcome == again.outcome
    assert np.array_equal(found.score, again.score)


def test_a_wrong_row_gains_nothing_by_copies() -> None:
    """Forty copies of a wrong row leave it as doubtful, and all of them are flagged."""
    plain = blobs(wrong=(3,))
    rows = np.concatenate([np.arange(ROWS), np.full(40, 3)])
    copied = table(np.column_stack([one.values[rows] for one in plain.columns]), plain.label[rows])
    (one,) = labels.screen(copied).outcome.found
    assert {3, *range(ROWS, ROWS + 40)} == set(one.rows)


def test_copies_lie_in_one_fold_and_are_no_neighbours() -> None:
    """A row's copies are neither among those that judge it nor in another fold."""
    numbers = np.random.default_rng(2).normal(size=(100, 2))
    doubled = table(np.concatenate([numbers, numbers]), np.arange(200) % 2)
    point = points(doubled)
    assert np.array_equal(point[:100], point[100:])
    fold = dealt(doubled.label, point, doubled.draw("x"))
    assert np.array_equal(fold[:100], fold[100:])
    near = nearest(doubled, point)
    assert not (point[near] == point[:, None]).any()
    assert all(len(set(row)) == 15 for row in point[near].tolist())


def test_zero_and_missing_have_one_spelling() -> None:
    """Minus zero is zero and every NaN the same."""
    other_nan = np.array([0x7FC00001], np.uint32).view(np.float32).astype(float)[0]
    assert points(table([[0.0, np.nan], [-0.0, other_nan]], [0, 1])).tolist() == [0, 0]


def test_neighbours_are_drawn_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the bound a sample stands for all, and a wrong label still disagrees with it."""
    monkeypatch.setattr("lockgate.validate.screen.neighbours.MOST_EXACT", 200)
    monkeypatch.setattr("lockgate.validate.screen.neighbours.DRAWN", 100)
    many = blobs()
    near = nearest(many, points(many))
    assert len(np.unique(near)) <= 100
    assert not (near == np.arange(ROWS)[:, None]).any()
    assert set(WRONG) == set(np.argsort(-disagreement(many.label, near))[:5].tolist())


def test_what_is_uncertain_by_nature_accuses_nobody() -> None:
    """A label that is little more than chance: no flag, the reason, and scores nonetheless."""
    draw = np.random.default_rng(3)
    numbers = draw.normal(size=(ROWS, 3))
    label = (draw.random(ROWS) < np.where(numbers[:, 0] > 0, 0.6, 0.4)).astype(int)
    said = labels.screen(table(numbers, label))
    said_so = "with these inputs a wrong label cannot be told from an honest one (0% of them would be found)"
    assert said.outcome.absent.startswith(said_so)
    assert said.outcome.found == ()
    assert np.isfinite(said.score).all()


def test_the_share_of_wrong_labels_is_measured() -> None:
    """The rate that makes the labels most probable is the one that was planted, whatever a judge's confidence."""
    draw = np.random.default_rng(4)
    right = draw.integers(3, size=4000)
    said = np.full((4000, 3), 0.2)
    said[np.arange(4000), right] = 0.6  # a judge that is always right and far too timid
    wrong = draw.random(4000) < 0.08
    noise = fitted([said], np.where(wrong, (right + 1) % 3, right), np.arange(4000), draw)
    assert noise.rate == pytest.approx(0.08, abs=0.01)
    assert noise.said[np.arange(4000), right].min() > 0.95


@pytest.fixture(scope="module")
def heavy() -> tuple[Table, set[int]]:
    """A label that one input settles, a fifth of it changed."""
    draw = np.random.default_rng(6)
    numbers = draw.normal(size=(600, 3))
    wrong = draw.choice(600, 120, replace=False)
    label = (numbers[:, 0] > 0).astype(int)
    label[wrong] ^= 1
    return table(numbers, label), set(wrong.tolist())


def test_heavy_poison_does_not_switch_the_rule_off(heavy: tuple[Table, set[int]]) -> None:
    """A fifth of all labels changed: nearly all are flagged, and it is said that nature might look the same."""
    given, wrong = heavy
    (one,) = labels.screen(given).outcome.found
    assert len(wrong & set(one.rows)) > 100
    assert len(set(one.rows) - wrong) < 24
    assert one.what.endswith("is as uncertain everywhere by nature: the rows cannot tell")


def test_a_rare_label_is_not_wrong_for_being_rare() -> None:
    """One label in twenty is drawn by chance: none is flagged, as nothing tells them from wrong ones."""
    draw = np.random.default_rng(7)
    said = labels.screen(table(draw.normal(size=(300, 2)), (draw.random(300) < 0.05).astype(int)))
    assert said.outcome.found == ()


def test_a_class_that_nothing_tells_apart_is_left_out_and_named() -> None:
    """Were all of its rows called wrong, what is rare would be wrong: the rule says that it judged none of them."""
    label = np.repeat([0, 1], [380, 20])
    said = np.full((ROWS, 2), [0.999, 0.001])
    sure = labels._outcome(table(np.ones((ROWS, 1)), label), Noise(said, 0.05), label, np.ones(ROWS, bool))
    assert sure.found == ()
    assert sure.note == 'no label among the 20 rows of "class 1" was judged: nothing tells these from other rows'


def test_a_fold_with_one_class_left_is_answered() -> None:
    """Where the other folds hold one class only, that is what they say."""

    class Never:
        def fit(self, *_: object) -> None:
            raise AssertionError

    fold, label = (np.arange(10) % 5).astype(np.int8), np.zeros(10, np.int64)
    said = outside(Never(), np.zeros((10, 1), np.float32), label, fold, np.ones(10, bool), 2)
    assert (said == [1.0, 0.0]).all()


def test_rare_classes_are_not_judged() -> None:
    """Five rows of a class of their own cannot be called wrong: no score, no flag, and counted."""
    plain = blobs()
    label = plain.label.copy()
    label[390:395] = 2
    said = labels.screen(replace(plain, label=label, classes=("a", "b", "c"), task="multiclass"))
    assert list(range(390, 395)) == np.flatnonzero(np.isnan(said.score)).tolist()
    assert set(WRONG) == set(said.outcome.found[0].rows)
    assert said.outcome.found[0].seen["not_judged"] == 5


def test_a_class_is_not_made_common_by_copies() -> None:
    """A made-up class of one row, a hundred times, stays unjudged instead of becoming its own proof."""
    plain = blobs(wrong=())
    rows = np.concatenate([np.arange(ROWS), np.full(100, 3)])
    label = np.concatenate([plain.label, np.full(100, 2)])
    said = labels.screen(table(np.column_stack([one.values[rows] for one in plain.columns]), label, 3))
    assert np.isnan(said.score[ROWS:]).all()


def test_ten_thousand_classes_are_too_many() -> None:
    """So many classes that none is common: said, with neighbours as the score that is left."""
    draw = np.random.default_rng(5)
    said = labels.screen(table(draw.normal(size=(3000, 2)), draw.integers(10_000, size=3000), 10_000))
    assert said.outcome.absent == "only 0 of 3,000 rows are of a class that is common enough to judge a label by"
    assert np.isfinite(said.disagree).all()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (blobs(rows=99, wrong=()), "99 rows are too few: labels are judged from 100 rows on"),
        (table(np.ones((200, 2)), np.arange(200) % 2), "all rows have the same inputs"),
        (table(np.zeros((200, 0)), np.arange(200) % 2), "all rows have the same inputs"),
        (table(1 + 1e-12 * np.arange(200)[:, None], np.arange(200) % 2), "all rows have the same inputs"),
        (table(np.full((200, 2), np.nan), np.arange(200) % 2), "all rows have the same inputs"),
        (table(np.arange(200)[:, None], np.zeros(200, int)), "all rows have the same label"),
        (table(np.zeros((0, 2)), np.zeros(0, int)), "0 rows are too few"),
    ],
)
def test_what_cannot_be_judged_is_said(given: Table, why: str) -> None:
    """Each table that tells nothing gets its reason, and no score."""
    said = labels.screen(given)
    assert said.outcome.absent.startswith(why)
    assert np.isnan(said.score).all()
    assert np.isnan(said.disagree).all()
    assert given.rows == len(said.score)


def test_values_far_out_and_missing_hide_nothing() -> None:
    """Infinities, 1e30 and gaps in the inputs: the same wrong labels are found."""
    plain = blobs()
    first, second, third = (one.values.copy() for one in plain.columns)
    third[[5, 6, 7]] = [np.inf, -np.inf, 1e30]
    second[::7] = np.nan
    said = labels.screen(table(np.column_stack([first, second, third]), plain.label))
    assert set(WRONG) == set(said.outcome.found[0].rows)


def test_what_trees_are_given_is_finite() -> None:
    """Far values are brought to the edge of the rest, gaps stay gaps, a column of gaps becomes one value."""
    numbers = np.column_stack([[*range(99), np.inf], [np.nan] * 100, [np.nan, *range(99)]])
    given = inputs(table(numbers, np.arange(100) % 2))
    assert given[:, 0].max() == 195
    assert np.unique(given[:, 1]).tolist() == [0.0]
    assert np.isnan(given[0, 2])
