"""contract.plan and contract.jail.compile: what is compiled, what is not and why, and that a plan has one spelling."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Self, cast
from uuid import UUID, uuid4

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    computed_field,
    create_model,
    field_validator,
    model_validator,
)
from typing_extensions import TypeAliasType

from lockgate import impure
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_plan
from lockgate.contract.plan import Choice, Day, Moment, Node, Plan, Python, Real, Text, Truth, Whole, parse_plan
from lockgate.core.encoding import encode


def plan_of(model: type[BaseModel]) -> Plan:
    """The plan, as the other jail reads it."""
    plan = compile_plan(model, field_table(model, None))
    assert parse_plan(plan.encode()) == plan
    return plan


def node_of(annotation: Any, **config: Any) -> tuple[Node, bool]:
    """Node and nullability of a field of this type."""
    model = create_model("M", __config__=cast("ConfigDict", config), f=(annotation, ...))
    field = plan_of(model).fields[0]
    return field.node, field.nullable


class Letter(str, Enum):  # noqa: UP042 - the form that most contracts still have
    """An enum of texts."""

    A = "a"


@pytest.mark.parametrize(
    ("annotation", "config", "node"),
    [
        (int, {}, Whole()),
        (Annotated[int, Field(ge=0, multiple_of=5, strict=True)], {}, Whole(strict=True, ge=0, multiple_of=5)),
        (int, {"strict": True}, Whole(strict=True)),
        (Annotated[float, Field(gt=0, le=1)], {"allow_inf_nan": False}, Real(finite=True, gt=0.0, le=1.0)),
        (Annotated[str, Field(pattern="^a$", max_length=3)], {}, Text(max_length=3, pattern="^a$")),
        (str, {"str_strip_whitespace": True, "str_min_length": 1}, Text(min_length=1, strip=True)),
        (Annotated[str, StringConstraints(to_lower=True)], {}, Text(lower=True)),
        (bool, {}, Truth()),
        (Annotated[date, Field(ge=date(1970, 1, 3))], {}, Day(ge=2)),
        (
            Annotated[datetime, Field(lt=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))],
            {},
            Moment(bounds="aware", lt=1_000_000),
        ),
        (Literal["a", "b"], {}, Choice(("a", "b"))),
        (Literal[1, 2], {}, Choice((1, 2))),
        (Letter, {}, Choice(("a",))),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_compiled(annotation: Any, config: dict[str, Any], node: Node) -> None:
    """A node carries every constraint of the schema and of the model's configuration; Optional makes it nullable."""
    assert node_of(annotation, **config) == (node, False)
    assert node_of(annotation | None, **config) == (node, True)


