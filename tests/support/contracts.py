"""Contracts that nobody would think of: a Hypothesis strategy over all that a Pydantic model can say of a record.

A contract is drawn as text, so that a failing example can be read, shrunk and pasted: `Contract.build` evaluates the
annotations among the words of `contract_words` and of Pydantic and makes the model anew each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, create_model, field_validator
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import SchemaError

from tests.support import contract_words
from tests.support.contract_kinds import WORDS, Drawn, kinds_of_fields

NAMES = ("a", "b", "c", "dd", "größe", "f_1")
COLUMN_NAMES = ("A", "a", "b", "a b", "*", "^a$", "^.*$", "", "ä", "x.y", "len", "literal", "row", "a\nb", "größe")
"""Names that columns can have: some mean something to engines that select columns by pattern."""


@dataclass(frozen=True)
class Item:
    """One field. `default` and `extra` are arguments of `Field` as text; `columns` are the names that it is read by."""

    name: str
    annotation: str
    arguments: str = ""
    drawn: Drawn = field(repr=False, default=Drawn("Any"))
    columns: tuple[str, ...] = field(repr=False, default=())


@dataclass(frozen=True)
class Contract:
    """A model as text: `build` makes it."""

    items: tuple[Item, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[tuple[str, str], ...] = ()
    """Names in `contract_words.PARTS`, and the field on which a validator of a field stands."""

    def build(self) -> type[BaseModel]:
        """The model. Raises what Pydantic raises of a contract that makes no sense."""
        fields: dict[str, Any] = {
            item.name: (_evaluated(item.annotation), _evaluated(f"Field({item.arguments})")) for item in self.items
        }
        members = {
            part if part == "model_post_init" else f"{part}_{number}": _part(part, name)
            for number, (part, name) in enumerate(self.parts)
        }
        return create_model("Drawn", __config__=ConfigDict(**self.config), __validators__=members, **fields)  # type: ignore[typeddict-item]


@dataclass(frozen=True)
class Built:
    """A contract with its model, for a test that draws both."""

    contract: Contract
    model: type[BaseModel]

    def __repr__(self) -> str:
        fields = [f"{item.name}: {item.annotation} = Field({item.arguments})" for item in self.contract.items]
        return f"\n  {'; '.join(fields)}\n  {self.contract.config} {self.contract.parts}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis would print the fields."""
        printer.text(repr(self))


def _evaluated(text: str) -> Any:
    return eval(text, dict(WORDS))


def _part(name: str, on: str) -> Any:
    part = contract_words.PARTS[name]
    if name.startswith("field_"):
        function, mode = part
        decorate: Any = field_validator(on, mode=mode)
        return decorate(function)
    return part


_CONFIG: Mapping[str, Sequence[Any]] = {
    "strict": (True, True, False),
    "extra": ("forbid", "ignore", "allow"),
    "str_strip_whitespace": (True,),
    "str_to_lower": (True,),
    "str_to_upper": (True,),
    "str_min_length": (1, 2),
    "str_max_length": (0, 2),
    "allow_inf_nan": (False, True),
    "populate_by_name": (True,),
    "validate_by_name": (True,),
    "coerce_numbers_to_str": (True,),
    "use_enum_values": (True,),
    "validate_default": (True,),
    "loc_by_alias": (False,),
    "val_temporal_unit": ("seconds", "milliseconds"),
    "val_json_bytes": ("base64", "hex"),
    "validate_return": (True,),
    "defer_build": (True,),
    "revalidate_instances": ("always",),
    "frozen": (True,),
    "hide_input_in_errors": (True,),
    "cache_strings": (False,),
    "arbitrary_types_allowed": (True,),
}
_WILD = frozenset({"val_temporal_unit", "validate_default"})
"""Configurations with which every record goes to Python."""

