"""train.jail.attacks: they find what is known to be there, on a plane, on a tree's steps, on a curve."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

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

Points = npt.NDArray[np.float64]

SIZE = 8
ROWS = 40
NAMES = tuple(f"x{at}" for at in range(SIZE))
WEIGHTS = np.array([2.0, -1.5, 1.0, 0.5, -0.5, 0.25, 0.0, 0.0])


def space_of(values: Points) -> Space:
    """Eight numbers, all of which may move."""
    columns = {name: values[:, at] for at, name in enumerate(NAMES)}
    return Space(columns, dict.fromkeys(NAMES, "float"), NAMES)


def rows_of(seed: int = 1) -> Points:
    """Independent normal numbers."""
    found: Points = np.random.default_rng(seed).normal(size=(500, SIZE))
    return found


def classes(margins: Points) -> Answers:
    """Two classes with the probabilities of a logistic regression."""
    second = 1 / (1 + np.exp(-margins))
    return Answers((margins > 0).astype(np.int64), np.column_stack([1 - second, second]))


def attacked(
    attack: Callable[..., Attack], margin: Callable[[Points], Points], budget: int, *more: float
) -> list[Trail]:
    """The trails of the first rows."""
    values = rows_of()
    space = space_of(values)
    labels = classes(margin(values)).labels
    begun = [
        attack(space, space.start(row), int(labels[row]), budget, np.random.default_rng((2, row)), *more)
        for row in range(ROWS)
    ]
    return together(begun, lambda _, points: classes(margin(space.values(points))))


@pytest.mark.parametrize(("attack", "worst"), [(hop_skip_jump, 1.1), (boundary, 1.15), (square, 1.1), (zoo, 2.0)])
def test_the_distance_to_a_plane_is_found(attack: Callable[..., Attack], worst: float) -> None:
    """Of a linear model the nearest flip is known: in the median it is found within a few percent, never undercut."""
    values = rows_of()
    scale = values.std(axis=0)
    known = np.abs(values[:ROWS] @ WEIGHTS) / np.linalg.norm(WEIGHTS * scale)
    near = known < 1.5
    trails = attacked(attack, lambda asked: asked @ WEIGHTS, 600, *((1.5,) if attack is square else ()))
    found = np.array([trail.flips[-1][1] if trail.flips else np.inf for trail in trails])
    assert (found >= known - 1e-6).all()
    assert np.median(found[near] / known[near]) < worst


@pytest.mark.parametrize("attack", [hop_skip_jump, boundary, square])
def test_steps_that_have_no_slope_are_found(attack: Callable[..., Attack]) -> None:
    """A tree of two features, flat everywhere else: one coordinate alone must move, and the others go back."""

    def margin(asked: Points) -> Points:
        # A leaf's score tells which side of the first split a row is on, so that there is something to follow.
        return np.where(asked[:, 0] > 0.3, 2.0, np.where(asked[:, 1] > 1.2, 0.5, -1.5)) + np.where(
            asked[:, 2] > 0, 0.1, 0.0
        )

    values, scale = rows_of(), rows_of().std(axis=0)
    labels = classes(margin(values)).labels[:ROWS]
    to_first, to_second = (0.3 - values[:ROWS, 0]) / scale[0], (1.2 - values[:ROWS, 1]) / scale[1]
    back = np.hypot(np.maximum(0, -to_first), np.maximum(0, -to_second))
    known = np.where(labels == 0, np.minimum(to_first, to_second), back)
    trails = attacked(attack, margin, 600, *((4.0,) if attack is square else ()))
    found = np.array([trail.flips[-1][1] if trail.flips else np.inf for trail in trails])
    assert (found >= known - 1e-6).all()
    assert np.mean(found <= known * 1.1 + 0.02) > 0.8


def test_a_model_that_nobody_can_flip_has_no_flips() -> None:
    """Beside the others: where no move changes the label, every attack runs, spends all but what is kept to confirm a
    flip, and finds none.
    """
    for attack, more in ((hop_skip_jump, ()), (boundary, ()), (square, (1.0,))):
        trails = attacked(attack, lambda asked: np.tanh(asked @ WEIGHTS) / 4 + 3, 120, *more)
        assert {("ran", (), 118)} == {(trail.status, trail.flips, trail.queries) for trail in trails}


@pytest.mark.parametrize(("distance", "scale"), [(0.5, 1.0), (1.0, 1.0), (0.5, 1e6)])
def test_the_largest_change_of_a_number_is_found(distance: float, scale: float) -> None:
    """Of a linear regression it is known: distance x the norm of the weights in standard deviations; never more."""
    values = rows_of()
    space = space_of(values)
    known = scale * distance * np.linalg.norm(WEIGHTS * values.std(axis=0))
    begun = [change(space, space.start(row), 0, 300, np.random.default_rng((2, row)), distance) for row in range(ROWS)]
    trails = together(
        begun,
        lambda _, points: Answers(np.zeros(len(points), np.int64), None, scale * (space.values(points) @ WEIGHTS)),
    )
    found = np.array([trail.change() for trail in trails])
    assert (found <= known * (1 + 1e-6)).all()
    assert np.median(found) > 0.95 * known
    assert all(l2 <= distance * (1 + 1e-6) for trail in trails for _, l2, _ in trail.changes)


def test_a_value_that_changes_by_itself_was_not_tested() -> None:
    """A regression that answers the same row differently has no largest change."""
    draw = np.random.default_rng(4)
    values = rows_of()
    space = space_of(values)
    begun = [change(space, space.start(row), 0, 80, np.random.default_rng((2, row)), 0.5) for row in range(ROWS)]
    trails = together(begun, lambda _, points: Answers(np.zeros(len(points), np.int64), None, draw.random(len(points))))
    assert all(not trail.ran and not trail.changes for trail in trails)
