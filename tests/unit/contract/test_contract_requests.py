"""What the gateway accepts of a request at sight, what it leaves to Pydantic, and what it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    NaiveDatetime,
    StringConstraints,
    ValidationInfo,
    computed_field,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from lockgate import label_only
from lockgate.contract.plan import Choice, FieldPlan, Plan, Text, Whole
from lockgate.contract.request_memory import UNKNOWN
from lockgate.contract.requests import NotJson, RequestChecker
from tests.support.requests import LIMIT, Pair, at_sight, body, pair_of

Loud = Annotated[str, AfterValidator(str.upper)]


def _same(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    return [(type(one), repr(one)) for one in found] == [(type(one), repr(one)) for one in expected]


ACCEPTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "int": (int, {"1": 1, "-0": 0, "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63)}),
    "int within": (Annotated[int, Field(gt=0, lt=3)], {"1": 1, "2": 2}),
    "int multiple": (Annotated[int, Field(multiple_of=3)], {"-3": -3, "0": 0}),
    "float": (float, {"1.5": 1.5, "1": 1.0, "-0.0": -0.0, "-0": 0.0, "1e5": 1e5, "5e-324": 5e-324, "1E-400": 0.0}),
    "float, whole": (float, {"9007199254740992": 2.0**53, "-9007199254740992": -(2.0**53)}),
    "float within": (Annotated[float, Field(gt=0.5, le=2.5)], {"1": 1.0, "2": 2.0, "2.5": 2.5, "0.6": 0.6}),
    "float from zero": (Annotated[float, Field(ge=0)], {"0": 0.0, "-0.0": -0.0, "0.00001": 1e-05}),
    "str": (Annotated[str, Field(min_length=1, max_length=2)], {'"😀😀"': "😀😀", '"é"': "é", '"ab"': "ab"}),
    "bool": (bool, {"true": True, "false": False}),
    "texts": (Literal["a", "1"], {'"a"': "a", '"1"': "1"}),
    "numbers": (Literal[0, 1], {"0": 0, "1": 1}),
    "null": (float | None, {"null": None, "2": 2.0}),
    "date": (date, {'"1970-01-02"': 86_400_000_000}),
    "datetime": (
        datetime,
        {
            '"1970-01-01T00:00:01Z"': 1_000_000,
            '"1970-01-01 00:00:00.000001"': 1,
            '"1970-01-01T02:00:00+02:00"': 0,
            '"1969-12-31T23:59:59.500-00:00"': -500_000,
        },
    ),
    "aware": (AwareDatetime, {'"1970-01-01T00:00:01Z"': 1_000_000}),
    "naive": (NaiveDatetime, {'"1970-01-01T00:00:01"': 1_000_000}),
}
LEFT: dict[str, tuple[Any, Sequence[str]]] = {
    "int": (int, ("1.0", "1e3", "true", '"1"', "null", "9223372036854775808", "1" * 400, "[1]", "{}")),
    "int within": (Annotated[int, Field(gt=0, lt=3)], ("0", "3", "-1")),
    "int multiple": (Annotated[int, Field(multiple_of=3)], ("1", "-2")),
    "float": (float, ("9007199254740993", "true", '"1.5"', "null", "1" * 400)),
    "float within": (Annotated[float, Field(gt=0.5, le=2.5)], ("0", "3", "0.5", "2.6")),
    "float from zero": (Annotated[float, Field(ge=0)], ("-5e-324", "-1")),
    "str": (Annotated[str, Field(min_length=1, max_length=2)], ('""', '"abc"', '"😀😀😀"', "1", "null")),
    "str strip": (Annotated[str, StringConstraints(strip_whitespace=True)], ('" a "', '"a"')),
    "str pattern": (Annotated[str, Field(pattern="^a$")], ('"a"',)),
    "bool": (bool, ("1", "0", '"true"', "null", "1.0")),
    "texts": (Literal["a", "1"], ('"A"', "1", "null")),
    "numbers": (Literal[0, 1], ("true", "false", "1.0", '"1"', "2")),
    "mixed": (Literal["a", 1], ('"a"', "1", "true")),
    "date": (date, ('"1970-1-2"', '"19700102"', '"1970-01-02T00:00:00"', "0", '"0000-01-01"', '"2023-02-29"')),
    "date within": (Annotated[date, Field(ge=date(2024, 1, 1))], ('"2023-12-31"',)),
    "datetime": (
        datetime,
        (
            *('"1970-01-01T00:00:60Z"', '"1970-01-01T24:00:00"', '"1970-01-01"', "0", '"1970-01-01T00:00"'),
            *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-12:00"', '"1970-01-01T00:00:00.1234567"'),
        ),
    ),
    "aware": (AwareDatetime, ('"1970-01-01T00:00:01"',)),
    "naive": (NaiveDatetime, ('"1970-01-01T00:00:01Z"',)),
    "naive within": (
        Annotated[datetime, Field(ge=datetime(2024, 1, 1))],  # noqa: DTZ001
        ('"2024-01-02T00:00:00Z"', '"2023-12-31T00:00:00"'),
    ),
    "list": (list[int], ("[1]",)),
}


@pytest.mark.parametrize(("annotation", "said"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_at_sight(annotation: Any, said: dict[str, Any]) -> None:
    """The usual spelling of a value needs no Pydantic, and Pydantic gives the same value."""
    pair = pair_of(annotation)
    assert _same(at_sight(pair, *said), list(said.values()))
    truth = [pair.rows([f'{{"x":{token}}}'.encode()]) for token in said]
    assert _same([rows[0][0] for rows in truth if rows], list(said.values()))


@pytest.mark.parametrize(("annotation", "tokens"), LEFT.values(), ids=LEFT)
def test_left_to_pydantic(annotation: Any, tokens: Sequence[str]) -> None:
    """What is refused, and what is spelled so that only Pydantic knows, is not accepted at sight."""
    assert at_sight(pair_of(annotation), *tokens) == [UNKNOWN] * len(tokens)


def test_strict_contracts_are_accepted_as_strictly() -> None:
    """A strict model takes fewer spellings, and none of these."""
    strict = ConfigDict(strict=True)
    assert at_sight(pair_of(int, config=strict), "1", "1.0", "true", '"1"') == [1, UNKNOWN, UNKNOWN, UNKNOWN]
    assert at_sight(pair_of(float, config=strict), "1.5", '"1.5"', "true") == [1.5, UNKNOWN, UNKNOWN]
    assert at_sight(pair_of(date, config=strict), '"1970-01-01"', "0") == [0, UNKNOWN]


def test_what_python_takes_says_nothing_of_json() -> None:
    """A type that means another thing in JSON than in Python is judged as JSON."""

    class Two:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
            del source, handler
            return core_schema.json_or_python_schema(core_schema.int_schema(ge=5), core_schema.int_schema())

    assert at_sight(pair_of(Two), "4", "5") == [UNKNOWN, 5]


TWICE = (
    '{"x": 1, "x": 1}',
    '{"x": 1, "\\u0078": 1}',
    '{"x": 1, "x": 1, "t": "\\u003a"}',
    '{"x": 1, "t": "a", "t": "b"}',
    '{"x": 1, "t": "::::", "t": ""}',
    '{"t": ":", "x": 1, "x": 1}',
    '{"x": 1, "t": {"a": 1, "a": 2}}',
)


@pytest.mark.parametrize("record", TWICE)
@pytest.mark.parametrize("annotation", [float, int, Literal["a", 1]])
def test_a_key_twice_is_never_json(record: str, annotation: Any) -> None:
    """However it is spelled, at whatever depth; colons in texts neither hide one nor make one up."""
    pair = pair_of(annotation, t=(str, "none"))
    with pytest.raises(NotJson):
        pair.read(record)
    assert pair.read('{"x": 1, "t": ":::"}').rows == 1
    for whole in (b'{"records": [], "records": [{"x": 1}]}', b'{"records": [{"x": 1}], "id": "a", "id": "b"}'):
        with pytest.raises(NotJson):
            pair.checker.read(whole, limit=LIMIT)


def test_numbers_alone_have_the_same_guard() -> None:
    """The quickest way, of contracts that are all numbers, sees a key twice too, and keys with colons in them."""
    pair = pair_of(float, a=(float, Field(alias="a:b")))
    assert pair.read('{"x": 1.5, "a:b": 2.5}').values == [(1.5, 2.5)]
    with pytest.raises(NotJson):
        pair.read('{"x": 1.5, "a:b": 2.5, "x": 1.5}')


def test_keys_that_the_contract_does_not_name() -> None:
    """Forbidden: Pydantic words it. Ignored or allowed: accepted at sight, and committed to as they were sent."""
    sent = '{"z": [1e2, {"b": 1, "a": null}], "x": 1.5}'
    assert pair_of(float).read(sent).values is None
    for extra in ("ignore", "allow"):
        found = pair_of(float, config=ConfigDict(extra=extra)).read(sent)
        assert found.values == [(1.5,)]
        assert found.canonical == [b'{"x":1.5,"z":[100.0,{"a":null,"b":1}]}']


def test_other_names_of_a_field() -> None:
    """Under one of its names a field is accepted; under two at once only Pydantic knows which counts."""
    pair = pair_of(Annotated[int, Field(validation_alias=AliasChoices("a", "b"))])
    values = [pair.read(record).values for record in ('{"a": 1}', '{"b": 2}', '{"a": 1, "b": 2}', '{"x": 1}', "{}")]
    assert values == [[(1,)], [(2,)], None, None, None]
    both = pair_of(Annotated[int, Field(alias="a")], config=ConfigDict(populate_by_name=True))
    assert [both.read(record).values for record in ('{"a": 1}', '{"x": 1}', '{"a": 1, "x": 1}')] == [
        [(1,)],
        [(1,)],
        None,
    ]


def test_defaults_are_filled_in() -> None:
    """As the column holds them; null is no missing value."""
    pair = pair_of(float | None, 2, t=(str, "t"), d=(date, date(1970, 1, 2)), n=(int | None, None))
    assert repr(pair.read("{}").values) == "[(2.0, 't', 86400000000, None)]"
    assert repr(at_sight(pair, "2")) == "[2.0]"
    assert pair.read('{"x": null, "n": 3}').values == [(None, "t", 86_400_000_000, 3)]
    assert pair.read('{"t": null}').values is None


def test_the_label_cannot_be_sent() -> None:
    """Its name is a key like any other, also where fields go by their names, and its validators are not asked."""

    def far(model: Any) -> Any:
        return model

    validators: Any = {"far": label_only(model_validator(mode="after")(far))}
    for extra, values in (("forbid", None), ("ignore", [(1,)])):
        config = ConfigDict(extra=extra, populate_by_name=True)  # type: ignore[typeddict-item]
        model = create_model("R", __config__=config, __validators__=validators, x=(int, ...), y=(int, ...))
        pair = Pair.of(model, "y")
        assert pair.read('{"x": 1}').values == [(1,)]
        assert pair.read('{"x": 1, "y": 2}').values == values


def test_a_computed_field_is_no_part_of_validation() -> None:
    """Where the model does not take it, it keeps nothing from being accepted at sight."""

    class Record(BaseModel):
        x: int

        @computed_field  # type: ignore[prop-decorator]
        @property
        def far(self) -> bool:
            return self.x > 1

    plan = Pair.of(Record).plan
    assert RequestChecker(plan, [("x", "int")]).read(body('{"x": 1}'), limit=9).values == [(1,)]
    assert RequestChecker(plan, [("x", "int"), ("far", "bool")]).read(body('{"x": 1}'), limit=9).values is None


def test_a_field_under_the_labels_name_goes_to_pydantic() -> None:
    """The label's name is taken out of each record there: what it holds is not what the field gets."""
    config = ConfigDict(populate_by_name=True)
    model = create_model("R", __config__=config, x=(int, Field(3, alias="y")), y=(int, Field(alias="z")))
    pair = Pair.of(model, "y")
    assert pair.rows([b'{"y":1}']) == [(3,)]
    assert pair.read('{"y": 1}').values is None


