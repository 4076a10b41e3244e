"""validate.jail._sketch: what the baseline says of a column is true, and says how far from the truth it can be."""

from __future__ import annotations

import copy
import hashlib
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasketches import HLL_8, hll_sketch
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.encoding import decode_exact, encode
from lockgate.validate.jail._distinct import Distinct
from lockgate.validate.jail._sketch import MOST_VALUES, SHOWN_VALUES, Sketch

NORMAL = np.random.default_rng(7).normal(size=200_000)


def sketched(kind: str, *batches: pa.Array[Any], sensitive: bool = False) -> dict[str, Any]:
    """The sketch of these batches, as baseline.json would hold it."""
    sketch = Sketch(kind, sensitive)
    for batch in batches:
        sketch.add(batch)
    found: dict[str, Any] = decode_exact(encode(sketch.as_json()))
    return found


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=200), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_of_few_values_are_exact(values: list[float], share: float) -> None:
    """While a column has few different values, each quantile is the value that stands at its place."""
    found = sketched("float", pa.array(values, pa.float64()))
    assert sorted(values)[math.floor(share * (len(values) - 1))] == found["quantiles"][str(share)]
    assert (found["rank_error"], found["value_error"]) == (0.0, 0.0)


def test_quantiles_of_many_values_are_within_their_errors() -> None:
    """Of 200,000 normal values each quantile is as near as the sketch says, in rank and in value, and that is near."""
    found = sketched("float", pa.array(NORMAL))
    ordered = np.sort(NORMAL)
    for share, value in found["quantiles"].items():
        truth = ordered[math.floor(float(share) * (len(ordered) - 1))]
        assert abs(value - truth) <= found["value_error"] * abs(truth)
        assert abs(np.searchsorted(ordered, value) / len(ordered) - float(share)) <= found["rank_error"]
    assert found["rank_error"] < 0.003
    assert found["value_error"] < 0.02


def test_a_narrow_column_far_from_zero_is_resolved() -> None:
    """Cells are as narrow as the column is: 200,000 values between 1000 and 1001 have sixteen even bins."""
    found = sketched("float", pa.array(1000 + np.random.default_rng(3).random(200_000)))
    assert pytest.approx(found["bins"]["counts"], rel=0.02) == [12_500] * 16
    assert found["rank_error"] < 0.002


def test_a_column_that_the_grid_fits_badly_says_so() -> None:
    """Half the values close together and half across twenty decades: the one wide cell is in the stated error."""
    random = np.random.default_rng(3)
    values = np.concatenate((1000 + random.random(50_000), 10.0 ** random.uniform(-10, 10, 50_000)))
    found = sketched("float", pa.array(values))
    assert 0.5 <= found["rank_error"] <= 0.51
    assert sum(found["bins"]["counts"]) == 100_000


@pytest.mark.parametrize("values", [NORMAL, np.round(NORMAL, 2), (NORMAL * 1e6).astype(np.int64)])
def test_bins_count_exactly(values: np.typing.NDArray[Any]) -> None:
    """Whoever compares values with the upper ends gets the counts that the baseline has, near one sixteenth each."""
    found = sketched("int" if values.dtype == np.int64 else "float", pa.array(values))
    bins = np.searchsorted(found["bins"]["upper"], values.astype(np.float64), side="left")
    assert np.bincount(bins, minlength=16).tolist() == found["bins"]["counts"]
    assert pytest.approx(found["bins"]["counts"], rel=0.06) == [12_500] * 16


def test_edges_of_floats() -> None:
    """Nulls, NaN and infinities are counted apart; zeros are one value, the greatest double has its place."""
    values = [None, float("nan"), float("inf"), -0.0, 0.0, 5e-324, 1.7e308, -1.7e308]
    found = sketched("float", pa.array(values, pa.float64()))
    assert (found["count"], found["nulls"], found["nan"], found["infinite"]) == (8, 1, 1, 1)
    assert (found["min"], found["max"]) == (-1.7e308, 1.7e308)
    assert found["values"] == [[-1.7e308, 1], [0.0, 2], [5e-324, 1], [1.7e308, 1]]
    assert found["deviation"] is None


