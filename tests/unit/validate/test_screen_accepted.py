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
from lockgate.validate.jail._coding import coded, texts
from lockgate.validate.screen.spec import RULES
from lockgate.validate.screening import Rows, look
from lockgate.validate.spec import Screening

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
    assert len(table.columns[0].words) == 2
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
    ["[1]", "[1,2,3]", '{"a":1}', "null", None, '["a","b"]', "[1e99,1e99]", "[[1],[2]]", "[true,false]", "[" * 9000],
)
def test_one_row_of_another_form_takes_no_list_out(tmp_path: Path, last: Any) -> None:
    """It lies in the middle of the others, and is told: who writes one such row hides none of the others."""
    found = _read(tmp_path, rows={"vector": ["[1,2]", "[3,4]", "[5,6]", last]})
    assert found.table is not None
    np.testing.assert_array_equal(found.table.embeddings, [[1, 2], [3, 4], [5, 6], [3, 4]])
    assert (found.note, found.width) == ("in vector 1 of 4 rows have no 2 numbers", "")


def test_a_number_that_is_too_large_is_left_out_alone(tmp_path: Path) -> None:
    """The others of its list are seen."""
    huge = "[1,-" + "9" * 400 + "]"
    for last in ("[1,1e99]", "[1,1e400]", huge, "[1,NaN]"):
        found = _read(tmp_path, rows={"vector": ["[1,2]", "[3,4]", "[5,6]", last]})
        assert found.table is not None
        assert np.asarray(found.table.embeddings).tolist()[3] == [1, 4]
        assert found.note == "in vector 1 of 4 rows have no 2 numbers"


def test_lists_of_no_common_length_are_told_and_objects_are_none(tmp_path: Path) -> None:
    """No rule sees the first, and somebody hears of it; the second are no embeddings, and no surprise."""
    found = _read(tmp_path, rows={"vector": ["[1,2]", "[3,4]", "[5]", "[6]"]})
    assert found.table is not None
    assert (found.table.embeddings, found.note) == (None, "the lists of vector have no common length")
    found = _read(tmp_path, rows={"vector": ['{"a":1}'] * 4})
    assert found.table is not None
    assert (found.table.embeddings, found.note) == (None, "")


def test_long_lists_are_projected_onto_directions_that_the_seed_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near rows stay near and far ones far; another seed, other directions; what was done is told."""
    monkeypatch.setattr(_accepted, "MOST_NUMBERS", 100)
    draw = np.random.default_rng(1)
    first, second = draw.standard_normal((2, 400))
    lists = [str(one.tolist()) for one in (first, second, first + 0.01, second + 0.01)]
    found = _read(tmp_path, rows={"vector": lists})
    assert found.table is not None
    values = np.asarray(found.table.embeddings)
    assert (values.shape, found.note, found.width) == ((4, 100), "", "vector: 400 numbers as 100")
    near, far = (float(np.linalg.norm(values[0] - values[other])) for other in (2, 1))
    assert near < 0.1 * far
    assert 0.7 < far / np.linalg.norm(first - second) < 1.3
    again = _read(tmp_path, rows={"vector": lists}, seed=8).table
    assert again is not None
    assert not np.allclose(values, np.asarray(again.embeddings))


def test_of_texts_the_common_ones_alone_are_kept_and_cut(tmp_path: Path) -> None:
    """Rare ones have a code each and one name for all, so that free text costs no memory and tells of no person. Long
    ones are told apart by all of what they say.
    """
    long = ["x" * 300 + end for end in "ab"]
    words = ["Bonn"] * 7 + ["Köln"] * 6 + ["y" * 100] * 6 + [long[0]] * 3 + [long[1]] * 2 + [None]
    pq.write_table(pa.table({"town": words}), tmp_path / "texts.parquet", row_group_size=7)
    codes, kept = coded(texts(tmp_path / "texts.parquet", "town", np.arange(len(words)), 1))
    np.testing.assert_array_equal(codes, [0] * 7 + [1] * 6 + [2] * 6 + [3] * 3 + [4] * 2 + [np.nan])
    assert list(kept) == ["Bonn", "Köln", "y" * 60, "a rare text", "a rare text"]
    assert (len(kept), kept[3:], kept[-5]) == (5, ["a rare text"] * 2, "Bonn")
    some, _ = coded(texts(tmp_path / "texts.parquet", "town", np.array([6, 7, 24]), 1))
    np.testing.assert_array_equal(some, [0, 1, np.nan])


@pytest.mark.nightly
def test_free_text_of_many_rows_needs_little_memory(tmp_path: Path) -> None:
    """Six columns of texts, no two of them equal, as 300,000 people write them: the jail lives within its limit."""
    count, late = 300_000, ContractField("late", "bool", label=True)
    fields = tuple(ContractField(f"text{place}", "string") for place in range(6))
    draw = np.random.default_rng(1)
    with pq.ParquetWriter(tmp_path / "accepted.parquet", _schema(fields)) as writer:
        for begin in range(0, count, 30_000):
            rows = range(begin, begin + 30_000)
            columns = {one.name: [f"{row} {one.name} " + "lorem ipsum " * 25 for row in rows] for one in fields}
            numbers: Any = {
                "late": draw.random(30_000) < 0.5,
                "__source__": np.zeros(30_000, np.int32),
                "__row__": [*rows],
            }
            writer.write_table(pa.table({**columns, **numbers}, schema=_schema(fields)))
    files = [{"name": "a.csv", "rows": count}]
    rows_of = Rows(tmp_path / "accepted.parquet", count, FieldTable("Text", (*fields, late)), "late", (), files, seed=1)
    looked = look(rows_of, Screening(dict.fromkeys(RULES, "warn")), tmp_path)
    assert looked.account.looked == count


def _schema(fields: tuple[ContractField, ...]) -> pa.Schema:
    texts_of: Any = [(one.name, pa.string()) for one in fields]
    rest: Any = [("late", pa.bool_()), ("__source__", pa.int32()), ("__row__", pa.int64())]
    return pa.schema([*texts_of, *rest])
