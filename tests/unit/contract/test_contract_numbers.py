"""`[data] numbers` and several spellings of dates: what a cell means, and what is made no number at all."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lockgate.contract.dates import check_dates
from lockgate.contract.jail.respell import respelled_number
from lockgate.contract.numbers import EXAMPLES, check_numbers
from lockgate.errors import Usage
from tests.support.verdicts import engine, snapshot

MARKS = {"1234,56": ("", ","), "1.234,56": (".", ","), "1 234,56": (" ", ","), "1,234.56": (",", ".")}


class Row(BaseModel):
    """Two numbers and a text."""

    paid: float
    pieces: int
    word: str


def _as(numbers: str, *cells: str) -> list[str]:
    return pl.Series("c", list(cells)).to_frame().select(respelled_number(pl.col("c"), numbers)).to_series().to_list()


@pytest.mark.parametrize(
    ("numbers", "cells"),
    [
        ("1234,56", {"12,5": "12.5", "-3": "-3", "1,5e3": "1.5e3", "1.5": "1,5", "1.234": "1,234", "x": "x"}),
        ("1.234,56", {"1.234,56": "1234.56", "1.234": "1234", "1.000.000": "1000000", "1.23": "1,23", "12,": "12."}),
        ("1 234,56", {"1 234,5": "1234.5", "1\u00a0234": "1234", "1\u202f234,5": "1234.5", "1.5": "1,5"}),
        ("1,234.56", {"1,234.50": "1234.50", "1.5": "1.5", "1,23": "1,23", "12,345": "12345", "-1,000": "-1000"}),
        ("1.234,56", {"0.125": "0,125", "00.125": "00,125", "-0.125": "-0,125", "10.125": "10125", "0,5": "0.5"}),
        ("1,234.56", {"0,125": "0,125", "012,345": "012,345", "+0,125": "+0,125", "100,125": "100125", "0.5": "0.5"}),
        ("1 234,56", {"0 125": "0 125"}),
        ("1'234.56", {"1'234.5": "1234.5", "1\u2019234": "1234", "1'23": "1'23"}),
        ("1 234.56", {"1 234.5": "1234.5", "12 34": "12 34"}),
    ],
)
def test_what_a_cell_means(numbers: str, cells: dict[str, str]) -> None:
    """A cell spelled as declared is that number; where a comma begins decimals, a cell with a dot is none."""
    assert list(cells.values()) == _as(numbers, *cells)
    assert numbers == check_numbers(numbers)
    assert numbers in EXAMPLES


@given(st.decimals(-999_999_999, 999_999_999, places=2), st.sampled_from(sorted(MARKS)))
def test_every_number_comes_back(value: object, numbers: str) -> None:
    """Any number, written with or without its thousands apart, is read as what Python reads of its plain spelling."""
    thousands, decimal = MARKS[numbers]
    plain = f"{value:.2f}"
    swap = {",": thousands, ".": decimal}
    grouped = re.sub("[,.]", lambda mark: swap[mark[0]], f"{value:,.2f}")
    whole, _, cents = plain.partition(".")
    assert [float(plain)] * 2 == [float(cell) for cell in _as(numbers, grouped, f"{whole}{decimal}{cents}")]


def test_numbers_of_the_contract_and_nothing_else(tmp_path: Path) -> None:
    """Fields of numbers are respelled, texts are not; a dot that means thousands elsewhere never becomes one point."""
    cells = {"paid": ["1,5", "1.000", "2"], "pieces": ["3", "1", "1.000"], "word": ["1,5", "a,b", "c"]}
    path = snapshot(tmp_path / "s.parquet", "csv", cells)
    judged = engine(Row, path, numbers="1234,56")
    found = list(judged.verdicts())
    assert [{name: row[name] for name in cells} for each in found for row in each.accepted.to_pylist()] == [
        {"paid": 1.5, "pieces": 3, "word": "1,5"}
    ]
    assert judged.respelled == 3
    # Undeclared, Pydantic reads "1.000" as 1 and "1,5" as nothing: what the declaration is for.
    loose = [row["pieces"] for each in engine(Row, path).verdicts() for row in each.accepted.to_pylist()]
    assert loose == [1, 1]


@pytest.mark.parametrize("numbers", ["1234.56", "1,5", "1_234", "x", "1234,567"])
def test_a_spelling_that_is_none_is_refused(numbers: str) -> None:
    """What is no example of ours is LG1100; nothing is the default."""
    assert check_numbers("") == ""
    with pytest.raises(Usage) as caught:
        check_numbers(numbers)
    assert caught.value.finding == "LG1100"


class Seen(BaseModel):
    """One moment."""

    at: datetime


@pytest.mark.parametrize(
    ("dates", "cells"),
    [
        ("%-m/%-d/%Y", {"1/5/2024": "2024-01-05", "12/31/2024": "2024-12-31", "01/05/2024": None}),
        ("%-m/%-d/%Y %-I:%M %p", {"1/5/2024 3:04 PM": "2024-01-05T15:04", "1/5/2024 12:00 AM": "2024-01-05"}),
        ("%d.%m.%Y | %d.%m.%Y %H:%M", {"31.12.2024": "2024-12-31", "31.12.2024 14:05": "2024-12-31T14:05", "x": None}),
    ],
)
def test_several_spellings_of_dates(tmp_path: Path, dates: str, cells: dict[str, str | None]) -> None:
    """Without leading zeros, with a half of the day, and two spellings at once: read back exactly, or left as it is."""
    judged = engine(Seen, snapshot(tmp_path / "s.parquet", "csv", {"at": list(cells)}), dates=check_dates(dates))
    found = {row["__row__"]: row["at"] for each in judged.verdicts() for row in each.accepted.to_pylist()}
    wanted = [None if iso is None else datetime.fromisoformat(iso) for iso in cells.values()]
    assert wanted == [found.get(row) for row in range(len(cells))]


@pytest.mark.parametrize(
    "dates", ["%d/%m/%Y | %m/%d/%Y", "%d.%m.%Y | %-d.%-m.%Y", "%d.%m.%Y |%H:%M", "%d.%m.%Y %I:%M", " | "]
)
def test_spellings_that_a_cell_could_be_read_by_twice(dates: str) -> None:
    """Two that one cell fits, a half that is no date, an hour without its half of the day: LG116."""
    with pytest.raises(Usage) as caught:
        check_dates(dates)
    assert caught.value.finding == "LG116"
