"""runtime.jail.columns: what features() made becomes columns of known kinds, or is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lockgate.runtime.jail.columns import arrays_of, check_frame, kind_of, values_of
from lockgate.runtime.jail.model_error import ModelError
from lockgate.runtime.serving import NULL_TIMESTAMP, Field, Kind

NAN = float("nan")
MOMENT = pd.Timestamp("2026-11-26T06:30", tz="Europe/Berlin")
SECOND = 1_795_671_000_000_000


def _series(values: list[Any], dtype: Any = None) -> pd.Series[Any]:
    found: pd.Series[Any] = pd.Series(values, dtype=dtype, name="x")
    return found


@pytest.mark.parametrize(
    ("series", "kind", "values"),
    [
        (_series([1, 2]), "int", [1, 2]),
        (_series([1, None], "Int64"), "int", [1.0, NAN]),
        (_series([1, 2], "uint8"), "int", [1.0, 2.0]),
        (_series([1.5, None]), "float", [1.5, NAN]),
        (_series([1.5, 2], "float32"), "float", [1.5, 2.0]),
        (_series([1.5, None], "Float64"), "float", [1.5, NAN]),
        (_series([True, False]), "bool", [True, False]),
        (_series([True, None], "boolean"), "bool", [1.0, NAN]),
        (_series([True, None], object), "bool", [1.0, NAN]),
        (_series([1, 2.5, None], object), "float", [1.0, 2.5, NAN]),
        (_series(["a", None]), "string", ["a", ""]),
        (_series(["a", NAN], object), "string", ["a", ""]),
        (_series(["a", None], "category"), "string", ["a", ""]),
        (_series([np.str_("a"), "b"], object), "string", ["a", "b"]),
        (_series([3, 4], "category"), "float", [3.0, 4.0]),
        (_series([MOMENT, pd.NaT]), "timestamp", [SECOND, NULL_TIMESTAMP]),
        (_series([MOMENT.tz_convert("UTC").tz_localize(None)], "datetime64[s]"), "timestamp", [SECOND]),
    ],
)
def test_kinds_follow_from_the_training_rows(series: pd.Series[Any], kind: Kind, values: list[Any]) -> None:
    """Each dtype that people use, with what stands for null in the model."""
    assert kind_of(series, None) == kind
    found = values_of(series, kind)
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, np.array(values, dtype=object if kind == "string" else None))


def test_a_moment_that_is_passed_on_stays_one() -> None:
    """As a whole number it would become a float32, which cannot tell two minutes of this year apart."""
    assert kind_of(_series([SECOND]), "timestamp") == "timestamp"
    assert kind_of(_series([SECOND]), "int") == "int"
    assert values_of(_series([SECOND]), "timestamp").tolist() == [SECOND]


@pytest.mark.parametrize(
    ("series", "why"),
    [
        (_series([[1], [2]]), "mixed"),
        (_series([None, None], object), "empty"),
        (_series([pd.Timedelta(1)]), "timedelta"),
        (_series([1j]), "complex"),
        (_series([b"a"]), "bytes"),
        (_series([1, "a"], object), "mixed"),
    ],
)
def test_what_no_model_takes_is_refused_by_name(series: pd.Series[Any], why: str) -> None:
    """With the column and what it holds."""
    with pytest.raises(ModelError, match=rf"'x' of features\(\).*{why}"):
        kind_of(series, None)


@pytest.mark.parametrize(
    ("series", "kind", "values"),
    [
        (_series([None], object), "int", [NAN]),
        (_series([None], object), "string", [""]),
        (_series([2.0]), "int", [2.0]),
        (_series([3]), "float", [3.0]),
        (_series([1]), "bool", [1.0]),
        (_series([True]), "float", [1.0]),
        (_series([True]), "int", [1]),
    ],
)
def test_one_row_alone_is_read_as_the_kind_of_training(series: pd.Series[Any], kind: Kind, values: list[Any]) -> None:
    """The library chooses a dtype by the rows that it sees; what a row means must not change with it."""
    np.testing.assert_array_equal(values_of(series, kind), np.array(values, object if kind == "string" else None))


@pytest.mark.parametrize(
    ("series", "kind", "why"),
    [
        (_series([np.inf]), "float", "not finite"),
        (_series([-np.inf, 1]), "int", "not finite"),
        (_series([1.5]), "int", "not whole"),
        (_series([2]), "bool", "other than 0 and 1"),
        (_series(["1.5"]), "float", "was float in training"),
        (_series(["1"], object), "int", "was int in training"),
        (_series([1]), "string", "was text in training"),
        (_series([1.5]), "timestamp", "was a point in time in training"),
        (_series([1j]), "float", "was float in training"),
    ],
)
def test_another_kind_than_in_training_is_refused(series: pd.Series[Any], kind: Kind, why: str) -> None:
    """And the message has the column, never a value."""
    with pytest.raises(ModelError, match=rf"'x' of features\(\) is .*{why}"):
        values_of(series, kind)


BATCH = pd.DataFrame({"a": [1, 2, 3]})


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([1, 2, 3], "list, not a pandas DataFrame"),
        (BATCH["a"], "Series, not a pandas DataFrame"),
        (BATCH[:2], "2 rows for 3"),
        (BATCH[::-1], "another order"),
        (BATCH.set_index("a"), "another order, or under another index"),
        (BATCH[[]], "0 columns"),
        (BATCH.rename(columns={"a": "the a"}), "named 'the a'"),
        (BATCH.rename(columns={"a": 0}), "named '0'"),
        (BATCH.rename(columns={"a": "a" * 256}), "named 'a"),
        (pd.concat([BATCH, BATCH], axis=1), "two columns named 'a'"),
    ],
)
def test_what_is_no_table_of_these_rows_is_refused(made: Any, why: str) -> None:
    """Rows, order, index and names, each by itself; the table itself passes."""
    assert check_frame(BATCH.assign(b=1), BATCH) is not None
    with pytest.raises(ModelError, match=why):
        check_frame(made, BATCH)


def test_other_columns_than_in_training_are_refused() -> None:
    """One more, one less; their order does not matter."""
    columns = (Field("a", "int"), Field("b", "int"))
    both = BATCH.assign(b=4)
    assert list(arrays_of(both[["b", "a"]], columns)) == ["a", "b"]
    for other in (BATCH, both.assign(c=1)):
        with pytest.raises(ModelError, match=r"other columns than in training: '[bc]'"):
            arrays_of(other, columns)
