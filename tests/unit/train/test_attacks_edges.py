"""train.jail.attacks: splits at the row itself, whole numbers at the edge of a ball, and targets that change."""

from __future__ import annotations

from collections.abc import Callable
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
    square,
    together,
    zoo,
)
from lockgate.train.jail.attacks.asking import Asker, Failed, Spent
from lockgate.train.jail.attacks.robust import robust

Points = npt.NDArray[np.float64]
Values = dict[str, npt.NDArray[Any]]

NAMES = ("form", "popup", "link")
ATTACKS: dict[str, Callable[..., Attack]] = {
    "hop-skip-jump": hop_skip_jump,
    "boundary": boundary,
    "square": square,
    "zoo": zoo,
}
DECISIONS = ("hop-skip-jump", "boundary", "square")
UNSTABLE = "failed: the target gives another answer to the same row"


def signs(rows: int = 40) -> Values:
    """Fields of -1, 0 and 1 that are declared as floats, as signs of phishing are."""
    draw = np.random.default_rng(6)
    return {name: draw.integers(-1, 2, size=rows).astype(np.float64) for name in NAMES}


def told(second: Points) -> Answers:
    """Two classes by the probability of the second."""
    return Answers((second > 0.5).astype(np.int64), np.column_stack([1 - second, second]))


def split(columns: Values) -> Answers:
    """A tree with its split just above 0, as trees have it beside a value of many rows; `link` says a little."""
    return told(np.where(columns["form"] > 1e-35, 0.8, 0.2) + 0.05 * np.tanh(columns["link"]))


def attacked(name: str, target: Callable[[Values], Answers], columns: Values, budget: int = 120) -> list[Trail]:
    """What an attack leaves on all rows."""
    space = Space(columns, dict.fromkeys(columns, "float"), NAMES)
    rows = range(len(columns["form"]))
    labels = target(columns).labels
    more = (1.0,) if name == "square" else ()
    begun = [
        ATTACKS[name](space, space.start(row), int(labels[row]), budget, np.random.default_rng((4, row)), *more)
        for row in rows
    ]
    return together(begun, lambda which, points: target(space.rows([rows[at] for at in which], points)))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_split_at_the_row_is_a_flip_and_no_failure(name: str) -> None:
    """A row at 0 beside a split just above 0 flips at once: it is robust nowhere, and its attack has run."""
    columns = signs()
    trails = attacked(name, split, columns, 200)
    assert {"ran"} == {trail.status for trail in trails}
    at_split = np.flatnonzero(columns["form"] == 0)
    assert len(at_split) > 10
    assert all(trails[row].flips and 0 < trails[row].flips[-1][1] < 0.01 for row in at_split)
    assert sum(trails[row].flips[-1][1] <= 1e-9 for row in at_split) >= 1
    found = robust([True] * len(trails), {name: trails}, (0.25,))
    assert found.untested == {0.25: 0}
    assert not any(found.held[0.25][row] for row in at_split)


@pytest.mark.parametrize("name", DECISIONS)
def test_a_target_that_changes_beside_the_row_is_no_split(name: str) -> None:
    """As above, but what is within a hair of the row is told by a coin: not tested, and no flip of it is kept."""
    draw, columns = np.random.default_rng(9), signs()

    def coin(asked: Values) -> Answers:
        said = split(asked)
        near = (asked["form"] > 0) & (asked["form"] < 1e-3)
        assert said.scores is not None
        # One in three: what flips once will hardly do so each time.
        second = np.where(near & (draw.random(len(near)) < 2 / 3), 0.2, said.scores[:, 1])
        return told(second)

    trails = [trail for row, trail in enumerate(attacked(name, coin, columns)) if columns["form"][row] == 0]
    assert sum(trail.status == UNSTABLE for trail in trails) > len(trails) / 2


@pytest.mark.parametrize(("kind", "apart", "unstable"), [("float", 0, True), ("float", 1e-10, False), ("int", 0, True)])
def test_only_the_very_row_must_answer_the_same(kind: str, apart: float, unstable: bool) -> None:
    """The same values with another answer: nothing counts. Other values, however near: a flip, and none is nearer."""
    space = Space({name: np.arange(12) % 3 for name in NAMES}, dict.fromkeys(NAMES, kind), NAMES)
    asker = Asker(space, space.start(7), 0, 50)
    asking = asker.ask(asker.start + np.array([apart, 0, 0]))
    next(asking)
    with pytest.raises(Failed if unstable else Spent):
        asking.send(told(np.array([0.9])))
    assert bool(asker.flips) is not unstable