def test_the_widest_column_is_bounded() -> None:
    """Doubles of every size, and whole numbers of every size, stay within as many cells as any column."""
    bits = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 100_000)
    for kind, values in (("float", bits.view(np.float64)), ("int", bits)):
        found = sketched(kind, pa.array(values))
        assert len(found["cells"]["counts"]) <= MOST_VALUES
        assert found["count"] - found.get("nan", 0) - found.get("infinite", 0) == sum(found["cells"]["counts"])


def test_timestamps_are_numbers() -> None:
    """A timestamp counts in microseconds since the epoch."""
    found = sketched("timestamp", pa.array([3_000_000, 1_000_000, None], pa.timestamp("us")))
    assert (found["min"], found["max"], found["nulls"]) == (1_000_000, 3_000_000, 1)
    assert found["values"] == [[1_000_000, 1], [3_000_000, 1]]


@pytest.mark.parametrize(("kind", "value"), [("bool", True), ("int", 7), ("string", "b")])
def test_frequent_values(kind: str, value: object) -> None:
    """Commonest first, with exact counts while there are few."""
    other = {"bool": False, "int": 9, "string": "a"}[kind]
    found = sketched(kind, pa.array([other, value, value, None]))
    assert (found["distinct"], found["distinct_error"]) == (2, 0.0)
    assert [{"value": value, "count": 2}, {"value": other, "count": 1}] == found["top"]


def test_exact_until_there_are_too_many() -> None:
    """All of 4096 different texts are counted; with one more, the frequent ones remain, each within its error."""
    few = [str(number) for number in range(MOST_VALUES)]
    found = sketched("string", pa.array([*few, "7"]))
    assert (len(found["values"]), len(found["top"])) == (MOST_VALUES, SHOWN_VALUES)
    assert found["values"][0] == ["7", 2]
    many = sketched("string", pa.array([*few, "x"]), pa.array(["7"] * 5000))
    assert "values" not in many
    assert many["top"][0]["value"] == "7"
    assert many["frequent"][0][1] <= 5001 <= many["frequent"][0][1] + many["missed"]


def test_frequent_among_many_are_found() -> None:
    """One text in fifty of a column of identifiers is found; its count and the number of different ones are near."""
    texts = [f"{number:036d}" if number % 50 else "often" for number in range(100_000)]
    found = sketched("string", pa.array(texts))
    assert found["top"][0]["value"] == "often"
    assert found["top"][0]["count"] <= 2_000 <= found["top"][0]["count"] + found["missed"]
    assert found["missed"] < 400
    assert pytest.approx(found["distinct"], rel=found["distinct_error"] * 2) == 98_001


def test_a_text_that_hides_is_within_what_was_missed() -> None:
    """Sixty of 65,536 rows of each batch are too few to be offered: `missed` covers them, through merging too."""
    batch = pa.array([f"{number}" if number % 1093 else "hidden" for number in range(65_536)])
    one, other = Sketch("string"), Sketch("string")
    for sketch in (one, one, other):
        sketch.add(batch)
    one.merge(other)
    found: dict[str, Any] = one.as_json()
    assert 180 <= dict(found["frequent"]).get("hidden", 0) + found["missed"] <= 1000


def test_the_empty_text_is_a_text() -> None:
    """That the empty text is the commonest does not make the other counts uncertain."""
    found = sketched("string", pa.array([f"{number}" for number in range(5000)]), pa.array([""] * 90_000))
    assert found["top"][0] == {"value": "", "count": 90_000}
    assert found["missed"] < 100


def test_a_long_text_is_kept_by_its_digest() -> None:
    """Two texts that differ after their beginning are two; neither stands in the baseline in full."""
    one, other = "x" * 1_000_000, "x" * 999_999 + "y"
    found = sketched("string", pa.array([one, other, one, "é" * 101, "é" * 100]))
    assert found["distinct"] == 4
    assert ["x" * 150 + "…sha256:" + hashlib.sha256(one.encode()).hexdigest(), 2] == found["values"][0]
    assert max(len(text.encode()) for text, _ in found["values"]) < 230
    assert ["é" * 100, 1] in found["values"]


def test_a_sensitive_column_shows_counts_only() -> None:
    """Neither a value nor a bound of a sensitive column is in the baseline."""
    found = sketched("string", pa.array(["4111-1111", None]), sensitive=True)
    assert found == {"kind": "string", "count": 2, "nulls": 1, "sensitive": True}


