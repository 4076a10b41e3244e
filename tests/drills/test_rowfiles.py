"""Data files as an attacker changes them: what is not meant to change stays as it was."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.drills.replays.program import Program
from lockgate.drills.replays.rowfiles import between, data_of, flip, paths
from lockgate.drills.replays.scene import Scene
from lockgate.drills.replays.spec import NotApplicable

ROWS = [(n, n / 7, f"town, {n % 5}", n % 3 == 0) for n in range(200)]
NAMES = ("number", "share", "town", "late")


def _scene(root: Path, sources: str, *, label: str = "late") -> Scene:
    (root / "lockgate.toml").write_text(f'[data]\nsources = ["{sources}"]\nlabel = "{label}"\n', "utf-8")
    return Scene(root, root, Program(root))


def _written(root: Path, kind: str) -> Path:
    path = root / f"rows.{kind}"
    if kind == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([NAMES, *ROWS])
        path.write_text(text.getvalue(), "utf-8")
    elif kind == "jsonl":
        table = pa.table(dict(zip(NAMES, zip(*ROWS, strict=True), strict=True)))
        path.write_text(table.to_pandas().to_json(orient="records", lines=True), "utf-8")
    else:
        pq.write_table(pa.table(dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))), path)
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_only_labels_of_the_chosen_rows_change(tmp_path: Path, kind: str) -> None:
    """A twentieth of the rows gets another label; every other value is what it was, in every form."""
    path = _written(tmp_path, kind)
    scene = _scene(tmp_path, "rows.*")
    before = data_of(scene).files[0].rows
    flipped = flip(data_of(scene), 0.05)
    after = data_of(scene).files[0].rows
    assert len(flipped) == 10
    assert flipped == {(path.name, n) for n in range(200) if before[n] != after[n]}
    assert [row[:3] for row in before] == [row[:3] for row in after]


def test_a_quantity_is_mirrored(tmp_path: Path) -> None:
    """The largest becomes the smallest; a whole number stays one."""
    _written(tmp_path, "parquet")
    wrong = data_of(_scene(tmp_path, "rows.*", label="number")).another()
    assert (wrong(0), wrong(199), wrong(100)) == (199, 0, 99)


def test_what_is_not_there_cannot_be_attacked(tmp_path: Path) -> None:
    """Rows of a store, a label that never varies, and a handful of rows are no ground for a result."""
    for text in ('sources = ["s3://bucket/rows.csv"]\nlabel = "late"', 'sources = ["none.csv"]\nlabel = "late"'):
        (tmp_path / "lockgate.toml").write_text(f"[data]\n{text}\n", "utf-8")
        with pytest.raises(NotApplicable):
            paths(Scene(tmp_path, tmp_path, Program(tmp_path)))
    path = _written(tmp_path, "csv")
    scene = _scene(tmp_path, "rows.csv")
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:50]), "utf-8")
    with pytest.raises(NotApplicable):
        data_of(scene)
    path.write_text("number,late\n" + "1,true\n" * 200, "utf-8")
    with pytest.raises(NotApplicable):
        replace(data_of(scene)).another()


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=30), st.booleans())
def test_a_value_between_is_new_and_usual(values: list[float], texts: bool) -> None:
    """It lies within what the column holds, and no row has it."""
    given_values = [repr(value) for value in values] if texts else list(values)
    found = between(given_values)
    if found is not None:
        assert min(values) <= float(found) <= max(values)
        assert float(found) not in values
        assert type(found) is (str if texts else float)


@pytest.mark.parametrize("column", [[1, 2, 3], ["1", "2"], ["a", "b"], [True, False], [0.5, 0.5], []])
def test_columns_of_others_have_none(column: list[object]) -> None:
    """Whole numbers may have to be whole, and a text may be one of a list."""
    assert between(column) is None
