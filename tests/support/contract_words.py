"""What a generated contract may name beside Pydantic's own words: enums, nested types, validators. All are pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import typing_extensions
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
    computed_field,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, PydanticUseDefault, core_schema


class Found(enum.Enum):
    """`_missing_` turns any text that looks alike into a member."""

    LOW = "low"
    HIGH = "high"

    @classmethod
    def _missing_(cls, value: object) -> Found | None:
        return cls(value.lower()) if isinstance(value, str) and value.lower() in ("low", "high") else None


class Colour(enum.StrEnum):
    """Members are texts, and their case counts."""

    RED = "red"
    BLUE = "Blue"


class Level(enum.IntEnum):
    """Members are whole numbers, two of them beyond what float64 tells apart."""

    ZERO = 0
    ONE = 1
    WIDE = 2**53
    WIDER = 2**53 + 1


class Mixed(enum.Enum):
    """Members of several types, one of them NaN-like for equality: 1 and True are one member."""

    ONE = 1
    TEXT = "1"
    HALF = 0.5
    NONE = None


class Flags(enum.Flag):
    """Flags combine."""

    A = 1
    B = 2


class Point(BaseModel):
    """A nested model with faults of its own."""

    x: int
    y: float = Field(0.0, ge=0)


class Sealed(BaseModel):
    """A nested model with a configuration of its own."""

    model_config = ConfigDict(strict=True, extra="forbid")
    x: int


class Entry(typing_extensions.TypedDict):
    """A dictionary with a form."""

    x: int
    y: typing_extensions.NotRequired[str]


class Pair(NamedTuple):
    """A tuple with names."""

    x: int
    y: str = "-"


@dataclasses.dataclass
class Plain:
    """A dataclass of the standard library."""

    x: int


class Cat(BaseModel):
    """One of two that a tag tells apart."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """The other one."""

    kind: Literal["dog"]
    name: str


class Whole(int):
    """A type that words its own schema: the engine cannot know it."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """An int, halved."""
        return core_schema.no_info_after_validator_function(lambda value: value // 2, handler(int))


class Marked:
    """An annotation that changes the schema it stands on."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What is below, unless it is the number 13 or the text "13"."""
        return core_schema.no_info_after_validator_function(_not_13, handler(source))


def _not_13(value: Any) -> Any:
    if value in (13, "13"):
        raise PydanticCustomError("unlucky", "{value} is unlucky", {"value": repr(value)})
    return value


# --- validators of a field: any value comes in, and each refusal depends on the value ---


def even(value: Any) -> Any:
    """Refuses odd numbers and texts of odd length; raises what is no verdict (TypeError) on other things."""
    if (value if isinstance(value, int) else len(value)) % 2:
        raise ValueError(f"{value!r} is odd")
    return value


def signed(value: Any) -> Any:
    """Tells 0.0 from -0.0, which are equal and must not be treated as one value."""
    if isinstance(value, float) and math.copysign(1.0, value) < 0:
        raise ValueError(f"{value!r} has a sign")
    return value


def typed(value: Any) -> Any:
    """Tells 1 from True and 1.0, which are equal and hash alike."""
    if type(value) in (bool, float):
        raise AssertionError(f"{value!r} is a {type(value).__name__}")
    return value


def doubled(value: Any) -> Any:
    """Another value of the same type."""
    return value * 2 if isinstance(value, int | float | str) and not isinstance(value, bool) else value


def picky(value: Any) -> Any:
    """Refuses with a type of its own."""
    if value == value and value in (1, "a", True):  # noqa: PLR0124 - NaN
        raise PydanticCustomError("picky", "not {seen}", {"seen": repr(value)})
    return value


def stripped(value: Any) -> Any:
    """As people write it: breaks (AttributeError) on what is no text."""
    return value.strip()


def shown(value: Any) -> Any:
    """The value's spelling: whatever was given, a text comes out."""
    return repr(value)


def same(value: Any) -> Any:
    """Nothing changes."""
    return value


def absent(value: Any) -> Any:
    """The default in place of an empty text."""
    if value in ("", None):
        raise PydanticUseDefault
    return value


