"""The inference contract for the engine: the label is no field of it, and decides nothing."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, computed_field

from lockgate.contract.declare import label_only
from lockgate.contract.jail.inferred import inferred


class Flight(BaseModel):
    """With a label, and a field that is computed from it."""

    model_config = ConfigDict(extra="forbid")

    distance: float = Field(ge=0)
    late: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    @label_only
    def cost(self) -> float:
        """Known afterwards only."""
        return 100.0 * self.late

    @computed_field  # type: ignore[prop-decorator]
    @property
    def miles(self) -> float:
        """Known at once."""
        return self.distance / 1.6


class Plain(BaseModel):
    """Every field decides for itself."""

    model_config = ConfigDict(extra="forbid")

    distance: float = Field(ge=0)
    late: bool


def test_the_label_and_what_is_computed_from_it_are_gone() -> None:
    """From the table, the plan and the columns that come out."""
    found = inferred(Flight, "late", "contract.py")
    assert [field.name for field in found.table.columns] == ["distance", "miles"]
    assert [field.name for field in found.plan.fields] == ["distance"]


def test_a_plan_without_the_label_still_decides() -> None:
    """No record has to go to Pydantic because of it; a column of its name is judged as `extra` says."""
    found = inferred(Plain, "late", "contract.py")
    assert (found.plan.rows, found.plan.extra) == ("", "forbid")
    assert found.model.model_validate({"distance": 1}).model_dump()["distance"] == 1