def test_other_columns_and_empty_ones() -> None:
    """A column of other kind has counts; one without values has no mean and no quantile, and no error."""
    assert sketched("other", pa.array(["{}"])) == {"kind": "other", "count": 1, "nulls": 0}
    for kind in ("float", "int", "timestamp"):
        found = sketched(kind, pa.array([None, None], pa.int64() if kind != "float" else pa.float64()))
        assert (found["quantiles"], found["min"], found["distinct"]) == ({}, None, 0)


@pytest.mark.parametrize(
    "values",
    [
        [float(number) for number in NORMAL[:20_000]],
        [number * 7919 - 2**62 for number in range(20_000)],
        [f"{'é' * (number % 40)}{number}" for number in range(20_000)],
    ],
)
def test_distinct_is_the_library_s_sketch(values: list[Any]) -> None:
    """The few values that are given to the library are all that it needs: its registers are those of all values."""
    found, plain = Distinct(), hll_sketch(12, HLL_8, True)
    column: Any = pa.array(values)
    for begin in range(0, len(values), 5_000):
        part = column[begin : begin + 5_000]
        found.add_texts(part) if isinstance(values[0], str) else found.add_numbers(part.to_numpy())
    for value in values:
        plain.update(value)
    full = Distinct.from_bytes(bytes(plain.serialize_compact()))
    assert full.to_bytes() == found.to_bytes()
    assert pytest.approx(found.estimate(), rel=0.05) == 20_000


MANY = sketched("float", pa.array(NORMAL))
FEW = sketched("int", pa.array([1, 2, 2]))
WORDS = sketched("string", pa.array([f"{number}" for number in range(5000)] + ["a"] * 3000))


def changed(said: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """`said` with another value at a place with dots."""
    found: dict[str, Any] = copy.deepcopy(said)
    *way, last = place.split(".")
    inner: Any = found
    for step in way:
        inner = inner[int(step) if isinstance(inner, list) else step]
    inner[int(last) if isinstance(inner, list) else last] = value
    return found


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        changed(FEW, "kind", "integer"),
        changed(FEW, "count", 4),
        changed(FEW, "count", -1),
        changed(FEW, "nulls", 9),
        changed(FEW, "values", [[2, 2], [1, 1]]),
        changed(FEW, "values", [[1, 3], [2, 0]]),
        changed(FEW, "values.0.0", True),
        changed(FEW, "values.0.0", 2**63),
        changed(FEW, "values.0.0", 1.0),
        changed(FEW, "mean", 2.0),
        changed(FEW, "added", 1),
        changed(MANY, "hll", "AAAA"),
        changed(MANY, "hll", "?"),
        changed(MANY, "hll", MANY["hll"][:400]),
        changed(MANY, "cells.shift", 64),
        changed(MANY, "cells.shift", 20),
        changed(MANY, "cells.gaps.0", 0),
        changed(MANY, "cells.gaps.0", 2**70),
        changed(MANY, "cells.counts.0", 10**9),
        changed(MANY, "cells.counts", []),
        changed(MANY, "cells.first", "1"),
        changed(MANY, "min", 0.0),
        changed(MANY, "max", None),
        changed(WORDS, "missed", -1),
        changed(WORDS, "frequent.0.0", "x" * 300),
        changed(WORDS, "frequent.0.0", "\ud800"),
        changed(WORDS, "frequent.0.1", 10**9),
        changed(WORDS, "frequent", [["a"]]),
    ],
)
def test_other_forms_are_refused(value: object) -> None:
    """A sketch is read in the one form in which it is written, or not at all."""
    with pytest.raises(ValueError, match=r"."):
        Sketch.from_json(value)


@pytest.mark.parametrize("value", [FEW, MANY, WORDS, sketched("bool", pa.array([True, None])), sketched("other")])
def test_the_form_itself_is_read(value: dict[str, Any]) -> None:
    """What `as_json` wrote is read, and written again as it was."""
    assert value == Sketch.from_json(value).as_json()


def test_different_columns_do_not_merge() -> None:
    """Neither the kind of a column nor its secrecy changes by merging."""
    for other in (Sketch("float"), Sketch("int", sensitive=True)):
        with pytest.raises(ValueError, match="does not merge"):
            Sketch("int").merge(other)