@pytest.mark.parametrize(
    ("annotation", "config", "why"),
    [
        (Annotated[float, Field(multiple_of=0.1)], {}, "tolerance"),
        (Annotated[str, Field(pattern="a(?=b)")], {"regex_engine": "python-re"}, "matched by Python"),
        (Annotated[str, StringConstraints(to_upper=True, pattern="A")], {}, "case is changed"),
        (Literal["a", 1], {}, "'literal'|choices"),
        (Letter, {"strict": True}, "members only"),
        (int | str, {}, "'union'"),
        (list[int], {}, "'list'"),
        (Annotated[int, AfterValidator(abs)], {}, "validator of its own"),
        (Annotated[int, Field(ge=2**70)], {}, "64 bits"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_left_to_python_cell_by_cell(annotation: Any, config: dict[str, Any], why: str) -> None:
    """What has no compiled form says why, and is asked about once per distinct value."""
    node, nullable = node_of(annotation, **config)
    assert isinstance(node, Python)
    assert not node.impure
    assert not nullable
    assert any(part in node.why for part in why.split("|"))


def test_an_unknown_setting_is_never_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A constraint that a later Pydantic adds to a node, a field or the model is a fallback, not a pass."""

    class Model(BaseModel):
        f: int

    honest = plan_of(Model)
    assert honest.fields[0].node == Whole()
    schema: Any = Model.__pydantic_core_schema__
    inner = schema["schema"]["fields"]["f"]
    for place, key in ((inner["schema"], "prime"), (inner, "hidden"), (schema["schema"], "sealed"), (schema, "veiled")):
        with monkeypatch.context() as patch:
            patch.setitem(place, key, True)
            found = plan_of(Model)
            assert found.rows or isinstance(found.fields[0].node, Python), key
    with monkeypatch.context() as patch:
        patch.setitem(schema, "config", {**schema.get("config", {}), "int_to_even": True})
        assert "int_to_even" in plan_of(Model).rows


class Info(BaseModel):
    """Sees other fields."""

    f: int

    @field_validator("f")
    @classmethod
    def seen(cls, value: int, info: ValidationInfo) -> int:
        """With info."""
        del info
        return value


class Whole_(BaseModel):  # noqa: N801 - beside the node of the same name
    """Sees the whole record."""

    f: int

    @model_validator(mode="after")
    def whole(self) -> Self:
        """After."""
        return self


class Computed(BaseModel):
    """Needs an instance."""

    f: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def g(self) -> int:
        """Computed."""
        return self.f


class Posted(BaseModel):
    """Has a hook after validation."""

    f: int

    def model_post_init(self, context: Any, /) -> None:
        """Post."""


class Made(BaseModel):
    """Its default is made anew for each record."""

    f: int = Field(default_factory=int)


class Pathed(BaseModel):
    """Its alias is a path into the record."""

    f: int = Field(validation_alias=AliasChoices("f", AliasPath("g", 0)))


class Doubted(BaseModel):
    """Its default is validated."""

    model_config = ConfigDict(validate_default=True)
    f: int = 0


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Info, "other fields: seen"),
        (Whole_, "whole record: whole"),
        (Computed, "whole record: g"),
        (Posted, "model_post_init"),
        (Made, "made by a function"),
        (Pathed, "path into the record"),
        (Doubted, "default is validated"),
    ],
)
def test_what_takes_the_whole_record(model: type[BaseModel], why: str) -> None:
    """Where a verdict may rest on more than one value, every record goes to Pydantic, and the plan says why."""
    assert why in plan_of(model).rows


def test_an_impure_validator_is_marked() -> None:
    """`@impure` goes above or below Pydantic's decorator."""

    class Model(BaseModel):
        above: int
        below: int

        @impure
        @field_validator("above")
        @classmethod
        def one(cls, value: int) -> int:
            return value

        @field_validator("below")
        @classmethod
        @impure
        def other(cls, value: int) -> int:
            return value

    nodes = [field.node for field in plan_of(Model).fields]
    assert [isinstance(node, Python) and node.impure for node in nodes] == [True, True]


def test_aliases_and_defaults() -> None:
    """The plan names the keys that pydantic-core looks for, and the default as the column holds it."""

    class Model(BaseModel):
        a: int = Field(alias="A")
        b: str = Field("x", validation_alias=AliasChoices("b1", "b2"))
        c: date = date(1970, 1, 2)

    fields = {field.name: field for field in plan_of(Model).fields}
    assert fields["a"].columns == ("A",)
    assert fields["a"].missing is None
    assert fields["b"].columns == ("b1", "b2")
    assert fields["b"].missing == {"value": "x"}
    assert fields["c"].missing == {"value": 86_400_000_000}
    named = create_model("N", __config__=ConfigDict(validate_by_name=True), a=(int, Field(alias="A")))
    assert plan_of(named).fields[0].columns == ("A", "a")


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    class Model(BaseModel):
        f: Annotated[int, Field(ge=0)] = 1
        g: Literal["a"] = "a"

    value = json.loads(plan_of(Model).encode())
    change(value)
    return encode(value)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.update(v=2),
        lambda plan: plan.update(extra="perhaps"),
        lambda plan: plan.update(code="import os"),
        lambda plan: plan.update(rows=None),
        lambda plan: plan.update(rows="\x1b[31mred"),
        lambda plan: plan["fields"][0].update(node={"node": "python", "why": "a\nb", "impure": False}),
        lambda plan: plan["fields"].append(plan["fields"][0]),
        lambda plan: plan["fields"][0].update(kind="number"),
        lambda plan: plan["fields"][0].update(nullable=1),
        lambda plan: plan["fields"][0].update(columns="f"),
        lambda plan: plan["fields"][0].update(missing={"value": "x"}),
        lambda plan: plan["fields"][0]["node"].update(node="eval"),
        lambda plan: plan["fields"][0]["node"].update(ge="0"),
        lambda plan: plan["fields"][0]["node"].update(ge=True),
        lambda plan: plan["fields"][0]["node"].update(ge=2**63),
        lambda plan: plan["fields"][0]["node"].update(also=1),
        lambda plan: plan["fields"][0]["node"].pop("lt"),
        lambda plan: plan["fields"][1]["node"].update(values=[]),
        lambda plan: plan["fields"][1]["node"].update(values=["a", 1]),
        lambda plan: plan["fields"][1]["node"].update(values=[[1]]),
    ],
)
def test_a_plan_of_another_form_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """What the contract's jail says is read strictly: no other key, type or node gets through."""
    assert parse_plan(_changed(lambda _: None)).fields[0].node == Whole(ge=0)
    with pytest.raises(ValueError, match=r"."):
        parse_plan(_changed(change))


def test_a_plan_has_one_spelling() -> None:
    """The same plan with a space more is another file: its digest would say so, and it is refused."""
    with pytest.raises(ValueError, match="encoding"):
        parse_plan(_changed(lambda _: None) + b" ")


def _informed(value: int, info: ValidationInfo) -> int:
    return -value if info.field_name == "b" else value


def test_validators_behind_an_alias_are_seen() -> None:
    """A type alias that two fields share is looked into: what sees other fields, or is impure, is found there."""
    shared = TypeAliasType("shared", Annotated[int, AfterValidator(_informed)])
    assert "other fields: _informed" in plan_of(create_model("M", a=(shared, ...), b=(shared, ...))).rows
    drawn = TypeAliasType("drawn", Annotated[int, AfterValidator(impure(lambda value: value))])
    nodes = [field.node for field in plan_of(create_model("M", a=(drawn, ...), b=(drawn, ...))).fields]
    assert [isinstance(node, Python) and node.impure for node in nodes] == [True, True]


def test_a_part_that_is_made_anew_is_impure() -> None:
    """Equal values of a field whose inner model makes a default each time are not equal records."""
    leaf = create_model("Leaf", u=(UUID, Field(default_factory=uuid4)))
    node = plan_of(create_model("M", f=(leaf, ...))).fields[0].node
    assert isinstance(node, Python)
    assert node.impure


def test_bounds_of_odd_types_are_not_compiled() -> None:
    """A bound that is a subclass of int may compare as it likes: it stays with Pydantic."""
    node, _ = node_of(Annotated[int, Field(ge=ByteSize(3))])
    assert isinstance(node, Python)
