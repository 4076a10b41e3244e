"""Where column engines and Pydantic part: one case per trap, with what Pydantic says written out.

Each case is held against plain Pydantic first, so that the tables of `support.traps` are known to be true, and then
against the engine. Every cell stands twice in its table, beside a field that is always compiled.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import pyarrow as pa
import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    computed_field,
    field_validator,
    model_validator,
)

from tests.support.contract_values import Table
from tests.support.contract_words import (
    Marked,
    Point,
    Whole,
    dependent,
    doubled,
    known,
    signed,
    stripped,
    trying,
    typed,
)
from tests.support.exactness import check_exact
from tests.support.traps import Case, Rule
from tests.support.traps_numbers import CHOICES, NUMBERS, OTHERS, TRUTHS
from tests.support.traps_texts import TEXTS, TIMES
from tests.support.verdicts import judge

CASES = [*NUMBERS, *TRUTHS, *CHOICES, *TEXTS, *TIMES, *OTHERS]
BIG, SMALL = 2**63, 2**53 + 1


def _plain(model: Any, table: Table, record: Any) -> Any:
    try:
        made = model.model_validate_json(record) if table.kind == "jsonl" else model.model_validate(record)
    except ValidationError as error:
        return error.errors()[0]["type"]
    return made.x.value if isinstance(made.x, Enum) else made.x


def _bits(value: Any) -> str:
    """A text by which -0.0 and 0.0, 1 and True, and two NaN are told apart or not, as they should be."""
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(str(value) if isinstance(value, Rule) else value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} ({case.kind})")
def test_pydantic_says_what_is_written_here(case: Case) -> None:
    """Positive control: the expected values and rules are plain Pydantic's. Beyond 64 bits it accepts; we do not."""
    table, model = case.table(), case.model()
    for record, (cell, says) in zip(table.records, case.says, strict=False):
        got = _plain(model, table, record)
        assert (_bits(int(cell)) if says == "lockgate_int64" else _bits(says)) == _bits(got), cell


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} ({case.kind})")
def test_the_engine_says_the_same(case: Case) -> None:
    """Verdict, reasons and value of each trap are Pydantic's, whatever path it took."""
    table, model = case.table(), case.model()
    accepted = 2 * sum(not isinstance(says, Rule) for _, says in case.says)
    assert accepted == check_exact(model, table, judge(model, case.kind, table.columns))


class Before(BaseModel):
    """Validators that may change or accept anything."""

    x: Annotated[str, BeforeValidator(stripped)]
    y: Annotated[int, PlainValidator(doubled)]
    z: Annotated[int, WrapValidator(trying)]


class After(BaseModel):
    """Validators that run on what passed, and tell apart what is equal."""

    x: Annotated[float, AfterValidator(signed)]
    y: Annotated[int, AfterValidator(typed), Field(ge=0)]
    z: Annotated[int, Field(ge=0), AfterValidator(doubled)]


class Dependent(BaseModel):
    """A field that sees those before it."""

    x: int
    y: Annotated[int, AfterValidator(dependent)]
    z: int

    @field_validator("z")
    @classmethod
    def less(cls, value: int, info: ValidationInfo) -> int:
        """Not less than `x`."""
        if value < info.data.get("x", 0):
            raise ValueError(f"{value} is less than {info.data['x']}")
        return value


class Whole_(BaseModel):  # noqa: N801 - beside the type Whole
    """Models that see the whole record."""

    x: int = 0
    y: int | None = None
    z: int = Field(1, validate_default=True)

    _known = model_validator(mode="after")(known)


class Defaults(BaseModel):
    """Defaults that no validator has seen, and one that has."""

    x: int
    y: float = True
    z: int = Field("7", validate_default=True)


class Named(BaseModel):
    """Names that polars reads as patterns."""

    x: int = Field(alias="*")
    y: float | None = Field(None, alias="^z$")
    z: str = "-"


class Reaching(BaseModel):
    """An alias that reaches into a value."""

    x: int
    z: str = Field("-", validation_alias=AliasChoices("z", AliasPath("w", 0)))


class Forbidding(BaseModel):
    """No other column."""

    model_config = ConfigDict(extra="forbid")
    x: int


class Nested(BaseModel):
    """Types that the engine cannot know."""

    x: Whole
    y: Annotated[int, Marked()]
    z: Point | None = None


class Summed(BaseModel):
    """A computed field is worked out once per accepted row, and may break."""

    x: int
    y: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def z(self) -> float:
        """A quotient."""
        return self.x / self.y


class Uncompiled(BaseModel):
    """No field is compiled: only Python knows."""

    x: Annotated[int, AfterValidator(doubled)]


class Lying(BaseModel):
    """A validator gives what its annotation does not say."""

    x: Annotated[int, PlainValidator(lambda value: value)]
    y: Annotated[str, PlainValidator(lambda value: value)]
    z: Annotated[float, PlainValidator(lambda value: value)]


def _typed(**columns: Any) -> Table:
    return Table("parquet", {name: c if isinstance(c, pa.Array) else pa.array(c) for name, c in columns.items()})


def _lines(*lines: str) -> Table:
    return Table("jsonl", {"json": pa.array(lines)})


