"""train.jail.attacks: legal rows only, exactly counted, and a target that misbehaves is never robust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.train.jail.attacks import (
    Answers,
    Attack,
    Space,
    Trail,
    boundary,
    change,
    hop_skip_jump,
    one_by_one,
    square,
    together,
    zoo,
)

Points = npt.NDArray[np.float64]
Target = Callable[[dict[str, npt.NDArray[Any]]], Answers]

KINDS = {"amount": "float", "count": "int", "gap": "float", "word": "string", "when": "timestamp", "fixed": "float"}
MUTABLE = ("amount", "count", "gap")
DECISIONS = (hop_skip_jump, boundary)


def table(rows: int = 300) -> dict[str, npt.NDArray[Any]]:
    """Rows of all kinds; `gap` is missing in every seventh."""
    draw = np.random.default_rng(5)
    gap = draw.normal(size=rows)
    gap[::7] = np.nan
    return {
        "amount": 100 + 20 * draw.normal(size=rows),
        "count": draw.poisson(4, size=rows).astype(np.int64),
        "gap": gap,
        "word": np.array(["a", "b"], object)[draw.integers(2, size=rows)],
        "when": draw.integers(10**15, size=rows),
        "fixed": draw.normal(size=rows),
    }


def score(columns: dict[str, npt.NDArray[Any]]) -> Answers:
    """Two classes by a smooth sum over the fields that may move."""
    total = (columns["amount"] - 100) / 20 + (columns["count"] - 4) / 2 + np.nan_to_num(columns["gap"])
    second = 1 / (1 + np.exp(-total))
    return Answers((second > 0.5).astype(np.int64), np.column_stack([1 - second, second]), None)


def made(name: str, space: Space, row: int, label: int, budget: int) -> Attack:
    """An attack by name."""
    randomness = np.random.default_rng((3, row))
    start = space.start(row)
    if name == "square":
        return square(space, start, label, budget, randomness, 1.0)
    if name == "change":
        return change(space, start, 0, budget, randomness, 1.0)
    by_name = {"hop-skip-jump": hop_skip_jump, "boundary": boundary, "zoo": zoo}
    return by_name[name](space, start, label, budget, randomness)


def attacked(name: str, target: Target, rows: Sequence[int] = range(12), budget: int = 200) -> list[Trail]:
    """What an attack leaves on rows of `table`, asked of `target`."""
    columns = table()
    space = Space(columns, KINDS, MUTABLE)
    said = target(columns).labels
    attacks = [made(name, space, row, int(said[row]), budget) for row in rows]
    return together(attacks, lambda which, points: target(space.rows([rows[at] for at in which], points)))


CLASSES = ["hop-skip-jump", "boundary", "square", "zoo"]
ALL = [*CLASSES, "change"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("budget", [2, 3, 37, 300])
def test_every_point_is_a_legal_row_and_the_budget_is_kept(name: str, budget: int) -> None:
    """Only what is declared moves, whole numbers stay whole, ranges and what is missing are kept; no query too many."""
    columns = table()
    ranges = {"amount": (60.0, 140.0), "count": (0.0, 6.0)}
    space = Space(columns, KINDS, MUTABLE, ranges)
    said = score(columns).labels
    asked = [0] * 12

    def ask(which: Sequence[int], points: Points) -> Answers:
        rows = space.rows(which, points)
        assert np.allclose(points[:, 1] * space.scale[1], rows["count"])
        for at in which:
            asked[at] += 1
        originals = {each: column[np.asarray(which)] for each, column in columns.items()}
        for each in ("word", "when", "fixed"):
            assert np.array_equal(originals[each], rows[each])
        for each, (low, high) in ranges.items():
            own = originals[each]
            assert (rows[each] >= np.minimum(low, own) - 1e-9).all()
            assert (rows[each] <= np.maximum(high, own) + 1e-9).all()
        assert rows["count"].dtype == np.int64
        assert np.array_equal(np.isnan(originals["gap"]), np.isnan(rows["gap"]))
        return value(rows) if name == "change" else score(rows)

    trails = together([made(name, space, row, int(said[row]), budget) for row in range(12)], ask)
    assert asked == [trail.queries for trail in trails]
    assert max(asked) <= budget


def value(columns: dict[str, npt.NDArray[Any]]) -> Answers:
    """A number for each row: rises by 3 per standard deviation of `amount`, whatever the others are."""
    return Answers(np.zeros(len(columns["amount"]), np.int64), None, 3 * columns["amount"] / np.std(table()["amount"]))


@pytest.mark.parametrize("name", CLASSES)
def test_flips_are_real_and_ever_nearer(name: str) -> None:
    """Each flip is nearer than the one before, and the best point has another label at the distance that is told."""
    columns = table()
    space = Space(columns, KINDS, MUTABLE)
    found = 0
    for row, trail in enumerate(attacked(name, score)):
        assert trail.ran
        distances = [l2 for _, l2, _ in trail.flips]
        assert distances == sorted(set(distances), reverse=True)
        assert [queries for queries, _, _ in trail.flips] == sorted(queries for queries, _, _ in trail.flips)
        if trail.best is not None:
            found += 1
            moved = np.nan_to_num(trail.best - space.start(row))
            assert np.linalg.norm(moved) == pytest.approx(distances[-1])
            assert np.abs(moved).max() == pytest.approx(trail.flips[-1][2])
            changed = score(space.columns(row, trail.best[None])).labels[0]
            assert changed != score(space.columns(row, space.start(row)[None])).labels[0]
    assert found >= 8


@pytest.mark.parametrize("name", ALL)
def test_in_step_or_one_by_one_is_the_same(name: str) -> None:
    """A row's trail does not depend on the rows attacked beside it, nor on how its points are asked."""
    target = value if name == "change" else score
    columns = table()
    space = Space(columns, KINDS, MUTABLE)
    label = int(target(columns).labels[4])

    def ask(points: Points) -> Answers:
        assert points.shape == (1, 3)
        return target(space.columns(4, points))

    alone = one_by_one(made(name, space, 4, label, 150), ask)
    beside = attacked(name, target, rows=range(8), budget=150)[4]
    assert (alone.queries, alone.flips, alone.changes) == (beside.queries, beside.flips, beside.changes)


