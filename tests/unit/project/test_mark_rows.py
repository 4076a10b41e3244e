"""Rows as a person names them: nothing is guessed."""

from __future__ import annotations

import pytest

from lockgate.errors import Usage
from lockgate.project.mark_rows import rows_of

FILES = ("data/a.csv", "data/b:c.csv", "other/a.csv")


def test_files_numbers_and_ranges() -> None:
    """Each row once, in order; a file by its whole name or the last part of it; without one where there is one."""
    assert rows_of(["data/a.csv:12,15-17,16"], FILES) == ((0, 12), (0, 15), (0, 16), (0, 17))
    assert rows_of(["b:c.csv:0", "data/a.csv:3"], FILES) == ((0, 3), (1, 0))
    assert rows_of(["7-8"], FILES[:1]) == ((0, 7), (0, 8))


@pytest.mark.parametrize("text", ["", "data/a.csv", "data/a.csv:", "data/a.csv:5-3", "data/a.csv:-1", "data/a.csv:01",
                                  "data/a.csv:1, 2", "data/a.csv:1;2", "data/a.csv:\N{ARABIC-INDIC DIGIT ONE}",
                                  "data/a.csv:0-999999999999999999999", "data/a.csv:0-1000000"])  # fmt: skip
def test_another_spelling_is_refused(text: str) -> None:
    """No row is marked by a slip; a range that is long does not fill the memory either."""
    with pytest.raises(Usage) as caught:
        rows_of([text], FILES[:1])
    assert caught.value.finding in {"LG245", "LG246"}


@pytest.mark.parametrize("text", ["5", "a.csv:5", "c.csv:5", "nowhere.csv:5"])
def test_a_file_that_is_none_or_one_of_two_is_refused(text: str) -> None:
    """Row 5 of which file?"""
    with pytest.raises(Usage) as caught:
        rows_of([text], FILES)
    assert caught.value.finding == "LG245"
