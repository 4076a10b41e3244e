"""contract.jail.engine: which way rows go, how often Python is asked, and that order and values survive it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from lockgate import impure
from lockgate.contract.dates import CANDIDATES, check_dates
from lockgate.contract.jail.engine import Engine
from lockgate.contract.jail.snapshot import Snapshot
from lockgate.contract.spec import ROW
from lockgate.errors import Usage
from tests.support.verdicts import compare, engine, judge, snapshot

CALLS: Counter[str] = Counter()


def _counted(value: str) -> str:
    CALLS[value] += 1
    if value == "bad":
        raise ValueError("bad")
    return value.upper()


@impure
def _numbered(value: int) -> int:
    CALLS["impure"] += 1
    return value + CALLS["impure"]


class Words(BaseModel):
    """One field for Python, one for the plan."""

    word: Annotated[str, AfterValidator(_counted)]
    number: int = Field(ge=0)


class Drawn(BaseModel):
    """A validator that does not depend on its value alone."""

    number: Annotated[int, AfterValidator(_numbered)]


class Row(BaseModel):
    """All of it is compiled."""

    day: date
    moment: AwareDatetime | None = None
    number: float = Field(0.0, ge=0, lt=1)


def _judged(tmp_path: Path, model: type[BaseModel], kind: Any, columns: dict[str, Any]) -> tuple[Engine, pa.Table]:
    CALLS.clear()
    made = engine(model, snapshot(tmp_path / "s.parquet", kind, columns))
    return made, pa.Table.from_batches([found.accepted for found in made.verdicts()])


def test_a_validator_is_asked_once_per_distinct_value(tmp_path: Path) -> None:
    """A thousand rows of three words are three calls; the values stand in their rows."""
    words = ["a", "b", "c"] * 333
    made, accepted = _judged(tmp_path, Words, "parquet", {"word": words, "number": list(range(999))})
    assert dict(CALLS) == {"a": 1, "b": 1, "c": 1}
    assert accepted["word"].to_pylist() == [word.upper() for word in words]
    assert accepted["number"].to_pylist() == list(range(999))
    assert made.paths.as_json() == {"compiled": 0, "cells": 999, "records": 0}
    assert (made.paths.asked["word"], made.paths.calls["word"]) == (999, 3)


def test_an_impure_validator_is_asked_once_per_row(tmp_path: Path) -> None:
    """Equal values get different answers, one call each."""
    _, accepted = _judged(tmp_path, Drawn, "parquet", {"number": [5] * 40})
    assert accepted["number"].to_pylist() == [5 + call for call in range(1, 41)]


def test_clean_rows_never_become_python_objects(tmp_path: Path) -> None:
    """Of clean typed rows, and of clean texts, none is asked about."""
    days = [date(2024, 1, 1), date(1, 1, 1), date(9999, 12, 31)]
    moments = [datetime(2024, 1, 1, tzinfo=UTC), None, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
    typed = {"day": pa.array(days), "moment": pa.array(moments, pa.timestamp("us", "UTC")), "number": [0.0, 0.5, -0.0]}
    made, _ = _judged(tmp_path, Row, "parquet", typed)
    assert made.paths.as_json() == {"compiled": 3, "cells": 0, "records": 0}
    texts = {
        "day": ["2024-02-29", "0001-01-01", "9999-12-31"],
        "moment": pa.array(["2024-02-29T23:59:59Z", None, "2024-02-29 00:00:00.500+00:00"]),
        "number": ["0", "0.5", "1e-3"],
    }
    made, accepted = _judged(tmp_path, Row, "csv", texts)
    assert made.paths.as_json() == {"compiled": 3, "cells": 0, "records": 0}
    assert accepted["moment"].to_pylist() == [
        datetime(2024, 2, 29, 23, 59, 59),  # noqa: DTZ001 - the column is in UTC
        None,
        datetime(2024, 2, 29, 0, 0, 0, 500_000),  # noqa: DTZ001
    ]


def test_rows_of_all_three_ways_stay_in_order(tmp_path: Path) -> None:
    """However a row is judged, it stands where it stood; what is refused is missing there and nowhere else."""
    numbers = [str(n) if n % 3 else f" {n} " for n in range(300)]
    numbers[7], numbers[8] = "x", "-1"
    made, accepted = _judged(tmp_path, Words, "csv", {"word": ["a"] * 300, "number": numbers})
    assert accepted[ROW].to_pylist() == [n for n in range(300) if n not in (7, 8)]
    assert accepted["number"].to_pylist() == [n for n in range(300) if n not in (7, 8)]
    assert made.paths.as_json() == {"compiled": 0, "cells": 298, "records": 2}


def test_only_the_refused_rows(tmp_path: Path) -> None:
    """`refused` gives the same quarantine as `verdicts`, of typed rows and of texts."""
    for kind, numbers in (("parquet", [0.5, 1.0, float("nan"), 0.25]), ("csv", ["0.5", "1", "nan", " 0.25 "])):
        path = snapshot(tmp_path / "s.parquet", kind, {"day": ["2024-01-01"] * 4, "number": numbers})  # type: ignore[arg-type]
        refused = pa.Table.from_batches(list(engine(Row, path).refused()))
        whole = pa.Table.from_batches([found.quarantine for found in engine(Row, path).verdicts()])
        assert refused.to_pylist() == whole.to_pylist()
        assert refused["row"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    "odd",
    [
        pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("us", "Mars/Olympus")),
        pa.array([datetime(2024, 7, 1, tzinfo=UTC)] * 3, pa.timestamp("ms", "Europe/Berlin")),
        pa.array([[1], None, []]),
        pa.array([b"a", b"\xff", None]),
        pa.array([None, None, None]),
    ],
    ids=["unknown zone", "known zone", "lists", "bytes", "nulls"],
)
def test_a_column_that_polars_may_not_see(tmp_path: Path, odd: pa.Array[Any]) -> None:
    """A column of a type that the two libraries mean differently goes by pyarrow; the other columns stay compiled."""
    made, accepted = _judged(tmp_path, Row, "parquet", {"day": pa.array([date(2024, 1, 1)] * 3), "odd": odd})
    assert made.paths.compiled == 3
    assert accepted.num_rows == 3


def test_a_day_that_python_cannot_hold(tmp_path: Path) -> None:
    """A day of the year 10000 in a field refuses its row under our own rule; in a column of no field it is nothing."""
    beyond = pa.array([0, 2_932_897], pa.int32()).cast(pa.date32())
    made = engine(Row, snapshot(tmp_path / "s.parquet", "parquet", {"day": beyond}))
    (found,) = made.verdicts()
    assert found.accepted["day"].to_pylist() == [datetime(1970, 1, 1)]  # noqa: DTZ001 - as the column holds it
    assert [(e["row"], e["field"], e["rule"]) for e in found.quarantine.to_pylist()] == [(1, "day", "lockgate_value")]
    other = {"day": pa.array([date(2024, 1, 1), None]), "other": beyond}
    (found,) = engine(Row, snapshot(tmp_path / "s.parquet", "parquet", other)).verdicts()
    assert [(e["row"], e["rule"]) for e in found.quarantine.to_pylist()] == [(1, "date_type")]


def test_a_column_named_like_what_is_made() -> None:
    """A column `=number` beside a field `number` is a column like any other, to Pydantic."""

    class Model(BaseModel):
        number: int

    columns = {"number": ["1", "x"], "=number": ["2", "3"]}
    records = [{"number": "1", "=number": "2"}, {"number": "x", "=number": "3"}]
    compare(Model, "csv", records, judge(Model, "csv", columns))


def test_two_columns_for_one_field() -> None:
    """Where a record may name a field twice, Pydantic decides which counts."""

    class Model(BaseModel):
        model_config = {"validate_by_name": True, "validate_by_alias": True}
        number: int = Field(alias="Number")

    columns = {"number": ["1", "x"], "Number": ["2", "3"]}
    records = [{"number": "1", "Number": "2"}, {"number": "x", "Number": "3"}]
    compare(Model, "csv", records, judge(Model, "csv", columns))


DATED = ["31.12.2024", "1.2.2024", "31.02.2024", "2024-02-29", None, "01.01.0000"]


def _dated(tmp_path: Path, dates: str) -> tuple[Engine, pa.Table]:
    path = snapshot(tmp_path / "s.parquet", "csv", {"day": pa.array(DATED)})
    made = engine(Row, path, dates=dates)
    return made, pa.Table.from_batches([found.accepted for found in made.verdicts()])


def test_declared_dates_are_respelled_exactly(tmp_path: Path) -> None:
    """A cell in the declared spelling is that day; one that only resembles it reaches Pydantic as it stands."""
    made, accepted = _dated(tmp_path, "%d.%m.%Y")
    assert accepted["day"].cast(pa.date32()).to_pylist() == [date(2024, 12, 31), date(2024, 2, 29)]
    assert made.respelled == 2
    made, accepted = _dated(tmp_path, "")
    assert accepted["day"].cast(pa.date32()).to_pylist() == [date(2024, 2, 29)]


def test_the_report_says_which_spelling_mends(tmp_path: Path) -> None:
    """A spelling is named with how many of the refused cells it mends; where two do equally, none is."""
    made, _ = _dated(tmp_path, "")
    assert made.explain()[0]["dates"] == {"spelling": "%d.%m.%Y", "mends": 2, "of": 4}
    both = engine(Row, snapshot(tmp_path / "b.parquet", "csv", {"day": ["01/02/2024", "03/04/2024"]}))
    assert [found.accepted.num_rows for found in both.verdicts()] == [0]
    assert both.explain()[0]["dates"] is None


@pytest.mark.parametrize(
    ("cells", "numbers", "said"),
    [
        (["1,5", "x", "2", "7000"], "", {"spelling": "1234,56", "mends": 1, "of": 2}),
        (["1.234,5", "3,5", "1.5"], "", {"spelling": "1.234,56", "mends": 2, "of": 2}),
        (["1,234.5", "3.5"], "", {"spelling": "1,234.56", "mends": 1, "of": 1}),
        (["12,500", "1.5"], "", None),
        (["x", "7000"], "", None),
        (["1.5"], "1234,56", None),
    ],
)
def test_the_report_says_how_numbers_are_spelled(tmp_path: Path, cells: list[str], numbers: str, said: object) -> None:
    """Of cells that are no number the spelling that mends most; none where two differ in what they would mean.

    A number beyond a bound is one; where a spelling is declared, no other is proposed.
    """

    class Paid(BaseModel):
        paid: float = Field(le=5000, alias="Umsatz €")

    made = engine(Paid, snapshot(tmp_path / "s.parquet", "csv", {"Umsatz €": cells}), numbers=numbers)
    assert sum(found.quarantine.num_rows for found in made.verdicts())
    entry = made.explain()[0]
    assert (entry["numbers"], entry["columns"]) == (said, ["Umsatz €"])


@pytest.mark.parametrize(
    "spelling", ["%d.%m.%y", "%d %b %Y", "%d%m%Y", "%m.%Y", "%d.%m.%Y %H", "%d.%d.%m.%Y", "%", "x"]
)
def test_a_spelling_that_is_no_date_is_refused(spelling: str) -> None:
    """Names of months, years of two digits, and what could be read in two ways are LG116; the candidates pass."""
    assert [check_dates(candidate) for candidate in CANDIDATES] == list(CANDIDATES)
    with pytest.raises(Usage) as caught:
        check_dates(spelling)
    assert caught.value.finding == "LG116"


def test_units_are_whole_row_groups(tmp_path: Path) -> None:
    """Many row groups give the same rows as one; a unit never cuts a group."""
    path = snapshot(tmp_path / "s.parquet", "csv", {"day": ["2024-01-01", "x"] * 500})
    table = pq.read_table(path)
    pq.write_table(table, tmp_path / "many.parquet", row_group_size=7)
    many = Snapshot(tmp_path / "many.parquet")
    units = list(many.units(400))
    assert sum(unit.rows for unit in units) == 1000
    assert all(unit.start % 7 == 0 for unit in units)
    assert len(units) > 10
    one = pa.Table.from_batches([found.accepted for found in engine(Row, path).verdicts()])
    other = pa.Table.from_batches([found.accepted for found in engine(Row, tmp_path / "many.parquet").verdicts()])
    assert one.to_pylist() == other.to_pylist()