def failing(how: str) -> Target:
    """A target that answers the first questions as it should, and then in a way that nobody can use."""
    seen = 0

    def answer(columns: dict[str, npt.NDArray[Any]]) -> Answers:
        nonlocal seen
        seen += 1
        good = score(columns)
        if seen <= 2:
            return good
        assert good.scores is not None
        if how == "no scores":
            return Answers(good.labels)
        if how == "not a number":
            return Answers(good.labels, np.where(np.arange(2) == 1, np.nan, good.scores))
        if how == "no answer":
            return Answers(np.full_like(good.labels, -1), good.scores)
        assert how == "too few"
        return Answers(good.labels[:-1], good.scores[:-1])

    return answer


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("no scores", ["square", "zoo"]),
        ("not a number", CLASSES),
        ("no answer", CLASSES),
        ("too few", CLASSES),
    ],
)
def test_a_target_that_misbehaves_was_not_tested(how: str, names: list[str]) -> None:
    """Not an error, and not robust: the attack is told as failed, with the reason."""
    for name in names:
        trail = attacked(name, failing(how), rows=[3])[0]
        assert not trail.ran
        assert trail.status.startswith("failed: ")
        assert not trail.status.endswith("the same row")


def test_labels_dressed_as_scores_fail_the_attack_that_needs_scores() -> None:
    """One-hot scores say no more than the label: `square` failed. Beside it: with scores that do, it ran."""

    def label_alone(columns: dict[str, npt.NDArray[Any]]) -> Answers:
        labels = score(columns).labels
        return Answers(labels, np.eye(2)[labels])

    assert {"failed: the scores say no more than the label"} == {
        each.status for each in attacked("square", label_alone)
    }
    assert {"ran"} == {each.status for each in attacked("square", score)}
    assert {"ran"} == {each.status for each in attacked("boundary", label_alone)}


def test_flat_scores_fail_zoo() -> None:
    """Where no small step changes the scores, as between a tree's splits, ZOO has no gradient: failed, not robust."""

    def step(columns: dict[str, npt.NDArray[Any]]) -> Answers:
        second = np.where(columns["amount"] > 300, 0.9, 0.2)
        return Answers((second > 0.5).astype(np.int64), np.column_stack([1 - second, second]))

    assert {"failed: flat: no small step changes the scores"} == {each.status for each in attacked("zoo", step)}


@pytest.mark.parametrize("name", CLASSES)
def test_an_answer_that_changes_fails_the_attack(name: str) -> None:
    """A row that gets another label when it is asked again was not tested, and no flip of such a target is kept."""
    draw = np.random.default_rng(8)

    def coin(columns: dict[str, npt.NDArray[Any]]) -> Answers:
        second = draw.random(len(columns["amount"]))
        return Answers((second > 0.5).astype(np.int64), np.column_stack([1 - second, second]))

    trails = attacked(name, coin, rows=range(40), budget=60)
    assert sum(not trail.ran for trail in trails) >= 12
    assert all(not trail.flips for trail in trails if trail.status.endswith("the same row"))


def test_what_cannot_be_moved_is_refused_or_untested() -> None:
    """A text is no coordinate; a row without any number to move was not tested."""
    columns = table()
    for wrong in (("word",), ("when",), ("nowhere",), ("amount", "amount"), ()):
        with pytest.raises(ValueError, match=r"number|space"):
            Space(columns, KINDS, wrong)
    with pytest.raises(ValueError, match="no range"):
        Space(columns, KINDS, MUTABLE, {"amount": (3.0, 1.0)})
    space = Space(columns, KINDS, ("gap",))
    trail = one_by_one(made("boundary", space, 0, 0, 50), lambda points: score(space.columns(0, points)))
    assert (trail.status, trail.queries) == ("failed: no field of this row can be moved", 0)


def test_a_constant_column_has_no_room_and_huge_numbers_no_overflow() -> None:
    """A standard deviation of 0 divides nothing; one of numbers near the largest float is a number."""
    columns = {"same": np.full(50, 7.0), "huge": 1e308 * np.linspace(-1, 1, 50), "few": np.arange(50) % 3}
    space = Space(columns, {"same": "float", "huge": "float", "few": "int"}, ("same", "huge", "few"))
    assert np.isfinite(space.scale).all()
    assert (space.scale > 0).all()
    assert space.high[0] == space.low[0]
    assert space.values(np.stack([space.low, space.high]))[:, 2].tolist() == [0, 2]


@settings(max_examples=30)
@given(st.integers(0, 299), st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_a_record_and_a_row_are_the_same_to_a_space(row: int, point: list[float]) -> None:
    """Points put into a row of the table, and into the same record from elsewhere, give equal columns."""
    columns = table()
    space = Space(columns, KINDS, MUTABLE)
    record = {name: column[row] for name, column in columns.items()}
    record["gap"] = None if np.isnan(record["gap"]) else record["gap"]
    points = np.array([point])
    assert np.array_equal(space.start(row), space.start(record), equal_nan=True)
    for name, column in space.columns(row, points).items():
        assert column.tolist() == space.columns(record, points)[name].tolist()
