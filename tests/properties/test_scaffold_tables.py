"""`init --data` on invented tables: whatever a file holds, exactly the announced rows break the contract."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.errors import LockgateError
from tests.support.scaffolded import scaffolded

NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12)
WHOLE = st.integers(-(10**6), 10**6).map(str)
REAL = st.floats(-1e6, 1e6).map(lambda value: f"{value:.3f}")
DAYS = st.dates().map(lambda day: day.isoformat())
GERMAN = st.dates().map(lambda day: f"{day.day:02}.{day.month:02}.{day.year:04}")
WORDS = st.sampled_from(["a", "b", "c d", "NA", "-", "yes", "no", "0", "1", "", "?", "1.234", "1,5", "007"])
ODD = st.one_of(WORDS, st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=8), st.just("1e999"))
KINDS = (WHOLE, REAL, REAL.map(lambda cell: cell.replace(".", ",")), DAYS, GERMAN, WORDS, ODD)


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, str]:
    """A CSV file of 60 rows with a label; now and then a cell of another kind."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    columns = []
    for _ in names[1:]:
        kind = draw(st.sampled_from(KINDS))
        few = draw(st.lists(kind, min_size=1, max_size=12))
        odd = draw(st.lists(ODD, max_size=2))
        columns.append([*(few * 60)[: 60 - len(odd)], *odd])
    label = [draw(st.sampled_from(["yes", "no"])) if row > 1 else ["yes", "no"][row] for row in range(60)]
    delimiter = draw(st.sampled_from(",;\t|"))
    return _written([names, *zip(label, *columns, strict=True)], delimiter, all_quoted=draw(st.booleans())), names[0]


def _written(rows: Sequence[Sequence[str]], delimiter: str, *, all_quoted: bool) -> bytes:
    into = io.StringIO(newline="")
    csv.writer(into, delimiter=delimiter, quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL).writerows(rows)
    return into.getvalue().encode()


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(tables())
def test_the_announced_rows_break_the_contract_by_day(table: tuple[bytes, str]) -> None:
    """A few tables of those below."""
    _judged(*table)


@pytest.mark.nightly
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(tables())
def test_exactly_the_announced_rows_break_the_contract(table: tuple[bytes, str]) -> None:
    """The contract is a program, its fields read the file, and each column refuses as many rows as was said."""
    _judged(*table)


def _judged(data: bytes, label: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        try:
            found = scaffolded(Path(name), data, label)
        except LockgateError as error:
            # Nothing to learn, a header that looks like a record, a delimiter that was taken for another.
            assert error.finding in {"LG957", "LG956", "LG9022", "LG110", "LG111", "LG106", "LG112"}  # noqa: PT017
            return
        refused, by_column = found.refused()
        assert by_column == found.announced()
        assert found.inferred.least <= refused <= found.inferred.most
