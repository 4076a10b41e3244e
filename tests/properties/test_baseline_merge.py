"""Sketches of parts of a column, merged in any order, against the sketch of the whole column."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.core.encoding import decode_exact, encode
from lockgate.validate.jail import _cells, _texts
from lockgate.validate.jail._sketch import Sketch

_KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "float": (pa.float64(), st.floats()),
    "int": (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9)),
    "bool": (pa.bool_(), st.booleans()),
    "timestamp": (pa.timestamp("us"), st.integers(-(2**50), 2**50)),
}


@pytest.fixture(scope="module", autouse=True)
def small() -> Any:
    """Columns of a test overflow their exact counts as large ones do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_cells, "MOST_VALUES", 8)
        patch.setattr(_cells, "MOST_CELLS", 8)
        patch.setattr(_texts, "MOST_VALUES", 8)
        yield


def sketch(kind: str, values: list[Any], kept: pa.DataType, *cuts: int) -> Sketch:
    """The sketch of these values, given in batches."""
    found = Sketch(kind)
    column: Any = pa.array(values, kept)
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(values)], strict=True):
        found.add(column[begin:end])
    return found


@given(st.sampled_from(sorted(_KINDS)), st.data())
def test_numbers_merge_to_the_same_bytes(kind: str, data: st.DataObject) -> None:
    """Parts in either order, in any batches, through JSON or not, give the bytes of the whole column."""
    kept, values = _KINDS[kind]
    one, other = (data.draw(st.lists(st.none() | values, max_size=40)) for _ in range(2))
    cut = data.draw(st.integers(0, len(one)))
    whole = encode(sketch(kind, [*one, *other], kept).as_json())
    for first, second in ((one, other), (other, one)):
        merged = sketch(kind, first, kept, min(cut, len(first)))
        merged.merge(sketch(kind, second, kept))
        assert whole == encode(merged.as_json())
        read = Sketch.from_json(decode_exact(encode(sketch(kind, first, kept).as_json())))
        read.merge(Sketch.from_json(sketch(kind, second, kept).as_json()))
        assert whole == encode(read.as_json())


@given(st.lists(st.lists(st.text("abc", max_size=3), max_size=60), min_size=1, max_size=4))
def test_texts_merge_within_their_errors(parts: list[list[str]]) -> None:
    """Whatever the order of merging: exact counts are those of all parts, others are too low by at most `missed`."""
    truth = Counter(text for part in parts for text in part)
    for ordered in (parts, parts[::-1]):
        merged = Sketch("string")
        for part in ordered:
            merged.merge(Sketch.from_json(sketch("string", part, pa.string()).as_json()))
        found: dict[str, Any] = decode_exact(encode(merged.as_json()))
        assert sum(truth.values()) == found["count"]
        if len(truth) <= 8:
            assert sorted([text, number] for text, number in truth.items()) == sorted(found["values"])
            continue
        least = dict(found["frequent"])
        assert all(least.get(text, 0) <= n <= least.get(text, 0) + found["missed"] for text, n in truth.items())


@settings(max_examples=10)
@given(st.permutations(range(6)), st.integers(0, 2**32))
def test_large_parts_in_any_order(order: list[int], seed: int) -> None:
    """Six sorted parts of a skewed column give one baseline in whatever order they come."""
    values = np.sort(np.random.default_rng(seed).lognormal(0, 3, 60_000))
    whole = sketch("float", values.tolist(), pa.float64())
    merged = Sketch("float")
    for number in order:
        merged.merge(sketch("float", values[number * 10_000 :][:10_000].tolist(), pa.float64()))
    assert encode(whole.as_json()) == encode(merged.as_json())
