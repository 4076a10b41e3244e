"""Tables that no rule was made for: each says something sensible or nothing, and none raises, warns or hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from lockgate.validate.screen import every
from lockgate.validate.screen.spec import RULES, Outcome, RuleName
from lockgate.validate.screen.table import Column, Table

PATIENCE = 60.0
"""Seconds of CPU for all rules over any of these tables."""


def _made(
    columns: dict[str, Any], label: Any, *, task: Any = "binary", origins: int = 2, words: dict[str, int] | None = None
) -> Table:
    rows = len(label)
    made = tuple(
        Column(name, "string", np.asarray(values, np.float64), [f"w{code}" for code in range((words or {})[name])])
        if name in (words or {})
        else Column(name, "float", np.asarray(values, np.float64))
        for name, values in columns.items()
    )
    classes = () if task == "regression" else tuple(f"c{one}" for one in range(int(np.max(label, initial=0)) + 1))
    origin = np.arange(rows) % origins
    return Table(made, np.asarray(label), classes, task, origin, tuple(f"s{one}" for one in range(origins)), 8)


def _draw() -> np.random.Generator:
    return np.random.default_rng(88)


def _numbers(rows: int, columns: int) -> dict[str, Any]:
    return {f"n{place}": values for place, values in enumerate(_draw().normal(size=(columns, rows)))}


def _one_class() -> Table:
    return _made(_numbers(300, 3), np.zeros(300, np.int64))


def _constant() -> Table:
    return _made({"a": np.ones(300), "w": np.zeros(300)}, _draw().integers(0, 2, 300), words={"w": 1})


def _ten_rows() -> Table:
    return _made(_numbers(10, 3), np.tile([0, 1], 5))


def _one_row() -> Table:
    return _made({"a": [1.0]}, np.array([0]))


def _no_rows() -> Table:
    return _made({"a": []}, np.zeros(0, np.int64))


def _many_words() -> Table:
    codes = np.arange(12_000) % 10_000
    return _made({"w": codes, "n": _draw().normal(size=12_000)}, codes % 2, words={"w": 10_000})


def _many_classes() -> Table:
    return _made(_numbers(12_000, 2), np.arange(12_000) % 10_000, task="multiclass", origins=10_000)


def _all_equal() -> Table:
    return _made({"a": np.ones(500), "w": np.zeros(500)}, np.ones(500, np.int64), words={"w": 1})


def _all_twice() -> Table:
    values = np.repeat(_draw().normal(size=200), 2)
    return _made({"a": values}, np.repeat(np.tile([0, 1], 100), 2))


def _all_missing() -> Table:
    return _made({"a": np.full(400, np.nan), "w": np.full(400, np.nan)}, np.tile([0, 1], 200), words={"w": 0})


def _half_missing() -> Table:
    values = np.where(_draw().random((4, 400)) < 0.5, np.nan, _draw().normal(size=(4, 400)))
    return _made({f"n{place}": column for place, column in enumerate(values)}, np.tile([0, 1], 200))


def _extreme() -> Table:
    values = _draw().normal(size=200)
    values[:12] = [np.inf, -np.inf, np.nan, 1e300, -1e300, 1e308, 5e-324, 0.0, -0.0, 1.7e308, -1.7e308, 1e39]
    return _made(
        {"a": values, "b": np.where(values > 1, 1e300, values), "c": np.where(values > 0, np.inf, 0)},
        np.tile([0, 1], 100),
    )


def _no_columns() -> Table:
    return _made({}, np.tile([0, 1], 200))


def _wide() -> Table:
    return _made(_numbers(120, 500), np.tile([0, 1], 60))


def _regression() -> Table:
    return _made(_numbers(200, 3), np.where(np.arange(200) < 4, [np.inf], _draw().normal(size=200)), task="regression")


def _constant_regression() -> Table:
    return _made(_numbers(200, 3), np.ones(200), task="regression")


def _vectors() -> Table:
    table = _made({}, np.tile([0, 1], 100))
    vectors = _draw().normal(size=(200, 16)).astype(np.float32)
    vectors[:3] = [[np.inf], [np.nan], [1e38]]
    return Table((), table.label, table.classes, "binary", table.origin, table.origins, 8, embeddings=vectors)


TABLES: dict[str, Callable[[], Table]] = {
    "one class only": _one_class,
    "constant columns": _constant,
    "10 rows": _ten_rows,
    "one row": _one_row,
    "no rows": _no_rows,
    "10,000 categories": _many_words,
    "10,000 classes and sources": _many_classes,
    "all rows equal": _all_equal,
    "each row twice": _all_twice,
    "everything missing": _all_missing,
    "half missing": _half_missing,
    "not a number, infinite, 1e300": _extreme,
    "no columns": _no_columns,
    "500 columns": _wide,
    "infinite targets": _regression,
    "one target": _constant_regression,
    "vectors that are no numbers": _vectors,
}


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    """So that a test takes a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lockgate.validate.screen.folds.MOST_TREES", 12)
        yield


