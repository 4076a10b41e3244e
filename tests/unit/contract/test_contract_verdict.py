"""contract.jail.rows: the verdict on each row is plain Pydantic's, for each of the three kinds of source."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, computed_field

from lockgate.contract.jail.rows import Secrecy
from lockgate.contract.spec import ROW, SOURCE
from tests.support.verdicts import compare, judge


class Size(Enum):
    """An enum of texts."""

    SMALL = "S"
    LARGE = "L"


def _even(value: int) -> int:
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value


class Mixed(BaseModel):
    """Each field one thing that columnar engines get wrong."""

    whole: int = 0
    bounded: float = Field(0.0, ge=-10, le=10)
    finite: float = Field(0.0, allow_inf_nan=False)
    free: float = 0.0
    truth: bool = False
    choice: Literal["a", "b", 1] | None = None
    size: Size = Size.SMALL
    grade: Literal["a", "b"] = "a"
    code: str = Field("AB", pattern=r"^[A-Z]{2}$")
    text: str = Field("x", min_length=1, max_length=3)
    stripped: Annotated[str, Field(max_length=2, strip_whitespace=True)] = ""
    day: date | None = None
    moment: datetime | None = None
    money: Decimal = Field(Decimal(0), max_digits=5, decimal_places=2)
    maybe: int | None = None
    either: int | str = 0
    even: Annotated[int, AfterValidator(_even)] = 0
    shouted: Annotated[str, BeforeValidator(lambda value: str(value).upper())] = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> float:
        """A computed field becomes a column."""
        return self.bounded * 2


class Strict(Mixed):
    """The same, without coercion."""

    model_config = ConfigDict(strict=True)


class Closed(BaseModel):
    """No other columns."""

    model_config = ConfigDict(extra="forbid")
    whole: int
    name: str = Field(alias="Name")


class Open(BaseModel):
    """Other columns are kept by Pydantic, but are no fields."""

    model_config = ConfigDict(extra="allow")
    whole: int


TEXTS = [
    *("0", "-0", "1", "1.0", "1.5", " 12 ", "1_000", "1e3", "0x10", "1.", ".5", "99999999999999999999", "abc", "", " "),
    *("nan", "NaN", "inf", "-Infinity", "1e400", "10", "10.000001", "-10"),
    *(
        "true",
        "TRUE",
        "on",
        "Off",
        "y",
        "no",
        " yes",
        "2",
        "a",
        "b",
        "S",
        "L",
        "AB",
        "AB\n",
        "ab",
        "ÄB",
        "ééé",
        "😀😀😀😀",
    ),
    *(
        "2024-02-29",
        "2023-02-29",
        "2024-2-9",
        "2024/02/29",
        "1700000000",
        "2024-02-29T12:00:00",
        "2024-02-29T12:00:00Z",
    ),
    *("24:00", "31.12.2024", "1.10", "12345.6", "1.234", "\u00a0x\u3000", "\u001cx", "None", "null"),
]
NUMBERS = [0, 1, 3, -1, 2**53, 2**63, 1.0, 1.5, -0.0, 10.0, 10.5, 1e300, float("nan"), float("inf")]
TYPED: list[pa.Array[Any]] = [
    pa.array([None, True, False]),
    pa.array([0, 1, 2, 3, -1, 2**53, None]),
    pa.array([1.0, 1.5, -0.0, 10.5, 1e300, float("nan"), float("inf"), float("-inf")]),
    pa.array([date(2024, 2, 29), None]),
    pa.array([datetime(2024, 2, 29), datetime(2024, 2, 29, 12)]),  # noqa: DTZ001 - as files hold them
    pa.array([datetime(2024, 2, 29, 12, tzinfo=UTC)]),
    pa.array([Decimal("1.10"), Decimal("1234567.80")]),
    pa.array(TEXTS),
    pa.array([b"AB", b"\xff"]),
    pa.array([[1], []]),
]
NAMES = list(Mixed.model_fields)


@pytest.mark.parametrize("model", [Mixed, Strict])
@pytest.mark.parametrize("name", NAMES)
def test_csv_cells_are_judged_as_text(model: type[BaseModel], name: str) -> None:
    """Each cell goes to Pydantic as the text that stands in the file, a null as None."""
    cells = [*TEXTS, None]
    records = [{name: cell} for cell in cells]
    compare(model, "csv", records, judge(model, "csv", {name: pa.array(cells, pa.string())}))


@pytest.mark.parametrize("model", [Mixed, Strict])
@pytest.mark.parametrize("name", NAMES)
def test_parquet_values_are_judged_as_python_objects(model: type[BaseModel], name: str) -> None:
    """Each typed value goes to Pydantic as the Python object that it is: a bool is no int, NaN is NaN."""
    for typed in TYPED:
        records = [{name: cell} for cell in typed.to_pylist()]
        compare(model, "parquet", records, judge(model, "parquet", {name: typed}))


@pytest.mark.parametrize("model", [Mixed, Strict])
@pytest.mark.parametrize("name", NAMES)
def test_json_lines_are_judged_as_json(model: type[BaseModel], name: str) -> None:
    """Each line goes to Pydantic's own JSON reader: in strict mode a date may be text there, a number may not."""
    lines = [json.dumps({name: value}) for value in [*TEXTS, *NUMBERS, None, True, [1], {"a": 1}]]
    lines += ["", "{", "[1]", '{"whole": 1} x', '{"whole": 12345678901234567890123}', '{"free": 1e400}', "null", "NaN"]
    compare(model, "jsonl", lines, judge(model, "jsonl", {"json": lines}))


