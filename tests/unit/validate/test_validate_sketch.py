"""validate.jail._sketch: what the baseline says of a column is true, and halves add up to the whole."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.encoding import decode_exact, encode
from lockgate.validate.jail._sketch import MOST_VALUES, Sketch


def sketched(kind: str, *batches: pa.Array[Any], sensitive: bool = False) -> dict[str, Any]:
    """The sketch of these batches, as baseline.json would hold it."""
    sketch = Sketch(kind, sensitive)
    for batch in batches:
        sketch.add(batch)
    found: dict[str, Any] = decode_exact(encode(sketch.as_json()))
    return found


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=200), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_are_within_one_percent(values: list[float], share: float) -> None:
    """Each quantile is within 1 % of the value that stands at its place."""
    found = sketched("float", pa.array(values, pa.float64()))["quantiles"][str(share)]
    place = share * (len(values) - 1)
    ordered = sorted(values)
    near = ordered[math.floor(place)], ordered[math.ceil(place)]
    assert any(abs(found - value) <= 0.0101 * abs(value) + 1e-300 for value in near)


def test_edges_of_floats() -> None:
    """Nulls, NaN and infinities are counted apart; the least and the largest double have a bin."""
    values = [None, float("nan"), float("inf"), -0.0, 0.0, 5e-324, 1.7e308, -1.7e308]
    found = sketched("float", pa.array(values, pa.float64()))
    assert (found["count"], found["nulls"], found["nan"], found["infinite"]) == (8, 1, 1, 1)
    assert (found["min"], found["max"]) == (-1.7e308, 1.7e308)
    assert found["histogram"]["zero"] == 2


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50), st.integers(0, 50))
def test_halves_add_up(values: list[int], cut: int) -> None:
    """Two batches give the counts of one; sums of floating point may differ in the last digit."""
    whole = sketched("int", pa.array(values, pa.int64()))
    halves = sketched("int", pa.array(values[:cut], pa.int64()), pa.array(values[cut:], pa.int64()))
    for inexact in ("sum", "mean"):
        one, other = whole.pop(inexact), halves.pop(inexact)
        assert (one is None) == (other is None)
        assert one is None or one == pytest.approx(other, rel=1e-6, abs=1e6)
    assert whole == halves


def test_frequent_values() -> None:
    """Commonest first; a column with too many different values names none, rather than wrong ones."""
    found = sketched("string", pa.array(["a", "b", "b", None]))
    assert (found["distinct"], found["top"]) == (2, [{"value": "b", "count": 2}, {"value": "a", "count": 1}])
    many = sketched("string", pa.array([str(number) for number in range(MOST_VALUES + 1)]))
    assert (many["distinct"], many["top"], many["count"]) == (None, [], MOST_VALUES + 1)


def test_a_sensitive_column_shows_counts_only() -> None:
    """Neither a value nor a bound of a sensitive column is in the baseline."""
    found = sketched("string", pa.array(["4111-1111", None]), sensitive=True)
    assert found == {"kind": "string", "count": 2, "nulls": 1, "sensitive": True}