def moded(value: Any, info: ValidationInfo) -> Any:
    """Python and JSON are told apart."""
    if info.mode == "json" and isinstance(value, str):
        raise ValueError(f"{info.field_name} from JSON")
    return value


def dependent(value: Any, info: ValidationInfo) -> Any:
    """Sees the fields before it, and which of them failed."""
    if len(info.data) % 2 and value in info.data.values():
        raise ValueError(f"{info.field_name}: {value!r} stands in {sorted(info.data)}")
    return value


def trying(value: Any, handler: Callable[[Any], Any]) -> Any:
    """A second attempt after the first was refused."""
    try:
        return handler(value)
    except ValueError:
        return handler(str(value).strip())


def around(value: Any, handler: Callable[[Any], Any]) -> Any:
    """Passes through."""
    return handler(value)


# --- validators of a whole record ---


def renamed(data: Any) -> Any:
    """Column names in upper case mean the same."""
    return {name.lower(): value for name, value in data.items()} if isinstance(data, dict) else data


def counted(data: Any) -> Any:
    """How many columns there are matters."""
    if isinstance(data, dict) and len(data) > 5:
        raise ValueError(f"{len(data)} columns: {list(data)}")
    return data


def emptied(data: Any) -> Any:
    """Empty cells are left out, so that defaults apply."""
    return {n: v for n, v in data.items() if v is not None and v != ""} if isinstance(data, dict) else data


def known(self: Any) -> Any:
    """What was given and what was filled in are told apart."""
    if len(self.model_fields_set) == 2:
        raise ValueError(f"given: {sorted(self.model_fields_set)}, more: {self.model_extra}")
    return self


def changed(self: Any) -> Any:
    """A field changes after the others are known."""
    first = next(iter(type(self).model_fields))
    value = self.__dict__[first]
    if isinstance(value, int) and not isinstance(value, bool):
        self.__dict__[first] = value + 1
    return self


def wrapping(cls: Any, data: Any, handler: Callable[[Any], Any]) -> Any:
    """Around the whole model."""
    made = handler(data)
    if len(repr(made)) % 7 == 0:
        raise ValueError(f"seven: {made!r}")
    return made


def post_init(self: Any, context: Any, /) -> None:
    """Runs after validation, and may refuse."""
    if None in self.__dict__.values():
        raise ValueError(f"none in {sorted(self.__dict__)}")


# --- computed fields ---


def known_fields(self: Any) -> int:
    """How many fields the record gave."""
    return len(self.model_fields_set)


def spelled(self: Any) -> str:
    """The whole record, as text."""
    return repr(self.__dict__)


def ratio(self: Any) -> float:
    """Breaks on what is no number, and on zero."""
    values = list(self.__dict__.values())
    return float(values[0]) / float(values[-1])


def truth(self: Any) -> bool:
    """Whether the first field is set."""
    return bool(next(iter(self.__dict__.values())))


def moment(self: Any) -> dt.datetime | None:
    """The first moment among the fields."""
    return next((v for v in self.__dict__.values() if isinstance(v, dt.datetime)), None)


def _before(function: Callable[[Any], Any]) -> Any:
    marked: Any = classmethod(lambda cls, data: function(data))
    return model_validator(mode="before")(marked)


_wrap: Any = model_validator(mode="wrap")

PARTS: Mapping[str, Any] = {
    **{
        f"field_{mode}_{f.__name__}": (f, mode)
        for mode in ("before", "after", "plain")
        for f in (even, same, dependent)
    },
    "field_wrap": (around, "wrap"),
    "model_before": _before(renamed),
    "model_counted": _before(counted),
    "model_emptied": _before(emptied),
    "model_known": model_validator(mode="after")(known),
    "model_changed": model_validator(mode="after")(changed),
    "model_wrap": _wrap(classmethod(wrapping)),
    "model_post_init": post_init,
    **{f"sum_{f.__name__}": computed_field(property(f)) for f in (known_fields, spelled, ratio, truth, moment)},
}
