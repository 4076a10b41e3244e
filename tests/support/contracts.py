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
from tests.support.contract_kinds import WORDS, Drawn, annotations

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
            f"{part}_{number}".removesuffix("_post_init_0"): _part(part, name)
            for number, (part, name) in enumerate(self.parts)
        }
        return create_model("Drawn", __config__=ConfigDict(**self.config), __validators__=members, **fields)  # type: ignore[call-overload,no-any-return,typeddict-item]


@dataclass(frozen=True)
class Built:
    """A contract with its model, for a test that draws both."""

    contract: Contract
    model: type[BaseModel]

    def __repr__(self) -> str:
        fields = [f"{item.name}: {item.annotation} = Field({item.arguments})" for item in self.contract.items]
        return f"\n  {'; '.join(fields)}\n  {self.contract.config} {self.contract.parts}"


def _evaluated(text: str) -> Any:
    return eval(text, dict(WORDS))


def _part(name: str, on: str) -> Any:
    part = contract_words.PARTS[name]
    if name.startswith("field_"):
        function, mode = part
        return field_validator(on, mode=mode)(function)
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
_DEFAULTS = (
    "None",
    "None",
    "0",
    "-0.0",
    "'x'",
    "''",
    "1.5",
    "True",
    "2**63",
    "[]",
    "datetime.date(2024, 2, 29)",
    "datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)",
    "float('nan')",
    "decimal.Decimal('1.10')",
)


@st.composite
def _items(draw: st.DrawFn, name: str, *, python: bool) -> Item:
    drawn = draw(annotations(python=python))
    arguments: list[str] = []
    columns: tuple[str, ...] = (name,)
    if draw(st.integers(0, 2)) == 0:
        text = draw(st.sampled_from((*_DEFAULTS, *(repr(near) for near in drawn.near if type(near) in (int, str)))))
        factory = draw(st.sampled_from((False, False, True)))
        arguments.append(f"default_factory=lambda: {text}" if factory else f"default={text}")
        if draw(st.integers(0, 3)) == 0:
            arguments.append("validate_default=True")
    if draw(st.integers(0, 3)) == 0:
        column, other = draw(st.sampled_from(COLUMN_NAMES)), draw(st.sampled_from(COLUMN_NAMES))
        form = draw(
            st.sampled_from(("alias={0!r}", "validation_alias={0!r}", "choices", "path", "serialization_alias={0!r}"))
        )
        chosen = f"validation_alias=AliasChoices({column!r}, {other!r}, AliasPath({column!r}, 0))"
        reached = f"validation_alias=AliasPath({column!r}, {draw(st.sampled_from((0, -1, 'x')))!r})"
        arguments.append({"choices": chosen, "path": reached}.get(form, form.format(column)))
        columns = (column, other, name)
    return Item(name, drawn.text, ", ".join(arguments), drawn, columns)


@st.composite
def contracts(draw: st.DrawFn) -> Built:
    """A whole model of one to six fields, built. What Pydantic refuses to build is no contract."""
    names = draw(st.sampled_from(("extra", "strict", "aligned")).flatmap(lambda _: st.just(NAMES)))
    wanted = draw(st.lists(st.sampled_from(sorted(_CONFIG)), max_size=2, unique=True))
    config = {key: draw(st.sampled_from(_CONFIG[key])) for key in wanted}
    python = draw(st.integers(0, 6)) == 0
    if python:
        config["regex_engine"] = "python-re"
    size = draw(st.integers(1, 6))
    items = tuple(draw(_items(name, python=python)) for name in names[:size])
    parts: tuple[tuple[str, str], ...] = ()
    if draw(st.integers(0, 2)) == 0:
        part = st.tuples(st.sampled_from(sorted(contract_words.PARTS)), st.sampled_from(names[:size]))
        parts = tuple(draw(st.lists(part, min_size=1, max_size=2, unique=True)))
    contract = Contract(items, config, parts)
    try:
        model = contract.build()
        model.model_rebuild()
    except (PydanticSchemaGenerationError, PydanticUserError, SchemaError, TypeError, ValueError, RuntimeError):
        reject()
    return Built(contract, model)
