"""What `run` notes of a contract: where a request could hold what no row of training held."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model

from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_plan
from lockgate.core.verdict import Level, Reason
from lockgate.validate.open_ends import open_ends

CLOSED = ConfigDict(extra="forbid", allow_inf_nan=False)


def _notes(config: ConfigDict, **fields: Any) -> tuple[Reason, ...]:
    model: type[BaseModel] = create_model("Record", __config__=config, **fields, y=(float, ...))
    table = field_table(model, "y")
    return open_ends(compile_plan(model, table), table)


def test_a_closed_contract_has_no_note() -> None:
    """Bounds on each number, no NaN, no unknown keys; the label needs no bound, nor what Python judges."""
    fields = {"x": (float, Field(ge=0, lt=1)), "n": (int, Field(gt=0, le=9)), "t": (str, ...), "b": (bool, ...)}
    assert _notes(CLOSED, **fields, p=(Annotated[float, Field(multiple_of=0.1)], ...)) == ()


@pytest.mark.parametrize(
    ("config", "field", "words"),
    [
        (CLOSED, (float, ...), ["any number as x;", "x: ... = Field(ge=..., le=...)"]),
        (CLOSED, (int, Field(ge=0)), ["any number as x;", "x: ... = Field(ge=..., le=...)"]),
        (CLOSED, (float, Field(le=0)), ["any number as x;"]),
        (ConfigDict(extra="forbid"), (float, Field(ge=0)), ["NaN and infinity", "ConfigDict(allow_inf_nan=False)"]),
        (ConfigDict(allow_inf_nan=False), (str, ...), ["keys that it does not name", 'ConfigDict(extra="forbid")']),
        (ConfigDict(), (float, ...), ['model_config = ConfigDict(extra="forbid", allow_inf_nan=False)']),
    ],
)
def test_what_is_open_is_one_note_with_the_line_to_add(config: ConfigDict, field: Any, words: list[str]) -> None:
    """One note, never a warning, and in its own words the lines that close what is open."""
    (note,) = _notes(config, x=field)
    assert (note.finding, note.level) == ("LG227", Level.NOTE)
    assert [word for word in words if word not in note.message] == []


def test_many_fields_are_counted() -> None:
    """A wide contract gets one line, not hundreds."""
    (note,) = _notes(CLOSED, **{f"x{number}": (float, ...) for number in range(200)})
    assert "x0, x1, x2 and 197 more" in note.message
