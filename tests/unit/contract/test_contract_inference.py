"""contract.jail.inference: the user's model without its label, and code that would need it."""

from __future__ import annotations

from typing import Any, Self

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    computed_field,
    field_validator,
    model_validator,
)

from lockgate.contract.declare import is_label_only, label_only
from lockgate.contract.jail.inference import inference_model, label_readers
from lockgate.errors import Usage


class Flight(BaseModel):
    """A contract as most people write it."""

    distance: int = Field(gt=0)
    late: bool


def ask(model: type[BaseModel], record: dict[str, Any]) -> BaseModel | list[tuple[Any, str]]:
    """The instance, or place and rule of each error."""
    try:
        return model.model_validate(record)
    except ValidationError as error:
        return [(entry["loc"], entry["type"]) for entry in error.errors()]


def test_only_the_label_is_redeclared() -> None:
    """A request needs no label; every other field is judged as in training."""
    model = inference_model(Flight, "late", "contract.py")
    assert issubclass(model, Flight)
    found = ask(model, {"distance": 5})
    assert isinstance(found, BaseModel)
    assert found.model_dump() == {"distance": 5, "late": None}
    assert ask(model, {"distance": 0}) == [(("distance",), "greater_than")]
    assert ask(model, {}) == [(("distance",), "missing")]
    assert ask(Flight, {"distance": 5}) == [(("late",), "missing")]


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(("extra", "errors"), [("ignore", []), ("allow", []), ("forbid", ["extra_forbidden"])], ids=str)
def test_a_label_that_is_sent(extra: Any, errors: list[str], by_name: bool) -> None:
    """It is judged as the contract's `extra` says, whatever its value: it is no field of a request."""
    config = ConfigDict(extra=extra, validate_by_name=by_name)

    class Contract(BaseModel):
        model_config = config
        distance: int
        late: bool

    model = inference_model(Contract, "late", "contract.py")
    for value in (True, "nonsense", None):
        found = ask(model, {"distance": 5, "late": value})
        if errors:
            assert isinstance(found, list)
            assert [rule for _, rule in found] == errors
        else:
            assert isinstance(found, BaseModel)
            assert found.__dict__["late"] is None


def test_the_label_is_never_validated_as_a_default() -> None:
    """A contract that validates its defaults, and a validator of the label itself, do not see the missing label."""

    class Contract(BaseModel):
        model_config = ConfigDict(validate_default=True)
        distance: int
        late: bool

        @field_validator("late")
        @classmethod
        def known(cls, value: bool) -> bool:
            if value is None:
                raise ValueError("no label")
            return value

    assert isinstance(ask(inference_model(Contract, "late", "contract.py"), {"distance": 5}), BaseModel)


def _helper(record: Any) -> bool:
    return bool(record.late)


class ReadsByName(Flight):
    """After."""

    @model_validator(mode="after")
    def check(self) -> Self:
        """Reads an attribute."""
        if self.late and self.distance < 1:
            raise ValueError
        return self


class ReadsByKey(Flight):
    """Before."""

    @model_validator(mode="before")
    @classmethod
    def check(cls, data: Any) -> Any:
        """Reads a key."""
        return {**data, "late": bool(data.get("late"))}


class ReadsThroughAHelper(Flight):
    """One step further."""

    @model_validator(mode="after")
    def check(self) -> Self:
        """Calls a function of the module."""
        _helper(self)
        return self


class ReadsEverything(Flight):
    """Without naming a field."""

    @model_validator(mode="after")
    def check(self) -> Self:
        """Reads all fields at once."""
        if None in self.model_dump().values():
            raise ValueError
        return self


class ReadsInAComputedField(Flight):
    """Computed from the label."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def check(self) -> int:
        """Would leak the label into the inputs."""
        return int(self.late)


class ReadsInAnotherField(Flight):
    """Through what was validated before."""

    late: bool
    zone: int = 0

    @field_validator("zone", mode="after")
    @classmethod
    def check(cls, value: int, info: ValidationInfo) -> int:
        """Reads info.data."""
        return value + int(info.data["late"])


READERS = [
    ReadsByName,
    ReadsByKey,
    ReadsThroughAHelper,
    ReadsEverything,
    ReadsInAComputedField,
    ReadsInAnotherField,
]


@pytest.mark.parametrize("model", READERS, ids=lambda model: model.__name__)
def test_undeclared_code_that_reads_the_label(model: type[BaseModel]) -> None:
    """It is found before anything is trained, named, and refused with the way out."""
    assert label_readers(model, "late") == ["check"]
    with pytest.raises(Usage) as caught:
        inference_model(model, "late", "contract.py")
    assert caught.value.finding == "LG211"
    assert "label_only" in caught.value.next
    assert caught.value.seen["readers"] == ["check"]


def test_code_that_does_not_read_the_label() -> None:
    """Other validators stay, and judge requests too."""

    class Contract(Flight):
        speed: int = 1

        @model_validator(mode="after")
        def check(self) -> Self:
            if self.distance < self.speed:
                raise ValueError("too fast")
            return self

    assert label_readers(Contract, "late") == []
    model = inference_model(Contract, "late", "contract.py")
    assert ask(model, {"distance": 1, "speed": 2}) == [((), "value_error")]
    assert isinstance(ask(model, {"distance": 3, "speed": 2}), BaseModel)


def test_declared_validators_are_left_out() -> None:
    """`label_only` above or below Pydantic's decorator, in every mode: training runs it, a request does not."""

    class Contract(Flight):
        @label_only
        @model_validator(mode="after")
        def above(self) -> Self:
            if self.late and self.distance < 10:
                raise ValueError("too near to be late")
            return self

        @model_validator(mode="before")
        @classmethod
        @label_only
        def below(cls, data: Any) -> Any:
            if "late" not in data:
                raise ValueError("no label")
            return data

        @model_validator(mode="wrap")
        @classmethod
        @label_only
        def around(cls, data: Any, handler: Any) -> Any:
            made = handler(data)
            if made.late is None:
                raise ValueError("no label")
            return made

        @computed_field  # type: ignore[prop-decorator]
        @property
        @label_only
        def cost(self) -> float:
            return 2.0 * self.late

    assert ask(Contract, {"distance": 5, "late": True}) == [((), "value_error")]
    assert isinstance(ask(Contract, {"distance": 50, "late": True}), BaseModel)
    assert isinstance(ask(inference_model(Contract, "late", "contract.py"), {"distance": 5}), BaseModel)


def test_a_declaration_is_seen_through_decorators() -> None:
    """The mark is on the function itself, whatever wraps it."""

    def plain() -> None:
        """Nothing."""

    assert not is_label_only(plain)
    wrapped: list[Any] = [plain, classmethod(plain), property(plain)]  # type: ignore[arg-type]
    assert all(is_label_only(label_only(each)) for each in wrapped)