def test_records_that_depend_on_more_go_to_pydantic() -> None:
    """A model validator, or a validator that sees other fields: nothing is accepted at sight, or remembered."""

    class Closed(BaseModel):
        x: int

        @model_validator(mode="after")
        def no(self) -> Closed:
            return self

    class Sees(BaseModel):
        x: int
        t: str

        @field_validator("t")
        @classmethod
        def sees(cls, value: str, info: ValidationInfo) -> str:
            return value * int(info.data["x"])

    for model, record in ((Closed, '{"x": 1}'), (Sees, '{"x": 2, "t": "a"}')):
        pair = Pair.of(model)
        assert pair.taught(record).values is None
        assert pair.checker.records([{"x": 1, "t": "a"}]).values is None


def test_an_input_that_is_computed_goes_to_pydantic() -> None:
    """No plan holds it; neither does a plan of another kind, nor one that fills two fields with one key."""
    plan = Plan("R", "2", (FieldPlan("x", "int", ("x",), Whole()),))
    sent = body('{"x": 1}')
    assert RequestChecker(plan, [("x", "int")]).read(sent, limit=9).values == [(1,)]
    assert RequestChecker(plan, [("x", "int"), ("far", "bool")]).read(sent, limit=9).values is None
    assert RequestChecker(plan, [("x", "float")]).read(sent, limit=9).values is None
    assert RequestChecker(None, [("x", "int")]).read(sent, limit=9).values is None


