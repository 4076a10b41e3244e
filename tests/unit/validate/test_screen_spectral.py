"""Spectral signatures: rows apart from their class are told, a class by itself is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lockgate.validate.screen import spectral
from lockgate.validate.screen.table import Column, Table

ROWS = 1000
PLANTED = 20


@pytest.fixture(scope="module")
def clean() -> Table:
    """Two classes of rows with eight numbers, one of which has long tails."""
    draw = np.random.default_rng((1, 1))
    values = draw.normal(size=(ROWS, 8))
    values[:, 7] = np.exp(values[:, 7])
    columns = tuple(Column(f"x{place}", "float", values[:, place]) for place in range(8))
    label = draw.integers(0, 2, ROWS)
    return Table(columns, label, ("no", "yes"), "binary", np.zeros(ROWS, np.int64), ("a.csv",), 3)


def _embedded(table: Table, moved: float) -> tuple[Table, set[int]]:
    points = np.random.default_rng(4).normal(size=(ROWS, 32)).astype(np.float32)
    rows = np.flatnonzero(table.label == 1)[:PLANTED]
    points[rows] += np.float32(moved)
    return replace(table, embeddings=points), set(rows.tolist())


def test_rows_apart_in_embeddings_are_told(clean: Table) -> None:
    """Twenty rows of a class that a network sees as something else: exactly these, named as a weak opinion."""
    table, rows = _embedded(clean, 4.0)
    (found,) = spectral.screen(table).found
    assert rows == set(found.rows)
    assert "weak" in found.what


def test_a_class_without_a_gap_has_none(clean: Table) -> None:
    """The same without the shift, and clean columns with a long tail: the farthest rows of a class are no finding."""
    assert spectral.screen(_embedded(clean, 0.0)[0]).found == ()
    assert spectral.screen(clean).found == ()


def test_without_a_gap_asked_for_clean_rows_would_be_told(clean: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar removed, the long tail of clean rows is a finding."""
    monkeypatch.setattr(spectral, "GAP", 0.0)
    monkeypatch.setattr(spectral, "FAR", 0.0)
    assert spectral.screen(clean).found


def test_a_regression_has_no_classes(clean: Table) -> None:
    """It says that it is not available."""
    table = replace(clean, label=np.linspace(0, 1, ROWS), classes=(), task="regression")
    assert spectral.screen(table).absent == "not available for regression"


def _with(table: Table, values: np.ndarray, name: str) -> Table:
    return replace(table, columns=(*table.columns, Column(name, "float", values)))


def test_a_count_that_is_seldom_above_one_is_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most customers complain never, some twice or more: no finding; and without the look at steps it would be one."""
    draw = np.random.default_rng(8)
    values = {"price": draw.normal(size=ROWS), "age": draw.normal(size=ROWS), "complaints": draw.poisson(0.35, ROWS)}
    columns = tuple(Column(name, "float", one.astype(float)) for name, one in values.items())
    label = draw.integers(0, 2, ROWS)
    table = Table(columns, label, ("no", "yes"), "binary", np.zeros(ROWS, np.int64), ("a.csv",), 3)
    assert spectral.screen(table).found == ()
    monkeypatch.setattr(spectral, "FEW_VALUES", 0)
    assert spectral.screen(table).found


def test_rows_apart_in_many_columns_are_told_beside_a_count(clean: Table) -> None:
    """A column of few values that does not divide exactly these rows excuses nothing."""
    counts = np.random.default_rng(9).integers(0, 3, ROWS).astype(float)
    table, rows = _embedded(_with(clean, counts, "complaints"), 4.0)
    (found,) = spectral.screen(table).found
    assert rows == set(found.rows)
