"""Rows of known types as bytes: what goes in comes out, and nothing that is out of form is taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.table import Names, pack_table, unpack_table
from lockgate.core.wire import WireError

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "float64": st.floats(allow_nan=False),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
}
NAMES: Names = (("a", "float64"), ("b", "string"), ("c", "bool"), ("d", "int64"))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Names, list[list[Any]], int]:
    """Types, columns with and without nulls, and the number of rows."""
    rows = draw(st.integers(0, 17))
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=5))
    columns = []
    for kind in kinds:
        cell = VALUES[kind] if draw(st.booleans()) else st.none() | VALUES[kind]
        columns.append(draw(st.lists(cell, min_size=rows, max_size=rows)))
    return tuple((f"f{place}", kind) for place, kind in enumerate(kinds)), columns, rows  # type: ignore[misc]


@given(tables())
def test_a_table_comes_out_as_it_went_in(table: tuple[Names, list[list[Any]], int]) -> None:
    """Every value, null and type."""
    names, columns, rows = table
    found = unpack_table(names, *pack_table(names, columns, rows))
    assert columns == [column.values() for column in found]
    assert list(names) == [(column.name, column.type) for column in found]


@pytest.mark.parametrize("kind", ["float64", "int64", "bool"])
def test_a_value_of_another_type_is_told(kind: Any) -> None:
    """A text in a column of numbers never becomes bytes."""
    with pytest.raises(WireError):
        pack_table((("a", kind),), [["text"]], 1)


GOOD = pack_table(NAMES, [[1.5, None], ["ä", "b"], [True, False], [1, 2]], 2)


@pytest.mark.parametrize(
    ("changed", "payload"),
    [
        ({"rows": 3}, GOOD[1]),
        ({"rows": -1}, GOOD[1]),
        ({"rows": 2**40}, GOOD[1]),
        ({"rows": True}, GOOD[1]),
        ({"nulls": []}, GOOD[1]),
        ({"nulls": [4]}, GOOD[1]),
        ({"nulls": "0"}, GOOD[1]),
        ({"nulls": None}, GOOD[1]),
        ({"texts": []}, GOOD[1]),
        ({"texts": [*GOOD[0]["texts"], 0]}, GOOD[1]),
        ({"texts": [10**9]}, GOOD[1]),
        ({"texts": [GOOD[0]["texts"][0] - 1]}, GOOD[1]),
        ({}, GOOD[1] + b"\0"),
        ({}, GOOD[1][:-1]),
        ({}, b""),
        ({}, GOOD[1].replace(b"\x01\x00" + b"\x01".ljust(8, b"\0"), b"\x02\x00" + b"\x01".ljust(8, b"\0"))),
        ({}, b"\xff" + GOOD[1][1:]),
    ],
)
def test_a_table_out_of_form_is_refused(changed: dict[str, Any], payload: bytes) -> None:
    """Other counts, null bitmaps, texts or bytes than are there; the honest table is read."""
    assert len(unpack_table(NAMES, *GOOD)) == 4
    with pytest.raises(WireError):
        unpack_table(NAMES, {**GOOD[0], **changed}, payload)
