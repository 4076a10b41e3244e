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
