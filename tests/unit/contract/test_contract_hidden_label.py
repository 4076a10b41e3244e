"""contract.jail.inference: the less travelled ways to the label."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, computed_field

from lockgate.contract.declare import label_only
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.inference import inference_model, label_readers


class Aliased(BaseModel):
    """Fields may be given by name and by alias."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    a: int
    late: bool = Field(alias="Late")


def _look(value: int, info: ValidationInfo) -> int:
    return value + len(info.data["late"])


class InAnAnnotation(BaseModel):
    """A validator without a method."""

    late: str
    a: Annotated[int, AfterValidator(_look)]


class InAHook(BaseModel):
    """After construction."""

    a: int
    late: bool

    def model_post_init(self, context: object, /) -> None:
        """Reads an attribute."""
        self.a += self.late


class Computed(BaseModel):
    """A computed field that says that it is of the label."""

    a: int
    late: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    @label_only
    def delayed(self) -> bool:
        """Is the label once more."""
        return self.late

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        """Is of another field."""
        return self.a * 2


@pytest.mark.parametrize("name", ["late", "Late"])
def test_a_label_under_either_of_its_names(name: str) -> None:
    """Where unknown keys are refused, so is the label, by name and by alias; without it the record is good."""
    contract: Any = inference_model(Aliased, "late", "contract.py")
    with pytest.raises(ValidationError) as caught:
        contract.model_validate({"a": 1, name: True})
    assert caught.value.errors()[0]["type"] == "extra_forbidden"
    assert contract.model_validate({"a": 1}).late is None


@pytest.mark.parametrize(("model", "reader"), [(InAnAnnotation, "a (validator 1)"), (InAHook, "model_post_init")])
def test_readers_that_are_no_validator_methods(model: type[BaseModel], reader: str) -> None:
    """They are found and named too."""
    assert label_readers(model, "late") == [reader]


def test_what_is_computed_from_the_label_is_no_input() -> None:
    """A declared computed field counts as the label; the other one can be given to the model."""
    assert [field.name for field in field_table(Computed, "late").inputs] == ["a", "double"]
    made: Any = inference_model(Computed, "late", "contract.py").model_validate({"a": 2})
    assert made.double == 4
