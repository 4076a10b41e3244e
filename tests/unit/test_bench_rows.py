"""The benchmark of row validation measures what it says: its rows, its judge and its arithmetic."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from bench import rows, rows_claims, rows_messy
from bench.rows_contract import Reading, Status
from bench.rows_peers.measure import canonical, reasons_digest, values_digest

GOOD = {
    "id": 1,
    "age": 40,
    "score": 0.5,
    "rating": None,
    "reading": None,
    "country": "DE",
    "status": "new",
    "code": "ABC-1234",
    "name": "Ada",
    "born": date(1990, 1, 1),
    "seen": datetime(2020, 1, 1, tzinfo=UTC),
    "active": True,
}


def refused(record: Any) -> bool:
    """Whether Pydantic refuses."""
    try:
        Reading.model_validate(record)
    except ValidationError:
        return True
    return False


def serialized(block: pa.Table) -> list[bytes]:
    """The bytes of a table, in which NaN equals itself."""
    return [batch.serialize().to_pybytes() for batch in block.to_batches()]


@pytest.mark.parametrize("cells", rows.BAD, ids=repr)
def test_each_bad_kind_is_refused(cells: rows.Cells) -> None:
    """What is planted as bad is bad to Pydantic, and by itself: the row around it is good."""
    assert not refused(GOOD)
    assert refused({**GOOD, **cells})


@pytest.mark.parametrize("cells", rows.ODD, ids=repr)
def test_each_odd_kind_is_accepted(cells: rows.Cells) -> None:
    """What only looks bad is good to Pydantic."""
    assert not refused({**GOOD, **cells})


def test_kinds_and_columns_are_as_many_as_the_claim_says() -> None:
    """Twelve columns, at least 25 kinds of bad rows, a bad kind for every column that can be bad."""
    assert len(rows.COLUMNS) == 12
    assert len({repr(cells) for cells in rows.BAD}) == len(rows.BAD) >= 25
    assert {name for cells in rows.BAD for name in cells} == set(rows.SCHEMA.names) - {"reading"}


def test_rows_are_the_same_each_time_and_bad_where_planted() -> None:
    """Two runs give equal tables in blocks; one row in a thousand is refused, all others are accepted."""
    first, again = list(rows.blocks(70_000)), list(rows.blocks(70_000))
    assert [block.num_rows for block in first] == [65_536, 4_464]
    assert [serialized(block) for block in first] == [serialized(block) for block in again]
    assert sum(map(refused, first[1].to_pylist())) == 4


def test_plain_texts_mean_the_typed_row() -> None:
    """With no messy cell the texts of a row give the values of the typed row; empty is null."""
    row = next(row for row in next(rows.blocks(100)).to_pylist() if not refused(row))
    texts = {name: rows_messy.plain(value) or None for name, value in row.items()}
    assert Reading.model_validate(row) == Reading.model_validate(texts)


def test_messy_changes_the_share_that_it_is_told() -> None:
    """A share of 0 changes nothing, 1 changes almost all, and an empty cell stays empty."""
    random = np.random.default_rng(1)
    cells = ["12", "", "7"]
    assert cells == rows_messy.messy("age", cells, random, 0)
    changed = rows_messy.messy("age", ["12"] * 1000, random, 1)
    assert "12" not in changed
    assert rows_messy.messy("age", [""], random, 1) == [""]
    bad = sum(refused({**GOOD, "age": text}) for text in changed)
    assert 0.02 < bad / len(changed) < 0.12


@pytest.mark.parametrize("name", ["id", "age", "score", "rating", "born", "seen", "active", "name"])
def test_spellings_are_of_both_sorts(name: str) -> None:
    """Each of these columns has spellings that Pydantic takes and spellings that it refuses."""
    text = rows_messy.plain({**GOOD, "rating": 1.5}[name])
    verdicts = {refused({**GOOD, name: spell(text)}) for spell in rows_messy.SPELLINGS[name]}
    assert verdicts == {True, False}


def test_csv_is_written_with_a_header(tmp_path: Path) -> None:
    """The file begins with the names of the columns and has no half-written neighbour."""
    rows_messy.write(tmp_path / "rows.csv", 100)
    assert ",".join(rows.SCHEMA.names) == (tmp_path / "rows.csv").read_text("utf-8").splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(("value", "holds"), [(1.1, True), (1.11, False)])
def test_claim_of_at_most(value: float, holds: bool) -> None:
    """A median on the bound holds, above it does not."""
    found = rows_claims.ratio("x", "at most", 1.1, [{"cpu_s": value}], [{"cpu_s": 1.0}], "cpu_s")
    assert holds == found.holds


@pytest.mark.parametrize(("value", "holds"), [(20.0, True), (19.9, False)])
def test_claim_of_at_least(value: float, holds: bool) -> None:
    """A median on the bound holds, below it does not."""
    found = rows_claims.ratio("x", "at least", 20, [{"cpu_s": value}], [{"cpu_s": 1.0}], "cpu_s")
    assert holds == found.holds


def test_ratio_is_taken_within_a_round() -> None:
    """The median of the rounds' ratios, with the extremes; a side that ran once meets the other's median."""
    over, under = [{"s": 2.0}, {"s": 9.0}, {"s": 4.0}], [{"s": 1.0}, {"s": 3.0}, {"s": 1.0}]
    found = rows_claims.ratio("x", "at most", 3, over, under, "s")
    assert (found.value, found.low, found.high) == (3.0, 2.0, 4.0)
    assert rows_claims.ratio("x", "at most", 3, [{"s": 8.0}], under, "s").value == 8.0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 0),
        ({"rows": [1]}, 1),
        ({"rows": [1, 2, 3, 4]}, 2),
        ({"reasons_digest": "b"}, 1),
        ({"values_digest": "b"}, 1),
    ],
)
def test_unlike_sees_each_sort_of_difference(change: dict[str, Any], expected: int) -> None:
    """A missed row, a false one, another reason and another value are each seen, in any round."""
    judge = {"rows": [1, 2], "reasons_digest": "a", "values_digest": "a"}
    assert expected == rows_claims.unlike(judge, [judge, {**judge, **change}])


def test_digests_tell_apart_what_equality_does_not() -> None:
    """Signed zero and the last digit differ; NaN is itself; an enumeration is its value; a date is its midnight."""
    assert values_digest([[0.0]]) != values_digest([[-0.0]])
    assert values_digest([[1.0]]) != values_digest([[math.nextafter(1.0, 2.0)]])
    assert values_digest([[math.nan]]) == values_digest([[math.nan]])
    assert canonical("new") == canonical(Status.NEW)
    assert canonical(datetime(2000, 1, 2, tzinfo=UTC)) == canonical(date(2000, 1, 2))
    assert reasons_digest([(2, "a", "x"), (1, "a", "x")]) == reasons_digest([(1, "a", "x"), (2, "a", "x")])
    assert reasons_digest([(1, "a", "x")]) != reasons_digest([(1, "a", "y")])
