"""The rule `labels` of a regression: targets that nothing explains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lockgate.validate.screen import labels, residuals
from lockgate.validate.screen.spec import Outcome
from lockgate.validate.screen.table import Column, Floats, Table

ROWS = 600
WRONG = (3, 77, 150, 201, 330)


def table(columns: list[Floats], value: Floats) -> Table:
    """A regression."""
    zeros = np.zeros(len(value), np.int64)
    given = tuple(Column(f"x{place}", "float", one) for place, one in enumerate(columns))
    return Table(given, value, (), "regression", zeros, ("all",), 7, "price")


def line(wrong: tuple[int, ...] = WRONG, by: float = 12.0) -> Table:
    """A value that follows one column, with noise that grows along another."""
    draw = np.random.default_rng(1)
    first, second = draw.normal(size=(2, ROWS))
    value = 2 * first + 0.3 * np.exp(0.5 * second) * draw.normal(size=ROWS)
    value[list(wrong)] += by
    return table([first, second], value)


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    """So that a test takes a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lockgate.validate.screen.folds.MOST_TREES", 12)
        yield


@pytest.fixture(scope="module")
def found() -> labels.Labelled:
    """A line with five wrong values."""
    return labels.screen(line())


def test_wrong_values_are_flagged(found: labels.Labelled) -> None:
    """Exactly the moved ones, most doubtful by score and by neighbours."""
    (one,) = found.outcome.found
    assert set(WRONG) == set(one.rows)
    assert one.what.startswith("5 of 600 rows have a value of price that is ")
    assert set(WRONG) == set(np.argsort(-found.score)[:5].tolist())
    assert set(WRONG) <= set(np.argsort(-found.disagree)[:20].tolist())


def test_noise_that_grows_accuses_nobody() -> None:
    """Where all values scatter widely, a wide miss is no flag."""
    assert labels.screen(line(wrong=())).outcome == Outcome()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tail", ["t(2)", "lognormal", "normal"])
def test_honest_tails_accuse_nobody(tail: str, seed: int) -> None:
    """However heavy: t with two degrees of freedom and lognormal residuals are no wrong values; a bump beyond is."""
    draw = np.random.default_rng([9, seed])
    size = {
        "t(2)": lambda: np.abs(draw.standard_t(2, 1500)),
        "lognormal": lambda: np.exp(1.2 * draw.normal(size=1500)),
        "normal": lambda: np.abs(draw.normal(size=1500)),
    }[tail]()
    assert not residuals._beyond(size).any()
    far = 12 * np.quantile(size, 0.97)
    size[:75] = far * draw.uniform(1, 1.5, 75)
    found = residuals._beyond(size)
    assert found[:75].mean() > 0.9
    assert found[75:].sum() <= 15


def test_what_nothing_predicts_accuses_nobody() -> None:
    """Values with a heavy tail that no input explains: the reason instead of flags, and scores nonetheless."""
    draw = np.random.default_rng(2)
    said = labels.screen(table([draw.normal(size=ROWS)], np.exp(2 * draw.normal(size=ROWS))))
    assert said.outcome.absent.startswith("with these inputs a wrong price cannot be told from an honest one")
    assert said.outcome.found == ()
    assert np.isfinite(said.score).all()


@pytest.mark.parametrize("value", [np.array([0.0] * 199 + [1e300]), np.array([np.inf, -np.inf] * 100)])
def test_values_that_tell_nothing_are_survived(value: Floats) -> None:
    """One value beyond all, infinities: a finite score, no exception, no warning."""
    said = labels.screen(table([np.random.default_rng(3).normal(size=200)], value))
    assert np.isfinite(said.score).all()
    assert np.isfinite(said.disagree).all()
