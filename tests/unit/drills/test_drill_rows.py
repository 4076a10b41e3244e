"""Rows to ask: what a record may hold is read from what the gateway tells its clients, and nothing else is asked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lockgate.drills.rows import Slot, made_up, records, slots_of
from lockgate.runtime.serving import NULL_TIMESTAMP

PROPERTIES: dict[str, Any] = {
    "age": {"type": "integer", "minimum": 18, "exclusiveMaximum": 100},
    "income": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]},
    "carrier": {"enum": ["AA", "UA"]},
    "late": {"type": "boolean"},
    "when": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "name": {"type": "string"},
    "nested": {"type": "object"},
}


def test_slots_are_what_the_gateway_describes() -> None:
    """Kinds, bounds and choices are those of the schema; what no model takes is not there."""
    found = {slot.name: slot for slot in slots_of(PROPERTIES)}
    assert set(PROPERTIES) - {"nested"} == set(found)
    assert (found["age"].kind, found["age"].low) == ("int", 18)
    assert 99 < found["age"].high < 100
    assert found["income"] == Slot("income", "float", "", 0.0, math.inf)
    assert found["carrier"].choices == ("AA", "UA")
    assert [found[name].form for name in ("when", "day", "name")] == ["date-time", "date", ""]


def test_records_are_spelled_as_json() -> None:
    """A whole number is whole, a time is ISO 8601, and what is missing is left out."""
    slots = slots_of(PROPERTIES)
    columns = {
        "age": np.array([40.0, np.nan]),
        "income": np.array([1.5, 2.0]),
        "carrier": np.array(["AA", None], object),
        "late": np.array([1.0, 0.0]),
        "when": np.array([1_500_000, NULL_TIMESTAMP]),
        "day": np.array([86_400_000_000, 0]),
    }
    assert records(columns, slots) == [
        {"age": 40, "income": 1.5, "carrier": "AA", "late": True, "when": "1970-01-01T00:00:01.500000Z",
         "day": "1970-01-02"},
        {"income": 2.0, "late": False, "day": "1970-01-01"},
    ]  # fmt: skip


@given(
    st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)).map(lambda one: (one[0], one[0] + one[1])),
    st.integers(-50, 50),
    st.integers(0, 20),
    st.integers(0, 2**32),
)
def test_made_up_rows_keep_to_the_bounds(bounds: tuple[float, float], low: int, room: int, seed: int) -> None:
    """Nothing is made up that the schema rules out; a whole number is whole."""
    slots = (
        Slot("x", "float", "", *bounds),
        Slot("n", "int", "", low, low + room),
        Slot("c", "string", choices=("a", "b")),
    )
    seen = {"x": np.array([0.0]), "n": np.array([0.0]), "c": np.array(["z"], object)}
    found = made_up(seen, slots, 20, np.random.default_rng(seed))
    assert ((found["x"] >= bounds[0]) & (found["x"] <= bounds[1])).all()
    assert set(found["n"].tolist()) <= {float(n) for n in range(low, low + room + 1)}
    assert set(found["c"].tolist()) <= {"a", "b"}


def test_open_bounds_are_what_was_seen() -> None:
    """Without a bound the ends of the held-out rows are taken, and texts are those that are there."""
    seen = {"x": np.array([2.0, np.nan, 5.0]), "c": np.array(["p", None, "q"], object)}
    found = made_up(seen, (Slot("x", "float"), Slot("c", "string")), 200, np.random.default_rng(1))
    assert found["x"].min() >= 2.0
    assert found["x"].max() <= 5.0
    assert set(found["c"].tolist()) == {"p", "q"}
