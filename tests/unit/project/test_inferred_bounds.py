"""The contract that `init --data` infers: bounds that no row of the data breaks, and words about what each refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_plan
from lockgate.contract.plan import Python
from lockgate.project.scaffold.inferred import infer
from lockgate.validate.open_ends import open_ends

LABEL = {"name": "y", "kind": "bool", "nulls": 0, "rows": 100, "distinct": 2}


def _column(kind: str, least: float, most: float, nulls: int = 0) -> dict[str, Any]:
    found = {"name": "x", "kind": kind, "nulls": nulls, "rows": 100, "distinct": 60}
    return {**found, "least": least, "most": most}


def _contract(*columns: dict[str, Any]) -> str:
    return infer({"rows": 100, "columns": [*columns, LABEL]}, name="n", source="d.csv", label="y").files["contract.py"]


def _model(text: str) -> type[BaseModel]:
    words: dict[str, Any] = {}
    exec(compile(text, "contract.py", "exec", dont_inherit=True), words)
    found: type[BaseModel] = words["Record"]
    return found


def _takes(model: type[BaseModel], **record: Any) -> bool:
    try:
        model.model_validate({"y": True, **record})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "least", "most", "bounds"),
    [
        ("float", 0.0, 4983.5, "ge=0, le=100_000"),
        ("float", -2.0, 3.0, "ge=-100, le=100"),
        ("float", 1e-9, 1e-5, "ge=0, le=10"),
        ("float", 1e20, 1e25, "ge=0, le=1e+26"),
        ("float", -1.7e308, 1.7e308, "ge=-1.7976931348623157e+308, le=1.7976931348623157e+308"),
        ("int", 0, 0, "ge=0, le=10"),
        ("int", 17, 4983, "ge=0, le=100_000"),
        ("int", -(2**63), 5, "ge=-9223372036854775808, le=9223372036854775807"),
    ],
)
def test_bounds_leave_room(kind: str, least: float, most: float, bounds: str) -> None:
    """Two bounds a number, at the power of ten beyond ten times what was seen, so that requests are judged fast."""
    text = _contract(_column(kind, float(least), float(most)))
    assert f"Field({bounds})" in text
    model = _model(text)
    table = field_table(model, "y")
    plan = compile_plan(model, table)
    assert not any(isinstance(field.node, Python) for field in plan.fields)
    assert open_ends(plan, table) == ()
    assert all(_takes(model, x=value) for value in (least, most))


def test_what_breaks_a_bound_is_said_and_refused() -> None:
    """The comment says what is refused, and it is; NaN, infinity and unknown keys are too."""
    text = _contract(_column("float", 0.0, 9.5, nulls=3))
    assert "seen: 0 to 9.5; refused: below 0 or above 100; 3 of 100 rows have none" in text
    assert '# extra="forbid": a record with a key that has no field here is refused' in text
    model = _model(text)
    assert _takes(model, x=100.0)
    assert _takes(model, x=None)
    assert not any(_takes(model, x=value) for value in (-0.1, 100.1, float("nan"), float("inf")))
    assert not _takes(model, x=1.0, z=1)


def test_a_column_that_is_left_out_is_said() -> None:
    """With a column that has no field, unknown keys must pass, and the contract says why."""
    text = _contract(_column("float", 0.0, 1.0), {**LABEL, "name": "no name", "kind": "other"})
    assert '# extra="ignore": the file has columns that have no field here' in text
    assert _takes(_model(text), x=1.0, z=1)


@pytest.mark.parametrize(
    ("least", "most", "distinct", "is_out"),
    [(0, 99, 100, True), (1, 100, 100, True), (1920, 2019, 100, False), (0, 99, 99, False), (0, 120, 100, False)],
)
def test_a_column_that_numbers_the_rows_is_left_out(least: int, most: int, distinct: int, is_out: bool) -> None:
    """Each number from 0 or 1 on, once: an id, and said to be one; years, repeated and scattered numbers are inputs."""
    counted = {**_column("int", float(least), float(most)), "name": "row", "distinct": distinct}
    profile = {"rows": 100, "columns": [counted, _column("float", 0.0, 1.0), LABEL]}
    inferred = infer(profile, name="n", source="d.csv", label="y")
    said = any("left out: row: it numbers the rows" in note for note in inferred.notes)
    assert ("row:" in inferred.files["contract.py"], said) == (not is_out, is_out)
