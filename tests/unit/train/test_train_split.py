"""train.jail.split and frame: which side a row falls on, and what a null is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.contract.spec import ContractField, FieldTable
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.runtime.serving import NULL_TIMESTAMP
from lockgate.train.jail import frame
from lockgate.train.jail.split import choose
from tests.support.training import rows


def _rows(table: pd.DataFrame, label: str = "late") -> frame.Rows:
    return frame.from_table(pa.Table.from_pandas(table, preserve_index=False), label)


def _choose(table: pd.DataFrame, **changes: Any) -> tuple[Any, dict[str, Any]]:
    return choose(_rows(table), **{"time": "", "group": "", "holdout": 0.25, "seed": 0, **changes})


def test_by_time_the_latest_are_held_out() -> None:
    """Every held-out instant is later than every one trained on, and equal instants stay together."""
    table = rows(400)
    table["when"] = table["when"].dt.floor("7h")
    heldout, facts = _choose(table, time="when")
    assert table["when"][heldout].min() > table["when"][~heldout].max()
    assert facts["how"] == "time"
    assert facts["cut"] == str(table["when"][heldout].min())
    assert abs(facts["heldout"] - 100) <= 7


def test_a_group_is_on_one_side() -> None:
    """No group is split, and the share is near what was asked for."""
    table = rows(600)
    table["town"] = [f"town {n % 40}" for n in range(600)]
    heldout, facts = _choose(table, group="town")
    assert not set(table["town"][heldout]) & set(table["town"][~heldout])
    assert 120 <= facts["heldout"] <= 180


@given(st.integers(0, 5), st.sampled_from([0.1, 0.25, 0.5]))
def test_rows_with_equal_features_are_on_one_side(seed: int, holdout: float) -> None:
    """A duplicate of a training row is never held out, whatever its label; the share is met."""
    table = rows(300, seed).drop(columns=["when", "delay", "kind"])
    doubled = pd.concat([table, table.assign(late=~table["late"])], ignore_index=True)
    heldout, facts = _choose(doubled, seed=seed, holdout=holdout)
    features = doubled.drop(columns="late").apply(tuple, axis=1)
    assert not set(features[heldout]) & set(features[~heldout])
    assert abs(facts["heldout"] / 600 - holdout) < 0.05


def test_the_seed_is_the_key() -> None:
    """The same seed gives the same split; another seed another one."""
    table = rows(200)
    first, again, other = (_choose(table, seed=seed)[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    "changes", [{"time": "nothing"}, {"group": "late"}, {"time": "town"}, {"group": "same"}, {"time": "same"}]
)
def test_a_split_that_cannot_be_is_refused(changes: dict[str, str]) -> None:
    """An unknown field, the label, a text as time, one single group: LG304."""
    with pytest.raises(Refused) as raised:
        _choose(rows(50).assign(same=1), **changes)
    assert raised.value.finding == "LG304"


def test_too_few_rows_are_refused() -> None:
    """Below two rows on a side nothing can be judged."""
    for count in (1, 3):
        with pytest.raises(Refused, match="leaves"):
            _choose(rows(count))


def test_null_is_what_io_json_says() -> None:
    """NaN in numbers and booleans, "" in text, -2**63 in a timestamp; times are int64 microseconds."""
    table = pa.table(
        {
            "number": pa.array([1, None], pa.int16()),
            "price": pa.array([Decimal("1.50"), None]),
            "flag": [True, None],
            "text": ["a", None],
            "day": [date(1970, 1, 2), None],
            "when": pa.array([datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None], pa.timestamp("ns", "Europe/Berlin")),
            "nested": [[1], None],
            "y": [0, 1],
        }
    )
    found = frame.from_table(table, "y")
    columns = found.columns()
    assert dict(found.kinds) == {
        "number": "int",
        "price": "float",
        "flag": "bool",
        "text": "string",
        "day": "timestamp",
        "when": "timestamp",
    }
    assert found.left_out == ("nested",)
    assert columns["day"].tolist() == [86_400_000_000, NULL_TIMESTAMP]
    assert columns["when"].tolist() == [1_000_000, NULL_TIMESTAMP]
    assert columns["text"].tolist() == ["a", ""]
    assert [columns[name][0] for name in ("number", "price", "flag")] == [1, 1.5, 1]
    assert all(np.isnan(columns[name][1]) for name in ("number", "price", "flag"))


def test_what_is_made_from_the_label_is_left_out() -> None:
    """A column that the contract's table calls label-only, or `other`, is never a feature."""
    fields = (ContractField("x", "int"), ContractField("y", "bool", label=True), ContractField("note", "other"))
    declared = FieldTable("M", fields, (ContractField("not_y", "bool", label=True),))
    table = pa.table({"x": [1, 2], "y": [True, False], "note": ["[]", "[]"], "not_y": [False, True]})
    metadata = {frame.FIELDS_KEY: encode(declared.as_json())}
    found = frame.from_table(table.replace_schema_metadata(metadata), "y")
    assert (list(found.kinds), found.left_out) == (["x"], ("note", "not_y"))


@pytest.mark.parametrize(
    "label",
    [pa.array([1, None]), pa.array([1.0, float("nan")]), pa.array([date(2026, 1, 1)] * 2), pa.array([[1], [2]])],
)
def test_a_label_that_cannot_be_learned_is_refused(label: pa.Array[Any]) -> None:
    """Nulls, NaN, points in time, lists: LG303."""
    with pytest.raises(Refused) as raised:
        frame.from_table(pa.table({"x": [1, 2], "y": label}), "y")
    assert raised.value.finding == "LG303"