@cache
def _asked(name: str, rules: tuple[RuleName, ...] = RULES) -> tuple[Table, Mapping[RuleName, Outcome]]:
    table = TABLES[name]()
    return table, every.screen(table, rules).outcomes


def _said(name: str, rule: RuleName) -> list[str]:
    outcome = _asked(name, (rule,))[1][rule]
    return [found.what for found in outcome.found] + [outcome.absent] * bool(outcome.absent)


LARGE = ("10,000 categories", "10,000 classes and sources", "500 columns", "half missing", "each row twice")
DEAR: tuple[RuleName, ...] = ("labels", "sources", "triggers")
"""Rules that take seconds over these: there every night."""
CASES = [
    *(pytest.param(name, RULES, id=name) for name in TABLES if name not in LARGE),
    *(pytest.param(name, tuple(rule for rule in RULES if rule not in DEAR), id=name) for name in LARGE),
    *(pytest.param(name, RULES, id=f"{name}, all rules", marks=pytest.mark.nightly) for name in LARGE),
]


@pytest.mark.parametrize(("name", "rules"), CASES)
def test_no_table_breaks_a_rule(name: str, rules: tuple[RuleName, ...]) -> None:
    """Each rule finds something, finds nothing, or says why it cannot look; all of them in bounded time.

    A finding is of its rule, of rows that are there, each once, in words fit for a terminal.
    """
    began = time.process_time()
    table, outcomes = _asked(name, rules)
    assert time.process_time() - began < PATIENCE
    assert tuple(outcomes) == rules
    for rule, outcome in outcomes.items():
        assert not (outcome.absent and outcome.found)
        assert outcome.absent.isprintable()
        assert len(outcome.found) <= 30
        for found in outcome.found:
            assert found.rule == rule
            assert 0 < len(set(found.rows)) == len(found.rows)
            assert set(found.rows) <= set(range(table.rows))
            assert found.what.isprintable()
            assert "nan" not in found.what.split()


SENSIBLE: dict[tuple[str, RuleName], str] = {
    ("one row", "duplicates"): "one row has nothing to be equal to",
    ("no rows", "conflicts"): "no rows",
    ("all rows equal", "duplicates"): "all 500 rows are equal in every column and the label",
    ("everything missing", "conflicts"): "all rows are equal in every column",
    ("no columns", "duplicates"): "there is no input to compare",
    ("no columns", "near_duplicates"): "no column holds numbers that vary freely",
    ("constant columns", "near_duplicates"): "no column holds numbers that vary freely",
}


@pytest.mark.parametrize(("name", "rule"), SENSIBLE)
def test_what_is_said_is_sensible(name: str, rule: RuleName) -> None:
    """Word for word, where there is one thing to say."""
    assert [SENSIBLE[name, rule]] == _said(name, rule)


def test_each_row_twice_is_told() -> None:
    """All two hundred second ones."""
    (what,) = _said("each row twice", "duplicates")
    assert what.startswith("200 of 400 rows repeat 200 others")