STRUCTURES: list[tuple[type[BaseModel], Table, int]] = [
    (Before, _typed(x=[" a ", None, "b"], y=[1, 2, 3], z=[" 1", "x", "2"]), 2),
    (After, _typed(x=[0.0, -0.0, 1.0], y=[1, 1, 1], z=[3, 4, -1]), 1),
    (After, _typed(x=[0.0, 0.0], y=[1.0, 2.5], z=[True, False]), 1),
    (Dependent, _typed(x=[1, 5, None], y=[2, 5, 3], z=[1, 4, 0]), 1),
    (Whole_, _typed(x=[1, 2], y=[None, 2]), 0),
    (Whole_, _typed(x=[1, 2]), 2),
    (Whole_, _lines('{"x": 1}', '{"x": 1, "y": null}', '{"x": 1, "x": "a"}', "{}"), 2),
    (Defaults, _typed(x=[1, 2]), 0),
    (Defaults, _typed(x=[1, 2], y=[0.5, None]), 1),
    (Named, Table("csv", {"*": pa.array(["1", "x"]), "^z$": pa.array(["1", "2"]), "z": pa.array(["a", "b"])}), 1),
    (Named, Table("csv", {"*": pa.array(["1", "1"]), "^.*$": pa.array(["a", "b"]), "z": pa.array(["a", None])}), 1),
    (Reaching, _typed(x=[1, 2], w=[["a"], []]), 2),
    (Forbidding, Table("csv", {"x": pa.array(["1", "2"]), "^x$": pa.array(["a", None])}), 0),
    (Nested, _typed(x=[4, 5], y=[13, 14], z=[{"x": 1, "y": 0.5}, {"x": 1, "y": -0.5}]), 0),
    (Nested, _typed(x=[4, 5], y=[12, 14], z=[{"x": 1, "y": 0.5}, None]), 2),
    (Summed, _typed(x=[1, 1, None], y=[2, 0, 1]), 1),
    (Uncompiled, _typed(x=[1, 1, None, 1]), 3),
    (Uncompiled, Table("csv", {"x": pa.array(["a", "a"])}), 0),
    (Lying, _lines('{"x": 1, "y": "a", "z": 1}', '{"x": 2.5, "y": "a", "z": 1}', '{"x": 2.0, "y": "a", "z": 1}'), 1),
    (Lying, _lines('{"x": 1, "y": "a", "z": true}'), 0),
    (Lying, _typed(x=[1, 1], y=[b"a", b"a"], z=[1.0, 1.0]), 0),
    (Lying, _typed(x=pa.array([BIG - 1, BIG], pa.uint64()), y=["a", "a"], z=pa.array([SMALL, 1], pa.uint64())), 0),
    (Lying, _typed(x=pa.array([1, 1]), y=["a", "a"], z=[1, 2**53]), 2),
]


class Timed(BaseModel):
    """A field that may be anything, and one that is compiled."""

    x: Any
    y: int


BEYOND = {
    "a day of the year 10000": pa.array([2_932_897, 0], pa.int32()).view(pa.date32()),
    "a day of the year 0": pa.array([-719_163, 0], pa.int32()).view(pa.date32()),
    "a moment of the year 10000": pa.array([253_402_300_800 * 10**6, 0]).view(pa.timestamp("us")),
    "the last moment, far east": pa.array([253_402_300_799 * 10**6, 0]).view(pa.timestamp("us", "Asia/Tokyo")),
    "the first moment, far west": pa.array([-62_135_596_800, 0]).view(pa.timestamp("s", "America/New_York")),
    "the first int64 of seconds": pa.array([-(2**63) + 1, 0]).view(pa.timestamp("ms")),
    "a span without end": pa.array([2**63 - 1, 0]).view(pa.duration("s")),
}


@pytest.mark.parametrize("column", BEYOND.values(), ids=BEYOND)
def test_what_python_cannot_hold_is_refused_alone(column: Any) -> None:
    """No Python object is this value: its row is refused under a rule of ours, the one beside it is judged."""
    found = judge(Timed, "parquet", {"x": column, "y": pa.array([1, 2])})
    said = [(entry["row"], entry["field"], entry["rule"]) for entry in found.quarantine.to_pylist()]
    assert said == [(0, "x", "lockgate_value")]
    assert found.accepted["y"].to_pylist() == [2]


@pytest.mark.parametrize("column", BEYOND.values(), ids=BEYOND)
def test_what_python_cannot_hold_is_not_looked_at_elsewhere(column: Any) -> None:
    """In a column that no field reads it decides nothing."""
    found = judge(Timed, "parquet", {"more": column, "x": pa.array([1, 2]), "y": pa.array([1, None])})
    assert [(e["row"], e["field"], e["rule"]) for e in found.quarantine.to_pylist()] == [(1, "y", "int_type")]
    assert found.accepted["y"].to_pylist() == [1]


@pytest.mark.parametrize(("model", "table", "accepted"), STRUCTURES, ids=lambda value: getattr(value, "__name__", None))
def test_what_only_python_knows(model: type[BaseModel], table: Table, accepted: int) -> None:
    """Validators, defaults, names, nested types: each row has plain Pydantic's verdict; this many are accepted."""
    assert accepted == check_exact(model, table, judge(model, table.kind, table.columns))
