"""Accepted rows as the screen sees them: classes, codes, moments, sources, lists of numbers; and what it never sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.contract.spec import ContractField, FieldTable
from lockgate.errors import Usage
from lockgate.validate.jail import _accepted
from lockgate.validate.jail._accepted import Accepted, Wanted, read

KINDS: Any = {"town": "string", "age": "int", "when": "timestamp", "sunny": "bool", "vector": "other"}
ROWS: dict[str, Any] = {
    "town": ["Ulm", "Bonn", None, "Bonn"],
    "age": pa.array([3, None, 5, 6], pa.int64()),
    "when": pa.array([0, 1, 2, None], pa.timestamp("us")),
    "sunny": [True, False, True, None],
    "vector": ["[1,2.5]", "[3,4]", "[5,6]", "[7,8]"],
}


def _read(tmp_path: Path, label: Any = (True, False, False, True), kind: Any = "bool", **changes: Any) -> Accepted:
    rows = {**ROWS, **changes.pop("rows", {}), "late": label, "late_text": ["a", "b", "b", "a"]}
    source = changes.pop("source", [0, 0, 1, 1])
    table = pa.table({**rows, "__source__": pa.array(source, pa.int32()), "__row__": pa.array([0, 1, 0, 1])})
    pq.write_table(table, tmp_path / "accepted.parquet")
    fields = [ContractField(name, kind, optional=True) for name, kind in KINDS.items()]
    late = ContractField("late", kind, optional=True, label=True)
    derived = ContractField("late_text", "string", label=True)
    wanted = {
        "fields": FieldTable("Flight", (*fields, late), (derived,)),
        "label": "late",
        "sensitive": frozenset(),
        "origin": "",
        "sources": ("a.csv", "b.csv"),
        "seed": 7,
        **changes,
    }
    return read(tmp_path / "accepted.parquet", Wanted(**wanted))


def test_columns_are_what_a_model_can_be_given(tmp_path: Path) -> None:
    """Texts as codes by falling frequency, moments in microseconds, NaN for nothing; no label and nothing made of it.

    Lists of equally many numbers stand apart, as embeddings.
    """
    table = _read(tmp_path).table
    assert table is not None
    assert [one.name for one in table.columns] == ["town", "age", "when", "sunny"]
    town, age, when, sunny = (one.values for one in table.columns)
    np.testing.assert_array_equal(town, [1, 0, np.nan, 0])
    assert list(table.columns[0].words) == ["Bonn", "Ulm"]
    np.testing.assert_array_equal(age, [3, np.nan, 5, 6])
    np.testing.assert_array_equal(when, [0, 1, 2, np.nan])
    np.testing.assert_array_equal(sunny, [1, 0, 1, np.nan])
    np.testing.assert_array_equal(table.embeddings, [[1, 2.5], [3, 4], [5, 6], [7, 8]])
    assert (table.origins, table.origin.tolist(), table.seed) == (("a.csv", "b.csv"), [0, 0, 1, 1], 7)


@pytest.mark.parametrize(
    ("label", "kind", "numbers", "classes", "task"),
    [
        ([True, False, False, True], "bool", [1, 0, 0, 1], ("False", "True"), "binary"),
        (["x", "b", "b", "a"], "string", [2, 1, 1, 0], ("a", "b", "x"), "multiclass"),
        ([7, 7, 7, 7], "int", [0, 0, 0, 0], ("7",), "binary"),
        ([10, 9, 9, 10], "int", [1, 0, 0, 1], ("9", "10"), "binary"),
        ([1.5, 2.0, 2.0, 9.0], "float", [1.5, 2.0, 2.0, 9.0], (), "regression"),
    ],
)
def test_the_label_says_the_task(
    tmp_path: Path, label: Any, kind: str, numbers: Any, classes: tuple[str, ...], task: str
) -> None:
    """Texts, booleans and few whole numbers are classes in their order; other numbers are values."""
    table = _read(tmp_path, label, kind).table
    assert table is not None
    assert (table.label.tolist(), table.classes, table.task) == (numbers, classes, task)


def test_many_whole_numbers_are_a_quantity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 21 different ones on; here the bound is lowered."""
    monkeypatch.setattr(_accepted, "MOST_CLASSES", 2)
    table = _read(tmp_path, [1, 2, 3, 3], "int").table
    assert table is not None
    assert (table.task, table.label.tolist()) == ("regression", [1, 2, 3, 3])


def test_rows_without_a_label_are_left_out_and_places_say_which(tmp_path: Path) -> None:
    """Nothing can be said of a label that is not there; nor of one that is no number."""
    found = _read(tmp_path, [None, True, None, False])
    assert found.table is not None
    assert (found.places.tolist(), found.table.origin.tolist()) == ([1, 3], [0, 1])
    assert [one.values.tolist()[0] for one in found.table.columns[:1]] == [0]
    assert _read(tmp_path, [1.0, float("nan"), float("inf"), 2.0], "float").places.tolist() == [0, 3]
    assert _read(tmp_path, [None] * 4).why == "no row has a label"
    assert _read(tmp_path, ["[1]"] * 4, "other").why == "the label is no class and no number"


def test_of_many_rows_a_sample_is_taken_which_the_seed_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the file; another seed, other rows."""
    monkeypatch.setattr(_accepted, "MOST_ROWS", 2)
    drawn = {tuple(_read(tmp_path, seed=seed).places.tolist()) for seed in range(20)}
    assert len(drawn) > 3
    assert all(one < other for one, other in drawn)
    assert _read(tmp_path, seed=3).places.tolist() == _read(tmp_path, seed=3).places.tolist()


def test_a_field_can_say_the_source(tmp_path: Path) -> None:
    """Its values are the sources, a missing one too; a sensitive field has no names."""
    found = _read(tmp_path, origin="town").table
    assert found is not None
    assert (found.origins, found.origin.tolist()) == (("Bonn", "Ulm", "(none)"), [1, 0, 2, 0])
    found = _read(tmp_path, origin="town", sensitive=frozenset({"town"})).table
    assert found is not None
    assert found.origins == ("source 1", "source 2", "(none)")


@pytest.mark.parametrize("origin", ["gone", "late", "late_text", "when", "vector"])
def test_what_tells_no_sources_apart_is_refused(tmp_path: Path, origin: str) -> None:
    """LG239: no such field, the label or what is made of it, a moment, a list."""
    with pytest.raises(Usage) as caught:
        _read(tmp_path, origin=origin)
    assert caught.value.finding == "LG239"


def test_sensitive_fields_are_marked_and_a_sensitive_label_has_no_words(tmp_path: Path) -> None:
    """Rules say their names and never their values; a list of numbers that is sensitive is left out."""
    found = _read(tmp_path, sensitive=frozenset({"town", "late", "vector"})).table
    assert found is not None
    assert [one.name for one in found.columns if one.sensitive] == ["town"]
    assert found.classes == ("class 1", "class 2")
    assert found.embeddings is None


@pytest.mark.parametrize(
    "last",
    ["[1]", "[1,2,3]", '{"a":1}', "null", None, '["a","b"]', "[1,1e99]", "[[1],[2]]", "[true,false]", "[" * 9000],
)
def test_what_is_no_list_of_numbers_is_no_embedding(tmp_path: Path, last: Any) -> None:
    """One row of another form, and the field is none; nothing is raised."""
    found = _read(tmp_path, rows={"vector": ["[1,2]", "[3,4]", "[5,6]", last]}).table
    assert found is not None
    assert found.embeddings is None
