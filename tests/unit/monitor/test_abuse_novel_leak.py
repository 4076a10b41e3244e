"""What answers cost in bits, what cap follows from a curve, and what a model said as the detectors take it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.monitor.abuse import leak
from lockgate.monitor.abuse.said import said_of

NEW, REPEAT, EDIT, PROBE = range(4)


def _price(form: str, kind: int, score: float) -> float:
    return float(leak.price(form, np.array([kind], np.uint8), np.array([score], np.float32))[0])


@pytest.mark.parametrize(("form", "bits"), [("label", 1), ("top", 2), ("rounded", 2), ("full", 8)])
def test_an_ordinary_row_costs_by_its_form(form: str, bits: float) -> None:
    """Of whatever kind, unless it was answered already."""
    assert [bits, 0, bits, bits] == [_price(form, kind, 0.5) for kind in (NEW, REPEAT, EDIT, PROBE)]


def test_odd_rows_are_dearer() -> None:
    """By the tail rank's digits, up to three times."""
    assert pytest.approx([_price("label", NEW, score) for score in (1, 0.1, 0.01, 0.001, 0)]) == [1, 1, 2, 3, 3]


def test_an_unknown_form_is_no_free_one() -> None:
    """It is an error."""
    with pytest.raises(KeyError):
        _price("whole", NEW, 1)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1, width=32)), max_size=50), st.sampled_from([*leak.FORMS]))
def test_a_block_costs_what_its_rows_cost(rows: list[tuple[int, float]], form: str) -> None:
    """No sending is cheaper in blocks."""
    kinds, scores = np.array([row[0] for row in rows], np.uint8), np.array([row[1] for row in rows], np.float32)
    assert [_price(form, *row) for row in rows] == leak.price(form, kinds, scores).tolist()


CURVE = [(100.0, 0.6), (1000.0, 0.8), (10_000.0, 0.9)]


def test_a_cap_is_half_of_what_a_copy_takes() -> None:
    """Read off between the points on a scale of digits; at a point it is the point."""
    assert leak.cap_for(CURVE, 0.8) == 500
    assert leak.cap_for(CURVE, 0.7) == 158
    assert leak.cap_for(CURVE, 0.8, margin=1) == 1000
    assert leak.cap_for(CURVE[::-1], 0.8) == 500


def test_of_what_no_copy_reached_no_cap_follows() -> None:
    """None, rather than a number that nobody measured; below the first point the first point counts."""
    assert leak.cap_for(CURVE, 0.95) is None
    assert leak.cap_for(CURVE, 0.5) == 50
    assert leak.cap_for([(1.0, 0.9)], 0.8) == 1


@pytest.mark.parametrize(("curve", "margin"), [([], 0.5), (CURVE, 0), (CURVE, 1.5)])
def test_a_cap_needs_a_curve_and_a_share(curve: list[tuple[float, float]], margin: float) -> None:
    """Nothing is made up."""
    with pytest.raises(ValueError, match="a cap"):
        leak.cap_for(curve, 0.8, margin=margin)


@given(
    st.lists(st.tuples(st.floats(1, 1e6), st.floats(0, 1)), min_size=1, max_size=12),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_cap_lies_below_the_copy_that_it_prevents(curve: list[tuple[float, float]], one: float, other: float) -> None:
    """At most half of the bits of any copy that was good enough, or 1; a stricter goal has a smaller cap."""
    strict, lax = (leak.cap_for(curve, goal) for goal in sorted((one, other)))
    reached = [bits for bits, fidelity in curve if fidelity >= min(one, other)]
    assert (strict is None) == (not reached)
    if strict is not None:
        assert 1 <= strict <= max(1, min(reached) / 2)
        assert lax is None or strict <= lax


def test_margins_are_of_the_two_best() -> None:
    """Of two classes and of more; labels as places."""
    two = said_of([{"label": True, "scores": {"False": 0.3, "True": 0.7}}], [False, True])
    assert ([1], pytest.approx([0.4])) == (two.labels.tolist(), two.margins.tolist())
    three = said_of([{"label": "c", "scores": {"a": 0.1, "b": 0.3, "c": 0.6}}] * 2, ["a", "b", "c"])
    assert ([2, 2], pytest.approx([0.3, 0.3])) == (three.labels.tolist(), three.margins.tolist())


def test_a_number_has_no_margin() -> None:
    """Nor has a model of one class; nothing is made of nothing; a label that is no class is none."""
    number = said_of([{"value": 3.5}], [])
    assert number.labels.tolist() == [0]
    assert np.isnan(number.margins).all()
    assert np.isnan(said_of([{"label": 1, "scores": {"1": 1.0}}], [1]).margins).all()
    assert len(said_of([], [0, 1])) == 0
    assert said_of([{"label": 9, "scores": {"0": 0.5, "1": 0.5}}], [0, 1]).labels.tolist() == [-1]
