"""Spellings of no value in quotes: for programs that put every cell in quotes."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lockgate.contract.jail.read import read
from lockgate.errors import Usage

CELLS = 'a,b\n"","NA"\n,NA\n"x",""\n'


def _read(folder: Path, null: list[str]) -> list[list[str | None]]:
    (folder / "d.csv").write_text(CELLS)
    files = [{"name": "d.csv", "path": "d.csv", "format": None}]
    read({"files": files, "null": null, "delimiter": ",", "encoding": "utf-8"}, folder, folder)
    table = pq.read_table(folder / "snapshot.parquet")
    return [table[name].to_pylist() for name in ("a", "b")]


@pytest.mark.parametrize(
    ("null", "wanted"),
    [
        ([""], [["", None, "x"], ["NA", "NA", ""]]),
        (["", "NA"], [["", None, "x"], ["NA", None, ""]]),
        (["", '""'], [[None, None, "x"], ["NA", "NA", None]]),
        (["", '""', "NA", '"NA"'], [[None, None, "x"], [None, None, None]]),
        ([], [["", "", "x"], ["NA", "NA", ""]]),
    ],
)
def test_a_quoted_cell_is_null_where_its_spelling_is_quoted(
    tmp_path: Path, null: list[str], wanted: list[list[str | None]]
) -> None:
    """A quoted cell stays a text, unless the list has its spelling in quotes."""
    assert wanted == _read(tmp_path, null)


def test_half_a_list_is_refused(tmp_path: Path) -> None:
    """The reader tells quoted from bare for all spellings or for none: a list that asks for more is LG1101."""
    with pytest.raises(Usage) as caught:
        _read(tmp_path, ["", '"NA"'])
    assert caught.value.finding == "LG1101"