@pytest.mark.parametrize(
    "field",
    [
        FieldPlan("x", "float", ("x",), Text()),
        FieldPlan("x", "int", ("x",), Choice(("a",))),
        FieldPlan("x", "int", ("x",), Choice((2**63,))),
        FieldPlan("x", "int", ("x",), Whole(ge=3, le=2)),
        FieldPlan("x", "int", ("x",), Whole(multiple_of=-1)),
        FieldPlan("x", "int", ("x",), Whole(), missing={"value": 2**63}),
        FieldPlan("x", "int", ("x", "x"), Whole()),
        FieldPlan("x", "int", ("x\n",), Whole()),
        FieldPlan("x", "int", (), Whole()),
        FieldPlan("x", "string", ("x",), Text(min_length=-1)),
    ],
    ids=str,
)
def test_a_plan_that_no_compiler_makes_accepts_nothing(field: FieldPlan) -> None:
    """The plan is the word of a jail: one that lies about types, bounds or keys is no error, and of no use."""
    checker = RequestChecker(Plan("R", "2", (field,)), [("x", field.kind)])
    for record in ('{"x": "a"}', '{"x": 1}', "{}"):
        assert checker.read(body(record), limit=9).values is None


def test_a_key_that_fills_two_fields_goes_to_pydantic() -> None:
    """Honest or not, a plan in which two fields share a key is not judged at sight."""
    pair = pair_of(Annotated[int, Field(alias="k")], y=(float, Field(alias="k")))
    assert pair.rows([b'{"k":1}']) == [(1, 1.0)]
    assert pair.read('{"k": 1}').values is None