_DEFAULTS = (
    *("None", "0", "-0.0", "'x'", "''", "1.5", "True", "2**63", "[]", "datetime.date(2024, 2, 29)", "float('nan')"),
    *("datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)", "decimal.Decimal('1.10')"),
)
_OWN_DEFAULTS: Mapping[str, Sequence[str]] = {
    "int": ("None", "7", "-1", "2**63 - 1"),
    "float": ("None", "-0.0", "0.1", "5e-324", "2"),
    "str": ("None", "'x'", "''", "'é\\n'", "'a' * 300"),
    "bool": ("None", "True", "False"),
    "date": ("None", "datetime.date(2024, 2, 29)", "datetime.date(1, 1, 1)", "datetime.date(9999, 12, 31)"),
    "datetime": (
        *("None", "datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)", "datetime.datetime(9999, 12, 31)"),
        "datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))",
    ),
}


@st.composite
def _default(draw: st.DrawFn, drawn: Drawn, *, wild: bool) -> str:
    """Arguments of `Field` that give a default: one of the field's own kind, or, `wild`, whatever."""
    own = _OWN_DEFAULTS.get(drawn.base, ("None",))
    if not wild:
        return f"default={draw(st.sampled_from(own))}"
    near = (repr(value) for value in drawn.near if type(value) in (int, str))
    text = draw(st.sampled_from((*own, *_DEFAULTS, *near)))
    said = draw(st.sampled_from((f"default={text}", f"default={text}", f"default_factory=lambda: {text}")))
    return said + draw(st.sampled_from(("", "", "", ", validate_default=True")))


@st.composite
def _alias(draw: st.DrawFn, name: str, *, wild: bool) -> tuple[str, tuple[str, ...]]:
    """Arguments of `Field` that give other names, and the columns where the value may stand, the likeliest first."""
    one, other = draw(st.sampled_from(COLUMN_NAMES)), draw(st.sampled_from(COLUMN_NAMES))
    forms: list[tuple[str, tuple[str, ...]]] = [
        (f"alias={one!r}", (one, name)),
        (f"validation_alias={one!r}", (one, name)),
        (f"validation_alias=AliasChoices({one!r}, {other!r})", (one, other, name)),
        (f"serialization_alias={one!r}", (name, one)),
    ]
    if wild:
        step = draw(st.sampled_from((0, -1, "x")))
        forms += [
            (f"validation_alias=AliasChoices({one!r}, {other!r}, AliasPath({one!r}, 0))", (one, other, name)),
            (f"validation_alias=AliasPath({one!r}, {step!r})", (one, name)),
        ]
    return draw(st.sampled_from(forms))


@st.composite
def _items(draw: st.DrawFn, name: str, *, python: bool, wild: bool) -> Item:
    drawn = draw(kinds_of_fields(python=python, wild=wild or draw(st.integers(0, 9)) == 0))
    arguments: list[str] = []
    columns: tuple[str, ...] = (name,)
    if draw(st.integers(0, 2)) == 0:
        arguments.append(draw(_default(drawn, wild=wild)))
    if draw(st.integers(0, 3)) == 0:
        said, columns = draw(_alias(name, wild=wild))
        arguments.append(said)
    return Item(name, drawn.text, ", ".join(arguments), drawn, columns)


@st.composite
def contracts(draw: st.DrawFn) -> Built:
    """A whole model of one to six fields, built. What Pydantic refuses to build is no contract.

    One in four is wild: its fields may depend on one another. The others an engine can hope to compile.
    """
    wild = draw(st.sampled_from((False, False, False, True)))
    keys = sorted(_CONFIG if wild else _CONFIG.keys() - _WILD)
    config = {key: draw(st.sampled_from(_CONFIG[key])) for key in draw(st.lists(st.sampled_from(keys), max_size=2))}
    python = draw(st.integers(0, 6)) == 6
    if python:
        config["regex_engine"] = "python-re"
    names = NAMES[: draw(st.sampled_from((1, 1, 2, 2, 3, 4, 6)))]
    items = tuple(draw(_items(name, python=python, wild=wild)) for name in names)
    parts: list[tuple[str, str]] = []
    if wild and draw(st.booleans()):
        part = st.tuples(st.sampled_from(sorted(contract_words.PARTS)), st.sampled_from(names))
        parts = draw(st.lists(part, min_size=1, max_size=2, unique=True))
    contract = Contract(items, config, tuple(parts))
    try:
        model = contract.build()
        model.model_rebuild()
    except (PydanticSchemaGenerationError, PydanticUserError, SchemaError, TypeError, ValueError, RuntimeError):
        reject()
    return Built(contract, model)