@pytest.mark.parametrize(("apart", "times"), [(0.5, 1), (1e-10, 4)])
@pytest.mark.parametrize("honest", [True, False])
def test_a_flip_at_the_row_is_confirmed_several_times(apart: float, times: int, honest: bool) -> None:
    """A coin may fall thrice as a split would have it: the row and the flip are asked four times each, by turns."""
    space = Space({name: np.arange(12) % 3 for name in NAMES}, dict.fromkeys(NAMES, "float"), NAMES)
    asker = Asker(space, space.start(7), 0, 50)
    asking = asker.ask(asker.start + np.array([apart, 0, 0]))
    next(asking)
    with pytest.raises(StopIteration if times == 1 else Spent):
        asking.send(told(np.array([0.9])))
    confirming = asker.confirm()
    points = next(confirming)
    assert np.linalg.norm(points - asker.start, axis=1) == pytest.approx([0, apart] * times)
    second = np.tile([0.1, 0.9], times)
    second[-1] = 0.9 if honest else 0.1
    with pytest.raises(StopIteration if honest else Failed):
        confirming.send(told(second))


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize("which", ["flip", "row"])
def test_a_flip_is_confirmed_by_asking_it_and_the_row_again(name: str, which: str) -> None:
    """A target that keeps its word but for the last question: about the nearest flip, or about the row itself."""
    budget, columns = 100, {name: np.random.default_rng(3).normal(size=80) for name in NAMES}
    space = Space(columns, dict.fromkeys(NAMES, "float"), NAMES)
    row = int(np.argmin(np.abs(columns["form"] - 0.4)))
    asked = 0

    def late(points: Values) -> Answers:
        nonlocal asked
        honest = told(1 / (1 + np.exp(-points["form"])))
        asked += len(points["form"])
        assert honest.scores is not None
        if asked <= budget - 2:
            return honest
        return told(np.where(np.arange(2) == (which == "flip"), 1 - honest.scores[:, 1], honest.scores[:, 1]))

    def trail_of(target: Callable[[Values], Answers]) -> Trail:
        more = (1.0,) if name == "square" else ()
        begun = ATTACKS[name](space, space.start(row), 1, budget, np.random.default_rng(1), *more)
        return together([begun], lambda _, points: target(space.rows([row] * len(points), points)))[0]

    trail = trail_of(late)
    assert (trail.status, trail.flips, trail.queries) == (UNSTABLE, (), budget)
    fair = trail_of(lambda points: told(1 / (1 + np.exp(-points["form"]))))
    assert (fair.ran, bool(fair.flips), fair.queries) == (True, True, budget)


@pytest.mark.parametrize("budget", [3, 10, 20])
def test_zoo_fails_where_the_budget_ends_on_flat_scores(budget: int) -> None:
    """Too few queries to try each coordinate at each step: it has seen no slope, so that it was not tested."""
    trails = attacked("zoo", lambda columns: told(np.where(columns["form"] > 5, 0.9, 0.2)), signs(), budget)
    assert {"failed: flat: no small step changes the scores"} == {trail.status for trail in trails}


def test_whole_numbers_are_rounded_into_the_ball() -> None:
    """One whole number with a deviation of about 2.9: within 1 it moves by 2, not by 3, and not by nothing."""
    columns = {"count": np.arange(10) % 10}
    space = Space(columns, {"count": "int"}, ("count",))
    assert space.scale[0] == pytest.approx(2.872, abs=1e-3)
    for distance, steps in ((0.3, 0), (0.35, 1), (1.0, 2), (1.05, 3)):
        begun = change(space, space.start(5), 0, 60, np.random.default_rng(1), distance)
        trail = together([begun], lambda _, points: told_value(space.values(points)[:, 0]))[0]
        assert (trail.ran, trail.change()) == (True, steps)


def told_value(values: Points) -> Answers:
    """A regression's answer."""
    return Answers(np.zeros(len(values), np.int64), None, values)


@settings(max_examples=25)
@given(st.floats(0.1, 2.0), st.integers(0, 199), st.integers(0, 9))
def test_change_asks_nothing_outside_of_its_distance(distance: float, row: int, seed: int) -> None:
    """With whole numbers and others: what lies farther off would be no change within the distance."""
    draw = np.random.default_rng(2)
    columns: Values = {"count": draw.poisson(3, 200), "few": draw.integers(0, 2, 200), "amount": draw.normal(size=200)}
    space = Space(columns, {"count": "int", "few": "int", "amount": "float"}, tuple(columns))
    start = space.start(row)
    farthest = 0.0

    def ask(_: object, points: Points) -> Answers:
        nonlocal farthest
        moved = (space.values(points) - space.values(start)) / space.scale
        farthest = max(farthest, float(np.linalg.norm(moved, axis=1).max()))
        return told_value(np.sin(3 * points[:, 0]) + points[:, 2] ** 2)

    trail = together([change(space, start, 0, 80, np.random.default_rng(seed), distance)], ask)[0]
    assert trail.ran
    assert farthest <= distance + 1e-8