CELLS = st.one_of(st.sampled_from(TEXTS), st.text(max_size=4), st.none(), st.integers().map(str), st.floats().map(str))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=20))
def test_rows_with_many_faults(cells: list[tuple[str | None, ...]]) -> None:
    """However the cells of a row are mixed: all of Pydantic's reasons, in its order."""
    names = ("whole", "bounded", "stripped", "moment")
    columns = {
        name: pa.array(column, pa.string()) for name, column in zip(names, zip(*cells, strict=True), strict=True)
    }
    records = [dict(zip(names, row, strict=True)) for row in cells]
    compare(Mixed, "csv", records, judge(Mixed, "csv", columns))


@given(st.lists(st.one_of(st.floats(), st.none()), min_size=1, max_size=30), st.sampled_from(["bounded", "finite"]))
def test_floats(values: list[float | None], name: str) -> None:
    """NaN and the infinities meet bounds as Pydantic says, not as a column engine orders them."""
    records = [{name: value} for value in values]
    compare(Mixed, "parquet", records, judge(Mixed, "parquet", {name: pa.array(values, pa.float64())}))


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (Closed, {"whole": ["1"], "Name": ["x"]}),
        (Closed, {"whole": ["1"], "name": ["x"]}),
        (Closed, {"whole": ["1"], "Name": ["x"], "more": ["y"]}),
        (Open, {"whole": ["1", "x"], "more": ["y", "z"]}),
        (Open, {"more": ["y"]}),
    ],
    ids=["alias", "name for an alias", "extra forbidden", "extra allowed", "missing"],
)
def test_names_of_columns(model: type[BaseModel], columns: dict[str, list[str]]) -> None:
    """Aliases, missing and further columns are Pydantic's to judge; what is kept are the fields."""
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found = judge(model, "csv", columns)
    compare(model, "csv", records, found)
    assert found.accepted.schema.names == [*model.model_fields, SOURCE, ROW]


def test_what_no_column_can_hold() -> None:
    """A whole number beyond 64 bits passes Pydantic and is quarantined under a rule of ours, its row alone."""
    found = judge(Mixed, "csv", {"whole": ["1", "99999999999999999999", "3"]})
    assert found.accepted["whole"].to_pylist() == [1, 3]
    assert [(e["row"], e["field"], e["rule"]) for e in found.quarantine.to_pylist()] == [(1, "whole", "lockgate_int64")]


def test_values_that_are_kept_as_json() -> None:
    """What is neither number, text, truth nor time is kept as JSON text, exactly."""
    found = judge(Mixed, "csv", {"choice": ["a", None], "either": ["12", "x"], "money": ["1.10", "2"]})
    assert found.accepted.select(["choice", "either", "money"]).to_pylist() == [
        {"choice": '"a"', "either": '"12"', "money": '"1.10"'},
        {"choice": None, "either": '"x"', "money": '"2"'},
    ]


def test_a_sensitive_field_ends_the_path() -> None:
    """Below a sensitive field a path could name a key of the person's own: it stops at the field."""

    class Nested(BaseModel):
        secret: dict[str, int]

    lines = ['{"secret": {"4111-1111": "x"}}']
    hidden = judge(Nested, "jsonl", {"json": lines}, Secrecy(frozenset({"secret"}), b"k")).quarantine.to_pylist()[0]
    assert (hidden["field"], hidden["rule"]) == ("secret", "int_parsing")
    assert "4111" not in str(hidden)
    assert judge(Nested, "jsonl", {"json": lines}).quarantine["field"].to_pylist() == ["secret.4111-1111"]
